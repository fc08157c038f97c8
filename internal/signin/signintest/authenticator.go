// Package signintest is for tests: an authenticator in software that makes and
// uses passkeys and speaks JSON as browsers do (WebAuthn, level 3, sections 5.1
// and 6). It lies about whatever a test wants it to.
package signintest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// The flags of authenticator data.
const (
	flagPresent  = 0x01
	flagVerified = 0x04
	flagAttested = 0x40
)

// Authenticator holds passkeys, and is the browser in front of them.
type Authenticator struct {
	Origin   string // that the browser is at
	RPID     string // empty: as the options say
	Absent   bool   // nobody touched it
	Unproved bool   // nobody showed a finger or a PIN
	Cross    bool   // the page was in a frame of another origin
	Counter  uint32 // of the last use
	Step     uint32 // by which the counter goes on; 0: it has none
	Handle   []byte // put in place of the user handle

	Keys []*Key
}

// Key is one passkey.
type Key struct {
	ID      []byte
	RPID    string
	Handle  []byte
	private *ecdsa.PrivateKey
}

// New returns an authenticator whose browser is at an origin.
func New(origin string) *Authenticator { return &Authenticator{Origin: origin, Step: 1} }

// Clone is a copy with the same keys and counter, as a thief makes it.
func (a *Authenticator) Clone() *Authenticator {
	c := *a
	c.Keys = append([]*Key(nil), a.Keys...)
	return &c
}

type options struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		RPID      string `json:"rpId"`
		RP        struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
		Params []struct {
			Alg int `json:"alg"`
		} `json:"pubKeyCredParams"`
		Exclude []descriptor `json:"excludeCredentials"`
		Allow   []descriptor `json:"allowCredentials"`
	} `json:"publicKey"`
}

type descriptor struct {
	ID string `json:"id"`
}

// ErrExcluded: the authenticator holds a passkey of this account already.
var ErrExcluded = errors.New("a passkey of this account is here already")

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// Create answers navigator.credentials.create.
func (a *Authenticator) Create(text []byte) ([]byte, error) {
	var o options
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("couldn't read the options: %w", err)
	}
	for _, d := range o.PublicKey.Exclude {
		if a.find(decode(d.ID)) != nil {
			return nil, ErrExcluded
		}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	k := &Key{ID: make([]byte, 16), RPID: o.PublicKey.RP.ID, Handle: decode(o.PublicKey.User.ID), private: private}
	rand.Read(k.ID)
	public, err := private.PublicKey.Bytes() // 4 ‖ x ‖ y
	if err != nil {
		return nil, err
	}
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]})
	if err != nil {
		return nil, err
	}
	data := a.data(k, flagAttested)
	data = append(data, make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.ID)))
	data = append(append(data, k.ID...), cose...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		return nil, err
	}
	client, err := a.client("webauthn.create", o.PublicKey.Challenge)
	if err != nil {
		return nil, err
	}
	a.Keys = append(a.Keys, k)
	return json.Marshal(map[string]any{
		"id": encode(k.ID), "rawId": encode(k.ID), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": encode(client), "attestationObject": encode(object), "transports": []string{"internal"}},
	})
}

// Get answers navigator.credentials.get with the newest passkey that fits.
func (a *Authenticator) Get(text []byte) ([]byte, error) {
	var o options
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("couldn't read the options: %w", err)
	}
	k := a.choose(o.PublicKey.Allow)
	if k == nil {
		return nil, errors.New("no passkey here fits")
	}
	a.Counter += a.Step
	data := a.data(k, 0)
	client, err := a.client("webauthn.get", o.PublicKey.Challenge)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		return nil, err
	}
	handle := k.Handle
	if a.Handle != nil {
		handle = a.Handle
	}
	return json.Marshal(map[string]any{
		"id": encode(k.ID), "rawId": encode(k.ID), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(signature), "userHandle": encode(handle)},
	})
}

func (a *Authenticator) choose(allowed []descriptor) *Key {
	if len(a.Keys) > 0 && len(allowed) == 0 {
		return a.Keys[len(a.Keys)-1]
	}
	for _, d := range allowed {
		if k := a.find(decode(d.ID)); k != nil {
			return k
		}
	}
	return nil
}

func (a *Authenticator) find(id []byte) *Key {
	for _, k := range a.Keys {
		if bytes.Equal(k.ID, id) {
			return k
		}
	}
	return nil
}

// data is authenticator data (section 6.1) without what was attested.
func (a *Authenticator) data(k *Key, flags byte) []byte {
	rp := k.RPID
	if a.RPID != "" {
		rp = a.RPID
	}
	if !a.Absent {
		flags |= flagPresent
	}
	if !a.Unproved {
		flags |= flagVerified
	}
	sum := sha256.Sum256([]byte(rp))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), a.Counter)
}

func (a *Authenticator) client(kind, challenge string) ([]byte, error) {
	return json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": a.Cross})
}
