package policy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"writ"
)

// MaxWaiver is how long a waiver holds at most.
const MaxWaiver = 24 * time.Hour

// Waiver lets one writ open what it covers while the witnesses are away and a
// statutory clock runs: what was committed to is then durable on the server
// only, and the next batch in the log says so in public. Two persons of the set
// sign it, one of them counsel.
type Waiver struct {
	V        int         `json:"v"`
	Case     writ.CaseID `json:"case"`
	Writ     []byte      `json:"writ"`     // SHA-256 of the authorisation's payload
	Reason   string      `json:"reason"`   // one line
	Deadline time.Time   `json:"deadline"` // of the clock that runs
	At       time.Time   `json:"at"`
	NotAfter time.Time   `json:"not_after"` // at most 24 hours after At
}

// Check says whether a waiver can be signed. Errors: [ErrForm].
func (w Waiver) Check() error {
	if _, err := writ.ParseCaseID(string(w.Case)); err != nil {
		return bad("%s", err)
	}
	switch {
	case w.V != 1:
		return bad("a waiver of version %d", w.V)
	case len(w.Writ) != sha256.Size:
		return bad("the waiver names no writ")
	case !line(w.Reason, 1, MaxWhy):
		return bad("a waiver has a reason, in one line of at most %d bytes", MaxWhy)
	case !utc(w.Deadline) || !utc(w.At) || !utc(w.NotAfter):
		return bad("a waiver has a deadline, a time and an end, in UTC")
	case !w.At.Before(w.NotAfter) || w.NotAfter.Sub(w.At) > MaxWaiver:
		return bad("a waiver holds for at most %s", MaxWaiver)
	}
	return nil
}

// Encode is the waiver as it is signed. Errors: [ErrForm].
func (w Waiver) Encode() ([]byte, error) {
	w.Deadline, w.At, w.NotAfter = w.Deadline.UTC(), w.At.UTC(), w.NotAfter.UTC()
	if err := w.Check(); err != nil {
		return nil, err
	}
	return encode(w, new(Waiver))
}

// ParseWaiver reads what [Waiver.Encode] wrote. Errors: [ErrForm].
func ParseWaiver(b []byte) (Waiver, error) {
	var w Waiver
	if err := read(b, &w); err != nil {
		return Waiver{}, err
	}
	return w, w.Check()
}

// VerifyWaiver verifies a waiver for one writ of one case: two distinct persons
// of the set signed it, one of them counsel. It returns who, sorted. Errors:
// [ErrForm], [ErrPayloadType], [ErrWaiver], [ErrQuorum], [ErrEarly],
// [ErrExpired].
func VerifyWaiver(set Set, envelope []byte, c writ.CaseID, digest [32]byte, now time.Time) (Waiver, []writ.Person, error) {
	e, err := open(envelope, TypeWaiver)
	if err != nil {
		return Waiver{}, nil, err
	}
	w, err := ParseWaiver(e.Payload)
	if err != nil {
		return Waiver{}, nil, err
	}
	if w.Case != c || !bytes.Equal(w.Writ, digest[:]) {
		return Waiver{}, nil, ErrWaiver
	}
	var persons []writ.Person
	counsel := false
	for _, m := range set.Signed(e) {
		persons, counsel = append(persons, m.Person), counsel || m.Role == writ.RoleCounsel
	}
	slices.Sort(persons)
	persons = slices.Compact(persons)
	switch {
	case len(persons) == 0:
		return Waiver{}, nil, fmt.Errorf("%w: %w", ErrQuorum, ErrUnknownKey)
	case len(persons) < 2:
		return Waiver{}, nil, fmt.Errorf("%w: a waiver takes two persons, and only %s signed", ErrQuorum, names(persons))
	case !counsel:
		return Waiver{}, nil, fmt.Errorf("%w: a waiver takes counsel, and only custodians signed (%s)", ErrQuorum, names(persons))
	}
	if err := valid("waiver", w.At, w.NotAfter, now); err != nil {
		return Waiver{}, nil, err
	}
	return w, persons, nil
}
