//go:build unix

package main

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"writ"
	"writ/internal/policy"
	"writ/internal/testenv/authenticator"
)

// passkey is a person's browser:
//
//	passkey card PERSON FILE   enrols a passkey, and saves its card
//	passkey sign PERSON FILE   signs what is in an envelope's file
func passkey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: passkey card|sign PERSON FILE")
	}
	person, file := writ.Person(args[1]), ts.MkAbs(args[2])
	p := authenticator.New(args[1], "fjordhost.example", "https://writ.fjordhost.example")
	answer := func(challenge [32]byte) []byte {
		a := p.Sign(challenge[:])
		sig, err := policy.PasskeySignature(a.AuthData, a.ClientData, a.Sig)
		ts.Check(err)
		return sig
	}
	card, err := policy.NewPasskeyCard(person, p.ID, p.Public(), p.RP, p.Origin)
	ts.Check(err)
	var b []byte
	switch args[0] {
	case "card":
		challenge, err := card.Challenge()
		ts.Check(err)
		card, err = card.Prove(answer(challenge))
		ts.Check(err)
		b, err = card.Encode()
		ts.Check(err)
		b = append(b, '\n')
	case "sign":
		b, err = os.ReadFile(file)
		ts.Check(err)
		e, err := policy.ParseEnvelope(b)
		ts.Check(err)
		e.Add(policy.Signature{KeyID: card.Fingerprint, Sig: answer(policy.Challenge(e.Type, e.Payload))})
		b, err = e.Encode()
		ts.Check(err)
	default:
		ts.Fatalf("passkey %s is not known", args[0])
	}
	ts.Check(os.WriteFile(file, b, 0o644))
}
