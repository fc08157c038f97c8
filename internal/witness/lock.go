package witness

import "errors"

// ErrInUse: another process has the witness's folder.
var ErrInUse = errors.New("the witness's folder is in use by another process")
