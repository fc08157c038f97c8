package policy

import (
	"bytes"

	"writ"
)

// PasskeyCard is what a browser's enrolment yields, and what a custodian gives
// to whoever draws up the next set. It says nothing of role and place: that is
// for the quorum to sign. Nothing of it is secret.
type PasskeyCard struct {
	V           int         `json:"v"`
	Person      writ.Person `json:"person"`
	Passkey     Passkey     `json:"passkey"`
	Fingerprint string      `json:"fingerprint"` // [Passkey.Fingerprint], to be compared by voice
}

// NewPasskeyCard begins an enrolment: whose passkey it is, the credential's id
// and public key (in a form of [PasskeyKey]), and for which relying party and
// origin. The passkey is then to sign [PasskeyCard.Challenge]. Errors: [ErrForm].
func NewPasskeyCard(person writ.Person, id, key []byte, rp, origin string) (PasskeyCard, error) {
	point, err := PasskeyKey(key)
	if err != nil {
		return PasskeyCard{}, err
	}
	c := PasskeyCard{V: 1, Person: person, Passkey: Passkey{ID: bytes.Clone(id), Algorithm: ES256, Key: point, RP: rp, Origin: origin}}
	if err := c.Passkey.check(person); err != nil {
		return PasskeyCard{}, err
	}
	c.Fingerprint = c.Passkey.Fingerprint(person)
	return c, nil
}

// Challenge is what the passkey signs to enrol itself. Errors: [ErrForm].
func (c PasskeyCard) Challenge() ([32]byte, error) {
	b, err := c.Passkey.Statement(c.Person)
	if err != nil {
		return [32]byte{}, err
	}
	return Challenge(TypePasskey, b), nil
}

// Prove ends an enrolment: proof is the [PasskeySignature] over the card's
// challenge. Errors: [ErrForm], with the one of [Passkey.Verify].
func (c PasskeyCard) Prove(proof []byte) (PasskeyCard, error) {
	c.Passkey.Proof = bytes.Clone(proof)
	return c, c.check()
}

func (c PasskeyCard) check() error {
	switch {
	case c.V != 1:
		return bad("a passkey's card of version %d", c.V)
	case c.Fingerprint == "" || c.Fingerprint != c.Passkey.Fingerprint(c.Person):
		return bad("the card's fingerprint is not that of its passkey, or the passkey is not in order")
	}
	return c.Passkey.prove(c.Person)
}

// Encode is the card as it is kept in a file. Errors: [ErrForm].
func (c PasskeyCard) Encode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return encode(c, new(PasskeyCard))
}

// ParsePasskeyCard reads what [PasskeyCard.Encode] wrote, with or without a
// line feed behind it. That the passkey enrolled itself is verified; whose it
// really is, is not: compare the fingerprint with that person. Errors:
// [ErrForm].
func ParsePasskeyCard(b []byte) (PasskeyCard, error) {
	var c PasskeyCard
	if len(b) > MaxCard {
		return c, bad("a passkey's card has at most %d bytes", MaxCard)
	}
	if err := read(bytes.TrimSuffix(b, []byte("\n")), &c); err != nil {
		return PasskeyCard{}, err
	}
	if err := c.check(); err != nil {
		return PasskeyCard{}, err
	}
	return c, nil
}

// NewPasskeyMember is a card's passkey as a set pins it. Errors: [ErrForm].
func NewPasskeyMember(c PasskeyCard, role writ.Role, outside bool) (Member, error) {
	if err := c.check(); err != nil {
		return Member{}, err
	}
	return Member{Person: c.Person, Role: role, Passkey: &c.Passkey, Outside: outside}, nil
}
