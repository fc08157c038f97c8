// Package custodian keeps the key of a custodian, or of counsel, on that
// person's own machine: one file, sealed by a passphrase. The server never has
// one, and nothing that signs needs the network.
//
// A [Key] signs sets of custodians, authorisations and waivers (package
// policy), and nothing else: what it cannot read, it does not sign. Who signs
// must have been shown what it says; that is the command line's matter.
//
// # The file
//
// Mode 0600; others are refused (except on Windows, which has no modes). Four lines of text, each ended by a line feed:
//
//	writ custodian key 1
//	person ada.okafor
//	public BASE64          the 32 bytes of the Ed25519 public key
//	sealed BASE64          how the passphrase makes a key (46 bytes, package
//	                       passphrase), then the private key's seed of 32
//	                       bytes under AES-256-GCM: nonce (12), seed, tag (16)
//
// The first three lines and the 46 bytes are bound into the box, so that a file
// whose person or public key was altered does not open. Base64 is standard with
// padding.
//
// What it does not withstand: whoever has the file and the passphrase signs,
// and so does whoever controls the machine while the passphrase is typed.
package custodian

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"writ"
	"writ/internal/durable"
	"writ/internal/passphrase"
	"writ/internal/policy"
	"writ/internal/seal"
)

// The errors that callers tell apart.
var (
	// ErrExists: there is a file of that name already.
	ErrExists = errors.New("a file of that name exists already: a key is never written over")
	// ErrForm: the file is not a custodian's key file, or was altered.
	ErrForm = errors.New("not a custodian's key file")
	// ErrMode: the file is open to others: its mode is not 0600.
	ErrMode = errors.New("a custodian's key file must have mode 0600")
	// ErrPassphrase: the passphrase does not open the file, or the file was
	// altered.
	ErrPassphrase = errors.New("wrong passphrase, or the key file was altered")
	// ErrErased: the key was erased.
	ErrErased = errors.New("the key was erased")
	// ErrUnknown: the key signs no such thing.
	ErrUnknown = errors.New("a custodian's key signs sets of custodians, authorisations and waivers only")
)

// Public is what may be known of a key file.
type Public struct {
	Person writ.Person
	Key    ed25519.PublicKey
}

// Key is an opened key.
type Key struct {
	public  Public
	private *ed25519.PrivateKey // a pointer, so that no formatter prints it; nil once erased
}

const (
	maxFile = 4 << 10
	head    = "writ custodian key 1"
	domain  = "writ/custodian-key/v1\n"
)

// fresh is replaced by tests, which have no time for good parameters.
var fresh = passphrase.Fresh

// Generate makes a key for a person and keeps it in a new file, sealed by a
// passphrase of at least 8 bytes. It is durable on return. Errors:
// [ErrExists], [passphrase.ErrShort].
func Generate(file string, person writ.Person, secret string) (Public, error) {
	if _, err := writ.ParsePerson(string(person)); err != nil {
		return Public{}, err
	}
	if _, err := os.Lstat(file); err == nil {
		return Public{}, fmt.Errorf("couldn't make %s: %w", file, ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Public{}, fmt.Errorf("couldn't look for the key file: %w", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Public{}, fmt.Errorf("couldn't make a key: %w", err)
	}
	defer clear(private)
	p := Public{Person: person, Key: public}
	return p, write(file, p, private, secret)
}

// write seals a private key into a file, in place of what is there.
func write(file string, p Public, private ed25519.PrivateKey, secret string) error {
	d, err := fresh(secret)
	if err != nil {
		return err
	}
	box, err := boxOf(d, secret)
	if err != nil {
		return err
	}
	seed := private.Seed()
	defer clear(seed)
	sealed := box.Seal(d.Append(nil), seed, context(p, d))
	text := lines(p) + "sealed " + base64.StdEncoding.EncodeToString(sealed) + "\n"
	if err := durable.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("couldn't write the key file: %w", err)
	}
	return nil
}

// lines are those that anybody may read.
func lines(p Public) string {
	return head + "\nperson " + string(p.Person) + "\npublic " + base64.StdEncoding.EncodeToString(p.Key) + "\n"
}

func context(p Public, d passphrase.Derivation) []byte {
	return d.Append([]byte(domain + lines(p)))
}

func boxOf(d passphrase.Derivation, secret string) (*seal.Box, error) {
	raw, err := d.Key(secret)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	key, err := seal.KeyFromBytes(raw)
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	return seal.NewBox(key), nil
}

// ReadPublic reads whose key a file is; it needs no passphrase, and proves
// nothing. Errors: [ErrForm], [ErrMode].
func ReadPublic(file string) (Public, error) {
	p, _, err := readFile(file)
	return p, err
}

// Open opens a key file. Errors: [ErrForm], [ErrMode], [ErrPassphrase],
// [passphrase.ErrFIPS]. The caller erases the key after use.
func Open(file, secret string) (*Key, error) {
	p, sealed, err := readFile(file)
	if err != nil {
		return nil, err
	}
	d := passphrase.Parse(sealed)
	box, err := boxOf(d, secret)
	if errors.Is(err, passphrase.ErrBounds) || errors.Is(err, passphrase.ErrMethod) {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if err != nil {
		return nil, err
	}
	seed, err := box.Open(nil, sealed[passphrase.Size:], context(p, d))
	if err != nil {
		return nil, ErrPassphrase
	}
	defer clear(seed)
	private := ed25519.NewKeyFromSeed(seed)
	if !p.Key.Equal(private.Public()) {
		clear(private)
		return nil, ErrForm
	}
	return &Key{public: p, private: &private}, nil
}

// readFile reads a key file: what is public, and what is sealed.
func readFile(file string) (p Public, sealed []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return p, nil, fmt.Errorf("couldn't open the key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return p, nil, fmt.Errorf("couldn't open the key file: %w", err)
	}
	if others := info.Mode().Perm() != 0o600 && runtime.GOOS != "windows"; others || !info.Mode().IsRegular() {
		return p, nil, fmt.Errorf("%w: %s has %s", ErrMode, file, info.Mode())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return p, nil, fmt.Errorf("couldn't read the key file: %w", err)
	}
	return parse(b)
}

func parse(b []byte) (p Public, sealed []byte, err error) {
	text := strings.Split(string(b), "\n")
	if len(b) > maxFile || len(text) != 5 || text[0] != head || text[4] != "" {
		return p, nil, ErrForm
	}
	var fields [3]string
	for i, name := range []string{"person ", "public ", "sealed "} {
		value, ok := strings.CutPrefix(text[i+1], name)
		if !ok {
			return p, nil, ErrForm
		}
		fields[i] = value
	}
	if p.Person, err = writ.ParsePerson(fields[0]); err != nil {
		return Public{}, nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil || len(key) != ed25519.PublicKeySize {
		return Public{}, nil, ErrForm
	}
	p.Key = key
	sealed, err = base64.StdEncoding.Strict().DecodeString(fields[2])
	if err != nil || len(sealed) != passphrase.Size+12+ed25519.SeedSize+16 {
		return Public{}, nil, ErrForm
	}
	return p, sealed, nil
}

// ChangePassphrase seals a key file anew. A copy of the old file still opens by
// the old passphrase. Errors: those of [Open], [passphrase.ErrShort].
func ChangePassphrase(file, old, secret string) error {
	k, err := Open(file, old)
	if err != nil {
		return err
	}
	defer k.Erase()
	return write(file, k.public, *k.private, secret)
}

// Public is whose key it is.
func (k *Key) Public() Public { return k.public }

// Sign signs a payload of one of the types of package policy, if it can be
// read as that. Errors: [ErrUnknown], [policy.ErrForm], [ErrErased].
func (k *Key) Sign(payloadType string, payload []byte) (policy.Signature, error) {
	if k.private == nil {
		return policy.Signature{}, ErrErased
	}
	var err error
	switch payloadType {
	case policy.TypeSet:
		_, err = policy.ParseSet(payload)
	case policy.TypeAuthorisation:
		_, err = policy.ParseAuthorisation(payload)
	case policy.TypeWaiver:
		_, err = policy.ParseWaiver(payload)
	default:
		err = fmt.Errorf("%w, not %.100q", ErrUnknown, payloadType)
	}
	if err != nil {
		return policy.Signature{}, fmt.Errorf("nothing was signed: %w", err)
	}
	return policy.Signature{KeyID: policy.KeyID(k.public.Key), Sig: ed25519.Sign(*k.private, policy.Message(payloadType, payload))}, nil
}

// AddSignature signs what is in an envelope and returns it with the signature
// added, in place of an earlier one of the same key. Others stay as they are,
// and are not verified. Errors: those of [Key.Sign], [policy.ErrForm].
func (k *Key) AddSignature(envelope []byte) ([]byte, error) {
	e, err := policy.ParseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	s, err := k.Sign(e.Type, e.Payload)
	if err != nil {
		return nil, err
	}
	e.Add(s)
	return e.Encode()
}

// Erase overwrites the private key in memory. It signs nothing more.
func (k *Key) Erase() {
	if k.private != nil {
		clear(*k.private)
		k.private = nil
	}
}

// Format keeps the key out of every verb.
func (k *Key) Format(s fmt.State, _ rune) {
	io.WriteString(s, "custodian's key of "+string(k.public.Person))
}
