package blob

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// spaceError wraps err with [ErrNoSpace] if it says that the disk or a quota
// is full.
func spaceError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// syncDir makes the entries of the folder at path durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
