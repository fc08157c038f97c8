package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/gate/internal/disk"
	"writ/internal/seal"
)

// A customer may have its journal sealed to a public key of its own. Then each
// closed segment has a data key that is sealed to that key ([access.SealTo])
// instead of wrapped under the customer's KEK. The server cannot open it again. It reads the tail, which it has to go on from
// after a crash; so that tail is closed after an hour or a mebibyte at most.
//
// The public key lies in the customer's folder, and its SHA-256 in the
// keyring: a key that was replaced there is damage.
const (
	recipientName = "recipient"

	sealedAge   = time.Hour
	sealedBytes = 1 << 20
)

// Sealed is the error for entries that are sealed to the customer's own key:
// they are there, and the server cannot read them.
type Sealed struct {
	From, To uint64
	path     string
}

// Error says which entries are sealed.
func (s *Sealed) Error() string {
	return fmt.Sprintf("journal entries %d to %d are sealed to the customer's own key", s.From, s.To)
}

// Segment returns the sealed segment as it lies, at most some megabytes; the
// customer opens it with [access.OpenSealed]. An error if it was dropped meanwhile,
// its kept time being over.
func (s *Sealed) Segment() ([]byte, error) {
	b, err := os.ReadFile(s.path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read a sealed journal segment: %w", err)
	}
	return b, nil
}

// errSealed: a segment's key is sealed to the customer's own key.
var errSealed = errors.New("sealed to the customer's own key")

// SetRecipient keeps the public key that a new customer's journal is sealed
// to, durable on return. The keyring has its digest already.
func (j *Journal) SetRecipient(customer writ.CustomerID, r *seal.Recipient) error {
	dir := filepath.Join(j.dir, j.keys.Label(customer))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make a journal's folder: %w", disk.Full(err))
	}
	if err := disk.WriteFile(filepath.Join(dir, recipientName), r.Bytes()); err != nil {
		return fmt.Errorf("couldn't keep a journal's public key: %w", err)
	}
	return disk.SyncDir(j.dir)
}

// readRecipient reads the customer's public key, if it has one.
func (c *chain) readRecipient() error {
	want := c.j.keys.Recipient(c.customer)
	if want == [32]byte{} {
		c.recipient = nil
		return nil
	}
	b, err := os.ReadFile(filepath.Join(c.dir(), recipientName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't read a journal's public key: %w", err)
	}
	if err != nil || sha256.Sum256(b) != want {
		return fmt.Errorf("journal/%s/%s is not the customer's key: %w", c.label, recipientName, ErrCorrupt)
	}
	if c.recipient, err = seal.NewRecipient(b); err != nil {
		return fmt.Errorf("journal/%s/%s: %w: %w", c.label, recipientName, ErrCorrupt, err)
	}
	return nil
}

// closedKey makes the data key of a segment that is to be closed.
func (c *chain) closedKey(blob writ.BlobID) (*seal.Key, []byte, error) {
	if c.recipient == nil {
		return c.j.keys.Generate(c.customer, blob)
	}
	return access.SealTo(c.recipient, c.customer, blob)
}

// maxAge and maxBytes are when a tail ends.
func (c *chain) maxAge() time.Duration {
	if c.recipient != nil {
		return min(c.j.opts.SegmentAge, sealedAge)
	}
	return c.j.opts.SegmentAge
}

func (c *chain) maxBytes() int64 {
	if c.recipient != nil {
		return min(c.j.opts.SegmentBytes, sealedBytes)
	}
	return c.j.opts.SegmentBytes
}
