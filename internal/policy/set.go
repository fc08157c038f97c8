package policy

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/proof"
)

// Bounds of a set.
const (
	MaxMembers   = 32       // keys
	MaxWitnesses = 16 << 10 // bytes of the witness policy
)

// NoWitnesses is the witness policy of a set that asks for none. It is said in
// so many words, so that no witness is asked for by mistake.
const NoWitnesses = "none"

// Set is who must sign a writ, and what the gate trusts: which log, and which
// witnesses before it. It is public.
type Set struct {
	V         int       `json:"v"`
	Number    uint64    `json:"number"`             // counted from 1
	Threshold int       `json:"threshold"`          // how many custodians a writ needs: persons, not keys
	Members   []Member  `json:"members"`            // in any order
	Log       string    `json:"log"`                // verifier key of the log (vkey)
	Witnesses string    `json:"witnesses"`          // policy text, or [NoWitnesses]
	Previous  []byte    `json:"previous,omitempty"` // digest of the set before; absent in the first
	At        time.Time `json:"at"`
}

// Member is one key of one person: an Ed25519 key, or a passkey. A person with
// several keys is several members, with the same role and the same Outside.
type Member struct {
	Person  writ.Person       `json:"person"`
	Role    writ.Role         `json:"role"`              // custodian or counsel
	Key     ed25519.PublicKey `json:"key,omitempty"`     // 32 bytes; absent of a passkey
	Passkey *Passkey          `json:"passkey,omitempty"` // signs in a browser; never in the first set
	Outside bool              `json:"outside"`
	Offline bool              `json:"offline"` // kept in a file on a machine of its own, not in a browser
}

// KeyID names the member's key in a [Signature]: [KeyID], or a passkey's
// [Passkey.Fingerprint].
func (m Member) KeyID() string {
	if m.Passkey != nil {
		return m.Passkey.Fingerprint(m.Person)
	}
	return KeyID(m.Key)
}

// signed says whether a signature is this key's, over a [Message]. Errors:
// [ErrUnknownKey]; of a passkey, [ErrPasskey].
func (m Member) signed(message, sig []byte) error {
	if m.Passkey != nil {
		return m.Passkey.verify(sha256.Sum256(message), sig)
	}
	if len(m.Key) != ed25519.PublicKeySize || !ed25519.Verify(m.Key, message, sig) {
		return ErrUnknownKey
	}
	return nil
}

// offline says whether the key is kept off line. A passkey never is, whatever
// stands in a set that nobody checked.
func (m Member) offline() bool { return m.Offline && m.Passkey == nil }

// Check says whether a set can be in force. Errors: [ErrForm].
func (s Set) Check() error {
	switch {
	case s.V != 1:
		return bad("a set of version %d", s.V)
	case s.Number == 0:
		return bad("sets are counted from 1")
	case (s.Number == 1) != (len(s.Previous) == 0) || s.Number > 1 && len(s.Previous) != sha256.Size:
		return bad("every set but the first names the one before")
	case len(s.Members) == 0 || len(s.Members) > MaxMembers:
		return bad("a set has 1 to %d keys", MaxMembers)
	case !utc(s.At):
		return bad("a set says when it was made, in UTC")
	}
	if err := s.checkMembers(); err != nil {
		return err
	}
	return s.checkTrust()
}

func (s Set) checkMembers() error {
	keys, persons := map[string]bool{}, map[writ.Person]Member{}
	offline := false
	for _, m := range s.Members {
		if _, err := writ.ParsePerson(string(m.Person)); err != nil {
			return bad("%s", err)
		}
		if m.Role != writ.RoleCustodian && m.Role != writ.RoleCounsel {
			return bad("%s is neither custodian nor counsel", m.Person)
		}
		if err := s.checkKey(m); err != nil {
			return err
		}
		for _, name := range m.names() {
			if keys[name] {
				return bad("one key is there twice: every person needs keys of its own")
			}
			keys[name] = true
		}
		if other, ok := persons[m.Person]; ok && (other.Role != m.Role || other.Outside != m.Outside) {
			return bad("%s is one person, with one role, inside or outside", m.Person)
		}
		persons[m.Person] = m
		offline = offline || m.offline() && m.Role == writ.RoleCustodian
	}
	custodians := s.Persons(writ.RoleCustodian)
	switch {
	case s.Threshold < 2:
		return bad("a writ needs at least two custodians, not %d", s.Threshold)
	case s.Threshold > len(custodians):
		return bad("a writ needs %d custodians, and the set has %d", s.Threshold, len(custodians))
	case !offline:
		return bad("no custodian has a key that is kept off line, and one of the signatures must be by such a key")
	}
	return nil
}

// checkKey checks one member's key. A passkey proves that its holder enrolled
// it, so that a set can't be filled with keys that nobody holds; the first set
// has none, since each of its members enrols by signing it off line.
func (s Set) checkKey(m Member) error {
	switch {
	case m.Passkey == nil && len(m.Key) != ed25519.PublicKeySize:
		return bad("the key of %s has %d bytes, not %d", m.Person, len(m.Key), ed25519.PublicKeySize)
	case m.Passkey == nil:
		return nil
	case m.Key != nil:
		return bad("one member is one key, and %s has two in one", m.Person)
	case m.Offline:
		return bad("the passkey of %s signs in a browser, and can't be kept off line", m.Person)
	case s.Number == 1:
		return bad("the first set has no passkeys, and %s would sign by one: make a key with writ custodian keygen; the next set may add the passkey", m.Person)
	}
	return m.Passkey.prove(m.Person)
}

// names are what no other member may have: the key, and a passkey's credential
// id.
func (m Member) names() []string {
	if m.Passkey != nil {
		return []string{"point " + string(m.Passkey.Key), "id " + string(m.Passkey.ID)}
	}
	return []string{"key " + string(m.Key)}
}

// checkTrust checks the log's key and the witnesses.
func (s Set) checkTrust() error {
	if len(s.Log) > 1024 || len(s.Witnesses) > MaxWitnesses {
		return bad("the log's key or the witnesses' policy is too long")
	}
	if s.Witnesses == "" {
		return bad("a set names its witnesses, or says %q", NoWitnesses)
	}
	v, err := s.Verifier()
	if err != nil {
		return bad("%s", err)
	}
	if s.Witnesses != NoWitnesses && !v.NeedsWitness() {
		return bad("its witness policy asks for no witness: name a quorum, or say %q", NoWitnesses)
	}
	return nil
}

// Clone is a set that shares nothing with s.
func (s Set) Clone() Set {
	s.Previous, s.Members = bytes.Clone(s.Previous), slices.Clone(s.Members)
	for i, m := range s.Members {
		s.Members[i].Key = bytes.Clone(m.Key)
		if m.Passkey != nil {
			k := *m.Passkey
			k.ID, k.Key, k.Proof = bytes.Clone(k.ID), bytes.Clone(k.Key), bytes.Clone(k.Proof)
			s.Members[i].Passkey = &k
		}
	}
	return s
}

// Verifier checks receipts by the set's own log and witnesses.
func (s Set) Verifier() (*proof.Verifier, error) {
	text := s.Witnesses
	if text == NoWitnesses {
		text = ""
	}
	return proof.NewVerifier(proof.Trust{LogKey: s.Log, Policy: text})
}

// Encode is the set as it is signed. Errors: [ErrForm].
func (s Set) Encode() ([]byte, error) {
	s.At = s.At.UTC()
	if err := s.Check(); err != nil {
		return nil, err
	}
	return encode(s, new(Set))
}

// ParseSet reads what [Set.Encode] wrote. Errors: [ErrForm].
func ParseSet(b []byte) (Set, error) {
	var s Set
	if err := read(b, &s); err != nil {
		return Set{}, err
	}
	return s, s.Check()
}

// Digest names a set: SHA-256 of what [Set.Encode] writes; zero if it can't be
// written.
func (s Set) Digest() [32]byte {
	b, err := s.Encode()
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256(b)
}

// Persons lists the distinct persons of a role, sorted.
func (s Set) Persons(role writ.Role) []writ.Person {
	var all []writ.Person
	for _, m := range s.Members {
		if m.Role == role {
			all = append(all, m.Person)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Signed lists the members whose keys signed an envelope's payload. Signatures
// by other keys, and those that don't fit, are not counted.
func (s Set) Signed(e Envelope) []Member {
	message := Message(e.Type, e.Payload)
	var all []Member
	for _, m := range s.Members {
		id := m.KeyID()
		if slices.ContainsFunc(e.Signatures, func(sig Signature) bool {
			return (sig.KeyID == id || sig.KeyID == "") && m.signed(message, sig.Sig) == nil
		}) {
			all = append(all, m)
		}
	}
	return all
}

// Signer is the member by whose key a payload was signed. Errors:
// [ErrUnknownKey] if none was; [ErrPasskey] with the reason, if it names a
// passkey that did not sign this.
func (s Set) Signer(payloadType string, payload []byte, sig Signature) (Member, error) {
	message := Message(payloadType, payload)
	var named error
	for _, m := range s.Members {
		id := m.KeyID()
		if sig.KeyID != id && sig.KeyID != "" {
			continue
		}
		err := m.signed(message, sig.Sig)
		if err == nil {
			return m, nil
		}
		if m.Passkey != nil && sig.KeyID == id {
			named = err
		}
	}
	if named != nil {
		return Member{}, named
	}
	return Member{}, ErrUnknownKey
}

// Quorum checks that enough custodians signed an envelope, whatever it holds:
// distinct persons up to the threshold, at least one of them with a key that
// is kept off line. It returns who signed, sorted. Errors: [ErrQuorum].
func (s Set) Quorum(e Envelope) ([]writ.Person, error) {
	signed := s.Signed(e)
	var persons []writ.Person
	offline := false
	for _, m := range signed {
		if m.Role == writ.RoleCustodian {
			persons, offline = append(persons, m.Person), offline || m.offline()
		}
	}
	slices.Sort(persons)
	persons = slices.Compact(persons)
	switch {
	case len(signed) == 0:
		return nil, fmt.Errorf("%w: %w", ErrQuorum, ErrUnknownKey)
	case len(persons) < s.Threshold:
		return nil, fmt.Errorf("%w: %d of %d custodians signed (%s)", ErrQuorum, len(persons), s.Threshold, names(persons))
	case !offline:
		return nil, fmt.Errorf("%w: %w", ErrQuorum, ErrOffline)
	}
	return persons, nil
}

func names(persons []writ.Person) string {
	if len(persons) == 0 {
		return "none"
	}
	all := make([]string, len(persons))
	for i, p := range persons {
		all[i] = string(p)
	}
	return strings.Join(all, ", ")
}

// VerifyChange verifies a new set: the first (old is nil) by every key in it,
// so that each member has enrolled itself; each later one by the old set's
// quorum. It returns the new set, and who signed. Errors: [ErrForm],
// [ErrPayloadType], [ErrSet] if it does not follow the old one, [ErrQuorum].
func VerifyChange(old *Set, envelope []byte) (Set, []writ.Person, error) {
	e, err := open(envelope, TypeSet)
	if err != nil {
		return Set{}, nil, err
	}
	s, err := ParseSet(e.Payload)
	if err != nil {
		return Set{}, nil, err
	}
	if old == nil {
		persons, err := s.enrolled(e)
		return s, persons, err
	}
	digest := old.Digest()
	switch {
	case s.Number != old.Number+1 || !bytes.Equal(s.Previous, digest[:]):
		return Set{}, nil, fmt.Errorf("%w: set %d does not follow set %d, which is in force", ErrSet, s.Number, old.Number)
	case s.At.Before(old.At):
		return Set{}, nil, fmt.Errorf("%w: it is older than the one in force", ErrSet)
	}
	persons, err := old.Quorum(e)
	if err != nil {
		return Set{}, nil, err
	}
	return s, persons, nil
}

// enrolled checks that every key of the first set signed it.
func (s Set) enrolled(e Envelope) ([]writ.Person, error) {
	if s.Number != 1 {
		return nil, fmt.Errorf("%w: it is set %d, and there is none before", ErrSet, s.Number)
	}
	signed := s.Signed(e)
	var persons, missing []writ.Person
	for _, m := range s.Members {
		if slices.ContainsFunc(signed, func(o Member) bool { return o.KeyID() == m.KeyID() }) {
			persons = append(persons, m.Person)
		} else {
			missing = append(missing, m.Person)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: the first set is signed by every key in it, and these are missing: %s", ErrQuorum, names(missing))
	}
	slices.Sort(persons)
	return slices.Compact(persons), nil
}
