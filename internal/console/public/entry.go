package public

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"writ/internal/ledger"
	"writ/internal/printable"
	"writ/internal/proof"
)

// bundle is how many entries a full bundle of the log has (tlog-tiles).
const bundle = 256

// entry is a leaf of the log, read. A leaf that is no statement has no kind.
type entry struct {
	Index   uint64
	Leaf    []byte
	Kind    string
	At      time.Time
	Batch   *proof.Batch
	Policy  *proof.Policy
	Release *proof.Release
	Report  *proof.Report
}

// readEntry reads a leaf as far as it can be read: what it is shown as must not
// keep the other entries of a page from being shown.
func readEntry(index uint64, leaf []byte) entry {
	e := entry{Index: index, Leaf: leaf}
	s, err := proof.Decode(leaf)
	if err != nil {
		return e
	}
	switch s.Kind {
	case proof.KindBatch:
		err = into(s.Body, &e.Batch, func(b proof.Batch) proof.Batch { plain(&b.Clock); return b })
	case proof.KindPolicy:
		err = into(s.Body, &e.Policy, plainPolicy)
	case proof.KindRelease:
		err = into(s.Body, &e.Release, plainRelease)
	case proof.KindReport:
		err = into(s.Body, &e.Report, plainReport)
	}
	if err != nil {
		return entry{Index: index, Leaf: leaf}
	}
	e.Kind, e.At = s.Kind, s.At
	return e
}

// into reads a body, and makes its texts safe to show.
func into[T any](body json.RawMessage, to **T, safe func(T) T) error {
	var v T
	if err := proof.Unmarshal(body, &v); err != nil {
		return err
	}
	v = safe(v)
	*to = &v
	return nil
}

// Marked says that a batch says something of itself that a reader should know.
func (e entry) Marked() bool { return len(e.Marks()) > 0 }

// Marks are what a batch says of itself: late, late-before, unwitnessed, clock.
func (e entry) Marks() (all []string) {
	if e.Batch == nil {
		return nil
	}
	for _, m := range []struct {
		is   bool
		name string
	}{{e.Batch.Late, "late"}, {e.Batch.LateBefore, "late-before"}, {e.Batch.Unwitnessed, "unwitnessed"}, {e.Batch.Clock != "", "clock"}} {
		if m.is {
			all = append(all, m.name)
		}
	}
	return all
}

// Hash is the leaf's hash in the tree (RFC 6962), in hex.
func (e entry) Hash() string {
	sum := sha256.Sum256(append([]byte{0}, e.Leaf...))
	return hex.EncodeToString(sum[:])
}

// Pretty is the statement, indented; what no line of text has is shown visibly.
func (e entry) Pretty() string {
	var b bytes.Buffer
	if json.Indent(&b, e.Leaf, "", "  ") != nil {
		return printable.Line(string(e.Leaf))
	}
	return printable.Text(b.String())
}

// hexOf is a hash out of a statement, as it is pinned and compared.
func hexOf(b []byte) string { return hex.EncodeToString(b) }

// entries reads the leaves from one index up to before another, the newest first.
func entries(ctx context.Context, log Log, from, before, size uint64) (all []entry, err error) {
	for at := from / bundle; at*bundle < before; at++ {
		leaves, err := leavesOf(ctx, log, at, size)
		if err != nil {
			return nil, err
		}
		for i, leaf := range leaves {
			if index := at*bundle + uint64(i); index >= from && index < before {
				all = append(all, readEntry(index, bytes.Clone(leaf)))
			}
		}
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all, nil
}

// leavesOf reads a bundle of a log of that size.
func leavesOf(ctx context.Context, log Log, at, size uint64) ([][]byte, error) {
	width := int(min(size-at*bundle, bundle))
	packed, err := log.Entries(ctx, at, width)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's bundle %d: %w", at, err)
	}
	return ledger.SplitEntries(packed, width)
}

// head is a published checkpoint: its text, and what it says.
type head struct {
	Signed     string
	Size       uint64
	Root       string // in hex
	Signatures int    // the log's own among them
}

// readHead reads the newest checkpoint.
func readHead(ctx context.Context, log Log) (h head, err error) {
	signed, err := log.Checkpoint(ctx)
	if err != nil {
		return h, fmt.Errorf("couldn't read the checkpoint: %w", err)
	}
	if h.Size, err = ledger.SizeOf(signed); err != nil {
		return h, err
	}
	h.Signed = string(signed)
	lines := strings.SplitN(h.Signed, "\n", 4)
	if root, err := base64.StdEncoding.DecodeString(lines[2]); err == nil {
		h.Root = hexOf(root)
	}
	h.Signatures = strings.Count(h.Signed, "\n\u2014 ")
	return h, nil
}

// BatchRoot is the root of a batch's slots, in hex.
func (e entry) BatchRoot() string { return hexOf(e.Batch.Root) }
