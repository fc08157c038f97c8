package letter

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"writ"
)

// Described is what a kind of letter takes, for whoever asks a person for it.
type Described struct {
	Kind     Kind    `json:"kind"`
	Title    string  `json:"title"`
	Audience string  `json:"audience" doc:"authority, customer or internal"`
	Form     bool    `json:"form,omitempty" doc:"a form, and no letter"`
	Fields   []Field `json:"fields" doc:"without those of the demand, which the case fills in"`
}

// Field is one field of a kind.
type Field struct {
	Name     string   `json:"name"`
	Label    string   `json:"label,omitempty" doc:"what the letter calls it, where it stands in a table or list of facts"`
	Type     string   `json:"type" enum:"text,long,exact,date,time,count,size,flag,choice,choices,list,rows"`
	Required bool     `json:"required,omitempty"`
	Max      int      `json:"max,omitempty" doc:"bytes of a text, items of a list"`
	Options  []Option `json:"options,omitempty" doc:"of a choice"`
	Fields   []Field  `json:"fields,omitempty" doc:"of each row"`
}

// Option is a value that a field may have.
type Option struct {
	Value string `json:"value"`
	Text  string `json:"text"`
}

// longText is from how many bytes on a text wants several lines.
const longText = 1000

// Describe tells what all kinds take, in the order of their names and in one of
// [Languages]; in English if it is none of them.
func (s *Set) Describe(lang string) []Described {
	if !slices.Contains(languages, lang) {
		lang = languages[0]
	}
	demand := fieldsOf(reflect.TypeFor[Demand]())
	out := make([]Described, 0, len(s.shapes))
	for _, kind := range Kinds() {
		shape := s.shapes[kind]
		d := describer{words: s.words[lang], labels: shape.labels()}
		one := Described{Kind: kind, Title: s.texts[lang][kind].Title, Audience: shape.Audience, Form: shape.Form, Fields: []Field{}}
		for _, f := range reflect.VisibleFields(typeOf(kind)) {
			_, filled := demand[nameOf(f)]
			if !f.Anonymous && (!filled || kind == (Page{}).Kind()) {
				one.Fields = append(one.Fields, d.field(f))
			}
		}
		out = append(out, one)
	}
	return out
}

// labels are the words by which a kind's facts and tables call fields, where they
// are not the fields' names.
func (s shape) labels() map[string]string {
	out := map[string]string{}
	for _, b := range s.Blocks {
		for _, text := range append(slices.Clone(b.Facts), b.Columns...) {
			text, _, _ = strings.Cut(text, ":")
			if name, label, other := strings.Cut(text, "="); other {
				out[name] = label
			}
		}
	}
	return out
}

// describer describes the fields of one kind in one language.
type describer struct {
	words  words
	labels map[string]string
}

func (d describer) field(f reflect.StructField) Field {
	rule := rulesOf(f)
	out := Field{Name: nameOf(f), Required: rule.required}
	out.Label = d.words.Labels[cmp.Or(d.labels[out.Name], out.Name)]
	switch reflect.Zero(f.Type).Interface().(type) {
	case time.Time:
		if out.Type = "time"; rule.date {
			out.Type = "date"
		}
		return out
	case time.Duration:
		out.Type = "count"
		return out
	}
	switch f.Type.Kind() {
	case reflect.Bool:
		out.Type = "flag"
	case reflect.Int64:
		if out.Type = "count"; rule.bytes {
			out.Type = "size"
		}
	case reflect.Slice:
		out.Max = rule.max
		item := f.Type.Elem()
		out.Options = d.options(item)
		switch {
		case item.Kind() == reflect.Struct:
			out.Type = "rows"
			for _, inner := range reflect.VisibleFields(item) {
				if !inner.Anonymous {
					out.Fields = append(out.Fields, d.field(inner))
				}
			}
		case out.Options != nil:
			out.Type = "choices"
		default:
			out.Type = "list"
		}
	default:
		out.Max = min(rule.max, maxBytes)
		out.Options = d.options(f.Type)
		switch {
		case out.Options != nil:
			out.Type, out.Max = "choice", 0
		case rule.exact:
			out.Type = "exact"
		case out.Max >= longText:
			out.Type = "long"
		default:
			out.Type = "text"
		}
	}
	return out
}

// options are the values of a type that has few; nil for others.
func (d describer) options(t reflect.Type) []Option {
	var known map[string]string
	var order []string
	switch t {
	case reflect.TypeFor[writ.DataClass]():
		known = d.words.Classes
		for _, c := range []writ.DataClass{writ.ClassSubscriber, writ.ClassIdentification, writ.ClassTraffic, writ.ClassContent} {
			order = append(order, string(c))
		}
	case reflect.TypeFor[writ.Secrecy]():
		known = d.words.Secrecy
	case reflect.TypeFor[writ.Role]():
		known = d.words.Roles
	case reflect.TypeFor[EUHindrance]():
		known = d.words.Hindrances
	case reflect.TypeFor[Extent]():
		known = d.words.Extents
	default:
		return nil
	}
	if order == nil {
		order = slices.Sorted(maps.Keys(known))
	}
	out := make([]Option, len(order))
	for i, value := range order {
		out[i] = Option{value, known[value]}
	}
	return out
}
