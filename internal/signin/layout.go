package signin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ/internal/records"
	"writ/internal/staff"
)

// The layout of the room's records. This comment is its specification.
//
// All keys begin with the letter 'W' (no other room uses it) and a second that
// says what it is. An account stands in a key by its id and a zero byte, which no
// id holds. Values are CBOR (RFC 8949) with integer keys, as the record types say;
// times are Unix nanoseconds, 0 for none.
//
//	W s session                  sessionRecord
//	W c hash32                   the session's id: by SHA-256("writ/session/v1" ‖ cookie)
//	W S account 0 session        empty: the sessions of an account
//	W p passkey                  passkeyRecord
//	W k hash32                   the passkey's id: by SHA-256 of the credential id
//	W P account 0 passkey        empty: the passkeys of an account
//	W h account                  the account's user handle, 32 random bytes
//	W H handle32                 the account of a user handle
//	W i hash32                   invitationRecord: by SHA-256("writ/invitation/v1" ‖ secret)
//	W I account                  the hash of the account's one invitation
//
// A user handle is kept for ever, so that a passkey that an authenticator still
// holds never belongs to another account.
const (
	tagSignin       = 'W'
	tagSession      = 's'
	tagCookie       = 'c'
	tagSessionsOf   = 'S'
	tagPasskey      = 'p'
	tagCredential   = 'k'
	tagPasskeysOf   = 'P'
	tagHandleOf     = 'h'
	tagHandle       = 'H'
	tagInvitation   = 'i'
	tagInvitationOf = 'I'
)

func key(tag byte, rest ...string) []byte {
	k := []byte{tagSignin, tag}
	for i, r := range rest {
		if i > 0 {
			k = append(k, 0)
		}
		k = append(k, r...)
	}
	return k
}

func cookieHash(cookie string) string {
	sum := sha256.Sum256([]byte("writ/session/v1" + cookie))
	return string(sum[:])
}

func invitationHash(secret string) string {
	sum := sha256.Sum256([]byte("writ/invitation/v1" + secret))
	return string(sum[:])
}

func credentialHash(id []byte) string {
	sum := sha256.Sum256(id)
	return string(sum[:])
}

type sessionRecord struct {
	Account string `cbor:"1,keyasint"`
	Cookie  []byte `cbor:"2,keyasint"` // its hash
	Began   int64  `cbor:"3,keyasint"`
	Seen    int64  `cbor:"4,keyasint"` // to the minute
	Ends    int64  `cbor:"5,keyasint"`
	Fresh   int64  `cbor:"6,keyasint,omitempty"`
	By      string `cbor:"7,keyasint"` // "passkey" and its id, or "oidc"
	Addr    string `cbor:"8,keyasint,omitempty"`
	Agent   string `cbor:"9,keyasint"` // the browser's family
	Moves   int    `cbor:"10,keyasint,omitempty"`
}

type passkeyRecord struct {
	Account     string   `cbor:"1,keyasint"`
	Label       string   `cbor:"2,keyasint,omitempty"`
	Credential  []byte   `cbor:"3,keyasint"` // the authenticator's id of it
	Key         []byte   `cbor:"4,keyasint"` // COSE (RFC 9052)
	Count       uint32   `cbor:"5,keyasint"`
	Flags       byte     `cbor:"6,keyasint"` // of the authenticator data
	Model       []byte   `cbor:"7,keyasint,omitempty"`
	Transports  []string `cbor:"8,keyasint,omitempty"`
	Added       int64    `cbor:"9,keyasint"`
	InvitedBy   string   `cbor:"10,keyasint"` // a person, an account's id, or "socket" and the account
	Invited     string   `cbor:"11,keyasint"` // how that one came in
	Waits       bool     `cbor:"12,keyasint,omitempty"`
	Recovers    bool     `cbor:"13,keyasint,omitempty"`
	ConfirmedBy string   `cbor:"14,keyasint,omitempty"`
	Confirmed   int64    `cbor:"15,keyasint,omitempty"`
	Wrong       int      `cbor:"16,keyasint,omitempty"` // fingerprints that were not its own
	Cloned      int64    `cbor:"17,keyasint,omitempty"` // when its counter went back
	Used        int64    `cbor:"18,keyasint,omitempty"`
}

type invitationRecord struct {
	Account  string `cbor:"1,keyasint"`
	Made     int64  `cbor:"2,keyasint"`
	Expires  int64  `cbor:"3,keyasint"`
	By       string `cbor:"4,keyasint"`
	Via      string `cbor:"5,keyasint"`
	Waits    bool   `cbor:"6,keyasint,omitempty"`
	Recovers bool   `cbor:"7,keyasint,omitempty"`
}

var forms = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil { // the options are constants
		panic(err)
	}
	return mode
}()

func encode(v any) []byte {
	b, err := forms.Marshal(v)
	if err != nil { // the types above always encode
		panic(err)
	}
	return b
}

func nano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// get reads a record. Errors: [staff.ErrNotFound], [ErrRecords].
func get(ctx context.Context, r records.Reader, k []byte, what string, to any) error {
	b, err := value(ctx, r, k)
	switch {
	case err != nil:
		return err
	case b == nil:
		return fmt.Errorf("%w: %s", staff.ErrNotFound, what)
	}
	if err := cbor.Unmarshal(b, to); err != nil {
		return fmt.Errorf("%w: %w", ErrRecords, err)
	}
	return nil
}

// value reads a record as it lies, nil if there is none.
func value(ctx context.Context, r records.Reader, k []byte) ([]byte, error) {
	b, err := r.Get(ctx, k)
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read who may sign in: %w", err)
	}
	return b, nil
}

// keysOf lists what follows a prefix in the keys of a range, at most limit.
func keysOf(ctx context.Context, r records.Reader, prefix []byte, limit int) ([]string, error) {
	over := records.Prefix(prefix)
	over.KeysOnly, over.Limit = true, limit
	var all []string
	for {
		entries, more, err := r.Scan(ctx, over)
		if err != nil {
			return nil, fmt.Errorf("couldn't read who may sign in: %w", err)
		}
		for _, e := range entries {
			all = append(all, string(e.Key[len(prefix):]))
		}
		if !more || len(all) >= limit {
			return all, nil
		}
		over.Start = append(slices.Clone(entries[len(entries)-1].Key), 0)
	}
}
