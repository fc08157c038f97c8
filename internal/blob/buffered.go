package blob

import "os"

// sink takes the bytes of an upload in order.
type sink interface {
	// write takes more bytes. After an error nothing can be written any more.
	write(p []byte) error
	// finish returns when the file holds exactly what was written, durable.
	finish(syncFile func(*os.File) error) error
	// close waits for what is under way, and closes the file.
	close() error
}

// flushStep is how many bytes are written before the system is asked to begin
// writing them to the disk, so that the sync at the end finds little to do.
const flushStep = 2 << 20

// buffered is a sink that writes through the system's cache.
type buffered struct {
	f       *os.File
	size    int64 // bytes written
	flushed int64 // bytes whose flush was started
}

func (b *buffered) write(p []byte) error {
	n, err := b.f.WriteAt(p, b.size)
	b.size += int64(n)
	if err == nil && b.size-b.flushed >= flushStep {
		startFlush(b.f, b.flushed, b.size-b.flushed)
		b.flushed = b.size
	}
	return err
}

func (b *buffered) finish(syncFile func(*os.File) error) error {
	if err := b.f.Truncate(b.size); err != nil { // gives back room that was not used
		return err
	}
	return syncFile(b.f)
}

func (b *buffered) close() error { return b.f.Close() }
