package cases

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/policy"
)

// Bounds of what a form says, in bytes; the docket's own are the same or less.
const (
	maxLine = 512
	maxNote = 16 << 10
	maxList = 64 << 10 // of lines, such as identifiers
)

// fields reads a form field by field; the first that is wrong ends it.
type fields struct {
	v    *page.Visit
	zone *time.Location
	err  error
}

func (h *room) fields(v *page.Visit) *fields { return &fields{v: v, zone: h.zone()} }

func (f *fields) text(name string, most int) string {
	s, err := f.v.Text(name, most)
	if f.err == nil {
		f.err = err
	}
	return s
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = wrong(fmt.Sprintf(format, args...))
	}
}

// all are the values of a field that may come several times, or in lines.
func (f *fields) all(name string) (out []string) {
	form, err := f.v.Form()
	if f.err == nil {
		f.err = err
	}
	n := 0
	for _, v := range form[name] {
		n += len(v)
		for line := range strings.Lines(v) {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, line)
			}
		}
	}
	if n > maxList {
		f.fail("%s takes at most %d bytes of text", name, maxList)
		return nil
	}
	return out
}

// layouts are how browsers send times.
var layouts = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05.999", time.DateOnly, time.RFC3339}

// time is a moment where the operator's deadlines are read.
func (f *fields) time(name string) time.Time {
	s := f.text(name, 40)
	if s == "" {
		return time.Time{}
	}
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l, s, f.zone); err == nil {
			return t
		}
	}
	f.fail("%s is no time, such as 2026-11-24T09:30", name)
	return time.Time{}
}

// kept is a time that was there before: what a browser shows of it is less than
// what it holds.
func (f *fields) kept(name string, was time.Time) time.Time {
	if t := f.text(name, 40); t == local(was, f.zone) {
		return was
	}
	return f.time(name)
}

func (f *fields) number(name string, most int64) int64 {
	s := f.text(name, 20)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most {
		f.fail("%s is a number from 0 to %d", name, most)
	}
	return n
}

// local is a time as a field of a form has it.
func local(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(zone)
	if t.Second() != 0 {
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04")
}

func (h *room) nothing(*page.Visit, *api.Case) (any, error) { return nil, nil }

func (h *room) reasoned(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.ReasonInput{Reason: f.text("reason", maxNote)}, f.err
}

func (h *room) authentication(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.AuthenticateInput{Means: f.text("means", 40), Note: f.text("note", maxNote), Genuine: f.text("genuine", 8) == "yes"}, f.err
}

func (h *room) identification(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.IdentifyInput{Customer: f.text("customer", maxLine), How: f.text("how", maxLine)}, f.err
}

// preservation is of the case's scope, or of places: a bucket, or a bucket and a
// prefix behind a slash, one a line.
func (h *room) preservation(v *page.Visit, c *api.Case) (any, error) {
	f := h.fields(v)
	in := api.PreserveInput{Customer: f.text("customer", maxLine), Until: f.time("until"), Why: f.text("why", maxNote)}
	in.Scope = policy.Scope{Classes: []writ.DataClass{writ.ClassContent}}
	for _, place := range f.all("places") {
		bucket, prefix, has := strings.Cut(place, "/")
		i := slices.IndexFunc(in.Scope.Buckets, func(b policy.BucketScope) bool { return string(b.Bucket) == bucket })
		if i < 0 {
			in.Scope.Buckets = append(in.Scope.Buckets, policy.BucketScope{Bucket: writ.BucketName(bucket)})
			i = len(in.Scope.Buckets) - 1
		}
		if has {
			in.Scope.Buckets[i].Prefixes = append(in.Scope.Buckets[i].Prefixes, prefix)
		}
	}
	if len(in.Scope.Buckets) == 0 && c.Scope != nil {
		in.Scope = c.Scope.Scope
	}
	if in.Customer == "" && c.Subject != nil {
		in.Customer = string(c.Subject.Customer)
	}
	return in, f.err
}

func (h *room) extension(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.ExtendInput{Until: f.time("until"), Why: f.text("why", maxNote)}, f.err
}

func (h *room) silence(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	in := api.SecrecyInput{Basis: writ.Secrecy(f.text("basis", 40)), Until: f.time("until"), Review: f.time("review"), Harms: f.all("harms"), Reason: f.text("reason", maxNote)}
	if days := f.number("window", 365); days > 0 {
		in.Window = (time.Duration(days) * 24 * time.Hour).String()
	}
	return in, f.err
}

// answers are those to the law's questions; what is as it was is left out.
func (h *room) answers(v *page.Visit, c *api.Case) (any, error) {
	f := h.fields(v)
	in := api.FactsInput{Facts: map[string]string{}}
	for _, q := range c.Questions {
		answer := f.text("fact."+q.ID, 8)
		if answer != "" && answer != c.Facts[q.ID] && !(answer == "unknown" && c.Facts[q.ID] == "") {
			in.Facts[q.ID] = answer
		}
	}
	if f.err == nil && len(in.Facts) == 0 {
		f.fail("no answer is another than before")
	}
	return in, f.err
}

func (h *room) proposal(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	in := api.ProposeInput{Rules: f.all("rules"), Reason: f.text("reason", maxNote)}
	if f.err == nil && len(in.Rules) == 0 {
		f.fail("name the findings that are determined on")
	}
	return in, f.err
}

func (h *room) seconding(v *page.Visit, c *api.Case) (any, error) {
	f := h.fields(v)
	in := api.SecondInput{Proposal: int(f.number("proposal", 1<<31-1)), Reason: f.text("reason", maxNote)}
	if f.err == nil && !slices.ContainsFunc(unseconded(c), func(d api.Determination) bool { return d.Number == in.Proposal }) {
		f.fail("there is no proposal %d that waits for a second person", in.Proposal)
	}
	return in, f.err
}

func (h *room) approval(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.ApproveInput{
		Objects: f.number("objects", 1<<40), Bytes: f.number("mebibytes", 1<<40) << 20, Until: f.time("until"), Second: writ.Person(f.text("officer", maxLine)),
	}, f.err
}

func (h *room) waiver(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	in := api.WaiveInput{Envelope: json.RawMessage(f.text("envelope", 64<<10))}
	if f.err == nil && !json.Valid(in.Envelope) {
		f.fail("this is not the file that writ custodian waiver made")
	}
	return in, f.err
}

func (h *room) confirmation(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.ConfirmInput{Note: f.text("note", maxNote)}, f.err
}

func (h *room) clockEvent(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	in := docket.ClockEvent{Event: f.text("event", 40), Time: f.time("at"), Note: f.text("note", maxNote)}
	if in.Time.IsZero() {
		in.Time = v.Now()
	}
	return in, f.err
}

func (h *room) reply(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.ReplyInput{
		Answer: f.text("answer", 40), Grounds: f.all("grounds"), Reason: f.text("reason", maxNote), Documents: f.all("documents"), Final: f.text("final", 8) == "yes",
	}, f.err
}

func (h *room) notification(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.NotifyInput{Kind: f.text("kind", 40)}, f.err
}

func (h *room) closing(v *page.Visit, _ *api.Case) (any, error) {
	f := h.fields(v)
	return api.CloseInput{Affected: int(f.number("affected", 1_000_000)), Note: f.text("note", maxNote)}, f.err
}

// amendment is the demand as it was entered, with what the form says instead.
func (h *room) amendment(v *page.Visit, c *api.Case) (any, error) {
	f := h.fields(v)
	d := c.Demand
	d.Reference, d.Instrument = f.text("reference", maxLine), writ.Instrument(f.text("instrument", 64))
	d.Issuer.Name, d.Issuer.Country, d.Issuer.Kind = f.text("issuer", maxLine), strings.ToUpper(f.text("country", 2)), f.text("issuer-kind", maxLine)
	d.Validator = nil
	if name := f.text("validator", maxLine); name != "" {
		d.Validator = &docket.Issuer{Name: name, Country: strings.ToUpper(f.text("validator-country", 2)), Kind: f.text("validator-kind", maxLine)}
		if was := c.Demand.Validator; was != nil && was.Name == name {
			d.Validator.Authority = was.Authority
		}
	}
	if d.Issuer.Name != c.Demand.Issuer.Name {
		d.Issuer.Authority = "" // it was another's entry in the directory
	}
	d.Channel, d.Matter, d.Offence = docket.Channel(f.text("channel", 40)), f.text("matter", 40), f.text("offence", maxLine)
	d.Received, d.Signed, d.Deadline = f.kept("received", d.Received), f.kept("signed", d.Signed), f.kept("deadline", d.Deadline)
	d.From, d.Until = f.kept("asked-from", d.From), f.kept("asked-until", d.Until)
	d.Classes = nil
	for _, class := range f.all("classes") {
		d.Classes = append(d.Classes, writ.DataClass(class))
	}
	d.Emergency, d.Accounts = f.text("emergency", 8) == "yes", int(f.number("accounts", 1_000_000))
	d.Identifiers, d.Harms, d.Articles = f.all("identifiers"), f.all("harms"), f.all("articles")
	if d.Identifiers == nil {
		d.Identifiers = []string{}
	}
	d.Secrecy, d.SecrecyUntil = writ.Secrecy(f.text("secrecy", 40)), f.kept("secrecy-until", d.SecrecyUntil)
	d.Remedy, d.Language, d.Note = f.text("remedy", maxNote), f.text("language", 35), f.text("note", maxNote)
	return api.AmendInput{Demand: d, Reason: f.text("reason", maxNote)}, f.err
}
