package check

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"writ/internal/release"
	"writ/internal/release/archive"
)

// archive reads the archive of a release's folder.
func (c *checker) archive(string) error {
	file, ok := c.files[c.Release.Source.Name]
	if !ok {
		return nil // told already
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("couldn't read the archive: %w", err)
	}
	defer f.Close()
	tree, err := archive.Read(f)
	if err == nil {
		err = c.goodSource(tree)
	}
	if c.result("source", err) {
		c.tree = tree
	}
	return nil
}

// source takes the source from a file or a folder, and holds it against the
// hash of the archive: a folder is packed for that.
func (c *checker) source(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("couldn't read the source: %w", err)
	}
	var packed []byte
	if !info.IsDir() {
		packed, err = read(path, archive.MaxArchive)
	} else {
		packed, err = pack(ctx, path, c.Release.Version)
	}
	if err == nil {
		err = c.sameArchive(packed, info.IsDir())
	}
	var tree *archive.Tree
	if err == nil {
		tree, err = archive.Read(bytes.NewReader(packed))
	}
	if err == nil {
		err = c.goodSource(tree)
	}
	if c.result("source", err, fmt.Sprintf("%s, SHA-256 %s", c.Release.Source.Name, c.Release.Source.SHA256)) {
		c.tree = tree
	}
	return nil
}

// pack makes the archive of a folder.
func pack(ctx context.Context, dir, version string) ([]byte, error) {
	var tree *archive.Tree
	_, err := os.Lstat(filepath.Join(dir, ".git"))
	if err == nil {
		tree, err = archive.FromGit(ctx, dir, version)
	} else {
		tree, err = archive.FromFolder(dir)
	}
	if err != nil {
		return nil, err
	}
	return tree.Bytes()
}

func (c *checker) sameArchive(packed []byte, made bool) error {
	sum, _, err := release.Sum(bytes.NewReader(packed), archive.MaxArchive)
	if err != nil || sum == c.Release.Source.SHA256 {
		return err
	}
	err = fmt.Errorf("%w: the archive has the hash %s, not %s", release.ErrDiffers, sum, c.Release.Source.SHA256)
	if made && runtime.Version() != c.Release.Go {
		err = fmt.Errorf("%w; it was packed by %s, and the release by %s, which may pack otherwise: check the archive itself", err, runtime.Version(), c.Release.Go)
	}
	return err
}
