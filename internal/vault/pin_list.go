package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"writ/internal/policy"
	"writ/internal/records"
)

// Preservation returns a preservation, or [ErrNoPreservation].
func (v *Vault) Preservation(ctx context.Context, id string) (Preservation, error) {
	customer, p, err := findPin(ctx, v.records, id)
	if err != nil {
		return Preservation{}, err
	}
	if p == nil {
		return Preservation{ID: id, Customer: customer, Ending: true}, nil
	}
	return p.public(id, customer), nil
}

// A PreservedItem is one version under a preservation. Nothing of the item
// changes as long as it is under it, so that a list made twice is the same
// list: its tags are those that it carried when it came under it.
type PreservedItem struct {
	policy.Item
	Kept time.Time `json:"kept"`          // when it came under its first preservation
	Gone time.Time `json:"gone,omitzero"` // when its owner's copy went; zero while it is there
}

// PreservedPage is a page of what a preservation keeps, in order of bucket and
// key. Next is the marker of the next page, "" if there is none.
type PreservedPage struct {
	Items []PreservedItem `json:"items"`
	Next  string          `json:"next,omitempty"`
}

// Preserved lists what a preservation keeps: at most max versions (1 to
// [MaxList]) after the marker that the page before gave. With the first page,
// what was made till now is in. It leaves no trace in any journal and opens no
// key.
func (v *Vault) Preserved(ctx context.Context, id, after string, max int) (PreservedPage, error) {
	customer, _, err := findPin(ctx, v.records, id)
	if err != nil {
		return PreservedPage{}, err
	}
	if after == "" {
		if err := v.keepAll(ctx, customer); err != nil {
			return PreservedPage{}, err
		}
	}
	r := records.Prefix(pinnedPrefix(id))
	if after != "" {
		marker, err := base64.RawURLEncoding.DecodeString(after)
		if err != nil {
			return PreservedPage{}, fmt.Errorf("%w: not the marker of a page", ErrPreservation)
		}
		r.Start = append(append(r.Start, marker...), 0)
	}
	r.Limit = pageSize(max)
	snap, err := v.records.Snapshot(ctx)
	if err != nil {
		return PreservedPage{}, recordsError(err)
	}
	defer snap.Close()
	entries, more, err := snap.Scan(ctx, r)
	if err != nil {
		return PreservedPage{}, recordsError(err)
	}
	page := PreservedPage{Items: make([]PreservedItem, len(entries))}
	for i, e := range entries {
		if page.Items[i], err = preservedItem(ctx, snap, e); err != nil {
			return PreservedPage{}, err
		}
		if more {
			page.Next = base64.RawURLEncoding.EncodeToString(e.Key[len(pinnedPrefix(id)):])
		}
	}
	return page, nil
}

// preservedItem reads one version under a pin.
func preservedItem(ctx context.Context, snap records.Reader, e records.Entry) (PreservedItem, error) {
	id, err := pinnedBlob(e.Key)
	if err != nil {
		return PreservedItem{}, err
	}
	kept, err := getKept(ctx, snap, id)
	if err != nil {
		return PreservedItem{}, err
	}
	if kept == nil {
		return PreservedItem{}, fmt.Errorf("%w: preserved blob %s has no kept record", ErrCorrupt, id)
	}
	r, err := kept.version(ctx, snap, id)
	if errors.Is(err, errTransientRead) { // a snapshot has both or neither
		err = fmt.Errorf("%w: preserved blob %s has no version", ErrCorrupt, id)
	}
	if err != nil {
		return PreservedItem{}, err
	}
	item := PreservedItem{Item: itemOf(kept.name(), r), Kept: time.Unix(0, kept.Since).UTC()}
	if kept.Gone != 0 {
		item.Gone = time.Unix(0, kept.Gone).UTC()
	}
	if len(e.Value) > 0 {
		var under pinnedRecord
		if err := decode(e.Value, &under); err != nil {
			return PreservedItem{}, err
		}
		item.Tags = under.Tags
	}
	return item, nil
}

// Totals are sums over what a preservation keeps.
type Totals struct {
	Versions  int64     `json:"versions"`
	Bytes     int64     `json:"bytes"`      // of plaintext
	Gone      int64     `json:"gone"`       // of them, versions that their owner has not any more
	GoneBytes int64     `json:"gone_bytes"` // of plaintext
	Oldest    time.Time `json:"oldest,omitzero"`
	Newest    time.Time `json:"newest,omitzero"`
}

// PreservedTotals sums up what a preservation keeps. It reads a record or two
// for each version.
func (v *Vault) PreservedTotals(ctx context.Context, id string) (Totals, error) {
	var t Totals
	for after := ""; ; {
		page, err := v.Preserved(ctx, id, after, MaxList)
		if err != nil {
			return Totals{}, err
		}
		for _, item := range page.Items {
			t.Versions++
			t.Bytes += item.Size
			if !item.Gone.IsZero() {
				t.Gone++
				t.GoneBytes += item.Size
			}
			t.Oldest, t.Newest = widen(t.Oldest, t.Newest, item.Made)
		}
		if after = page.Next; after == "" {
			return t, nil
		}
	}
}

// widen makes a stretch of time reach a moment.
func widen(oldest, newest, at time.Time) (time.Time, time.Time) {
	if oldest.IsZero() || at.Before(oldest) {
		oldest = at
	}
	if at.After(newest) {
		newest = at
	}
	return oldest, newest
}
