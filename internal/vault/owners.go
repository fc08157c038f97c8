package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

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
		o.v.disown(tx, from)
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
func (v *Vault) disown(tx records.Tx, ref blob.Ref) {
	tx.Delete(ownerKey(ref))
	if ref.Kind == blob.Segment {
		tx.Put(deadKey(ref), v.deadNow())
	}
}

// deadNow is the value of a dead record: when the blob was deleted.
func (v *Vault) deadNow() []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(v.now().UnixNano()))
}

// abandon gives up blobs that were written and never came into a record.
func (v *Vault) abandon(ctx context.Context, refs ...blob.Ref) {
	ctx = context.WithoutCancel(ctx)
	var b records.Batch
	for _, ref := range refs {
		if ref.Kind == blob.Segment {
			b.Put(deadKey(ref), v.deadNow())
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

// deadFor is how long the dead records of a segment in which nothing is alive
// are kept: it is gone by then, however often reclaim runs.
const deadFor = 24 * time.Hour

// buryDead removes the dead records of segments that are gone: of those in
// which nothing is owned, and nothing was for a day.
func (v *Vault) buryDead(ctx context.Context) error {
	r := records.Prefix([]byte{tagDead})
	long := v.now().Add(-deadFor).UnixNano()
	var volume []byte // whose dead records are met
	var gone bool     // whether it may be buried, as far as is known
	var first []byte  // its first dead record
	bury := func() error {
		if !gone {
			return nil
		}
		return v.buryVolume(ctx, records.Range{Start: first, End: records.PrefixEnd(volume)})
	}
	err := eachRecord(ctx, v.records, r, func(e records.Entry) error {
		if this := deadVolume(e.Key); !bytes.Equal(this, volume) {
			if err := bury(); err != nil {
				return err
			}
			volume, first = this, e.Key
			owned, err := v.volumeOwned(ctx, this)
			if err != nil {
				return err
			}
			gone = !owned
		}
		gone = gone && len(e.Value) == 8 && int64(binary.BigEndian.Uint64(e.Value)) < long
		return nil
	})
	if err != nil {
		return err
	}
	return bury()
}

// volumeOwned reports whether a blob in the segment is owned, given what its
// dead records begin with.
func (v *Vault) volumeOwned(ctx context.Context, dead []byte) (bool, error) {
	owner := append([]byte{tagOwner}, dead[1:]...)
	r := records.Prefix(owner)
	r.Limit, r.KeysOnly = 1, true
	entries, _, err := v.records.Scan(ctx, r)
	return len(entries) > 0, recordsError(err)
}

func (v *Vault) buryVolume(ctx context.Context, r records.Range) error {
	r.KeysOnly = true
	return eachPage(ctx, v.records, r, func(page []records.Entry) error {
		var b records.Batch
		for _, e := range page {
			b.Delete(e.Key)
		}
		return recordsError(v.records.Apply(ctx, &b))
	})
}
