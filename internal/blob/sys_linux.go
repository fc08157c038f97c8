package blob

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// preallocate reserves n bytes at offset and extends the file over them, so
// that writing there needs no space and changes no length any more. It
// returns false where the file system cannot do so.
func preallocate(f *os.File, offset, n int64) (bool, error) {
	return fallocate(f, 0, offset, n)
}

// reserve reserves n bytes at offset and leaves the length of the file as it
// is. It returns false where the file system cannot do so.
func reserve(f *os.File, offset, n int64) (bool, error) {
	return fallocate(f, unix.FALLOC_FL_KEEP_SIZE, offset, n)
}

func fallocate(f *os.File, mode uint32, offset, n int64) (bool, error) {
	err := control(f, func(fd int) error { return unix.Fallocate(fd, mode, offset, n) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}
	if err != nil {
		return false, os.NewSyscallError("fallocate", err)
	}
	return true, nil
}

// syncData makes the content of f durable, its length included, but not the
// times: see fdatasync(2).
func syncData(f *os.File) error {
	return os.NewSyscallError("fdatasync", control(f, unix.Fdatasync))
}

// startFlush asks the system to begin writing n bytes at offset to the disk
// and does not wait for it. It promises nothing: see sync_file_range(2).
func startFlush(f *os.File, offset, n int64) {
	_ = control(f, func(fd int) error {
		return unix.SyncFileRange(fd, offset, n, unix.SYNC_FILE_RANGE_WRITE)
	})
}

// dropCache asks the system to forget n bytes at offset, which are on the disk.
func dropCache(f *os.File, offset, n int64) {
	_ = control(f, func(fd int) error { return unix.Fadvise(fd, offset, n, unix.FADV_DONTNEED) })
}

// writeTwo writes a and behind it b at offset, in one system call if possible.
func writeTwo(f *os.File, a, b []byte, offset int64) error {
	var n int
	err := control(f, func(fd int) (err error) {
		n, err = unix.Pwritev(fd, [][]byte{a, b}, offset)
		return err
	})
	if err != nil {
		return os.NewSyscallError("pwritev", err)
	}
	if n < len(a) {
		if _, err := f.WriteAt(a[n:], offset+int64(n)); err != nil {
			return err
		}
		n = len(a)
	}
	if n < len(a)+len(b) {
		_, err = f.WriteAt(b[n-len(a):], offset+int64(n))
	}
	return err
}

// control runs fn on the descriptor of f, again when a signal interrupts it,
// while f is kept from being closed.
func control(f *os.File, fn func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Control(func(fd uintptr) {
		for {
			if result = fn(int(fd)); result != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return result
}
