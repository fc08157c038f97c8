package custodian

import (
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/printable"
)

// waits is one writ that waits, as a list shows it.
type waits struct {
	Case      writ.CaseID
	Due       time.Time
	Late      bool
	Emergency bool
	Name      string // of the customer
	Reference string
	Terms     terms
	Threshold int
	Signed    []string
	Refused   int
	Offline   bool
	Mine      string
	Acted     writ.Role
}

type waitingPage struct {
	Mine   []waits // that I may sign
	Others []waits // that I signed, or can't sign
	Next   writ.CaseID
	After  string
}

// waiting is what waits for the person's signature, oldest deadline first.
func (h *room) waiting(v *page.Visit) error {
	after := v.Query("after")
	got, err := h.Desk.Waiting(v.Context(), api.DeskInput{After: after})
	if err != nil {
		return err
	}
	p := waitingPage{Next: got.Next, After: after}
	for _, w := range got.Waiting {
		one := waits{
			Case: w.Case, Due: w.Due, Late: w.Late, Emergency: w.Emergency, Name: brief(w.Name), Reference: brief(w.Reference), Threshold: w.Threshold,
			Signed: each(w.Signed, line[writ.Person]), Refused: len(w.Refused), Offline: w.Offline, Mine: w.Mine, Acted: w.Acted,
		}
		if w.Terms != nil {
			one.Terms = termsOf(*w.Terms).short()
		}
		if w.Mine == api.MaySign || w.Mine == api.Declined {
			p.Mine = append(p.Mine, one)
		} else {
			p.Others = append(p.Others, one)
		}
	}
	return v.Render("waiting", p)
}

// did is one signature or refusal, as the history shows it.
type did struct {
	Case                             writ.CaseID
	At                               time.Time
	Did, Stage, Issuer, Country, Ref string
	Digest, Key, Reason, Instrument  string
	First                            bool // of its case
}

type historyPage struct {
	Acts  []did
	Next  writ.CaseID
	After string
}

// history is what the person signed and declined.
func (h *room) history(v *page.Visit) error {
	after := v.Query("after")
	got, err := h.Desk.Signed(v.Context(), api.DeskInput{After: after})
	if err != nil {
		return err
	}
	p := historyPage{Next: got.Next, After: after}
	for _, c := range got.Cases {
		for i, a := range c.Acts {
			p.Acts = append(p.Acts, did{
				Case: c.Case, At: a.At, Did: a.Did, Stage: c.Stage, Issuer: brief(c.Issuer), Country: line(c.Country), Ref: brief(c.Reference),
				Digest: line(a.Digest), Key: line(a.Key), Reason: printable.Text(a.Reason), Instrument: line(c.Instrument), First: i == 0,
			})
		}
	}
	return v.Render("history", p)
}
