package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"writ"
	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/records"
	"writ/internal/seal"
)

// Reading preserved versions.
//
// What is preserved opens only under a writ, which the gate judges: it hands
// out an [Opening], counts against the writ's list and budget, and gives the
// vault a function that opens streams of one blob, never a key. The vault's
// part is to find where the sealed bytes lie, whatever their owner has done
// meanwhile, and to see that what opens is the item asked for.

// An Opening is what the gate lets be read under one writ. Read opens item n
// of the list that the writ was minted for, and calls fn with a function that
// opens one sealed stream of its blob; that is of no use once fn has returned.
type Opening interface {
	Read(ctx context.Context, n int, wrapped gate.Wrapped,
		fn func(open func(part uint32, src io.ReaderAt, sealedSize int64) (io.ReadCloser, error)) error) error
}

// Errors of production.
var (
	ErrNotPreserved = errors.New("version is not preserved")
	ErrItem         = errors.New("preserved version is not the one that the list names")
)

// Produce writes the plaintext of a preserved version, whole, to w, whether
// its owner's copy is there or gone. n is the item's number in the opening's
// list. Nothing is asked of the opening before the sealed bytes are at hand, so
// that a budget is not spent on what cannot be read. A version that is deleted,
// moved or re-wrapped meanwhile is read to its end.
//
// Errors: [ErrNotPreserved], [ErrItem], [ErrCorrupt] (after some bytes were
// written, perhaps, but never of wrong ones), and those of o and of w. written
// tells how many bytes w took.
func (v *Vault) Produce(ctx context.Context, o Opening, n int, item policy.Item, w io.Writer) (written int64, err error) {
	p, err := v.findPreserved(ctx, item)
	if err != nil {
		return 0, err
	}
	defer p.close()
	out := &countingWriter{ctx: ctx, w: w}
	err = o.Read(ctx, n, p.wrapped, func(open openStream) error {
		if p.r.Parts > 0 {
			return v.produceParts(ctx, open, p.r, out)
		}
		return produceStream(open, 0, p.src, p.sealedSize, p.r.Size, out)
	})
	if err == nil && out.n != item.Size {
		err = errSize
	}
	if err != nil {
		return out.n, objectError(ObjectRef{item.Bucket, item.Key, item.Version}, fmt.Errorf("couldn't open preserved version: %w", err))
	}
	return out.n, nil
}

// openStream opens one sealed stream of a blob, as [Opening] gives it.
type openStream = func(part uint32, src io.ReaderAt, sealedSize int64) (io.ReadCloser, error)

// preserved is a version that was found, with what holds its bytes.
type preserved struct {
	r          *versionRecord
	wrapped    gate.Wrapped
	src        io.ReaderAt // nil if it is made of parts
	sealedSize int64
	close      func()
}

// findTries is how often a version is looked for that its kept record says is
// still its owner's, and that is not. It can go but once.
const findTries = 3

// findPreserved finds the version that an item names and takes hold of its
// sealed bytes. Between reading the record and that, the version may go, or
// its blob move: then the record is read once more. If it is the same as
// before, what it names is missing.
func (v *Vault) findPreserved(ctx context.Context, item policy.Item) (preserved, error) {
	var before *versionRecord
	for try := 1; ; try++ {
		kept, err := getKept(ctx, v.records, item.Blob)
		switch {
		case err != nil:
			return preserved{}, fmt.Errorf("couldn't find preserved version: %w", err)
		case kept == nil:
			return preserved{}, ErrNotPreserved
		}
		r, err := kept.version(ctx, v.records, item.Blob)
		if errors.Is(err, errTransientRead) && try < findTries {
			continue // it went since the kept record was read, which says so now
		}
		if err != nil {
			return preserved{}, fmt.Errorf("couldn't find preserved version: %w", missing(err))
		}
		if err := isItem(kept, r, item); err != nil {
			return preserved{}, err
		}
		p, err := v.hold(ctx, r)
		if err == nil {
			p.r, p.wrapped = r, kept.Wrapped
			return p, nil
		}
		if !goneMeanwhile(err) || before != nil && before.sameData(r) {
			return preserved{}, fmt.Errorf("couldn't find preserved data: %w", missing(err))
		}
		before = r
	}
}

// isItem checks that a kept version is the one that a list names. The time is
// compared if the list has it; tags are the owner's to change and are not.
func isItem(kept *keptRecord, r *versionRecord, item policy.Item) error {
	is := itemOf(kept.name(), r)
	if is.Blob != item.Blob || is.Bucket != item.Bucket || is.Key != item.Key || kept.Version != item.Version ||
		is.Size != item.Size || !item.Made.IsZero() && !is.Made.Equal(item.Made) {
		return ErrItem
	}
	return nil
}

// hold takes hold of a version's sealed bytes, so that they stay readable.
func (v *Vault) hold(ctx context.Context, r *versionRecord) (p preserved, err error) {
	ref, is, err := r.ref()
	switch {
	case err != nil:
		return p, err
	case is:
		source, err := v.blobs.Open(ctx, ref)
		if err != nil {
			return p, err
		}
		return preserved{src: source, sealedSize: source.Size(), close: func() { source.Close() }}, nil
	case r.Parts > 0:
		done, ok := v.reading.begin(r.Blob)
		if !ok {
			return p, errTransientRead
		}
		return preserved{close: done}, nil
	}
	value, err := v.records.Get(ctx, dataKey(r.Modified, r.Blob))
	if err != nil {
		return p, err
	}
	_, sealed, err := dataOwner(value)
	return preserved{src: bytes.NewReader(sealed), sealedSize: int64(len(sealed)), close: func() {}}, err
}

// produceParts writes a version made of parts, one after the other.
func (v *Vault) produceParts(ctx context.Context, open openStream, r *versionRecord, out io.Writer) error {
	number := 0
	err := eachRecord(ctx, v.records, records.Range{Start: partKey(r.Blob, 1), End: partsEnd(r.Blob), Limit: partsPerMark}, func(e records.Entry) error {
		p, err := decodePart(e)
		if err != nil {
			return err
		}
		number++
		source, err := v.openPart(ctx, r.Blob, p)
		if err != nil {
			return err
		}
		defer source.Close()
		return produceStream(open, uint32(p.Number), source, source.Size(), p.Size, out)
	})
	if err == nil && number != r.Parts {
		err = fmt.Errorf("%w: %d of %d parts are there", ErrCorrupt, number, r.Parts)
	}
	return err
}

// openPart opens the blob of a part, which reclaim may have moved since its
// record was read.
func (v *Vault) openPart(ctx context.Context, id writ.BlobID, p partEntry) (blob.Reader, error) {
	source, err := v.blobs.Open(ctx, p.Ref)
	if errors.Is(err, blob.ErrNotFound) {
		moved, failed := readPart(ctx, v.records, partKey(id, p.Number))
		if failed != nil {
			return nil, failed
		}
		if moved != nil && moved.Ref != p.Ref {
			source, err = v.blobs.Open(ctx, moved.Ref)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open part %d: %w", p.Number, blobError(err))
	}
	return source, nil
}

// produceStream opens one sealed stream and writes it out. That it has the
// right size is seen before it is opened.
func produceStream(open openStream, part uint32, src io.ReaderAt, sealedSize, size int64, out io.Writer) error {
	if plain, err := seal.PlainSize(sealedSize); err != nil || plain != size {
		return errSize
	}
	stream, err := open(part, src, sealedSize)
	if err != nil {
		return sealError(blobError(err))
	}
	defer stream.Close()
	n, err := io.Copy(out, stream)
	if err == nil && n != size {
		err = errSize
	}
	return sealError(blobError(err))
}

// countingWriter counts what a writer took, and takes no more once the context
// is over.
type countingWriter struct {
	ctx context.Context
	w   io.Writer
	n   int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
