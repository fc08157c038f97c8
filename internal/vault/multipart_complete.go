package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"writ/internal/records"
)

// CompleteUpload makes an upload a version: the parts listed, in their order.
// Parts that are not listed are removed. Nothing changes if it fails, so that
// the client may mend its list and ask again. Asked again after it succeeded,
// as a client does that did not get the answer, it answers the same for as
// long as the version is the current one.
func (v *Vault) CompleteUpload(ctx context.Context, s Session, in CompleteInput) (Version, error) {
	if err := checkPartList(in); err != nil {
		return Version{}, err
	}
	b, err := v.Bucket(ctx, in.Bucket)
	if err != nil {
		return Version{}, err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return Version{}, err
	}
	var made Version
	err = v.change(ctx, b.Owner, func(tx records.Tx, ch *change) error {
		ch.enforce = true
		up, err := getUpload(ctx, tx, b.Owner, in.UploadRef)
		if err != nil {
			return err
		}
		c := completion{in: in, up: up, minPart: v.minPart}
		if err := c.read(ctx, tx); err != nil {
			return err
		}
		made, err = v.commitUpload(ctx, tx, b, &c, ch)
		return err
	})
	if errors.Is(err, ErrNoUpload) {
		return v.completedBefore(ctx, b, in)
	}
	return made, err
}

// commitUpload turns an upload, whose parts were read, into a version.
func (v *Vault) commitUpload(ctx context.Context, tx records.Tx, b Bucket, c *completion, ch *change) (Version, error) {
	sum, err := c.checksum()
	if err != nil {
		return Version{}, err
	}
	r := versionRecord{
		Blob: c.up.Blob, Wrapped: c.up.Wrapped, Size: c.size, Parts: c.listed, Index: c.index,
		ETag: listETag(c.in.Parts), Checksum: sum, Draft: c.up.Draft,
	}
	conditions := writeConditions{ifMatch: c.in.IfMatch, ifNoneMatch: c.in.IfNoneMatch}
	made, err := v.makeVisible(ctx, tx, b, c.in.Key, r, nil, conditions, ch)
	if err != nil {
		return Version{}, err
	}
	for _, p := range c.excess {
		tx.Delete(partKey(r.Blob, p.Number))
		disown(tx, p.Ref)
		ch.freed.refs = append(ch.freed.refs, p.Ref)
	}
	ch.Bytes -= c.size + c.spare // they counted as parts
	tx.Delete(uploadKey(b.Owner, c.in.UploadRef))
	return made, nil
}

// completedBefore answers a repeated completion from the version that the
// first one made, if it is still the current one. The ETag of a version is a
// digest of those of its parts, which are random: no other version has it.
func (v *Vault) completedBefore(ctx context.Context, b Bucket, in CompleteInput) (Version, error) {
	n := nameIn(b, in.Key)
	head, err := getVersion(ctx, v.records, n.head())
	if err != nil {
		return Version{}, err
	}
	if head == nil || head.Marker || head.Parts != len(in.Parts) || head.ETag != listETag(in.Parts) {
		return Version{}, ErrNoUpload
	}
	return head.public(n, true), nil
}

// listETag returns the ETag of a version with these parts, as listed.
func listETag(parts []CompletePart) (etag [16]byte) {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s\n", p.Number, bareETag(p.ETag))
	}
	copy(etag[:], h.Sum(nil))
	return etag
}

func bareETag(etag string) string { return strings.Trim(etag, `"`) }

// checkPartList checks what needs no records.
func checkPartList(in CompleteInput) error {
	if len(in.Parts) == 0 {
		return ErrNoParts
	}
	before := 0
	for _, p := range in.Parts {
		if p.Number < 1 || p.Number > MaxParts {
			return &PartError{Upload: in.ID, Number: p.Number, ETag: p.ETag, Err: ErrPartNumber}
		}
		if p.Number <= before {
			return &PartError{Upload: in.ID, Number: p.Number, ETag: p.ETag, Err: ErrPartOrder}
		}
		before = p.Number
	}
	return nil
}

// A completion is the parts of one upload held against the client's list.
type completion struct {
	in      CompleteInput
	up      uploadRecord
	minPart int64 // bytes, of all parts but the last

	sum    *wholeChecksum // nil if the parts have none in common
	index  partIndex
	size   int64       // of the parts listed, bytes
	listed int         // how many of them were found
	excess []partEntry // not listed
	spare  int64       // bytes of those
}

// read goes through all parts of the upload, in pages, within the
// transaction: a part that arrives meanwhile is a conflict.
func (c *completion) read(ctx context.Context, tx records.Tx) error {
	if err := c.beginSum(); err != nil {
		return err
	}
	want := c.in.Parts
	err := eachRecord(ctx, tx, records.Range{Start: partKey(c.up.Blob, 1), End: partsEnd(c.up.Blob)}, func(e records.Entry) error {
		p, err := decodePart(e)
		if err != nil {
			return err
		}
		if len(want) > 0 && want[0].Number < int(p.Number) {
			return c.wrong(want[0], 0, ErrInvalidPart)
		}
		if len(want) == 0 || want[0].Number > int(p.Number) {
			c.excess = append(c.excess, p)
			c.spare += p.Size
			return nil
		}
		if err := c.take(want[0], p, len(want) == 1); err != nil {
			return err
		}
		want = want[1:]
		return nil
	})
	if err != nil {
		return err
	}
	if len(want) > 0 {
		return c.wrong(want[0], 0, ErrInvalidPart)
	}
	if c.in.Size >= 0 && c.in.Size != c.size {
		return fmt.Errorf("%w: %d bytes, not %d", ErrUploadSize, c.size, c.in.Size)
	}
	return nil
}

// beginSum decides which checksum the whole object gets: the one that the
// upload asked for, or CRC64NVME of the whole if its parts have that.
func (c *completion) beginSum() (err error) {
	algorithm, composite := c.up.Algorithm, c.up.Composite
	if algorithm == "" {
		algorithm, composite = "CRC64NVME", false
	}
	c.sum, err = newWholeChecksum(algorithm, composite)
	return err
}

// take holds one part against its line of the list.
func (c *completion) take(line CompletePart, p partEntry, last bool) error {
	if bareETag(line.ETag) != p.etag() {
		return c.wrong(line, p.Size, ErrInvalidPart)
	}
	if line.Checksum.Value != "" && (line.Checksum.Algorithm != p.Checksum.Algorithm || line.Checksum.Value != p.Checksum.Value) {
		return c.wrong(line, p.Size, ErrInvalidPart)
	}
	if !last && p.Size < c.minPart {
		return c.wrong(line, p.Size, ErrPartTooSmall)
	}
	switch {
	case c.sum == nil:
	case p.Checksum.Algorithm == c.sum.algorithm:
		if err := c.sum.add(p.Checksum.Value, p.Size); err != nil {
			return fmt.Errorf("part %d: %w", p.Number, err)
		}
	case c.up.Algorithm != "":
		return c.wrong(line, p.Size, ErrPartChecksum)
	default:
		c.sum = nil // a part without: the object gets none
	}
	c.index.add(c.listed, p.Number, c.size)
	c.size += p.Size
	c.listed++
	return nil
}

func (c *completion) wrong(line CompletePart, size int64, err error) error {
	return &PartError{Upload: c.in.ID, Number: line.Number, ETag: line.ETag, Size: size, Err: err}
}

// checksum returns the whole object's checksum, or [ErrChecksum] if it is not
// the one that the client sent.
func (c *completion) checksum() (Checksum, error) {
	if c.sum == nil {
		return Checksum{}, nil
	}
	sum := Checksum{Algorithm: c.sum.algorithm, Value: c.sum.value(), Composite: c.sum.composite != nil}
	if sent := c.in.Checksum; sent.Value != "" {
		bare, _, _ := strings.Cut(sum.Value, "-")
		if sent.Algorithm != sum.Algorithm || sent.Value != sum.Value && !(sum.Composite && sent.Value == bare) {
			return Checksum{}, ErrChecksum
		}
	}
	return sum, nil
}
