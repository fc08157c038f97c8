package gate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/seal"
)

// forged is what another package can write itself: a type that has a Right in
// it, and so its method.
type forged struct{ gate.Right }

func journalOf(t testing.TB, g *gate.Gate, c writ.CustomerID) (all []gate.Entry) {
	t.Helper()
	for e, err := range g.Journal(ctx, gate.JournalReader(c, "console"), gate.Use{Customer: c}, gate.JournalQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestOnlyTheOwnersRightOpens(t *testing.T) {
	g := open(t, t.TempDir())
	clinic, press := customer(t, g), customer(t, g)
	blob := writ.NewBlobID()
	_, wrapped, err := g.Seal(ctx, gate.Owner(clinic, credential), use(clinic, "put", blob))
	if err != nil {
		t.Fatal(err)
	}
	for name, right := range map[string]gate.Right{
		"another customer":                  gate.Owner(press, credential),
		"no credential":                     gate.Owner(clinic, ""),
		"another owner's grant":             gate.Grant(press, gate.GrantBy{Principal: string(press)}),
		"a grant to nobody":                 gate.Grant(clinic, gate.GrantBy{}),
		"a grant in the operator's name":    gate.Grant(clinic, gate.GrantBy{Principal: "operator console"}),
		"the standing grant":                gate.JournalReader(clinic, "console"),
		"nothing":                           nil,
		"an embedded nothing":               forged{},
		"an embedded right of another type": forged{gate.Owner(clinic, credential)},
	} {
		if key, err := g.Open(ctx, right, use(clinic, "get", blob), wrapped); !errors.Is(err, gate.ErrDenied) || key != nil {
			t.Errorf("%s opened: %v", name, err)
		}
		if key, _, err := g.Seal(ctx, right, use(clinic, "put", blob)); !errors.Is(err, gate.ErrDenied) || key != nil {
			t.Errorf("%s sealed: %v", name, err)
		}
	}
	for name, right := range map[string]gate.Right{
		"another customer": gate.Owner(press, credential), "another's journal": gate.JournalReader(press, "console"),
		"a grant": gate.Grant(clinic, gate.GrantBy{Principal: gate.Anonymous}), "nothing": nil,
	} {
		for e, err := range g.Journal(ctx, right, gate.Use{Customer: clinic}, gate.JournalQuery{}) {
			if !errors.Is(err, gate.ErrDenied) {
				t.Errorf("%s read the journal: %+v, %v", name, e, err)
			}
		}
	}
	if n := len(journalOf(t, g, clinic)); n != 3 { // add-customer, put, journal
		t.Errorf("%d entries: what was denied is no use of a key", n)
	}
}

func TestJournalSaysWhoAndWhy(t *testing.T) {
	g := open(t, t.TempDir())
	clinic, press := customer(t, g), customer(t, g)
	blob := writ.NewBlobID()
	if _, _, err := g.Seal(ctx, gate.Owner(clinic, credential), use(clinic, "put", blob)); err != nil {
		t.Fatal(err)
	}
	_, wrapped, err := g.Seal(ctx, gate.Owner(clinic, credential), use(clinic, "put", blob))
	if err != nil {
		t.Fatal(err)
	}
	policy := sha256.Sum256([]byte(`{"Statement":[]}`))
	u := use(clinic, "get", blob)
	u.Offset, u.Length = 65536, 100
	if _, err := g.Open(ctx, gate.Grant(clinic, gate.GrantBy{PolicyDigest: policy, Principal: string(press)}), u, wrapped); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Open(ctx, gate.Grant(clinic, gate.GrantBy{Principal: gate.Anonymous, Presigned: true}), u, wrapped); err != nil {
		t.Fatal(err)
	}
	entries := journalOf(t, g, clinic)
	if len(entries) != 6 {
		t.Fatalf("%d entries", len(entries))
	}
	put, byPolicy, presigned, reading := entries[1], entries[3], entries[4], entries[5]
	if put.Reason != writ.ReasonOwner || put.Credential != credential || put.Bucket != "scans" || put.Key != "2026/knee.dcm" ||
		put.Version != writ.NullVersion || put.Blob != blob || put.Addr != u.Addr || put.Request != "req-1" || time.Since(put.Time) > time.Minute {
		t.Errorf("put: %+v", put)
	}
	if byPolicy.Reason != writ.ReasonGrant || byPolicy.Principal != string(press) || byPolicy.Policy != policy || byPolicy.Presigned || byPolicy.Offset != 65536 || byPolicy.Length != 100 {
		t.Errorf("get by policy: %+v", byPolicy)
	}
	if presigned.Principal != gate.Anonymous || !presigned.Presigned || presigned.Policy != [32]byte{} {
		t.Errorf("get by presigned URL: %+v", presigned)
	}
	if reading.Reason != writ.ReasonGrant || reading.Principal != "operator console" || reading.Op != "journal" || reading.Policy != sha256.Sum256([]byte(gate.StandingGrant)) {
		t.Errorf("reading: %+v", reading)
	}
	head, err := g.JournalHead(clinic)
	if err != nil || head.Seq != reading.Seq {
		t.Errorf("head is %d, %v", head.Seq, err)
	}
}

// TestWrittenBeforeReleased fails if a key is unwrapped before its use is
// journaled: a use that fails at the unwrapping must be in the journal, and
// one that cannot be journaled must not get as far as the unwrapping.
func TestWrittenBeforeReleased(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	c := customer(t, g)
	blob := writ.NewBlobID()
	right := gate.Owner(c, credential)
	_, wrapped, err := g.Seal(ctx, right, use(c, "put", blob))
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(wrapped)
	broken[len(broken)-1] ^= 1
	if _, err := g.Open(ctx, right, use(c, "get", blob), broken); !errors.Is(err, gate.ErrWrapped) {
		t.Fatalf("an altered wrapped key gave %v", err)
	}
	if all := journalOf(t, g, c); all[len(all)-2].Op != "get" {
		t.Error("the failed opening isn't in the journal: it was unwrapped first")
	}

	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := g.Open(gone, right, use(c, "get", blob), broken); !errors.Is(err, context.Canceled) {
		t.Errorf("unwrapped what was not journaled: %v", err)
	}
	long := use(c, "get", blob)
	long.Request = strings.Repeat("r", 2000)
	if _, err := g.Open(ctx, right, long, broken); err == nil || errors.Is(err, gate.ErrWrapped) {
		t.Errorf("unwrapped what can't be journaled: %v", err)
	}

	// A damaged journal: nothing opens, until it is set aside.
	g.Close()
	tails, err := filepath.Glob(filepath.Join(dir, "journal", "*", "*.tail"))
	if err != nil || len(tails) != 1 {
		t.Fatalf("%v, %v", tails, err)
	}
	b, err := os.ReadFile(tails[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(tails[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	g = open(t, dir)
	for _, w := range []gate.Wrapped{wrapped, broken} {
		if key, err := g.Open(ctx, right, use(c, "get", blob), w); !errors.Is(err, gate.ErrJournal) || key != nil {
			t.Errorf("opened with a damaged journal: %v", err)
		}
	}
	if key, _, err := g.Seal(ctx, right, use(c, "put", blob)); !errors.Is(err, gate.ErrJournal) || key != nil {
		t.Errorf("sealed with a damaged journal: %v", err)
	}
	if err := g.SetJournalAside(ctx, c); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Open(ctx, right, use(c, "get", blob), wrapped); err != nil {
		t.Fatal(err)
	}
	gaps := 0
	for _, err := range g.Journal(ctx, right, gate.Use{Customer: c}, gate.JournalQuery{}) {
		var gap *gate.JournalGap
		if errors.As(err, &gap) {
			gaps++
		} else if err != nil {
			t.Error(err)
		}
	}
	if gaps != 1 {
		t.Errorf("%d gaps are reported, not 1", gaps)
	}
}

func TestRotateAndRewrap(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	c := customer(t, g)
	right := gate.Owner(c, credential)
	type blob struct {
		id      writ.BlobID
		key     *seal.Key
		wrapped gate.Wrapped
	}
	blobs := make([]blob, 20)
	for i := range blobs {
		b := &blobs[i]
		b.id = writ.NewBlobID()
		var err error
		if b.key, b.wrapped, err = g.Seal(ctx, right, use(c, "put", b.id)); err != nil {
			t.Fatal(err)
		}
	}
	version, err := g.Rotate(ctx, c)
	if err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	// It is stopped in the middle, by a restart, and then taken up from the
	// beginning.
	for _, n := range []int{7, len(blobs)} {
		for i := range blobs[:n] {
			b := &blobs[i]
			if b.wrapped, err = g.Rewrap(ctx, c, b.id, b.wrapped); err != nil {
				t.Fatal(err)
			}
		}
		g.Close()
		g = open(t, dir)
	}
	if err := g.Retire(ctx, c, version); err != nil {
		t.Fatal(err)
	}
	g.Close()
	g = open(t, dir)
	for _, b := range blobs {
		key, err := g.Open(ctx, right, use(c, "get", b.id), b.wrapped)
		if err != nil || !key.Equal(b.key) {
			t.Fatalf("after rotation: %v", err)
		}
	}
	rewraps := 0
	for _, e := range journalOf(t, g, c) { // the journal opens, too, under the new key
		if e.Op == "rewrap" && e.Reason == writ.ReasonUpkeep {
			rewraps++
		}
	}
	if rewraps != len(blobs) {
		t.Errorf("%d rewraps in the journal, not %d", rewraps, len(blobs))
	}
	if s, err := g.KEK(c); err != nil || s.KEK.Version != 2 || s.Oldest != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestShredAndPin(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	c, other := customer(t, g), customer(t, g)
	right := gate.Owner(c, credential)
	blob := writ.NewBlobID()
	_, wrapped, err := g.Seal(ctx, right, use(c, "put", blob))
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := g.Pin(ctx, c, blob, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Open(ctx, right, use(c, "get", blob), pinned); !errors.Is(err, gate.ErrPinned) {
		t.Errorf("the owner's right opened what is pinned: %v", err)
	}
	if back, err := g.Unpin(ctx, c, blob, pinned); err != nil {
		t.Error(err)
	} else if _, err := g.Open(ctx, right, use(c, "get", blob), back); err != nil {
		t.Error(err)
	}
	for _, e := range journalOf(t, g, c) {
		if e.Op == "pin" || e.Op == "unpin" {
			t.Errorf("the customer's journal shows %q", e.Op)
		}
	}
	before, err := g.JournalHead(c)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Shred(ctx, c); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"open": second(g.Open(ctx, right, use(c, "get", blob), wrapped)), "rewrap": second(g.Rewrap(ctx, c, blob, wrapped)),
			"unpin": second(g.Unpin(ctx, c, blob, pinned)), "rotate": second(g.Rotate(ctx, c)),
		} {
			if !errors.Is(err, gate.ErrShredded) {
				t.Errorf("%s after the shred: %v", name, err)
			}
		}
		for _, err := range g.Journal(ctx, right, gate.Use{Customer: c}, gate.JournalQuery{}) {
			if !errors.Is(err, gate.ErrShredded) {
				t.Errorf("the journal after the shred: %v", err)
			}
		}
		if head, err := g.JournalHead(c); err != nil || head.Seq != before.Seq+1 {
			t.Errorf("the shredded customer's head is %d, %v", head.Seq, err)
		}
		if s, err := g.KEK(c); err != nil || !s.Shredded {
			t.Errorf("%+v, %v", s, err)
		}
		g.Close()
		g = open(t, dir)
	}
	if _, err := g.Pin(ctx, c, blob, wrapped); !errors.Is(err, gate.ErrShredded) {
		t.Errorf("pinned after the shred: %v", err)
	}
	if err := g.Expire(ctx); err != nil {
		t.Error(err)
	}
	if _, _, err := g.Seal(ctx, gate.Owner(other, credential), use(other, "put", blob)); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestVerifierGivesNothingOut(t *testing.T) {
	g := open(t, t.TempDir())
	c := customer(t, g)
	blob := writ.NewBlobID()
	key, wrapped, err := g.Seal(ctx, gate.Owner(c, credential), use(c, "put", blob))
	if err != nil {
		t.Fatal(err)
	}
	sealed := seal.Seal(nil, key, seal.Stream{ID: blob}, bytes.Repeat([]byte("x"), 200_000))
	v, err := g.Verifier(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	var kept func(uint32, io.ReaderAt, int64) error
	check := func(b []byte) error {
		return v.Check(ctx, blob, wrapped, func(check func(uint32, io.ReaderAt, int64) error) error {
			kept = check
			return check(0, bytes.NewReader(b), int64(len(b)))
		})
	}
	if err := check(sealed); err != nil {
		t.Error(err)
	}
	if err := kept(0, bytes.NewReader(sealed), int64(len(sealed))); err == nil {
		t.Error("the check works after it is over")
	}
	sealed[len(sealed)-100] ^= 1
	var chunk *seal.ChunkError
	if err := check(sealed); !errors.As(err, &chunk) {
		t.Errorf("a flipped byte gave %v", err)
	}
	if all := journalOf(t, g, c); all[2].Op != "verify" || all[2].Reason != writ.ReasonUpkeep || len(all) != 4 {
		t.Errorf("journal: %+v", all)
	}
}

func TestFolderIsGuarded(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	customer(t, g)
	unseal := gate.KeyFile(filepath.Join(dir, "root.key"))
	if _, err := gate.Open(gate.Config{Dir: dir, Unseal: unseal}); !errors.Is(err, gate.ErrInUse) {
		t.Errorf("a second gate: %v", err)
	}
	g.Close()
	if _, err := g.Open(ctx, gate.Owner("c", "x"), gate.Use{Customer: "c"}, nil); err == nil {
		t.Error("a closed gate opens")
	}
	if err := os.Rename(filepath.Join(dir, "keys"), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Open(gate.Config{Dir: dir, Unseal: unseal}); !errors.Is(err, gate.ErrNoKeys) {
		t.Errorf("new keys over data: %v", err)
	}
	if _, err := gate.Open(gate.Config{Dir: t.TempDir()}); err == nil {
		t.Error("opened without anything that unseals")
	}
	if text := fmt.Sprintf("%v %+v %s %x", g, g, g, g); text != "gate gate gate gate" {
		t.Errorf("a gate prints as %q", text)
	}
}

// TestManyAtOnce opens, rotates, adds, reads and shreds at the same time;
// under the race detector it also proves that a KEK is not erased in use.
func TestManyAtOnce(t *testing.T) {
	g := open(t, t.TempDir(), func(c *gate.Config) { c.KEKTTL = 20 * time.Millisecond })
	customers := []writ.CustomerID{customer(t, g), customer(t, g), customer(t, g)}
	if err := g.SetJournalSync(ctx, customers[0], true); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	uses := map[writ.CustomerID]int{}
	for w := range 12 {
		group.Go(func() {
			c := customers[w%3]
			right := gate.Owner(c, credential)
			for range 40 {
				blob := writ.NewBlobID()
				key, wrapped, err := g.Seal(ctx, right, use(c, "put", blob))
				if err != nil {
					t.Error(err)
					return
				}
				again, err := g.Open(ctx, right, use(c, "get", blob), wrapped)
				if err != nil || !again.Equal(key) {
					t.Errorf("opened: %v", err)
					return
				}
				mu.Lock()
				uses[c] += 2
				mu.Unlock()
			}
		})
	}
	group.Go(func() {
		for range 5 {
			gone := customer(t, g)
			if err := errors.Join(second(g.Rotate(ctx, customers[1])), g.Shred(ctx, gone)); err != nil {
				t.Error(err)
			}
			journalOf(t, g, customers[2])
		}
	})
	group.Wait()
	for _, c := range customers {
		n := len(slices.DeleteFunc(journalOf(t, g, c), func(e gate.Entry) bool { return e.Op != "put" && e.Op != "get" }))
		if n != uses[c] {
			t.Errorf("%d uses in the journal, not %d", n, uses[c])
		}
	}
}
