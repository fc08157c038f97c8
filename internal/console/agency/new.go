package agency

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
)

type newView struct {
	Me          api.OfficerState
	Instruments []api.OfficerInstrument
	Classes     []writ.DataClass
	Secrecies   []writ.Secrecy
	Matters     []string
	Languages   []string
}

var secrecies = []writ.Secrecy{writ.TellBefore, writ.TellAfter, writ.AuthorityTells, writ.DatedOrder, writ.Conditional, writ.Statutory}

func (r *room) view(v *page.Visit) (view newView, err error) {
	view = newView{Classes: classes, Secrecies: secrecies, Matters: []string{"criminal", "civil", "national-security"}, Languages: page.Languages}
	if view.Me, err = r.Desk.Me(v.Context()); err != nil {
		return view, err
	}
	view.Instruments, err = r.Desk.Instruments(v.Context())
	return view, err
}

func (r *room) newDemand(v *page.Visit) error {
	view, err := r.view(v)
	if err != nil {
		return err
	}
	return v.Render("new", view)
}

// file files what the form says. A demand that is there, without a file that was
// too large to go with it, is shown with what went wrong.
func (r *room) file(v *page.Visit) error {
	view, err := r.view(v)
	if err != nil {
		return err
	}
	in, err := r.input(v)
	if err != nil {
		return v.Again("new", view, err)
	}
	var files []api.Enclosure
	for _, field := range []string{"order", "form", "other"} {
		more, err := uploads(v, field, field)
		if err != nil {
			return v.Again("new", view, err)
		}
		files = append(files, more...)
	}
	filed, err := r.Desk.File(v.Context(), in, files)
	switch {
	case err != nil && filed.Case != "":
		return v.Again("demand", shownDemand(filed), err)
	case err != nil:
		return v.Again("new", view, err)
	}
	return v.See("/agency/"+string(filed.Case), "agency-filed")
}

func unclear(format string, args ...any) error {
	return &api.Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "form", Detail: fmt.Sprintf(format, args...)}
}

// input reads the form.
func (r *room) input(v *page.Visit) (in api.FileInput, err error) {
	form, err := v.Form()
	if err != nil {
		return in, err
	}
	var errs []error
	text := func(name string, most int) string {
		s, err := v.Text(name, most)
		errs = append(errs, err)
		return s
	}
	day := func(name string) (t time.Time) {
		s := text(name, 32)
		if s == "" {
			return t
		}
		t, err := time.ParseInLocation(time.DateOnly, s, r.Zone)
		if err != nil {
			errs = append(errs, unclear("%s is no date (2026-11-24)", name))
		}
		return t
	}
	in = api.FileInput{
		Reference: text("reference", 512), Instrument: writ.Instrument(text("instrument", 64)), Signed: day("signed"), Matter: text("matter", 32),
		Offence: text("offence", 512), Emergency: form.Get("emergency") != "", From: day("from"), Until: day("until"),
		Secrecy: writ.Secrecy(text("secrecy", 32)), SecrecyUntil: day("secrecy_until"), Deadline: day("deadline"), Remedy: text("remedy", 4096),
		Language: text("language", 35), Note: text("note", 16<<10),
	}
	if !in.Until.IsZero() { // the day is meant with it
		in.Until = in.Until.AddDate(0, 0, 1)
	}
	for _, c := range form["class"] {
		in.Classes = append(in.Classes, writ.DataClass(c))
	}
	for line := range strings.Lines(text("identifiers", 64<<10)) {
		if line = strings.TrimSpace(line); line != "" {
			in.Identifiers = append(in.Identifiers, line)
		}
	}
	if n := text("accounts", 16); n != "" {
		if in.Accounts, err = strconv.Atoi(n); err != nil || in.Accounts < 0 {
			errs = append(errs, unclear("%s is no number of accounts", strconv.Quote(n)))
		}
	}
	if name := text("validator", 512); name != "" {
		in.Validator = &docket.Issuer{Name: name, Country: strings.ToUpper(text("validator_country", 2)), Kind: text("validator_kind", 64)}
	}
	if len(in.Classes) == 0 {
		errs = append(errs, unclear("choose which data the demand is for"))
	}
	return in, first(errs)
}

// first is the first of the errors, as the form shows one at a time.
func first(errs []error) error {
	for _, err := range errs {
		var p *api.Problem
		if errors.As(err, &p) {
			return p
		}
		if err != nil {
			return err
		}
	}
	return nil
}
