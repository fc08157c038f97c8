// Package recordstest holds what every engine of records must do.
package recordstest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"writ/internal/records"
)

// Conformance runs the whole suite; open returns an empty store, which the
// test closes.
func Conformance(t *testing.T, open func(t *testing.T) records.Store) {
	for name, test := range map[string]func(*testing.T, records.Store){
		"Model": model, "Atomic": atomicBatch, "Counters": counters, "Phantom": phantom,
		"OwnWrites": ownWrites, "Snapshot": snapshots, "Pages": pages, "Values": valueSizes,
		"WriteSkew": writeSkew, "Cancelled": cancelled, "Closed": closed, "Checkpoint": checkpoint,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			defer s.Close()
			test(t, s)
		})
	}
}

func put(t *testing.T, s records.Store, pairs ...string) {
	t.Helper()
	var b records.Batch
	for i := 0; i < len(pairs); i += 2 {
		b.Put([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	if err := s.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, r records.Reader, key string) string {
	t.Helper()
	v, err := r.Get(t.Context(), []byte(key))
	if errors.Is(err, records.ErrNotFound) {
		return "(none)"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// model holds a store against a map through random batches, scans in both
// directions, and pages.
func model(t *testing.T, s records.Store) {
	ctx := context.Background()
	have := map[string]string{}
	key := rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 'b', 0xfe, 0xff}), 1, 4).Draw(t, "key"))
	})
	rapid.Check(t, func(t *rapid.T) {
		var b records.Batch
		for range rapid.IntRange(0, 8).Draw(t, "ops") {
			k := key.Draw(t, "key")
			if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
				b.Delete([]byte(k))
				delete(have, k)
			} else {
				v := rapid.StringN(0, 20, 40).Draw(t, "value")
				b.Put([]byte(k), []byte(v))
				have[k] = v
			}
		}
		if err := s.Apply(ctx, &b); err != nil {
			t.Fatal(err)
		}
		r := records.Range{Start: []byte(key.Draw(t, "start")), Limit: rapid.IntRange(1, 7).Draw(t, "limit"), Reverse: rapid.Bool().Draw(t, "reverse")}
		if rapid.Bool().Draw(t, "bounded") {
			r.End = []byte(key.Draw(t, "end"))
		}
		var want []string
		for k := range have {
			if k >= string(r.Start) && (r.End == nil || k < string(r.End)) {
				want = append(want, k)
			}
		}
		slices.Sort(want)
		if r.Reverse {
			slices.Reverse(want)
		}
		var got []string
		for page := r; ; {
			entries, more, err := s.Scan(ctx, page)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) > r.Limit || more && len(entries) != r.Limit {
				t.Fatalf("a page of %d with a limit of %d, more %v", len(entries), r.Limit, more)
			}
			for _, e := range entries {
				if have[string(e.Key)] != string(e.Value) {
					t.Fatalf("%q is %q, not %q", e.Key, e.Value, have[string(e.Key)])
				}
				got = append(got, string(e.Key))
			}
			if !more {
				break
			}
			if last := entries[len(entries)-1].Key; r.Reverse {
				page.End = last
			} else {
				page.Start = append(bytes.Clone(last), 0)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("scan gives %q, not %q", got, want)
		}
	})
}

func atomicBatch(t *testing.T, s records.Store) {
	put(t, s, "a", "0", "b", "0")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				v := fmt.Sprintf("%d-%d", w, i)
				put(t, s, "a", v, "b", v)
			}
		})
	}
	for range 200 {
		entries, _, err := s.Scan(t.Context(), records.Range{})
		if err != nil || len(entries) != 2 || !bytes.Equal(entries[0].Value, entries[1].Value) {
			t.Errorf("half a batch is seen: %v %v", entries, err)
			break
		}
	}
	wg.Wait()
}

// counters is the lost-update test: concurrent increments all count.
func counters(t *testing.T, s records.Store) {
	const workers, each = 8, 40
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := records.Retry(t.Context(), s, func(tx records.Tx) error {
					v, err := tx.Get(t.Context(), []byte("n"))
					if err != nil && !errors.Is(err, records.ErrNotFound) {
						return err
					}
					var n uint64
					if len(v) == 8 {
						n = binary.BigEndian.Uint64(v)
					}
					tx.Put([]byte("n"), binary.BigEndian.AppendUint64(nil, n+1))
					return nil
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if v := get(t, s, "n"); binary.BigEndian.Uint64([]byte(v)) != workers*each {
		t.Errorf("%d increments counted as %d", workers*each, binary.BigEndian.Uint64([]byte(v)))
	}
}

// between runs an Update in the middle of which another change is applied.
func between(t *testing.T, s records.Store, read func(records.Tx) error, other func()) error {
	t.Helper()
	return s.Update(t.Context(), func(tx records.Tx) error {
		if err := read(tx); err != nil {
			return err
		}
		other()
		tx.Put([]byte("result"), []byte("x"))
		return nil
	})
}

func phantom(t *testing.T, s records.Store) {
	put(t, s, "r/1", "1", "r/3", "3", "z", "z")
	scan := func(tx records.Tx) error {
		_, _, err := tx.Scan(t.Context(), records.Prefix([]byte("r/")))
		return err
	}
	if err := between(t, s, scan, func() { put(t, s, "r/2", "2") }); !errors.Is(err, records.ErrConflict) {
		t.Errorf("a record that appears in a range that was read: %v", err)
	}
	if err := between(t, s, scan, func() {
		var b records.Batch
		b.Delete([]byte("r/3"))
		if err := s.Apply(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}); !errors.Is(err, records.ErrConflict) {
		t.Errorf("a record that vanishes from a range that was read: %v", err)
	}
	if err := between(t, s, scan, func() { put(t, s, "z", "y", "r0", "beside") }); err != nil {
		t.Errorf("a record outside the range: %v", err)
	}
	absent := func(tx records.Tx) error {
		if _, err := tx.Get(t.Context(), []byte("not there")); !errors.Is(err, records.ErrNotFound) {
			return fmt.Errorf("an absent record: %w", err)
		}
		return nil
	}
	if err := between(t, s, absent, func() { put(t, s, "not there", "now") }); !errors.Is(err, records.ErrConflict) {
		t.Errorf("a record that appears where none was read: %v", err)
	}
	// A page that was cut is only read up to its cut.
	page := func(tx records.Tx) error {
		_, _, err := tx.Scan(t.Context(), records.Range{Start: []byte("r/"), Limit: 1})
		return err
	}
	if err := between(t, s, page, func() { put(t, s, "zz", "1") }); err != nil {
		t.Errorf("a record behind the page: %v", err)
	}
}

func ownWrites(t *testing.T, s records.Store) {
	put(t, s, "a", "1", "b", "2", "c", "3")
	err := s.Update(t.Context(), func(tx records.Tx) error {
		tx.Delete([]byte("a"))
		tx.Put([]byte("bb"), []byte("own"))
		tx.Put([]byte("c"), []byte("changed"))
		if v := get(t, tx, "c"); v != "changed" {
			t.Errorf("own write reads as %q", v)
		}
		if v := get(t, tx, "a"); v != "(none)" {
			t.Errorf("own delete reads as %q", v)
		}
		for _, reverse := range []bool{false, true} {
			var got []string
			entries, more, err := tx.Scan(t.Context(), records.Range{Limit: 3, Reverse: reverse})
			if err != nil || more {
				t.Errorf("scan: %v, more %v", err, more)
			}
			for _, e := range entries {
				got = append(got, string(e.Key)+"="+string(e.Value))
			}
			want := []string{"b=2", "bb=own", "c=changed"}
			if reverse {
				slices.Reverse(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("own writes scan as %q", got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no")
	if err := s.Update(t.Context(), func(tx records.Tx) error { tx.Put([]byte("a"), nil); return failed }); !errors.Is(err, failed) {
		t.Errorf("the error of a transaction comes back as %v", err)
	}
	if v := get(t, s, "a"); v != "(none)" {
		t.Errorf("a failed transaction wrote %q", v)
	}
}

func snapshots(t *testing.T, s records.Store) {
	put(t, s, "a", "old")
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", "new", "b", "new")
	if v := get(t, snap, "a"); v != "old" {
		t.Errorf("a snapshot reads %q", v)
	}
	if entries, _, err := snap.Scan(t.Context(), records.Range{KeysOnly: true}); err != nil || len(entries) != 1 || entries[0].Value != nil {
		t.Errorf("a snapshot scans %v, %v", entries, err)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	if _, err := snap.Get(t.Context(), []byte("a")); !errors.Is(err, records.ErrClosed) {
		t.Errorf("a closed snapshot: %v", err)
	}
}

func pages(t *testing.T, s records.Store) {
	var b records.Batch
	for i := range 2500 {
		b.Put(fmt.Appendf(nil, "k%05d", i), nil)
	}
	if err := s.Apply(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	entries, more, err := s.Scan(t.Context(), records.Range{})
	if err != nil || len(entries) != records.DefaultLimit || !more {
		t.Errorf("a page without a limit: %d, more %v, %v", len(entries), more, err)
	}
}

func valueSizes(t *testing.T, s records.Store) {
	for _, n := range []int{0, 1, 4096, 1 << 20, 5 << 20} {
		v := bytes.Repeat([]byte{byte(n), 7}, n/2+1)[:n]
		var b records.Batch
		b.Put([]byte("v"), v)
		if err := s.Apply(t.Context(), &b); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if got, err := s.Get(t.Context(), []byte("v")); err != nil || !bytes.Equal(got, v) {
			t.Errorf("%d bytes come back as %d: %v", n, len(got), err)
		}
	}
}

// writeSkew: two transactions that each read what the other writes.
func writeSkew(t *testing.T, s records.Store) {
	put(t, s, "x", "on", "y", "on")
	off := func(read, write string, other func()) error {
		return s.Update(t.Context(), func(tx records.Tx) error {
			if get(t, tx, read) != "on" {
				return nil
			}
			other()
			tx.Put([]byte(write), []byte("off"))
			return nil
		})
	}
	var inner error
	outer := off("x", "y", func() { inner = off("y", "x", func() {}) })
	if inner != nil || !errors.Is(outer, records.ErrConflict) {
		t.Errorf("both turned the other off: %v, %v", inner, outer)
	}
}

func cancelled(t *testing.T, s records.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b records.Batch
	b.Put([]byte("a"), nil)
	if err := s.Apply(ctx, &b); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	if _, err := s.Get(ctx, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if v := get(t, s, "a"); v != "(none)" {
		t.Error("a cancelled batch was applied")
	}
}

func closed(t *testing.T, s records.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var b records.Batch
	b.Put([]byte("a"), nil)
	_, getErr := s.Get(t.Context(), []byte("a"))
	_, _, scanErr := s.Scan(t.Context(), records.Range{})
	_, snapErr := s.Snapshot(t.Context())
	for what, err := range map[string]error{"apply": s.Apply(t.Context(), &b), "get": getErr, "scan": scanErr, "snapshot": snapErr,
		"update": s.Update(t.Context(), func(records.Tx) error { return nil })} {
		if !errors.Is(err, records.ErrClosed) {
			t.Errorf("%s of a closed store: %v", what, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func checkpoint(t *testing.T, s records.Store) {
	put(t, s, "a", "1")
	dir := filepath.Join(t.TempDir(), "copy")
	if err := s.Checkpoint(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", "2")
	if err := s.Checkpoint(t.Context(), dir); err == nil {
		t.Error("a checkpoint over another is taken")
	}
}
