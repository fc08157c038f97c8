//go:build !linux

package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// syncFileSystem syncs every open segment below dir: where there is no
// syncfs(2), it has to be done one by one.
func syncFileSystem(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && filepath.Ext(path) != tailEnd {
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}
