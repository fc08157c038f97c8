package gate_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"writ"
	"writ/internal/gate"
)

func movedHeads(t *testing.T, g *gate.Gate) map[writ.CustomerID]gate.JournalHead {
	t.Helper()
	heads, err := g.MovedHeads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for id, head := range heads {
		if now, err := g.JournalHead(id); err != nil || now != head {
			t.Errorf("the head of %s was told as %d and is %d, %v", id, head.Seq, now.Seq, err)
		}
	}
	return heads
}

// TestMovedHeads: all heads are told at the first call, then those that moved;
// a start tells all again, those of the shredded too.
func TestMovedHeads(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	busy, idle, gone := customer(t, g), customer(t, g), customer(t, g)
	blob := writ.NewBlobID()
	_, wrapped, err := g.Seal(ctx, gate.Owner(gone, credential), use(gone, "put", blob))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Pin(ctx, gone, blob, wrapped); err != nil { // the docket's journal moves
		t.Fatal(err)
	}
	if heads := movedHeads(t, g); len(heads) != 3 {
		t.Errorf("the first call tells %d heads of 3", len(heads))
	}
	if heads := movedHeads(t, g); len(heads) != 0 {
		t.Errorf("%d heads moved by themselves", len(heads))
	}
	for range 3 {
		if _, _, err := g.Seal(ctx, gate.Owner(busy, credential), use(busy, "put", writ.NewBlobID())); err != nil {
			t.Fatal(err)
		}
	}
	if heads := movedHeads(t, g); len(heads) != 1 || heads[busy].Seq != 4 {
		t.Errorf("one customer wrote three times: %v", heads)
	}
	if err := g.Shred(ctx, gone); err != nil {
		t.Fatal(err)
	}
	if heads := movedHeads(t, g); len(heads) != 1 || heads[gone].Seq != 3 {
		t.Errorf("a customer was shredded: %v", heads)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	g = open(t, dir)
	if heads := movedHeads(t, g); len(heads) != 3 || heads[busy].Seq != 4 || heads[idle].Seq != 1 || heads[gone].Seq != 3 {
		t.Errorf("after a start: %v", heads)
	}
}

// TestDamagedHeadIsLeftOut: the others' heads are told all the same.
func TestDamagedHeadIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	whole, broken := customer(t, g), customer(t, g)
	label := labelOf(t, dir, func() {
		if _, _, err := g.Seal(ctx, gate.Owner(broken, credential), use(broken, "put", writ.NewBlobID())); err != nil {
			t.Fatal(err)
		}
	})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	tails, err := filepath.Glob(filepath.Join(dir, "journal", label, "*.tail"))
	if err != nil || len(tails) != 1 {
		t.Fatal(tails, err)
	}
	b, err := os.ReadFile(tails[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(tails[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	g = open(t, dir)
	heads, err := g.MovedHeads(ctx)
	if _, told := heads[broken]; err != nil || told || heads[whole].Seq != 1 {
		t.Errorf("heads beside a damaged journal: %v, %v", heads, err)
	}
	if err := g.SetJournalAside(ctx, broken); err != nil {
		t.Fatal(err)
	}
	if heads := movedHeads(t, g); len(heads) != 1 || heads[broken].Seq <= 2 {
		t.Errorf("after it was set aside: %v", heads)
	}
}

// labelOf finds the journal's folder that grows while fn runs.
func labelOf(t *testing.T, dir string, fn func()) string {
	t.Helper()
	sizes := func() map[string]int64 {
		out := map[string]int64{}
		tails, err := filepath.Glob(filepath.Join(dir, "journal", "*", "*.tail"))
		if err != nil {
			t.Fatal(err)
		}
		for _, tail := range tails {
			info, err := os.Stat(tail)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.Base(filepath.Dir(tail))] += info.Size()
		}
		return out
	}
	before := sizes()
	fn()
	for label, size := range sizes() {
		if size != before[label] {
			return label
		}
	}
	t.Fatal("no journal grew")
	return ""
}

// TestKeysChanged: whoever asked is told of each key that was made, rotated or
// shredded, and of nothing that failed.
func TestKeysChanged(t *testing.T) {
	var told []writ.CustomerID
	g := open(t, t.TempDir(), func(c *gate.Config) { c.KeysChanged = func(id writ.CustomerID) { told = append(told, id) } })
	a, b := customer(t, g), customer(t, g)
	if err := g.AddCustomer(ctx, a, nil); err == nil {
		t.Error("a customer was added twice")
	}
	if _, err := g.Rotate(ctx, b); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Rotate(ctx, writ.NewCustomerID()); err == nil {
		t.Error("nobody's key was rotated")
	}
	if err := g.Shred(ctx, a); err != nil {
		t.Fatal(err)
	}
	if want := []writ.CustomerID{a, b, b, a}; !slices.Equal(told, want) {
		t.Errorf("told of %v, not %v", told, want)
	}
}
