package gate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/policy/policytest"
	"writ/internal/testenv/authenticator"
)

// passkeys puts a second set in force, in which ada, jun and mira of counsel
// have passkeys beside their keys.
func (c *court) passkeys() {
	c.t.Helper()
	c.change(func(s *policy.Set) {
		for p, role := range map[writ.Person]writ.Role{ada: writ.RoleCustodian, jun: writ.RoleCustodian, mira: writ.RoleCounsel} {
			s.Members = append(s.Members, policytest.New(p).Member(c.t, role, p == ada))
		}
	})
}

// change puts the next set in force, as the old one's quorum says.
func (c *court) change(f func(*policy.Set)) {
	c.t.Helper()
	next, digest := c.set, c.set.Digest()
	next.Number, next.Previous, next.Members = next.Number+1, digest[:], slices.Clone(next.Members)
	f(&next)
	_, err := c.g.SetCustodians(ctx, c.sign(policy.TypeSet, encoded(c.t, next), ada, lena))
	must(c.t, err)
	c.set = next
}

// also adds signatures by passkeys to an envelope.
func (c *court) also(envelope []byte, how func(*authenticator.Ceremony), by ...writ.Person) []byte {
	c.t.Helper()
	e, err := policy.ParseEnvelope(envelope)
	must(c.t, err)
	for _, p := range by {
		if how == nil {
			how = func(*authenticator.Ceremony) {}
		}
		e.Add(policytest.New(p).Sign(c.t, e.Type, e.Payload, how))
	}
	return encoded(c.t, e)
}

// TestPasskeyOpens: one custodian signed off line and one in a browser, and the
// gate opens. Passkeys alone open nothing, nor does one that a browser was bent
// to sign with.
func TestPasskeyOpens(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 70_000)
	list := items(b)
	before := c.evidence(c.authorisation(), list, lena)
	before.Envelope = c.also(before.Envelope, nil, jun)
	_, err := c.g.Begin(ctx, aCase, before, list)
	wants(t, "before it is in the set", err, gate.ErrQuorum)
	c.passkeys()

	a := c.authorisation()
	ev := c.evidence(a, list, ada)
	alone := c.evidence(a, list, theo) // counsel, who doesn't count
	try := func(what string, want error, on gate.Evidence, how func(*authenticator.Ceremony), by ...writ.Person) {
		t.Helper()
		on.Envelope = c.also(on.Envelope, how, by...)
		_, err := c.g.Begin(ctx, aCase, on, list)
		wants(t, what, err, want)
	}
	try("nobody else", gate.ErrQuorum, ev, nil)
	try("herself again", gate.ErrQuorum, ev, nil, ada)
	try("counsel's passkey", gate.ErrQuorum, ev, nil, mira)
	try("somebody's passkey", gate.ErrQuorum, ev, nil, "noor.adeyemi")
	try("two passkeys", policy.ErrOffline, alone, nil, ada, jun)
	try("all passkeys", policy.ErrOffline, alone, nil, ada, jun, mira)
	signIn := make([]byte, 43)
	for i := range signIn {
		signIn[i] = 'A'
	}
	for what, how := range map[string]func(*authenticator.Ceremony){
		"a sign-in":          func(c *authenticator.Ceremony) { c.Challenge = string(signIn) },
		"an enrolment":       func(c *authenticator.Ceremony) { c.Type = "webauthn.create" },
		"another port":       func(c *authenticator.Ceremony) { c.Origin += ":8443" },
		"another's page":     func(c *authenticator.Ceremony) { c.Rest = `,"crossOrigin":true` },
		"another party":      func(c *authenticator.Ceremony) { c.RP = "oxbow.example" },
		"nobody there":       func(c *authenticator.Ceremony) { c.Flags &^= authenticator.UserPresent },
		"nobody verified":    func(c *authenticator.Ceremony) { c.Flags &^= authenticator.UserVerified },
		"another's passkey":  func(c *authenticator.Ceremony) { c.SignedBy = policytest.New(lena).Passkey },
		"two challenges":     func(c *authenticator.Ceremony) { c.Rest += `,"challenge":"` + c.Challenge + `"` },
		"something else too": func(c *authenticator.Ceremony) { c.SignedInstead = make([]byte, 32) },
	} {
		try(what, gate.ErrQuorum, ev, how, jun)
	}
	other := c.authorisation()
	other.Case = "2026-0000-0000"
	otherwise, err := policy.ParseEnvelope(c.also(c.sign(policy.TypeAuthorisation, encoded(t, other), ada), nil, jun))
	must(t, err)
	moved, err := policy.ParseEnvelope(ev.Envelope)
	must(t, err)
	moved.Add(otherwise.Signatures[1])
	misused := ev
	misused.Envelope = encoded(t, moved)
	_, err = c.g.Begin(ctx, aCase, misused, list)
	wants(t, "what it signed in another case", err, gate.ErrQuorum)

	ev.Envelope = c.also(ev.Envelope, nil, jun)
	o := c.begin(ev, list)
	if plain, err := read(o, 0, b); err != nil || !bytes.Equal(plain, b.plain) {
		t.Fatalf("%d bytes, %v", len(plain), err)
	}
	must(t, o.Close())

	c.reopen() // the set is kept, and verified again
	c.begin(ev, list)
}

// TestPasskeyTakenOut: what a passkey signed opens nothing once a set leaves it
// out, not even in mid-stream; that of who stays does.
func TestPasskeyTakenOut(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 300_000)
	list := items(b)
	c.passkeys()
	out := func(p writ.Person) func(*policy.Set) {
		return func(s *policy.Set) {
			s.Members = slices.DeleteFunc(s.Members, func(m policy.Member) bool { return m.Passkey != nil && m.Person == p })
		}
	}
	ev := c.evidence(c.authorisation(), list, ada)
	ev.Envelope = c.also(ev.Envelope, nil, jun)
	o := c.begin(ev, list)
	c.change(out(ada))
	if _, err := read(o, 0, b); err != nil {
		t.Fatalf("another's passkey went, and an opening stops: %v", err)
	}
	err := o.Read(ctx, 0, b.pinned, func(f func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error {
		r, err := f(0, b.src(), int64(len(b.sealed)))
		must(t, err)
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Error(err)
		}
		c.change(out(jun))
		_, err = io.ReadAll(r)
		return err
	})
	wants(t, "taken out in mid-stream", err, gate.ErrQuorum)
	_, err = read(o, 0, b)
	wants(t, "taken out", err, gate.ErrQuorum)
	must(t, o.Close())
	_, err = c.g.Begin(ctx, aCase, ev, list)
	wants(t, "signed for a set before", err, gate.ErrSet)
	again := c.evidence(c.authorisation(), list, ada)
	again.Envelope = c.also(again.Envelope, nil, jun)
	_, err = c.g.Begin(ctx, aCase, again, list)
	wants(t, "signed by what was taken out", err, gate.ErrQuorum)
	if errors.Is(err, policy.ErrOffline) {
		t.Error("the passkey counted")
	}
}

// TestSetIsACopy: who is given the set in force cannot change it.
func TestSetIsACopy(t *testing.T) {
	c := newCourt(t)
	c.passkeys()
	set, _ := c.g.Custodians()
	for i := range set.Members {
		m := &set.Members[i]
		m.Offline = true
		clear(m.Key)
		if m.Passkey != nil {
			m.Passkey.Origin = "https://oxbow.example"
			clear(m.Passkey.Key)
			clear(m.Passkey.ID)
			clear(m.Passkey.Proof)
		}
	}
	clear(set.Previous)
	if now, _ := c.g.Custodians(); now.Digest() != c.set.Digest() || now.Check() != nil {
		t.Error("the set in force was changed from outside")
	}
}

// TestPasskeySets: no passkey is in the first set, votes itself in, or changes a
// set without a key off line.
func TestPasskeySets(t *testing.T) {
	c := newCourt(t)
	fresh := open(t, t.TempDir(), c.config)
	first := c.set
	first.Members = append(slices.Clone(first.Members), policytest.New(jun).Member(t, writ.RoleCustodian, false))
	_, err := first.Encode()
	wants(t, "a first set with a passkey is written", err, policy.ErrForm)
	payload, err := json.Marshal(first)
	must(t, err)
	_, err = fresh.SetCustodians(ctx, c.also(c.sign(policy.TypeSet, payload, ada, jun, jun+"/2", lena, mira, theo), nil, jun))
	if !errors.Is(err, policy.ErrForm) || !strings.Contains(err.Error(), "the first set has no passkeys") {
		t.Errorf("a first set with a passkey: %v", err)
	}

	propose := func(f func(*policy.Set)) []byte {
		next, digest := c.set, c.set.Digest()
		next.Number, next.Previous, next.Members = next.Number+1, digest[:], slices.Clone(next.Members)
		f(&next)
		return encoded(t, next)
	}
	second := propose(func(s *policy.Set) {
		s.Members = append(s.Members, policytest.New(jun).Member(t, writ.RoleCustodian, false))
	})
	_, err = c.g.SetCustodians(ctx, c.also(c.sign(policy.TypeSet, second, ada), nil, jun))
	wants(t, "it votes itself in", err, gate.ErrQuorum)
	c.passkeys()
	third := propose(func(s *policy.Set) { s.At = s.At.Add(time.Second) })
	_, err = c.g.SetCustodians(ctx, c.also(c.sign(policy.TypeSet, third), nil, ada, jun, mira))
	wants(t, "passkeys alone", err, policy.ErrOffline)
	set, err := c.g.SetCustodians(ctx, c.also(c.sign(policy.TypeSet, third, ada), nil, jun))
	if must(t, err); set.Number != 3 {
		t.Errorf("set %d is in force", set.Number)
	}
}

// TestPasskeyWaives: counsel's passkey is one of the two who sign a waiver.
func TestPasskeyWaives(t *testing.T) {
	c := newCourt(t)
	c.passkeys()
	list := items(c.put("letters/a", 1000))
	ev, digest := c.signed(c.authorisation(), ada)
	ev.Envelope = c.also(ev.Envelope, nil, jun)
	c.ledger.down.Store(true)
	for _, m := range []policy.Commitment{policy.CommitWrit(aCase, digest), policy.CommitOpening(aCase, digest, list)} {
		must(t, c.ledger.book.Commit(ctx, m.ID, m.Kind, m.Body))
	}
	w := encoded(t, policy.Waiver{V: 1, Case: aCase, Writ: digest[:], Reason: "The witness is away", Deadline: c.begun.Add(time.Hour), At: c.begun, NotAfter: c.begun.Add(time.Hour)})
	for what, waiver := range map[string][]byte{
		"one passkey": c.also(c.sign(policy.TypeWaiver, w), nil, mira), "one person by both": c.also(c.sign(policy.TypeWaiver, w, mira), nil, mira),
		"no counsel": c.also(c.sign(policy.TypeWaiver, w), nil, ada, jun), "another's page": c.also(c.sign(policy.TypeWaiver, w, ada), func(c *authenticator.Ceremony) { c.Origin = "https://oxbow.example" }, mira),
	} {
		ev.Waiver = waiver
		_, err := c.g.Begin(ctx, aCase, ev, list)
		wants(t, what, err, gate.ErrQuorum)
	}
	ev.Waiver = c.also(c.sign(policy.TypeWaiver, w, ada), nil, mira)
	c.begin(ev, list)
}
