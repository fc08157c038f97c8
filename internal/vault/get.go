package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/records"
	"writ/internal/seal"
)

// Head returns a version as it is. In.Range and In.Part are judged as in Get.
// A delete marker is a [*MarkerError].
func (v *Vault) Head(ctx context.Context, s Session, in GetInput) (Object, error) {
	b, err := v.begin(ctx, in.Bucket, in.Key)
	if err != nil {
		return Object{}, err
	}
	n := nameIn(b, in.Key)
	for try := 0; ; try++ {
		f, err := findData(ctx, v.records, n, in.Version)
		if err != nil {
			return Object{}, damaged(in.ObjectRef, err)
		}
		o, err := v.choose(ctx, n, f, in)
		if !errors.Is(err, errTransientRead) {
			return o, err
		}
		if try > 0 {
			return Object{}, objectError(o.ObjectRef, missing(err))
		}
	}
}

// missing gives the error about data that are not there its name, once it is
// clear that they should be.
func missing(err error) error {
	if errors.Is(err, errTransientRead) || errors.Is(err, records.ErrNotFound) {
		return &translated{as: ErrCorrupt, from: err}
	}
	return sealError(blobError(err))
}

// choose holds a version against what is asked of it, and says which stretch
// of it is to be read.
func (v *Vault) choose(ctx context.Context, n name, f found, in GetInput) (Object, error) {
	o := Object{Version: f.public(n, f.latest())}
	if err := in.Conditions.judge(o.ETag, o.Modified); err != nil {
		return o, err
	}
	var err error
	switch {
	case in.Part > 1 && f.Parts == 0, in.Part < 0:
		err = ErrInvalidPart
	case in.Part > 0 && f.Parts > 0:
		o.Offset, o.Length, err = v.partRange(ctx, f.versionRecord, in.Part)
	case in.Part == 0 && in.Range != nil:
		o.Offset, o.Length, err = in.Range(f.Size)
		if err == nil && (o.Offset < 0 || o.Length < 0 || o.Offset > f.Size-o.Length) {
			err = ErrRange
		}
	default:
		o.Length = f.Size
	}
	return o, err
}

// Get opens a version for reading. Of the errors, [ErrNotModified] and
// [ErrPrecondition] come with the version, whose Body is then nil. What is
// damaged is [ErrCorrupt], from Get or, in the middle, from Body: never bytes.
func (v *Vault) Get(ctx context.Context, s Session, in GetInput) (Object, error) {
	return v.get(ctx, s, "get", in)
}

// get is Get under the name of the operation that the journal has.
func (v *Vault) get(ctx context.Context, s Session, op string, in GetInput) (Object, error) {
	b, err := v.begin(ctx, in.Bucket, in.Key)
	if err != nil {
		return Object{}, err
	}
	n := nameIn(b, in.Key)
	// A version may go, its blob move or its key be re-wrapped between
	// reading its record and opening what that names: then the record is read
	// once more. If it is the same as before, what it names is missing.
	var before *versionRecord
	for {
		f, err := findData(ctx, v.records, n, in.Version)
		if err != nil {
			return Object{}, damaged(in.ObjectRef, err)
		}
		o, err := v.choose(ctx, n, f, in)
		if err != nil && !errors.Is(err, errTransientRead) {
			return o, err
		}
		if err == nil {
			o.Body, err = v.open(ctx, s, b, op, &o, f.versionRecord)
		}
		if err == nil {
			return o, nil
		}
		if !goneMeanwhile(err) || before != nil && before.sameData(f.versionRecord) {
			return Object{}, objectError(o.ObjectRef, fmt.Errorf("couldn't open object: %w", missing(err)))
		}
		before = f.versionRecord
	}
}

// goneMeanwhile reports whether an error may come of a version that changed
// while it was opened.
func goneMeanwhile(err error) bool {
	return errors.Is(err, errTransientRead) || errors.Is(err, blob.ErrNotFound) ||
		errors.Is(err, records.ErrNotFound) || errors.Is(err, gate.ErrNoKEK)
}

// sameData reports whether two readings of a version name the same.
func (r *versionRecord) sameData(o *versionRecord) bool {
	return r.Blob == o.Blob && bytes.Equal(r.Ref, o.Ref) && bytes.Equal(r.Wrapped, o.Wrapped)
}

// open opens the stretch of a version that o says. The data are found before
// the gate is asked, so that the journal has no opening of what has gone.
func (v *Vault) open(ctx context.Context, s Session, b Bucket, op string, o *Object, r *versionRecord) (io.ReadCloser, error) {
	var source blob.Reader
	var sealed []byte
	switch ref, is, err := r.ref(); {
	case err != nil:
		return nil, err
	case is:
		if source, err = v.blobs.Open(ctx, ref); err != nil {
			return nil, err
		}
	case r.inline():
		value, err := v.records.Get(ctx, dataKey(r.Modified, r.Blob))
		if err != nil {
			return nil, recordsError(err)
		}
		if _, sealed, err = dataOwner(value); err != nil {
			return nil, err
		}
	}
	use := v.use(s, op, nameIn(b, o.Key), o.Version.Version, r.Blob)
	if o.Length != r.Size {
		use.Offset, use.Length = o.Offset, o.Length
	}
	key, err := v.gate.Open(ctx, v.right(s, b), use, r.Wrapped)
	if err != nil {
		if source != nil {
			source.Close()
		}
		return nil, err
	}
	if r.Parts > 0 {
		// The parts' reader needs the key for each part, and erases it.
		parts, err := v.openParts(ctx, key, r.Blob, r.Index, o.Offset, o.Length)
		if err != nil {
			key.Erase()
			return nil, err
		}
		return &partsBody{partsReader: parts, key: key, ref: o.ObjectRef}, nil
	}
	defer key.Erase()
	if source == nil {
		return openInline(key, seal.Stream{ID: r.Blob}, sealed, r.Size, o.Offset, o.Length)
	}
	opened, err := seal.NewReader(source, source.Size(), key, seal.Stream{ID: r.Blob})
	if err == nil && opened.Size() != r.Size {
		err = errSize
	}
	if err != nil {
		source.Close()
		return nil, err
	}
	return &blobBody{Section: opened.Range(o.Offset, o.Length), source: source, ref: o.ObjectRef}, nil
}

// errSize: the sealed bytes open, and are not those of the record.
var errSize = fmt.Errorf("%w: size differs from the record's", ErrCorrupt)

// openInline opens a whole small object, into a buffer that goes back when
// the body is closed.
func openInline(key *seal.Key, s seal.Stream, sealed []byte, size, off, n int64) (io.ReadCloser, error) {
	body := &inlineBody{buffer: getBuffer(len(sealed))}
	plain, err := seal.Open(body.buffer.b, key, s, sealed)
	if err == nil && int64(len(plain)) != size {
		err = errSize
	}
	if err != nil {
		body.Close()
		return nil, err
	}
	body.buffer.b = plain
	body.rest = plain[off : off+n]
	return body, nil
}

// inlineBody is a small object in memory.
type inlineBody struct {
	buffer *buffer
	rest   []byte
}

func (b *inlineBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// WriteTo implements [io.WriterTo].
func (b *inlineBody) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b.rest)
	b.rest = b.rest[n:]
	return int64(n), err
}

// Close implements [io.Closer].
func (b *inlineBody) Close() error {
	if b.buffer != nil {
		clear(b.buffer.b)
		b.buffer.put()
		b.buffer, b.rest = nil, nil
	}
	return nil
}

// blobBody is a stretch of an object in a blob of its own.
type blobBody struct {
	*seal.Section
	source blob.Reader
	ref    ObjectRef
}

func (b *blobBody) Read(p []byte) (int, error) {
	n, err := b.Section.Read(p)
	if err != nil && err != io.EOF {
		err = objectError(b.ref, sealError(blobError(err)))
	}
	return n, err
}

// WriteTo implements [io.WriterTo].
func (b *blobBody) WriteTo(w io.Writer) (int64, error) {
	n, err := b.Section.WriteTo(w)
	if err != nil {
		err = objectError(b.ref, sealError(blobError(err)))
	}
	return n, err
}

// Close implements [io.Closer].
func (b *blobBody) Close() error {
	if b.source == nil {
		return nil
	}
	err := b.Section.Close()
	if e := b.source.Close(); err == nil {
		err = e
	}
	b.source = nil
	return err
}

// partsBody is a stretch of an object made of parts.
type partsBody struct {
	*partsReader
	key *seal.Key
	ref ObjectRef
}

func (b *partsBody) Read(p []byte) (int, error) {
	n, err := b.partsReader.Read(p)
	if err != io.EOF {
		err = objectError(b.ref, err)
	}
	return n, err
}

// WriteTo implements [io.WriterTo].
func (b *partsBody) WriteTo(w io.Writer) (int64, error) {
	n, err := b.partsReader.WriteTo(w)
	return n, objectError(b.ref, err)
}

// Close implements [io.Closer].
func (b *partsBody) Close() error {
	err := b.partsReader.Close()
	b.key.Erase()
	return err
}
