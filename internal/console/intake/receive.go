package intake

import (
	"encoding/base64"
	"io"
	"mime/multipart"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
)

// fileKinds are what comes with a demand, by the names of the form's fields.
var fileKinds = []string{"form", "order", "correspondence", "certificate", "other"}

// withDemand is how many bytes of files go with a demand in one request; larger
// ones are attached after it.
const withDemand = 8 << 20

// receive enters a demand, or searches the directory for who asks.
func (r Rooms) receive(v *page.Visit) error {
	d, err := r.form(v)
	if err != nil {
		return err
	}
	in, err := r.read(v)
	if err != nil {
		return err
	}
	again := func(problem error) error {
		if err := r.found(v, d, in.text("find", 256), in.text("authority", 64)); err != nil {
			return err
		}
		for _, kind := range fileKinds {
			if chosen, err := v.Uploads(kind); err == nil && len(chosen) > 0 {
				d.Again = true
			}
		}
		previewed(v)
		if problem == nil {
			return v.Render("demand", d)
		}
		return v.Again("demand", d, problem)
	}
	if in.form.Get("do") == "find" {
		return again(nil)
	}
	demand, err := r.demandOf(v, d, in)
	if err != nil {
		return again(err)
	}
	now, later, err := filesOf(v)
	if err != nil {
		return again(err)
	}
	c, err := r.Desk.Receive(v.Context(), api.DemandInput{Demand: demand, Drill: in.form.Get("drill") == "yes", Files: now})
	if err != nil {
		if _, known := refused(err); !known {
			return err
		}
		return again(err)
	}
	lost := 0
	for _, f := range later {
		if _, err := r.Desk.Attach(v.Context(), string(c.Case), f.kind, f.name, "", "", f.body); err != nil {
			lost++
		}
	}
	path := "/intake/received/" + string(c.Case)
	if lost > 0 {
		return v.See(path+"?lost="+strconv.Itoa(lost), "intake-received")
	}
	return v.See(path, "intake-received")
}

// demandOf is the demand that the form says.
func (r Rooms) demandOf(v *page.Visit, d *demandPage, in *reading) (docket.Demand, error) {
	zone := in.zoned("zone")
	m := docket.Demand{
		Instrument: d.Instrument.ID, Reference: in.text("reference", 512), Channel: docket.Channel(in.text("channel", 64)),
		Received: in.moment("received", zone), Signed: in.day("signed"), Matter: in.text("matter", 64), Offence: in.text("offence", 512),
		Emergency: in.form.Get("emergency") == "yes", Identifiers: in.lines("identifiers", 256*514), Accounts: int(min(in.number("accounts"), 1_000_001)),
		From: in.span("from", false), Until: in.span("until", true),
		Secrecy: writ.Secrecy(in.text("secrecy", 64)), SecrecyUntil: in.last("secrecy_until"), Harms: in.several("harms"),
		Deadline: in.moment("deadline", in.zone), Articles: in.lines("articles", 16*514), Remedy: in.text("remedy", 16<<10),
		Language: in.text("language", 64), Note: in.text("note", 16<<10),
		Issuer: docket.Issuer{Authority: writ.AuthorityID(in.text("authority", 64)), Name: in.text("issuer", 512), Country: strings.ToUpper(in.text("country", 16)), Kind: in.text("kind", 512)},
	}
	for _, c := range in.several("classes") {
		m.Classes = append(m.Classes, writ.DataClass(c))
	}
	if d.Instrument.Emergency.Voluntary {
		m.Emergency = true // it is nothing else
	}
	if m.Accounts == 0 {
		m.Accounts = len(m.Identifiers)
	}
	if name := in.text("validator", 512); name != "" {
		m.Validator = &docket.Issuer{Name: name, Country: strings.ToUpper(in.text("validator_country", 16)), Kind: in.text("validator_kind", 512)}
	}
	if in.err != nil {
		return m, in.err
	}
	if m.Issuer.Authority == "" {
		return m, nil
	}
	if !authorityID(string(m.Issuer.Authority)) {
		return m, bad("the authority is no entry of the directory: search for it again")
	}
	var a api.Authority
	if err := r.Desk.Do(v.Context(), "GET", api.Below("authorities", string(m.Issuer.Authority)), nil, &a); err != nil {
		return m, err
	}
	// What the order says of itself goes before what the directory says.
	if m.Issuer.Name == "" {
		m.Issuer.Name = a.Name
	}
	if m.Issuer.Country == "" {
		m.Issuer.Country = a.Country
	}
	if m.Issuer.Kind == "" {
		m.Issuer.Kind = string(a.Kind)
	}
	return m, nil
}

// span is an end of the time that is asked for: a day, with an hour if the order
// names one. The last day is in it, so it ends where the next begins.
func (r *reading) span(name string, end bool) time.Time {
	day, clock := r.text(name, 40), r.text(name+"_time", 16)
	switch {
	case day == "" && clock != "":
		r.fail("%s has an hour and no day", name)
		return time.Time{}
	case day == "":
		return time.Time{}
	case clock != "":
		t, err := localTime(day+"T"+clock, r.zone)
		if err != nil {
			r.fail("%s: %s", name, err)
		}
		return t
	case end:
		return r.last(name)
	}
	return r.day(name)
}

// last is the end of a day: the moment at which the next begins.
func (r *reading) last(name string) time.Time {
	t := r.day(name)
	if t.IsZero() {
		return t
	}
	return t.AddDate(0, 0, 1)
}

// upload is a file that was chosen.
type upload struct {
	kind, name string
	body       []byte
}

// filesOf are the files that came with the form: those that go with the demand,
// and those that are attached after it. One that no case takes is refused before
// a case begins without it.
func filesOf(v *page.Visit) (now []api.File, later []upload, err error) {
	room := withDemand
	for _, kind := range fileKinds {
		chosen, err := v.Uploads(kind)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range chosen {
			if f.Size > docket.MaxDocument {
				return nil, nil, bad("%s has more than %d bytes: no case takes it, and none was begun; split it", f.Filename, docket.MaxDocument)
			}
			body, err := readUpload(f)
			if err != nil {
				return nil, nil, err
			}
			if len(body) == 0 {
				return nil, nil, bad("%s is empty", f.Filename)
			}
			if len(body) > room {
				later = append(later, upload{kind, f.Filename, body})
				continue
			}
			room -= len(body)
			now = append(now, api.File{Kind: kind, Name: f.Filename, Body: base64.StdEncoding.EncodeToString(body)})
		}
	}
	if len(now)+len(later) > 32 {
		return nil, nil, bad("%d files are more than come with a demand: enter it with 32, and attach the others to its case", len(now)+len(later))
	}
	return now, later, nil
}

func readUpload(f *multipart.FileHeader) ([]byte, error) {
	from, err := f.Open()
	if err != nil {
		return nil, bad("%s did not arrive whole: choose it again", f.Filename)
	}
	defer from.Close()
	body, err := io.ReadAll(from)
	if err != nil {
		return nil, bad("%s did not arrive whole: choose it again", f.Filename)
	}
	return body, nil
}

// receivedPage is what is said once a case has begun.
type receivedPage struct {
	look
	Case      api.Case
	Lost      string
	Alike     []api.Alike
	Looks     []api.Lookalike
	Entry     *api.Authority // in the directory, if the demand names one
	Otherwise bool           // the demand calls it something else than the directory does
	NoOrder   bool
}

// received shows the case that has begun, and what to be wary of.
func (r Rooms) received(v *page.Visit) error {
	c, _, err := r.caseAt(v)
	if err != nil {
		return err
	}
	p := receivedPage{Case: c, Alike: c.Alike, NoOrder: true}
	if n, err := strconv.Atoi(v.Query("lost")); err == nil && n > 0 {
		p.Lost = strconv.Itoa(min(n, 99))
	}
	for _, d := range c.Documents {
		if d.Kind == "order" || d.Kind == "form" {
			p.NoOrder = false
		}
	}
	issuer := c.Demand.Issuer
	if issuer.Authority != "" {
		var a api.Authority
		if err := r.Desk.Do(v.Context(), "GET", api.Below("authorities", string(issuer.Authority)), nil, &a); err == nil {
			p.Entry, p.Otherwise = &a, a.Name != issuer.Name || a.Country != issuer.Country || string(a.Kind) != issuer.Kind
		} else if _, known := refused(err); !known {
			return err
		}
	}
	// A name that the directory could not have at all looks like none of its own.
	err = r.Desk.Do(v.Context(), "GET", api.Asked("authorities/alike", "name", issuer.Name, "country", issuer.Country), nil, &p.Looks)
	if _, known := refused(err); err != nil && !known {
		return err
	}
	if p.Entry != nil {
		own := p.Looks[:0]
		for _, l := range p.Looks {
			if l.Other != p.Entry.ID {
				own = append(own, l)
			}
		}
		p.Looks = own
	}
	return v.Render("received", p)
}
