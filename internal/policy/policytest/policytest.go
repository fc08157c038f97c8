// Package policytest gives the tests of other rooms persons who sign with
// passkeys: a software authenticator, as sets pin it and envelopes carry its
// signatures. It verifies nothing.
package policytest

import (
	"testing"

	"writ"
	"writ/internal/policy"
	"writ/internal/testenv/authenticator"
)

// Where the passkeys of tests are used.
const (
	RP     = "fjordhost.example"
	Origin = "https://writ.fjordhost.example"
)

// Passkey is a person's passkey, the same at each run.
type Passkey struct {
	Person writ.Person
	*authenticator.Passkey
}

// New is the passkey of a person.
func New(p writ.Person) Passkey { return Passkey{p, authenticator.New(string(p), RP, Origin)} }

// Card enrols it.
func (p Passkey) Card(t testing.TB) policy.PasskeyCard {
	t.Helper()
	c, err := policy.NewPasskeyCard(p.Person, p.ID, p.Public(), p.RP, p.Origin)
	if err != nil {
		t.Fatal(err)
	}
	challenge, err := c.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	if c, err = c.Prove(p.answer(t, challenge)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Member is it as a set pins it.
func (p Passkey) Member(t testing.TB, role writ.Role, outside bool) policy.Member {
	t.Helper()
	m, err := policy.NewPasskeyMember(p.Card(t), role, outside)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Sign signs a payload, as a page of its origin asks it to, or as a test bends
// that.
func (p Passkey) Sign(t testing.TB, payloadType string, payload []byte, how ...func(*authenticator.Ceremony)) policy.Signature {
	t.Helper()
	return policy.Signature{KeyID: p.Card(t).Fingerprint, Sig: p.answer(t, policy.Challenge(payloadType, payload), how...)}
}

func (p Passkey) answer(t testing.TB, challenge [32]byte, how ...func(*authenticator.Ceremony)) []byte {
	t.Helper()
	a := p.Passkey.Sign(challenge[:], how...)
	sig, err := policy.PasskeySignature(a.AuthData, a.ClientData, a.Sig)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}
