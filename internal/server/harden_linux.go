package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden makes the process keep its memory to itself: no core file, no
// debugger of the same account, no file that others can read. Keys are in
// memory while it serves.
func Harden() error {
	unix.Umask(0o077)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("couldn't switch core files off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("couldn't make the process undumpable: %w", err)
	}
	return nil
}
