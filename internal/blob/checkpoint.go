package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Checkpoint implements [Store]. The open segment is sealed first, so that
// all that is linked is never written to again; new blobs go to a new one.
func (d *Disk) Checkpoint(ctx context.Context, dir string) (Checkpointed, error) {
	if err := d.begin(ctx); err != nil {
		return Checkpointed{}, err
	}
	defer d.end()
	ctx, cancel := d.until(ctx)
	defer cancel()
	defer d.Hold()()
	c := checkpoint{dir: dir}
	if err := c.run(ctx, d); err != nil {
		return c.done, fmt.Errorf("couldn't make checkpoint: %w", spaceError(err))
	}
	return c.done, nil
}

// checkpoint is one run of Checkpoint.
type checkpoint struct {
	dir  string
	done Checkpointed
}

func (c *checkpoint) run(ctx context.Context, d *Disk) error {
	if err := os.Mkdir(c.dir, folderMode); err != nil {
		return err
	}
	if err := makeFolders(c.dir); err != nil {
		return err
	}
	volumes, err := d.settle(ctx)
	if err != nil {
		return err
	}
	for _, s := range d.list() {
		if !volumes[s.volume] {
			continue // begun since
		}
		if err := c.segment(ctx, d.segmentPath(s.volume), s); err != nil {
			return err
		}
	}
	for i := range d.files.shards {
		if err := c.shard(ctx, &d.files.shards[i], shardPath(c.dir, i)); err != nil {
			return err
		}
	}
	return syncDir(filepath.Join(c.dir, "segments"))
}

// settle seals the open segment, waits for all that are being sealed, and
// returns the volumes that are in the store and will not be written to again.
func (d *Disk) settle(ctx context.Context) (map[uint64]bool, error) {
	if w := d.currentWriter(); w != nil {
		d.retire(w)
	}
	volumes := make(map[uint64]bool)
	for _, s := range d.list() {
		if s.open != nil {
			if s.open == d.currentWriter() {
				continue // begun since
			}
			if err := s.open.await(ctx); err != nil {
				return nil, err
			}
		}
		volumes[s.volume] = true
	}
	return volumes, nil
}

// segment takes one segment in. One that could not be sealed is copied: a
// later start may write to it.
func (c *checkpoint) segment(ctx context.Context, path string, s segment) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	to := filepath.Join(c.dir, "segments", filepath.Base(path))
	n := s.size
	var err error
	if s.open == nil {
		err = c.link(path, to, sealedMode)
	} else {
		n, err = copyFile(path, to, fileMode)
		c.done.Copied += n
	}
	if err != nil {
		return err
	}
	c.done.Segments++
	c.done.Bytes += n
	return nil
}

// shard takes in the files of one shard.
func (c *checkpoint) shard(ctx context.Context, sh *shard, to string) error {
	refs, _, err := sh.list()
	if err != nil || len(refs) == 0 {
		return err
	}
	for _, ref := range refs {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		name := fileName(ref)
		if err := c.link(filepath.Join(sh.path, name), filepath.Join(to, name), fileMode); err != nil {
			return err
		}
		c.done.Files++
		c.done.Bytes += ref.Length
	}
	return syncDir(to)
}

// link makes a hard link, or a copy where that can't be: on another file
// system, or one that knows no links.
func (c *checkpoint) link(from, to string, mode os.FileMode) error {
	if os.Link(from, to) == nil {
		return nil
	}
	n, err := copyFile(from, to, mode)
	c.done.Copied += n
	return err
}

// copyFile copies a file durably and returns its length.
func copyFile(from, to string, mode os.FileMode) (n int64, err error) {
	src, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if n, err = io.Copy(dst, src); err != nil {
		return n, err
	}
	return n, dst.Sync()
}
