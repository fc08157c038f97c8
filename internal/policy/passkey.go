package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"writ"
)

// ES256 is the one algorithm of passkeys: ECDSA over P-256 with SHA-256 (COSE
// -7), which every browser and authenticator has, and FIPS 140-3 approves.
const ES256 = "ES256"

// Bounds of a passkey.
const (
	MaxCredential = 1023 // bytes of a credential's id: WebAuthn's own bound
	MaxCard       = 8 << 10
	maxHost       = 253
)

// The ways in which WebAuthn writes a P-256 key: DER of a SubjectPublicKeyInfo
// (RFC 5480, what a browser's getPublicKey returns), and a COSE_Key as CTAP2
// spells it. Both have one spelling, so that a comparison reads them.
var (
	spkiP256 = []byte("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00")
	coseP256 = []byte("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20")
	coseY    = []byte("\x22\x58\x20")
)

const (
	coordinate = 32
	point      = 1 + 2*coordinate // 4, then both coordinates
)

// Passkey is a WebAuthn credential that signs in a browser. It never counts as
// kept off line: what a browser signs, the page in it chose.
type Passkey struct {
	ID        []byte `json:"id"`        // of the credential
	Algorithm string `json:"algorithm"` // [ES256]
	Key       []byte `json:"key"`       // uncompressed point of P-256 (SEC 1, 2.3.3): 65 bytes
	RP        string `json:"rp"`        // relying party id, a host name
	Origin    string `json:"origin"`    // https://HOST, or https://HOST:PORT
	// Proof is the assertion over [Passkey.Statement]: somebody holds the key,
	// and meant to sign as this person.
	Proof []byte `json:"proof"`
}

// enrolment is what a passkey signs once, before it stands in any set.
type enrolment struct {
	V         int         `json:"v"`
	Person    writ.Person `json:"person"`
	ID        []byte      `json:"id"`
	Algorithm string      `json:"algorithm"`
	Key       []byte      `json:"key"`
	RP        string      `json:"rp"`
	Origin    string      `json:"origin"`
}

// Statement is what the passkey's enrolment signs, as the payload of
// [TypePasskey]. Errors: [ErrForm].
func (p Passkey) Statement(person writ.Person) ([]byte, error) {
	if err := p.check(person); err != nil {
		return nil, err
	}
	return encode(enrolment{V: 1, Person: person, ID: p.ID, Algorithm: p.Algorithm, Key: p.Key, RP: p.RP, Origin: p.Origin}, new(enrolment))
}

// Fingerprint names a passkey of a person, and is the keyid of its signatures:
// SHA-256 of its [Passkey.Statement] in hex, so that whoever compares it
// compares person, key, relying party and origin. It is empty if the passkey is
// not in order.
func (p Passkey) Fingerprint(person writ.Person) string {
	b, err := p.Statement(person)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// check looks at everything but the proof.
func (p Passkey) check(person writ.Person) error {
	if _, err := writ.ParsePerson(string(person)); err != nil {
		return bad("%s", err)
	}
	switch {
	case len(p.ID) == 0 || len(p.ID) > MaxCredential:
		return bad("the passkey of %s has a credential id of %d bytes, not 1 to %d", person, len(p.ID), MaxCredential)
	case p.Algorithm != ES256:
		return bad("the passkey of %s signs by %.20q, and only %s is taken", person, p.Algorithm, ES256)
	case !host(p.RP):
		return bad("the passkey of %s names no relying party: a host name in lower case", person)
	}
	if _, err := p.public(); err != nil {
		return bad("the passkey of %s has a key that is no uncompressed point of P-256 (%d bytes)", person, point)
	}
	if at, ok := strings.CutPrefix(p.Origin, "https://"); !ok || !originOf(at, p.RP) {
		return bad("the passkey of %s is for %.300q, which is no https origin of %s", person, p.Origin, p.RP)
	}
	return nil
}

// prove checks that whoever holds the key enrolled it, for this person.
func (p Passkey) prove(person writ.Person) error {
	statement, err := p.Statement(person)
	if err != nil {
		return err
	}
	if err := p.Verify(TypePasskey, statement, p.Proof); err != nil {
		return fmt.Errorf("%w: the passkey of %s did not enrol itself: %w", ErrForm, person, err)
	}
	return nil
}

func (p Passkey) public() (*ecdsa.PublicKey, error) {
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), p.Key)
}

// PasskeyKey reads a credential's public key in any of the forms that WebAuthn
// has for it (DER of a SubjectPublicKeyInfo, a COSE_Key) or as an uncompressed
// point, and returns that. Errors: [ErrForm].
func PasskeyKey(b []byte) ([]byte, error) {
	key := b
	switch {
	case len(b) == len(spkiP256)+point && string(b[:len(spkiP256)]) == string(spkiP256):
		key = b[len(spkiP256):]
	case len(b) == len(coseP256)+2*coordinate+len(coseY) && string(b[:len(coseP256)]) == string(coseP256) &&
		string(b[len(coseP256)+coordinate:][:len(coseY)]) == string(coseY):
		x, y := b[len(coseP256):][:coordinate], b[len(b)-coordinate:]
		key = slices.Concat([]byte{4}, x, y)
	}
	if _, err := (Passkey{Key: key}).public(); err != nil {
		return nil, bad("it is no public key of P-256 for %s: make the passkey for that algorithm (-7) only", ES256)
	}
	return slices.Clone(key), nil
}

// originOf says whether host[:port] is written as browsers write it, and may
// use the credentials of a relying party: it is that host, or one below it.
func originOf(at, rp string) bool {
	name, port, ported := strings.Cut(at, ":")
	if ported {
		n, digits := 0, port != "" && len(port) <= 5 && port[0] != '0'
		for _, c := range port {
			digits, n = digits && c >= '0' && c <= '9', n*10+int(c-'0')
		}
		if !digits || n > 65535 || n == 443 { // a browser leaves 443 out
			return false
		}
	}
	return host(name) && (name == rp || strings.HasSuffix(name, "."+rp))
}

// host says whether a name is a host's, in lower case and not an address.
func host(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || len(name) == 0 || len(name) > maxHost {
		return false
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if len(l) == 0 || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		if strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return last[0] < '0' || last[0] > '9' // else browsers take it for an address
}
