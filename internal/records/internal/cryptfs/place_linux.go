package cryptfs

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// writtenInPlace says whether the file lies on a file system that writes over
// blocks where they are. One that copies on write gains nothing by zeros.
func writtenInPlace(f vfs.File) bool {
	if f.Fd() == vfs.InvalidFd {
		return false
	}
	var s unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &s) != nil {
		return false
	}
	return s.Type == unix.EXT4_SUPER_MAGIC || s.Type == unix.XFS_SUPER_MAGIC
}

// cut shortens a file, if it can: what stays is zeros.
func cut(f vfs.File, length int64) {
	_ = unix.Ftruncate(int(f.Fd()), length)
}
