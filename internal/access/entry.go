// Package access is what a journal says: who used a customer's keys, by which
// right, for what. It holds the form in which an [Entry] is stored and hashed,
// and the chain ([Head]) that makes a journal one history (docs/ledger.md,
// "The journal's entries").
//
// The gate's journal writes it, and a customer's verifier reads it: the package
// has no keys, does no I/O and has no clock.
package access

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ"
)

// Entry is one use of one key: who, by which right, what, when, from where.
// Seq, Time and Previous are the journal's own: it sets them.
type Entry struct {
	Seq        uint64            // counted from 1, per customer, without gaps
	Time       time.Time         // UTC, nanoseconds; never before the entry's before it
	Reason     writ.Reason       // by which right
	Credential writ.CredentialID // of the owner; empty for other reasons
	Principal  string            // who used a grant: a customer's id, "anonymous", or "operator " and who there
	Policy     [32]byte          // SHA-256 of the grant's terms; zero if none
	Presigned  bool              // by a presigned URL
	Op         string            // what for: "get", "put", "copy-from", "rewrap", "journal", …
	Bucket     writ.BucketName
	Key        writ.ObjectKey
	Version    writ.VersionID
	Blob       writ.BlobID
	Offset     int64      // first byte of the range asked for
	Length     int64      // bytes asked for; 0 with Offset 0 when the whole
	Addr       netip.Addr // of the client; invalid if there is none
	Request    string     // the request's id in the server's log
	Previous   [32]byte   // hash of the entry before; see [Head]
}

// The stored form of an entry is a CBOR map (RFC 8949, deterministic: keys
// ascending, shortest forms) whose keys are these numbers. What is zero is
// left out, except 1, 2, 3, 8 and 17.
const (
	fieldSeq        = 1  // uint
	fieldTime       = 2  // int: Unix time in nanoseconds
	fieldReason     = 3  // text
	fieldCredential = 4  // text
	fieldPrincipal  = 5  // text
	fieldPolicy     = 6  // 32 bytes
	fieldPresigned  = 7  // true
	fieldOp         = 8  // text
	fieldBucket     = 9  // text
	fieldKey        = 10 // text
	fieldVersion    = 11 // text
	fieldBlob       = 12 // 16 bytes
	fieldOffset     = 13 // int
	fieldLength     = 14 // int
	fieldAddr       = 15 // bytes: 4, or 16 and the zone
	fieldRequest    = 16 // text
	fieldPrevious   = 17 // 32 bytes
)

// maxText bounds each text of an entry, in bytes: an object's key has at most
// as many, and nothing else is longer.
const maxText = 1024

// ErrEntry: an entry's text is too long to be journaled.
var ErrEntry = errors.New("journal entry has a text longer than 1,024 bytes")

// ErrForm: bytes that are not an entry's stored form.
var ErrForm = errors.New("not the stored form of a journal entry")

// MaxStored is more than the stored form of any entry has: eight texts, and a
// few hundred bytes.
const MaxStored = 16 << 10

// Check says whether an entry can be stored. Errors: [ErrEntry].
func (e *Entry) Check() error {
	for _, n := range [...]int{len(e.Reason), len(e.Credential), len(e.Principal), len(e.Op), len(e.Bucket), len(e.Key), len(e.Version), len(e.Request)} {
		if n > maxText {
			return ErrEntry
		}
	}
	return nil
}

// Append adds the stored form to b. It is written by hand because it stands
// on the way of every byte range served; a test holds it against a CBOR
// library.
func (e *Entry) Append(b []byte) []byte {
	start := len(b)
	b = append(b, 0xa0) // a map; the number of pairs is set below
	n := byte(0)
	text := func(field byte, s string, always bool) {
		if s != "" || always {
			b = append(appendHead(appendHead(b, 0, uint64(field)), 3, uint64(len(s))), s...)
			n++
		}
	}
	octets := func(field byte, s []byte) {
		b = append(appendHead(appendHead(b, 0, uint64(field)), 2, uint64(len(s))), s...)
		n++
	}
	integer := func(field byte, v int64, always bool) {
		if v != 0 || always {
			b = appendInt(appendHead(b, 0, uint64(field)), v)
			n++
		}
	}
	b = appendHead(append(b, fieldSeq), 0, e.Seq)
	n++
	integer(fieldTime, e.Time.UnixNano(), true)
	text(fieldReason, string(e.Reason), true)
	text(fieldCredential, string(e.Credential), false)
	text(fieldPrincipal, e.Principal, false)
	if e.Policy != [32]byte{} {
		octets(fieldPolicy, e.Policy[:])
	}
	if e.Presigned {
		b = append(b, fieldPresigned, 0xf5)
		n++
	}
	text(fieldOp, e.Op, true)
	text(fieldBucket, string(e.Bucket), false)
	text(fieldKey, string(e.Key), false)
	text(fieldVersion, string(e.Version), false)
	if e.Blob != (writ.BlobID{}) {
		octets(fieldBlob, e.Blob[:])
	}
	integer(fieldOffset, e.Offset, false)
	integer(fieldLength, e.Length, false)
	if e.Addr.IsValid() {
		var space [32]byte
		addr, _ := e.Addr.AppendBinary(space[:0]) // never fails
		octets(fieldAddr, addr)
	}
	text(fieldRequest, e.Request, false)
	octets(fieldPrevious, e.Previous[:])
	b[start] = 0xa0 | n // at most 17 pairs: fits the first byte
	return b
}

// appendHead adds the head of a CBOR item: its major type and its argument in
// the shortest form.
func appendHead(b []byte, major byte, v uint64) []byte {
	major <<= 5
	switch {
	case v < 24:
		return append(b, major|byte(v))
	case v < 1<<8:
		return append(b, major|24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), v)
}

func appendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, 1, uint64(-1-v))
	}
	return appendHead(b, 0, uint64(v))
}

// stored is the stored form as the CBOR library reads it.
type stored struct {
	Seq        uint64 `cbor:"1,keyasint"`
	Time       int64  `cbor:"2,keyasint"`
	Reason     string `cbor:"3,keyasint"`
	Credential string `cbor:"4,keyasint,omitempty"`
	Principal  string `cbor:"5,keyasint,omitempty"`
	Policy     []byte `cbor:"6,keyasint,omitempty"`
	Presigned  bool   `cbor:"7,keyasint,omitempty"`
	Op         string `cbor:"8,keyasint"`
	Bucket     string `cbor:"9,keyasint,omitempty"`
	Key        string `cbor:"10,keyasint,omitempty"`
	Version    string `cbor:"11,keyasint,omitempty"`
	Blob       []byte `cbor:"12,keyasint,omitempty"`
	Offset     int64  `cbor:"13,keyasint,omitempty"`
	Length     int64  `cbor:"14,keyasint,omitempty"`
	Addr       []byte `cbor:"15,keyasint,omitempty"`
	Request    string `cbor:"16,keyasint,omitempty"`
	Previous   []byte `cbor:"17,keyasint"`
}

// decoding reads entries strictly: a field that this version does not know
// must not be dropped in silence from what a customer reads.
var decoding = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8DecodeInvalid,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// Decode reads a stored form, and only the one that [Entry.Append] writes: what
// is hashed must not be readable in two ways. Errors: [ErrForm].
func Decode(b []byte) (Entry, error) {
	if len(b) > MaxStored {
		return Entry{}, fmt.Errorf("%w: it has more than %d bytes", ErrForm, MaxStored)
	}
	var s stored
	if err := decoding.Unmarshal(b, &s); err != nil {
		return Entry{}, ErrForm
	}
	e := Entry{
		Seq: s.Seq, Time: time.Unix(0, s.Time).UTC(), Reason: writ.Reason(s.Reason), Credential: writ.CredentialID(s.Credential),
		Principal: s.Principal, Presigned: s.Presigned, Op: s.Op, Bucket: writ.BucketName(s.Bucket), Key: writ.ObjectKey(s.Key),
		Version: writ.VersionID(s.Version), Offset: s.Offset, Length: s.Length, Request: s.Request,
	}
	fits := func(to, from []byte, optional bool) bool {
		return copy(to, from) == len(to) && len(from) == len(to) || optional && len(from) == 0
	}
	ok := fits(e.Policy[:], s.Policy, true) && fits(e.Blob[:], s.Blob, true) && fits(e.Previous[:], s.Previous, false)
	if !ok || e.Addr.UnmarshalBinary(s.Addr) != nil {
		return Entry{}, fmt.Errorf("%w: a field has a wrong length", ErrForm)
	}
	var space [1024]byte
	if !bytes.Equal(e.Append(space[:0]), b) {
		return Entry{}, fmt.Errorf("%w: it can be written shorter or in another order", ErrForm)
	}
	return e, nil
}
