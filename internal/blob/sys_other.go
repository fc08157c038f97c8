//go:build !linux

package blob

import "os"

// preallocate does nothing here: segments grow as they are written.
func preallocate(f *os.File, offset, n int64) (bool, error) { return false, nil }

// reserve does nothing here.
func reserve(f *os.File, offset, n int64) (bool, error) { return false, nil }

// syncData makes f durable.
func syncData(f *os.File) error { return f.Sync() }

// startFlush does nothing here: the sync at the end writes all.
func startFlush(f *os.File, offset, n int64) {}

// dropCache does nothing here.
func dropCache(f *os.File, offset, n int64) {}

// writeTwo writes a and behind it b at offset; b first, so that what a names
// is there.
func writeTwo(f *os.File, a, b []byte, offset int64) error {
	if _, err := f.WriteAt(b, offset+int64(len(a))); err != nil {
		return err
	}
	_, err := f.WriteAt(a, offset)
	return err
}
