package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"writ"
)

// The layout of the ledger's records. This comment is its specification.
//
// All keys begin with the letter 'l' (the vault uses others) and a second that
// says what it is. Numbers are big-endian. Values are CBOR (RFC 8949) with
// integer keys, as the record types say, unless stated otherwise.
//
//	l s              bookRecord: how far batches, queue and log are
//	l i id           placeRecord: where the statement of that id is
//	l o stamp        outboxRecord: a hidden statement that waits for a batch
//	l q number       queuedRecord: a leaf that waits to be in the log and published
//	l b n            batchRecord
//	l e n slot32     entryRecord: a hidden statement in its slot
//	l h n            the journal heads that moved since batch n-1 (below)
//	l H n page32     all journal heads at batch n (below)
//	l k customer     the customer's label key, 32 bytes
//	l p              policyRecord: the newest policy statement
//
// # From a statement to a receipt
//
// Who commits a statement writes "i" and "o" in one transaction, which reads
// "i" alone: statements of other ids don't stand in each other's way, since a
// stamp is time and chance and needs no counter. A batch takes the first
// outbox records, in order of their stamps, and moves them to "e" in one
// change, with "b", "h" and the leaf in "q". The queue is worked off from its
// front: appended, published, and only then removed. So a crash leaves a leaf
// that is in the queue, and in the log or not: at start those leaves of the log
// that bookRecord doesn't know yet are held against the queue.
//
// # Heads
//
// A list of heads is 62 bytes each: customer (22), seq (8), hash (32), ordered
// by customer. The heads at batch n are the newest "H" at or before n, with "h"
// of each batch behind it laid over. A new "H" is written when the changes since
// the last are as many as the heads, so that both together stay within twice the
// changes. It has pages of up to 10,000 heads.
const (
	tagLedger  = 'l'
	tagBook    = 's'
	tagPlace   = 'i'
	tagOutbox  = 'o'
	tagQueue   = 'q'
	tagBatch   = 'b'
	tagEntry   = 'e'
	tagMoved   = 'h'
	tagHeads   = 'H'
	tagLabel   = 'k'
	tagPolicy  = 'p'
	headsPage  = 10000
	headLength = customerLength + 8 + 32
)

const customerLength = 22 // bytes of a [writ.CustomerID]

// ErrRecords: a record of the ledger is damaged, or of another customer of the
// records.
var ErrRecords = errors.New("a record of the ledger is damaged")

func key(tag byte, rest string) []byte { return append([]byte{tagLedger, tag}, rest...) }

func numberKey(tag byte, n uint64) []byte { return binary.BigEndian.AppendUint64(key(tag, ""), n) }

func bookKey() []byte                   { return key(tagBook, "") }
func policyKey() []byte                 { return key(tagPolicy, "") }
func placeKey(id string) []byte         { return key(tagPlace, id) }
func outboxKey(at stamp) []byte         { return key(tagOutbox, string(at[:])) }
func queueKey(n uint64) []byte          { return numberKey(tagQueue, n) }
func batchKey(n uint64) []byte          { return numberKey(tagBatch, n) }
func movedKey(n uint64) []byte          { return numberKey(tagMoved, n) }
func entriesKey(n uint64) []byte        { return numberKey(tagEntry, n) }
func headsKey(n uint64) []byte          { return numberKey(tagHeads, n) }
func labelKey(c writ.CustomerID) []byte { return key(tagLabel, string(c)) }

func entryKey(n uint64, slot int) []byte {
	return binary.BigEndian.AppendUint32(entriesKey(n), uint32(slot))
}

func headsPageKey(n uint64, page int) []byte {
	return binary.BigEndian.AppendUint32(headsKey(n), uint32(page))
}

// numberIn reads the number behind the tag of a key.
func numberIn(k []byte) (uint64, error) {
	if len(k) < 10 {
		return 0, fmt.Errorf("%w: its key is too short", ErrRecords)
	}
	return binary.BigEndian.Uint64(k[2:]), nil
}

// bookRecord is how far everything is. Only the book's owner of the turn writes
// it; who commits hidden statements doesn't.
type bookRecord struct {
	Frozen     uint64 `cbor:"1,keyasint"`           // number of the newest batch that was made
	Published  uint64 `cbor:"2,keyasint"`           // number of the newest that is published
	At         int64  `cbor:"3,keyasint"`           // newest `at` of a statement, Unix milliseconds
	Tick       int64  `cbor:"4,keyasint"`           // the clock at the newest batch, Unix milliseconds
	Front      uint64 `cbor:"14,keyasint"`          // number of the first queued leaf, Queued if none is
	Queued     uint64 `cbor:"5,keyasint"`           // number of the next
	Next       uint64 `cbor:"6,keyasint"`           // index of the first leaf that is not accounted for
	Root       []byte `cbor:"7,keyasint,omitempty"` // of the log of the first Next leaves
	LateBefore bool   `cbor:"8,keyasint,omitempty"` // the newest batch came late, and does not say so
	Heads      uint64 `cbor:"9,keyasint"`           // batch of the newest full list of heads
	Moved      uint64 `cbor:"10,keyasint"`          // heads that moved since
	Origin     string `cbor:"11,keyasint"`          // of the log that all this is about
	First      uint64 `cbor:"12,keyasint"`          // number of the first batch in that log
	BatchAt    int64  `cbor:"13,keyasint"`          // `at` of the newest batch

	Unwitnessed bool `cbor:"15,keyasint,omitempty"` // the next batch must say so
}

// placeRecord is where a statement is. It is hidden and waits if Stamp is set;
// hidden and in a slot if Batch is; else public, and queued, or at Index.
type placeRecord struct {
	Stamp  []byte `cbor:"1,keyasint,omitempty"`
	Batch  uint64 `cbor:"2,keyasint,omitempty"`
	Slot   int    `cbor:"3,keyasint,omitempty"`
	Queued bool   `cbor:"4,keyasint,omitempty"`
	Index  uint64 `cbor:"5,keyasint,omitempty"`
	Origin string `cbor:"6,keyasint,omitempty"` // of a public statement: the log it is in
}

type outboxRecord struct {
	ID        string `cbor:"1,keyasint"`
	Statement []byte `cbor:"2,keyasint"`
}

// queuedRecord is a leaf on its way. Leaf is empty while a batch behind it waits
// for its turn: what it says of being late is known then.
type queuedRecord struct {
	Leaf  []byte `cbor:"1,keyasint,omitempty"`
	ID    string `cbor:"2,keyasint,omitempty"` // of a public statement
	Batch uint64 `cbor:"3,keyasint,omitempty"` // number of a batch
	Late  bool   `cbor:"4,keyasint,omitempty"` // the leaf says that it is late

	Unwitnessed bool `cbor:"5,keyasint,omitempty"` // the leaf says that something was opened without witnesses
}

// batchRecord is a batch. Slots that are not used, and the filler of the map,
// come out of the seed.
type batchRecord struct {
	From    int64    `cbor:"1,keyasint"` // Unix milliseconds, as At
	At      int64    `cbor:"2,keyasint"`
	Slots   int      `cbor:"3,keyasint"`
	Seed    [32]byte `cbor:"4,keyasint"`
	Heads   [32]byte `cbor:"5,keyasint"`           // root of the map, in slot 0
	Used    []int    `cbor:"6,keyasint,omitempty"` // slots of hidden statements
	Commits []byte   `cbor:"7,keyasint,omitempty"` // their commitments, 32 bytes each
	Back    bool     `cbor:"8,keyasint,omitempty"`
	Index   uint64   `cbor:"9,keyasint,omitempty"`  // in the log, once it is published
	Foreign bool     `cbor:"10,keyasint,omitempty"` // read off the log: its slots are not known here
}

type entryRecord struct {
	ID        string   `cbor:"1,keyasint"`
	Statement []byte   `cbor:"2,keyasint"`
	Salt      [32]byte `cbor:"3,keyasint"`
}

type policyRecord struct {
	Hash [32]byte `cbor:"1,keyasint"` // SHA-256 of the statement
	Body []byte   `cbor:"2,keyasint"` // without `previous`
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
