package policy

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/testenv/authenticator"
)

const (
	rp     = "fjordhost.example"
	origin = "https://writ.fjordhost.example"
)

// browser is a person's passkey in software.
func browser(name string) *authenticator.Passkey { return authenticator.New(name, rp, origin) }

type bend = func(*authenticator.Ceremony)

// asserted is what a passkey signs for a payload, as an envelope carries it.
func asserted(t testing.TB, p *authenticator.Passkey, payloadType string, payload []byte, how ...bend) []byte {
	t.Helper()
	challenge := Challenge(payloadType, payload)
	return packed(t, p.Sign(challenge[:], how...))
}

func packed(t testing.TB, a authenticator.Assertion) []byte {
	t.Helper()
	sig, err := PasskeySignature(a.AuthData, a.ClientData, a.Sig)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func aCard(t testing.TB, person writ.Person, p *authenticator.Passkey) PasskeyCard {
	t.Helper()
	c, err := NewPasskeyCard(person, p.ID, p.Public(), p.RP, p.Origin)
	if err != nil {
		t.Fatal(err)
	}
	challenge, err := c.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	if c, err = c.Prove(packed(t, p.Sign(challenge[:]))); err != nil {
		t.Fatal(err)
	}
	return c
}

func passkeyMember(t testing.TB, person writ.Person, p *authenticator.Passkey, role writ.Role) Member {
	t.Helper()
	m, err := NewPasskeyMember(aCard(t, person, p), role, person == ada)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// secondSet follows [aSet]: ada, jun and lena have passkeys beside their keys,
// mira of counsel too.
func secondSet(t testing.TB, change ...func(*Set)) Set {
	t.Helper()
	first := aSet()
	digest := first.Digest()
	s := aSet(func(s *Set) {
		s.Number, s.Previous, s.At = 2, digest[:], at.Add(time.Hour)
		s.Members = append(slices.Clone(s.Members), passkeyMember(t, ada, browser("ada"), writ.RoleCustodian),
			passkeyMember(t, jun, browser("jun"), writ.RoleCustodian), passkeyMember(t, lena, browser("lena"), writ.RoleCustodian), passkeyMember(t, mira, browser("mira"), writ.RoleCounsel))
	})
	for _, c := range change {
		c(&s)
	}
	return s
}

// both makes an envelope that keys and passkeys signed.
func both(t testing.TB, payloadType string, v encoder, keys []string, passkeys ...string) []byte {
	t.Helper()
	e, err := ParseEnvelope(signed(t, payloadType, v, keys...))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range passkeys {
		p := browser(name)
		e.Add(Signature{KeyID: aCard(t, people[name], p).Fingerprint, Sig: asserted(t, p, payloadType, e.Payload)})
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var people = map[string]writ.Person{"ada": ada, "jun": jun, "lena": lena, "mira": mira, "theo": theo, "x": "noor.adeyemi"}

// reasons are the names of errors in the vectors.
var reasons = map[string]error{
	"form": ErrForm, "type": ErrClientType, "challenge": ErrChallenge, "origin": ErrOrigin, "framed": ErrFramed, "rp": ErrRP,
	"presence": ErrPresence, "verification": ErrVerification, "signature": ErrSignature,
}

// client bends the client data as a whole; %c stands for the challenge.
func client(text string) bend {
	return func(c *authenticator.Ceremony) {
		c.ClientData = strings.ReplaceAll(text, "%c", c.Challenge)
	}
}

// ceremonies are assertions that browsers might send, and what becomes of
// each: "" is accepted. Signed they are all, by the right key unless they say
// otherwise.
func ceremonies() []struct {
	name, want string
	how        bend
} {
	type c = *authenticator.Ceremony
	const ok = `"type":"webauthn.get","challenge":"%c","origin":"https://writ.fjordhost.example"`
	signIn := sha256.Sum256([]byte("a sign-in at another time"))
	otherCase := anAuthorisation(func(a *Authorisation) { a.Case = "2026-0000-0000" })
	other, _ := otherCase.Encode()
	otherChallenge := Challenge(TypeAuthorisation, other)
	encoded := base64.RawURLEncoding.EncodeToString
	return []struct {
		name, want string
		how        bend
	}{
		{"as browsers write it", "", func(c) {}},
		{"without crossOrigin", "", func(c c) { c.Rest = "" }},
		{"with a member more", "", func(c c) {
			c.Rest += `,"other_keys_can_be_added_here":"do not compare clientDataJSON against a template"`
		}},
		{"a member more, twice", "", func(c c) { c.Rest += `,"x":{"type":1},"x":[2]` }},
		{"in another order, spaced", "", client(` {"origin":"https://writ.fjordhost.example", "challenge" : "%c","type":"webauthn.get"} `)},
		{"escaped", "", client(`{"type":"webauthn\u002eget","challenge":"%c","origin":"https:\/\/writ.fjordhost.example"}`)},
		{"a synced passkey", "", func(c c) { c.Flags |= authenticator.BackupEligible | authenticator.BackedUp }},
		{"a counter at its end", "", func(c c) { c.Count = 1<<32 - 1 }},

		{"an enrolment", "type", func(c c) { c.Type = "webauthn.create" }},
		{"a payment", "type", func(c c) { c.Type = "payment.get" }},
		{"a type in capitals", "type", func(c c) { c.Type = "WebAuthn.get" }},
		{"no type", "type", client(`{"challenge":"%c","origin":"https://writ.fjordhost.example"}`)},
		{"a type of null", "type", client(`{"type":null,"challenge":"%c","origin":"https://writ.fjordhost.example"}`)},
		{"a type in a list", "type", client(`{"type":["webauthn.get"],"challenge":"%c","origin":"https://writ.fjordhost.example"}`)},

		{"a sign-in", "challenge", func(c c) { c.Challenge = encoded(signIn[:]) }},
		{"another case", "challenge", func(c c) { c.Challenge = encoded(otherChallenge[:]) }},
		{"a challenge with padding", "challenge", func(c c) { c.Challenge += "=" }},
		{"a challenge with more", "challenge", func(c c) { c.Challenge += "AAAA" }},
		{"half a challenge", "challenge", func(c c) { c.Challenge = c.Challenge[:22] }},
		{"a challenge with other last bits", "challenge", func(c c) {
			const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			last := strings.IndexByte(alphabet, c.Challenge[42])
			c.Challenge = c.Challenge[:42] + alphabet[last|1:][:1]
		}},
		{"a challenge in hex", "challenge", func(c c) {
			raw, _ := base64.RawURLEncoding.DecodeString(c.Challenge)
			c.Challenge = hex.EncodeToString(raw)
		}},
		{"no challenge", "challenge", func(c c) { c.Challenge = "" }},

		{"another port", "origin", func(c c) { c.Origin = origin + ":8443" }},
		{"the port that is left out", "origin", func(c c) { c.Origin = origin + ":443" }},
		{"below the origin", "origin", func(c c) { c.Origin = "https://a.writ.fjordhost.example" }},
		{"beside the origin", "origin", func(c c) { c.Origin = "https://docs.fjordhost.example" }},
		{"the relying party itself", "origin", func(c c) { c.Origin = "https://fjordhost.example" }},
		{"another's name behind", "origin", func(c c) { c.Origin = origin + ".oxbow.example" }},
		{"without TLS", "origin", func(c c) { c.Origin = "http://writ.fjordhost.example" }},
		{"a slash behind", "origin", func(c c) { c.Origin = origin + "/" }},
		{"an origin in capitals", "origin", func(c c) { c.Origin = "https://WRIT.fjordhost.example" }},
		{"an opaque origin", "origin", func(c c) { c.Origin = "null" }},
		{"no origin", "origin", client(`{"type":"webauthn.get","challenge":"%c"}`)},

		{"in another's page", "framed", func(c c) { c.Rest = `,"crossOrigin":true` }},
		{"in another's page, as text", "framed", func(c c) { c.Rest = `,"crossOrigin":"false"` }},
		{"in a page of null", "framed", func(c c) { c.Rest = `,"crossOrigin":null` }},
		{"under another page", "framed", func(c c) { c.Rest += `,"topOrigin":"https://oxbow.example"` }},
		{"under its own page", "framed", func(c c) { c.Rest += `,"topOrigin":"` + origin + `"` }},
		{"under no page", "framed", func(c c) { c.Rest += `,"topOrigin":null` }},

		{"another relying party", "rp", func(c c) { c.RP = "oxbow.example" }},
		{"the host as relying party", "rp", func(c c) { c.RP = "writ.fjordhost.example" }},
		{"nobody there", "presence", func(c c) { c.Flags &^= authenticator.UserPresent }},
		{"nobody verified", "verification", func(c c) { c.Flags &^= authenticator.UserVerified }},
		{"neither", "presence", func(c c) { c.Flags = 0 }},

		{"a new credential announced", "form", func(c c) { c.Flags |= authenticator.NewCredential }},
		{"extensions announced", "form", func(c c) { c.Flags |= authenticator.Extensions }},
		{"extensions announced and there", "form", func(c c) { c.Flags |= authenticator.Extensions; c.Tail = []byte{0xa0} }},
		{"a byte behind", "form", func(c c) { c.Tail = []byte{0} }},
		{"a byte short", "form", func(c c) { c.AuthDataTruncated = 1 }},
		{"backed up, and can't be", "form", func(c c) { c.Flags |= authenticator.BackedUp }},

		{"the type twice", "form", func(c c) { c.Rest += `,"type":"webauthn.get"` }},
		{"the challenge twice", "form", func(c c) { c.Rest += `,"challenge":"` + c.Challenge + `"` }},
		{"the origin twice, first another", "form", client(`{"origin":"https://oxbow.example",` + ok + `}`)},
		{"the origin twice, escaped", "form", client(`{"\u006frigin":"https://oxbow.example",` + ok + `}`)},
		{"the origin in capitals too", "form", client(`{"Origin":"https://oxbow.example",` + ok + `}`)},
		{"the origin in capitals only", "form", client(`{"type":"webauthn.get","challenge":"%c","Origin":"https://writ.fjordhost.example"}`)},
		{"crossOrigin twice", "form", func(c c) { c.Rest += `,"crossOrigin":true` }},
		{"something behind the JSON", "form", client(`{` + ok + `}{}`)},
		{"half the JSON", "form", client(`{` + ok)},
		{"a comma too much", "form", client(`{` + ok + `,}`)},
		{"a list", "form", client(`[{` + ok + `}]`)},
		{"a byte order mark", "form", client("\ufeff{" + ok + `}`)},
		{"not UTF-8", "form", client(`{` + ok + ",\"x\":\"\xff\"}")},

		{"another's key", "signature", func(c c) { c.SignedBy = browser("jun") }},
		{"other client data signed", "signature", func(c c) { c.SignedInstead = make([]byte, 32) }},
		{"no client data signed", "signature", func(c c) { c.SignedInstead = []byte{} }},
	}
}

// raw spells an assertion without looking at it.
func raw(t testing.TB, a authenticator.Assertion) []byte {
	t.Helper()
	sig := a.Sig
	if _, s, err := parseDER(sig); err == nil && !low(s) {
		sig = highS(t, sig)
	}
	b, err := json.Marshal(assertion{a.AuthData, a.ClientData, sig})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCeremonies: the gate accepts exactly what a browser writes when a page of
// the pinned origin asks a present and verified person for exactly this.
func TestCeremonies(t *testing.T) {
	p := browser("ada")
	card := aCard(t, ada, p)
	payload, _ := anAuthorisation().Encode()
	challenge := Challenge(TypeAuthorisation, payload)
	for _, c := range ceremonies() {
		err := card.Passkey.Verify(TypeAuthorisation, payload, raw(t, p.Sign(challenge[:], c.how)))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		wants(t, c.name, err, reasons[c.want])
		wants(t, c.name, err, ErrPasskey)
	}
	// One signature stands for nothing else: not for the payload under another
	// type, nor for another person's passkey.
	sig := asserted(t, p, TypeAuthorisation, payload)
	wants(t, "another type", card.Passkey.Verify(TypeSet, payload, sig), ErrChallenge)
	wants(t, "another payload", card.Passkey.Verify(TypeAuthorisation, append(payload, ' '), sig), ErrChallenge)
	wants(t, "another's passkey", aCard(t, jun, browser("jun")).Passkey.Verify(TypeAuthorisation, payload, sig), ErrSignature)
	wants(t, "the enrolment's", card.Passkey.Verify(TypeAuthorisation, payload, card.Passkey.Proof), ErrChallenge)
}

// highS is the other signature that verifies: of a lower S the higher one, and
// the other way round.
func highS(t testing.TB, der []byte) []byte {
	t.Helper()
	r, s, err := parseDER(der)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := asn1.Marshal(ecdsaSignature{r, s.Sub(elliptic.P256().Params().N, s)})
	return b
}

// TestSpelling: there is one spelling of a passkey's signature.
func TestSpelling(t *testing.T) {
	p := browser("ada")
	card := aCard(t, ada, p)
	payload, _ := anAuthorisation().Encode()
	good := asserted(t, p, TypeAuthorisation, payload)
	var a assertion
	if err := json.Unmarshal(good, &a); err != nil {
		t.Fatal(err)
	}
	r, s, err := parseDER(a.Signature)
	if err != nil {
		t.Fatal(err)
	}
	n := elliptic.P256().Params().N
	der := func(r, s *big.Int) []byte {
		b, _ := asn1.Marshal(ecdsaSignature{r, s})
		return b
	}
	for name, sig := range map[string][]byte{
		"the higher S":      highS(t, a.Signature),
		"S and the order":   der(r, new(big.Int).Add(s, n)),
		"S below zero":      der(r, new(big.Int).Neg(s)),
		"R of zero":         der(new(big.Int), s),
		"a byte behind":     append(slices.Clone(a.Signature), 0),
		"a byte short":      a.Signature[:len(a.Signature)-1],
		"a longer length":   slices.Concat([]byte{0x30, 0x81}, a.Signature[1:]),
		"an endless length": slices.Concat([]byte{0x30, 0x80}, a.Signature[2:], []byte{0, 0}),
		"a zero before R":   slices.Concat([]byte{0x30, a.Signature[1] + 1, 0x02, a.Signature[3] + 1, 0}, a.Signature[4:]),
		"a set, no list":    slices.Concat([]byte{0x31}, a.Signature[1:]),
		"R and S alone":     slices.Concat(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))),
		"nothing":           {},
		"large":             make([]byte, maxDER+1),
	} {
		b, _ := json.Marshal(assertion{a.AuthenticatorData, a.ClientDataJSON, sig})
		wants(t, name, card.Passkey.Verify(TypeAuthorisation, payload, b), ErrForm)
		if name == "the higher S" {
			if same, err := PasskeySignature(a.AuthenticatorData, a.ClientDataJSON, sig); err != nil || !bytes.Equal(same, good) {
				t.Errorf("of two values of S not the lower one is kept: %v", err)
			}
		} else if _, err := PasskeySignature(a.AuthenticatorData, a.ClientDataJSON, sig); !errors.Is(err, ErrForm) {
			t.Errorf("%s is spelled as a signature: %v", name, err)
		}
	}
	text := string(good)
	for name, b := range map[string]string{
		"a space": strings.Replace(text, ":", ": ", 1), "a line behind": text + "\n", "a member more": strings.Replace(text, "{", `{"x":1,`, 1),
		"a member twice": strings.Replace(text, "{", `{"signature":"AA==",`, 1), "in capitals": strings.Replace(text, "signature", "Signature", 1),
		"in another order": `{"signature":"AA==","clientDataJSON":"AA==","authenticatorData":"AA=="}`, "nothing": "", "null": "null", "empty": "{}",
		"an Ed25519 signature": strings.Repeat("x", 64), "large": strings.Repeat(" ", MaxSig+1),
	} {
		wants(t, name, card.Passkey.Verify(TypeAuthorisation, payload, []byte(b)), ErrForm)
	}
	huge := raw(t, p.Sign(make([]byte, 32), client(`{"x":"`+strings.Repeat("a", MaxClientData)+`"}`)))
	wants(t, "huge client data", card.Passkey.Verify(TypeAuthorisation, payload, huge), ErrForm)
	if _, err := PasskeySignature(a.AuthenticatorData, make([]byte, 1<<20), a.Signature); !errors.Is(err, ErrForm) {
		t.Errorf("huge client data are spelled: %v", err)
	}
	// The largest that is taken fits an envelope.
	most := slices.Concat([]byte{'{'}, bytes.Repeat([]byte{' '}, MaxClientData-2), []byte{'}'})
	if b, err := PasskeySignature(a.AuthenticatorData, most, a.Signature); err != nil || len(b) > MaxSig {
		t.Errorf("the largest has %d bytes: %v", len(b), err)
	}
}

// TestEveryCorruption: a passkey's signature of which one bit of any part was
// changed is none.
func TestEveryCorruption(t *testing.T) {
	p := browser("ada")
	card := aCard(t, ada, p)
	payload, _ := anAuthorisation().Encode()
	good := asserted(t, p, TypeAuthorisation, payload)
	flip := func(t *rapid.T, name string, b []byte) []byte {
		b = slices.Clone(b)
		b[rapid.IntRange(0, len(b)-1).Draw(t, name)] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		return b
	}
	rapid.Check(t, func(t *rapid.T) {
		var a assertion
		if err := json.Unmarshal(good, &a); err != nil {
			t.Fatal(err)
		}
		k, payload, sig := card.Passkey, payload, good
		whole := func() { sig, _ = json.Marshal(a) }
		switch part := rapid.SampledFrom([]string{"authenticator data", "client data", "signature", "whole", "payload", "key", "rp", "origin", "challenge"}).Draw(t, "part"); part {
		case "authenticator data":
			a.AuthenticatorData = flip(t, part, a.AuthenticatorData)
			whole()
		case "client data":
			a.ClientDataJSON = flip(t, part, a.ClientDataJSON)
			whole()
		case "signature":
			a.Signature = flip(t, part, a.Signature)
			whole()
		case "whole":
			sig = flip(t, part, good)
		case "payload":
			payload = flip(t, part, payload)
		case "key":
			k.Key = flip(t, part, k.Key)
		case "rp":
			k.RP = string(flip(t, part, []byte(k.RP)))
		case "origin":
			k.Origin = string(flip(t, part, []byte(k.Origin)))
		case "challenge":
			c := Challenge(TypeAuthorisation, payload)
			if err := k.verify([32]byte(flip(t, part, c[:])), sig); !errors.Is(err, ErrChallenge) {
				t.Fatal(err)
			}
			return
		}
		if err := k.Verify(TypeAuthorisation, payload, sig); !errors.Is(err, ErrPasskey) {
			t.Fatalf("it verifies: %v", err)
		}
	})
}

// TestCard: a card is of one spelling, and of a passkey that enrolled itself as
// this person.
func TestCard(t *testing.T) {
	p := browser("jun")
	good := aCard(t, jun, p)
	text, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{text, append(slices.Clone(text), '\n')} {
		c, err := ParsePasskeyCard(b)
		if err != nil || c.Fingerprint != c.Passkey.Fingerprint(jun) || len(c.Fingerprint) != 64 {
			t.Errorf("%v", err)
		}
	}
	spki := p.Public()
	x, y := spki[27:59], spki[59:]
	cose := slices.Concat(coseP256, x, coseY, y)
	for name, b := range map[string][]byte{"DER": spki, "COSE": cose, "a point": spki[26:]} {
		if key, err := PasskeyKey(b); err != nil || !bytes.Equal(key, spki[26:]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	off := slices.Clone(spki)
	off[90] ^= 1
	compressed := append([]byte{2 + y[31]&1}, x...)
	for name, b := range map[string][]byte{
		"nothing": nil, "off the curve": off, "compressed": compressed, "infinity": {0}, "P-384's DER": append([]byte{0x30, 0x76}, spki[2:]...), "behind": append(slices.Clone(spki), 0),
		"Ed25519": keyOf("ada").Public().(ed25519.PublicKey),
	} {
		if _, err := PasskeyKey(b); !errors.Is(err, ErrForm) {
			t.Errorf("%s is taken for a key: %v", name, err)
		}
	}
	for name, change := range map[string]func(*PasskeyCard){
		"version 2":                 func(c *PasskeyCard) { c.V = 2 },
		"another person":            func(c *PasskeyCard) { c.Person = ada; c.Fingerprint = c.Passkey.Fingerprint(ada) },
		"no person":                 func(c *PasskeyCard) { c.Person = "Jun Park" },
		"another fingerprint":       func(c *PasskeyCard) { c.Fingerprint = strings.Repeat("0", 64) },
		"no fingerprint":            func(c *PasskeyCard) { c.Fingerprint = "" },
		"another credential":        func(c *PasskeyCard) { c.Passkey.ID = []byte{1} },
		"no credential":             func(c *PasskeyCard) { c.Passkey.ID = nil },
		"a long credential":         func(c *PasskeyCard) { c.Passkey.ID = make([]byte, MaxCredential+1) },
		"another's key":             func(c *PasskeyCard) { c.Passkey.Key = aCard(t, jun, browser("x")).Passkey.Key },
		"RS256":                     func(c *PasskeyCard) { c.Passkey.Algorithm = "RS256" },
		"no algorithm":              func(c *PasskeyCard) { c.Passkey.Algorithm = "" },
		"another origin":            func(c *PasskeyCard) { c.Passkey.Origin = "https://docs.fjordhost.example" },
		"another relying party":     func(c *PasskeyCard) { c.Passkey.RP = "writ.fjordhost.example" },
		"no proof":                  func(c *PasskeyCard) { c.Passkey.Proof = nil },
		"a proof by another":        func(c *PasskeyCard) { c.Passkey.Proof = aCard(t, jun, browser("x")).Passkey.Proof },
		"a proof as another person": func(c *PasskeyCard) { c.Passkey.Proof = aCard(t, ada, p).Passkey.Proof },
	} {
		c := good
		change(&c)
		if name != "another fingerprint" && name != "no fingerprint" {
			c.Fingerprint = c.Passkey.Fingerprint(c.Person)
		}
		b, _ := json.Marshal(c)
		_, err := ParsePasskeyCard(b)
		wants(t, name, err, ErrForm)
		_, err = NewPasskeyMember(c, writ.RoleCustodian, false)
		wants(t, name+", as a member", err, ErrForm)
	}
	for name, b := range map[string][]byte{"large": make([]byte, MaxCard+1), "two lines behind": append(slices.Clone(text), "\n\n"...), "spaced": []byte(strings.Replace(string(text), ":", ": ", 1)), "a field more": []byte(strings.Replace(string(text), "{", `{"role":"custodian",`, 1))} {
		_, err := ParsePasskeyCard(b)
		wants(t, name, err, ErrForm)
	}
	for at, fine := range map[string]bool{
		"https://fjordhost.example": true, "https://writ.fjordhost.example": true, "https://writ.fjordhost.example:8443": true, "https://a.b.fjordhost.example:1": true,
		"": false, "https://": false, "fjordhost.example": false, "http://fjordhost.example": false, "https://fjordhost.example/": false, "https://fjordhost.example:443": false,
		"https://fjordhost.example:": false, "https://fjordhost.example:0": false, "https://fjordhost.example:08": false, "https://fjordhost.example:65536": false, "https://fjordhost.example:1:2": false,
		"https://Fjordhost.example": false, "https://notfjordhost.example": false, "https://fjordhost.example.oxbow.example": false, "https://a@fjordhost.example": false, "https://-.fjordhost.example": false,
		"https://fjordhost.example.": false, "https://..fjordhost.example": false, "https://fjordhost.example?": false, "https://oxbow.example": false,
	} {
		_, err := NewPasskeyCard(jun, p.ID, p.Public(), rp, at)
		if fine != (err == nil) {
			t.Errorf("the origin %q: %v", at, err)
		}
	}
	for _, name := range []string{"", "192.0.2.7", "::1", "1.2.3", "Fjordhost.example", "fjordhost.example.", ".example", "a_b.example", strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 126) + "example"} {
		if host(name) {
			t.Errorf("%q is taken for a host", name)
		}
	}
}

// TestFIPS runs the tests of passkeys, and of all else here, again in a process
// that refuses every algorithm outside FIPS 140-3.
func TestFIPS(t *testing.T) {
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		return // this is that process
	}
	cmd := exec.Command(os.Args[0], "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestCeremonies") {
		t.Fatalf("under fips140=only: %v\n%s", err, out)
	}
}
