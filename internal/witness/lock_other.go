//go:build !unix

package witness

import (
	"errors"
	"os"
)

// lockFolder refuses: without a lock that goes with the process, and without
// folders that can be synced, a witness would promise too much.
func lockFolder(string) (*os.File, error) {
	return nil, errors.New("a witness doesn't run on this system")
}
