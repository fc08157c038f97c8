package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"writ/internal/access"
	"writ/internal/proof"
)

// TestRoundTrip: whatever journal, batches, beginning and kept time: what is
// written is read, complete and in order, and each batch leads to its root.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		for range rapid.IntRange(0, 6).Draw(rt, "intervals") {
			r.use(rapid.IntRange(0, 4).Draw(rt, "entries"))
			r.show()
		}
		r.use(rapid.IntRange(0, 2).Draw(rt, "more"))
		all := uint64(len(r.entries))
		after := rapid.Uint64Range(0, all).Draw(rt, "after")
		kept := rapid.Uint64Range(0, all).Draw(rt, "kept")
		batch := uint64(1)
		for batch <= uint64(len(r.batches)) && r.batches[batch-1].Seq < after {
			batch++
		}
		items, at, err := read(iotest.OneByteReader(bytes.NewReader(r.bundle(after, batch, kept))))
		if err != nil || at != r.heads[all] {
			rt.Fatalf("read to %+v of %d: %v", at, all, err)
		}
		next, gap := after+1, false
		for _, item := range items {
			switch {
			case item.Gap != nil:
				gap = true
				if item.Gap.From != after+1 || item.Gap.To != kept {
					rt.Fatalf("gap %+v, kept from %d", item.Gap, kept)
				}
				next = kept + 1
			case item.Entry != nil:
				if *item.Entry != r.entries[next-1] {
					rt.Fatalf("entry %d is %+v", next, item.Entry)
				}
				next++
			default:
				root, err := item.Batch.Root(proof.Label(r.labelKey, origin))
				if err != nil || item.Batch.N != batch || root != r.roots[batch-1] {
					rt.Fatalf("batch %d: %v", batch, err)
				}
				batch++
			}
		}
		if next != all+1 || batch != uint64(len(r.batches))+1 || gap != (kept > after) {
			rt.Fatalf("read up to entry %d and batch %d, gap %t", next-1, batch-1, gap)
		}
	})
}

func sample(t testing.TB) (*rig, []byte) {
	r := newRig(t)
	r.show()
	for range 4 {
		r.use(3)
		r.show()
	}
	r.show()
	r.use(1)
	return r, r.bundle(0, 1, 0)
}

// TestCutAnywhere: no beginning of a bundle is one.
func TestCutAnywhere(t *testing.T) {
	_, whole := sample(t)
	for n := range whole {
		if n%211 != 0 && n > 400 && !bytes.Contains(whole[n-2:min(n+2, len(whole))], []byte("\n")) {
			continue // every line's ends, and a sample of what is between
		}
		if _, _, err := read(bytes.NewReader(whole[:n])); !errors.Is(err, ErrCut) {
			t.Fatalf("cut after %d of %d bytes: %v", n, len(whole), err)
		}
	}
	for n := 0; n < len(whole); n += 997 {
		broken := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(errors.New("the line is dead")))
		if _, _, err := read(broken); err == nil {
			t.Fatalf("broken after %d bytes, and nobody noticed", n)
		}
	}
}

// TestLines: a line that is left out, there twice, or swapped with the next is
// noticed.
func TestLines(t *testing.T) {
	_, whole := sample(t)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	lines = lines[:len(lines)-1]
	for i := range lines {
		for name, bad := range map[string][][]byte{
			"left out": slices.Delete(slices.Clone(lines), i, i+1),
			"twice":    slices.Insert(slices.Clone(lines), i, lines[i]),
			"swapped":  append(append(slices.Clone(lines[:i]), lines[(i+1)%len(lines)], lines[i]), lines[min(i+2, len(lines)):]...),
		} {
			if _, _, err := read(bytes.NewReader(bytes.Join(bad, nil))); !refused(err) {
				t.Errorf("line %d %s: %v", i, name, err)
			}
		}
	}
}

// TestTampered: a bundle in which one byte was changed is refused, or says the
// same, or says it with other proofs, which do not hold.
func TestTampered(t *testing.T) {
	r, whole := sample(t)
	want, head, err := read(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	label := proof.Label(r.labelKey, origin)
	for at := 0; at < len(whole); at += 1 + at%97 {
		bad := bytes.Clone(whole)
		bad[at] ^= 1
		in, err := NewReader(bytes.NewReader(bad))
		if err != nil {
			continue
		}
		if in.Header().Customer != r.customer || in.Header().Origin != origin || !bytes.Equal(in.Header().LabelKey, r.labelKey[:]) {
			continue // compared with what is pinned
		}
		items, got, err := read(bytes.NewReader(bad))
		if err != nil {
			if !refused(err) {
				t.Fatalf("byte %d: %v", at, err)
			}
			continue
		}
		if got != head || len(items) != len(want) {
			t.Fatalf("byte %d: another journal of %d items", at, len(items))
		}
		for i, item := range items {
			if item.Entry != nil && *item.Entry != *want[i].Entry {
				t.Fatalf("byte %d: entry %+v", at, item.Entry)
			}
			if b := item.Batch; b != nil {
				root, err := b.Root(label)
				if same := b.Seq == want[i].Batch.Seq && bytes.Equal(b.Head, want[i].Batch.Head); err == nil && root == r.roots[b.N-1] && !same {
					t.Fatalf("byte %d: batch %d proves %d", at, b.N, b.Seq)
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	r, whole := sample(t)
	edit := func(from, to string) string { return strings.Replace(string(whole), from, to, 1) }
	header, rest, _ := strings.Cut(string(whole), "\n")
	with := func(change func(*Header)) string {
		h := r.header(0, 1)
		change(&h)
		b, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n" + rest
	}
	other, _ := sample(t)
	for name, c := range map[string]struct {
		in   string
		want error
	}{
		"nothing":              {"", ErrCut},
		"another version":      {with(func(h *Header) { h.V = 2 }), ErrForm},
		"a short label key":    {with(func(h *Header) { h.LabelKey = h.LabelKey[1:] }), ErrForm},
		"another customer":     {with(func(h *Header) { h.Customer = other.customer }), access.ErrChain},
		"no customer":          {with(func(h *Header) { h.Customer = "tidewater-press" }), ErrForm},
		"begins later":         {with(func(h *Header) { h.After, h.Previous = 1, r.heads[1].Hash[:] }), ErrHead},
		"another batch first":  {with(func(h *Header) { h.FromBatch = 2 }), ErrBatch},
		"batch none first":     {with(func(h *Header) { h.FromBatch = 0 }), ErrForm},
		"two headers":          {header + "\n" + string(whole), ErrForm},
		"something behind":     {string(whole) + "\n", ErrForm},
		"an empty line":        {edit("\n", "\n\n"), ErrForm},
		"an unknown line":      {edit("\n", "\n{\"more\":1}\n"), ErrForm},
		"two in one line":      {edit(`{"end":`, `{"gap":{"from":1,"to":2},"end":`), ErrForm},
		"a field twice":        {edit(`{"end":`, `{"end":null,"end":`), ErrForm},
		"a gap in the middle":  {edit(`{"end":`, `{"gap":{"from":14,"to":15}}`+"\n"+`{"end":`), access.ErrChain},
		"another end":          {edit(`{"end":{"seq":13`, `{"end":{"seq":12`), ErrHead},
		"fewer batches":        {edit(`"batches":6`, `"batches":5`), ErrBatch},
		"a gap that goes back": {edit("\n", "\n"+`{"gap":{"from":1,"to":0}}`+"\n"), access.ErrChain},
		"no entry":             {edit(`{"entry":"`, `{"entry":"AAAA`), access.ErrForm},
		"many slots":           {edit(`"slots":4`, `"slots":4000000000`), ErrForm},
		"lost out of order":    {edit("\n", "\n"+`{"lost":{"n":9,"index":9}}`+"\n"), ErrBatch},
		"lost and there":       {edit("\n", "\n"+`{"lost":{"n":1,"index":1}}`+"\n"), ErrBatch},
		"negative slots":       {edit(`"slots":4`, `"slots":-4`), ErrForm},
	} {
		if _, _, err := read(strings.NewReader(c.in)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// endless never ends, and counts what was taken.
type endless struct{ n int64 }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '['
	}
	e.n += int64(len(b))
	return len(b), nil
}

func TestHostile(t *testing.T) {
	in := &endless{}
	if _, _, err := read(in); !errors.Is(err, ErrForm) || in.n > 1<<20 {
		t.Errorf("a line without an end: %v after %d bytes", err, in.n)
	}
	_, whole := sample(t)
	in = &endless{}
	if _, _, err := read(io.MultiReader(bytes.NewReader(whole), in)); !errors.Is(err, ErrForm) || in.n > 1<<20 {
		t.Errorf("something endless behind the end: %v after %d bytes", err, in.n)
	}
}

// TestWriteRefuses: what Reader would refuse is not written to its end.
func TestWriteRefuses(t *testing.T) {
	r, _ := sample(t)
	newest := r.heads[len(r.heads)-1]
	without := slices.Delete(slices.Clone(r.entries), 4, 5)
	changed := slices.Clone(r.entries)
	changed[2].Key = "another"
	wrong := slices.Clone(r.batches)
	wrong[3].Head = r.heads[1].Hash[:]
	broken := func(yield func(access.Entry, error) bool) { yield(access.Entry{}, io.ErrClosedPipe) }
	for name, err := range map[string]error{
		"an entry left out": Write(io.Discard, r.header(0, 1), newest, each(without), each(r.batches)),
		"an entry changed":  Write(io.Discard, r.header(0, 1), newest, each(changed), each(r.batches)),
		"another head":      Write(io.Discard, r.header(0, 1), access.Head{Seq: newest.Seq}, each(r.entries), each(r.batches)),
		"a batch left out":  Write(io.Discard, r.header(0, 1), newest, each(r.entries), each(r.batches[1:])),
		"a wrong batch":     Write(io.Discard, r.header(0, 1), newest, each(r.entries), each(wrong)),
		"a broken journal":  Write(io.Discard, r.header(0, 1), newest, broken, each(r.batches)),
		"a batch too early": Write(io.Discard, r.header(5, 1), newest, each(r.entries[5:]), each(r.batches)),
	} {
		if err == nil {
			t.Errorf("%s is written", name)
		}
	}
	// What came after the head is left for the next bundle.
	var b bytes.Buffer
	if err := Write(&b, r.header(0, 1), r.heads[6], each(r.entries), each(r.batches)); err != nil {
		t.Fatal(err)
	}
	items, at, err := read(&b)
	if err != nil || at != r.heads[6] || len(items) != 6+3 {
		t.Errorf("up to entry 6: %d items, %+v, %v", len(items), at, err)
	}
}

// FuzzReader: whatever a server sends, reading it ends, and what is read is a
// chain.
func FuzzReader(f *testing.F) {
	r := newRig(f)
	r.use(2)
	f.Add(r.bundle(0, 1, 1))
	r.show()
	r.use(1)
	f.Add(r.bundle(0, 1, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		items, at, err := read(bytes.NewReader(b))
		if err != nil {
			if !refused(err) {
				t.Fatal(err)
			}
			return
		}
		var last *access.Entry
		for _, item := range items {
			if item.Entry == nil {
				continue
			}
			if last != nil {
				h := access.Head{Seq: last.Seq, Hash: item.Entry.Previous}
				if _, err := h.Follow(item.Entry.Append(nil)); err != nil {
					t.Fatal(err)
				}
			}
			last = item.Entry
		}
		if last != nil && at.Seq != last.Seq {
			t.Fatalf("it ends with %d behind entry %d", at.Seq, last.Seq)
		}
	})
}
