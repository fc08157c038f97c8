package docket

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"writ"
	"writ/internal/letter"
	"writ/internal/records"
	"writ/internal/staff"
)

// Officer is a person of an enrolled authority, or the authority's own machine,
// who files demands in the provider's portal. Who it is was made sure before: by a
// passkey, or by a client certificate that two persons stand behind. An officer is
// nobody of the staff, holds no role, and decides nothing: intake reviews what was
// filed as it does any demand.
type Officer struct {
	Authority writ.AuthorityID
	By        string // "session " or "certificate " and what names it
	Addr      netip.Addr
}

// Filed is what an officer filed, as it was filed: what intake amends later is
// not in it.
type Filed struct {
	Authority writ.AuthorityID
	By        string
	Demand    Demand
}

// Bounds of what one authority files.
const (
	maxFiledADay  = 200 // demands
	maxFiledFiles = 32  // files of one case that officers attached
)

// filedKinds are the documents that an officer attaches.
var filedKinds = []string{"order", "form", "certificate", "correspondence", "other"}

// takeFiling holds what an officer filed to its form: it came by the portal, from
// the very authority whose officer it was. Whatever a person of the staff entered
// was not filed.
func (c *Case) takeFiling(e *Event, b received) error {
	switch f := b.Filed; {
	case e.By != "" && f != nil:
		return refuse(ErrState, "what a person of the staff enters was filed by no officer")
	case e.By != "":
		return nil
	case f == nil || f.Authority == "" || f.By == "":
		return refuse(ErrRole, "%s takes a person", e.Kind)
	case b.Mark != "" || b.Demand.Channel != Portal || b.Demand.Issuer.Authority != f.Authority:
		return refuse(ErrState, "an officer files demands of the officer's own authority, through the portal")
	default:
		c.Filed = &Filed{Authority: f.Authority, By: f.By, Demand: b.Demand}
		return nil
	}
}

// filedBy holds a document that an officer attached to a case that one filed.
func (c *Case) filedBy(e *Event, doc Document) error {
	if doc.Filed && (e.By != "" || c.Filed == nil || !has(filedKinds, doc.Kind)) {
		return refuse(ErrState, "the document was filed by no officer")
	}
	return nil
}

// filing looks an officer's authority up in the directory, each time anew.
func (d *Docket) filing(ctx context.Context, o Officer) (staff.Authority, error) {
	a, err := d.Staff.Authority(ctx, o.Authority)
	if errors.Is(err, staff.ErrNotFound) || err == nil && o.By == "" {
		return a, refuse(ErrRole, "no authority of the directory asks")
	}
	if err == nil && a.Suspended {
		err = refuse(ErrSuspended, "the authority is suspended: ask the provider, over a contact that you know")
	}
	return a, err
}

// officerAct writes into the operator's audit trail what an officer did, or was
// refused. A refusal that can't be written down is the answer itself.
func (d *Docket) officerAct(ctx context.Context, o Officer, act, object string, refusal error) error {
	if err := d.audit(ctx, Actor{Via: o.By, Addr: o.Addr}, act, object, refusal); err != nil {
		return err
	}
	return refusal
}

// Enrolled is the authority of an officer. Errors: [ErrRole], [ErrSuspended].
func (d *Docket) Enrolled(ctx context.Context, o Officer) (staff.Authority, error) {
	return d.filing(ctx, o)
}

// RefusedOfficer writes down that an officer was refused something, and returns
// the refusal.
func (d *Docket) RefusedOfficer(ctx context.Context, o Officer, act string, refusal error) error {
	return d.officerAct(ctx, o, act, string(o.Authority), refusal)
}

// File enters a demand that an officer files: its case begins, received now, from
// the officer's own authority. What the demand says of channel, issuer and receipt
// is not looked at. Errors: [ErrBounds], [ErrSuspended], [ErrVelocity].
func (d *Docket) File(ctx context.Context, o Officer, in Intake) (*Case, error) {
	const act = "file-demand"
	a, err := d.filing(ctx, o)
	if err != nil {
		return nil, d.officerAct(ctx, o, act, string(o.Authority), err)
	}
	in.Drill = false
	in.Demand.Channel, in.Demand.Received = Portal, d.now()
	in.Demand.Issuer = Issuer{Authority: a.ID, Name: a.Name, Country: a.Country, Kind: string(a.Kind)}
	in.Demand.utc()
	if err := d.fileable(&in); err != nil {
		return nil, d.officerAct(ctx, o, act, string(o.Authority), err)
	}
	if d.index.lately(a.ID, d.now().Add(-24*time.Hour)) >= maxFiledADay {
		return nil, d.officerAct(ctx, o, act, string(o.Authority), refuse(ErrVelocity, "%d demands of your authority came within a day, and the portal takes no more: ask the provider", maxFiledADay))
	}
	id := writ.NewCaseID(in.Demand.Received.Year())
	drafts := []draft{{kind: Received, body: received{Demand: in.Demand, Via: "portal", Filed: &filing{a.ID, o.By}}}}
	kept, err := d.keepFiled(ctx, id, in.Documents, &drafts)
	if err != nil {
		return nil, err
	}
	if err := d.officerAct(ctx, o, act, string(id), nil); err != nil {
		d.dropAll(ctx, kept)
		return nil, err
	}
	c, err := d.self(ctx, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if c.Events > 0 {
			return nil, refuse(ErrState, "a case of this id is there already: file the demand again")
		}
		return drafts, nil
	})
	if err != nil {
		d.dropAll(ctx, kept)
	}
	return c, err
}

// fileable says whether a demand may be filed.
func (d *Docket) fileable(in *Intake) error {
	if err := in.Demand.check(d.now()); err != nil {
		return err
	}
	if len(in.Documents) > maxFiledFiles {
		return refuse(ErrBounds, "%d files come with it, more than %d", len(in.Documents), maxFiledFiles)
	}
	for _, doc := range in.Documents {
		if !has(filedKinds, doc.Kind) {
			return refuse(ErrBounds, "%q is no kind of document that is filed", doc.Kind)
		}
	}
	switch i, known := d.Law.Instrument(in.Demand.Instrument); {
	case !known || !i.Enabled:
		return refuse(ErrBounds, "the instrument %q is not one that is taken here", in.Demand.Instrument)
	case len(in.Demand.Identifiers) == 0:
		return refuse(ErrBounds, "the demand names nothing by which data could be found")
	}
	return nil
}

// keepFiled keeps an officer's files, and adds the events that name them.
func (d *Docket) keepFiled(ctx context.Context, id writ.CaseID, files []DocumentInput, drafts *[]draft) (kept []DocumentID, err error) {
	for _, f := range files {
		doc, err := f.describe()
		if err == nil {
			doc.Filed = true
			err = d.keep(ctx, id, doc, f.Body)
		}
		if err != nil {
			d.dropAll(ctx, kept)
			return nil, err
		}
		kept = append(kept, doc.ID)
		*drafts = append(*drafts, draft{kind: Attached, body: doc})
	}
	return kept, nil
}

// FiledCase is a case that an officer's authority filed. Of all others, and of
// those that are not there, the answer is one: [ErrNoCase].
func (d *Docket) FiledCase(ctx context.Context, o Officer, id writ.CaseID) (*Case, error) {
	if _, err := d.filing(ctx, o); err != nil {
		return nil, d.officerAct(ctx, o, "view-filed", string(id), err)
	}
	// By the index, before anything of a case is read: of another's case not even
	// the time of the answer may tell.
	if !d.index.filed(id, o.Authority) {
		return nil, d.officerAct(ctx, o, "view-filed", string(id), refuse(ErrNoCase, "you filed no demand with the number %s", id))
	}
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Filed == nil || c.Filed.Authority != o.Authority {
		return nil, refuse(ErrNoCase, "you filed no demand with the number %s", id)
	}
	return c, nil
}

// filed says whether an authority's officer filed a case.
func (x *index) filed(id writ.CaseID, a writ.AuthorityID) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.cases[id]
	return s != nil && a != "" && s.Filed == a
}

// FiledCases are the cases that an officer's authority filed, the newest first,
// and whether more follow.
func (d *Docket) FiledCases(ctx context.Context, o Officer, after writ.CaseID, limit int) (all []*Case, more bool, err error) {
	if _, err := d.filing(ctx, o); err != nil {
		return nil, false, d.officerAct(ctx, o, "list-filed", string(o.Authority), err)
	}
	if after != "" && !d.index.filed(after, o.Authority) {
		return nil, false, refuse(ErrNoCase, "you filed no demand with the number %s", after)
	}
	rows, more := d.List(Filter{Filed: o.Authority, Newest: true, After: after, Limit: limit})
	for _, r := range rows {
		c, err := d.Case(ctx, r.Case)
		if errors.Is(err, ErrNoCase) { // erased meanwhile
			continue
		}
		if err != nil {
			return nil, false, err
		}
		all = append(all, c)
	}
	return all, more, nil
}

// AttachFiled adds an officer's file to a case that the same authority filed. Once
// intake has taken the demand up, what comes is correspondence: a decision is not
// to be made stale from outside. Errors: [ErrNoCase], [ErrState], [ErrBounds].
func (d *Docket) AttachFiled(ctx context.Context, o Officer, id writ.CaseID, in DocumentInput) (doc Document, err error) {
	const act = "attach-filed"
	c, err := d.FiledCase(ctx, o, id)
	if err != nil {
		return doc, err
	}
	if !has(filedKinds, in.Kind) {
		return doc, d.officerAct(ctx, o, act, string(id), refuse(ErrBounds, "%q is no kind of document that is filed", in.Kind))
	}
	if err := c.takesFiled(in.Kind); err != nil {
		return doc, d.officerAct(ctx, o, act, string(id), err)
	}
	var drafts []draft
	kept, err := d.keepFiled(ctx, id, []DocumentInput{in}, &drafts)
	if err != nil {
		return doc, err
	}
	if err := d.officerAct(ctx, o, act, string(id)+"/"+kept[0].String(), nil); err != nil {
		d.dropAll(ctx, kept)
		return doc, err
	}
	c, err = d.self(ctx, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		return drafts, c.takesFiled(in.Kind)
	})
	if err != nil {
		d.dropAll(ctx, kept)
		return doc, d.officerAct(ctx, o, act, string(id), err)
	}
	return c.Documents[len(c.Documents)-1], nil
}

// takesFiled says whether a case takes another file from an officer.
func (c *Case) takesFiled(kind string) error {
	n := 0
	for _, doc := range c.Documents {
		if doc.Filed {
			n++
		}
	}
	switch {
	case c.Closing != nil:
		return refuse(ErrState, "the case is closed: file another demand, and name this one in it")
	case n >= maxFiledFiles:
		return refuse(ErrState, "the case has %d files of yours, and takes no more: ask the provider", n)
	case (kind == "order" || kind == "form") && c.Authentication != nil:
		return refuse(ErrState, "the demand is being worked on: send this as correspondence, and say that the order or form changed")
	}
	return nil
}

// ForOfficer are the documents of a case that its authority may read: those that
// its officers filed, and letters that were written to it.
func (c *Case) ForOfficer() (all []Document) {
	for _, doc := range c.Documents {
		if doc.Filed || doc.toAuthority() {
			all = append(all, doc)
		}
	}
	return all
}

// toAuthority says whether a document is a letter to the authority.
func (d Document) toAuthority() bool {
	if d.Kind != "letter" {
		return false
	}
	kind, ok := letter.KindOf(d.Name)
	return ok && slices.Contains(letter.ToAuthorities(), kind)
}

// ViewFiled opens such a document for an officer. Who looked at which is in the
// operator's audit trail first.
func (d *Docket) ViewFiled(ctx context.Context, o Officer, id writ.CaseID, document DocumentID) (Document, []byte, error) {
	c, err := d.FiledCase(ctx, o, id)
	if err != nil {
		return Document{}, nil, err
	}
	for _, doc := range c.ForOfficer() {
		if doc.ID != document {
			continue
		}
		if err := d.officerAct(ctx, o, "view-filed", string(id)+"/"+document.String(), nil); err != nil {
			return doc, nil, err
		}
		body, err := d.open(ctx, id, doc)
		return doc, body, err
	}
	return Document{}, nil, d.officerAct(ctx, o, "view-filed", string(id)+"/"+document.String(), refuse(ErrNoDocument, "the demand %s has no such document for you", id))
}

// filedInPortal refuses the portal as a means of authentication where the demand
// did not come through it, or whose authority is suspended since.
func (d *Docket) filedInPortal(ctx context.Context, c *Case) error {
	if c.Filed == nil || c.Demand.Issuer.Authority != c.Filed.Authority {
		return refuse(ErrState, "the demand was filed by no officer of this authority in the portal: call it back, or use another means")
	}
	_, err := d.filing(ctx, Officer{Authority: c.Filed.Authority, By: c.Filed.By})
	return err
}
