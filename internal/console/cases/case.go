package cases

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/law"
	"writ/internal/printable"
	"writ/internal/vault"
)

// parts are the views of a case, in the order of its tabs.
var parts = []string{"overview", "findings", "documents", "secrecy", "writ", "package", "notices", "letters", "people", "timeline", "actions"}

// casePage is what every page of a case shows.
type casePage struct {
	Case  api.Case // as it may be shown
	Part  string
	Parts []string
	Steps []step // what is next
	Form  string // the move whose form is shown there
	Zone  string

	// of a form
	Barred   writ.Role // the role in which the visitor has acted, if that keeps them from the move
	Law      api.InstrumentState
	Laws     []writ.Instrument
	Found    []vault.Identified
	Searched bool
	Standing []api.CaseFinding
	Waiting  []api.Determination

	// of parts
	Actions  []string
	Events   []event
	Verified *docket.Verified
	Sheet    *api.ToSign
	Notices  []api.NoticeState
	Letters  []docket.Document
	People   []person

	zone *time.Location
}

// step is what a case waits for.
type step struct {
	Name string // of a move, or sign, scope, notice
	Role writ.Role
	What []string // in the docket's words; of several findings, one each
	How  string   // the command
	Mine bool     // the visitor may do it
	Page string   // where; "" where no page does it
}

// person is who has acted in a case.
type person struct {
	Person writ.Person
	Role   string
	Did    []did
}

type did struct {
	Kind docket.Kind
	At   time.Time
	Seq  uint32
}

// event is one of a case's, as its timeline shows it.
type event struct {
	docket.Event
	Facts []fact
	State string // proven, waiting, broken; "" if that was not asked
	Hash  string
}

// fact is one thing that an event says, as it was written.
type fact struct{ Name, Value string }

// In is a time as a field of a form has it.
func (p *casePage) In(t time.Time) string { return local(t, p.zone) }

// Late says whether a clock's time is over and nothing was done: one that was done
// late has the time at which it was.
func (p *casePage) Late(c law.Clock) bool {
	return p.Case.Late && c.State == law.Missed && c.At.Equal(c.Due)
}

// casePage prepares the page of a case; raw is left as it is.
func (h *room) casePage(v *page.Visit, raw *api.Case) (*casePage, error) {
	p := &casePage{Parts: parts, Part: parts[0], zone: h.zone(), Zone: h.zone().String()}
	b, err := json.Marshal(raw)
	if err != nil {
		return nil, fmt.Errorf("couldn't copy a case: %w", err)
	}
	if err := json.Unmarshal(b, &p.Case); err != nil {
		return nil, fmt.Errorf("couldn't copy a case: %w", err)
	}
	page.Visible(&p.Case)
	p.Steps = stepsOf(v, raw)
	p.Standing, p.Waiting = standing(&p.Case), unseconded(&p.Case)
	return p, nil
}

// stepsOf groups what is missing by the move that does it.
func stepsOf(v *page.Visit, c *api.Case) (out []step) {
	for _, n := range c.Needs {
		name := stepName(n.How)
		if i := slices.IndexFunc(out, func(s step) bool { return s.Name == name }); i >= 0 {
			out[i].What = append(out[i].What, printable.Text(n.What))
			continue
		}
		s := step{Name: name, Role: n.Role, What: []string{printable.Text(n.What)}, How: n.How}
		m, known := moveOf(name)
		switch {
		case known:
			s.Mine = holds(v, m) && bars(v, c, m) == ""
			s.Page = "/docket/" + string(c.Case) + "/" + name
		case name == "scope":
			s.Mine = v.Visitor.Has(writ.RoleCounsel) && bars(v, c, move{roles: byCounsel}) == ""
			s.Page = "/docket/" + string(c.Case) + "/scope"
		case name == "sign":
			s.Page = "/docket/" + string(c.Case) + "?part=writ"
		case name == "notice":
			s.Page = "/docket/" + string(c.Case) + "?part=notices"
		}
		if name == "second" && slices.ContainsFunc(unseconded(c), func(d api.Determination) bool { return d.By == v.Visitor.Person }) {
			s.Mine = false
		}
		out = append(out, s)
	}
	return out
}

// stepName is the move that a command of the docket's needs makes.
func stepName(command string) string {
	words := strings.Fields(command)
	switch {
	case len(words) < 3:
		return "other"
	case words[1] == "custodian":
		return "sign"
	case words[1] == "notice":
		return "notice"
	case words[2] == "fact":
		return "determine"
	}
	return words[2]
}

// show is the page of a case.
func (h *room) show(v *page.Visit) error {
	c, err := h.Desk.Case(v.Context(), v.Path("case"))
	if err != nil {
		return err
	}
	p, err := h.casePage(v, &c)
	if err != nil {
		return err
	}
	if part := v.Query("part"); slices.Contains(parts, part) {
		p.Part = part
	}
	if err := h.fill(v, p, &c); err != nil {
		return err
	}
	if v.Part() == "case" {
		return v.Fragment("case", "case", p)
	}
	return v.Render("case", p)
}

// fill asks for what a part of a case shows beside the case.
func (h *room) fill(v *page.Visit, p *casePage, c *api.Case) error {
	id := string(c.Case)
	switch p.Part {
	case "overview":
		for _, s := range p.Steps {
			if m, _ := moveOf(s.Name); s.Mine && m.name != "" {
				return h.prepare(v, p, m, c)
			}
		}
	case "timeline", "people":
		events, err := h.Desk.Events(v.Context(), id)
		if err != nil {
			return err
		}
		page.Visible(&events)
		if p.Part == "people" {
			p.People = peopleOf(events, c)
			return nil
		}
		return h.timeline(v, p, events)
	case "writ":
		if c.Writ != nil {
			sheet, err := h.Desk.ToSign(v.Context(), id)
			if p := problem(err); err != nil && (p == nil || p.Status >= 500) {
				return err
			}
			if err == nil {
				p.Sheet = page.Visible(&sheet)
			}
		}
	case "notices":
		var list api.NoticePage
		if err := h.Desk.Do(v.Context(), http.MethodGet, "notices?"+url.Values{"case": {id}, "limit": {"100"}}.Encode(), nil, &list); err != nil {
			return err
		}
		p.Notices = *page.Visible(&list.Notices)
	case "letters":
		for _, d := range p.Case.Documents {
			if d.Kind == "letter" {
				p.Letters = append(p.Letters, d)
			}
		}
	case "actions":
		for _, m := range moves {
			if holds(v, m) && m.when(c) {
				p.Actions = append(p.Actions, m.name)
			}
		}
	}
	return nil
}

// automatic is how many events are held against the public log without being
// asked for.
const automatic = 60

// timeline shows the events, and how each stands against the public log.
func (h *room) timeline(v *page.Visit, p *casePage, events []docket.Event) error {
	for _, e := range events {
		p.Events = append(p.Events, event{Event: e, Facts: factsOf(e.Body)})
	}
	if len(events) > automatic && v.Query("verify") == "" {
		return nil
	}
	got, err := h.verified(v.Context(), string(p.Case.Case))
	if err != nil {
		return err
	}
	p.Verified = page.Visible(&got)
	for i := range p.Events {
		if i < len(got.Each) {
			p.Events[i].State, p.Events[i].Hash = got.Each[i].State, fmt.Sprintf("%x", got.Each[i].Digest)
		}
	}
	return nil
}

// longest is how much of one value of an event is shown, in bytes.
const longest = 2000

// factsOf is what an event's body says, name by name, as it was written.
func factsOf(body json.RawMessage) (out []fact) {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var s string
		if json.Unmarshal(all[name], &s) != nil {
			s = string(all[name])
		}
		if s = printable.Text(s); len(s) > longest {
			s = strings.ToValidUTF8(s[:longest], "") + "…"
		}
		out = append(out, fact{printable.Text(name), s})
	}
	return out
}

func peopleOf(events []docket.Event, c *api.Case) (out []person) {
	for _, e := range events {
		if e.By == "" {
			continue
		}
		i := slices.IndexFunc(out, func(p person) bool { return p.Person == e.By })
		if i < 0 {
			role := c.Acted[e.By]
			if role == "" {
				role = string(e.As)
			}
			out = append(out, person{Person: e.By, Role: role})
			i = len(out) - 1
		}
		out[i].Did = append(out[i].Did, did{e.Kind, e.At, e.Seq})
	}
	return out
}

// formPage prepares the page of one move.
func (h *room) formPage(v *page.Visit, m move) (*casePage, error) {
	c, err := h.Desk.Case(v.Context(), v.Path("case"))
	if err != nil {
		return nil, err
	}
	p, err := h.casePage(v, &c)
	if err != nil {
		return nil, err
	}
	return p, h.prepare(v, p, m, &c)
}

// prepare asks for what the form of a move needs.
func (h *room) prepare(v *page.Visit, p *casePage, m move, c *api.Case) (err error) {
	p.Form, p.Barred = m.name, bars(v, c, m)
	switch m.name {
	case "amend":
		// What is to be corrected is shown as it is, or it would change.
		p.Case.Demand = c.Demand
		if p.Laws, err = h.instruments(v.Context()); err != nil {
			return err
		}
		p.Law, err = h.instrument(v.Context(), c.Instrument)
	case "secrecy", "reply":
		p.Law, err = h.instrument(v.Context(), c.Instrument)
	case "identify":
		if find := v.Query("find"); find != "" {
			p.Searched = true
			p.Found, err = h.Desk.Identify(v.Context(), find)
			page.Visible(&p.Found)
		}
	}
	return err
}

// words are what a move says, for a reader who is about to make it.
func (h *room) words(v *page.Visit, name string, p *casePage, form url.Values) (out []word) {
	say := func(key, value string) {
		if value != "" {
			out = append(out, word{key, printable.Text(value)})
		}
	}
	limit := func(n string, was int64) string {
		if i, err := strconv.ParseInt(n, 10, 64); err == nil && i > 0 {
			return v.Words().Number(i)
		}
		return v.Words().Number(was)
	}
	switch name {
	case "approve":
		var objects, bytes int64
		if p.Case.Scope != nil {
			objects, bytes = p.Case.Scope.Objects, p.Case.Scope.Bytes
			say("scope", scopeInWords(p.Case.Scope))
		}
		say("objects", limit(form.Get("objects"), objects))
		if mib, err := strconv.ParseInt(form.Get("mebibytes"), 10, 64); err == nil && mib > 0 {
			bytes = mib << 20
		}
		say("bytes", v.Words().Size(bytes))
		if f := h.fields(v); form.Get("until") != "" {
			say("until", v.Words().Moment(f.time("until")))
		}
		say("officer", form.Get("officer"))
	case "determine":
		f := h.fields(v)
		for _, rule := range f.all("rules") {
			i := slices.IndexFunc(p.Case.Findings, func(f api.CaseFinding) bool { return f.Rule == rule })
			if i >= 0 {
				say("finding", p.Case.Findings[i].Text+" ("+p.Case.Findings[i].Article+")")
			}
		}
	case "second":
		for _, d := range p.Waiting {
			if strconv.Itoa(d.Number) != form.Get("proposal") {
				continue
			}
			say("proposed-by", string(d.By))
			say("proposal", d.Reason)
			for _, rule := range d.Rules {
				if i := slices.IndexFunc(p.Case.Findings, func(f api.CaseFinding) bool { return f.Rule == rule }); i >= 0 {
					say("finding", p.Case.Findings[i].Text+" ("+p.Case.Findings[i].Article+")")
				}
			}
		}
	case "unpreserve":
		for _, k := range p.Case.Preservations {
			say("kept", k.Why)
		}
	}
	say("reason", form.Get("reason"))
	return out
}

// scopeInWords is a scope in one line for each bucket.
func scopeInWords(s *docket.Scoping) string {
	var lines []string
	for _, b := range s.Scope.Buckets {
		line := string(b.Bucket)
		for _, p := range b.Prefixes {
			line += " " + p + "…"
		}
		for _, o := range b.Objects {
			line += " " + string(o.Key)
		}
		lines = append(lines, line)
	}
	var classes []string
	for _, c := range s.Scope.Classes {
		classes = append(classes, string(c))
	}
	return strings.Join(append(lines, strings.Join(classes, ", ")), "\n")
}
