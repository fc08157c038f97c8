package law

import (
	"slices"
	"time"

	"writ"
)

// kind is the type of a field.
type kind string

const (
	text    kind = "text"
	number  kind = "number"
	flag    kind = "flag"
	instant kind = "time"
	list    kind = "list"
)

// value is what a field holds, in the member of its kind.
type value struct {
	text    string
	number  int
	flag    bool
	at      time.Time
	words   []string
	classes []writ.DataClass
}

// empty tells whether nobody filled the field in. Flags and numbers always
// say something.
func (v value) empty(k kind) bool {
	switch k {
	case text:
		return v.text == ""
	case instant:
		return v.at.IsZero()
	case list:
		return len(v.words)+len(v.classes) == 0
	}
	return false
}

func (v value) has(word string) bool {
	return slices.Contains(v.words, word) || slices.Contains(v.classes, writ.DataClass(word))
}

func (v value) only(words []string) bool {
	for _, w := range v.words {
		if !slices.Contains(words, w) {
			return false
		}
	}
	for _, c := range v.classes {
		if !slices.Contains(words, string(c)) {
			return false
		}
	}
	return true
}

// field is a member of a demand that conditions may name.
type field struct {
	kind kind
	get  func(*Demand) value
}

// fields are the members of a demand by the names that packs use.
var fields = map[string]field{
	"issuer.kind":       {text, func(d *Demand) value { return value{text: d.Issuer.Kind} }},
	"issuer.country":    {text, func(d *Demand) value { return value{text: d.Issuer.Country} }},
	"validator.kind":    {text, func(d *Demand) value { return value{text: d.Validator.Kind} }},
	"validator.country": {text, func(d *Demand) value { return value{text: d.Validator.Country} }},
	"provider.country":  {text, func(d *Demand) value { return value{text: d.Provider.Country} }},
	"matter":            {text, func(d *Demand) value { return value{text: d.Matter} }},
	"secrecy":           {text, func(d *Demand) value { return value{text: string(d.Secrecy)} }},
	"conflict":          {text, func(d *Demand) value { return value{text: d.Conflict} }},
	"identifiers":       {number, func(d *Demand) value { return value{number: d.Identifiers} }},
	"emergency":         {flag, func(d *Demand) value { return value{flag: d.Emergency} }},
	"order":             {flag, func(d *Demand) value { return value{flag: d.Order} }},
	"received":          {instant, func(d *Demand) value { return value{at: d.Received} }},
	"signed":            {instant, func(d *Demand) value { return value{at: d.Signed} }},
	"from":              {instant, func(d *Demand) value { return value{at: d.From} }},
	"until":             {instant, func(d *Demand) value { return value{at: d.Until} }},
	"secrecy_until":     {instant, func(d *Demand) value { return value{at: d.SecrecyUntil} }},
	"deadline":          {instant, func(d *Demand) value { return value{at: d.Deadline} }},
	"classes":           {list, func(d *Demand) value { return value{classes: d.Classes} }},
	"harms":             {list, func(d *Demand) value { return value{words: d.Harms} }},
}
