package law

import (
	"fmt"
	"slices"
	"strings"

	"writ"
)

// Outcome is what a rule says of a demand.
type Outcome string

// The outcomes.
const (
	Pass    Outcome = "pass"
	Fail    Outcome = "fail"
	Counsel Outcome = "counsel" // counsel decides
)

// A Finding is what one rule says of a demand.
type Finding struct {
	Rule string `json:"rule"`
	Basis
	Outcome Outcome  `json:"outcome"`
	Why     string   `json:"why"`              // a sentence
	Settle  string   `json:"settle,omitempty"` // what would settle it
	Open    []string `json:"open,omitempty"`   // questions that nobody answered yet
	Final   bool     `json:"final,omitempty"`  // no determination passes it
	House   bool     `json:"house,omitempty"`  // a rule of the operator's, not of the law
}

func (b Basis) finding(rule string, o Outcome, why string) Finding {
	return Finding{Rule: rule, Basis: b, Outcome: o, Why: why}
}

// Review says of every rule that applies to the demand whether it passes. The
// order is that of the law's parts: the instrument itself, who issued it, what
// it reaches, secrecy, the packs' rules, the house's. The same arguments always
// give the same findings.
func (l *Law) Review(d Demand, f Facts) []Finding {
	i := l.byID[d.Instrument]
	if i == nil {
		none := Finding{Rule: "instrument", Basis: Basis{Article: "-", Source: "-", Verified: InPrimary}, Outcome: Fail, Final: true,
			Why: "No pack describes this instrument.", Settle: "choose an instrument of a pack"}
		return []Finding{none}
	}
	d.Classes = distinct(d.Classes)
	found := make([]Finding, 0, 8+len(d.Classes)+len(l.rules[d.Instrument]))
	found = append(found, i.itself(&d)...)
	if _, err := zone(d.Provider.TimeZone); err != nil {
		f := Finding{Rule: "provider.zone", Basis: Basis{Article: "-", Source: "the provider's entry", Verified: InPrimary}, Outcome: Counsel}
		f.Why, f.Settle = "The provider's time zone is unknown, and its clocks are counted in UTC.", "enter a zone of the IANA database, such as Europe/Berlin"
		found = append(found, f)
	}
	found = append(found, i.issued(&d)...)
	found = append(found, i.reaches(&d)...)
	found = append(found, l.secrecy(i, &d, f)...)
	if d.Secrecy == "" {
		d.Secrecy = i.Secrecy.Default // rules see the basis that holds
	}
	for _, r := range l.rules[d.Instrument] {
		if one, applies := l.judge(r, &d, f); applies {
			found = append(found, one)
		}
	}
	return found
}

// distinct leaves out what was named before.
func distinct(classes []writ.DataClass) (once []writ.DataClass) {
	for _, c := range classes {
		if !slices.Contains(once, c) {
			once = append(once, c)
		}
	}
	return once
}

// itself checks that the instrument is in use, on paper, and for this matter.
func (i *Instrument) itself(d *Demand) (found []Finding) {
	id := string(i.ID)
	if !i.Enabled {
		f := i.Basis.finding(id+".enabled", Fail, "This instrument is switched off here.")
		f.Final, f.Settle = true, "counsel enables its pack, once the law behind it is confirmed for this provider"
		found = append(found, f)
	}
	if !i.applies.IsZero() && !d.Received.IsZero() && d.Received.Before(i.applies) {
		f := i.Basis.finding(id+".applies", Fail, "The law behind this instrument did not apply yet when the demand came in.")
		f.Settle = "check the time of receipt"
		found = append(found, f)
	}
	if i.Order.Need == "required" {
		f := i.Order.Basis.finding(id+".order", Pass, "The order's document is on file.")
		if !d.Order {
			f.Outcome, f.Final, f.Why, f.Settle = Fail, true, "No order document is on file.", "attach the order as it came"
		}
		found = append(found, f)
	}
	f := i.Basis.finding(id+".matter", Pass, fmt.Sprintf("The instrument serves a %s matter.", d.Matter))
	switch {
	case d.Matter == "":
		f.Outcome, f.Why, f.Settle = Counsel, "What kind of matter it is for is not known.", "enter "+strings.Join(i.Matters, " or ")
	case !slices.Contains(i.Matters, d.Matter):
		f.Outcome, f.Why = Fail, fmt.Sprintf("The instrument serves no %s matter, only: %s.", d.Matter, strings.Join(i.Matters, ", "))
		f.Settle = "ask the authority for process that fits the matter"
	}
	found = append(found, f)
	if i.Emergency.TwoPersons {
		f := i.Emergency.Basis.finding(id+".two-persons", Counsel, "Nothing is produced on one person's word.")
		if i.Emergency.Voluntary {
			f.Why = "Disclosure is voluntary and may always be refused; nothing is produced on one person's word."
		}
		f.Settle = "two persons, one of them counsel, sign a reasoned determination"
		found = append(found, f)
	}
	return found
}

// issued checks who issued the demand: for the instrument, and for each class
// of data that has its own, stricter rule.
func (i *Instrument) issued(d *Demand) (found []Finding) {
	general := len(d.Classes) == 0
	for _, name := range d.Classes {
		c := i.class(name)
		if c == nil || c.Issuers == nil {
			general = true
			continue
		}
		found = append(found, c.Issuers.judge(fmt.Sprintf("%s.issuer.%s", i.ID, name), d))
	}
	if general && i.Issuers != nil {
		found = append([]Finding{i.Issuers.judge(string(i.ID)+".issuer", d)}, found...)
	}
	return found
}

func (i *Instrument) class(name writ.DataClass) *Class {
	for n := range i.Classes {
		if i.Classes[n].Class == name {
			return &i.Classes[n]
		}
	}
	return nil
}

func (s *Issuers) judge(rule string, d *Demand) Finding {
	f := s.Basis.finding(rule, Pass, "The issuer is of a kind that may issue it: "+d.Issuer.Kind+".")
	if slices.Contains(s.Kinds, d.Issuer.Kind) {
		return f
	}
	foreign := d.Validator.Country != "" && d.Issuer.Country != "" && d.Validator.Country != d.Issuer.Country
	if slices.Contains(s.Validators, d.Validator.Kind) && !foreign {
		f.Why = "The order was validated: " + d.Validator.Kind + "."
		if d.Issuer.Kind == "" || d.Validator.Country == "" || d.Issuer.Country == "" {
			f.Outcome, f.Why, f.Settle = Counsel, "Who issued the order, or in which state it was validated, is not known.", "enter issuer and validator with their countries"
		}
		return f
	}
	if len(s.Validators) > 0 {
		f.Settle = "validation in the issuing state by: " + strings.Join(s.Validators, ", ")
	} else {
		f.Settle = "an order issued by: " + strings.Join(s.Kinds, ", ")
	}
	switch {
	case d.Issuer.Kind == "":
		f.Outcome, f.Why = Counsel, "Who issued the demand is not known."
	case d.Emergency && s.Unvalidated != nil:
		f = s.Unvalidated.finding(rule, Counsel, "Issued without validation in an emergency, which the law may allow for a short time.")
		f.Settle = "proof of the validation, afterwards and in time"
	default:
		f.Outcome, f.Why = Fail, fmt.Sprintf("An authority of this kind may not issue it: %s.", d.Issuer.Kind)
	}
	return f
}

// reaches checks the classes of data that are asked for.
func (i *Instrument) reaches(d *Demand) (found []Finding) {
	if len(d.Classes) == 0 {
		f := i.Basis.finding(string(i.ID)+".classes", Counsel, "Which classes of data are asked for is not known.")
		f.Settle = "enter the classes that the demand names"
		return []Finding{f}
	}
	for _, name := range d.Classes {
		rule := fmt.Sprintf("%s.class.%s", i.ID, name)
		if c := i.class(name); c != nil {
			found = append(found, c.Basis.finding(rule, Pass, fmt.Sprintf("The instrument reaches %s data: %s.", name, c.Needs)))
			continue
		}
		f := i.Basis.finding(rule, Fail, fmt.Sprintf("The instrument does not reach %s data.", name))
		f.Settle = "produce only what it reaches, or ask for process that reaches it"
		found = append(found, f)
	}
	return found
}

// judge asks one rule. It applies unless its condition is known not to hold.
func (l *Law) judge(r *rule, d *Demand, facts Facts) (Finding, bool) {
	f := r.Basis.finding(r.ID, Pass, r.Title)
	f.House = r.house
	when := yes
	if r.When != nil {
		when = r.When.ask(d, facts, &f.Open)
	}
	if when == no {
		return f, false
	}
	holds := r.Require.ask(d, facts, &f.Open)
	switch {
	case when == yes && holds == yes:
		f.Open = nil
	case when == yes && holds == no:
		f.Outcome, f.Why, f.Settle, f.Open = r.Otherwise, r.Fail, r.Settle, nil
	default:
		f.Outcome, f.Why, f.Settle = Counsel, "Not known yet: "+r.Title, r.Settle
		if len(f.Open) > 0 {
			f.Settle = l.answers(f.Open)
		}
	}
	return f, true
}

// answers is what would settle open questions.
func (l *Law) answers(open []string) string {
	asks := make([]string, len(open))
	for i, id := range open {
		asks[i] = l.questions[id].Ask
	}
	return "answer: " + strings.Join(asks, " ")
}

// NeedsDetermination are the findings that bind until two people, one of them
// counsel, sign a reasoned determination: all that didn't pass and aren't final.
func (l *Law) NeedsDetermination(found []Finding) (open []Finding) {
	for _, f := range found {
		if f.Outcome != Pass && !f.Final {
			open = append(open, f)
		}
	}
	return open
}

// Barred are the findings that no determination passes: there is no writ while
// one of them stands.
func (l *Law) Barred(found []Finding) (final []Finding) {
	for _, f := range found {
		if f.Outcome != Pass && f.Final {
			final = append(final, f)
		}
	}
	return final
}
