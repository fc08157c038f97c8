package vault

import (
	"bytes"
	"context"
	"fmt"

	"writ"
	"writ/internal/records"
)

// A versionsLister goes through the heads of a bucket and the older versions
// side by side.
type versionsLister struct {
	b      Bucket
	g      grouping
	limit  int
	heads  *cursor
	older  *cursor
	base   []byte // of heads
	before stamp  // of the key g.after, only versions older than this; zero: none
	page   VersionsPage
}

// ListVersions lists all versions of a bucket's objects, and delete markers,
// as of one moment.
func (v *Vault) ListVersions(ctx context.Context, s Session, in ListVersionsInput) (VersionsPage, error) {
	b, err := v.Bucket(ctx, in.Bucket)
	if err != nil {
		return VersionsPage{}, err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return VersionsPage{}, err
	}
	snapshot, err := v.records.Snapshot(ctx)
	if err != nil {
		return VersionsPage{}, fmt.Errorf("couldn't list versions: %w", recordsError(err))
	}
	defer snapshot.Close()
	l := &versionsLister{b: b, g: grouping{in.Prefix, in.Delimiter, in.After}, limit: pageSize(in.Max), base: headsPrefix(b.Owner, b.Name)}
	heads := records.Prefix(concat(l.base, in.Prefix))
	older := records.Prefix(concat(versionsPrefix(b.Owner, b.Name), in.Prefix))
	if in.After >= in.Prefix {
		n := nameIn(b, writ.ObjectKey(in.After))
		if in.After != "" && in.Version != "" {
			if l.before, err = marker(ctx, snapshot, n, in.Version); err != nil {
				return VersionsPage{}, err
			}
		}
		if l.before.isZero() {
			heads.Start = after(n.head())
			older.Start = records.PrefixEnd(keyVersionsPrefix(n.owner, n.bucket, n.key))
		} else {
			heads.Start = n.head()
			older.Start = after(n.version(l.before))
		}
	}
	l.heads = newCursor(ctx, snapshot, heads, l.g.first(l.limit))
	l.older = newCursor(ctx, snapshot, older, firstPage)
	if err := l.run(); err != nil {
		return VersionsPage{}, err
	}
	return l.page, nil
}

// marker returns the stamp of the version that a page begins behind; zero if
// it was the null version and is gone, which begins behind its key.
func marker(ctx context.Context, from records.Reader, n name, id writ.VersionID) (stamp, error) {
	if id != writ.NullVersion {
		return parseStamp(id)
	}
	head, err := getVersion(ctx, from, n.head())
	if err != nil || head == nil {
		return stamp{}, err
	}
	if head.Null {
		return head.Stamp, nil
	}
	return head.NullAt, nil
}

// run fills the page.
func (l *versionsLister) run() error {
	for !l.page.Truncated {
		e, err := l.heads.peek()
		if e == nil || err != nil {
			return err
		}
		key := string(e.Key[len(l.base):])
		if common := l.g.common(key); common != "" {
			if common > l.g.after && !l.full() {
				l.page.Prefixes = append(l.page.Prefixes, common)
				l.page.Next, l.page.NextVersion = common, ""
			}
			l.heads.seek(records.PrefixEnd(concat(l.base, common)))
			l.older.seek(records.PrefixEnd(concat(versionsPrefix(l.b.Owner, l.b.Name), common)))
			continue
		}
		if err := l.key(key, e.Value); err != nil {
			return err
		}
		l.heads.skip()
	}
	return nil
}

// full reports whether there is no room for what comes next, and notes that
// there is something.
func (l *versionsLister) full() bool {
	l.page.Truncated = len(l.page.Versions)+len(l.page.Prefixes) == l.limit
	return l.page.Truncated
}

// key lists the versions of one key, the newest first.
func (l *versionsLister) key(key string, head []byte) error {
	if err := l.add(key, head, true); err != nil {
		return err
	}
	prefix := keyVersionsPrefix(l.b.Owner, l.b.Name, writ.ObjectKey(key))
	l.older.seek(prefix)
	for !l.page.Truncated {
		e, err := l.older.peek()
		if e == nil || err != nil || !bytes.HasPrefix(e.Key, prefix) {
			return err
		}
		if err := l.add(key, e.Value, false); err != nil {
			return err
		}
		l.older.skip()
	}
	return nil
}

// add lists one version, unless it comes before where the page begins.
func (l *versionsLister) add(key string, value []byte, latest bool) error {
	var r listedRecord
	if err := decode(value, &r); err != nil {
		return err
	}
	if key == l.g.after && !l.before.after(r.Stamp) || l.full() {
		return nil
	}
	l.page.Versions = r.list(l.page.Versions, l.b, key, latest)
	l.page.Next = key
	l.page.NextVersion = l.page.Versions[len(l.page.Versions)-1].ObjectRef.Version
	return nil
}
