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
	"writ/internal/records"
	"writ/internal/seal"
)

// looks is how often what looks wrong is looked at, if its record changes in
// between.
const looks = 5

// versions checks every version's record, and opens its data.
func (f *fsck) versions(ctx context.Context) error {
	for _, tag := range []byte{tagHead, tagVersion} {
		err := f.each(ctx, tag, func(e records.Entry) error {
			return f.again(ctx, e, f.version)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// again runs check on a record, and once more as long as it finds something
// and the record is another by then.
func (f *fsck) again(ctx context.Context, e records.Entry, check func(context.Context, records.Entry) (looked, error)) error {
	for look := 1; ; look++ {
		if e.Value == nil {
			return nil // it does not open, which was noted
		}
		l, err := check(ctx, e)
		if err != nil {
			return err
		}
		if len(l.findings) > 0 && look < looks {
			now, err := f.v.records.Get(ctx, e.Key)
			if errors.Is(err, records.ErrNotFound) {
				return nil // it went meanwhile
			}
			if err != nil && !errors.Is(err, records.ErrCorrupt) {
				return recordsError(err)
			}
			if err == nil && !bytes.Equal(now, e.Value) {
				e.Value = now
				continue
			}
		}
		l.count(f.r)
		if l.usage != nil {
			sum := f.sum(l.customer)
			sum.Bytes += l.usage.Bytes
			sum.Objects += l.usage.Objects
		}
		for _, one := range l.findings {
			f.damage(l.kept, f.locate(e.Key, one))
			for _, pin := range l.pins {
				if _, known := f.pins[pin]; known || len(f.pins) < notedPins {
					f.pins[pin]++
				}
			}
		}
		if !l.kept { // that there is something to look at is for the docket too
			f.o.Progress.report("fsck", min(f.r.Bytes, f.total), f.total)
		}
		return nil
	}
}

// looked is what one look at a record found.
type looked struct {
	customer writ.CustomerID
	usage    *Usage
	findings []Finding
	versions int64
	uploads  int64
	parts    int64
	bytes    int64
	unopened int64
	kept     bool     // it is about what only a preservation keeps
	pins     []string // which preservations
}

func (l *looked) count(r *Report) {
	if l.kept {
		r.Kept.Versions += l.versions
		r.Kept.Parts += l.parts
		r.Kept.Bytes += l.bytes
		return
	}
	r.Versions += l.versions
	r.Uploads += l.uploads
	r.Parts += l.parts
	r.Bytes += l.bytes
	r.Unopened += l.unopened
}

func (l *looked) found(p Problem, part int, where, detail string) {
	l.findings = append(l.findings, Finding{Problem: p, Part: part, Blob: where, Detail: detail})
}

// version checks one version.
func (f *fsck) version(ctx context.Context, e records.Entry) (l looked, err error) {
	n, r, err := decodeVersion(e.Key, e.Value)
	if err != nil {
		l.found(DamagedRecord, 0, "", err.Error())
		return l, nil
	}
	l.customer, l.usage = n.owner, &Usage{Bytes: r.Size, Objects: 1}
	if err := f.inBucket(ctx, n, &l); err != nil {
		return l, err
	}
	if r.Marker {
		return l, nil
	}
	l.versions++
	return l, f.sealed(ctx, n.owner, n.version(r.Stamp), r, &l)
}

// inBucket checks that a version's bucket is there and its owner's.
func (f *fsck) inBucket(ctx context.Context, n name, l *looked) error {
	owner, ok := f.buckets[n.bucket]
	if !ok {
		value, err := f.v.records.Get(ctx, bucketKey(n.bucket))
		if err != nil && !errors.Is(err, records.ErrNotFound) {
			return recordsError(err)
		}
		if err == nil {
			b, err := readBucket(n.bucket, value)
			if err != nil {
				return err
			}
			owner = b.Owner
			f.buckets[n.bucket] = owner
		}
	}
	if owner == n.owner {
		return nil
	}
	// A shredded customer's buckets go last, a deleted bucket when it is
	// empty: a version without a bucket is neither.
	delete(f.buckets, n.bucket)
	l.found(MissingBucket, 0, "", "")
	return nil
}

// sealed checks where a version's data lie and that they open. identity is
// what must be listed as their owner.
func (f *fsck) sealed(ctx context.Context, owner writ.CustomerID, identity []byte, r *versionRecord, l *looked) error {
	verifier, err := f.verifier(ctx, owner)
	if err != nil {
		return err
	}
	opens := verifier != nil && !f.o.Shallow
	if !opens {
		if !f.o.Shallow {
			l.unopened++
		}
		return f.stored(ctx, identity, r, l, nil)
	}
	err = verifier.Check(ctx, r.Blob, r.Wrapped, func(check checkFunc) error { return f.stored(ctx, identity, r, l, check) })
	return f.keyProblem(err, l)
}

type checkFunc = func(part uint32, src io.ReaderAt, sealedSize int64) error

// keyProblem takes errors of the data key as findings.
func (f *fsck) keyProblem(err error, l *looked) error {
	switch {
	case errors.Is(err, gate.ErrShredded):
		l.unopened++
		return nil
	case errors.Is(err, gate.ErrWrapped), errors.Is(err, gate.ErrNoKEK), errors.Is(err, gate.ErrPinned):
		l.found(DamagedKey, 0, "", err.Error())
		return nil
	}
	return err
}

// stored checks the data of a version, and opens them if check is not nil.
func (f *fsck) stored(ctx context.Context, identity []byte, r *versionRecord, l *looked, check checkFunc) error {
	switch ref, is, err := r.ref(); {
	case err != nil:
		l.found(DamagedRecord, 0, "", err.Error())
		return nil
	case is:
		return f.blob(ctx, identity, ref, 0, r.Size, l, check)
	case r.Parts > 0:
		return f.manifest(ctx, identity, r, l, check)
	}
	value, err := f.v.records.Get(ctx, dataKey(r.Modified, r.Blob))
	switch {
	case errors.Is(err, records.ErrNotFound):
		l.found(MissingData, 0, "", "")
		return nil
	case errors.Is(err, records.ErrCorrupt):
		l.found(DamagedRecord, 0, "", err.Error())
		return nil
	case err != nil:
		return recordsError(err)
	}
	named, sealed, err := dataOwner(value)
	if err != nil || identity[0] != tagKept && !bytes.Equal(named, identity) {
		l.found(MissingOwner, 0, "", "inline data name another owner")
		return nil
	}
	return f.opens(bytes.NewReader(sealed), int64(len(sealed)), "", 0, r.Size, l, check)
}

// blob checks one blob: that it is there, listed as owned, of the right size,
// and that it opens.
func (f *fsck) blob(ctx context.Context, identity []byte, ref blob.Ref, part int, size int64, l *looked, check checkFunc) error {
	owner, err := ownerOf(ctx, f.v.records, ref)
	if err != nil {
		return err
	}
	if !bytes.Equal(owner, identity) {
		l.found(MissingOwner, part, refText(ref), "reclaim may remove it")
		if len(f.named) < maxSuspects {
			f.named[ref] = true
		} else {
			f.o.Repair = false // what is damaged so far is not to be cleaned up
		}
	}
	src, err := f.v.blobs.Open(ctx, ref)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		l.found(MissingBlob, part, refText(ref), "")
		return nil
	case errors.Is(err, blob.ErrCorrupt):
		l.found(DamagedBlob, part, refText(ref), err.Error())
		return nil
	case err != nil:
		return blobError(err)
	}
	defer src.Close()
	return f.opens(src, src.Size(), refText(ref), part, size, l, check)
}

// opens checks that sealed bytes have the right size and open.
func (f *fsck) opens(src io.ReaderAt, sealedSize int64, where string, part int, size int64, l *looked, check checkFunc) error {
	l.bytes += sealedSize
	plain, err := seal.PlainSize(sealedSize)
	if err != nil || plain != size {
		l.found(WrongSize, part, where, fmt.Sprintf("%d sealed bytes do not hold %d", sealedSize, size))
		return nil
	}
	if check == nil {
		return nil
	}
	err = check(uint32(part), src, sealedSize)
	var chunk *seal.ChunkError
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &chunk), errors.Is(err, seal.ErrFormat), errors.Is(err, seal.ErrKey), errors.Is(err, seal.ErrTruncated):
		l.found(DamagedData, part, where, err.Error())
	default:
		l.found(DamagedData, part, where, "it cannot be read: "+err.Error())
	}
	return nil
}

// manifest checks the parts of a version, their number, sizes and order.
func (f *fsck) manifest(ctx context.Context, identity []byte, r *versionRecord, l *looked, check checkFunc) error {
	if err := f.partsOwned(ctx, r.Blob, identity, l); err != nil {
		return err
	}
	var index partIndex
	var size int64
	ordinal := 0
	err := f.eachPart(ctx, r.Blob, l, check, func(p *partEntry) {
		index.add(ordinal, p.Number, size)
		size += p.Size
		ordinal++
	})
	if err != nil {
		return err
	}
	switch {
	case ordinal != r.Parts:
		l.found(MissingPart, 0, r.Blob.String(), fmt.Sprintf("%d of %d parts are there", ordinal, r.Parts))
	case size != r.Size || fmt.Sprint(index) != fmt.Sprint(r.Index):
		l.found(WrongSize, 0, r.Blob.String(), fmt.Sprintf("the parts have %d bytes, not %d, or others than the index says", size, r.Size))
	}
	return nil
}

func (f *fsck) partsOwned(ctx context.Context, id writ.BlobID, identity []byte, l *looked) error {
	owner, err := f.v.records.Get(ctx, partsOwnerKey(id))
	if err != nil && !errors.Is(err, records.ErrNotFound) && !errors.Is(err, records.ErrCorrupt) {
		return recordsError(err)
	}
	if !bytes.Equal(owner, identity) {
		l.found(MissingOwner, 0, id.String(), "its parts name another owner")
		f.namedIDs[id] = true
	}
	return nil
}

// eachPart checks every part of a blob id, and then calls fn with it.
func (f *fsck) eachPart(ctx context.Context, id writ.BlobID, l *looked, check checkFunc, fn func(*partEntry)) error {
	return eachRecord(ctx, f.v.records, records.Range{Start: partKey(id, 1), End: partsEnd(id)}, func(e records.Entry) error {
		p, err := decodePart(e)
		if err != nil {
			l.found(DamagedRecord, int(p.Number), id.String(), err.Error())
			return nil
		}
		l.parts++
		fn(&p)
		return f.blob(ctx, e.Key, p.Ref, int(p.Number), p.Size, l, check)
	})
}

// uploads checks every upload's record, and opens its parts.
func (f *fsck) uploads(ctx context.Context) error {
	return f.each(ctx, tagUpload, func(e records.Entry) error { return f.again(ctx, e, f.upload) })
}

func (f *fsck) upload(ctx context.Context, e records.Entry) (l looked, err error) {
	var up uploadRecord
	owner, _, err := parseUpload(e.Key)
	if err == nil {
		err = decode(e.Value, &up)
	}
	if err != nil {
		l.found(DamagedRecord, 0, "", err.Error())
		return l, nil
	}
	l.customer, l.uploads = owner, 1
	if err := f.partsOwned(ctx, up.Blob, e.Key, &l); err != nil {
		return l, err
	}
	verifier, err := f.verifier(ctx, owner)
	if err != nil {
		return l, err
	}
	if verifier == nil || f.o.Shallow {
		return l, f.eachPart(ctx, up.Blob, &l, nil, func(*partEntry) {})
	}
	err = verifier.Check(ctx, up.Blob, up.Wrapped, func(check checkFunc) error {
		return f.eachPart(ctx, up.Blob, &l, check, func(*partEntry) {})
	})
	return l, f.keyProblem(err, &l)
}

// kept checks every kept version. What is gone for its owner is not opened.
func (f *fsck) kept(ctx context.Context) error {
	return f.each(ctx, tagKept, func(e records.Entry) error { return f.again(ctx, e, f.keptVersion) })
}

func (f *fsck) keptVersion(ctx context.Context, e records.Entry) (l looked, err error) {
	l.kept = true
	var kept keptRecord
	id, err := keptOf(e.Key)
	if err == nil {
		err = decode(e.Value, &kept)
	}
	if err != nil {
		l.found(DamagedRecord, 0, "", err.Error())
		return l, nil
	}
	l.pins = kept.Pins
	for _, pin := range kept.Pins {
		_, err := f.v.records.Get(ctx, pinnedKey(pin, kept.name(), id))
		if errors.Is(err, records.ErrNotFound) {
			l.findings = append(l.findings, Finding{Problem: OrphanKept, Customer: kept.Customer, Blob: id.String()})
		} else if err != nil {
			return l, recordsError(err)
		}
	}
	if kept.Gone == 0 {
		return l, nil
	}
	var r versionRecord
	if err := decode(kept.Record, &r); err != nil {
		l.found(DamagedRecord, 0, id.String(), err.Error())
		return l, nil
	}
	l.versions++
	return l, f.stored(ctx, e.Key, &r, &l, nil)
}
