package docket

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/policy"
	"writ/internal/policy/policytest"
	"writ/internal/testenv/authenticator"
)

// passkeys puts a second set in force, in which every custodian and mira of
// counsel have a passkey beside the key in a file.
func (r *rig) passkeys() {
	r.t.Helper()
	set, _ := r.Config.Gate.Custodians()
	next, digest := set, set.Digest()
	next.Number, next.Previous, next.At = set.Number+1, digest[:], r.clock.now().UTC().Truncate(time.Second)
	next.Members = slices.Clone(set.Members)
	for _, name := range []string{"ada", "jun", "lena", "mira"} {
		m := r.people[name]
		next.Members = append(next.Members, policytest.New(m.Person).Member(r.t, m.Roles[0], name == "ada"))
	}
	payload, err := next.Encode()
	r.must(err)
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for _, name := range []string{"ada", "lena"} {
		e.Add(r.people[name].sign(policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	r.must(err)
	r.must(r.SetCustodians(r.ctx, r.who("mira"), envelope))
}

// inBrowser signs a draft with a person's passkey, as somebody.
func (r *rig) inBrowser(as, name string, c *Case, how ...func(*authenticator.Ceremony)) (*Case, error) {
	r.t.Helper()
	s := policytest.New(r.people[name].Person).Sign(r.t, policy.TypeAuthorisation, c.Draft.Payload, how...)
	return r.Sign(r.ctx, r.who(as), c.ID, Signature{Key: s.KeyID, Sig: s.Sig, Digest: c.Draft.Digest})
}

// TestPasskeyMints: one custodian signs off line and one in a browser, and the
// case goes its way to the end.
func TestPasskeyMints(t *testing.T) {
	r, id := ready(t)
	r.passkeys()
	c := r.drafted(id, Limits{})
	c, err := r.inBrowser("jun", "jun", c)
	r.must(err)
	if c.Writ != nil {
		t.Fatal("one passkey made a writ")
	}
	if c = r.signs("ada", c); c.Writ == nil {
		t.Fatal("off line and in a browser two custodians signed, and there is no writ")
	}
	_, err = r.produced(id)
	r.must(err)
	r.reopen()
	v, err := r.Verify(r.ctx, id)
	r.must(err)
	if len(v.Complaint) > 0 {
		t.Errorf("%v", v.Complaint)
	}
}

// TestSetChangesUnderADraft: signatures on what was drawn up for a set that is not
// in force any more could never make a writ. Nobody is let to give one, and counsel
// is told to draw it up anew.
func TestSetChangesUnderADraft(t *testing.T) {
	r, id := ready(t)
	c := r.drafted(id, Limits{})
	r.passkeys()
	if _, err := r.inBrowser("jun", "jun", c); !errors.Is(err, ErrChanged) {
		t.Errorf("a signature for the set before: %v", err)
	}
	c, err := r.Look(r.ctx, r.who("mira"), id)
	r.must(err)
	needs := r.Needs(c)
	if len(needs) != 1 || needs[0].Role != writ.RoleCounsel || !strings.Contains(needs[0].What, "anew") {
		t.Errorf("needs: %+v", needs)
	}
	c, err = r.DraftWrit(r.ctx, r.who("mira"), id)
	r.must(err)
	c = r.signs("ada", c)
	if c, err = r.inBrowser("jun", "jun", c); err != nil || c.Writ == nil {
		t.Errorf("drawn up anew and signed: %v", err)
	}
}

// TestPasskeysAlone: enough that all signed in browsers are no quorum; the case
// says what it waits for, and one of them may sign again, off line.
func TestPasskeysAlone(t *testing.T) {
	r, id := ready(t)
	r.passkeys()
	c := r.drafted(id, Limits{})
	waits := func() string {
		needs := r.Needs(c)
		return needs[len(needs)-1].What
	}
	var err error
	for _, name := range []string{"ada", "jun", "lena"} {
		if strings.Contains(waits(), "off line") != (len(c.Signers()) >= 2) {
			t.Errorf("%d signed, and it waits for %q", len(c.Signers()), waits())
		}
		c, err = r.inBrowser(name, name, c)
		r.must(err)
		if c.Writ != nil {
			t.Fatal("passkeys alone made a writ")
		}
		if _, err := r.inBrowser(name, name, c); err == nil {
			t.Errorf("%s signed twice with one passkey", name)
		}
	}
	_, err = r.produced(id)
	refused(t, err, ErrState)
	set, _ := r.Config.Gate.Custodians()
	if c.SignedOffline(set) {
		t.Error("a passkey counts as off line")
	}
	if c = r.signs("ada", c); c.Writ == nil {
		t.Fatal("ada signed off line too, and there is no writ")
	}
	if who := c.Signers(); len(who) != 3 || !c.SignedOffline(set) {
		t.Errorf("%v signed", who)
	}
	_, err = r.produced(id) // with her twice on the paper, by either key
	r.must(err)
}

// TestOnePersonWithTwoKeys is one person.
func TestOnePersonWithTwoKeys(t *testing.T) {
	r, id := ready(t)
	r.passkeys()
	c := r.signs("ada", r.drafted(id, Limits{}))
	c, err := r.inBrowser("ada", "ada", c)
	r.must(err)
	if c.Writ != nil || len(c.Signers()) != 1 {
		t.Fatal("one person with two keys made a writ")
	}
}

// TestPasskeyAttacks: what somebody's browser, or somebody else, may send.
func TestPasskeyAttacks(t *testing.T) {
	r, id := ready(t)
	r.passkeys()
	other := r.drafted(r.reviewed(r.epoc(), wards()), Limits{})
	c := r.drafted(id, Limits{})
	for name, one := range map[string]struct {
		how  func(*authenticator.Ceremony)
		want error
	}{
		"a sign-in":         {func(c *authenticator.Ceremony) { c.Challenge = strings.Repeat("A", 43) }, policy.ErrChallenge},
		"an enrolment":      {func(c *authenticator.Ceremony) { c.Type = "webauthn.create" }, policy.ErrClientType},
		"another origin":    {func(c *authenticator.Ceremony) { c.Origin = "https://docs.fjordhost.example" }, policy.ErrOrigin},
		"nobody verified":   {func(c *authenticator.Ceremony) { c.Flags = authenticator.UserPresent }, policy.ErrVerification},
		"another's passkey": {func(c *authenticator.Ceremony) { c.SignedBy = policytest.New("lena.virtanen").Passkey }, policy.ErrSignature},
	} {
		_, err := r.inBrowser("jun", "jun", c, one.how)
		if !errors.Is(err, one.want) || !errors.Is(err, policy.ErrPasskey) {
			t.Errorf("%s: %v, want: %v", name, err, one.want)
		}
	}
	_, err := r.inBrowser("jun", "ada", c)
	refused(t, err, ErrSeparation)
	_, err = r.inBrowser("lena", "mira", c) // counsel's, which a custodian brings
	refused(t, err, ErrSeparation)
	s := policytest.New("jun.park").Sign(t, policy.TypeAuthorisation, other.Draft.Payload)
	_, err = r.Sign(r.ctx, r.who("jun"), id, Signature{Key: s.KeyID, Sig: s.Sig, Digest: c.Draft.Digest})
	refused(t, err, policy.ErrChallenge)
	_, err = r.Sign(r.ctx, r.who("jun"), id, Signature{Key: s.KeyID, Sig: s.Sig, Digest: other.Draft.Digest})
	if err == nil {
		t.Error("the digest of another draft was taken")
	}
	stranger := policytest.New("noor.adeyemi").Sign(t, policy.TypeAuthorisation, c.Draft.Payload)
	_, err = r.Sign(r.ctx, r.who("jun"), id, Signature{Key: stranger.KeyID, Sig: stranger.Sig, Digest: c.Draft.Digest})
	refused(t, err, policy.ErrUnknownKey)
	// Without a name a signature is kept under its key's.
	s = policytest.New("jun.park").Sign(t, policy.TypeAuthorisation, c.Draft.Payload)
	c, err = r.Sign(r.ctx, r.who("jun"), id, Signature{Sig: s.Sig, Digest: c.Draft.Digest})
	r.must(err)
	if len(c.Signatures) != 1 || c.Signatures[0].Key != s.KeyID {
		t.Errorf("%+v", c.Signatures)
	}
}

// TestPasskeyWaives: counsel's passkey signs a waiver as her key in a file does.
func TestPasskeyWaives(t *testing.T) {
	r, id := ready(t)
	r.passkeys()
	c := r.minted(id, Limits{})
	now := r.clock.now().UTC().Truncate(time.Second)
	payload, err := policy.Waiver{V: 1, Case: id, Writ: c.Writ.Digest, Reason: "the witnesses are away", Deadline: now.Add(8 * time.Hour), At: now, NotAfter: now.Add(4 * time.Hour)}.Encode()
	r.must(err)
	signed := func(people ...writ.Person) []byte {
		e := policy.NewEnvelope(policy.TypeWaiver, payload)
		for _, p := range people {
			e.Add(policytest.New(p).Sign(t, policy.TypeWaiver, payload))
		}
		b, err := e.Encode()
		r.must(err)
		return b
	}
	_, err = r.Waive(r.ctx, r.who("mira"), id, signed("mira.lindqvist"))
	refused(t, err, policy.ErrQuorum)
	_, err = r.Waive(r.ctx, r.who("jun"), id, signed("ada.okafor", "jun.park"))
	refused(t, err, policy.ErrQuorum)
	_, err = r.Waive(r.ctx, r.who("mira"), id, signed("mira.lindqvist", "jun.park"))
	r.must(err)
}
