package law

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// tri is a truth value that may be unknown (Kleene's logic).
type tri int8

const (
	no      tri = -1
	unknown tri = 0
	yes     tri = 1
)

func known(b bool) tri {
	if b {
		return yes
	}
	return no
}

// cond is one condition of the packs' language: exactly one of the members is
// set. It is read from YAML and checked by compile before it is ever asked.
type cond struct {
	All  []*cond `yaml:"all"`
	Any  []*cond `yaml:"any"`
	Not  *cond   `yaml:"not"`
	Fact string  `yaml:"fact"`

	Field    string   `yaml:"field"`
	Is       any      `yaml:"is"`
	In       []string `yaml:"in"`
	Group    string   `yaml:"group"`
	Set      *bool    `yaml:"set"`
	SameAs   string   `yaml:"same-as"`
	AtLeast  *int     `yaml:"at-least"`
	AtMost   *int     `yaml:"at-most"`
	Includes []string `yaml:"includes"`
	Only     []string `yaml:"only"`
	NotAfter string   `yaml:"not-after"`
	Within   *within  `yaml:"within"`

	field, other field
	test         func(value, value) tri
}

// within holds when a time is at most so many days after another.
type within struct {
	Of   string `yaml:"of"`
	Days int    `yaml:"days"`
}

// UnmarshalYAML refuses members that the language doesn't know, whatever the
// decoder above was told.
func (c *cond) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a condition is a mapping (all, any, not, fact or field)", node.Line)
	}
	for i := 0; i < len(node.Content); i += 2 {
		if !slices.Contains(condMembers, node.Content[i].Value) {
			return fmt.Errorf("line %d: no such operator in a condition: %q", node.Content[i].Line, node.Content[i].Value)
		}
	}
	type plain cond
	return node.Decode((*plain)(c))
}

var condMembers = []string{"all", "any", "not", "fact", "field", "is", "in", "group", "set", "same-as", "at-least", "at-most", "includes", "only", "not-after", "within"}

// maxDepth bounds how deep conditions may be nested.
const maxDepth = 16

// compiler is what conditions are checked against.
type compiler struct {
	questions map[string]Question
	groups    map[string][]string
}

// compile checks c and everything in it, and makes it ready to be asked.
func (k compiler) compile(c *cond, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("a condition is nested deeper than %d", maxDepth)
	}
	forms := 0
	for _, has := range []bool{c.All != nil, c.Any != nil, c.Not != nil, c.Fact != "", c.Field != ""} {
		if has {
			forms++
		}
	}
	if forms != 1 {
		return fmt.Errorf("a condition has exactly one of all, any, not, fact and field; this has %d", forms)
	}
	if c.Field == "" && c.operators() > 0 {
		return fmt.Errorf("an operator stands without a field")
	}
	switch {
	case c.Not != nil:
		return k.compile(c.Not, depth+1)
	case c.Fact != "":
		if _, ok := k.questions[c.Fact]; !ok {
			return fmt.Errorf("fact %q is asked for and nowhere defined", c.Fact)
		}
		return nil
	case c.Field != "":
		return k.comparison(c)
	}
	parts := append(slices.Clone(c.All), c.Any...)
	if len(parts) == 0 {
		return fmt.Errorf("all and any need at least one condition")
	}
	for _, part := range parts {
		if part == nil {
			return fmt.Errorf("an empty condition")
		}
		if err := k.compile(part, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *cond) operators() (n int) {
	for _, has := range []bool{c.Is != nil, c.In != nil, c.Group != "", c.Set != nil, c.SameAs != "", c.AtLeast != nil,
		c.AtMost != nil, c.Includes != nil, c.Only != nil, c.NotAfter != "", c.Within != nil} {
		if has {
			n++
		}
	}
	return n
}

// comparison checks a condition on a field: one operator, of the field's type.
func (k compiler) comparison(c *cond) error {
	var ok bool
	if c.field, ok = fields[c.Field]; !ok {
		return fmt.Errorf("no such field: %q", c.Field)
	}
	if n := c.operators(); n != 1 {
		return fmt.Errorf("field %s has %d operators, not one", c.Field, n)
	}
	var takes []kind
	switch {
	case c.Is != nil:
		return c.equality()
	case c.In != nil:
		takes = []kind{text}
		c.test = func(v, _ value) tri { return known(slices.Contains(c.In, v.text)) }
	case c.Group != "":
		members, ok := k.groups[c.Group]
		if !ok {
			return fmt.Errorf("no such group of countries: %q", c.Group)
		}
		takes = []kind{text}
		c.test = func(v, _ value) tri { return known(slices.Contains(members, v.text)) }
	case c.Set != nil:
		takes = []kind{text, instant, list}
	case c.SameAs != "":
		takes = []kind{text}
		c.test = func(v, w value) tri { return known(v.text == w.text) }
		return k.other(c, c.SameAs, takes)
	case c.AtLeast != nil:
		takes = []kind{number}
		c.test = func(v, _ value) tri { return known(v.number >= *c.AtLeast) }
	case c.AtMost != nil:
		takes = []kind{number}
		c.test = func(v, _ value) tri { return known(v.number <= *c.AtMost) }
	case c.Includes != nil:
		takes = []kind{list}
		c.test = func(v, _ value) tri { return known(slices.ContainsFunc(c.Includes, v.has)) }
	case c.Only != nil:
		takes = []kind{list}
		c.test = func(v, _ value) tri { return known(v.only(c.Only)) }
	case c.NotAfter != "":
		takes = []kind{instant}
		c.test = func(v, w value) tri { return known(!v.at.After(w.at)) }
		return k.other(c, c.NotAfter, takes)
	case c.Within != nil:
		takes = []kind{instant}
		if c.Within.Days < 1 {
			return fmt.Errorf("within needs days")
		}
		most := time.Duration(c.Within.Days) * 24 * time.Hour
		c.test = func(v, w value) tri { return known(v.at.Sub(w.at) <= most) }
		return k.other(c, c.Within.Of, takes)
	}
	return c.typed(takes)
}

func (c *cond) equality() error {
	switch want := c.Is.(type) {
	case string:
		c.test = func(v, _ value) tri { return known(v.text == want) }
		return c.typed([]kind{text})
	case bool:
		c.test = func(v, _ value) tri { return known(v.flag == want) }
		return c.typed([]kind{flag})
	case int:
		c.test = func(v, _ value) tri { return known(v.number == want) }
		return c.typed([]kind{number})
	}
	return fmt.Errorf("field %s: is takes a word, a number, true or false", c.Field)
}

func (c *cond) typed(takes []kind) error {
	if !slices.Contains(takes, c.field.kind) {
		return fmt.Errorf("field %s is a %s, and its operator doesn't take that", c.Field, c.field.kind)
	}
	return nil
}

func (k compiler) other(c *cond, name string, takes []kind) error {
	var ok bool
	if c.other, ok = fields[name]; !ok || c.other.kind != c.field.kind {
		return fmt.Errorf("field %s can't be compared with %q", c.Field, name)
	}
	return c.typed(takes)
}

// ask evaluates c. Facts that decided nothing because they are unknown are
// added to open.
func (c *cond) ask(d *Demand, f Facts, open *[]string) tri {
	switch {
	case c.Fact != "":
		switch f[c.Fact] {
		case Yes:
			return yes
		case No:
			return no
		}
		if open != nil && !slices.Contains(*open, c.Fact) {
			*open = append(*open, c.Fact)
		}
		return unknown
	case c.Not != nil:
		return -c.Not.ask(d, f, open)
	case c.Field != "":
		return c.compare(d)
	}
	parts, end := c.All, no // all: one no decides
	if c.Any != nil {
		parts, end = c.Any, yes // any: one yes decides
	}
	mark := 0
	if open != nil {
		mark = len(*open)
	}
	result := -end
	for _, part := range parts {
		switch part.ask(d, f, open) {
		case end:
			if open != nil {
				*open = (*open)[:mark]
			}
			return end
		case unknown:
			result = unknown
		}
	}
	return result
}

func (c *cond) compare(d *Demand) tri {
	v := c.field.get(d)
	if c.Set != nil {
		return known(v.empty(c.field.kind) != *c.Set)
	}
	if v.empty(c.field.kind) {
		return unknown
	}
	var w value
	if c.other.get != nil {
		if w = c.other.get(d); w.empty(c.other.kind) {
			return unknown
		}
	}
	return c.test(v, w)
}

// facts calls visit with every fact that c names.
func (c *cond) facts(visit func(string)) {
	if c == nil {
		return
	}
	if c.Fact != "" {
		visit(c.Fact)
	}
	c.Not.facts(visit)
	for _, part := range append(slices.Clone(c.All), c.Any...) {
		part.facts(visit)
	}
}
