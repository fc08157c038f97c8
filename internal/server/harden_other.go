//go:build unix && !linux

package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden makes the process leave no core file and no file that others can
// read. Keys are in memory while it serves.
func Harden() error {
	unix.Umask(0o077)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("couldn't switch core files off: %w", err)
	}
	return nil
}
