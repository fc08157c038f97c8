package intake

import (
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/law"
)

// lawPage is the law in force.
type lawPage struct {
	look
	sureness
	Packs   []law.PackInfo
	Regions []region
}

// law lists instruments and packs.
func (r Rooms) law(v *page.Visit) error {
	var state api.LawState
	if err := r.Desk.Do(v.Context(), "GET", "law", nil, &state); err != nil {
		return err
	}
	return v.Render("law", lawPage{Packs: state.Packs, Regions: byRegion(state.Instruments)})
}

// clockView is a deadline as it would run from now.
type clockView struct {
	law.Clock
	Emergency bool
}

// instrumentPage is one instrument in full.
type instrumentPage struct {
	look
	sureness
	I      api.InstrumentState
	Does   string
	Pack   law.PackInfo
	Clocks []clockView
}

// Rejectable says whether a provider may reject such a demand.
func (p instrumentPage) Rejectable() bool { return p.I.Rejectable() }

// sureness tells how sure a cell of a pack is, as a word for a message.
type sureness struct{}

// Sure is the word.
func (sureness) Sure(basis any) string {
	var b law.Basis
	switch is := basis.(type) {
	case law.Basis:
		b = is
	case *law.Basis:
		b = *is
	}
	switch b.Verified {
	case law.InPrimary:
		return "primary"
	case law.InSecondary:
		return "secondary"
	}
	return "memory"
}

// lawOf shows one instrument.
func (r Rooms) lawOf(v *page.Visit) error {
	p := instrumentPage{}
	if err := r.Desk.Do(v.Context(), "GET", api.Below("law", v.Path("instrument")), nil, &p.I); err != nil {
		return err
	}
	p.Does = doesOf(&p.I.Instrument)
	for _, c := range p.I.Clocks {
		p.Clocks = append(p.Clocks, clockView{c, false})
	}
	for _, c := range p.I.EmergencyClocks {
		if !hasClock(p.I.Clocks, c.ID) {
			p.Clocks = append(p.Clocks, clockView{c, true})
		}
	}
	var state api.LawState
	if err := r.Desk.Do(v.Context(), "GET", "law", nil, &state); err != nil {
		return err
	}
	for _, one := range state.Packs {
		if one.Name == p.I.Pack {
			p.Pack = one
		}
	}
	return v.Render("law-instrument", p)
}

func hasClock(all []law.Clock, id string) bool {
	for _, c := range all {
		if c.ID == id {
			return true
		}
	}
	return false
}
