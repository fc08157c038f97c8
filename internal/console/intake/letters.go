package intake

import (
	"net/http"
	"slices"
	"strconv"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/letter"
)

// lettersPage lists a case's letters, and the kinds that it may take.
type lettersPage struct {
	look
	Case    api.Case
	Path    string
	Written []docket.Document
	Fits    []letter.Described
	Others  []letter.Described
}

// kinds are the letters to authorities, with titles in the reader's language.
func (r Rooms) kinds(v *page.Visit) (out []letter.Described, err error) {
	var all api.LetterKinds
	if err := r.Desk.Do(v.Context(), "GET", api.Asked("letters", "language", v.Lang), nil, &all); err != nil {
		return nil, err
	}
	for _, k := range all.Kinds {
		// Notices and internal papers write themselves, from what was decided.
		if k.Audience == "authority" {
			out = append(out, k)
		}
	}
	return out, nil
}

// answersOf are the letters that an answer of the instrument takes.
var answersOf = map[letter.Kind]string{"objection": "objected", "rejection": "rejected", "referral": "referred", "no-data": "answered", "partial": "answered-in-part", "eu-impossibility": "impossible"}

// fits says whether a kind of letter fits the stage that a case is at.
func fits(c *api.Case, answers []string, kind letter.Kind) bool {
	if answer, ok := answersOf[kind]; ok && !slices.Contains(answers, answer) {
		return false
	}
	eu, closed := isOf(c.Instrument, "eu"), c.Closing != nil
	produced := c.Production != nil
	switch kind {
	case "acknowledgement", "clarification":
		return !produced && !closed
	case "objection", "rejection", "referral", "no-data":
		return !produced && !closed && (kind != "objection" || !eu)
	case "partial":
		return !closed && !eu
	case "delivery":
		return produced && !closed
	case "order-demand":
		return c.Instrument == "us.emergency" && produced
	case "release-request":
		return c.SecrecySet != nil && c.Lifted.IsZero() && c.Secrecy != writ.TellBefore && c.Secrecy != writ.TellAfter
	case "preservation", "preservation-expiry":
		return len(c.Preservations) > 0
	case "eu-impossibility":
		return eu && !closed
	case "eu-follow-up", "eu-extension":
		return eu && len(c.Preservations) > 0 && !closed
	}
	return true
}

// letters lists.
func (r Rooms) letters(v *page.Visit) error {
	c, path, err := r.caseAt(v)
	if err != nil {
		return err
	}
	kinds, err := r.kinds(v)
	if err != nil {
		return err
	}
	answers, err := r.answers(v, c.Instrument)
	if err != nil {
		return err
	}
	p := lettersPage{Case: c, Path: path}
	for _, d := range c.Documents {
		if d.Kind == "letter" {
			p.Written = append(p.Written, d)
		}
	}
	slices.Reverse(p.Written)
	for _, k := range kinds {
		if fits(&c, answers, k.Kind) {
			p.Fits = append(p.Fits, k)
		} else {
			p.Others = append(p.Others, k)
		}
	}
	return v.Render("letters", p)
}

// answers are those that the instrument knows.
func (r Rooms) answers(v *page.Visit, id writ.Instrument) ([]string, error) {
	var i api.InstrumentState
	err := r.Desk.Do(v.Context(), "GET", api.Below("law", string(id)), nil, &i)
	if _, known := refused(err); known {
		return nil, nil // no pack knows it any more
	}
	return i.Answers, err
}

// letterPage is a letter that is being written.
type letterPage struct {
	look
	Case      api.Case
	Path      string
	Kind      letter.Described
	Fields    []fieldView
	Languages []string
	Language  string
	To        string
	Draft     *docket.Letter
	Problem   *api.Problem // why there is no draft
}

func (r Rooms) letterPage(v *page.Visit) (*letterPage, error) {
	c, path, err := r.caseAt(v)
	if err != nil {
		return nil, err
	}
	kinds, err := r.kinds(v)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(kinds, func(k letter.Described) bool { return string(k.Kind) == v.Path("kind") })
	if at < 0 {
		return nil, &api.Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "not-found", Detail: "there is no such letter"}
	}
	p := &letterPage{Case: c, Path: path, Kind: kinds[at], Languages: page.Languages, Language: c.Demand.Language}
	if !slices.Contains(p.Languages, p.Language) {
		p.Language = p.Languages[0]
	}
	return p, nil
}

// letter shows the form of a letter, filled in with what the case knows.
func (r Rooms) letter(v *page.Visit) error {
	p, err := r.letterPage(v)
	if err != nil {
		return err
	}
	p.Fields = fieldsOf(v.Words(), p.Kind.Fields, known(&p.Case, r.Desk.Zone()), "f")
	return v.Render("letter", p)
}

// letterForm reads the form of a letter.
func (r Rooms) letterForm(v *page.Visit, p *letterPage) (docket.LetterInput, *reading, error) {
	in, err := r.read(v)
	if err != nil {
		return docket.LetterInput{}, nil, err
	}
	rows := change(in.form.Get("do"))
	values := posted(in, p.Kind.Fields, "f", rows)
	p.Fields = fieldsOf(v.Words(), p.Kind.Fields, values, "f")
	p.To = in.raw("to", 4096)
	if language := in.text("language", 16); slices.Contains(p.Languages, language) {
		p.Language = language
	}
	fields, err := encoded(in, p.Kind.Fields, values)
	return docket.LetterInput{Kind: p.Kind.Kind, Language: p.Language, Fields: fields, To: in.lines("to", 4096)}, in, err
}

// writeLetter shows a draft, changes rows, or writes the letter.
func (r Rooms) writeLetter(v *page.Visit) error {
	p, err := r.letterPage(v)
	if err != nil {
		return err
	}
	letter, in, err := r.letterForm(v, p)
	if in == nil {
		return err
	}
	if in.err != nil {
		err = in.err
	}
	switch do := in.form.Get("do"); do {
	case "write":
		if err == nil {
			_, err = r.Desk.WriteLetter(v.Context(), string(p.Case.Case), letter)
		}
		if err != nil {
			return v.Again("letter", p, err)
		}
		return v.See(p.Path+"/letters", "intake-letter")
	case "", "draft":
		letter.Draft = true
		if err == nil {
			var draft docket.Letter
			if draft, err = r.Desk.WriteLetter(v.Context(), string(p.Case.Case), letter); err == nil {
				p.Draft = &draft
			}
		}
		if problem, known := refused(err); known {
			p.Problem = problem
		} else if err != nil {
			return err
		}
	}
	if v.Part() == "draft" {
		return v.Fragment("letter", "draft", p)
	}
	return v.Render("letter", p)
}

// letterPDF shows the draft as it would be sent: for a frame of the page, or a
// window of its own. Its page is a sandbox that may load nothing. (A sandbox on
// the frame itself would keep browsers from showing PDFs at all.)
func (r Rooms) letterPDF(v *page.Visit) error {
	p, err := r.letterPage(v)
	if err != nil {
		return err
	}
	letter, in, err := r.letterForm(v, p)
	if in != nil && in.err != nil {
		err = in.err
	}
	if err != nil {
		return err
	}
	letter.Draft, letter.PDF = true, true
	draft, err := r.Desk.WriteLetter(v.Context(), string(p.Case.Case), letter)
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `inline; filename="draft.pdf"`)
	h.Set("Content-Length", strconv.Itoa(len(draft.PDF)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'")
	v.W.Write(draft.PDF) // whoever is gone is gone
	return nil
}
