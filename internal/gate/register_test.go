package gate_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/seal"
)

func (c *court) file(name string) string { return filepath.Join(c.dir, "keys", name) }

func slurp(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// next is a set in which one more person is a custodian.
func (c *court) next() (policy.Set, []byte) {
	c.t.Helper()
	next, digest := c.set, c.set.Digest()
	next.Number, next.Previous = next.Number+1, digest[:]
	next.Members = append([]policy.Member(nil), next.Members...)
	c.enrol(&next, policy.Member{Person: writ.Person(fmt.Sprintf("custodian-%d", next.Number)), Role: writ.RoleCustodian})
	return next, c.sign(policy.TypeSet, encoded(c.t, next), ada, lena)
}

// TestFilesEditedByHand: every byte of both files counts; owners are not
// concerned.
func TestFilesEditedByHand(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 10)
	list := items(b)
	ev := c.evidence(c.authorisation(), list)
	must(t, c.begin(ev, list).Close())
	must(t, c.g.Close())
	for _, name := range []string{"custodians", "writs"} {
		whole := slurp(t, c.file(name))
		for try := range 40 {
			i := rand.IntN(len(whole))
			if try < 16 {
				i = try
			}
			edited := bytes.Clone(whole)
			edited[i] ^= 1 << rand.IntN(8)
			must(t, os.WriteFile(c.file(name), edited, 0o600))
			g := open(t, c.dir, c.config)
			if o, err := g.Begin(ctx, aCase, ev, list); err == nil {
				o.Close()
				t.Fatalf("with byte %d of %s flipped it began", i, name)
			} else if !errors.Is(err, gate.ErrCorrupt) && !errors.Is(err, gate.ErrRolledBack) {
				t.Fatalf("with byte %d of %s flipped: %v", i, name, err)
			}
			key, err := g.Open(ctx, gate.Owner(c.customer, credential), use(c.customer, "get", b.item.Blob), b.wrapped)
			must(t, err)
			key.Erase()
			must(t, g.Close())
			must(t, os.WriteFile(c.file(name), whole, 0o600))
		}
	}
	c.g = open(t, c.dir, c.config)
	c.begin(ev, list)
}

// TestSetsPutBack: an older keys/custodians, or none, is noticed, and only the
// missing set itself heals it.
func TestSetsPutBack(t *testing.T) {
	c := newCourt(t)
	list := items(c.put("letters/a", 10))
	ev := c.evidence(c.authorisation(), list)
	first, old := slurp(t, c.file("custodians")), c.set
	next, envelope := c.next()
	_, err := c.g.SetCustodians(ctx, envelope)
	must(t, err)
	for name, putBack := range map[string]func(){
		"older":   func() { must(t, os.WriteFile(c.file("custodians"), first, 0o600)) },
		"missing": func() { must(t, os.Remove(c.file("custodians"))) },
		"older, with the register": func() {
			must(t, os.WriteFile(c.file("custodians"), first, 0o600))
			os.Remove(c.file("writs"))
		},
	} {
		must(t, c.g.Close())
		kept := slurp(t, c.file("custodians"))
		putBack()
		c.g = open(t, c.dir, c.config)
		wants(t, name, c.g.Lawful(), gate.ErrRolledBack)
		if _, ok := c.g.Custodians(); ok {
			t.Errorf("%s: a set is in force", name)
		}
		_, err := c.g.Begin(ctx, aCase, ev, list) // signed for the older set
		wants(t, name, err, gate.ErrRolledBack)
		if name == "missing" {
			must(t, c.g.Close())
			must(t, os.WriteFile(c.file("custodians"), kept, 0o600))
			c.g = open(t, c.dir, c.config)
			continue
		}
		c.set = old
		other, forged := c.next() // another second set, by the same quorum
		_, err = c.g.SetCustodians(ctx, forged)
		wants(t, name+": set "+fmt.Sprint(other.Number), err, gate.ErrSet)
		_, err = c.g.SetCustodians(ctx, envelope)
		must(t, err)
		if s, ok := c.g.Custodians(); !ok || s.Digest() != next.Digest() {
			t.Errorf("%s: the missing set is not in force", name)
		}
	}
	// Somebody who has the folder's keys enrols a first set of its own.
	must(t, c.g.Close())
	must(t, os.Remove(c.file("custodians")))
	c.g = open(t, c.dir, c.config)
	c.set = policy.Set{V: 1, Number: 1, Threshold: 2, Log: c.ledger.vkey, Witnesses: policy.NoWitnesses, At: c.begun}
	for _, p := range []writ.Person{"sam.ortiz", "noor.adeyemi"} {
		c.enrol(&c.set, policy.Member{Person: p, Role: writ.RoleCustodian, Offline: true})
	}
	_, err = c.g.SetCustodians(ctx, c.sign(policy.TypeSet, encoded(t, c.set), "sam.ortiz", "noor.adeyemi"))
	wants(t, "another first set", err, gate.ErrRolledBack)
	wants(t, "another first set", c.g.Lawful(), gate.ErrRolledBack)
	second := c.set
	digest := c.set.Digest()
	second.Number, second.Previous = 2, digest[:]
	_, err = c.g.SetCustodians(ctx, c.sign(policy.TypeSet, encoded(t, second), "sam.ortiz", "noor.adeyemi"))
	wants(t, "another second set", err, gate.ErrSet)
	wants(t, "another history", c.g.Lawful(), gate.ErrRolledBack)
}

// TestSetIsJournaledAfterACrash: the set came into force, and the process ended
// before the docket's journal had it.
func TestSetIsJournaledAfterACrash(t *testing.T) {
	c := newCourt(t)
	must(t, c.g.Close())
	before := filepath.Join(t.TempDir(), "before")
	must(t, os.CopyFS(before, os.DirFS(c.dir)))
	c.g = open(t, c.dir, c.config)
	next, envelope := c.next()
	_, err := c.g.SetCustodians(ctx, envelope)
	must(t, err)
	must(t, c.g.Close())
	must(t, os.RemoveAll(filepath.Join(c.dir, "journal")))
	must(t, os.CopyFS(filepath.Join(c.dir, "journal"), os.DirFS(filepath.Join(before, "journal"))))
	must(t, os.WriteFile(c.file("writs"), slurp(t, filepath.Join(before, "keys", "writs")), 0o600))
	for range 2 {
		c.g = open(t, c.dir, c.config)
		if s, ok := c.g.Custodians(); !ok || s.Digest() != next.Digest() {
			t.Error("the set is not in force")
		}
		if entries := c.docket("custodians"); len(entries) != 2 || entries[1].Policy != next.Digest() {
			t.Errorf("%d sets are journaled, not 2", len(entries))
		}
		must(t, c.g.Close())
	}
	c.g = open(t, c.dir, c.config)
	_, err = c.g.SetCustodians(ctx, envelope) // the same again follows nothing
	wants(t, "the same set again", err, gate.ErrSet)
	if entries := c.docket("refused"); len(entries) != 1 || entries[0].Principal != "custodians" {
		t.Errorf("refusals: %+v", entries)
	}
}

// TestRegisterPutBack: an older keys/writs, or none, gives no budget back.
func TestRegisterPutBack(t *testing.T) {
	c := newCourt(t)
	a := c.authorisation()
	a.Limits.Objects = 1
	one, two := items(c.put("letters/a", 10)), items(c.put("letters/b", 10))
	first, second := c.evidence(a, one), c.evidence(a, two)
	must(t, c.g.Close())
	before, err := os.ReadFile(c.file("writs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	c.g = open(t, c.dir, c.config)
	must(t, c.begin(first, one).Close())
	for name, putBack := range map[string]func() error{
		"older":    func() error { return os.WriteFile(c.file("writs"), before, 0o600) },
		"missing":  func() error { return os.Remove(c.file("writs")) },
		"cut":      func() error { return os.Truncate(c.file("writs"), int64(len(slurp(t, c.file("writs"))))-1) },
		"lengthed": func() error { return os.WriteFile(c.file("writs"), append(slurp(t, c.file("writs")), 0, 0, 0), 0o600) },
	} {
		must(t, c.g.Close())
		must(t, putBack())
		c.g = open(t, c.dir, c.config)
		_, err := c.g.Begin(ctx, aCase, second, two)
		wants(t, name, err, gate.ErrBudget)
		must(t, c.begin(first, one).Close())
	}
}

// TestCopiedKeys: a copy of the keys has the custodians and what was counted,
// and is destroyed with them.
func TestCopiedKeys(t *testing.T) {
	c := newCourt(t)
	a := c.authorisation()
	a.Limits.Objects = 1
	one, two := items(c.put("letters/a", 10)), items(c.put("letters/b", 10))
	first, second := c.evidence(a, one), c.evidence(a, two)
	must(t, c.begin(first, one).Close())
	copied := filepath.Join(t.TempDir(), "copy")
	must(t, c.g.CopyKeys(copied, c.now().Add(time.Hour)))
	must(t, c.g.Close())
	dir := t.TempDir() // without any journal, as after a restore from an older backup
	must(t, os.CopyFS(filepath.Join(dir, "keys"), os.DirFS(copied)))
	must(t, os.WriteFile(filepath.Join(dir, "root.key"), slurp(t, filepath.Join(c.dir, "root.key")), 0o600))
	for _, name := range []string{"root", "custodians", "writs"} {
		must(t, os.Chmod(filepath.Join(dir, "keys", name), 0o600))
	}
	for range 2 {
		g := open(t, dir, c.config)
		if s, ok := g.Custodians(); !ok || s.Digest() != c.set.Digest() {
			t.Error("the custodians are not in the copy")
		}
		_, err := g.Begin(ctx, aCase, second, two)
		wants(t, "what was counted", err, gate.ErrBudget)
		must(t, g.Close())
	}
	if done, err := gate.DestroyExpiredKeys(copied, c.now().Add(2*time.Hour)); !done || err != nil {
		t.Errorf("the copy is not destroyed: %v", err)
	}
	if _, err := os.Stat(copied); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is still there: %v", err)
	}
}

// killWrits has the child's folder, and what it is to begin.
const killWrits = "WRIT_GATE_KILL_WRITS"

// brief is what the child is given.
type brief struct {
	Dir      string
	Evidence []gate.Evidence
	Lists    [][]policy.Item
}

// TestKilledBeginning is the child: it begins one list after the other.
func TestKilledBeginning(t *testing.T) {
	path := os.Getenv(killWrits)
	if path == "" {
		return // it is run by TestKillKeepsCount
	}
	var b brief
	must(t, json.Unmarshal(slurp(t, path), &b))
	g := open(t, b.Dir)
	for n, list := range b.Lists {
		o, err := g.Begin(ctx, aCase, b.Evidence[n], list)
		if errors.Is(err, gate.ErrBudget) {
			fmt.Println("full", n)
			continue
		}
		must(t, err)
		fmt.Println("begun", n)
		must(t, o.Close())
	}
}

// TestKillKeepsCount kills -9 a process that registers lists, at any instant:
// what began is counted, once, and nothing beyond the writ's limits begins.
func TestKillKeepsCount(t *testing.T) {
	c := newCourt(t)
	a := c.authorisation()
	const all, limit = 60, 45
	a.Limits.Objects = limit
	b := brief{Dir: c.dir}
	ev, digest := c.signed(a, ada, jun)
	ev.Writ = c.committed(c.ledger, policy.CommitWrit(aCase, digest))
	var commitments []policy.Commitment
	for n := range all {
		list := []policy.Item{{Bucket: "ward-seven", Key: writ.ObjectKey(fmt.Sprintf("letters/%d", n)), Version: "1", Blob: writ.NewBlobID(), Size: 1, Made: c.begun}}
		m := policy.CommitOpening(aCase, digest, list)
		must(t, c.ledger.book.Commit(ctx, m.ID, m.Kind, m.Body))
		commitments, b.Lists = append(commitments, m), append(b.Lists, list)
	}
	for _, m := range commitments {
		ev.Opening = c.committed(c.ledger, m)
		b.Evidence = append(b.Evidence, ev)
	}
	text, err := json.Marshal(b)
	must(t, err)
	path := filepath.Join(t.TempDir(), "brief.json")
	must(t, os.WriteFile(path, text, 0o600))
	must(t, c.g.Close())
	begun := map[int]bool{}
	for range 6 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledBeginning$")
		child.Env = append(os.Environ(), killWrits+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		last := rand.IntN(12)
		for s := bufio.NewScanner(out); s.Scan(); {
			var n int
			if _, err := fmt.Sscanf(s.Text(), "begun %d", &n); err == nil && !begun[n] {
				begun[n] = true
				if last--; last < 0 {
					child.Process.Signal(syscall.SIGKILL)
				}
			}
		}
		child.Wait()
	}
	c.g = open(t, c.dir, c.config)
	total := 0
	for n, list := range b.Lists {
		o, err := c.g.Begin(ctx, aCase, b.Evidence[n], list)
		if err != nil {
			wants(t, "beyond the limits", err, gate.ErrBudget)
			if begun[n] {
				t.Errorf("list %d had begun, and can't be taken up", n)
			}
			continue
		}
		total++
		must(t, o.Close())
	}
	if total != limit {
		t.Errorf("%d lists of one object each began, not %d", total, limit)
	}
	lists := map[string]int{}
	for _, e := range c.docket("begin") {
		lists[strings.Fields(e.Request)[1]]++
	}
	if len(lists) != limit {
		t.Errorf("the docket's journal has %d lists, not %d", len(lists), limit)
	}
	if len(begun) == 0 {
		t.Error("nothing began before the kills")
	}
}

// revealed are the entries that the customer got of what was opened.
func (c *court) revealed() (all []gate.Entry) {
	for _, e := range journalOf(c.t, c.g, c.customer) {
		if e.Op == "opened" {
			all = append(all, e)
		}
	}
	return all
}

// TestReveal tells the customer what was opened, once, whatever comes between.
func TestReveal(t *testing.T) {
	c := newCourt(t)
	var list []policy.Item
	for n := range 300 {
		list = append(list, policy.Item{Bucket: "ward-seven", Key: writ.ObjectKey(fmt.Sprintf("letters/%d", n)), Version: "1", Blob: writ.NewBlobID(), Size: 1, Made: c.begun})
	}
	a := c.authorisation()
	a.Limits.Objects = 300
	ev := c.evidence(a, list)
	at := func(n int) time.Time {
		if n == 5 {
			return time.Time{} // never opened
		}
		return c.begun.Add(time.Duration(n) * time.Second)
	}
	err := c.g.Reveal(ctx, ev, aCase, list, at)
	wants(t, "what never began", err, gate.ErrList)
	must(t, c.begin(ev, list).Close())
	err = c.g.Reveal(ctx, ev, "2026-0000-0000", list, at)
	wants(t, "another case", err, gate.ErrCase)
	err = c.g.Reveal(ctx, ev, aCase, list[1:], at)
	wants(t, "another list", err, gate.ErrList)
	c.pass(1000 * time.Hour) // secrecy ends long after the writ

	for _, stop := range []int{0, 3, 70, 130, 200, 299} {
		stopped, cancel := context.WithCancel(ctx)
		err := c.g.Reveal(stopped, ev, aCase, list, func(n int) time.Time {
			if n == stop {
				cancel()
			}
			return at(n)
		})
		cancel()
		wants(t, fmt.Sprintf("stopped at %d", stop), err, context.Canceled)
		if stop%2 == 0 {
			c.reopen()
		}
		if n := len(c.revealed()); n > stop {
			t.Errorf("stopped at %d: %d are told", stop, n)
		}
	}
	for range 2 {
		must(t, c.g.Reveal(ctx, ev, aCase, list, at))
		c.reopen()
	}
	told := c.revealed()
	if len(told) != 299 {
		t.Fatalf("%d openings are told, not 299", len(told))
	}
	for n, e := range told {
		if n >= 5 {
			n++
		}
		if e.Blob != list[n].Blob || e.Key != list[n].Key || e.Reason != writ.ReasonWrit || e.Principal != "case "+string(aCase) ||
			!strings.HasPrefix(e.Request, "opened "+at(n).Format(time.RFC3339)+" ") {
			t.Fatalf("version %d is told as %+v", n, e)
		}
	}

	// Told at once, it is not told again.
	short := list[:1]
	open := c.authorisation()
	open.At, open.Nonce = c.now().UTC(), policy.NewNonce()
	open.Limits.NotAfter = open.At.Add(time.Hour)
	open.Secrecy = policy.Silence{Basis: writ.TellAfter, Told: true, Why: "Nothing forbids it"}
	ev = c.evidence(open, short)
	must(t, c.begin(ev, short).Close())
	must(t, c.g.Reveal(ctx, ev, aCase, short, at))
	if n := len(c.revealed()); n != 299 {
		t.Errorf("%d openings are told, not 299", n)
	}

	must(t, c.g.Shred(ctx, c.customer))
	must(t, c.g.Reveal(ctx, ev, aCase, short, at))
	secret := c.authorisation()
	secret.At, secret.Nonce, secret.Limits.NotAfter = open.At, policy.NewNonce(), open.Limits.NotAfter
	ev = c.evidence(secret, short)
	must(t, c.begin(ev, short).Close())
	wants(t, "a shredded customer", c.g.Reveal(ctx, ev, aCase, short, at), gate.ErrShredded)
}

// TestRevealSealedJournal: what can't be read any more is told at most one step
// twice.
func TestRevealSealedJournal(t *testing.T) {
	c := newCourt(t)
	identity, err := seal.NewIdentity()
	must(t, err)
	c.customer = writ.NewCustomerID()
	must(t, c.g.AddCustomer(ctx, c.customer, identity.Recipient()))
	list := items(c.put("letters/a", 10), c.put("letters/b", 10))
	ev := c.evidence(c.authorisation(), list)
	must(t, c.begin(ev, list).Close())
	must(t, c.g.Reveal(ctx, ev, aCase, list, func(int) time.Time { return c.begun }))
	must(t, c.g.Reveal(ctx, ev, aCase, list, func(int) time.Time { return c.begun }))
	if n := len(c.revealed()); n != 2 {
		t.Errorf("%d openings are told, not 2", n)
	}
}
