//go:build !linux

package cryptfs

import "github.com/cockroachdb/pebble/v2/vfs"

// writtenInPlace is not known of other systems' file systems.
func writtenInPlace(vfs.File) bool { return false }

func cut(vfs.File, int64) {}
