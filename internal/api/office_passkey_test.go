package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/policy"
	"writ/internal/policy/policytest"
)

// passkeys puts a second set in force, in which ada, jun and counsel have
// passkeys beside their keys.
func (h *house) passkeys() {
	h.T.Helper()
	now, err := h.Desk("mira").Custodians(h.Ctx)
	h.Must(err)
	next, digest := *now.Set, now.Set.Digest()
	next.Number, next.Previous, next.At = next.Number+1, digest[:], h.Now().UTC().Truncate(time.Second)
	for p, role := range map[writ.Person]writ.Role{"ada.okafor": writ.RoleCustodian, "jun.park": writ.RoleCustodian, "mira.lindqvist": writ.RoleCounsel} {
		next.Members = append(next.Members, policytest.New(p).Member(h.T, role, p == "ada.okafor"))
	}
	payload, err := next.Encode()
	h.Must(err)
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for _, p := range []writ.Person{"ada.okafor", "jun.park"} {
		e.Add(h.Sign(p, policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	h.Must(err)
	set, err := h.Desk("mira").SetCustodians(h.Ctx, envelope)
	h.Must(err)
	if n := len(slices.DeleteFunc(set.Set.Members, func(m policy.Member) bool { return m.Passkey == nil })); n != 3 {
		h.T.Fatalf("the set has %d passkeys", n)
	}
}

// TestSignByPasskey: who has a passkey in the set is told what to ask it, and
// what the browser answers is a signature.
func TestSignByPasskey(t *testing.T) {
	h := newHouse(t)
	h.passkeys()
	h.Put("letters/1.txt", "Ines Calder, ward seven: discharged")
	id := h.Drafted("7 Gs 431/26")
	p, jun := policytest.New("jun.park"), h.Desk("jun")
	ask, err := jun.ToSign(h.Ctx, id)
	h.Must(err)
	payload, err := hex.DecodeString(ask.Digest)
	h.Must(err)
	if sum := sha256.Sum256(ask.Payload); !bytes.Equal(payload, sum[:]) {
		t.Error("the digest is another's")
	}
	challenge := sha256.Sum256(policy.Message(ask.Type, ask.Payload))
	if !bytes.Equal(ask.Challenge, challenge[:]) || len(ask.Passkeys) != 1 || ask.Offline {
		t.Fatalf("jun is asked %+v", ask)
	}
	one := ask.Passkeys[0]
	if !bytes.Equal(one.ID, p.ID) || one.Key != p.Card(t).Fingerprint || one.RP != policytest.RP || one.Origin != policytest.Origin {
		t.Errorf("jun's passkey is %+v", one)
	}
	// Whoever has none, or is not a custodian, is not told of others'.
	for _, who := range []string{"lena", "mira"} {
		if other, err := h.Desk(who).ToSign(h.Ctx, id); err != nil || other.Challenge != nil || other.Passkeys != nil {
			t.Errorf("%s is asked %+v, %v", who, other.Passkeys, err)
		}
	}

	a := p.Passkey.Sign(ask.Challenge)
	good := api.SignInput{Digest: ask.Digest, Key: one.Key, Assertion: &api.Assertion{AuthenticatorData: a.AuthData, ClientData: a.ClientData, Signature: a.Sig}}
	bad := func(what string, status int, code string, who *api.Desk, change func(*api.SignInput)) {
		t.Helper()
		in, assertion := good, *good.Assertion
		in.Assertion = &assertion
		change(&in)
		_, err := who.Move(h.Ctx, id, "sign", in)
		var p *api.Problem
		if !errors.As(err, &p) || p.Status != status || p.Code != code {
			t.Errorf("%s: %v (%+v)", what, err, p)
		}
	}
	elsewhere := p.Passkey.Sign(make([]byte, 32))
	bad("a sign-in's", 403, "passkey", jun, func(in *api.SignInput) {
		in.Assertion.ClientData, in.Assertion.Signature = elsewhere.ClientData, elsewhere.Sig
	})
	bad("somebody else", 403, "separation", h.Desk("ada"), func(*api.SignInput) {})
	bad("another digest", 409, "changed", jun, func(in *api.SignInput) { in.Digest = hex.EncodeToString(make([]byte, 32)) })
	bad("both", 422, "", jun, func(in *api.SignInput) { in.Sig = []byte{1} })
	bad("neither", 422, "", jun, func(in *api.SignInput) { in.Assertion = nil })
	bad("garbage behind", 422, "form", jun, func(in *api.SignInput) { in.Assertion.Signature = append(slices.Clone(a.Sig), 0) })
	bad("huge client data", 422, "form", jun, func(in *api.SignInput) { in.Assertion.ClientData = make([]byte, 64<<10) })
	bad("a byte of authenticator data", 422, "form", jun, func(in *api.SignInput) { in.Assertion.AuthenticatorData = []byte{1} })

	c, err := jun.Move(h.Ctx, id, "sign", good)
	h.Must(err)
	if c.Writ != nil && !c.Writ.Minted.IsZero() {
		t.Fatal("one passkey made a writ")
	}
	sig := policytest.New("ada.okafor").Sign(t, ask.Type, ask.Payload) // as an envelope carries it
	c, err = h.Desk("ada").Move(h.Ctx, id, "sign", api.SignInput{Digest: ask.Digest, Key: sig.KeyID, Sig: sig.Sig})
	h.Must(err)
	if c.Writ != nil && !c.Writ.Minted.IsZero() {
		t.Fatal("two passkeys made a writ")
	}
	if ask, err = jun.ToSign(h.Ctx, id); err != nil || len(ask.Signed) != 2 || ask.Offline {
		t.Errorf("two signed, none off line: %+v, %v", ask, err)
	}
	sig = h.Sign("ada.okafor", ask.Type, ask.Payload)
	c, err = h.Desk("ada").Move(h.Ctx, id, "sign", api.SignInput{Digest: ask.Digest, Key: sig.KeyID, Sig: sig.Sig})
	h.Must(err)
	if c.Writ == nil || c.Writ.Minted.IsZero() {
		t.Fatal("ada signed off line too, and there is no writ")
	}
}
