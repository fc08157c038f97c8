package staff

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ"
)

// The layout of the staff's records. This comment is its specification.
//
// All keys begin with the letter 'A' (no other room uses it) and a second that
// says what it is. Numbers are big-endian, texts end with a zero byte where
// something follows, and no text that stands in a key holds one. Values are CBOR
// (RFC 8949) with integer keys, as the record types say, unless stated otherwise;
// times are Unix nanoseconds, 0 for none.
//
//	A b                          empty: two operators could sign in, the bootstrap has ended
//	A p person                   personRecord, with the person's assignments
//	A t token                    tokenRecord
//	A T person 0 token           empty: the tokens of a person
//	A u token                    when the token was last used, 8 bytes: seconds, to the hour
//	A r role                     rotaRecord
//	A g page                     pageRecord; the name is SHA-256 of what it is about, 16 bytes
//	A d authority                authorityRecord
//	A h authority 0 version4     authorityRecord: an earlier version
//	A n scope2 level1 text 0 authority   by name: scope is "--" (all) or the country;
//	                             level 0 the name, 1 a name in another language, 2 from
//	                             each word but the first of those on; text as [fold] makes it
//	A k country2 skeleton 0 authority    empty: by look, see [skeleton]
//	A m domain 0 authority       empty: by mail domain, in the letters that a reader sees
//	A f fingerprint              the authority that has the key or certificate, 22 bytes
//	A q stamp16                  auditBody: waits for its place in the audit trail
//	A s                          auditHead
//	A e seq8                     auditFrame
//	A i kind1 text 0 seq8        empty: the audit trail by who (w), act (x) and object (o)
//
// # The audit trail
//
// Who writes an entry down puts "q" in the transaction of the act itself. Its key
// is time (8 bytes, nanoseconds) and chance (8), so that acts of different
// people don't stand in each other's way. One at a time then takes what waits, in
// order of the stamps, and moves it into the chain: "e", "i" and "s" in one
// transaction. Whoever reads the trail does that first, so a crash between the two
// leaves nothing unseen.
//
//	entry hash = SHA-256("writ/audit-entry/v1" ‖ previous hash (32) ‖ seq (8) ‖
//	             time (8) ‖ length of class (1) ‖ class ‖ body hash (32))
//	body hash  = SHA-256("writ/audit-body/v1" ‖ salt (16) ‖ auditBody)
//
// The hash before the first is 32 zero bytes. Erasing an entry removes salt and body
// and leaves the rest of the frame, so that the chain still verifies and what was
// in it can't be guessed; a later entry of class "erasure" says up to which number
// entries of a class were erased. A frame without its body that no such
// entry covers is damage.
const (
	tagStaff     = 'A'
	tagBootstrap = 'b'
	tagPerson    = 'p'
	tagToken     = 't'
	tagTokensOf  = 'T'
	tagUsed      = 'u'
	tagRota      = 'r'
	tagPage      = 'g'
	tagAuthority = 'd'
	tagEarlier   = 'h'
	tagName      = 'n'
	tagLook      = 'k'
	tagDomain    = 'm'
	tagKey       = 'f'
	tagQueue     = 'q'
	tagHead      = 's'
	tagEntry     = 'e'
	tagIndex     = 'i'
)

func key(tag byte, rest ...string) []byte {
	k := []byte{tagStaff, tag}
	for i, r := range rest {
		if i > 0 {
			k = append(k, 0)
		}
		k = append(k, r...)
	}
	return k
}

func personKey(p writ.Person) []byte             { return key(tagPerson, string(p)) }
func tokenKey(id string) []byte                  { return key(tagToken, id) }
func tokenOfKey(p writ.Person, id string) []byte { return key(tagTokensOf, string(p), id) }
func usedKey(id string) []byte                   { return key(tagUsed, id) }
func rotaKey(r writ.Role) []byte                 { return key(tagRota, string(r)) }
func authorityKey(id writ.AuthorityID) []byte    { return key(tagAuthority, string(id)) }
func fingerprintKey(f string) []byte             { return key(tagKey, f) }

func earlierKey(id writ.AuthorityID, version uint32) []byte {
	return binary.BigEndian.AppendUint32(key(tagEarlier, string(id), ""), version)
}

func entryKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(key(tagEntry), seq) }

func indexKey(kind byte, text string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(key(tagIndex, string(kind)+text, ""), seq)
}

func seqIn(k []byte) (uint64, error) {
	if len(k) < 10 {
		return 0, fmt.Errorf("%w: a key of the audit trail is too short", ErrRecords)
	}
	return binary.BigEndian.Uint64(k[len(k)-8:]), nil
}

type personRecord struct {
	Name        string             `cbor:"1,keyasint"`
	Languages   []string           `cbor:"2,keyasint,omitempty"`
	Contacts    []Contact          `cbor:"3,keyasint,omitempty"`
	Company     Company            `cbor:"4,keyasint"`
	Firm        string             `cbor:"5,keyasint,omitempty"`
	Joined      int64              `cbor:"6,keyasint"`
	Left        int64              `cbor:"7,keyasint,omitempty"`
	Assignments []assignmentRecord `cbor:"8,keyasint,omitempty"` // in the order in which they were proposed
}

type assignmentRecord struct {
	ID         string      `cbor:"1,keyasint"`
	Role       writ.Role   `cbor:"2,keyasint"`
	For        writ.Person `cbor:"3,keyasint,omitempty"`
	From       int64       `cbor:"4,keyasint"`
	Until      int64       `cbor:"5,keyasint,omitempty"`
	ProposedBy string      `cbor:"6,keyasint"` // a person, or "socket account"
	ProposedAt int64       `cbor:"7,keyasint"`
	DecidedBy  string      `cbor:"8,keyasint,omitempty"`
	DecidedAt  int64       `cbor:"9,keyasint,omitempty"`
	Refused    bool        `cbor:"10,keyasint,omitempty"`
	EndedBy    string      `cbor:"11,keyasint,omitempty"`
	EndedAt    int64       `cbor:"12,keyasint,omitempty"`
}

type tokenRecord struct {
	Person      writ.Person `cbor:"1,keyasint"`
	Roles       []writ.Role `cbor:"2,keyasint"`
	Label       string      `cbor:"3,keyasint,omitempty"`
	Hash        [32]byte    `cbor:"4,keyasint"`
	Issued      int64       `cbor:"5,keyasint"`
	IssuedBy    string      `cbor:"6,keyasint"`
	Confirmed   int64       `cbor:"7,keyasint,omitempty"` // 0 while it waits for a second operator
	ConfirmedBy string      `cbor:"8,keyasint,omitempty"`
	Expires     int64       `cbor:"9,keyasint"`
	CIDRs       []string    `cbor:"10,keyasint,omitempty"`
	Parent      string      `cbor:"11,keyasint,omitempty"` // the token that it was issued with
	Revoked     int64       `cbor:"12,keyasint,omitempty"`
	RevokedBy   string      `cbor:"13,keyasint,omitempty"`
}

type rotaRecord struct {
	Standing []writ.Person `cbor:"1,keyasint,omitempty"`
	Shifts   []shiftRecord `cbor:"2,keyasint,omitempty"`
}

type shiftRecord struct {
	Person writ.Person `cbor:"1,keyasint"`
	From   int64       `cbor:"2,keyasint"`
	Until  int64       `cbor:"3,keyasint"`
}

type pageRecord struct {
	About   string        `cbor:"1,keyasint"`
	Role    writ.Role     `cbor:"2,keyasint"`
	Order   []writ.Person `cbor:"3,keyasint"`
	Raised  int64         `cbor:"4,keyasint"`
	Every   int64         `cbor:"5,keyasint"` // nanoseconds
	Steps   int           `cbor:"6,keyasint,omitempty"`
	Last    int64         `cbor:"7,keyasint,omitempty"`
	Acked   int64         `cbor:"8,keyasint,omitempty"`
	AckedBy writ.Person   `cbor:"9,keyasint,omitempty"`
}

type authorityRecord struct {
	Name      string            `cbor:"1,keyasint"`
	Names     map[string]string `cbor:"2,keyasint,omitempty"` // by language
	Country   string            `cbor:"3,keyasint"`
	Kind      Kind              `cbor:"4,keyasint"`
	Parent    writ.AuthorityID  `cbor:"5,keyasint,omitempty"`
	Aliases   []string          `cbor:"6,keyasint,omitempty"`
	Domains   []string          `cbor:"7,keyasint,omitempty"`
	Mails     []string          `cbor:"8,keyasint,omitempty"`
	CallBacks []callBackRecord  `cbor:"9,keyasint,omitempty"`
	Keys      []keyRecord       `cbor:"10,keyasint,omitempty"`
	Suspended bool              `cbor:"11,keyasint,omitempty"`
	Version   uint32            `cbor:"12,keyasint"`
	At        int64             `cbor:"13,keyasint"`
	By        writ.Person       `cbor:"14,keyasint"`
	What      string            `cbor:"15,keyasint"` // the act that made this version
}

type callBackRecord struct {
	ID         string      `cbor:"1,keyasint"`
	Phone      string      `cbor:"2,keyasint"`
	Where      string      `cbor:"3,keyasint,omitempty"`
	Source     Source      `cbor:"4,keyasint"`
	Detail     string      `cbor:"5,keyasint"`
	TakenBy    writ.Person `cbor:"6,keyasint"`
	TakenAt    int64       `cbor:"7,keyasint"`
	VerifiedBy writ.Person `cbor:"8,keyasint,omitempty"`
	VerifiedAt int64       `cbor:"9,keyasint,omitempty"`
}

type keyRecord struct {
	Kind        KeyKind     `cbor:"1,keyasint"`
	Text        string      `cbor:"2,keyasint,omitempty"`
	Fingerprint string      `cbor:"3,keyasint"`
	NotAfter    int64       `cbor:"4,keyasint,omitempty"`
	AddedBy     writ.Person `cbor:"5,keyasint"`
	AddedAt     int64       `cbor:"6,keyasint"`
	VerifiedBy  writ.Person `cbor:"7,keyasint,omitempty"`
	VerifiedAt  int64       `cbor:"8,keyasint,omitempty"`
	RevokedBy   writ.Person `cbor:"9,keyasint,omitempty"`
	RevokedAt   int64       `cbor:"10,keyasint,omitempty"`
}

type auditFrame struct {
	Seq      uint64   `cbor:"1,keyasint"`
	At       int64    `cbor:"2,keyasint"`
	Class    Class    `cbor:"3,keyasint"`
	BodyHash [32]byte `cbor:"4,keyasint"`
	Previous [32]byte `cbor:"5,keyasint"`
	Salt     []byte   `cbor:"6,keyasint,omitempty"`
	Body     []byte   `cbor:"7,keyasint,omitempty"` // auditBody; empty when it was erased
}

type auditBody struct {
	Who     writ.Person `cbor:"1,keyasint,omitempty"`
	By      string      `cbor:"2,keyasint,omitempty"`
	Act     string      `cbor:"3,keyasint"`
	Object  string      `cbor:"4,keyasint,omitempty"`
	Outcome Outcome     `cbor:"5,keyasint"`
	Why     string      `cbor:"6,keyasint,omitempty"`
	Addr    string      `cbor:"7,keyasint,omitempty"`
	Erased  Class       `cbor:"8,keyasint,omitempty"` // of an erasure: what, up to which entry, how many
	Through uint64      `cbor:"9,keyasint,omitempty"`
	Count   int         `cbor:"10,keyasint,omitempty"`
}

type auditHead struct {
	Seq  uint64   `cbor:"1,keyasint"`
	Hash [32]byte `cbor:"2,keyasint"`
	At   int64    `cbor:"3,keyasint"` // of the newest entry
}

var forms = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil { // the options are constants
		panic(err)
	}
	return mode
}()

func encodeRecord(v any) []byte {
	b, err := forms.Marshal(v)
	if err != nil { // the types above always encode
		panic(err)
	}
	return b
}

func decodeRecord(b []byte, v any) error {
	if err := cbor.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrRecords, err)
	}
	return nil
}

// nano is a time as records have it. What nanoseconds don't reach, before 1678 and
// from 2262 on (a certificate "without end" is of 9999), is the furthest that they do.
func nano(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Year() < 1678:
		return math.MinInt64
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

func fromNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
