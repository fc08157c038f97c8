package blob

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// directStep is how many bytes are written at a time.
	directStep = 512 << 10
	// directAlign is what place, length and memory of a write are a multiple
	// of: no disk asks for more.
	directAlign = 4096
	// directKept bounds the memory that is kept for later uploads: 8 MiB.
	directKept = 16
)

// direct is a sink that writes past the system's cache. What is stored is
// seldom read at once, and the cache is not free: copying into it and writing
// it out took 6 ms of processor time for 16 MiB, and ten times that once the
// cache had grown to all of the memory; past it they take 3. One step is
// written while the next is filled.
type direct struct {
	f       *os.File
	at      int64      // where fill goes
	fill    []byte     // what was not written yet, less than its capacity
	spare   []byte     // the other buffer; nil while it is being written
	written chan error // of the step under way, with room for it; nil if none is
	writing []byte     // what is under way
}

// openSink creates a file for an upload. It writes past the cache where the
// file system can.
func openSink(path string) (*os.File, sink, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_DIRECT, fileMode)
	if errors.Is(err, unix.EINVAL) {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
		return f, &buffered{f: f}, err
	}
	if err != nil {
		return nil, nil, err
	}
	return f, &direct{f: f}, nil
}

func (d *direct) write(p []byte) error {
	for len(p) > 0 {
		if d.fill == nil {
			var err error
			if d.fill, err = takeStep(); err != nil {
				return err
			}
		}
		n := copy(d.fill[len(d.fill):cap(d.fill)], p)
		d.fill, p = d.fill[:len(d.fill)+n], p[n:]
		if len(d.fill) == cap(d.fill) {
			if err := d.step(); err != nil {
				return err
			}
		}
	}
	return nil
}

// step begins to write what is filled, when the step before is through.
func (d *direct) step() error {
	if err := d.wait(); err != nil {
		return err
	}
	buf, at, written := d.fill, d.at, make(chan error, 1)
	d.writing, d.written = buf, written
	d.fill, d.spare = d.spare, nil
	d.at += int64(len(buf))
	go func() {
		written <- d.writeAt(buf, at)
	}()
	return nil
}

// writeAt writes one step. Some file systems take the flag when a file is
// opened and not the write that follows: from there the upload goes through
// the cache.
func (d *direct) writeAt(buf []byte, at int64) error {
	_, err := d.f.WriteAt(buf, at)
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	err = control(d.f, func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err == nil {
			_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags&^unix.O_DIRECT)
		}
		return err
	})
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	_, err = d.f.WriteAt(buf, at)
	return err
}

// wait waits for the step under way.
func (d *direct) wait() error {
	if d.written == nil {
		return nil
	}
	err := <-d.written
	d.spare, d.writing, d.written = d.writing[:0], nil, nil
	return err
}

func (d *direct) finish(syncFile func(*os.File) error) error {
	size := d.at + int64(len(d.fill))
	if n := len(d.fill); n > 0 { // up to a whole block, and then cut
		whole := (n + directAlign - 1) &^ (directAlign - 1)
		clear(d.fill[n:whole])
		d.fill = d.fill[:whole]
		if err := d.step(); err != nil {
			return err
		}
	}
	if err := d.wait(); err != nil {
		return err
	}
	if err := d.f.Truncate(size); err != nil {
		return err
	}
	return syncFile(d.f)
}

func (d *direct) close() error {
	d.wait()
	giveStep(d.fill)
	giveStep(d.spare)
	d.fill, d.spare = nil, nil
	return d.f.Close()
}

// steps are buffers that are not in use. They come from mmap, since a write
// past the cache needs memory at the start of a page.
var steps = make(chan []byte, directKept)

func takeStep() ([]byte, error) {
	select {
	case b := <-steps:
		return b, nil
	default:
	}
	b, err := unix.Mmap(-1, 0, directStep, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, &fs.PathError{Op: "mmap", Path: "buffer", Err: err}
	}
	return b[:0], nil
}

func giveStep(b []byte) {
	if b == nil {
		return
	}
	b = b[:0]
	select {
	case steps <- b:
	default:
		_ = unix.Munmap(b[:cap(b)])
	}
}
