// Package warrant verifies everything that must hold before law opens
// anything. It is a room of its own so that nothing else in gate can make a
// [Warrant]: its fields are out of reach, only [Verify] fills them, and
// internal/invariants says who may call that.
//
// Nothing that the caller says is believed. What the custodians signed comes
// out of their envelope, what was committed to out of the receipts, by the log's
// key and the witnesses that the set of custodians names.
package warrant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/policy"
	"writ/internal/proof"
)

// Why a warrant is refused, besides the errors of package policy.
var (
	// ErrCase: the writ is for another case.
	ErrCase = errors.New("the writ is for another case")
	// ErrScope: a version is not in the writ's scope.
	ErrScope = errors.New("not in the writ's scope")
	// ErrBudget: more than the writ's limits, or than what is left of them.
	ErrBudget = errors.New("more than the writ's limits allow")
	// ErrList: the list is not the one that the writ, or this opening, is for.
	ErrList = errors.New("not the list that was authorised")
	// ErrNotCommitted: there is no proof that the writ and the list were
	// committed to in the ledger.
	ErrNotCommitted = errors.New("not shown to be committed to in the ledger")
)

// Evidence is what shows that law opens something.
type Evidence struct {
	// Envelope is the DSSE envelope of the authorisation, signed by a quorum.
	Envelope []byte
	// Writ is the receipt of the hidden statement of kind "writ", whose body
	// says {"case","writ"}: the base64 of the SHA-256 of the authorisation's
	// payload.
	Writ *proof.Receipt
	// Opening is the receipt of the hidden statement of kind "opening", whose
	// body says {"case","writ","list","objects","bytes"}: the base64 of
	// [policy.ListDigest], and what the list comes to.
	Opening *proof.Receipt
	// Waiver is the DSSE envelope of a [policy.Waiver]. A receipt that is
	// missing is then replaced by the statement as the ledger keeps it.
	Waiver []byte
}

// Kept returns a hidden statement as the ledger keeps it.
type Kept func(ctx context.Context, id string) (statement []byte, err error)

// Warrant shows that all was verified. The zero value shows nothing.
type Warrant struct{ w *verified }

type verified struct {
	authorisation policy.Authorisation
	envelope      policy.Envelope
	digest        [32]byte // of the authorisation's payload
	list          [32]byte
	items         []policy.Item
	bytes         int64
	notAfter      time.Time
	waived        bool // a receipt was missing
	set           [32]byte
}

// Verify verifies, in this order: the envelope's form and type, that it is for
// the set in force, the quorum, the time; the case; the list's form, that the
// writ reaches content, that every version is in scope, and the limits; that
// writ and list are committed to. Errors: those of package policy and of this
// one.
func Verify(ctx context.Context, set policy.Set, c writ.CaseID, ev Evidence, items []policy.Item, now time.Time, kept Kept) (Warrant, error) {
	a, _, err := policy.VerifyAuthorisation(set, ev.Envelope, now)
	if err != nil {
		return Warrant{}, err
	}
	_, envelope, err := policy.OpenAuthorisation(ev.Envelope)
	if err != nil {
		return Warrant{}, err
	}
	if a.Case != c {
		return Warrant{}, fmt.Errorf("%w, %s", ErrCase, a.Case)
	}
	// A copy: what was verified must be what is opened, whatever the caller does
	// with its own.
	v := &verified{authorisation: a, envelope: envelope, digest: envelope.Digest(), items: slices.Clone(items), notAfter: a.Limits.NotAfter, set: set.Digest()}
	if err := v.checkList(); err != nil {
		return Warrant{}, err
	}
	if err := v.checkCommitted(ctx, set, ev, now, kept); err != nil {
		return Warrant{}, err
	}
	return Warrant{v}, nil
}

// checkList holds the list against scope and limits.
func (v *verified) checkList() (err error) {
	a := v.authorisation
	switch {
	case a.Scope.Opens():
		if v.bytes, err = policy.CheckList(v.items); err != nil {
			return err
		}
	case len(v.items) > 0:
		return fmt.Errorf("%w: the writ names no bucket", ErrScope)
	}
	if v.list = policy.ListDigest(v.items); a.List != nil && !bytes.Equal(a.List, v.list[:]) {
		return fmt.Errorf("%w: the custodians signed for another list", ErrList)
	}
	for n, i := range v.items {
		if !a.Scope.Covers(i) {
			return fmt.Errorf("%w: version %d of the list, in bucket %s", ErrScope, n, i.Bucket)
		}
	}
	if int64(len(v.items)) > a.Limits.Objects || v.bytes > a.Limits.Bytes {
		return fmt.Errorf("%w: %d objects of %d bytes, of %d and %d", ErrBudget, len(v.items), v.bytes, a.Limits.Objects, a.Limits.Bytes)
	}
	return nil
}

// checkCommitted holds what was committed to against writ and list. A receipt
// that is there is verified, with a waiver too.
func (v *verified) checkCommitted(ctx context.Context, set policy.Set, ev Evidence, now time.Time, kept Kept) error {
	c := v.authorisation.Case
	v.waived = ev.Waiver != nil && (ev.Writ == nil || ev.Opening == nil)
	if ev.Waiver != nil {
		w, _, err := policy.VerifyWaiver(set, ev.Waiver, c, v.digest, now)
		if err != nil {
			return err
		}
		if v.waived && w.NotAfter.Before(v.notAfter) {
			v.notAfter = w.NotAfter
		}
	}
	verifier, err := set.Verifier()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotCommitted, err)
	}
	if err := v.shown(ctx, verifier, ev.Writ, policy.CommitWrit(c, v.digest), kept); err != nil {
		return err
	}
	return v.shown(ctx, verifier, ev.Opening, policy.CommitOpening(c, v.digest, v.items), kept)
}

// shown verifies one commitment: by its receipt, or, if that is missing and
// waived, by what the ledger keeps.
func (v *verified) shown(ctx context.Context, verifier *proof.Verifier, r *proof.Receipt, want policy.Commitment, kept Kept) error {
	refuse := func(err error) error { return fmt.Errorf("%w: the %s: %w", ErrNotCommitted, want.Kind, err) }
	var s *proof.Statement
	switch {
	case r != nil:
		out, err := verifier.Receipt(r)
		if err != nil {
			return refuse(err)
		}
		if s = out.Hidden; s == nil {
			return refuse(errors.New("its receipt shows no hidden statement"))
		}
	case !v.waived:
		return refuse(errors.New("it has no receipt"))
	case kept == nil:
		return refuse(errors.New("there is no ledger that could keep it"))
	default:
		b, err := kept(ctx, want.ID)
		if err != nil {
			return refuse(err)
		}
		hidden, err := proof.DecodeHidden(b)
		if err != nil {
			return refuse(err)
		}
		s = &hidden
	}
	var body policy.Committed // a lenient reading: it may say more
	if err := json.Unmarshal(s.Body, &body); err != nil {
		return refuse(err)
	}
	same := body.Case == want.Body.Case && bytes.Equal(body.Writ, want.Body.Writ)
	if want.Body.List != nil {
		same = same && bytes.Equal(body.List, want.Body.List) && body.Objects == want.Body.Objects && body.Bytes == want.Body.Bytes
	}
	if s.Kind != want.Kind || !same {
		return refuse(errors.New("what was committed to is something else"))
	}
	return nil
}

// OK tells whether w came from [Verify].
func (w Warrant) OK() bool { return w.w != nil }

// Allows is the check that stands directly before a key: the writ's time, and
// that the blob is that of version n of the list, which is the customer's.
// Errors: [policy.ErrExpired], [policy.ErrEarly], [ErrList].
func (w Warrant) Allows(n int, customer writ.CustomerID, blob writ.BlobID, now time.Time) error {
	if w.w == nil || n < 0 || n >= len(w.w.items) || w.w.items[n].Blob != blob || w.w.authorisation.Customer != customer {
		return ErrList
	}
	return w.InTime(now)
}

// InTime says whether the writ, and the waiver if it needed one, still hold.
func (w Warrant) InTime(now time.Time) error {
	if err := w.w.authorisation.Valid(now); err != nil {
		return err
	}
	if !now.Before(w.w.notAfter) {
		return fmt.Errorf("%w: the waiver ended at %s", policy.ErrExpired, w.w.notAfter.Format(time.RFC3339))
	}
	return nil
}

// Stands verifies the quorum again, by a set that came into force since.
// Errors: [policy.ErrQuorum].
func (w Warrant) Stands(set policy.Set) error {
	_, err := set.Quorum(w.w.envelope)
	return err
}

// Authorisation is what the custodians signed.
func (w Warrant) Authorisation() policy.Authorisation { return w.w.authorisation }

// Digest is the SHA-256 of what they signed: the writ's name.
func (w Warrant) Digest() [32]byte { return w.w.digest }

// List is the list's digest.
func (w Warrant) List() [32]byte { return w.w.list }

// Len, Item and Bytes are those of the list.
func (w Warrant) Len() int               { return len(w.w.items) }
func (w Warrant) Item(n int) policy.Item { return w.w.items[n] }
func (w Warrant) Bytes() int64           { return w.w.bytes }

// Set is the digest of the set by which it was verified.
func (w Warrant) Set() [32]byte { return w.w.set }

// Waived tells whether a receipt was missing, and a waiver stood in for it.
func (w Warrant) Waived() bool { return w.w.waived }
