package gate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/proof"
	"writ/internal/seal"
)

// read opens a version of the list as production does.
func read(o *gate.Opening, n int, b object) (plain []byte, err error) {
	err = o.Read(ctx, n, b.pinned, func(open func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error {
		r, err := open(0, b.src(), int64(len(b.sealed)))
		if err != nil {
			return err
		}
		defer r.Close()
		plain, err = io.ReadAll(r)
		return err
	})
	return plain, err
}

func wants(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// TestWritOpens is the whole way, twice: in secret, and told.
func TestWritOpens(t *testing.T) {
	c := newCourt(t)
	objects := []object{c.put("letters/a", 100_000), c.put("letters/b", 0), c.put("letters/c", 7)}
	list := items(objects...)
	for _, told := range []bool{false, true} {
		a := c.authorisation()
		if told {
			a.Secrecy = policy.Silence{Basis: writ.TellBefore, Told: true, Why: "Nothing forbids it"}
		}
		ev := c.evidence(a, list)
		before, err := c.g.JournalHead(c.customer)
		must(t, err)
		o := c.begin(ev, list)
		for n, b := range objects {
			plain, err := read(o, n, b)
			if err != nil || !bytes.Equal(plain, b.plain) {
				t.Fatalf("version %d: %d bytes, %v", n, len(plain), err)
			}
		}
		if p := o.Progress(); p != (gate.Progress{Objects: 3, Bytes: 100_007, Of: 3, OfBytes: 100_007}) {
			t.Errorf("progress: %+v", p)
		}
		must(t, o.Close())
		after, err := c.g.JournalHead(c.customer)
		must(t, err)
		if !told && after != before {
			t.Error("a secret opening moved the customer's journal")
		}
		opened := c.docket("opened")
		if told {
			opened = nil
			for _, e := range journalOf(t, c.g, c.customer) {
				if e.Op == "opened" {
					opened = append(opened, e)
				}
			}
		}
		envelope, err := policy.ParseEnvelope(ev.Envelope)
		must(t, err)
		if len(opened) != 3 {
			t.Fatalf("told %v: %d openings are journaled, not 3", told, len(opened))
		}
		for n, e := range opened {
			want := "case " + string(aCase)
			if !told {
				want += " of " + string(c.customer)
			}
			if e.Reason != writ.ReasonWrit || e.Principal != want || e.Policy != envelope.Digest() || e.Key != list[n].Key || e.Blob != list[n].Blob {
				t.Errorf("told %v: entry %+v", told, e)
			}
		}
	}
}

// TestBeginRefuses tries to open without the one or the other; each refusal is
// in the docket's journal, and nothing else is.
func TestBeginRefuses(t *testing.T) {
	c := newCourt(t)
	b, other := c.put("letters/a", 1000), c.put("other/a", 1000)
	list := items(b)
	good := c.authorisation()
	ev := c.evidence(good, list)
	with := func(change func(*policy.Authorisation)) policy.Authorisation {
		a := c.authorisation()
		a.Nonce = good.Nonce
		change(&a)
		return a
	}
	refused := 0
	try := func(what string, want error, id writ.CaseID, ev gate.Evidence, list []policy.Item) {
		t.Helper()
		o, err := c.g.Begin(ctx, id, ev, list)
		wants(t, what, err, want)
		if o != nil {
			t.Errorf("%s: it began", what)
		}
		refused++
		entries := c.docket("refused")
		if len(entries) != refused || entries[refused-1].Request == "" {
			t.Errorf("%s: %d refusals are journaled, not %d", what, len(entries), refused)
		}
	}
	resigned := func(by ...writ.Person) gate.Evidence {
		e := ev
		e.Envelope = c.sign(policy.TypeAuthorisation, encoded(t, good), by...)
		return e
	}
	try("nobody signed", gate.ErrQuorum, aCase, resigned(), list)
	try("one custodian", gate.ErrQuorum, aCase, resigned(ada), list)
	try("one person with two keys", gate.ErrQuorum, aCase, resigned(jun, jun+"/2"), list)
	try("one custodian and counsel", gate.ErrQuorum, aCase, resigned(ada, mira, theo), list)
	try("none off line", policy.ErrOffline, aCase, resigned(jun+"/2", lena), list)

	e, err := policy.ParseEnvelope(ev.Envelope)
	must(t, err)
	e.Payload = encoded(t, with(func(a *policy.Authorisation) { a.Scope.Buckets[0].Prefixes = []string{"other/"} }))
	forged := ev
	forged.Envelope = encoded(t, e)
	try("signatures over another scope", gate.ErrQuorum, aCase, forged, items(other))
	forged.Envelope = c.sign("application/vnd.writ.custodians+json", encoded(t, good), ada, jun)
	try("another payload type", gate.ErrPayloadType, aCase, forged, list)
	forged.Envelope = []byte("{}")
	try("no envelope", policy.ErrForm, aCase, forged, list)

	old := c.evidence(with(func(a *policy.Authorisation) { a.Set = bytes.Repeat([]byte{1}, 32) }), list)
	try("for another set", gate.ErrSet, aCase, old, list)
	try("in another case", gate.ErrCase, "2026-0000-0000", ev, list)

	late := b
	late.item.Made = good.Scope.Until
	try("made after the time range", gate.ErrOutOfScope, aCase, c.evidence(good, items(late)), items(late))
	try("out of scope", gate.ErrOutOfScope, aCase, c.evidence(good, items(b, other)), items(b, other))
	traffic := with(func(a *policy.Authorisation) {
		a.Scope.Classes, a.Scope.Buckets = []writ.DataClass{writ.ClassTraffic}, nil
		a.Limits.Objects, a.Limits.Bytes = 0, 0
	})
	try("a writ for traffic data", gate.ErrOutOfScope, aCase, c.evidence(traffic, list), list)
	small := with(func(a *policy.Authorisation) { a.Limits.Bytes = 999 })
	try("too many bytes", gate.ErrBudget, aCase, c.evidence(small, list), list)
	try("a version twice", policy.ErrForm, aCase, ev, items(b, b))
	try("an empty list", policy.ErrForm, aCase, ev, nil)
	exact := with(func(a *policy.Authorisation) { a.List = bytes.Repeat([]byte{2}, 32) })
	try("another list than was signed for", gate.ErrList, aCase, c.evidence(exact, list), list)

	// What was committed to.
	part := func(change func(*gate.Evidence)) gate.Evidence {
		e := ev
		change(&e)
		return e
	}
	try("no writ committed", gate.ErrNotCommitted, aCase, part(func(e *gate.Evidence) { e.Writ = nil }), list)
	try("no list committed", gate.ErrNotCommitted, aCase, part(func(e *gate.Evidence) { e.Opening = nil }), list)
	try("the receipts swapped", gate.ErrNotCommitted, aCase, part(func(e *gate.Evidence) { e.Writ, e.Opening = e.Opening, e.Writ }), list)
	try("one receipt for both", gate.ErrNotCommitted, aCase, part(func(e *gate.Evidence) { e.Opening = e.Writ }), list)
	third := b
	third.item.Size = 999
	try("another list committed", gate.ErrNotCommitted, aCase, ev, items(third))
	another := c.evidence(with(func(a *policy.Authorisation) { a.Nonce = policy.NewNonce() }), list)
	try("another writ committed", gate.ErrNotCommitted, aCase, part(func(e *gate.Evidence) { e.Writ = another.Writ }), list)
	digest := e.Digest()
	e, err = policy.ParseEnvelope(ev.Envelope)
	must(t, err)
	digest = e.Digest()
	foreign := newLedger(t, "ledger.fjordhost.example")
	try("committed in another log", proof.ErrLog, aCase, part(func(e *gate.Evidence) { e.Writ = c.committed(foreign, policy.CommitWrit(aCase, digest)) }), list)
	try("without the witness", proof.ErrWitnesses, aCase, part(func(e *gate.Evidence) { e.Writ = stripped(t, e.Writ) }), list)
	wrong := policy.CommitWrit(aCase, digest)
	wrong.ID, wrong.Kind = wrong.ID+"/case", "case"
	try("another kind of statement", gate.ErrNotCommitted, aCase, part(func(e *gate.Evidence) { e.Writ = c.committed(c.ledger, wrong) }), list)
	elsewhere := policy.CommitWrit("2026-0000-0001", digest)
	try("committed in another case", gate.ErrNotCommitted, aCase, part(func(e *gate.Evidence) { e.Writ = c.committed(c.ledger, elsewhere) }), list)
	bare := *ev.Writ
	bare.Hidden = nil
	try("a receipt that shows nothing", gate.ErrNotCommitted, aCase, part(func(e *gate.Evidence) { e.Writ = &bare }), list)
	salted := *ev.Writ
	hidden := *salted.Hidden
	hidden.Salt = bytes.Repeat([]byte{9}, 32)
	salted.Hidden = &hidden
	try("another salt", proof.ErrSlot, aCase, part(func(e *gate.Evidence) { e.Writ = &salted }), list)

	c.pass(good.Limits.NotAfter.Sub(c.begun))
	try("expired", gate.ErrWritExpired, aCase, ev, list)
	c.pass(-1000 * time.Hour)
	try("before it was signed", policy.ErrEarly, aCase, ev, list)
	c.ahead.Store(0)
	if len(c.docket("begin")) != 0 || len(c.docket("opened")) != 0 {
		t.Error("something was begun or opened")
	}
	c.begin(ev, list) // and it was in order all the time
}

// stripped is a receipt whose checkpoint no witness cosigned.
func stripped(t testing.TB, r *proof.Receipt) *proof.Receipt {
	t.Helper()
	s := *r
	lines := strings.Split(strings.TrimSuffix(s.Proof, "\n"), "\n")
	s.Proof = strings.Join(lines[:len(lines)-1], "\n") + "\n"
	if !strings.HasPrefix(lines[len(lines)-1], "— witness") {
		t.Fatalf("no cosignature to strip: %q", lines[len(lines)-1])
	}
	return &s
}

// TestNoSet: before anybody is enrolled nothing opens.
func TestNoSet(t *testing.T) {
	g := open(t, t.TempDir())
	_, err := g.Begin(ctx, aCase, gate.Evidence{}, nil)
	wants(t, "no set", err, gate.ErrNoSet)
	if _, ok := g.Custodians(); ok {
		t.Error("custodians out of nothing")
	}
	wants(t, "no set", g.Lawful(), gate.ErrNoSet)
}

// TestBudget counts down over all lists, across restarts.
func TestBudget(t *testing.T) {
	c := newCourt(t)
	a := c.authorisation()
	a.Limits.Objects, a.Limits.Bytes = 3, 100
	var all []object
	for i := range 5 {
		all = append(all, c.put(writ.ObjectKey("letters/"+string(rune('a'+i))), 30))
	}
	first, second, third := items(all[:2]...), items(all[2]), items(all[3])
	evidence := map[int]gate.Evidence{}
	for n, list := range [][]policy.Item{first, second, third} {
		evidence[n] = c.evidence(a, list)
	}
	must(t, c.begin(evidence[0], first).Close())
	must(t, c.begin(evidence[0], first).Close()) // the same list again is the same
	must(t, c.begin(evidence[1], second).Close())
	for range 2 {
		_, err := c.g.Begin(ctx, aCase, evidence[2], third)
		wants(t, "a fourth object", err, gate.ErrBudget)
		must(t, c.begin(evidence[1], second).Close())
		c.reopen()
	}
	if n := len(c.docket("begin")); n != 2 {
		t.Errorf("%d registrations are journaled, not 2", n)
	}

	// By bytes, in another writ.
	a.Nonce, a.Limits.Objects, a.Limits.Bytes = policy.NewNonce(), 5, 89
	must(t, c.begin(c.evidence(a, first), first).Close())
	_, err := c.g.Begin(ctx, aCase, c.evidence(a, second), second)
	wants(t, "a ninetieth byte", err, gate.ErrBudget)
}

// TestSizesThatLie: what the list says of a size is all that is given out.
func TestSizesThatLie(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 200_000)
	b.item.Size = 70_000
	list := items(b)
	o := c.begin(c.evidence(c.authorisation(), list), list)
	for name, drain := range map[string]func(io.Reader) ([]byte, error){
		"read":     func(r io.Reader) ([]byte, error) { return io.ReadAll(struct{ io.Reader }{r}) },
		"write to": func(r io.Reader) ([]byte, error) { var b bytes.Buffer; _, err := io.Copy(&b, r); return b.Bytes(), err },
		"bytewise": func(r io.Reader) (out []byte, err error) {
			for p := make([]byte, 1000); err == nil; {
				var n int
				n, err = r.Read(p)
				out = append(out, p[:n]...)
			}
			return out, err
		},
	} {
		var got []byte
		err := o.Read(ctx, 0, b.pinned, func(open func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error {
			r, err := open(0, b.src(), int64(len(b.sealed)))
			must(t, err)
			got, err = drain(r)
			if again, err := open(0, b.src(), int64(len(b.sealed))); err != nil {
				t.Error(err)
			} else if n, err := again.Read(make([]byte, 10)); n != 0 || !errors.Is(err, gate.ErrBudget) {
				t.Errorf("%s: once more from the beginning: %d bytes, %v", name, n, err)
			}
			return err
		})
		wants(t, name, err, gate.ErrBudget)
		if !bytes.Equal(got, b.plain[:70_000]) {
			t.Errorf("%s: %d bytes were given out, not 70000", name, len(got))
		}
	}
	if n := len(c.docket("refused")); n != 3 {
		t.Errorf("%d refusals are journaled, not 3", n)
	}
}

// TestKeysStayWhereTheyBelong: an owner's key never opens under a writ, a
// pinned one never for an owner, and none for another version of the list.
func TestKeysStayWhereTheyBelong(t *testing.T) {
	c := newCourt(t)
	a, b := c.put("letters/a", 10), c.put("letters/b", 10)
	list := items(a)
	o := c.begin(c.evidence(c.authorisation(), list), list)
	plain := a
	plain.pinned = a.wrapped
	_, err := read(o, 0, plain)
	wants(t, "a key that isn't pinned", err, gate.ErrNotPinned)
	_, err = read(o, 0, b)
	wants(t, "another version's key", err, gate.ErrWrapped)
	_, err = read(o, 1, b)
	wants(t, "beyond the list", err, gate.ErrList)
	_, err = read(o, -1, b)
	wants(t, "before the list", err, gate.ErrList)
	_, err = c.g.Open(ctx, gate.Owner(c.customer, credential), use(c.customer, "get", a.item.Blob), a.pinned)
	wants(t, "a pinned key for its owner", err, gate.ErrPinned)
	list[0].Blob = b.item.Blob // the caller's own list, after the fact
	_, err = read(o, 0, b)
	wants(t, "a list changed after the fact", err, gate.ErrWrapped)
	swapped := a
	swapped.sealed = b.sealed
	if _, err := read(o, 0, swapped); err == nil {
		t.Error("another blob's bytes open")
	}
	// Another customer's object in the list: its key is bound to its owner.
	press := customer(t, c.g)
	c.customer, press = press, c.customer
	theirs := c.put("letters/x", 10)
	c.customer = press
	foreign := c.authorisation()
	foreign.Nonce = policy.NewNonce()
	mixed := items(theirs)
	o2 := c.begin(c.evidence(foreign, mixed), mixed)
	_, err = read(o2, 0, theirs)
	wants(t, "another customer's object", err, gate.ErrWrapped)
}

// TestReadersDie: when fn has returned, or the opening is closed, its readers
// give nothing more.
func TestReadersDie(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 300_000)
	list := items(b)
	ev := c.evidence(c.authorisation(), list)
	o := c.begin(ev, list)
	var kept io.ReadCloser
	var open func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)
	must(t, o.Read(ctx, 0, b.pinned, func(f func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) (err error) {
		open = f
		kept, err = f(0, b.src(), int64(len(b.sealed)))
		return err
	}))
	n, err := kept.Read(make([]byte, 10))
	wants(t, "a reader that was kept", err, gate.ErrOver)
	if w, err := kept.(io.WriterTo).WriteTo(io.Discard); n != 0 || w != 0 || !errors.Is(err, gate.ErrOver) {
		t.Errorf("a reader that was kept: %d and %d bytes, %v", n, w, err)
	}
	_, err = open(0, b.src(), int64(len(b.sealed)))
	wants(t, "a way to open that was kept", err, gate.ErrOver)
	err = o.Read(ctx, 0, b.pinned, func(f func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error {
		r, err := f(0, b.src(), int64(len(b.sealed)))
		must(t, err)
		if _, err := io.ReadFull(r, make([]byte, 100_000)); err != nil {
			t.Error(err)
		}
		o.Close()
		_, err = io.ReadAll(r)
		return err
	})
	wants(t, "closed in mid-stream", err, gate.ErrOver)
	_, err = read(o, 0, b)
	wants(t, "a closed opening", err, gate.ErrOver)
}

// TestTimeRunsOut while something is read.
func TestTimeRunsOut(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 300_000)
	list := items(b)
	a := c.authorisation()
	o := c.begin(c.evidence(a, list), list)
	err := o.Read(ctx, 0, b.pinned, func(f func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error {
		r, err := f(0, b.src(), int64(len(b.sealed)))
		must(t, err)
		if _, err := io.ReadFull(r, make([]byte, 100_000)); err != nil {
			t.Error(err)
		}
		c.pass(a.Limits.NotAfter.Sub(c.begun))
		n, err := io.Copy(io.Discard, r)
		if n != 0 {
			t.Errorf("%d bytes came after the time was over", n)
		}
		return err
	})
	wants(t, "expired in mid-stream", err, gate.ErrWritExpired)
	_, err = read(o, 0, b)
	wants(t, "expired", err, gate.ErrWritExpired)
	if n := len(c.docket("opened")); n != 1 {
		t.Errorf("%d openings are journaled, not 1: no key may be asked for after the time", n)
	}
}

// TestTwoAtOnce: one opening under a writ; another writ of the case does not
// wait for it.
func TestTwoAtOnce(t *testing.T) {
	c := newCourt(t)
	a, b := c.put("letters/a", 10), c.put("letters/b", 10)
	one, two := items(a), items(b)
	ev := c.evidence(c.authorisation(), one)
	o := c.begin(ev, one)
	_, err := c.g.Begin(ctx, aCase, ev, one)
	wants(t, "the same list", err, gate.ErrBusy)
	envelope, err := policy.ParseEnvelope(ev.Envelope)
	must(t, err)
	ev2 := ev
	ev2.Opening = c.committed(c.ledger, policy.CommitOpening(aCase, envelope.Digest(), two))
	_, err = c.g.Begin(ctx, aCase, ev2, two)
	wants(t, "another list", err, gate.ErrBusy)
	other := c.authorisation()
	other.Nonce = policy.NewNonce()
	c.begin(c.evidence(other, one), one)
	must(t, o.Close())
	must(t, o.Close())
	c.begin(ev2, two)
}

// TestCustodianRevoked between the signature and the opening, and while it
// runs.
func TestCustodianRevoked(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 300_000)
	list := items(b)
	ev := c.evidence(c.authorisation(), list, ada, jun)
	o := c.begin(ev, list)
	change := func(members func(policy.Member) bool) {
		next := c.set
		digest := c.set.Digest()
		next.Number, next.Previous, next.Members = next.Number+1, digest[:], nil
		for _, m := range c.set.Members {
			if members(m) {
				next.Members = append(next.Members, m)
			}
		}
		if len(next.Members) == len(c.set.Members) {
			c.enrol(&next, policy.Member{Person: "noor.adeyemi", Role: writ.RoleCustodian})
		}
		_, err := c.g.SetCustodians(ctx, c.sign(policy.TypeSet, encoded(t, next), ada, lena))
		must(t, err)
		c.set = next
	}
	change(func(policy.Member) bool { return true }) // one more: who signed is a quorum still
	if _, err := read(o, 0, b); err != nil {
		t.Fatalf("one more custodian stops an opening: %v", err)
	}
	err := o.Read(ctx, 0, b.pinned, func(f func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error {
		r, err := f(0, b.src(), int64(len(b.sealed)))
		must(t, err)
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Error(err)
		}
		change(func(m policy.Member) bool { return m.Person != jun })
		_, err = io.ReadAll(r)
		return err
	})
	wants(t, "revoked in mid-stream", err, gate.ErrQuorum)
	_, err = read(o, 0, b)
	wants(t, "revoked", err, gate.ErrQuorum)
	o.Close()
	_, err = c.g.Begin(ctx, aCase, ev, list)
	wants(t, "signed for the set before", err, gate.ErrSet)
	again := c.authorisation()
	_, err = c.g.Begin(ctx, aCase, c.evidence(again, list, ada, jun), list)
	wants(t, "signed by who was revoked", err, gate.ErrQuorum)
	again.Nonce = policy.NewNonce()
	c.begin(c.evidence(again, list, ada, lena), list)
}

// TestShreddedCustomer: what was pinned opens; its journal cannot be written,
// so the docket's has it.
func TestShreddedCustomer(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 1000)
	list := items(b)
	a := c.authorisation()
	a.Secrecy = policy.Silence{Basis: writ.TellAfter, Told: true, Why: "Nothing forbids it"}
	ev := c.evidence(a, list)
	must(t, c.g.Shred(ctx, c.customer))
	if plain, err := read(c.begin(ev, list), 0, b); err != nil || !bytes.Equal(plain, b.plain) {
		t.Fatalf("%d bytes, %v", len(plain), err)
	}
	if n := len(c.docket("opened")); n != 1 {
		t.Errorf("%d openings are in the docket's journal, not 1", n)
	}
}

// TestMultipart reads the parts of one blob, each by its number.
func TestMultipart(t *testing.T) {
	c := newCourt(t)
	blob := writ.NewBlobID()
	key, wrapped, err := c.g.Seal(ctx, gate.Owner(c.customer, credential), gate.Use{Customer: c.customer, Op: "put", Blob: blob})
	must(t, err)
	parts := [][]byte{bytes.Repeat([]byte("a"), 70_000), bytes.Repeat([]byte("b"), 5)}
	var sealed [][]byte
	for n, p := range parts {
		sealed = append(sealed, seal.Seal(nil, key, seal.Stream{ID: blob, Part: uint32(n + 1)}, p))
	}
	pinned, err := c.g.Pin(ctx, c.customer, blob, wrapped)
	must(t, err)
	list := []policy.Item{{Bucket: "ward-seven", Key: "letters/m", Version: "1", Blob: blob, Size: 70_005, Made: c.begun}}
	o := c.begin(c.evidence(c.authorisation(), list), list)
	var got bytes.Buffer
	must(t, o.Read(ctx, 0, pinned, func(open func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error {
		for n, s := range sealed {
			if _, err := open(uint32(n+2), bytes.NewReader(s), int64(len(s))); err == nil {
				t.Errorf("part %d opens as the next", n+1)
			}
			r, err := open(uint32(n+1), bytes.NewReader(s), int64(len(s)))
			if err != nil {
				return err
			}
			if _, err := io.Copy(&got, r); err != nil {
				return err
			}
		}
		return nil
	}))
	if !bytes.Equal(got.Bytes(), bytes.Join(parts, nil)) {
		t.Errorf("%d bytes came out", got.Len())
	}
}

// TestWaiver opens while the witness is away, by two persons' word, and says so
// in public when it is back.
func TestWaiver(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 1000)
	list := items(b)
	a := c.authorisation()
	ev, digest := c.signed(a, ada, jun)
	writing, opening := policy.CommitWrit(aCase, digest), policy.CommitOpening(aCase, digest, list)
	c.ledger.down.Store(true)
	must(t, c.ledger.book.Commit(ctx, writing.ID, writing.Kind, writing.Body))
	w := policy.Waiver{V: 1, Case: aCase, Writ: digest[:], Reason: "Both witnesses are away", Deadline: c.begun.Add(3 * time.Hour), At: c.begun, NotAfter: c.begun.Add(8 * time.Hour)}
	waived := func(change func(*policy.Waiver), by ...writ.Person) gate.Evidence {
		v := w
		if change != nil {
			change(&v)
		}
		e := ev
		e.Waiver = c.sign(policy.TypeWaiver, encoded(t, v), by...)
		return e
	}
	try := func(what string, want error, ev gate.Evidence) {
		t.Helper()
		_, err := c.g.Begin(ctx, aCase, ev, list)
		wants(t, what, err, want)
	}
	try("without a waiver", gate.ErrNotCommitted, ev)
	try("nothing written down of the list", gate.ErrNotCommitted, waived(nil, mira, ada))
	must(t, c.ledger.book.Commit(ctx, opening.ID, opening.Kind, opening.Body))
	try("one person", gate.ErrQuorum, waived(nil, mira))
	try("one person with two keys", gate.ErrQuorum, waived(nil, jun, jun+"/2"))
	try("no counsel", gate.ErrQuorum, waived(nil, ada, jun))
	try("nobody", gate.ErrQuorum, waived(nil))
	try("another writ", gate.ErrWaiver, waived(func(w *policy.Waiver) { w.Writ = bytes.Repeat([]byte{3}, 32) }, mira, ada))
	try("another case", gate.ErrWaiver, waived(func(w *policy.Waiver) { w.Case = "2026-0000-0000" }, mira, ada))
	try("expired", gate.ErrWritExpired, waived(func(w *policy.Waiver) { w.At, w.NotAfter = c.begun.Add(-2*time.Hour), c.begun }, mira, ada))
	other := ev
	other.Waiver = ev.Envelope
	try("the writ itself", gate.ErrPayloadType, other)
	batch := unwitnessed(t, c.ledger)
	if batch != 0 {
		t.Errorf("batch %d says something, and nothing was opened", batch)
	}

	o := c.begin(waived(nil, mira, theo), list)
	if plain, err := read(o, 0, b); err != nil || !bytes.Equal(plain, b.plain) {
		t.Fatalf("%d bytes, %v", len(plain), err)
	}
	c.pass(8 * time.Hour)
	_, err := read(o, 0, b)
	wants(t, "after the waiver", err, gate.ErrWritExpired)
	c.ahead.Store(0)
	must(t, o.Close())
	begun := c.docket("begin")
	if len(begun) != 1 || !strings.HasSuffix(begun[0].Request, " unwitnessed") {
		t.Errorf("the docket's journal doesn't say so: %+v", begun)
	}

	c.ledger.down.Store(false)
	ev.Writ, ev.Opening = c.committed(c.ledger, writing), c.committed(c.ledger, opening) // published in the end
	c.begin(ev, list)
	for end := time.Now().Add(time.Minute); unwitnessed(t, c.ledger) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no batch says that something was opened without the witness")
		}
	}
}

// unwitnessed is the number of the one batch that says so; 0 if there is none.
func unwitnessed(t testing.TB, l *witnessed) (n uint64) {
	t.Helper()
	for i := range l.book.Status().Size {
		leaf, err := l.log.Leaf(ctx, i)
		must(t, err)
		s, err := proof.Decode(leaf)
		must(t, err)
		var b proof.Batch
		must(t, proof.Unmarshal(s.Body, &b))
		if b.Unwitnessed && n != 0 {
			t.Fatalf("batches %d and %d both say so", n, b.N)
		}
		if b.Unwitnessed {
			n = b.N
		}
	}
	return n
}

// TestWaiverNeedsALedger: a mark that cannot be made is no opening.
func TestWaiverNeedsALedger(t *testing.T) {
	c := newCourt(t)
	list := items(c.put("letters/a", 10))
	ev, digest := c.signed(c.authorisation(), ada, jun)
	for _, m := range []policy.Commitment{policy.CommitWrit(aCase, digest), policy.CommitOpening(aCase, digest, list)} {
		must(t, c.ledger.book.Commit(ctx, m.ID, m.Kind, m.Body))
	}
	ev.Waiver = c.sign(policy.TypeWaiver, encoded(t, policy.Waiver{
		V: 1, Case: aCase, Writ: digest[:], Reason: "The witness is away", Deadline: c.begun.Add(time.Hour), At: c.begun, NotAfter: c.begun.Add(time.Hour)}), mira, ada)
	for _, change := range []func(*gate.Config){
		func(cfg *gate.Config) { cfg.Kept = nil },
		func(cfg *gate.Config) { cfg.MarkUnwitnessed = nil },
		func(cfg *gate.Config) {
			cfg.MarkUnwitnessed = func(context.Context) error { return errors.New("the disk is full") }
		},
	} {
		must(t, c.g.Close())
		c.g = open(t, c.dir, c.config, change)
		_, err := c.g.Begin(ctx, aCase, ev, list)
		wants(t, "no mark", err, gate.ErrNotCommitted)
	}
	c.reopen()
	c.begin(ev, list)
}

// TestFIPSLaw runs the tests of openings again in a process that refuses every
// algorithm outside FIPS 140-3.
func TestFIPSLaw(t *testing.T) {
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		return // this is that process
	}
	cmd := exec.Command(os.Args[0], "-test.count=1", "-test.run=^(TestWritOpens|TestWaiver|TestReveal|TestCustodianRevoked|TestPasskeyOpens)$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 5 {
		t.Fatalf("under fips140=only: %v\n%s", err, out)
	}
}

// TestManyBegin: of many that begin at once one does, and its versions may be
// read side by side.
func TestManyBegin(t *testing.T) {
	c := newCourt(t)
	objects := []object{c.put("letters/a", 70_000), c.put("letters/b", 70_000), c.put("letters/c", 0), c.put("letters/d", 1)}
	list := items(objects...)
	ev := c.evidence(c.authorisation(), list)
	began := make(chan *gate.Opening, 8)
	var wg sync.WaitGroup
	for range cap(began) {
		wg.Go(func() {
			o, err := c.g.Begin(ctx, aCase, ev, list)
			if err == nil {
				began <- o
			} else {
				wants(t, "another", err, gate.ErrBusy)
			}
		})
	}
	wg.Wait()
	if len(began) != 1 {
		t.Fatalf("%d began", len(began))
	}
	o := <-began
	for range 4 {
		for n, b := range objects {
			wg.Go(func() {
				if plain, err := read(o, n, b); err != nil || !bytes.Equal(plain, b.plain) {
					t.Errorf("version %d: %d bytes, %v", n, len(plain), err)
				}
			})
		}
	}
	wg.Wait()
	if p := o.Progress(); p.Objects != 4 || p.Bytes != 4*140_001 {
		t.Errorf("%+v", p)
	}
	must(t, o.Close())
}
