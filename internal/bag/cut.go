package bag

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"writ"
	"writ/internal/durable"
)

// unfinished is the one volume that doesn't count yet.
const unfinished = "volume.part"

// tarSlack is more than the headers of any entry take.
const tarSlack = 4 << 10

// volumeName is the name of a volume, counted from 1.
func volumeName(id writ.CaseID, n int, ext string) string {
	return fmt.Sprintf("%s.%06d%s", id, n, ext)
}

// cutter is the writer of the one tar stream: it cuts it into volumes, seals
// each and makes it count.
type cutter struct {
	dir   string
	id    writ.CaseID
	limit int64 // of a volume's plaintext
	seals sealing
	state *state
	room  *room

	at   position
	skip int64 // bytes of the present entry that lie in volumes already
	// body tells how much of the entry's body was read, and its hash; nil
	// where the body is made anew from the state.
	body func() (int64, []byte)
	vol  *openVolume
}

// openVolume is the volume that is being written.
type openVolume struct {
	f      *os.File
	sealed io.WriteCloser
	sum    hash.Hash // of the sealed bytes
	size   int64     // of them
	plain  int64
}

// Write implements io.Writer, with the sealed bytes as its stream.
func (v *openVolume) Write(p []byte) (int, error) {
	n, err := v.f.Write(p)
	v.sum.Write(p[:n])
	v.size += int64(n)
	return n, err
}

// entry begins an entry of so many bytes. One that fits into a volume is in
// one volume, so that a volume can be read by itself.
func (c *cutter) entry(size int64, body func() (int64, []byte)) error {
	c.body = body
	c.skip = c.at.Offset
	c.at.Offset = 0
	if c.vol != nil && c.skip == 0 && size+tarSlack > c.limit-c.vol.plain {
		return c.finish()
	}
	return nil
}

// done ends the entry.
func (c *cutter) done() error {
	if c.skip != 0 {
		return fmt.Errorf("%w: an entry is shorter than what was packed of it", ErrDamaged)
	}
	c.at = position{Entry: c.at.Entry + 1}
	c.body = nil
	return nil
}

func (c *cutter) Write(p []byte) (int, error) {
	total := len(p)
	n := min(c.skip, int64(len(p)))
	c.skip -= n
	c.at.Offset += n
	p = p[n:]
	for len(p) > 0 {
		if c.vol == nil {
			if err := c.open(); err != nil {
				return 0, err
			}
		}
		n := min(c.limit-c.vol.plain, int64(len(p)))
		if n == 0 {
			if err := c.finish(); err != nil {
				return 0, err
			}
			continue
		}
		if _, err := c.vol.sealed.Write(p[:n]); err != nil {
			return 0, fmt.Errorf("couldn't write a volume: %w", err)
		}
		c.vol.plain += n
		c.at.Offset += n
		p = p[n:]
	}
	return total, nil
}

func (c *cutter) open() error {
	f, err := os.OpenFile(filepath.Join(c.dir, unfinished), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return full(fmt.Errorf("couldn't create a volume: %w", err))
	}
	v := &openVolume{f: f, sum: sha256.New()}
	v.sealed, err = c.seals.volume(roomy{c.room, v})
	if err != nil {
		f.Close()
		return fmt.Errorf("couldn't begin a volume: %w", err)
	}
	c.vol = v
	return nil
}

// finish makes the present volume count, if there is one.
func (c *cutter) finish() error {
	if c.vol == nil {
		return nil
	}
	v := c.vol
	c.vol = nil
	name := volumeName(c.id, len(c.state.volumes)+1, c.seals.ext())
	if err := c.place(v, name); err != nil {
		return fmt.Errorf("couldn't write volume %d: %w", len(c.state.volumes)+1, full(err))
	}
	at := c.at
	if c.body != nil && at.Offset > 0 {
		at.Read, at.Digest = c.body()
	}
	return c.state.volume(Volume{Name: name, Size: v.size, SHA256: hex.EncodeToString(v.sum.Sum(nil))}, at)
}

// place makes a volume durable under its name.
func (c *cutter) place(v *openVolume, name string) error {
	err := v.sealed.Close()
	if err == nil {
		err = v.f.Sync()
	}
	if e := v.f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(v.f.Name(), filepath.Join(c.dir, name))
	}
	if err == nil {
		err = durable.SyncDir(c.dir)
	}
	return err
}

// abandon removes the volume that doesn't count.
func (c *cutter) abandon() {
	if c.vol != nil {
		c.vol.f.Close()
		c.vol = nil
	}
	os.Remove(filepath.Join(c.dir, unfinished))
}
