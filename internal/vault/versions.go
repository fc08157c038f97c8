package vault

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"writ"
	"writ/internal/records"
)

// checkKey returns [ErrKey] for what is no key of an object. NUL is refused
// since it ends keys in the records.
func checkKey(key writ.ObjectKey) error {
	if key == "" || len(key) > 1024 || !utf8.ValidString(string(key)) {
		return ErrKey
	}
	for i := range len(key) {
		if key[i] == 0 {
			return ErrKey
		}
	}
	return nil
}

func (n name) head() []byte            { return headKey(n.owner, n.bucket, n.key) }
func (n name) version(at stamp) []byte { return versionKey(n.owner, n.bucket, n.key, at) }

// nameIn is the name of an object in a bucket.
func nameIn(b Bucket, key writ.ObjectKey) name {
	return name{owner: b.Owner, bucket: b.Name, key: key}
}

// decodeVersion reads a version from its record, a head's or an older one's.
func decodeVersion(key, value []byte) (n name, r *versionRecord, err error) {
	if len(key) > 0 && key[0] == tagHead {
		n, err = parseHead(key)
	} else {
		n, _, err = parseVersion(key)
	}
	if err != nil {
		return n, nil, err
	}
	r = new(versionRecord)
	return n, r, decode(value, r)
}

// getVersion reads the version at a record's key; nil if there is none.
func getVersion(ctx context.Context, from records.Reader, key []byte) (*versionRecord, error) {
	value, err := from.Get(ctx, key)
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read version: %w", recordsError(err))
	}
	r := new(versionRecord)
	return r, decode(value, r)
}

// findIdentity returns the version with that identity and the key of the
// record in which it lies; nil if there is none.
func findIdentity(ctx context.Context, from records.Reader, identity []byte) (key []byte, r *versionRecord, err error) {
	n, at, err := parseVersion(identity)
	if err != nil {
		return nil, nil, err
	}
	if r, err = getVersion(ctx, from, n.head()); err != nil || r == nil {
		return nil, nil, err
	}
	if r.Stamp == at {
		return n.head(), r, nil
	}
	if r, err = getVersion(ctx, from, identity); err != nil || r == nil {
		return nil, nil, err
	}
	return identity, r, nil
}

// A found version is one with the head of its key, which it may be itself.
type found struct {
	*versionRecord
	head *versionRecord
}

func (f found) latest() bool { return f.versionRecord == f.head }

// key returns where the version lies.
func (f found) key(n name) []byte {
	if f.latest() {
		return n.head()
	}
	return n.version(f.Stamp)
}

// find returns the version with that id, the newest for "". It fails with
// [ErrNoKey], [ErrNoVersion] or [ErrVersion]; a delete marker is no error.
func find(ctx context.Context, from records.Reader, n name, id writ.VersionID) (found, error) {
	var at stamp
	var err error
	if id != "" && id != writ.NullVersion {
		if at, err = parseStamp(id); err != nil {
			return found{}, err
		}
	}
	head, err := getVersion(ctx, from, n.head())
	if err != nil {
		return found{}, err
	}
	switch {
	case head == nil && id == "":
		return found{}, ErrNoKey
	case head == nil:
		return found{}, ErrNoVersion
	case id == "", id == writ.NullVersion && head.Null, at == head.Stamp && !head.Null:
		return found{head, head}, nil
	case id == writ.NullVersion:
		at = head.NullAt
	}
	if at.isZero() || at.after(head.Stamp) {
		return found{}, ErrNoVersion
	}
	r, err := getVersion(ctx, from, n.version(at))
	if err != nil {
		return found{}, err
	}
	if r == nil || r.Null != (id == writ.NullVersion) {
		return found{}, ErrNoVersion
	}
	return found{r, head}, nil
}

// findData is find for who wants data: a delete marker is a [MarkerError].
func findData(ctx context.Context, from records.Reader, n name, id writ.VersionID) (found, error) {
	f, err := find(ctx, from, n, id)
	if err == nil && f.Marker {
		return found{}, &MarkerError{Version: f.public(n, f.latest()), Current: id == ""}
	}
	return f, err
}

// writeConditions are those of a write on the version that is current.
type writeConditions struct{ ifMatch, ifNoneMatch string }

func (c writeConditions) none() bool { return c == writeConditions{} }

// judge holds the conditions against the head, nil if there is none.
func (c writeConditions) judge(head *versionRecord) error {
	exists := head != nil && !head.Marker
	switch {
	case c.ifMatch != "" && !exists:
		return ErrNoKey
	case c.ifMatch != "" && !matches(c.ifMatch, head.etag()):
		return ErrPrecondition
	case c.ifNoneMatch != "" && exists && matches(c.ifNoneMatch, head.etag()):
		return ErrPrecondition
	}
	return nil
}

// makeVisible makes r the newest version of its key: it judges the
// conditions, gives r its stamp and, if it has none, the bucket's default
// retention, removes the null version where r replaces it, and counts. sealed
// is the value of r's record of inline data, with room for the identity (see
// inlineRoom), nil if r is not inline. It returns r as it will be.
func (v *Vault) makeVisible(ctx context.Context, tx records.Tx, b Bucket, key writ.ObjectKey, r versionRecord, data []byte, c writeConditions, ch *change) (Version, error) {
	b, err := v.requireBucket(ctx, tx, b)
	if err != nil {
		return Version{}, err
	}
	n := nameIn(b, key)
	head, err := getVersion(ctx, tx, n.head())
	if err != nil {
		return Version{}, err
	}
	if err := c.judge(head); err != nil {
		return Version{}, err
	}
	if err := v.newRetention(b, &r); err != nil {
		return Version{}, err
	}
	return v.succeed(ctx, tx, b, n, head, r, data, ch)
}

// newRetention gives a new version the bucket's default retention, if it asks
// for none.
func (v *Vault) newRetention(b Bucket, r *versionRecord) error {
	if r.Marker {
		return nil
	}
	asked := &r.Draft.Retention
	if !b.Lock.Enabled {
		if asked.Mode != NoLock || r.Draft.LegalHold {
			return ErrNoLock
		}
		return nil
	}
	if d := b.Lock.Default; d != nil && asked.Mode == NoLock {
		*asked = Retention{Mode: d.Mode, Until: v.now().UTC().AddDate(int(d.Years), 0, int(d.Days))}
	}
	return nil
}

// succeed puts r in the head's place.
func (v *Vault) succeed(ctx context.Context, tx records.Tx, b Bucket, n name, head *versionRecord, r versionRecord, data []byte, ch *change) (Version, error) {
	now := v.now()
	r.Modified = now.UnixNano()
	r.Stamp = v.stamps.make(now)
	r.Null = b.Versioning != VersioningEnabled
	if head != nil {
		if !r.Stamp.after(head.Stamp) {
			r.Stamp = head.Stamp.next()
		}
		if err := v.supersede(ctx, tx, n, head, &r, ch); err != nil {
			return Version{}, err
		}
	}
	identity := n.version(r.Stamp)
	switch ref, is, err := r.ref(); {
	case err != nil:
		return Version{}, err
	case is:
		tx.Put(ownerKey(ref), identity)
	case r.Parts > 0:
		tx.Put(partsOwnerKey(r.Blob), identity)
	case data != nil:
		fillIdentity(data, identity)
		tx.Put(dataKey(r.Modified, r.Blob), data)
	}
	if err := v.settle(ctx, n, &r, ch); err != nil {
		return Version{}, err
	}
	tx.Put(n.head(), encode(&r))
	ch.Bytes += r.Size
	ch.Objects++
	return r.public(n, true), nil
}

// supersede moves the head among the older versions, or removes it if r is a
// null version and it is too; and removes an older null version if r is one.
func (v *Vault) supersede(ctx context.Context, tx records.Tx, n name, head, r *versionRecord, ch *change) error {
	if r.Null {
		old, at := head, []byte(nil)
		if !head.Null {
			old = nil
			if !head.NullAt.isZero() {
				at = n.version(head.NullAt)
				var err error
				if old, err = getVersion(ctx, tx, at); err != nil {
					return err
				}
			}
		}
		if old != nil {
			if old.locked(v.now(), false) {
				return ErrLocked
			}
			if err := v.vanish(ctx, tx, n, old, ch); err != nil {
				return err
			}
			if at == nil {
				return nil // the head's record is overwritten
			}
			tx.Delete(at)
		}
	} else if head.Null {
		r.NullAt = head.Stamp
	} else {
		r.NullAt = head.NullAt
	}
	older := *head
	older.NullAt, older.Since = stamp{}, r.Modified
	tx.Put(n.version(older.Stamp), encode(&older))
	return nil
}

// vanish releases what of a version lies outside its record, and counts.
func (v *Vault) vanish(ctx context.Context, tx records.Tx, n name, r *versionRecord, ch *change) error {
	f, err := v.letGo(ctx, tx, n, r)
	if err != nil {
		return err
	}
	ch.freed.add(f)
	ch.Bytes -= r.Size
	ch.Objects--
	return nil
}

// remove removes one version for ever. If it was the newest, the one before
// takes its place.
func (v *Vault) remove(ctx context.Context, tx records.Tx, n name, f found, ch *change) error {
	if err := v.vanish(ctx, tx, n, f.versionRecord, ch); err != nil {
		return err
	}
	if !f.latest() {
		tx.Delete(n.version(f.Stamp))
		if f.head.NullAt == f.Stamp {
			head := *f.head
			head.NullAt = stamp{}
			tx.Put(n.head(), encode(&head))
		}
		return nil
	}
	r := records.Prefix(keyVersionsPrefix(n.owner, n.bucket, n.key))
	r.Limit = 1
	older, _, err := tx.Scan(ctx, r)
	if err != nil {
		return err
	}
	if len(older) == 0 {
		tx.Delete(n.head())
		return nil
	}
	_, next, err := decodeVersion(older[0].Key, older[0].Value)
	if err != nil {
		return err
	}
	if next.Since = 0; !next.Null {
		next.NullAt = f.head.NullAt
	}
	if err := v.settle(ctx, n, next, ch); err != nil {
		return err
	}
	tx.Delete(older[0].Key)
	tx.Put(n.head(), encode(next))
	return nil
}

// locked reports whether the version may not be removed at now.
func (r *versionRecord) locked(now time.Time, bypassGovernance bool) bool {
	if r.Draft.LegalHold {
		return true
	}
	until := r.Draft.Retention
	if until.Mode == NoLock || !until.Until.After(now) {
		return false
	}
	return until.Mode == Compliance || !bypassGovernance
}
