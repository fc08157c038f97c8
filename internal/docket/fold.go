package docket

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
)

// apply moves a case on by one event, or says why the event is not lawful
// there. A case that was read from the records passes the same way as one that
// is being moved: what could not have happened is refused as damaged.
func (c *Case) apply(e *Event, hash [32]byte) error {
	if err := c.allow(e); err != nil {
		return err
	}
	if err := c.take(e); err != nil {
		return err
	}
	c.Events, c.Head, c.Touched = e.Seq, hash, e.At
	if e.By != "" {
		c.handled = e.At
	}
	if slices.Contains(caseRoles, e.As) {
		if c.acted == nil {
			c.acted = map[writ.Person]writ.Role{}
		}
		c.acted[e.By] = e.As
		if e.For != "" {
			c.acted[e.For] = e.As
		}
	}
	return nil
}

// body decodes an event's body strictly.
func body[T any](e *Event) (v T, err error) {
	if len(e.Body) == 0 {
		return v, fmt.Errorf("%w: event %d has no body", ErrDamaged, e.Seq)
	}
	if err := strict(e.Body, &v); err != nil {
		return v, fmt.Errorf("%w: the body of event %d cannot be read", ErrDamaged, e.Seq)
	}
	return v, nil
}

// with decodes the body and hands it on.
func with[T any](e *Event, fn func(T) error) error {
	v, err := body[T](e)
	if err != nil {
		return err
	}
	return fn(v)
}

func (c *Case) take(e *Event) error {
	switch e.Kind {
	case Received:
		return with(e, func(b received) error {
			if err := c.takeFiling(e, b); err != nil {
				return err
			}
			c.ID, c.Began, c.Demand, c.Mark = e.Case, e.At, b.Demand, b.Mark
			if b.Mark != "" && b.Mark != Drill {
				return refuse(ErrState, "%q is no mark of a case that comes in", b.Mark)
			}
			return nil
		})
	case Imported:
		return with(e, func(b importedCase) error {
			c.ID, c.Began, c.Demand, c.Mark, c.Historic = e.Case, e.At, b.Demand, Historic, &b.Historic
			return nil
		})
	case Amended:
		return with(e, func(b amendment) error { c.Demand = b.Demand; return c.unminted("the demand") })
	case Attached:
		return with(e, func(b Document) error { b.At = e.At; c.Documents = append(c.Documents, b); return c.filedBy(e, b) })
	case Authenticated:
		return with(e, func(b Authentication) error { c.Authentication = &b; return nil })
	case Identified:
		return with(e, func(b Subject) error { c.Subject = &b; return c.unminted("whose data it is") })
	case Scoped:
		return with(e, func(b Scoping) error { c.Scoping = &b; return c.unminted("the scope") })
	case Answered:
		return with(e, c.takeFacts)
	case Reviewed:
		return with(e, func(b Review) error { b.At = e.At; c.Review = &b; return c.current(b.Digest, "the review") })
	case Proposed, Seconded:
		return c.takeDetermination(e)
	case SecrecyBased, SecrecyLifted, Revealed, NoticeQueued, NoticeDone:
		return c.takeNotice(e)
	case Preserved, Lifted:
		return c.takePreservation(e)
	case ClockMoved:
		return with(e, func(b ClockEvent) error { c.Clocks = append(c.Clocks, b); return nil })
	case Replied:
		return with(e, func(b Reply) error { b.At = e.At; return c.takeReply(b) })
	case Approved, Drafted, Signed, Refused, MintedWrit, Waived:
		return c.takeWrit(e)
	case Opened, ExportAdded, Produced, Delivered, Fetched, Confirmed:
		return c.takeProduction(e)
	case CustomerObjected, Considered:
		return c.takeObjection(e)
	case Paged:
		return with(e, func(b paging) error { b.At = e.At; c.Pages = append(c.Pages, b); return nil })
	case Closed:
		return with(e, func(b Closing) error { b.At = e.At; c.Closing = &b; return nil })
	case Erased:
		return with(e, func(b erasure) error { c.Erasures = append(c.Erasures, b); return nil })
	}
	return fmt.Errorf("%w: event %d is of the unknown kind %q", ErrDamaged, e.Seq, e.Kind)
}

// unminted refuses to change what a writ was signed for.
func (c *Case) unminted(what string) error {
	if c.Writ != nil {
		return refuse(ErrState, "a writ is in force: %s cannot change any more; close the case, and open another if need be", what)
	}
	return nil
}

// current refuses what was decided on another state of the case.
func (c *Case) current(digest []byte, what string) error {
	if !slices.Equal(digest, c.decided()) {
		return refuse(ErrChanged, "%s was made on what the case held before: look at it again", what)
	}
	return nil
}

func (c *Case) takeFacts(b factsGiven) error {
	facts := make(map[string]string, len(c.Facts)+len(b.Facts))
	for k, v := range c.Facts {
		facts[k] = v
	}
	for k, v := range b.Facts {
		switch v {
		case "yes", "no":
			facts[k] = v
		case "unknown":
			delete(facts, k)
		default:
			return refuse(ErrBounds, "%q is no answer; it is yes, no or unknown", v)
		}
	}
	c.Facts = facts
	return c.unminted("a fact")
}

func (c *Case) takeDetermination(e *Event) error {
	if e.Kind == Proposed {
		return with(e, func(b Proposal) error {
			if c.Review == nil || !slices.Equal(b.Digest, c.Review.Digest) {
				return refuse(ErrChanged, "a determination is on the findings of the newest review")
			}
			b.Number, b.By, b.For, b.As, b.At = int(e.Seq), e.By, e.For, e.As, e.At
			c.Determinations = append(c.Determinations, b)
			return nil
		})
	}
	return with(e, func(b second) error {
		for i := range c.Determinations {
			p := &c.Determinations[i]
			if p.Number != b.Proposal {
				continue
			}
			switch {
			case p.Second != "":
				return refuse(ErrState, "the determination has its two persons already")
			case same(p.By, p.For, e.By, e.For):
				return refuse(ErrSeparation, "%s has proposed this determination: the second person must be another, and not a deputy of the first", p.By)
			case p.As != writ.RoleCounsel && e.As != writ.RoleCounsel:
				return refuse(ErrRole, "one of the two must be counsel")
			}
			p.Second, p.Seconded = e.By, e.At
			return nil
		}
		return refuse(ErrState, "there is no proposal %d", b.Proposal)
	})
}

func (c *Case) takeNotice(e *Event) error {
	switch e.Kind {
	case SecrecyBased:
		return with(e, func(b SecrecySet) error {
			if !c.SecrecyLifted.IsZero() {
				return refuse(ErrState, "secrecy was lifted on %s, and the customer knows", c.SecrecyLifted.Format(time.RFC3339))
			}
			c.Secrecy = &b
			return nil
		})
	case SecrecyLifted:
		return with(e, func(b secrecyLifting) error {
			if !c.SecrecyLifted.IsZero() {
				return refuse(ErrState, "secrecy was lifted already")
			}
			c.SecrecyLifted, c.liftedWhy = e.At, b.Why
			return nil
		})
	case Revealed:
		if c.secret() {
			return refuse(ErrState, "the customer must not know of the case yet")
		}
		c.Revealed = true
		return nil
	case NoticeQueued:
		return with(e, func(b noticeQueued) error {
			if c.secret() {
				return refuse(ErrState, "the customer must not know of the case yet: the basis of secrecy is %s", c.basis())
			}
			for _, n := range c.Notices {
				if n.ID == b.ID {
					return refuse(ErrState, "this notice is on its way already")
				}
			}
			c.Notices = append(c.Notices, Notice{ID: b.ID, Kind: b.Kind, Queued: e.At, Due: b.Due})
			return nil
		})
	}
	return with(e, func(b noticeDone) error {
		for i := range c.Notices {
			if n := &c.Notices[i]; n.ID == b.ID {
				n.Trouble = b.Why
				if b.Accepted {
					n.Accepted = e.At
				}
				return nil
			}
		}
		return refuse(ErrState, "no notice of that name was queued")
	})
}

func (c *Case) basis() string {
	if c.Secrecy == nil {
		return "not decided yet"
	}
	return string(c.Secrecy.Basis)
}

func (c *Case) takePreservation(e *Event) error {
	if e.Kind == Preserved {
		return with(e, func(b Preservation) error {
			if c.preservedSince.IsZero() {
				c.preservedSince = e.At
			}
			for i := range c.Preservations {
				if c.Preservations[i].ID == b.ID { // extended
					c.Preservations[i] = b
					return nil
				}
			}
			c.Preservations = append(c.Preservations, b)
			return nil
		})
	}
	return with(e, func(b lifting) error {
		before := len(c.Preservations)
		c.Preservations = slices.DeleteFunc(c.Preservations, func(p Preservation) bool { return p.ID == b.ID })
		if len(c.Preservations) == before {
			return refuse(ErrState, "no such preservation is in force")
		}
		c.preservedUntil = e.At
		return nil
	})
}

func (c *Case) takeReply(b Reply) error {
	switch {
	case c.final() != nil:
		return refuse(ErrState, "the authority has its final answer: %s", c.final().Answer)
	case b.Final && c.Production != nil:
		return refuse(ErrState, "data were produced already")
	}
	c.Replies = append(c.Replies, b)
	return nil
}

func (c *Case) takeWrit(e *Event) error {
	switch e.Kind {
	case Approved:
		return with(e, func(b Approval) error {
			b.By, b.At = e.By, e.At
			if err := c.approvable(); err != nil {
				return err
			}
			if err := c.toldBefore(e.At); err != nil {
				return err
			}
			if c.Production != nil {
				return refuse(ErrState, "the package is there already")
			}
			// An approval begins anew what follows from it: a writ that ran out, or
			// whose limits were too narrow, is replaced by another of its own quorum.
			c.Approval, c.Draft, c.Signatures, c.Refusals, c.Writ, c.Waiver, c.Opening = &b, nil, nil, nil, nil, nil, nil
			return c.current(b.Digest, "the approval")
		})
	case Drafted:
		return with(e, func(b Draft) error {
			if c.Approval == nil {
				return refuse(ErrState, "nothing is approved")
			}
			if c.Writ != nil {
				return refuse(ErrState, "the case has its writ")
			}
			c.Draft, c.Signatures, c.Refusals = &b, nil, nil
			return c.current(c.Approval.Digest, "the approval")
		})
	case Signed:
		return with(e, func(b Signature) error {
			if err := c.signable(b.Digest); err != nil {
				return err
			}
			if b.Person != e.By {
				return refuse(ErrSeparation, "%s cannot sign for %s", e.By, b.Person)
			}
			// With another of their keys a person may sign again, and still counts
			// once: who signed in a browser may be the one who must sign off line.
			if slices.ContainsFunc(c.Signatures, func(s Signature) bool { return s.Person == b.Person && s.Key == b.Key }) {
				return refuse(ErrState, "%s has signed already", b.Person)
			}
			b.At = e.At
			c.Signatures = append(c.Signatures, b)
			return nil
		})
	case Refused:
		return with(e, func(b refusalBy) error {
			if err := c.signable(b.Digest); err != nil {
				return err
			}
			c.Refusals = append(c.Refusals, Decline{e.By, e.At, b.Reason, b.Digest})
			return nil
		})
	case MintedWrit:
		return with(e, func(b minting) error {
			if err := c.signable(b.Digest); err != nil {
				return err
			}
			if err := c.approvable(); err != nil {
				return err
			}
			m := Minted{At: e.At, Envelope: b.Envelope, Digest: b.Digest, Statement: b.Statement}
			if err := json.Unmarshal(c.Draft.Payload, &m.Authority); err != nil {
				return fmt.Errorf("%w: the authorisation cannot be read", ErrDamaged)
			}
			c.Writ = &m
			return c.current(c.Approval.Digest, "the approval")
		})
	}
	return with(e, func(b waiving) error {
		if c.Writ == nil {
			return refuse(ErrState, "there is no writ to go on with")
		}
		c.Waiver = b.Envelope
		return nil
	})
}

// signable says whether a signature over that digest is one over the draft in
// force.
func (c *Case) signable(digest []byte) error {
	switch {
	case c.Draft == nil:
		return refuse(ErrState, "nothing waits for custodians")
	case c.Writ != nil:
		return refuse(ErrState, "the writ has its quorum")
	case !slices.Equal(digest, c.Draft.Digest):
		return refuse(ErrChanged, "what was signed is not what waits for custodians: fetch it again")
	}
	return c.current(c.Approval.Digest, "the approval")
}

// approvable says whether anything may be produced in the case at all: it is
// the third invariant's part that lies in the docket.
func (c *Case) approvable() error {
	switch {
	case c.final() != nil:
		return refuse(ErrState, "the authority was answered: %s", c.final().Answer)
	case c.Authentication == nil || !c.Authentication.Genuine:
		return refuse(ErrState, "nobody has made sure that the demand is the authority's")
	case c.Subject == nil:
		return refuse(ErrState, "nobody has said whose data it is")
	case c.Scoping == nil:
		return refuse(ErrState, "nobody has said which data")
	case c.Secrecy == nil:
		return refuse(ErrState, "nobody has said whether the customer is told")
	case c.Review == nil:
		return refuse(ErrLaw, "the demand was not reviewed")
	}
	if err := c.current(c.Review.Digest, "the review"); err != nil {
		return err
	}
	if standing := c.Standing(); len(standing) > 0 {
		return refuse(ErrLaw, "law stands against it, in %d of its findings: %s (%s)",
			len(standing), strings.TrimSuffix(standing[0].Text, "."), standing[0].Article)
	}
	return nil
}

// toldBefore says whether a customer who is to be told before anything is
// produced has been, and has had its time to object.
func (c *Case) toldBefore(at time.Time) error {
	if c.Secrecy.Basis != writ.TellBefore || c.Mark != "" {
		return nil
	}
	for _, n := range c.Notices {
		if n.Kind != noticeBefore {
			continue
		}
		from := n.Accepted
		if from.IsZero() && n.Trouble != "" { // counsel knows of it; the time runs from when it was tried
			from = n.Queued
		}
		switch end := from.Add(c.Secrecy.Window); {
		case from.IsZero():
			return refuse(ErrState, "the notice to the customer has not been accepted yet")
		case at.Before(end):
			return refuse(ErrState, "the customer has until %s to object", end.Format(time.RFC3339))
		}
		return nil
	}
	return refuse(ErrState, "the customer is to be told before anything is produced: writ case notify %s --kind before", c.ID)
}

func (c *Case) takeProduction(e *Event) error {
	switch e.Kind {
	case Opened:
		return with(e, func(b Opening) error {
			if c.Writ == nil {
				return refuse(ErrState, "there is no writ")
			}
			b.At = e.At
			c.Opening = &b
			return nil
		})
	case ExportAdded:
		return with(e, func(b Export) error {
			b.By, b.At = e.By, e.At
			c.Exports = append(c.Exports, b)
			return c.unminted("what is attached of other systems")
		})
	case Produced:
		return with(e, func(b Production) error {
			if c.Opening == nil {
				return refuse(ErrState, "nothing was opened")
			}
			b.At = e.At
			c.Production = &b
			return nil
		})
	case Delivered:
		return with(e, func(b Delivery) error {
			if c.Production == nil {
				return refuse(ErrState, "there is no package to deliver")
			}
			b.Number, b.At = len(c.Deliveries)+1, e.At
			c.Deliveries = append(c.Deliveries, b)
			return nil
		})
	case Fetched:
		return with(e, func(b fetch) error {
			if b.Delivery < 1 || b.Delivery > len(c.Deliveries) {
				return refuse(ErrState, "there is no delivery %d", b.Delivery)
			}
			d := &c.Deliveries[b.Delivery-1]
			return d.fetch(b, c.Production, e.At)
		})
	}
	return with(e, func(confirmation) error {
		if len(c.Deliveries) == 0 {
			return refuse(ErrState, "nothing was delivered")
		}
		c.Confirmed = e.At
		return nil
	})
}

// maxRequests bounds how many requests one permitted fetch may be cut into.
const maxRequests = 200

// fetch counts what was asked for of a volume: as many times its bytes as the
// delivery allows, in however many pieces, until its time is over.
func (d *Delivery) fetch(b fetch, p *Production, at time.Time) error {
	var size int64 = -1
	for _, v := range p.Volumes {
		if v.Name == b.Volume {
			size = v.Size
		}
	}
	switch {
	case size < 0 || b.Bytes < 0 || b.Bytes > size:
		return refuse(ErrState, "the package has no such stretch")
	case !at.Before(d.Until), d.served[b.Volume]+b.Bytes > int64(d.Times)*size, d.Fetched >= d.Times*maxRequests*len(p.Volumes):
		return refuse(ErrState, "the delivery was fetched as often, or until when, it may be")
	}
	served := make(map[string]int64, len(d.served)+1)
	for name, n := range d.served {
		served[name] = n
	}
	served[b.Volume] += b.Bytes
	d.served = served
	d.Fetched++
	return nil
}
