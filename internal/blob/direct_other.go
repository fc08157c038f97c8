//go:build !linux

package blob

import "os"

// openSink creates a file for an upload.
func openSink(path string) (*os.File, sink, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	return f, &buffered{f: f}, err
}
