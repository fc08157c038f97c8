package journal

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"writ/internal/gate/internal/disk"
)

// syncFileSystem makes everything durable that lies on dir's file system.
// Linux reports failed writes here since 5.8 (syncfs(2)).
func syncFileSystem(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("couldn't open the journal's folder: %w", err)
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("couldn't sync the file system: %w", disk.Full(err))
	}
	return nil
}
