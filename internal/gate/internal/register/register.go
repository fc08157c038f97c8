// Package register keeps what the gate must remember of writs, in the keys
// folder beside the keys:
//
//	keys/custodians  the chain of custodians' sets: each one's signed envelope
//	keys/writs       which lists were registered under which writ, and what of
//	                 them was told to the customer since
//
// Both are sealed under keys derived from the root key, only appended to, and
// copied with the keys. The chain of sets is verified as a whole, from the first
// self-enrolled set on, whenever it is read: the seal alone would be no proof
// that a quorum changed it.
//
// Files can be put back from a copy. So each registration also has its number
// in the docket's journal, written before; gate holds both against each other
// at the start ([Register.Seq], [Register.Learn]).
package register

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"writ"
	"writ/internal/policy"
	"writ/internal/seal"
)

// The names of the files in keys/.
const (
	SetsName  = "custodians"
	WritsName = "writs"
)

// Register is the two files. It is not safe for concurrent use: gate guards it.
type Register struct {
	sets  file
	writs file

	chain   []policy.Set
	digests [][32]byte // of chain
	seq     uint64     // number of the docket's journal up to which writs is complete
	known   Known
	marked  Known // what of known is in keys/writs
	lists   map[[32]byte]*Writ
}

// Known is the newest set of which the register knows that it was in force,
// whatever the chain says.
type Known struct {
	Number uint64
	Digest [32]byte
}

// Writ is what was registered under one writ.
type Writ struct {
	Case    writ.CaseID
	Objects int64 // over all lists
	Bytes   int64
	Lists   map[[32]byte]*List
}

// List is one registered list.
type List struct {
	Objects int64
	Bytes   int64
	At      time.Time
	Told    int64  // of a revelation: items whose entries are in the customer's journal
	After   uint64 // number of the journal's newest entry when Told was written
}

// Open reads both files in the keys folder; they may be missing. Errors:
// damage.
func Open(dir string, key func(room string) *seal.Key) (*Register, error) {
	box := func(room string) *seal.Box {
		k := key(room)
		defer k.Erase()
		return seal.NewBox(k)
	}
	r := &Register{
		sets:  file{path: filepath.Join(dir, SetsName), magic: "writcus1", box: box(SetsName), most: policy.MaxEnvelope},
		writs: file{path: filepath.Join(dir, WritsName), magic: "writwrt1", box: box(WritsName), least: recordSize, most: recordSize},
		lists: map[[32]byte]*Writ{},
	}
	if err := r.sets.load(func(envelope []byte) error { _, err := r.take(envelope); return err }); err != nil {
		return nil, err
	}
	return r, r.writs.load(r.learn)
}

// take verifies the next set and makes it the newest.
func (r *Register) take(envelope []byte) (policy.Set, error) {
	s, err := r.verify(envelope)
	if err != nil {
		return s, err
	}
	r.chain, r.digests = append(r.chain, s), append(r.digests, s.Digest())
	return s, nil
}

func (r *Register) verify(envelope []byte) (policy.Set, error) {
	var old *policy.Set
	if n := len(r.chain); n > 0 {
		old = &r.chain[n-1]
	}
	s, _, err := policy.VerifyChange(old, envelope)
	return s, err
}

// Set is the newest set; false if there is none.
func (r *Register) Set() (policy.Set, bool) {
	if len(r.chain) == 0 {
		return policy.Set{}, false
	}
	return r.chain[len(r.chain)-1], true
}

// AddSet verifies a set against the newest and makes it durable.
func (r *Register) AddSet(envelope []byte) (policy.Set, error) {
	s, err := r.verify(envelope)
	if err != nil {
		return s, err
	}
	if s.Number == r.known.Number && s.Digest() != r.known.Digest {
		return s, fmt.Errorf("%w: another set %d was in force", policy.ErrSet, s.Number)
	}
	if err := r.sets.append(envelope); err != nil {
		return s, fmt.Errorf("couldn't write to keys/%s: %w", SetsName, err)
	}
	return r.take(envelope)
}

// Behind says whether the chain lacks a set that was in force: it was put back
// from a copy, or replaced.
func (r *Register) Behind() bool {
	n := r.known.Number
	return n > uint64(len(r.chain)) || n > 0 && r.digests[n-1] != r.known.Digest
}

// Knows takes note that a set was in force.
func (r *Register) Knows(k Known) {
	if k.Number > r.known.Number {
		r.known = k
	}
}

// KnowsSet tells whether a set of that number is known to have been in force.
func (r *Register) KnowsSet(number uint64) bool { return r.known.Number >= number }

// Marked tells whether what is known of the sets is in keys/writs.
func (r *Register) Marked() bool { return r.known == r.marked }

// Seq is the number of the docket's journal entry up to which the register is
// complete.
func (r *Register) Seq() uint64 { return r.seq }

// Begun tells whether anything was ever written to the register.
func (r *Register) Begun() bool { return r.sets.size > 0 || r.writs.size > 0 }

// Writ is what was registered under a writ; nil if nothing was. It must not be
// changed.
func (r *Register) Writ(digest [32]byte) *Writ { return r.lists[digest] }

// The kinds of records in keys/writs.
const (
	kindList = 1 // a list was registered
	kindMark = 2 // complete up to a number of the docket's journal; which set was in force
	kindTold = 3 // items of a list were told to the customer
)

// record is one record in keys/writs. Integers are big-endian:
//
//	kind     1
//	digest  32  of the writ; of a mark, of the set
//	list    32
//	case    14
//	objects  8  of the list; of a mark, the set's number; items told
//	bytes    8  of the list; number of the customer's newest entry
//	seq      8  of the docket's journal
//	at       8  Unix time in milliseconds
type record struct {
	kind           byte
	digest, list   [32]byte
	c              writ.CaseID
	objects, bytes int64
	seq            uint64
	at             time.Time
}

const (
	caseSize   = 14
	recordSize = 1 + 32 + 32 + caseSize + 4*8
)

func (r record) encode() []byte {
	b := append([]byte{r.kind}, r.digest[:]...)
	b = append(b, r.list[:]...)
	b = append(b, make([]byte, caseSize)...)
	copy(b[len(b)-caseSize:], r.c)
	for _, v := range []uint64{uint64(r.objects), uint64(r.bytes), r.seq, uint64(r.at.UnixMilli())} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// errNewer: a record of a kind that this version doesn't know.
var errNewer = errors.New("written by a newer version")

// learn takes a record's stored form into memory.
func (r *Register) learn(b []byte) error {
	if len(b) != recordSize {
		return errDamaged
	}
	v := record{kind: b[0], digest: [32]byte(b[1:]), list: [32]byte(b[33:])}
	rest := b[65+caseSize:]
	number := func(i int) uint64 { return binary.BigEndian.Uint64(rest[8*i:]) }
	v.objects, v.bytes, v.seq, v.at = int64(number(0)), int64(number(1)), number(2), time.UnixMilli(int64(number(3))).UTC()
	if v.kind != kindMark {
		v.c = writ.CaseID(b[65 : 65+caseSize])
	}
	return r.apply(v)
}

func (r *Register) apply(v record) error {
	switch v.kind {
	case kindList:
		r.addList(v)
	case kindMark:
		r.marked = Known{uint64(v.objects), v.digest}
		r.Knows(r.marked)
	case kindTold:
		w := r.lists[v.digest]
		if w == nil || w.Lists[v.list] == nil {
			return errDamaged
		}
		l := w.Lists[v.list]
		l.Told, l.After = v.objects, uint64(v.bytes)
		return nil // its seq is the customer's affair
	default:
		return errNewer
	}
	r.seq = v.seq
	return nil
}

func (r *Register) addList(v record) {
	w := r.lists[v.digest]
	if w == nil {
		w = &Writ{Case: v.c, Lists: map[[32]byte]*List{}}
		r.lists[v.digest] = w
	}
	if w.Lists[v.list] != nil {
		return
	}
	w.Lists[v.list] = &List{Objects: v.objects, Bytes: v.bytes, At: v.at}
	w.Objects, w.Bytes = w.Objects+v.objects, w.Bytes+v.bytes
}

func (r *Register) add(v record) error {
	if err := r.writs.append(v.encode()); err != nil {
		return fmt.Errorf("couldn't write to keys/%s: %w", WritsName, err)
	}
	return r.apply(v)
}

// AddList registers a list under a writ, durable on return. seq is the number
// of the docket's entry that says so. A list that is registered stays as it
// is.
func (r *Register) AddList(digest, list [32]byte, c writ.CaseID, objects, bytes int64, seq uint64, at time.Time) error {
	if r.known != r.marked { // or nothing would look for it before seq again
		if err := r.Mark(r.seq, at); err != nil {
			return err
		}
	}
	return r.add(record{kind: kindList, digest: digest, list: list, c: c, objects: objects, bytes: bytes, seq: seq, at: at})
}

// Mark makes it durable that the register has everything up to a number of the
// docket's journal, and which set is known to have been in force.
func (r *Register) Mark(seq uint64, at time.Time) error {
	return r.add(record{kind: kindMark, digest: r.known.Digest, objects: int64(r.known.Number), seq: seq, at: at})
}

// Tell makes it durable that the first told items of a list are in the
// customer's journal, whose newest entry then has the number after.
func (r *Register) Tell(digest, list [32]byte, told int64, after uint64, at time.Time) error {
	w := r.lists[digest]
	if w == nil || w.Lists[list] == nil {
		return errors.New("the list was never registered")
	}
	return r.add(record{kind: kindTold, digest: digest, list: list, c: w.Case, objects: told, bytes: int64(after), at: at})
}

// IsDamaged tells whether an error says that a file is not as it was written.
func IsDamaged(err error) bool { return errors.Is(err, errDamaged) }
