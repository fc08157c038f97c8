package monitor

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"writ/internal/access"
	"writ/internal/bundle"
	"writ/internal/monitor/monitortest"
	"writ/internal/proof"
)

// tale is a log with two customers' journals in its batches.
func tale(t testing.TB) (r *rig, clinic, press *monitortest.Customer) {
	r = newRig(t, 2)
	clinic, press = r.Customer(), r.Customer()
	for i := range 6 {
		r.must(clinic.Use(i % 4))
		r.must(press.Use(2))
		r.batches(1)
	}
	r.policy(nil)
	r.batches(1)
	r.must(clinic.Use(1))
	r.publish()
	// The two batches before it was a customer show nothing of it.
	return r, clinic, press
}

// check checks a bundle against the log as it is published.
func (r *rig) check(b []byte, asked Asked) (*Checked, error) {
	r.t.Helper()
	return r.open(Folder(r.dir)).Journal(r.t.Context(), bytes.NewReader(b), asked)
}

func number(n uint64) *uint64 { return &n }

func TestJournal(t *testing.T) {
	r, clinic, _ := tale(t)
	var entries []access.Entry
	got, err := r.check(bundleOf(t, clinic, 0, 0, 0), Asked{Customer: clinic.ID, Since: number(0), Entry: func(e access.Entry) error {
		entries = append(entries, e)
		return nil
	}})
	r.must(err)
	if !slices.Equal(entries, clinic.Entries) || got.Entries != 8 || got.Seq != 8 || got.Committed != 7 || got.Since != 0 ||
		got.FromBatch != 3 || got.Batches != 7 || got.Batch != 9 || got.Behind != 0 {
		t.Errorf("%d entries, %+v", len(entries), got)
	}
	// From the middle; and with the first entries dropped, if nobody counts on them.
	if got, err := r.check(bundleOf(t, clinic, 3, 0, 0), Asked{Since: number(3)}); err != nil || got.Entries != 5 || got.Since != 3 {
		t.Errorf("from the middle: %+v, %v", got, err)
	}
	if got, err := r.check(bundleOf(t, clinic, 0, 0, 5), Asked{}); err != nil || got.Entries != 3 || got.Since != 5 || got.Gap == nil {
		t.Errorf("with dropped entries: %+v, %v", got, err)
	}
	if _, err := r.check(bundleOf(t, clinic, 0, 0, 5), Asked{Since: number(0)}); !errors.Is(err, access.ErrChain) {
		t.Errorf("with dropped entries, from the first: %v", err)
	}
}

// TestVisits: each visit goes on where the one before ended, and notices when
// history is another.
func TestVisits(t *testing.T) {
	r, clinic, _ := tale(t)
	got, err := r.check(bundleOf(t, clinic, 0, 0, 0), Asked{})
	r.must(err)
	before := got.Remember
	r.must(clinic.Use(3))
	r.batches(2)
	r.publish()
	honest := bundleOf(t, clinic, before.Proven, before.Batches+1, 0)
	got, err = r.check(honest, Asked{Before: before})
	if err != nil || got.Entries != 4 || got.Batches != 2 || got.Since != 7 {
		t.Fatalf("%+v, %v", got, err)
	}

	wrong := func(change func(*Journal)) *Journal {
		b := *before
		change(&b)
		return &b
	}
	for name, c := range map[string]struct {
		bundle []byte
		asked  Asked
		want   error
	}{
		"the last entry is another":  {honest, Asked{Before: wrong(func(j *Journal) { j.Head = make([]byte, 32) })}, access.ErrChain},
		"the proven one is another":  {honest, Asked{Before: wrong(func(j *Journal) { j.Hash = make([]byte, 32) })}, access.ErrChain},
		"the journal was longer":     {honest, Asked{Before: wrong(func(j *Journal) { j.Seq = 40 })}, access.ErrChain},
		"another label":              {honest, Asked{Before: wrong(func(j *Journal) { j.Label = make([]byte, 32) })}, ErrJournal},
		"entries between left out":   {bundleOf(t, clinic, 9, 0, 0), Asked{Before: before}, ErrJournal},
		"batches between left out":   {bundleOf(t, clinic, 7, 11, 0), Asked{Before: before}, ErrJournal},
		"what was seen was dropped":  {bundleOf(t, clinic, 7, 0, 9), Asked{Before: before}, access.ErrChain},
		"begins later than is asked": {honest, Asked{Since: number(2)}, ErrJournal},
	} {
		if got, err := r.check(c.bundle, c.asked); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.want)
		}
	}
}

// TestHostileBundles: bundles of a server that lies.
func TestHostileBundles(t *testing.T) {
	r, clinic, press := tale(t)
	write := func(change func(h *bundle.Header, batches []bundle.Batch) []bundle.Batch) []byte {
		t.Helper()
		h := clinic.Header(0, 3)
		batches := change(&h, slices.Clone(clinic.Batches))
		for i := range batches {
			batches[i].N = 3 + uint64(i)
		}
		var b bytes.Buffer
		r.must(bundle.Write(&b, h, clinic.Head(uint64(len(clinic.Entries))), each(clinic.Entries), each(batches)))
		return b.Bytes()
	}
	same := func(h *bundle.Header, b []bundle.Batch) []bundle.Batch { return b }
	if _, err := r.check(write(same), Asked{}); err != nil {
		t.Fatal(err)
	}
	// A journal in which an entry was changed, and everything after it anew.
	forged := *clinic
	forged.Entries = slices.Clone(clinic.Entries)
	h := clinic.Head(3)
	for i := 3; i < len(forged.Entries); i++ {
		e := &forged.Entries[i]
		e.Key, e.Previous = "harmless", h.Hash
		h.Follow(e.Append(nil))
	}
	var rewritten bytes.Buffer
	r.must(bundle.Write(&rewritten, clinic.Header(0, 3), h, each(forged.Entries), each(clinic.Batches[:3])))
	var shown []bundle.Batch
	at := clinic.Head(0)
	for _, b := range clinic.Batches {
		for at.Seq < b.Seq {
			at.Follow(forged.Entries[at.Seq].Append(nil))
		}
		b.Head = bytes.Clone(at.Hash[:])
		shown = append(shown, b)
	}
	var consistent bytes.Buffer
	r.must(bundle.Write(&consistent, clinic.Header(0, 3), h, each(forged.Entries), each(shown)))

	for name, c := range map[string]struct {
		bundle []byte
		asked  Asked
		want   error
	}{
		"another customer's": {bundleOf(t, press, 0, 0, 0), Asked{Customer: clinic.ID}, ErrJournal},
		"another log's": {write(func(h *bundle.Header, b []bundle.Batch) []bundle.Batch {
			h.Origin = "ledger.fernhill.example"
			return b
		}), Asked{}, ErrJournal},
		"another label key":       {write(func(h *bundle.Header, b []bundle.Batch) []bundle.Batch { h.LabelKey = press.LabelKey[:]; return b }), Asked{}, proof.ErrSlot},
		"rewritten, shown anew":   {consistent.Bytes(), Asked{}, proof.ErrSlot},
		"another customer's path": {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[2].Path = press.Batches[2].Path; return b }), Asked{}, proof.ErrSlot},
		"another slot's path":     {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[2].SlotPath = b[3].SlotPath; return b }), Asked{}, proof.ErrSlot},
		"fewer slots":             {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[2].Slots = 8; return b }), Asked{}, proof.ErrSlot},
		"a batch that is lost":    {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[2].Path = nil; return b }), Asked{}, ErrLost},
		"a lost batch elsewhere":  {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[2].Path, b[2].Index = nil, 1; return b }), Asked{Lost: true}, proof.ErrInclusion},
		"another index":           {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[0].Index--; return b }), Asked{}, proof.ErrInclusion},
		"the index of a policy":   {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[6].Index--; return b }), Asked{}, proof.ErrInclusion},
		"an index behind the log": {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[6].Index = 1 << 40; return b }), Asked{}, proof.ErrInclusion},
		"indices that go back":    {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[3].Index = b[2].Index; return b }), Asked{}, proof.ErrInclusion},
		"a batch left out": {write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch {
			return slices.Delete(b, 2, 3)
		}), Asked{}, proof.ErrInclusion},
		"the first batch as an earlier one": {write(func(h *bundle.Header, b []bundle.Batch) []bundle.Batch { return append([]bundle.Batch{b[0]}, b...) }), Asked{}, proof.ErrInclusion},
		"batches that aren't there yet": {func() []byte {
			var b bytes.Buffer
			r.must(bundle.Write(&b, clinic.Header(0, 99), clinic.Head(8), each(clinic.Entries), each([]bundle.Batch{})))
			return b.Bytes()
		}(), Asked{}, ErrJournal},
	} {
		if got, err := r.check(c.bundle, c.asked); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.want)
		}
	}
	// What is lost can be accepted, and is told.
	twoLost := write(func(_ *bundle.Header, b []bundle.Batch) []bundle.Batch { b[5].Path, b[6].Path = nil, nil; return b })
	if got, err := r.check(twoLost, Asked{Lost: true}); err != nil || got.Lost != 2 || got.Batches != 7 || got.Committed != 6 || got.Remember.Proven != 6 {
		t.Errorf("two batches lost: %+v, %v", got, err)
	}
	// What follows no batch is not refused, and not said to be committed; that
	// batches were published which say otherwise is told.
	got, err := r.check(rewritten.Bytes(), Asked{})
	if err != nil || got.Behind != 4 || got.Committed >= 4 {
		t.Errorf("rewritten behind the last batch shown: %+v, %v", got, err)
	}
	// A leaf that the log serves otherwise than it committed to.
	r.edit("tile/entries/000.p/11", func(b []byte) []byte { return bytes.Replace(b, []byte(`"n":5`), []byte(`"n":6`), 1) })
	if _, err := r.check(bundleOf(t, clinic, 0, 0, 0), Asked{}); !errors.Is(err, ErrTile) {
		t.Errorf("a changed leaf: %v", err)
	}
}

// TestNewerBundle: a bundle that is newer than the checkpoint at hand is held
// against a newer one.
func TestNewerBundle(t *testing.T) {
	r, clinic, _ := tale(t)
	l := r.open(Folder(r.dir))
	r.batches(3)
	r.publish()
	b := bundleOf(t, clinic, 0, 0, 0)
	if _, err := l.Journal(t.Context(), bytes.NewReader(b), Asked{}); !errors.Is(err, proof.ErrInclusion) {
		t.Errorf("newer than the log: %v", err)
	}
	got, err := l.Journal(t.Context(), bytes.NewReader(b), Asked{Newer: func(context.Context) (*Log, error) { return r.open(Folder(r.dir)), nil }})
	if err != nil || got.Batch != 12 {
		t.Errorf("with a newer log: %+v, %v", got, err)
	}
	stop := errors.New("enough")
	if _, err := r.check(b, Asked{Entry: func(access.Entry) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
	for _, n := range []int{1, 100, len(b) / 2, len(b) - 1} {
		if _, err := r.check(b[:n], Asked{}); !errors.Is(err, bundle.ErrCut) {
			t.Errorf("cut after %d: %v", n, err)
		}
	}
	if _, err := r.check([]byte(strings.Repeat("[", 1<<20)), Asked{}); !errors.Is(err, bundle.ErrForm) {
		t.Errorf("nonsense: %v", err)
	}
}

func each[T any](all []T) func(func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}
