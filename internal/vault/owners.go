package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

// Reclaimed says what one [Vault.Reclaim] brought back. These are figures of
// the disk: beside what was deleted they tell what is preserved, and are not to
// be shown outside of the docket.
type Reclaimed struct {
	Parts    int   // parts of removed versions and uploads
	Segments int   // segments removed
	Files    int   // files without a record
	Moved    int   // blobs copied to another segment
	Bytes    int64 // bytes freed, less those that the moved blobs took
}

// Reclaim brings back the space of what was deleted, while traffic goes on.
// progress is told thousandths.
func (v *Vault) Reclaim(ctx context.Context, progress Progress) (Reclaimed, error) {
	var r Reclaimed
	var err error
	if r.Parts, err = v.sweepDrops(ctx); err != nil {
		v.noteRun(ctx, JobReclaim, err, func(*runRecord) {})
		return r, err
	}
	done, err := v.blobs.Reclaim(ctx, owners{v}, func(done, total int64) {
		progress.report("reclaim", 1000*done/max(total, 1), 1000)
	})
	r.Segments, r.Files, r.Moved, r.Bytes = done.Segments, done.Files, done.Moved, done.Bytes
	if err != nil {
		err = fmt.Errorf("couldn't reclaim everything: %w", blobError(err))
	}
	if buried := v.buryDead(ctx); buried != nil {
		err = errors.Join(err, buried)
	}
	v.log.DebugContext(ctx, "reclaimed")
	v.noteRun(ctx, JobReclaim, err, func(*runRecord) {})
	return r, err
}

// buriedAfter is for how long nothing must have been owned in a segment, as
// seen by one reclaim after the other, until its dead records are removed. It
// is gone by then: that is longer than the grace and the linger of the store.
const buriedAfter = 3 * time.Hour

// graves are the segments in which nothing is owned, and since when that is
// known, by what their dead records begin with.
type graves struct {
	mu    sync.Mutex // guards since
	since map[string]time.Time
	after time.Duration // [buriedAfter], but in tests
}

// buryDead removes the dead records of segments that are gone.
func (v *Vault) buryDead(ctx context.Context) error {
	v.graves.mu.Lock()
	defer v.graves.mu.Unlock()
	seen := make(map[string]time.Time)
	start := []byte{tagDead}
	for {
		entries, _, err := v.records.Scan(ctx, records.Range{Start: start, End: []byte{tagDead + 1}, Limit: 1, KeysOnly: true})
		if err != nil {
			return recordsError(err)
		}
		if len(entries) == 0 {
			v.graves.since = seen
			return nil
		}
		volume := deadVolume(entries[0].Key)
		start = records.PrefixEnd(volume)
		owned, err := v.volumeOwned(ctx, volume)
		if err != nil {
			return err
		}
		if owned {
			continue
		}
		since, known := v.graves.since[string(volume)]
		if !known {
			since = time.Now()
		}
		if seen[string(volume)] = since; time.Since(since) < v.graves.after {
			continue
		}
		if err := v.buryVolume(ctx, records.Prefix(volume)); err != nil {
			return err
		}
		delete(seen, string(volume))
	}
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
