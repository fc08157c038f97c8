package law

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
)

// builder puts packs together, and checks what no schema can.
type builder struct {
	law  *Law
	ids  map[string]string // of rules and clocks: where they stand
	used map[string]bool   // questions that something asks
}

// packs checks and takes in every pack.
func (b *builder) packs(all []*pack) error {
	b.used = map[string]bool{}
	for _, p := range all {
		if err := b.words(p); err != nil {
			return fmt.Errorf("law pack %s: %w", p.Pack, err)
		}
	}
	for _, p := range all {
		for _, i := range p.Instruments {
			if err := b.instrument(p, i); err != nil {
				return fmt.Errorf("law pack %s: instrument %s: %w", p.Pack, i.ID, err)
			}
		}
	}
	slices.SortFunc(b.law.instruments, func(x, y *Instrument) int { return strings.Compare(string(x.ID), string(y.ID)) })
	for _, p := range all {
		for _, r := range p.Rules {
			if err := b.rule(p.Pack, r); err != nil {
				return fmt.Errorf("law pack %s: rule %s: %w", p.Pack, r.ID, err)
			}
		}
		for _, r := range p.Clocks {
			if err := b.clock(p.Pack, r); err != nil {
				return fmt.Errorf("law pack %s: clock %s: %w", p.Pack, r.ID, err)
			}
		}
	}
	for _, p := range all {
		for id := range p.Questions {
			if !b.used[id] {
				return fmt.Errorf("law pack %s: question %s: nothing asks it", p.Pack, id)
			}
		}
	}
	return b.orders()
}

// words takes in what a pack defines for others to name.
func (b *builder) words(p *pack) error {
	for id, q := range p.Questions {
		if _, twice := b.law.questions[id]; twice {
			return fmt.Errorf("question %s is defined twice", id)
		}
		q.ID = id
		b.law.questions[id] = q
	}
	for _, h := range p.Harms {
		if b.law.harm(h.ID) {
			return fmt.Errorf("harm %s is defined twice", h.ID)
		}
		b.law.harms = append(b.law.harms, h)
	}
	if !p.Enabled && p.Why == "" {
		return errors.New("a disabled pack says why_disabled")
	}
	return nil
}

// claim takes an id of a rule or clock, once.
func (b *builder) claim(id, where string) error {
	if other, taken := b.ids[id]; taken {
		return fmt.Errorf("the id %s is taken by %s", id, other)
	}
	b.ids[id] = where
	return nil
}

func (b *builder) instrument(p *pack, i *Instrument) error {
	l := b.law
	if l.byID[i.ID] != nil {
		return fmt.Errorf("defined twice, also in pack %s", l.byID[i.ID].Pack)
	}
	i.Pack, i.Enabled = p.Pack, p.Enabled
	if p.Applies != "" {
		var err error
		if i.applies, err = time.Parse(time.DateOnly, p.Applies); err != nil {
			return fmt.Errorf("applies: %q is no day", p.Applies)
		}
	}
	l.byID[i.ID] = i
	l.instruments = append(l.instruments, i)
	ids := []string{"enabled", "applies", "order", "matter", "two-persons", "issuer", "classes", "secrecy"}
	for n, c := range i.Classes {
		if slices.ContainsFunc(i.Classes[:n], func(o Class) bool { return o.Class == c.Class }) {
			return fmt.Errorf("class %s stands twice", c.Class)
		}
		ids = append(ids, "class."+string(c.Class), "issuer."+string(c.Class))
	}
	for _, id := range ids {
		if err := b.claim(string(i.ID)+"."+id, "the instrument itself"); err != nil {
			return err
		}
	}
	for _, f := range i.Forms {
		if f.For != "production" && f.For != "extension" && !slices.Contains(i.Answers, f.For) {
			return fmt.Errorf("form %q is for %q, which is no answer of this instrument", f.Name, f.For)
		}
	}
	return b.secrecy(i)
}

func (b *builder) secrecy(i *Instrument) error {
	seen := map[writ.Secrecy]bool{}
	for _, c := range i.Secrecy.Allowed {
		if seen[c.Secrecy] {
			return fmt.Errorf("secrecy %s is allowed twice", c.Secrecy)
		}
		seen[c.Secrecy] = true
		if c.Secrecy == writ.DatedOrder && !slices.Contains(c.Needs, "end") {
			return errors.New("secrecy dated-order needs an end")
		}
		for _, id := range c.Facts {
			if _, ok := b.law.questions[id]; !ok {
				return fmt.Errorf("fact %q is asked for and nowhere defined", id)
			}
			b.used[id] = true
		}
	}
	if i.Secrecy.Default == writ.DatedOrder {
		return errors.New("secrecy can't be a dated order by default: nobody has ordered it yet")
	}
	return nil
}

func (b *builder) compiler() compiler {
	return compiler{questions: b.law.questions, groups: b.law.groups}
}

func (b *builder) condition(c *cond) error {
	if c == nil {
		return nil
	}
	if err := b.compiler().compile(c, 0); err != nil {
		return err
	}
	c.facts(func(id string) { b.used[id] = true })
	return nil
}

func (b *builder) rule(where string, r *rule) error {
	if err := b.claim(r.ID, where); err != nil {
		return err
	}
	if err := b.condition(r.When); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	if err := b.condition(r.Require); err != nil {
		return fmt.Errorf("require: %w", err)
	}
	return b.each(r.Instruments, func(i *Instrument) error {
		b.law.rules[i.ID] = append(b.law.rules[i.ID], r)
		return nil
	})
}

func (b *builder) clock(where string, r *clockRule) error {
	if err := b.claim(r.ID, where); err != nil {
		return err
	}
	if err := b.condition(r.When); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	facts := false
	r.When.facts(func(string) { facts = true })
	if facts {
		return errors.New("when: a clock hangs on events and fields, not on facts")
	}
	if len(r.Met) == 0 && !r.Holds {
		return errors.New("nothing meets it")
	}
	if r.Holds && r.Held != nil {
		return errors.New("a duty that lasts has no not_before_due")
	}
	return b.each(r.Instruments, func(i *Instrument) error {
		b.law.clocks[i.ID] = append(b.law.clocks[i.ID], r)
		return nil
	})
}

// each calls do for the instruments that names cover: ids, or "us.*", or "*".
func (b *builder) each(names []string, do func(*Instrument) error) error {
	done := map[*Instrument]bool{}
	for _, name := range names {
		prefix, wild := strings.CutSuffix(name, "*")
		found := false
		for _, i := range b.law.instruments {
			if string(i.ID) != name && !(wild && strings.HasPrefix(string(i.ID), prefix)) {
				continue
			}
			found = true
			if done[i] {
				continue
			}
			done[i] = true
			if err := do(i); err != nil {
				return err
			}
		}
		if !found {
			return fmt.Errorf("no pack has the instrument %q", name)
		}
	}
	return nil
}

// orders checks that whoever asks for an order afterwards has a clock for it.
func (b *builder) orders() error {
	for _, i := range b.law.instruments {
		if i.Order.Need != "afterwards" {
			continue
		}
		if !slices.ContainsFunc(b.law.clocks[i.ID], func(r *clockRule) bool {
			return r.From == Produced && slices.Contains(r.Met, OrderConfirmed)
		}) {
			return fmt.Errorf("law pack %s: instrument %s: an order is wanted afterwards, and no clock asks for it", i.Pack, i.ID)
		}
	}
	return nil
}
