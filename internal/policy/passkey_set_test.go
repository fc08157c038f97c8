package policy

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/testenv/authenticator"
)

// TestSetWithPasskeys: what a set takes, and that one key is one person's.
func TestSetWithPasskeys(t *testing.T) {
	good := secondSet(t)
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	b, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseSet(b); err != nil || back.Digest() != good.Digest() {
		t.Fatal(err)
	}
	const passkey = 6 // the first one
	change := func(f func(m *Member)) func(*Set) {
		return func(s *Set) {
			m := s.Members[passkey]
			k := *m.Passkey
			m.Passkey = &k
			f(&m)
			s.Members[passkey] = m
		}
	}
	for name, f := range map[string]func(*Set){
		"in the first set":        func(s *Set) { s.Number, s.Previous = 1, nil },
		"off line":                change(func(m *Member) { m.Offline = true }),
		"another's name":          change(func(m *Member) { m.Person, m.Outside = theo, false; m.Role = writ.RoleCounsel }),
		"two keys in one":         change(func(m *Member) { m.Key = keyOf("x").Public().(ed25519.PublicKey) }),
		"no key":                  change(func(m *Member) { m.Passkey = nil }),
		"not enrolled":            change(func(m *Member) { m.Passkey.Proof = nil }),
		"enrolled by another key": change(func(m *Member) { m.Passkey.Proof = good.Members[passkey+1].Passkey.Proof }),
		"signed, and no proof":    change(func(m *Member) { m.Passkey.Proof = asserted(t, browser("ada"), TypeSet, b) }),
		"another origin":          change(func(m *Member) { m.Passkey.Origin = "https://fjordhost.example" }),
		"in another role":         change(func(m *Member) { m.Role = writ.RoleCounsel }),
		"there twice":             func(s *Set) { s.Members = append(s.Members, s.Members[passkey]) },
		"one key for two": func(s *Set) {
			p := browser("ada")
			p.ID = []byte{1}
			s.Members = append(s.Members, passkeyMember(t, lena, p, writ.RoleCustodian))
		},
		"one credential for two": func(s *Set) {
			p := browser("x")
			p.ID = browser("ada").ID
			s.Members = append(s.Members, passkeyMember(t, lena, p, writ.RoleCustodian))
		},
		"nobody off line": func(s *Set) {
			for i := range s.Members {
				s.Members[i].Offline = false
			}
		},
		"passkeys alone": func(s *Set) { s.Members = s.Members[passkey:] },
		"only counsel off line": func(s *Set) {
			s.Members = slices.DeleteFunc(s.Members, func(m Member) bool { return m.Role == writ.RoleCustodian && m.Passkey == nil })
		},
	} {
		s := secondSet(t, f)
		wants(t, name, s.Check(), ErrForm)
		if s.Digest() != [32]byte{} {
			t.Errorf("%s: the set has a digest", name)
		}
	}
	// An older set's bytes are what they were.
	first, _ := aSet().Encode()
	if bytes.Contains(first, []byte("passkey")) {
		t.Errorf("a set without passkeys is spelled %s", first)
	}
	for name, text := range map[string][]byte{
		"a passkey of null": bytes.Replace(first, []byte(`,"outside"`), []byte(`,"passkey":null,"outside"`), 1),
		"an empty key":      bytes.Replace(b, []byte(`"passkey"`), []byte(`"key":"","passkey"`), 1),
		"a key of null":     bytes.Replace(b, []byte(`"passkey"`), []byte(`"key":null,"passkey"`), 1),
		"a member more":     bytes.Replace(b, []byte(`"algorithm"`), []byte(`"x":1,"algorithm"`), 1),
	} {
		if _, err := ParseSet(text); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestQuorumWithPasskeys: a passkey counts as its person, and never as what is
// kept off line.
func TestQuorumWithPasskeys(t *testing.T) {
	set := secondSet(t)
	digest := set.Digest()
	a := anAuthorisation(func(a *Authorisation) { a.Set, a.At = digest[:], at.Add(1e9) })
	now := at.Add(3600e9)
	for name, c := range map[string]struct {
		keys, passkeys []string
		who            []writ.Person
		want           error
	}{
		"off line and a passkey":          {[]string{"ada"}, []string{"jun"}, []writ.Person{ada, jun}, nil},
		"off line and two passkeys":       {[]string{"ada"}, []string{"jun", "lena"}, []writ.Person{ada, jun, lena}, nil},
		"two passkeys":                    {nil, []string{"ada", "jun"}, nil, ErrOffline},
		"all passkeys":                    {nil, []string{"ada", "jun", "lena", "mira"}, nil, ErrOffline},
		"a passkey and an on-line key":    {[]string{"lena"}, []string{"jun"}, nil, ErrOffline},
		"counsel's off line":              {[]string{"mira"}, []string{"ada", "jun"}, nil, ErrOffline},
		"one person by both":              {[]string{"ada"}, []string{"ada"}, nil, ErrQuorum},
		"off line and counsel's passkey":  {[]string{"ada"}, []string{"mira"}, nil, ErrQuorum},
		"off line and a stranger's":       {[]string{"ada"}, []string{"x"}, nil, ErrQuorum},
		"a stranger's":                    {nil, []string{"x"}, nil, ErrUnknownKey},
		"on line, by both, and a passkey": {[]string{"jun/2"}, []string{"jun", "lena"}, nil, ErrOffline},
	} {
		_, who, err := VerifyAuthorisation(set, both(t, TypeAuthorisation, a, c.keys, c.passkeys...), now)
		if c.want == nil && (err != nil || !slices.Equal(who, c.who)) || c.want != nil && (!errors.Is(err, c.want) || !errors.Is(err, ErrQuorum)) {
			t.Errorf("%s: %v, %v", name, who, err)
		}
	}
	// Not even in a set that nobody checked.
	forged := set
	forged.Members = slices.Clone(set.Members)
	for i := range forged.Members {
		forged.Members[i].Offline = true
	}
	e, _ := ParseEnvelope(both(t, TypeAuthorisation, a, nil, "ada", "jun"))
	_, err := forged.Quorum(e)
	wants(t, "passkeys called off line", err, ErrOffline)
	// Under another's name the signature is nobody's, and without a name it is
	// its own.
	e.Signatures[0].KeyID, e.Signatures[1].KeyID = e.Signatures[1].KeyID, e.Signatures[0].KeyID
	if n := len(set.Signed(e)); n != 0 {
		t.Errorf("%d signed under each other's names", n)
	}
	e.Signatures[0].KeyID, e.Signatures[1].KeyID = "", ""
	if n := len(set.Signed(e)); n != 2 {
		t.Errorf("%d signed without a name", n)
	}
}

// TestLargestSetOfPasskeys: as many as a set may have fit a payload, and the
// signatures of all an envelope.
func TestLargestSetOfPasskeys(t *testing.T) {
	first := aSet()
	digest := first.Digest()
	s := aSet(func(s *Set) {
		s.Number, s.Previous, s.Members = 2, digest[:], slices.Clone(s.Members[:1])
		for i := range MaxMembers - 1 {
			person := writ.Person(fmt.Sprintf("custodian-%d", i))
			s.Members = append(s.Members, passkeyMember(t, person, browser(string(person)), writ.RoleCustodian))
		}
	})
	payload, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e := NewEnvelope(TypeSet, payload)
	for i := range MaxMembers - 1 {
		p := browser(fmt.Sprintf("custodian-%d", i))
		e.Add(Signature{s.Members[i+1].KeyID(), asserted(t, p, TypeSet, payload)})
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if e, err = ParseEnvelope(b); err != nil || len(s.Signed(e)) != MaxMembers-1 {
		t.Errorf("%d signed: %v", len(s.Signed(e)), err)
	}
	e.Signatures = slices.Repeat([]Signature{{"", make([]byte, MaxSig)}}, MaxSignatures)
	_, err = e.Encode()
	wants(t, "more than an envelope holds", err, ErrForm)
}

// TestSynced is what the authenticator said of its key at the enrolment.
func TestSynced(t *testing.T) {
	p := browser("jun")
	c := aCard(t, jun, p)
	challenge, _ := c.Challenge()
	synced, err := c.Prove(packed(t, p.Sign(challenge[:], func(c *authenticator.Ceremony) { c.Flags |= authenticator.BackupEligible })))
	if err != nil || !synced.Passkey.Synced() || c.Passkey.Synced() || (Passkey{}).Synced() {
		t.Errorf("%v, %v, %v", synced.Passkey.Synced(), c.Passkey.Synced(), err)
	}
}

// TestSigner says whose signature it is, and of a passkey's why not.
func TestSigner(t *testing.T) {
	set := secondSet(t)
	payload, _ := anAuthorisation().Encode()
	p := browser("jun")
	id := aCard(t, jun, p).Fingerprint
	sign := func(how ...bend) []byte { return asserted(t, p, TypeAuthorisation, payload, how...) }
	for _, key := range []string{id, ""} {
		if m, err := set.Signer(TypeAuthorisation, payload, Signature{key, sign()}); err != nil || m.Person != jun || m.Passkey == nil || m.KeyID() != id {
			t.Errorf("%v, %v", m, err)
		}
	}
	if m, err := set.Signer(TypeAuthorisation, payload, signature(TypeAuthorisation, payload, "ada")); err != nil || m.Person != ada || m.Passkey != nil {
		t.Errorf("%v, %v", m, err)
	}
	for name, c := range map[string]struct {
		sig  Signature
		want error
	}{
		"another port":    {Signature{id, sign(func(c *authenticator.Ceremony) { c.Origin += ":1" })}, ErrOrigin},
		"not verified":    {Signature{id, sign(func(c *authenticator.Ceremony) { c.Flags = authenticator.UserPresent })}, ErrVerification},
		"another type":    {Signature{id, asserted(t, p, TypeWaiver, payload)}, ErrChallenge},
		"a key's":         {Signature{id, signature(TypeAuthorisation, payload, "ada").Sig}, ErrForm},
		"another's name":  {Signature{aCard(t, ada, browser("ada")).Fingerprint, sign()}, ErrSignature},
		"a key's name":    {Signature{signature(TypeAuthorisation, payload, "ada").KeyID, sign()}, ErrUnknownKey},
		"a stranger":      {Signature{"", asserted(t, browser("x"), TypeAuthorisation, payload)}, ErrUnknownKey},
		"a stranger's id": {Signature{aCard(t, "noor.adeyemi", browser("x")).Fingerprint, sign()}, ErrUnknownKey},
		"nothing":         {Signature{}, ErrUnknownKey},
	} {
		_, err := set.Signer(TypeAuthorisation, payload, c.sig)
		wants(t, name, err, c.want)
	}
}

// TestChangeWithPasskeys: a passkey signs the next set and waivers, under the
// rules of any key, and is nobody's once a set leaves it out.
func TestChangeWithPasskeys(t *testing.T) {
	first, second := aSet(), secondSet(t)
	if s, _, err := VerifyChange(&first, signed(t, TypeSet, second, "ada", "lena")); err != nil || s.Digest() != second.Digest() {
		t.Fatal(err)
	}
	_, _, err := VerifyChange(&first, both(t, TypeSet, second, []string{"ada"}, "jun"))
	wants(t, "a passkey votes itself in", err, ErrQuorum)
	digest := second.Digest()
	third := secondSet(t, func(s *Set) {
		s.Number, s.Previous = 3, digest[:]
		s.Members = slices.DeleteFunc(s.Members, func(m Member) bool { return m.Passkey != nil && m.Person == jun })
	})
	if _, who, err := VerifyChange(&second, both(t, TypeSet, third, []string{"ada"}, "jun")); err != nil || !slices.Equal(who, []writ.Person{ada, jun}) {
		t.Fatalf("%v, %v", who, err)
	}
	_, _, err = VerifyChange(&second, both(t, TypeSet, third, nil, "ada", "jun", "lena"))
	wants(t, "passkeys alone", err, ErrOffline)
	last := third.Digest() // third holds a slice of digest
	a := anAuthorisation(func(a *Authorisation) { a.Set = last[:] })
	_, _, err = VerifyAuthorisation(third, both(t, TypeAuthorisation, a, []string{"ada"}, "jun"), at)
	wants(t, "a passkey that was taken out", err, ErrQuorum)
	if _, _, err := VerifyAuthorisation(third, both(t, TypeAuthorisation, a, []string{"ada"}, "lena"), at); err != nil {
		t.Error(err)
	}

	w := aWaiver()
	for name, c := range map[string]struct {
		keys, passkeys []string
		who            []writ.Person
	}{
		"counsel's passkey, a custodian's key": {[]string{"ada"}, []string{"mira"}, []writ.Person{ada, mira}},
		"two passkeys":                         {nil, []string{"mira", "jun"}, []writ.Person{jun, mira}},
		"two custodians' passkeys":             {nil, []string{"ada", "jun"}, nil},
		"counsel by both":                      {[]string{"mira"}, []string{"mira"}, nil},
		"a stranger's":                         {nil, []string{"mira", "x"}, nil},
	} {
		_, who, err := VerifyWaiver(second, both(t, TypeWaiver, w, c.keys, c.passkeys...), w.Case, [32]byte(w.Writ), at)
		if c.who == nil {
			wants(t, name, err, ErrQuorum)
		} else if err != nil || !slices.Equal(who, c.who) {
			t.Errorf("%s: %v, %v", name, who, err)
		}
	}
}

// TestNoQuorumOfPasskeys makes envelopes at random, of good and bent signatures
// by keys and passkeys: what verifies is exactly what has a quorum, with a key
// off line in it.
func TestNoQuorumOfPasskeys(t *testing.T) {
	set := secondSet(t)
	digest := set.Digest()
	payload, _ := anAuthorisation(func(a *Authorisation) { a.Set = digest[:] }).Encode()
	names, all := []string{"ada", "jun", "lena", "mira", "x"}, ceremonies()
	rapid.Check(t, func(r *rapid.T) {
		e := NewEnvelope(TypeAuthorisation, payload)
		custodians, offline := map[writ.Person]bool{}, false
		for n := range rapid.IntRange(0, 6).Draw(r, "signatures") {
			name := rapid.SampledFrom(names).Draw(r, fmt.Sprint("by", n))
			s := signature(TypeAuthorisation, payload, name)
			good := rapid.Bool().Draw(r, fmt.Sprint("a key", n))
			if good {
				offline = offline || name == "ada" || name == "jun"
			} else {
				c := rapid.SampledFrom(all).Draw(r, fmt.Sprint("ceremony", n))
				p := browser(name)
				challenge := Challenge(TypeAuthorisation, payload)
				s = Signature{aCard(t, people[name], p).Fingerprint, raw(t, p.Sign(challenge[:], c.how))}
				good = c.want == "" || c.name == "another's key" && name == "jun"
			}
			if good && name != "mira" && name != "x" {
				custodians[people[name]] = true
			}
			e.Signatures = append(e.Signatures, s)
		}
		_, err := set.Quorum(e)
		if quorum := len(custodians) >= 2 && offline; quorum != (err == nil) {
			r.Fatalf("of %v, off line %v: %v", custodians, offline, err)
		}
	})
}

// FuzzPasskeySignature: nothing verifies but what the passkey signed, and it has
// one spelling.
func FuzzPasskeySignature(f *testing.F) {
	p := browser("ada")
	card := aCard(f, ada, p)
	payload, _ := anAuthorisation().Encode()
	good := asserted(f, p, TypeAuthorisation, payload)
	challenge := Challenge(TypeAuthorisation, payload)
	for _, c := range ceremonies() {
		f.Add(raw(f, p.Sign(challenge[:], c.how)))
	}
	fuzz(f, good, func(t *testing.T, b []byte) {
		var a assertion
		err := card.Passkey.Verify(TypeAuthorisation, payload, b)
		if err != nil {
			if !errors.Is(err, ErrPasskey) {
				t.Error(err)
			}
			return
		}
		if err := json.Unmarshal(b, &a); err != nil {
			t.Fatal(err)
		}
		if again, err := PasskeySignature(a.AuthenticatorData, a.ClientDataJSON, a.Signature); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s is spelled %s", b, again)
		}
	})
}

// FuzzClientData: what is accepted is also what another reader of JSON reads.
func FuzzClientData(f *testing.F) {
	challenge := [32]byte{7}
	p := browser("ada")
	for _, c := range ceremonies() {
		f.Add(p.Sign(challenge[:], c.how).ClientData)
	}
	fuzz(f, p.Sign(challenge[:]).ClientData, func(t *testing.T, b []byte) {
		if checkClientData(b, challenge, origin) != nil {
			return
		}
		var other struct {
			Type, Challenge, Origin string
			CrossOrigin             bool
			TopOrigin               *string
		}
		if err := json.Unmarshal(b, &other); err != nil || other.Type != "webauthn.get" || other.Challenge != "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" || other.Origin != origin || other.CrossOrigin || other.TopOrigin != nil {
			t.Errorf("%s is accepted, and another reads %+v, %v", b, other, err)
		}
	})
}

// FuzzPasskeyCard: what is read is spelled the same way again, and in order.
func FuzzPasskeyCard(f *testing.F) {
	good, _ := aCard(f, jun, browser("jun")).Encode()
	fuzz(f, good, func(t *testing.T, b []byte) {
		if c, err := ParsePasskeyCard(b); err == nil {
			again(t, c, bytes.TrimSuffix(b, []byte("\n")))
		}
	})
}

var update = flag.Bool("update", false, "make the vectors anew")

// vectors are for other implementations. Sig, here and in envelopes, is base64
// of the JSON that docs/writ.md has.
type vectors struct {
	About     string          `json:"about"`
	Card      json.RawMessage `json:"card"`
	Statement string          `json:"statement"`
	Enrolment []byte          `json:"enrolment_challenge"`
	Type      string          `json:"payload_type"`
	Payload   string          `json:"payload"`
	Challenge []byte          `json:"challenge"`
	Accepted  []vector        `json:"accepted"`
	Refused   []vector        `json:"refused"`
	Cards     []brokenCard    `json:"refused_cards"`
}

type vector struct {
	Name  string `json:"name"`
	Error string `json:"error,omitempty"` // one of reasons
	Sig   []byte `json:"sig"`
}

type brokenCard struct {
	Name string          `json:"name"`
	Card json.RawMessage `json:"card"`
}

// TestPasskeyVectors: the vectors in the tree are accepted, or refused with
// their error, and are what this program makes.
func TestPasskeyVectors(t *testing.T) {
	const file = "testdata/passkeys.json"
	made, err := json.MarshalIndent(makeVectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *update {
		if err := os.WriteFile(file, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, made) {
		t.Errorf("%s is not what this program makes: go test -run Vectors -update", file)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, v.Card); err != nil {
		t.Fatal(err)
	}
	card, err := ParsePasskeyCard(compact.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	statement, _ := card.Passkey.Statement(card.Person)
	enrolment := Challenge(TypePasskey, []byte(v.Statement))
	challenge := Challenge(v.Type, []byte(v.Payload))
	if string(statement) != v.Statement || !bytes.Equal(enrolment[:], v.Enrolment) || !bytes.Equal(challenge[:], v.Challenge) || digest(statement) != card.Fingerprint {
		t.Error("statement or challenges are others")
	}
	if len(v.Accepted) < 8 || len(v.Refused) < 50 || len(v.Cards) < 3 {
		t.Errorf("%d accepted, %d and %d refused", len(v.Accepted), len(v.Refused), len(v.Cards))
	}
	for _, one := range v.Accepted {
		if err := card.Passkey.Verify(v.Type, []byte(v.Payload), one.Sig); err != nil {
			t.Errorf("%s: %v", one.Name, err)
		}
	}
	for _, one := range v.Refused {
		if reasons[one.Error] == nil {
			t.Errorf("%s: the error %q is none", one.Name, one.Error)
		}
		wants(t, one.Name, card.Passkey.Verify(v.Type, []byte(v.Payload), one.Sig), reasons[one.Error])
	}
	for _, one := range v.Cards {
		compact.Reset()
		if err := json.Compact(&compact, one.Card); err != nil {
			t.Fatal(err)
		}
		_, err := ParsePasskeyCard(compact.Bytes())
		wants(t, one.Name, err, ErrForm)
	}
}

func makeVectors(t *testing.T) vectors {
	p := browser("jun")
	card := aCard(t, jun, p)
	text, _ := card.Encode()
	statement, _ := card.Passkey.Statement(jun)
	enrolment := Challenge(TypePasskey, statement)
	payload, _ := aWaiver().Encode()
	challenge := Challenge(TypeWaiver, payload)
	v := vectors{
		About: "Passkeys of docs/writ.md. Cards are spelled without spaces; sig is that of an envelope.", Card: text,
		Statement: string(statement), Enrolment: enrolment[:], Type: TypeWaiver, Payload: string(payload), Challenge: challenge[:],
	}
	for _, c := range ceremonies() {
		if c.name == "another's key" {
			c.how = func(c *authenticator.Ceremony) { c.SignedBy = browser("ada") }
		}
		one := vector{c.name, c.want, raw(t, p.Sign(challenge[:], c.how))}
		if c.want == "" {
			v.Accepted = append(v.Accepted, one)
		} else {
			v.Refused = append(v.Refused, one)
		}
	}
	var a assertion
	if err := json.Unmarshal(v.Accepted[0].Sig, &a); err != nil {
		t.Fatal(err)
	}
	behind := a
	behind.Signature = append(slices.Clone(a.Signature), 0)
	b, _ := json.Marshal(behind)
	v.Refused = append(v.Refused, vector{"a byte behind the signature", "form", b}, vector{"a line behind", "form", append(slices.Clone(v.Accepted[0].Sig), '\n')})
	behind.Signature = highS(t, a.Signature)
	b, _ = json.Marshal(behind)
	v.Refused = append(v.Refused, vector{"the higher S", "form", b})
	for _, one := range []struct {
		name   string
		change func(*PasskeyCard)
	}{
		{"enrolled as another person", func(c *PasskeyCard) { c.Passkey.Proof = aCard(t, ada, p).Passkey.Proof }},
		{"not enrolled", func(c *PasskeyCard) { c.Passkey.Proof = nil }},
		{"another's fingerprint", func(c *PasskeyCard) { c.Fingerprint = aCard(t, ada, browser("ada")).Fingerprint }},
		{"an origin without TLS", func(c *PasskeyCard) { c.Passkey.Origin = "http://writ.fjordhost.example" }},
	} {
		c := card
		one.change(&c)
		b, _ := json.Marshal(c)
		v.Cards = append(v.Cards, brokenCard{one.name, b})
	}
	return v
}
