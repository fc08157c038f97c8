//go:build unix

package bag

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFolder locks the package's folder for this process; the lock goes with
// the process, however it ends. It lies on the folder itself, so that nothing
// is left over in what is delivered.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the package's folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
		}
		return nil, fmt.Errorf("couldn't lock the package's folder: %w", err)
	}
	return f, nil
}
