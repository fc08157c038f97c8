package custodian

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"writ"
	"writ/internal/policy"
)

// maxAnswer bounds what a browser's passkey answered, in bytes of JSON. An
// attestation is asked for from nobody, so that little else is in it.
const maxAnswer = 32 << 10

// patience is how long a browser waits for a person, in milliseconds.
const patience = 300_000

// encoded are bytes as WebAuthn's JSON has them: base64url without padding.
type encoded []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (e *encoded) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	*e = raw
	return err
}

// MarshalJSON implements [json.Marshaler].
func (e encoded) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.RawURLEncoding.EncodeToString(e))
}

// answer is what a passkey answered, as page/assets/console.js writes it.
type answer struct {
	ID       encoded `json:"id"`
	Response struct {
		ClientDataJSON    encoded `json:"clientDataJSON"`
		AuthenticatorData encoded `json:"authenticatorData"`
		Signature         encoded `json:"signature"`
		AttestationObject encoded `json:"attestationObject"`
	} `json:"response"`
}

func readAnswer(text string) (a answer, err error) {
	if text == "" {
		return a, unfit("no passkey answered, and nothing was done", "a browser gives passkeys to pages with JavaScript only; sign off line instead")
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, unfit("what the passkey answered can't be read", "load the page again, and try once more")
	}
	return a, nil
}

// credential names one in a browser's options.
type credential struct {
	Type string  `json:"type"`
	ID   encoded `json:"id"`
}

func credentials(ids [][]byte) []credential {
	out := []credential{}
	for _, id := range ids {
		out = append(out, credential{"public-key", id})
	}
	return out
}

// requestOptions are those of navigator.credentials.get
// (PublicKeyCredentialRequestOptions in JSON).
func requestOptions(challenge []byte, rp string, ids [][]byte) string {
	return asJSON(struct {
		Challenge encoded      `json:"challenge"`
		RP        string       `json:"rpId"`
		Allow     []credential `json:"allowCredentials"`
		Verify    string       `json:"userVerification"`
		Timeout   int          `json:"timeout"`
	}{challenge, rp, credentials(ids), "required", patience})
}

// creationOptions are those of navigator.credentials.create, for a passkey that
// signs writs. Its user handle is random: the same handle would put it in place
// of the passkey with which the person signs in. Nothing rests on the challenge:
// that somebody holds the key is shown by what it signs next.
func creationOptions(person writ.Person, name, rp, operator string, have [][]byte) string {
	type user struct {
		ID      encoded `json:"id"`
		Name    string  `json:"name"`
		Display string  `json:"displayName"`
	}
	type party struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	type algorithm struct {
		Type string `json:"type"`
		Alg  int    `json:"alg"`
	}
	type selection struct {
		Resident string `json:"residentKey"`
		Verify   string `json:"userVerification"`
	}
	handle, challenge := make([]byte, 32), make([]byte, 32)
	rand.Read(handle) // neither fails (crypto/rand, since Go 1.24)
	rand.Read(challenge)
	return asJSON(struct {
		RP          party        `json:"rp"`
		User        user         `json:"user"`
		Challenge   encoded      `json:"challenge"`
		Algorithms  []algorithm  `json:"pubKeyCredParams"`
		Exclude     []credential `json:"excludeCredentials"`
		Select      selection    `json:"authenticatorSelection"`
		Attestation string       `json:"attestation"`
		Timeout     int          `json:"timeout"`
	}{
		party{rp, operator}, user{handle, string(person) + " signs writs", name}, challenge, []algorithm{{"public-key", -7}},
		credentials(have), selection{"discouraged", "required"}, "none", patience,
	})
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of texts, numbers and bytes
	}
	return string(b)
}

// The flags of authenticator data that a new credential has (WebAuthn, 6.1).
const (
	userVerified  = 1 << 2
	newCredential = 1 << 6
)

// attestations are read within bounds, each key once.
var attestations = func() cbor.DecMode {
	m, err := cbor.DecOptions{MaxNestedLevels: 8, MaxArrayElements: 64, MaxMapPairs: 64, DupMapKey: cbor.DupMapKeyEnforcedAPF}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// begun is the card of a passkey that a browser has just made: what it says is
// believed only once the passkey has signed the card.
func (a answer) begun(person writ.Person, rp, origin string) (policy.PasskeyCard, error) {
	var object struct {
		AuthData []byte `cbor:"authData"`
	}
	none := policy.PasskeyCard{}
	if err := attestations.Unmarshal(a.Response.AttestationObject, &object); err != nil {
		return none, unfit("what the browser says of the new passkey can't be read", "make another")
	}
	// rpIdHash (32), flags (1), signCount (4), aaguid (16), length of the id (2),
	// the id, the key as a COSE_Key, and whatever extensions say.
	d := object.AuthData
	hash := sha256.Sum256([]byte(rp))
	const fixed = 32 + 1 + 4 + 16 + 2
	switch {
	case len(d) < fixed || d[32]&newCredential == 0:
		return none, unfit("the browser made no new passkey", "make another")
	case !bytes.Equal(d[:32], hash[:]):
		return none, unfit("the passkey was made for another page", "open this page under "+origin)
	case d[32]&userVerified == 0:
		return none, unfit("the authenticator did not verify who uses it", "choose one that asks for a PIN or a finger")
	}
	n := int(binary.BigEndian.Uint16(d[fixed-2:]))
	if n > policy.MaxCredential || len(d) < fixed+n || !bytes.Equal(d[fixed:fixed+n], a.ID) {
		return none, unfit("what the browser says of the new passkey can't be read", "make another")
	}
	var key cbor.RawMessage
	if _, err := attestations.UnmarshalFirst(d[fixed+n:], &key); err != nil {
		return none, unfit("the passkey's key can't be read", "make another")
	}
	card, err := policy.NewPasskeyCard(person, a.ID, key, rp, origin)
	if err != nil {
		return none, unfit(line(err.Error()), "make another")
	}
	return card, nil
}

// signature is an answer as a card and an envelope carry it.
func (a answer) signature() ([]byte, error) {
	sig, err := policy.PasskeySignature(a.Response.AuthenticatorData, a.Response.ClientDataJSON, a.Response.Signature)
	if err != nil {
		return nil, unfit(fmt.Sprintf("what the passkey answered is no signature: %s", line(err.Error())), "try once more")
	}
	return sig, nil
}
