//go:build !unix

package bag

import (
	"errors"
	"os"
)

// lockFolder refuses: without a lock that goes with the process, and without
// folders that can be synced, a production would promise too much. Packages
// are opened and checked on every system.
func lockFolder(string) (*os.File, error) {
	return nil, errors.New("packages aren't made on this system")
}
