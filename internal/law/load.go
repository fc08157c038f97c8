package law

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"writ"
)

// Law is what the packs and the house's rules say together. It never changes.
type Law struct {
	instruments []*Instrument
	byID        map[writ.Instrument]*Instrument
	rules       map[writ.Instrument][]*rule
	clocks      map[writ.Instrument][]*clockRule
	asked       map[writ.Instrument][]Question
	questions   map[string]Question
	harms       []Harm
	groups      map[string][]string
	calendars   map[string]*calendar
	packs       []PackInfo
	house       *PackInfo
}

// maxFile bounds a pack, and the house's rules.
const maxFile = 1 << 20

// Load reads every pack (*.yaml in the root of fsys) with what they refer to
// (data/countries.yaml, data/calendars.yaml), and the operator's house rules,
// which may be nil. All of it is checked against the published schema and
// beyond it; the error says which file, which rule and why. House rules may
// only be stricter than the packs: anything laxer is refused.
func Load(fsys fs.FS, house []byte) (*Law, error) {
	l := &Law{byID: map[writ.Instrument]*Instrument{}, rules: map[writ.Instrument][]*rule{}, clocks: map[writ.Instrument][]*clockRule{},
		asked: map[writ.Instrument][]Question{}, questions: map[string]Question{}}
	if err := l.data(fsys); err != nil {
		return nil, err
	}
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("couldn't list the law packs: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("there are no law packs (*.yaml)")
	}
	var loaded []*pack
	for _, name := range names {
		p, err := l.read(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("law pack %s: %w", name, err)
		}
		loaded = append(loaded, p)
	}
	b := &builder{law: l, ids: map[string]string{}}
	if err := b.packs(loaded); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(house)) > 0 {
		if err := b.house(house); err != nil {
			return nil, fmt.Errorf("house rules: %w", err)
		}
	}
	l.ask()
	return l, nil
}

// read reads one pack, and counts its cells.
func (l *Law) read(fsys fs.FS, name string) (*pack, error) {
	body, err := file(fsys, name)
	if err != nil {
		return nil, err
	}
	var p pack
	var info PackInfo
	if err := decode(body, "", &p, &info); err != nil {
		return nil, err
	}
	if p.Pack+".yaml" != name {
		return nil, fmt.Errorf("the pack calls itself %q", p.Pack)
	}
	info.Name, info.Version, info.Title, info.Enabled = p.Pack, p.Version, p.Title, p.Enabled
	l.packs = append(l.packs, info)
	return &p, nil
}

func file(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return body, bounded(body)
}

func bounded(body []byte) error {
	if len(body) > maxFile {
		return fmt.Errorf("larger than %d bytes", maxFile)
	}
	return nil
}

// decode checks a document against a part of the schema ("" is a pack), reads
// it, and counts its cells into info, which may be nil. The schema knows every
// member there is, so that none is passed over.
func decode(body []byte, part string, into any, info *PackInfo) error {
	var node yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&node); err != nil {
		return fmt.Errorf("couldn't read it as YAML: %w", err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document in a file")
	}
	if err := conforms(&node, part); err != nil {
		return err
	}
	if err := node.Decode(into); err != nil {
		return fmt.Errorf("couldn't read it: %w", err)
	}
	if info != nil {
		sum := sha256.Sum256(body)
		info.SHA256 = hex.EncodeToString(sum[:])
		info.count(&node)
	}
	return nil
}

// count counts cells by how sure they are.
func (p *PackInfo) count(n *yaml.Node) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "verified" {
			switch Verified(child.Value) {
			case InPrimary:
				p.Primary++
			case InSecondary:
				p.Secondary++
			case Unverified:
				p.Unverified++
			}
		}
		p.count(child)
	}
}

// data reads what packs refer to.
func (l *Law) data(fsys fs.FS) error {
	var countries struct {
		Groups map[string]struct {
			Basis `yaml:",inline"`
			In    []string `yaml:"in"`
		} `yaml:"groups"`
	}
	var calendars struct {
		Calendars map[string]*calendar `yaml:"calendars"`
	}
	for _, one := range []struct {
		name, part string
		into       any
	}{{"data/countries.yaml", "countries", &countries}, {"data/calendars.yaml", "calendars", &calendars}} {
		body, err := file(fsys, one.name)
		if err == nil {
			err = decode(body, one.part, one.into, nil)
		}
		if err != nil {
			return fmt.Errorf("law data %s: %w", one.name, err)
		}
	}
	l.groups = map[string][]string{}
	for name, group := range countries.Groups {
		l.groups[name] = group.In
	}
	for name, c := range calendars.Calendars {
		if err := c.check(); err != nil {
			return fmt.Errorf("law data data/calendars.yaml: %s: %w", name, err)
		}
	}
	if calendars.Calendars["default"] == nil {
		return errors.New("law data data/calendars.yaml: there is no default calendar")
	}
	l.calendars = calendars.Calendars
	return nil
}

func (l *Law) calendar(country string) *calendar {
	if c := l.calendars[country]; c != nil {
		return c
	}
	return l.calendars["default"]
}

// ask collects, for each instrument, what counsel can be asked.
func (l *Law) ask() {
	for _, i := range l.instruments {
		seen := map[string]bool{}
		visit := func(id string) {
			if !seen[id] {
				seen[id] = true
				l.asked[i.ID] = append(l.asked[i.ID], l.questions[id])
			}
		}
		for _, r := range l.rules[i.ID] {
			r.When.facts(visit)
			r.Require.facts(visit)
		}
		for _, c := range i.Secrecy.Allowed {
			for _, id := range c.Facts {
				visit(id)
			}
		}
		slices.SortFunc(l.asked[i.ID], func(a, b Question) int { return strings.Compare(a.ID, b.ID) })
	}
}

// Instruments are all instruments, by id, those that are switched off too. What
// they hold is shared with the Law: look, don't change.
func (l *Law) Instruments() []Instrument {
	all := make([]Instrument, len(l.instruments))
	for n, i := range l.instruments {
		all[n] = *i
	}
	return all
}

// Instrument finds one instrument.
func (l *Law) Instrument(id writ.Instrument) (Instrument, bool) {
	i := l.byID[id]
	if i == nil {
		return Instrument{}, false
	}
	return *i, true
}

// Packs are the packs in use, by name, and last the house's rules, if there are
// any, under the name "house".
func (l *Law) Packs() []PackInfo {
	all := slices.Clone(l.packs)
	if l.house != nil {
		all = append(all, *l.house)
	}
	return all
}

// Questions are what counsel can be asked about a demand of an instrument, by
// id.
func (l *Law) Questions(id writ.Instrument) []Question { return slices.Clone(l.asked[id]) }

// Harms are the harms that an order of silence may have to name, in the order
// of their packs.
func (l *Law) Harms() []Harm { return slices.Clone(l.harms) }

func (l *Law) harm(id string) bool {
	return slices.ContainsFunc(l.harms, func(h Harm) bool { return h.ID == id })
}

// Answers are the answers that the demand's instrument knows.
func (l *Law) Answers(d Demand) []string {
	if i := l.byID[d.Instrument]; i != nil {
		return slices.Clone(i.Answers)
	}
	return nil
}

// PinFrom says from when data in scope are pinned: from receipt, or, with
// false, not before counsel says so.
func (l *Law) PinFrom(d Demand) (time.Time, bool) {
	i := l.byID[d.Instrument]
	if i == nil || !i.Pin.OnReceipt || d.Received.IsZero() {
		return time.Time{}, false
	}
	return d.Received.UTC(), true
}
