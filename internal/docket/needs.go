package docket

import (
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/policy"
)

// Need is what is missing in a case, and who must do it.
type Need struct {
	What string    `json:"what"`
	Role writ.Role `json:"role,omitempty"` // "" for the docket itself, or for others outside
	How  string    `json:"how,omitempty"`  // the command that does it
}

// Needs says what a case waits for, in the order in which it is to be done: a
// customer's objections first, though the case does not wait for them.
func (d *Docket) Needs(c *Case) []Need { return append(c.objections(), d.missing(c)...) }

// missing is what a case cannot go on without. Pages are about that.
func (d *Docket) missing(c *Case) (all []Need) {
	now := d.now()
	need := func(role writ.Role, how, format string, args ...any) {
		all = append(all, Need{fmt.Sprintf(format, args...), role, how})
	}
	id := string(c.ID)
	if c.Mark == Historic {
		return nil
	}
	if c.Closing != nil || c.final() != nil {
		return afterNeeds(c, now, need)
	}
	i, _ := d.Law.Instrument(c.Demand.Instrument)
	if i.Order.Need == "required" && c.order() == nil {
		need(writ.RoleIntake, "writ case attach "+id+" --kind order FILE", "attach the order itself")
	}
	if c.Authentication == nil {
		need(writ.RoleIntake, "writ case authenticate "+id, "make sure that the demand is the authority's")
	} else if !c.Authentication.Genuine {
		need(writ.RoleCounsel, "writ case reply "+id, "the demand was found not to be genuine: answer, and close the case")
		return all
	}
	if i.Pin.OnReceipt && c.Demand.has(writ.ClassContent) && len(c.Preservations) == 0 && c.Mark == "" && c.Production == nil {
		need(writ.RoleIntake, "writ case preserve "+id, "preserve what is asked for: %s says from receipt on", i.Pin.Article)
	}
	if c.Subject == nil {
		need(writ.RoleCounsel, "writ case identify "+id, "say whose data it is")
		return all
	}
	if c.Scoping == nil {
		need(writ.RoleCounsel, "writ case scope "+id, "say exactly which data")
		return all
	}
	if c.Secrecy == nil {
		need(writ.RoleCounsel, "writ case secrecy "+id, "say whether the customer is told")
		return all
	}
	if c.Review == nil || c.current(c.Review.Digest, "") != nil {
		need(writ.RoleCounsel, "writ case review "+id, "hold the demand against law")
		return all
	}
	for _, p := range c.Determinations {
		if p.Second == "" && c.current(p.Digest, "") == nil {
			need("", fmt.Sprintf("writ case second %s %d", id, p.Number), "a second person for %s's determination", p.By)
		}
	}
	for _, f := range c.Standing() {
		need(writ.RoleCounsel, "writ case fact "+id+", or writ case determine "+id, "%s (%s): %s", f.Text, f.Article, f.Settle)
	}
	if err := c.toldBefore(now); err != nil && c.Approval == nil {
		need(writ.RoleCounsel, "writ case notify "+id+" --kind before", "%s", err)
	}
	if len(all) > 0 {
		return all
	}
	return d.writNeeds(c, id)
}

// writNeeds is what is missing once law does not stand against it.
func (d *Docket) writNeeds(c *Case, id string) (all []Need) {
	add := func(role writ.Role, how, what string) []Need { return append(all, Need{what, role, how}) }
	switch {
	case c.Approval == nil || c.current(c.Approval.Digest, "") != nil:
		return add(writ.RoleCounsel, "writ case approve "+id, "approve what is produced, and its limits")
	case c.Mark == Drill:
		return add(writ.RoleCounsel, "writ case close "+id, "end the drill")
	case c.Draft == nil:
		return add(writ.RoleCounsel, "writ case draft "+id, "draw the writ up for the custodians")
	case c.Writ == nil && d.drawnForOthers(c):
		return add(writ.RoleCounsel, "writ case draft "+id, "draw the writ up anew: its custodians are not those in force any more")
	case c.Writ == nil:
		return add(writ.RoleCustodian, "writ custodian approve "+id, d.unsigned(c))
	case c.Production == nil:
		return add(writ.RoleProduction, "writ case produce "+id, "open and pack what the writ covers")
	case len(c.Deliveries) == 0:
		return add(writ.RoleProduction, "writ case deliver "+id, "deliver the package")
	case c.Confirmed.IsZero():
		return add(writ.RoleProduction, "writ case confirm "+id, "the authority's word that it has the package")
	}
	return add(writ.RoleCounsel, "writ case close "+id, "close the case")
}

func (d *Docket) drawnForOthers(c *Case) bool {
	set, ok := d.Gate.Custodians()
	return ok && c.otherSet(set)
}

// unsigned says which signatures a draft waits for. Enough that were all made in
// browsers are not enough.
func (d *Docket) unsigned(c *Case) string {
	if set, ok := d.Gate.Custodians(); ok {
		if _, err := set.Quorum(c.envelope()); errors.Is(err, policy.ErrOffline) {
			return fmt.Sprintf("a custodian's signature with a key that is kept off line; %d signed, none with such a key", len(c.signers()))
		}
	}
	return fmt.Sprintf("signatures of custodians; %d are there", len(c.signers()))
}

// afterNeeds is what remains when the authority has its answer.
func afterNeeds(c *Case, now time.Time, need func(writ.Role, string, string, ...any)) (all []Need) {
	id := string(c.ID)
	if c.Closing == nil {
		all = append(all, Need{"close the case", writ.RoleCounsel, "writ case close " + id})
	}
	for _, n := range c.Notices {
		if n.Accepted.IsZero() && n.Trouble != "" {
			all = append(all, Need{"a notice to the customer cannot be delivered: " + n.Trouble, writ.RoleCounsel, "writ notice show " + id})
		}
	}
	if c.secret() && c.Secrecy != nil && !c.Secrecy.Review.IsZero() && !c.Secrecy.Review.After(now) {
		all = append(all, Need{"ask the authority for release from secrecy, or set the next date", writ.RoleCounsel, "writ case secrecy " + id})
	}
	return all
}
