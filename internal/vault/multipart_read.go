package vault

import (
	"context"
	"errors"
	"fmt"
	"io"

	"writ"
	"writ/internal/blob"
	"writ/internal/records"
	"writ/internal/seal"
)

// A partsReader streams a range of a version made of parts. It holds one
// open part and at most [partsPerMark] part records at a time.
type partsReader struct {
	ctx  context.Context
	v    *Vault
	key  *seal.Key
	id   writ.BlobID
	page []partEntry // read and not yet opened
	next uint16      // the part number to read on from
	off  int64       // where in the next part to begin
	left int64       // bytes of the range still to be served
	read bool        // whether a part was opened yet

	part   io.ReadCloser
	source blob.Reader
	done   func() // releases the hold on the parts
}

// openParts returns the n bytes from off of a version made of parts, which
// must lie within it. The reader keeps the parts from being removed until it
// is closed, whatever becomes of the version. It fails with
// [errTransientRead] if they already are: the caller looks for the version
// again.
func (v *Vault) openParts(ctx context.Context, key *seal.Key, id writ.BlobID, index partIndex, off, n int64) (*partsReader, error) {
	done, ok := v.reading.begin(id)
	if !ok {
		return nil, errTransientRead
	}
	r := &partsReader{ctx: ctx, v: v, key: key, id: id, left: n, done: done}
	mark := index.byOffset(off)
	r.next, r.off = mark.Number, off-mark.Offset
	if n > 0 {
		if err := r.advance(); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// advance opens the next part that the range touches.
func (r *partsReader) advance() error {
	r.closePart()
	for {
		if len(r.page) == 0 {
			if err := r.fill(); err != nil {
				return err
			}
		}
		p := r.page[0]
		r.page = r.page[1:]
		if r.off >= p.Size {
			r.off -= p.Size
			continue
		}
		return r.open(p)
	}
}

// fill reads the next stretch of part records.
func (r *partsReader) fill() error {
	entries, _, err := r.v.records.Scan(r.ctx, records.Range{
		Start: partKey(r.id, r.next),
		End:   partsEnd(r.id),
		Limit: partsPerMark,
	})
	if err != nil {
		return fmt.Errorf("couldn't read list of parts: %w", err)
	}
	if len(entries) == 0 {
		if !r.read {
			return errTransientRead
		}
		return fmt.Errorf("list of parts ends %d bytes early: %w", r.left, ErrCorrupt)
	}
	for _, e := range entries {
		p, err := decodePart(e)
		if err != nil {
			return err
		}
		r.page = append(r.page, p)
	}
	r.next = r.page[len(r.page)-1].Number + 1
	return nil
}

// open begins one part at r.off.
func (r *partsReader) open(p partEntry) error {
	source, err := r.v.openPart(r.ctx, r.id, p)
	if err != nil {
		return err
	}
	r.source = source
	opened, err := seal.NewReader(source, source.Size(), r.key, seal.Stream{ID: r.id, Part: uint32(p.Number)})
	if err != nil {
		return fmt.Errorf("couldn't open part %d: %w: %w", p.Number, ErrCorrupt, err)
	}
	if opened.Size() != p.Size {
		return fmt.Errorf("part %d has %d bytes, its record says %d: %w", p.Number, opened.Size(), p.Size, ErrCorrupt)
	}
	n := min(r.left, p.Size-r.off)
	r.part, r.read = opened.Range(r.off, n), true
	r.off = 0
	r.left -= n
	return nil
}

// Read implements [io.Reader].
func (r *partsReader) Read(p []byte) (int, error) {
	for {
		if r.part == nil {
			return 0, io.EOF
		}
		n, err := r.part.Read(p)
		if err == nil || !errors.Is(err, io.EOF) {
			return n, sealError(blobError(err))
		}
		if n > 0 {
			return n, nil
		}
		if r.left == 0 {
			r.closePart()
			return 0, io.EOF
		}
		if err := r.advance(); err != nil {
			return 0, err
		}
	}
}

// WriteTo implements [io.WriterTo], so that each part's own buffers are used.
func (r *partsReader) WriteTo(w io.Writer) (total int64, err error) {
	for r.part != nil {
		n, err := io.Copy(w, r.part)
		total += n
		if err != nil {
			return total, sealError(blobError(err))
		}
		if r.left == 0 {
			r.closePart()
			break
		}
		if err := r.advance(); err != nil {
			return total, err
		}
	}
	return total, nil
}

// Close implements [io.Closer]; it may be called again.
func (r *partsReader) Close() error {
	r.closePart()
	if r.done != nil {
		r.done()
		r.done = nil
	}
	r.left, r.page = 0, nil
	return nil
}

func (r *partsReader) closePart() {
	if r.part != nil {
		r.part.Close()
		r.part = nil
	}
	if r.source != nil {
		r.source.Close()
		r.source = nil
	}
}
