package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"writ/internal/blob"
	"writ/internal/records"
)

// Who owns a blob.
//
// Every blob that a record names has an owner record, under the blob's
// reference, whose value is the key of that record: a version's, a part's, or
// a kept version's. Both are written and removed in one transaction. What is
// deleted from a segment leaves a dead record there instead, until the
// segment is rewritten and gone, so that fsck can tell a blob that was deleted
// from one that a crash left behind.

// owners answers to the blob store for the records. It implements
// [blob.Owners].
type owners struct{ v *Vault }

// Owned implements [blob.Owners].
func (o owners) Owned(ctx context.Context, refs []blob.Ref) ([]bool, error) {
	owned := make([]bool, len(refs))
	for i, ref := range refs {
		key, err := ownerOf(ctx, o.v.records, ref)
		if err != nil {
			return nil, err
		}
		owned[i] = key != nil
	}
	return owned, nil
}

// Move implements [blob.Owners].
func (o owners) Move(ctx context.Context, from, to blob.Ref) (moved bool, err error) {
	err = o.v.update(ctx, func(tx records.Tx) error {
		moved = false
		key, err := ownerOf(ctx, tx, from)
		if err != nil || key == nil {
			return err
		}
		if moved, err = repoint(ctx, tx, key, from, to); err != nil || !moved {
			return err
		}
		disown(tx, from)
		tx.Put(ownerKey(to), key)
		return nil
	})
	return moved, err
}

// repoint makes the record with the given identity name to instead of from;
// false if it does not name from.
func repoint(ctx context.Context, tx records.Tx, identity []byte, from, to blob.Ref) (bool, error) {
	toRef, err := to.MarshalBinary()
	if err != nil {
		return false, err
	}
	switch identity[0] {
	case tagVersion:
		key, r, err := findIdentity(ctx, tx, identity)
		if err != nil || r == nil {
			return false, err
		}
		if ref, ok, err := r.ref(); err != nil || !ok || ref != from {
			return false, err
		}
		r.Ref = toRef
		tx.Put(key, encode(r))
		return true, nil
	case tagPart:
		p, err := readPart(ctx, tx, identity)
		if err != nil || p == nil || p.Ref != from {
			return false, err
		}
		p.partRecord.Ref = toRef
		tx.Put(identity, encode(p.partRecord))
		return true, nil
	case tagKept:
		id, err := keptOf(identity)
		if err != nil {
			return false, err
		}
		kept, err := getKept(ctx, tx, id)
		if err != nil || kept == nil || kept.Gone == 0 {
			return false, err
		}
		var r versionRecord
		if err := decode(kept.Record, &r); err != nil {
			return false, err
		}
		if ref, ok, err := r.ref(); err != nil || !ok || ref != from {
			return false, err
		}
		r.Ref = toRef
		kept.Record = encode(&r)
		tx.Put(identity, encode(kept))
		return true, nil
	}
	return false, fmt.Errorf("%w: owner of a blob", ErrCorrupt)
}

// readPart reads a part's record; nil if there is none.
func readPart(ctx context.Context, from records.Reader, key []byte) (*partEntry, error) {
	value, err := from.Get(ctx, key)
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read part: %w", recordsError(err))
	}
	p, err := decodePart(records.Entry{Key: key, Value: value})
	return &p, err
}

// ownerOf returns the key of the record that names a blob, nil if none does.
func ownerOf(ctx context.Context, r records.Reader, ref blob.Ref) ([]byte, error) {
	key, err := r.Get(ctx, ownerKey(ref))
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't find owner of blob: %w", recordsError(err))
	}
	return key, nil
}

// disown removes a blob's owner, in the transaction that removes the blob
// from its record.
func disown(tx records.Tx, ref blob.Ref) {
	tx.Delete(ownerKey(ref))
	if ref.Kind == blob.Segment {
		tx.Put(deadKey(ref), nil)
	}
}

// abandon gives up blobs that were written and never came into a record.
func (v *Vault) abandon(ctx context.Context, refs ...blob.Ref) {
	ctx = context.WithoutCancel(ctx)
	var b records.Batch
	for _, ref := range refs {
		if ref.Kind == blob.Segment {
			b.Put(deadKey(ref), nil)
		}
	}
	if b.Len() > 0 {
		if err := v.records.Apply(ctx, &b); err != nil {
			v.log.WarnContext(ctx, "couldn't note an abandoned blob; fsck will call it an orphan", "error", err)
		}
	}
	v.free(ctx, freed{refs: refs})
}

// Reclaimed says what one [Vault.Reclaim] brought back.
type Reclaimed struct {
	Parts    int   // parts of removed versions and uploads
	Segments int   // segments removed
	Files    int   // files without a record
	Moved    int   // blobs copied to another segment
	Bytes    int64 // bytes freed, less those that the moved blobs took
}

// Reclaim brings back the space of what was deleted, while traffic goes on.
func (v *Vault) Reclaim(ctx context.Context, progress Progress) (Reclaimed, error) {
	var r Reclaimed
	var err error
	if r.Parts, err = v.sweepDrops(ctx); err != nil {
		return r, err
	}
	done, err := v.blobs.Reclaim(ctx, owners{v}, func(done, total int64) { progress.report("reclaim", done, total) })
	r.Segments, r.Files, r.Moved, r.Bytes = done.Segments, done.Files, done.Moved, done.Bytes
	if err != nil {
		err = fmt.Errorf("couldn't reclaim everything: %w", blobError(err))
	}
	if buried := v.buryDead(ctx); buried != nil {
		err = errors.Join(err, buried)
	}
	v.log.LogAttrs(ctx, slog.LevelDebug, "reclaimed", slog.Int("segments", r.Segments), slog.Int("files", r.Files),
		slog.Int("parts", r.Parts), slog.Int64("bytes", r.Bytes))
	return r, err
}

// buryDead removes the dead records of segments that are gone.
func (v *Vault) buryDead(ctx context.Context) error {
	r := records.Prefix([]byte{tagDead})
	r.KeysOnly = true
	var gone []byte // the volume's key prefix that the last look found gone
	var kept []byte // or still there
	return eachPage(ctx, v.records, r, func(page []records.Entry) error {
		var b records.Batch
		for _, e := range page {
			volume := deadVolume(e.Key)
			if !bytes.Equal(volume, gone) && !bytes.Equal(volume, kept) {
				there, err := v.segmentThere(ctx, e.Key)
				if err != nil {
					return err
				}
				if there {
					kept = volume
				} else {
					gone = volume
				}
			}
			if bytes.Equal(volume, gone) {
				b.Delete(e.Key)
			}
		}
		if b.Len() == 0 {
			return nil
		}
		return recordsError(v.records.Apply(ctx, &b))
	})
}

// segmentThere reports whether the segment of a dead record is still there.
func (v *Vault) segmentThere(ctx context.Context, key []byte) (bool, error) {
	ref := blob.Ref{
		Kind:   blob.Kind(key[1]),
		Volume: binary.BigEndian.Uint64(key[2:]),
		Offset: int64(binary.BigEndian.Uint64(key[10:])),
		Length: 1, // not known here, and not looked at where there is no segment
	}
	r, err := v.blobs.Open(ctx, ref)
	if err == nil {
		r.Close()
		return true, nil
	}
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	if errors.Is(err, blob.ErrCorrupt) {
		return true, nil
	}
	return false, blobError(err)
}
