package intake

import (
	"slices"
	"strings"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/law"
)

// region is the instruments of one law.
type region struct {
	ID          string
	Instruments []choice
}

// choice is an instrument as the list shows it.
type choice struct {
	law.Instrument
	Does string // what it asks for: produce, preserve, voluntary
}

// regions in the order of the list; an instrument is of the one whose name its id
// begins with, and of the last if of none.
var regions = []string{"eu", "de", "us", "uk", "other"}

func regionOf(id writ.Instrument) string {
	head, _, dotted := strings.Cut(string(id), ".")
	if dotted && slices.Contains(regions, head) {
		return head
	}
	return "other"
}

// preserving are the instruments that disclose nothing.
var preserving = []writ.Instrument{"eu.epoc-pr", "us.preservation"}

func doesOf(i *law.Instrument) string {
	switch {
	case slices.Contains(preserving, i.ID):
		return "preserve"
	case i.Emergency.Voluntary:
		return "voluntary"
	}
	return "produce"
}

// byRegion groups instruments; a region without any is left out.
func byRegion(all []law.Instrument) (out []region) {
	for _, id := range regions {
		one := region{ID: id}
		for _, does := range []string{"produce", "preserve", "voluntary"} {
			for i := range all {
				if regionOf(all[i].ID) == id && doesOf(&all[i]) == does {
					one.Instruments = append(one.Instruments, choice{all[i], does})
				}
			}
		}
		if len(one.Instruments) > 0 {
			out = append(out, one)
		}
	}
	return out
}

// instruments shows what kinds of demands there are.
func (r Rooms) instruments(v *page.Visit) error {
	var state api.LawState
	if err := r.Desk.Do(v.Context(), "GET", "law", nil, &state); err != nil {
		return err
	}
	return v.Render("instruments", struct {
		look
		Regions []region
	}{Regions: byRegion(state.Instruments)})
}

// section is a part of the form, with the fields that stand in it.
type section struct {
	ID     string
	Fields []string
}

// demandPage is the form of one instrument.
type demandPage struct {
	look
	Instrument law.Instrument
	Family     string
	Does       string
	Sections   []section
	More       []string // fields that the instrument rarely has
	Reached    []writ.DataClass
	Others     []writ.DataClass // which it doesn't reach
	Kinds      []string         // who may issue it
	OtherKinds []string
	Bases      []writ.Secrecy
	Harms      []law.Harm
	Found      []api.Authority
	Searched   bool
	Picked     api.Authority // the entry that was chosen before
	Zone       string
	Zones      []string
	Again      bool // files that were chosen are gone
	words      *page.Words
}

// Label is what a field is called for this instrument.
func (d *demandPage) Label(field string) string { return d.own("intake.label", field) }

// Legend is what a section is called.
func (d *demandPage) Legend(id string) string { return d.own("intake.section", id) }

// Hint is what is said below a field or section; empty if nothing.
func (d *demandPage) Hint(id string) string {
	for _, family := range []string{"intake.hint-" + d.Family, "intake.hint"} {
		if d.words.Knows(family, id) {
			return d.words.Of(family, id)
		}
	}
	return ""
}

func (d *demandPage) own(family, id string) string {
	if d.words.Knows(family+"-"+d.Family, id) {
		return d.words.Of(family+"-"+d.Family, id)
	}
	return d.words.Of(family, id)
}

// Usual says whether the instrument is for such matters.
func (d *demandPage) Usual(matter string) bool { return slices.Contains(d.Instrument.Matters, matter) }

// Channel is the usual one.
func (d *demandPage) Channel() docket.Channel {
	if d.Family == "eu" {
		return docket.NationalSystem
	}
	return ""
}

// sectionsOf lays the form out. The orders of Regulation (EU) 2023/1543 have the
// order of the certificate's sections.
func sectionsOf(i *law.Instrument) (out []section, more []string) {
	validated := i.Issuers != nil && len(i.Issuers.Validators) > 0
	silence := section{"silence", []string{"secrecy"}}
	ends, harms := false, false
	for _, c := range i.Secrecy.Allowed {
		ends = ends || slices.Contains(c.Needs, "end")
		harms = harms || slices.Contains(c.Needs, "harm")
	}
	put := func(s *section, there bool, fields ...string) {
		if there {
			s.Fields = append(s.Fields, fields...)
		} else {
			more = append(more, fields...)
		}
	}
	issuer := section{"issuer", []string{"authority", "issuer", "reference", "signed"}}
	validator := section{"validator", []string{"validator"}}
	receipt := section{"receipt", []string{"channel", "received", "language", "drill"}}
	deadline := section{"deadline", nil}
	family := regionOf(i.ID)
	own := family == "de" || family == "other"
	put(&deadline, doesOf(i) != "voluntary", "deadline")
	put(&deadline, doesOf(i) == "voluntary" || family == "eu" && doesOf(i) == "produce" || own, "emergency")
	target := section{"target", []string{"identifiers", "period"}}
	data := section{"data", []string{"classes"}}
	conditions := section{"conditions", []string{"matter", "offence"}}
	put(&conditions, own, "articles")
	put(&silence, ends, "secrecy_until")
	put(&silence, harms, "harms")
	further := section{"further", nil}
	put(&further, own, "remedy")
	further.Fields = append(further.Fields, "note")
	if !validated {
		more = append(more, "validator")
	}
	if family == "eu" {
		return []section{issuer, receipt, deadline, {ID: "related"}, target, data, conditions, silence, validator, further}, more
	}
	out = []section{issuer}
	if validated {
		out = append(out, validator)
	}
	out = append(out, receipt, target, data)
	if len(deadline.Fields) > 0 {
		out = append(out, deadline)
	}
	return append(out, conditions, silence, further), more
}

var (
	allClasses = []writ.DataClass{writ.ClassSubscriber, writ.ClassIdentification, writ.ClassTraffic, writ.ClassContent}
	allBases   = []writ.Secrecy{writ.TellBefore, writ.TellAfter, writ.AuthorityTells, writ.DatedOrder, writ.Conditional, writ.Statutory}
	// allKinds are what an authority may be, as the packs and the directory call it.
	allKinds = []string{"judge", "court", "investigating-judge", "prosecutor", "grand-jury", "police", "fbi", "agency", "ministry", "central-authority", "other"}
)

// form is the page of an instrument.
func (r Rooms) form(v *page.Visit) (*demandPage, error) {
	var state api.LawState
	if err := r.Desk.Do(v.Context(), "GET", "law", nil, &state); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(state.Instruments, func(i law.Instrument) bool { return string(i.ID) == v.Path("instrument") })
	if at < 0 {
		return nil, &api.Problem{Status: 404, Title: "Not Found", Code: "not-found", Detail: "no law pack knows this instrument", Hint: "choose one of the list"}
	}
	i := state.Instruments[at]
	d := &demandPage{Instrument: i, Family: regionOf(i.ID), Does: doesOf(&i), Bases: allBases, words: v.Words(), Zone: r.Desk.Zone().String()}
	d.Sections, d.More = sectionsOf(&i)
	for _, c := range i.Classes {
		d.Reached = append(d.Reached, c.Class)
	}
	for _, c := range allClasses {
		if !slices.Contains(d.Reached, c) {
			d.Others = append(d.Others, c)
		}
	}
	if i.Issuers != nil {
		d.Kinds = i.Issuers.Kinds
	}
	for _, k := range allKinds {
		if !slices.Contains(d.Kinds, k) {
			d.OtherKinds = append(d.OtherKinds, k)
		}
	}
	for _, h := range state.Harms {
		if regionOf(writ.Instrument(h.ID)) == d.Family {
			d.Harms = append(d.Harms, h)
		}
	}
	d.Zones = []string{d.Zone}
	for _, z := range []string{"UTC", "Europe/Berlin", "Europe/London", "America/New_York"} {
		if !slices.Contains(d.Zones, z) {
			d.Zones = append(d.Zones, z)
		}
	}
	return d, nil
}

// found looks for authorities by name; the one that was chosen stays in the list.
func (r Rooms) found(v *page.Visit, d *demandPage, name, picked string) error {
	if authorityID(picked) {
		if err := r.Desk.Do(v.Context(), "GET", api.Below("authorities", picked), nil, &d.Picked); err != nil {
			if _, known := refused(err); !known {
				return err
			}
			d.Picked = api.Authority{}
		}
	}
	if name == "" {
		return nil
	}
	d.Searched = true
	var p api.AuthorityPage
	if err := r.Desk.Do(v.Context(), "GET", api.Asked("authorities", "name", name, "limit", "10"), nil, &p); err != nil {
		return err
	}
	d.Found = slices.DeleteFunc(p.Authorities, func(a api.Authority) bool { return a.ID == d.Picked.ID })
	return nil
}

// demand shows the form.
func (r Rooms) demand(v *page.Visit) error {
	d, err := r.form(v)
	if err != nil {
		return err
	}
	if err := r.found(v, d, v.Query("find"), v.Query("authority")); err != nil {
		return err
	}
	if v.Part() == "found" {
		return v.Fragment("demand", "found", d)
	}
	previewed(v)
	return v.Render("demand", d)
}

// previewed lets this page show what was chosen from the reader's own machine: the
// addresses of such files begin with "blob:" and lead nowhere else.
func previewed(v *page.Visit) {
	h := v.W.Header()
	policy := h.Get("Content-Security-Policy")
	for _, of := range []string{"frame-src", "img-src"} {
		policy = strings.Replace(policy, of+" 'self'", of+" 'self' blob:", 1)
	}
	h.Set("Content-Security-Policy", policy)
}
