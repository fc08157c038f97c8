package notice

import (
	"encoding/binary"
	"fmt"
	"maps"

	"github.com/fxamacker/cbor/v2"

	"writ"
)

// The layout of the records of notices. This comment is its specification.
//
// All keys begin with the letter 'M' (other rooms use others) and a second that
// says what it is. Numbers are big-endian; times are Unix milliseconds, none is
// 0. Ids of messages and addresses hold no NUL; ids of customers have 22 bytes
// and of cases 14, always. Values are CBOR (RFC 8949) with integer keys, as the
// record types say, unless stated otherwise.
//
//	M z                              32 random bytes, the salt of names
//	M m id                           messageRecord: what does not change
//	M p id                           progressRecord: how far it is
//	M t id                           the text, UTF-8
//	M a id 0 n16 chunk32             up to chunkSize bytes of attachment n
//	M k customer                     contactsRecord
//	M w owner 0 address              secretRecord of a webhook; the owner is a
//	                                 customer, or nobody (staff)
//	M i customer at64 id             inboxRecord: a message in a customer's inbox
//
// # Indexes
//
// The others are empty, but for the "o". What is in them is a function of
// messageRecord and progressRecord ([indexKeys]); each change writes the
// difference, in one transaction with the records.
//
//	M l added64 id                   every message
//	M c case added64 id              those of a case
//	M u customer added64 id          those of a customer
//	M s state added64 id             those in a state (a byte)
//	M q lane tag due64 id 0 n16      a delivery that is to be tried; the tag is 'f'
//	                                 for one that waits for its NotBefore, 'r' for
//	                                 one that waits for its next attempt
//	M o id 0 n16 what                a report that is owed: 'a' alarm, 'd' accepted
//
// # A delivery
//
// It waits; it is "sending" from before the first byte of its content leaves
// until the answer is durable; then it waits again, or is accepted. Its "q"
// stays while it is sending. So a start that finds it sending knows that an
// earlier process ended before it knew, counts the doubt, and sends it again.
//
// A wait of tag 'r' is never longer than the lane's longest pace, so that one
// whose due lies farther ahead shows that the clock went back, and is moved.
//
// # Names
//
// The name of a delivery, its Message-ID and webhook-id, is the first 16 bytes
// of HMAC-SHA-256(salt, id ‖ 0 ‖ kind ‖ 0 ‖ address) in lower-case base32hex: the
// same when a message is added again after records were restored from a
// backup, and no help in guessing a case.
const (
	tagNotice = 'M'

	tagSalt     = 'z'
	tagMessage  = 'm'
	tagProgress = 'p'
	tagText     = 't'
	tagChunk    = 'a'
	tagContacts = 'k'
	tagSecret   = 'w'
	tagInbox    = 'i'

	tagAll      = 'l'
	tagCase     = 'c'
	tagCustomer = 'u'
	tagState    = 's'
	tagDue      = 'q'
	tagOwed     = 'o'

	waitsFirst = 'f'
	waitsRetry = 'r'

	owedAlarm    = 'a'
	owedAccepted = 'd'

	chunkSize = 256 << 10
)

func key(tag byte, rest string) []byte { return append([]byte{tagNotice, tag}, rest...) }

func saltKey() []byte                      { return key(tagSalt, "") }
func messageKey(id string) []byte          { return key(tagMessage, id) }
func progressKey(id string) []byte         { return key(tagProgress, id) }
func textKey(id string) []byte             { return key(tagText, id) }
func contactsKey(c writ.CustomerID) []byte { return key(tagContacts, string(c)) }
func chunksKey(id string, n int) []byte    { return number16(key(tagChunk, id+"\x00"), n) }
func secretKey(owner writ.CustomerID, address string) []byte {
	return key(tagSecret, string(owner)+"\x00"+address)
}
func inboxKey(c writ.CustomerID, at int64, id string) []byte {
	return append(number64(key(tagInbox, string(c)), at), id...)
}
func laneKey(lane int, tag byte) []byte { return []byte{tagNotice, tagDue, byte(lane), tag} }
func dueKey(lane int, tag byte, due int64, r ref) []byte {
	k := number64(laneKey(lane, tag), due)
	return number16(append(append(k, r.id...), 0), r.n)
}
func owedKey(r ref, what byte) []byte {
	return append(number16(key(tagOwed, r.id+"\x00"), r.n), what)
}

func number64(k []byte, n int64) []byte { return binary.BigEndian.AppendUint64(k, uint64(n)) }
func number16(k []byte, n int) []byte   { return binary.BigEndian.AppendUint16(k, uint16(n)) }

// ref names one delivery: the message's id and the number of its contact.
type ref struct {
	id string
	n  int
}

// dueIn reads a key of the queue.
func dueIn(k []byte) (due int64, r ref, err error) {
	const before = 4 + 8
	if len(k) < before+4 || k[len(k)-3] != 0 {
		return 0, ref{}, fmt.Errorf("%w: a key of the queue is too short", ErrRecords)
	}
	end := len(k) - 2
	return int64(binary.BigEndian.Uint64(k[4:])), ref{string(k[before : end-1]), int(binary.BigEndian.Uint16(k[end:]))}, nil
}

// owedIn reads the key of a report that is owed.
func owedIn(k []byte) (r ref, what byte, err error) {
	if len(k) < 2+1+1+2+1 {
		return ref{}, 0, fmt.Errorf("%w: a key of a report is too short", ErrRecords)
	}
	end := len(k) - 3
	return ref{string(k[2 : end-1]), int(binary.BigEndian.Uint16(k[end:]))}, k[len(k)-1], nil
}

type messageRecord struct {
	Digest      []byte             `cbor:"1,keyasint"` // of the message as it was added
	Added       int64              `cbor:"2,keyasint"`
	Case        writ.CaseID        `cbor:"3,keyasint,omitempty"`
	Customer    writ.CustomerID    `cbor:"4,keyasint,omitempty"`
	Kind        Kind               `cbor:"5,keyasint,omitempty"`
	Priority    Priority           `cbor:"6,keyasint,omitempty"`
	Subject     string             `cbor:"7,keyasint,omitempty"`
	NotBefore   int64              `cbor:"8,keyasint,omitempty"`
	Contacts    []Contact          `cbor:"9,keyasint,omitempty"`
	Attachments []attachmentRecord `cbor:"10,keyasint,omitempty"`
	Erased      int64              `cbor:"11,keyasint,omitempty"` // then only Digest and Added are left
}

type attachmentRecord struct {
	Name   string   `cbor:"1,keyasint"`
	MIME   string   `cbor:"2,keyasint"`
	Size   int      `cbor:"3,keyasint"`
	SHA256 [32]byte `cbor:"4,keyasint"`
}

type progressRecord struct {
	Held       bool             `cbor:"1,keyasint,omitempty"`
	Deliveries []deliveryRecord `cbor:"2,keyasint,omitempty"` // one for each contact
}

// step is where a delivery is.
type step uint8

const (
	stepWaiting step = iota
	stepSending
	stepAccepted
	stepCancelled
)

type deliveryRecord struct {
	Step     step   `cbor:"1,keyasint,omitempty"`
	Stuck    bool   `cbor:"2,keyasint,omitempty"`  // counts as undeliverable
	Alarmed  bool   `cbor:"3,keyasint,omitempty"`  // the alarm was raised, or is owed
	Attempts int    `cbor:"4,keyasint,omitempty"`  // all there were
	Failures int    `cbor:"5,keyasint,omitempty"`  // those that the pace comes from
	Doubts   int    `cbor:"6,keyasint,omitempty"`  // attempts whose end is not known
	First    int64  `cbor:"7,keyasint,omitempty"`  // first attempt
	Last     int64  `cbor:"8,keyasint,omitempty"`  // newest attempt's end
	Waited   int64  `cbor:"9,keyasint,omitempty"`  // milliseconds between attempts so far
	Due      int64  `cbor:"10,keyasint,omitempty"` // next attempt
	Settled  int64  `cbor:"11,keyasint,omitempty"` // accepted or cancelled
	Owed     []byte `cbor:"12,keyasint,omitempty"` // reports
	Class    Class  `cbor:"13,keyasint,omitempty"` // of the newest failure
	Code     int    `cbor:"14,keyasint,omitempty"`
	Detail   string `cbor:"15,keyasint,omitempty"`
}

// open says whether there is still something to do for it.
func (d deliveryRecord) open() bool { return d.Step == stepWaiting || d.Step == stepSending }

type contactsRecord struct {
	Contacts []Contact `cbor:"1,keyasint"`
}

type secretRecord struct {
	Secret   []byte `cbor:"1,keyasint"`
	Previous []byte `cbor:"2,keyasint,omitempty"`
	Until    int64  `cbor:"3,keyasint,omitempty"` // when the previous one stops signing
	Gone     bool   `cbor:"4,keyasint,omitempty"` // the contact was removed; messages on their way still use it
}

type inboxRecord struct {
	Read int64 `cbor:"1,keyasint,omitempty"`
}

// state is what a message as a whole is in.
func (p progressRecord) state() State {
	var open, stuck, accepted bool
	for _, d := range p.Deliveries {
		open = open || d.open()
		stuck = stuck || d.open() && d.Stuck
		accepted = accepted || d.Step == stepAccepted
	}
	switch {
	case open && p.Held:
		return Held
	case stuck:
		return Undeliverable
	case open:
		return Waiting
	case accepted:
		return Accepted
	}
	return Cancelled
}

// indexKeys are the keys of all indexes that a message is in.
func indexKeys(id string, m messageRecord, p progressRecord) map[string]struct{} {
	keys := map[string]struct{}{}
	if m.Erased != 0 {
		return keys
	}
	add := func(k []byte) { keys[string(k)] = struct{}{} }
	dated := func(k []byte) { add(append(number64(k, m.Added), id...)) }
	dated(key(tagAll, ""))
	dated(key(tagState, string(stateBytes[p.state()])))
	if m.Case != "" {
		dated(key(tagCase, string(m.Case)))
	}
	if m.Customer != "" {
		dated(key(tagCustomer, string(m.Customer)))
	}
	for n, d := range p.Deliveries {
		for _, what := range d.Owed {
			add(owedKey(ref{id, n}, what))
		}
		if !d.open() || p.Held {
			continue
		}
		due, tag := m.NotBefore, byte(waitsFirst)
		if d.Due > due {
			due, tag = d.Due, waitsRetry
		}
		add(dueKey(m.Priority.lane(), tag, due, ref{id, n}))
	}
	return keys
}

// indexChange is what must be put and deleted to come from one set to another.
func indexChange(before, after map[string]struct{}, put, del func(string)) {
	for k := range maps.Keys(before) {
		if _, stays := after[k]; !stays {
			del(k)
		}
	}
	for k := range maps.Keys(after) {
		if _, there := before[k]; !there {
			put(k)
		}
	}
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
