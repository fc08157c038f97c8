package keyring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/gate/internal/disk"
	"writ/internal/seal"
)

// The epoch file, keys/epoch-<16 hex digits of its number>:
//
//	magic   8  "writepo1"
//	number  8  the epoch, counted from 1, big endian
//	key    60  the epoch key, wrapped by the root key; context is the above
//
// and then records of recordSize bytes, each a box under a key derived from
// the epoch key, its AAD the epoch's number and the record's index. Records
// are only ever appended. One that a crash left short, or all zeros, at the
// very end was never acknowledged and is written over; anything else that
// does not open is an error.
const (
	epochMagic = "writepo1"
	epochHead  = len(epochMagic) + 8
	epochStart = epochHead + seal.WrappedSize
)

// record is one line of an epoch file. Its plaintext:
//
//	kind      1
//	customer 22  the id, padded with zeros
//	version   4  of the KEK, big endian
//	at        8  Unix time in milliseconds, big endian
//	sealed   60  the KEK, wrapped by a key derived from the epoch key; of a
//	             recipient, the SHA-256 of its public key and zeros
type record struct {
	kind     recordKind
	customer writ.CustomerID
	version  uint32
	at       time.Time
	sealed   []byte // of a KEK or a recipient; nil otherwise
}

type recordKind uint8

const (
	recordKEK      recordKind = 1 // a new version of a customer's KEK
	recordShredded recordKind = 2 // the customer has no KEK any more, for ever
	recordSyncOn   recordKind = 3 // journal entries are synced before a key is released
	recordSyncOff  recordKind = 4

	recordRecipient recordKind = 5 // the customer's journal is sealed to a public key of its own
)

const (
	idSize      = 22
	recordPlain = 1 + idSize + 4 + 8 + seal.WrappedSize
	recordSize  = recordPlain + boxOverhead
)

func (r record) encode() []byte {
	b := make([]byte, recordPlain)
	b[0] = byte(r.kind)
	copy(b[1:1+idSize], r.customer)
	binary.BigEndian.PutUint32(b[1+idSize:], r.version)
	binary.BigEndian.PutUint64(b[1+idSize+4:], uint64(r.at.UnixMilli()))
	copy(b[1+idSize+4+8:], r.sealed)
	return b
}

func decodeRecord(b []byte) record {
	r := record{
		kind:     recordKind(b[0]),
		customer: writ.CustomerID(bytes.TrimRight(b[1:1+idSize], "\x00")),
		version:  binary.BigEndian.Uint32(b[1+idSize:]),
		at:       time.UnixMilli(int64(binary.BigEndian.Uint64(b[1+idSize+4:]))),
	}
	if r.kind == recordKEK || r.kind == recordRecipient {
		r.sealed = bytes.Clone(b[1+idSize+4+8:])
	}
	return r
}

// epoch is an epoch's keys, and how far its file is written.
type epoch struct {
	number uint64
	key    *seal.Key
	wrap   *seal.Key // wraps KEKs; derived from key
	box    *seal.Box // seals records; its key is derived from key
	count  int       // records in the file
}

func newEpoch(number uint64) epoch { return makeEpoch(number, seal.NewKey()) }

func makeEpoch(number uint64, key *seal.Key) epoch {
	return epoch{
		number: number,
		key:    key,
		wrap:   key.Derive(nil, "writ/epoch-wrap/v1"),
		box:    seal.NewBox(key.Derive(nil, "writ/epoch-records/v1")),
	}
}

func (e *epoch) erase() {
	e.key.Erase()
	e.wrap.Erase()
}

func (e *epoch) kekContext(c writ.CustomerID, version uint32) []byte {
	b := append([]byte("writ/kek/v1"), byte(len(c)))
	b = append(b, c...)
	b = binary.BigEndian.AppendUint32(b, version)
	return binary.BigEndian.AppendUint64(b, e.number)
}

func (e *epoch) sealKEK(c writ.CustomerID, version uint32, k *seal.Key) []byte {
	return seal.Wrap(e.wrap, e.kekContext(c, version), k)
}

func (e *epoch) openKEK(c writ.CustomerID, version uint32, sealed []byte) (*seal.Key, error) {
	k, err := unseal(e.wrap, e.kekContext(c, version), sealed)
	if err != nil {
		return nil, fmt.Errorf("the customer's key of version %d: %w", version, ErrCorrupt)
	}
	k.Prepare()
	return k, nil
}

func (e *epoch) recordContext(index int) []byte {
	b := binary.BigEndian.AppendUint64([]byte("writ/kek-record/v1"), e.number)
	return binary.BigEndian.AppendUint64(b, uint64(index))
}

func epochName(number uint64) string { return fmt.Sprintf("epoch-%016x", number) }

func parseEpochName(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, "epoch-")
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, ok && err == nil && epochName(n) == name
}

// listEpochs finds the newest epoch, and the names of all else that epochs
// and root files leave behind and that must be destroyed.
func listEpochs(dir string) (newest uint64, leftovers []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, nil, fmt.Errorf("couldn't look into the keys folder: %w", err)
	}
	for _, e := range entries {
		if n, ok := parseEpochName(e.Name()); ok {
			newest = max(newest, n)
		}
	}
	if newest == 0 {
		return 0, nil, fmt.Errorf("couldn't find an epoch's file in keys/: %w", ErrNoKeys)
	}
	for _, e := range entries {
		n, ok := parseEpochName(e.Name())
		if ok && n < newest || strings.HasSuffix(e.Name(), unfinished) {
			leftovers = append(leftovers, e.Name())
		}
	}
	return newest, leftovers, nil
}

// head is the start of the epoch's file.
func (e *epoch) head(root *seal.Key) []byte {
	b := binary.BigEndian.AppendUint64([]byte(epochMagic), e.number)
	return append(b, seal.Wrap(root, epochContext(b), e.key)...)
}

func epochContext(head []byte) []byte { return append([]byte("writ/epoch/v1"), head...) }

// write makes the whole file of a new epoch, durably, in dir.
func (e *epoch) write(dir string, root *seal.Key, records []record) error {
	b := make([]byte, 0, epochStart+len(records)*recordSize) // GCM grows a slice without reserve
	b = append(b, e.head(root)...)
	for i, r := range records {
		b = e.box.Seal(b, r.encode(), e.recordContext(i))
	}
	if err := replace(filepath.Join(dir, epochName(e.number)), b); err != nil {
		return err
	}
	e.count = len(records)
	return nil
}

// append adds one record to the file, durable on return. What a failed
// append left is written over by the next.
func (e *epoch) append(dir string, r record) error {
	name := epochName(e.number)
	b := e.box.Seal(nil, r.encode(), e.recordContext(e.count))
	step("record made")
	if err := disk.WriteAt(filepath.Join(dir, name), b, int64(epochStart+e.count*recordSize)); err != nil {
		return fmt.Errorf("couldn't add to the keys: %w", err)
	}
	step("record synced")
	e.count++
	return nil
}

// readEpoch reads and checks a whole epoch file.
func readEpoch(dir string, number uint64, root *seal.Key) (epoch, []record, error) {
	name := epochName(number)
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return epoch{}, nil, fmt.Errorf("couldn't find keys/%s: %w", name, ErrNoKeys)
	}
	if err != nil {
		return epoch{}, nil, fmt.Errorf("couldn't read keys/%s: %w", name, err)
	}
	if len(b) < epochStart || string(b[:len(epochMagic)]) != epochMagic || binary.BigEndian.Uint64(b[len(epochMagic):]) != number {
		return epoch{}, nil, fmt.Errorf("keys/%s: %w", name, ErrCorrupt)
	}
	key, err := unseal(root, epochContext(b[:epochHead]), b[epochHead:epochStart])
	if err != nil {
		return epoch{}, nil, fmt.Errorf("keys/%s: %w", name, ErrCorrupt)
	}
	e := makeEpoch(number, key)
	var records []record
	for rest := b[epochStart:]; len(rest) >= recordSize; rest = rest[recordSize:] {
		plain, err := e.box.Open(nil, rest[:recordSize], e.recordContext(e.count))
		if err != nil {
			if len(rest) < 2*recordSize && disk.AllZero(rest) {
				break
			}
			e.erase()
			return epoch{}, nil, fmt.Errorf("record %d of keys/%s: %w", e.count, name, ErrCorrupt)
		}
		records = append(records, decodeRecord(plain))
		e.count++
	}
	return e, records, nil
}
