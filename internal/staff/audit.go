package staff

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"writ"
	"writ/internal/printable"
)

// ErrChain: the audit trail is not what it was: an entry was edited, dropped,
// reordered or cut off.
var ErrChain = errors.New("the audit trail was changed")

// Outcome is how an act ended.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "ok"
	Refused Outcome = "refused"
)

// Class is for how long an entry is kept, see [Staff.EraseAudit].
type Class string

// The classes.
const (
	ClassAct     Class = "act"     // what was done
	ClassRefusal Class = "refusal" // what was refused, failed sign-ins among it
	ClassErasure Class = "erasure" // that entries were erased: kept for ever
)

// Entry is one act or refusal. Seq, At and Class are the trail's own.
type Entry struct {
	Seq     uint64    // counted from 1, without gaps
	At      time.Time // UTC; never before the entry's before it
	Class   Class
	Who     writ.Person // empty if that is not known
	By      string      // "token" or "session" and its id, "socket" and the account
	Act     string      // lower-case letters, digits, "-" and ".": "person.add"
	Object  string      // its id, never its name
	Outcome Outcome     // default [Done]
	Why     string
	Addr    netip.Addr

	// Gone: the entry was erased by its retention; all but the first three fields
	// are empty.
	Gone bool
	// Of an erasure: entries of the class ErasedClass up to the number
	// ErasedThrough, so many of them, were erased.
	ErasedClass   Class
	ErasedThrough uint64
	ErasedCount   int
}

// Bounds of an entry's texts, in bytes. Longer ones are cut: what others wrote
// must not keep a refusal from being written down.
const (
	maxActName = 64
	maxObject  = 200
	maxBy      = 200
	maxWhy     = 500
)

func (e *Entry) body() (auditBody, Class, error) {
	if e.Act == "" || len(e.Act) > maxActName || strings.Trim(e.Act, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		return auditBody{}, "", fmt.Errorf("%w: an act is named by 1 to %d lower-case letters, digits, \"-\" and \".\"", ErrForm, maxActName)
	}
	if e.Outcome == "" {
		e.Outcome = Done
	}
	if e.Outcome != Done && e.Outcome != Refused {
		return auditBody{}, "", fmt.Errorf("%w: an act is done or refused", ErrForm)
	}
	b := auditBody{
		Who: writ.Person(clip(string(e.Who), 64)), By: clip(e.By, maxBy), Act: e.Act, Object: clip(e.Object, maxObject), Outcome: e.Outcome,
		Why: clip(e.Why, maxWhy), Erased: e.ErasedClass, Through: e.ErasedThrough, Count: e.ErasedCount,
	}
	if e.Addr.IsValid() {
		b.Addr = clip(e.Addr.String(), maxBy)
	}
	return b, b.class(), nil
}

func (b *auditBody) class() Class {
	switch {
	case b.Erased != "":
		return ClassErasure
	case b.Outcome == Refused:
		return ClassRefusal
	}
	return ClassAct
}

// indexes are the keys under which an entry is found.
func (b *auditBody) indexes(seq uint64) (keys [][]byte) {
	for kind, text := range map[byte]string{indexWho: string(b.Who), indexAct: b.Act, indexObject: b.Object} {
		if text != "" {
			keys = append(keys, indexKey(kind, text, seq))
		}
	}
	return keys
}

const (
	indexWho    = 'w'
	indexAct    = 'x'
	indexObject = 'o'
)

// String is the entry on one line, safe for a terminal.
func (e Entry) String() string {
	text := fmt.Sprintf("%d %s", e.Seq, e.At.Format(time.RFC3339))
	if e.Gone {
		return text + " (erased)"
	}
	text += fmt.Sprintf(" %s %s", e.Act, e.Outcome)
	for _, part := range []struct{ name, text string }{
		{"who", string(e.Who)}, {"by", e.By}, {"object", e.Object}, {"why", e.Why},
	} {
		if part.text != "" {
			text += " " + part.name + "=" + printable.Line(part.text)
		}
	}
	if e.Addr.IsValid() {
		text += " addr=" + printable.Line(e.Addr.String())
	}
	return text
}

// Head is where the audit trail stands: its newest entry and that entry's hash,
// which stands for all before it. Kept elsewhere, it tells later whether the
// trail was cut or written anew.
type Head struct {
	Seq  uint64 // 0 when the trail is empty
	Hash [32]byte
}

// hash is that of an entry in the chain; see the layout.
func (f *auditFrame) hash() [32]byte {
	b := append([]byte("writ/audit-entry/v1"), f.Previous[:]...)
	b = binary.BigEndian.AppendUint64(b, f.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(f.At))
	b = append(b, byte(len(f.Class)))
	b = append(b, f.Class...)
	return sha256.Sum256(append(b, f.BodyHash[:]...))
}

func bodyHash(salt, body []byte) [32]byte {
	return sha256.Sum256(append(append([]byte("writ/audit-body/v1"), salt...), body...))
}

// entry reads a frame.
func (f *auditFrame) entry() (Entry, error) {
	e := Entry{Seq: f.Seq, At: fromNano(f.At), Class: f.Class, Gone: len(f.Body) == 0}
	if e.Gone {
		return e, nil
	}
	var b auditBody
	if err := decodeRecord(f.Body, &b); err != nil {
		return e, err
	}
	e.Who, e.By, e.Act, e.Object, e.Outcome, e.Why = b.Who, b.By, b.Act, b.Object, b.Outcome, b.Why
	e.ErasedClass, e.ErasedThrough, e.ErasedCount = b.Erased, b.Through, b.Count
	if b.Addr != "" {
		addr, err := netip.ParseAddr(b.Addr)
		if err != nil {
			return e, fmt.Errorf("%w: an address in entry %d", ErrRecords, f.Seq)
		}
		e.Addr = addr
	}
	return e, nil
}
