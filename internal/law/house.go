package law

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ"
)

// house is what an operator lays on top of the packs.
type house struct {
	House       string                          `yaml:"house"` // the version of the rules
	Disable     []writ.Instrument               `yaml:"disable"`
	Questions   map[string]Question             `yaml:"questions"`
	Instruments map[writ.Instrument]*houseLimit `yaml:"instruments"`
	Clocks      map[string]period               `yaml:"clocks"`
	Rules       []*rule                         `yaml:"rules"`
}

// houseLimit narrows one instrument.
type houseLimit struct {
	Classes    []writ.DataClass `yaml:"classes"`
	Issuers    []string         `yaml:"issuers"`
	Matters    []string         `yaml:"matters"`
	Secrecy    []writ.Secrecy   `yaml:"secrecy"`
	ReviewDays int              `yaml:"review_days"`
	TwoPersons *bool            `yaml:"two_persons"`
}

// ErrLaxer reports house rules that are laxer than the packs, or that would
// refuse what the law lets nobody refuse.
var ErrLaxer = errors.New("a house rule may only be stricter")

func laxer(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrLaxer)
}

// house checks the house's rules and lays them on.
func (b *builder) house(body []byte) error {
	if err := bounded(body); err != nil {
		return err
	}
	var h house
	info := &PackInfo{Name: "house", Title: "The operator's own rules", Enabled: true}
	if err := decode(body, "house", &h, info); err != nil {
		return err
	}
	info.Version = h.House
	b.law.house = info
	for _, step := range []func(*house) error{b.disable, b.limits, b.shorter, b.own} {
		if err := step(&h); err != nil {
			return err
		}
	}
	return nil
}

// disable switches instruments off that the law lets the provider refuse.
func (b *builder) disable(h *house) error {
	for _, id := range h.Disable {
		i := b.law.byID[id]
		if i == nil {
			return fmt.Errorf("disable: no pack has the instrument %q", id)
		}
		if i.Enabled && !i.Rejectable() {
			return laxer("disable: %s can't be rejected, and so not switched off", id)
		}
		i.Enabled = false
	}
	return nil
}

// limits narrows instruments, in a fixed order, so that the first mistake is
// always the same.
func (b *builder) limits(h *house) error {
	for _, id := range slices.Sorted(maps.Keys(h.Instruments)) {
		i := b.law.byID[id]
		if i == nil {
			return fmt.Errorf("instruments: no pack has the instrument %q", id)
		}
		if err := h.Instruments[id].on(i); err != nil {
			return fmt.Errorf("instruments.%s.%w", id, err)
		}
	}
	return nil
}

func (m *houseLimit) on(i *Instrument) error {
	if len(m.Classes)+len(m.Issuers)+len(m.Matters) > 0 && !i.Rejectable() {
		return laxer("classes, issuers and matters stay as the law has them: a demand of this kind can't be rejected")
	}
	if len(m.Classes) > 0 {
		for _, c := range m.Classes {
			if i.class(c) == nil {
				return laxer("classes: the pack doesn't reach %s data", c)
			}
		}
		i.Classes = slices.DeleteFunc(slices.Clone(i.Classes), func(c Class) bool { return !slices.Contains(m.Classes, c.Class) })
	}
	if len(m.Issuers) > 0 {
		if err := m.issuers(i); err != nil {
			return err
		}
	}
	if len(m.Matters) > 0 {
		if extra := beyond(m.Matters, i.Matters); extra != "" {
			return laxer("matters: the pack doesn't allow %s", extra)
		}
		i.Matters = m.Matters
	}
	if m.TwoPersons != nil {
		if !*m.TwoPersons && i.Emergency.TwoPersons {
			return laxer("two_persons: the pack asks for two")
		}
		i.Emergency.TwoPersons = *m.TwoPersons
	}
	return m.silence(i)
}

// issuers narrows who may issue: everywhere the instrument names issuers. A
// validator whom the house doesn't name validates nothing.
func (m *houseLimit) issuers(i *Instrument) error {
	if i.Issuers == nil {
		return laxer("issuers: the pack leaves them to counsel; write a rule instead")
	}
	if extra := beyond(m.Issuers, append(slices.Clone(i.Issuers.Kinds), i.Issuers.Validators...)); extra != "" {
		return laxer("issuers: the pack doesn't allow %s", extra)
	}
	narrow := func(s *Issuers) *Issuers {
		if s == nil {
			return nil
		}
		copied := *s
		outside := func(kind string) bool { return !slices.Contains(m.Issuers, kind) }
		copied.Kinds = slices.DeleteFunc(slices.Clone(s.Kinds), outside)
		copied.Validators = slices.DeleteFunc(slices.Clone(s.Validators), outside)
		return &copied
	}
	i.Issuers = narrow(i.Issuers)
	i.Classes = slices.Clone(i.Classes)
	for n := range i.Classes {
		i.Classes[n].Issuers = narrow(i.Classes[n].Issuers)
	}
	return nil
}

// silence takes bases of secrecy away, and looks at open ends sooner.
func (m *houseLimit) silence(i *Instrument) error {
	if len(m.Secrecy) > 0 {
		if extra := beyond(m.Secrecy, append(allowed(i.Secrecy.Allowed), i.Secrecy.Default)); extra != "" {
			return laxer("secrecy: the pack doesn't allow %s", extra)
		}
		i.Secrecy.Allowed = slices.DeleteFunc(slices.Clone(i.Secrecy.Allowed), func(c SecrecyChange) bool { return !slices.Contains(m.Secrecy, c.Secrecy) })
	}
	if m.ReviewDays > 0 {
		if m.ReviewDays > i.Secrecy.ReviewDays {
			return laxer("review_days: %d is later than the pack's %d", m.ReviewDays, i.Secrecy.ReviewDays)
		}
		i.Secrecy.ReviewDays = m.ReviewDays
	}
	return nil
}

func allowed(changes []SecrecyChange) (all []writ.Secrecy) {
	for _, c := range changes {
		all = append(all, c.Secrecy)
	}
	return all
}

// beyond is the first of wanted that isn't among has.
func beyond[T ~string](wanted, has []T) string {
	for _, w := range wanted {
		if !slices.Contains(has, w) {
			return string(w)
		}
	}
	return ""
}

// shorter makes clocks run faster. How long a duty lasts is the law's to say,
// and so is a deadline of the order's own.
func (b *builder) shorter(h *house) error {
	for _, id := range slices.Sorted(maps.Keys(h.Clocks)) {
		found := false
		for _, rules := range b.law.clocks {
			for n, r := range rules {
				if r.ID != id {
					continue
				}
				found = true
				switch p := h.Clocks[id]; {
				case r.Holds:
					return laxer("clocks.%s: how long data are kept is the law's to say", id)
				case r.Runs.Deadline:
					return laxer("clocks.%s: its end is the order's own", id)
				case !p.shorter(r.Runs):
					return laxer("clocks.%s: not shorter than the pack's, in the same unit", id)
				}
				copied := *r
				copied.Runs = h.Clocks[id]
				rules[n] = &copied
			}
		}
		if !found {
			return fmt.Errorf("clocks: no pack has the clock %q", id)
		}
	}
	return nil
}

func (p period) shorter(than period) bool {
	return p.Hours > 0 && p.Hours < than.Hours && p.Days+p.Months == 0 ||
		p.Days > 0 && p.Days < than.Days && p.Hours+p.Months == 0 ||
		p.Months > 0 && p.Months < than.Months && p.Hours+p.Days == 0
}

// own takes in the house's own rules. They come after the law's, and where the
// law lets nobody refuse they can only ask counsel.
func (b *builder) own(h *house) error {
	for id, q := range h.Questions {
		if _, twice := b.law.questions[id]; twice {
			return fmt.Errorf("question %s is defined twice", id)
		}
		q.ID = id
		b.law.questions[id] = q
	}
	for _, r := range h.Rules {
		if !strings.HasPrefix(r.ID, "house.") {
			return fmt.Errorf("rule %s: the ids of house rules begin with \"house.\"", r.ID)
		}
		r.house = true
		if err := b.rule("the house rules", r); err != nil {
			return fmt.Errorf("rule %s: %w", r.ID, err)
		}
		if r.Otherwise != Fail {
			continue
		}
		if err := b.each(r.Instruments, func(i *Instrument) error {
			if !i.Rejectable() {
				return laxer("%s can't be rejected, so that a house rule on it says otherwise: counsel", i.ID)
			}
			return nil
		}); err != nil {
			return fmt.Errorf("rule %s: %w", r.ID, err)
		}
	}
	for id := range h.Questions {
		if !b.used[id] {
			return fmt.Errorf("question %s: nothing asks it", id)
		}
	}
	return nil
}
