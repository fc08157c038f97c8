package docket

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/law"
	"writ/internal/policy"
	"writ/internal/records"
)

// Limits bound what an approval lets out.
type Limits struct {
	Objects int64     // 0: as many as are in scope now
	Bytes   int64     // 0: as many as are in scope now
	Until   time.Time // zero: what the house says
	Second  writ.Person
}

// Approve is counsel's word that exactly the scope is produced, within limits.
// Every finding passed, or two persons determined on it.
func (d *Docket) Approve(ctx context.Context, who Actor, id writ.CaseID, l Limits) (*Case, error) {
	l.Until = utc(l.Until)
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if err := c.approvable(); err != nil {
			return nil, err
		}
		a, err := d.approval(c, l)
		if err != nil {
			return nil, err
		}
		if a.Second != "" {
			if err := d.secondOfficer(c, who.Person, a.Second); err != nil {
				return nil, err
			}
		}
		return []draft{{kind: Approved, body: a}}, nil
	})
}

func (d *Docket) approval(c *Case, l Limits) (Approval, error) {
	a := Approval{Objects: l.Objects, Bytes: l.Bytes, Until: l.Until, Second: l.Second, Digest: c.decided()}
	i, _ := d.Law.Instrument(c.Demand.Instrument)
	order := c.order()
	switch {
	case order != nil:
		a.Order = order.SHA256
	case i.Order.Need == "required":
		return a, refuse(ErrLaw, "no order is on file (%s)", i.Order.Article)
	}
	if c.Demand.Emergency && i.Emergency.TwoPersons && a.Second == "" && c.Scoping.Scope.Has(writ.ClassContent) {
		return a, refuse(ErrSeparation, "a voluntary emergency disclosure of content takes a second officer's word")
	}
	switch opens := c.Scoping.Scope.Opens(); {
	case !opens && (a.Objects > 0 || a.Bytes > 0):
		return a, refuse(ErrBounds, "the scope names no bucket, so there are no objects to limit")
	case opens && a.Objects == 0:
		a.Objects = c.Scoping.Objects
	}
	if a.Bytes == 0 {
		a.Bytes = c.Scoping.Bytes
	}
	if a.Until.IsZero() {
		a.Until = d.now().Add(d.House.WritFor)
	}
	switch {
	case a.Objects < 0 || a.Bytes < 0:
		return a, refuse(ErrBounds, "limits are not negative")
	case !a.Until.After(d.now()):
		return a, refuse(ErrBounds, "the writ would be over before it begins")
	}
	return a, nil
}

// secondOfficer checks that the second person is one: another, who looked at
// the case and said so by a determination of its own.
func (d *Docket) secondOfficer(c *Case, first, second writ.Person) error {
	if second == first {
		return refuse(ErrSeparation, "%s cannot be the second officer to its own approval", first)
	}
	for _, p := range c.Determinations {
		if p.Second == second || p.By == second && p.Second != "" {
			return nil
		}
	}
	return refuse(ErrSeparation, "%s has not put its own word to this case: let it second the determination on the emergency", second)
}

// DraftWrit draws up what custodians are to sign, from what was approved.
func (d *Docket) DraftWrit(ctx context.Context, who Actor, id writ.CaseID) (*Case, error) {
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if c.Approval == nil {
			return nil, refuse(ErrState, "nothing is approved")
		}
		set, ok := d.Gate.Custodians()
		if !ok {
			return nil, refuse(ErrState, "there are no custodians yet: enrol them with writ custodian enrol")
		}
		digest := set.Digest()
		a := policy.Authorisation{
			V: 1, Case: c.ID, Order: hex.EncodeToString(c.Approval.Order), Instrument: c.Demand.Instrument,
			Issuer:   policy.Issuer{Name: c.Demand.Issuer.Name, Country: c.Demand.Issuer.Country},
			Customer: c.Subject.Customer, Scope: c.Scoping.Scope,
			Limits:  policy.Limits{Objects: c.Approval.Objects, Bytes: c.Approval.Bytes, NotAfter: c.Approval.Until},
			Secrecy: silence(c), Set: digest[:], Nonce: policy.NewNonce(), At: d.now(),
		}
		payload, err := a.Encode()
		if err != nil {
			return nil, fmt.Errorf("couldn't draw up the writ: %w", err)
		}
		return []draft{{kind: Drafted, body: Draft{Payload: payload, Digest: sum256(payload)}}}, nil
	})
}

// silence is what the writ says of secrecy: whether the customer's journal
// shows each opening at once.
func silence(c *Case) policy.Silence {
	return policy.Silence{Basis: c.Secrecy.Basis, Until: c.Secrecy.Until, Told: !c.secret(), Why: oneLine(c.Secrecy.Reason, policy.MaxWhy)}
}

// Sign takes a custodian's signature over the draft in force, by a key in a file
// or by a passkey (a [policy.PasskeySignature]). When the quorum is there the writ
// is minted and committed to, in the same transaction. The gate looks at all
// signatures again, by itself.
func (d *Docket) Sign(ctx context.Context, who Actor, id writ.CaseID, s Signature) (*Case, error) {
	s.Person = who.Person
	return d.move(ctx, who, id, func(tx records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if err := c.signable(s.Digest); err != nil {
			return nil, err
		}
		set, ok := d.Gate.Custodians()
		if !ok {
			return nil, refuse(ErrState, "there are no custodians")
		}
		if c.otherSet(set) {
			return nil, refuse(ErrChanged, "the writ was drawn up for other custodians than those of set %d, which is in force: counsel draws it up anew", set.Number)
		}
		member, err := set.Signer(policy.TypeAuthorisation, c.Draft.Payload, policy.Signature{KeyID: s.Key, Sig: s.Sig})
		switch {
		case err != nil:
			return nil, fmt.Errorf("couldn't take the signature: %w", err)
		case member.Person != who.Person:
			return nil, refuse(ErrSeparation, "the key is %s's, and %s is here", member.Person, who.Person)
		}
		s.Key = member.KeyID() // whatever name it came under
		drafts := []draft{{kind: Signed, body: s}}
		e := c.envelope()
		e.Add(policy.Signature{KeyID: s.Key, Sig: s.Sig})
		envelope, err := e.Encode()
		if err != nil {
			return nil, fmt.Errorf("couldn't put the signatures together: %w", err)
		}
		if _, _, err := policy.VerifyAuthorisation(set, envelope, d.now()); err != nil {
			return drafts, nil // not yet
		}
		minted, err := d.mint(ctx, tx, c, envelope)
		if err != nil {
			return nil, err
		}
		return append(drafts, minted), nil
	})
}

// otherSet says whether the draft was drawn up for another set of custodians than
// this one: no quorum can make it a writ any more.
func (c *Case) otherSet(set policy.Set) bool {
	if c.Draft == nil {
		return false
	}
	a, err := policy.ParseAuthorisation(c.Draft.Payload)
	digest := set.Digest()
	return err == nil && !bytes.Equal(a.Set, digest[:])
}

// envelope is the draft with the signatures that are there.
func (c *Case) envelope() policy.Envelope {
	e := policy.NewEnvelope(policy.TypeAuthorisation, c.Draft.Payload)
	for _, s := range c.Signatures {
		e.Add(policy.Signature{KeyID: s.Key, Sig: s.Sig})
	}
	return e
}

// mint commits to a writ whose quorum is there.
func (d *Docket) mint(ctx context.Context, tx records.Tx, c *Case, envelope []byte) (draft, error) {
	commit := policy.CommitWrit(c.ID, [32]byte(c.Draft.Digest))
	err := d.Book.CommitTx(ctx, tx, commit.ID, commit.Kind, struct {
		policy.Committed
		// The authorisation itself goes with its commitment: it is what the
		// customer reads when secrecy lifts.
		Authorisation json.RawMessage `json:"authorisation"`
	}{commit.Body, c.Draft.Payload})
	if err != nil {
		return draft{}, fmt.Errorf("couldn't commit to the writ: %w", err)
	}
	return draft{kind: MintedWrit, body: minting{Envelope: envelope, Digest: c.Draft.Digest, Statement: commit.ID}, self: true}, nil
}

// Decline is a custodian's refusal to sign, with the reason.
func (d *Docket) Decline(ctx context.Context, who Actor, id writ.CaseID, digest []byte, reason string) (*Case, error) {
	if err := note("reason", reason, true); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		return []draft{{kind: Refused, body: refusalBy{Reason: reason, Digest: digest}}}, here(c)
	})
}

// Waive lets a writ be used on a commitment that is durable here and not
// witnessed yet, because the witnesses fail while a statutory clock runs. Two
// persons sign, one of them counsel; the public log carries the mark.
func (d *Docket) Waive(ctx context.Context, who Actor, id writ.CaseID, envelope []byte) (*Case, error) {
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		set, ok := d.Gate.Custodians()
		if !ok || c.Writ == nil {
			return nil, refuse(ErrState, "there is no writ to go on with")
		}
		w, persons, err := policy.VerifyWaiver(set, envelope, c.ID, [32]byte(c.Writ.Digest), d.now())
		if err != nil {
			return nil, fmt.Errorf("couldn't take the waiver: %w", err)
		}
		if !slices.Contains(persons, who.Person) {
			return nil, refuse(ErrSeparation, "%s is not one of the two who signed", who.Person)
		}
		due := false
		for _, clock := range d.ClocksOf(c) {
			due = due || clock.State == law.Running
		}
		if !due {
			return nil, refuse(ErrLaw, "no statutory clock runs: wait for the witnesses")
		}
		return []draft{{kind: Waived, body: waiving{Envelope: envelope, Reason: w.Reason}}}, nil
	})
}
