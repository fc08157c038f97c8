package intake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/letter"
	"writ/internal/policy"
)

// values are what the fields of a letter have, as texts of a form; of a list of
// rows, a map for each.
type values struct {
	text map[string]string
	many map[string][]string
	flag map[string]bool
	rows map[string][]values
}

func newValues() values {
	return values{map[string]string{}, map[string][]string{}, map[string]bool{}, map[string][]values{}}
}

// fieldView is a field as the form shows it.
type fieldView struct {
	letter.Field
	Path    string // its name in the form
	Label   string
	Value   string
	On      bool
	Choices []choiceView
	Rows    []rowView
	Full    bool // no more rows go in
	Hint    string
}

type choiceView struct {
	letter.Option
	Picked bool
}

type rowView struct {
	N      int
	Path   string // a hidden field of this name says that the row is there
	Drop   string // what its button posts
	Fields []fieldView
}

// fieldsOf shows fields with their values.
func fieldsOf(w *page.Words, fields []letter.Field, v values, at string) []fieldView {
	out := make([]fieldView, 0, len(fields))
	for _, f := range fields {
		one := fieldView{Field: f, Path: at + "." + f.Name, Label: f.Label, Value: v.text[f.Name], On: v.flag[f.Name]}
		if w.Knows("intake.field", f.Name) {
			one.Label = w.Of("intake.field", f.Name)
		}
		if one.Label == "" {
			one.Label = f.Name
		}
		if f.Type == "list" {
			one.Hint, one.Value = w.Say("intake.letter.lines"), strings.Join(v.many[f.Name], "\n")
		}
		for _, o := range f.Options {
			one.Choices = append(one.Choices, choiceView{o, o.Value == v.text[f.Name] || slices.Contains(v.many[f.Name], o.Value)})
		}
		if f.Type == "rows" {
			rows := v.rows[f.Name]
			if len(rows) == 0 && f.Required {
				rows = []values{newValues()}
			}
			for i, row := range rows {
				one.Rows = append(one.Rows, rowView{i + 1, fmt.Sprintf("%s.%d", one.Path, i), fmt.Sprintf("drop %s %d", f.Name, i), fieldsOf(w, f.Fields, row, fmt.Sprintf("%s.%d", one.Path, i))})
			}
			one.Full = len(rows) >= f.Max
		}
		out = append(out, one)
	}
	return out
}

// rowChange is what a button of a row does.
type rowChange struct {
	add, drop string // name of the field
	n         int
}

func change(do string) (c rowChange) {
	words := strings.Fields(do)
	switch {
	case len(words) == 2 && words[0] == "add":
		c.add = words[1]
	case len(words) == 3 && words[0] == "drop":
		n, err := strconv.Atoi(words[2])
		if err == nil && n >= 0 {
			c.drop, c.n = words[1], n
		}
	}
	return c
}

// posted are the values that a form sent, with its rows changed.
func posted(in *reading, fields []letter.Field, at string, rows rowChange) values {
	v := newValues()
	for _, f := range fields {
		name := at + "." + f.Name
		switch f.Type {
		case "flag":
			v.flag[f.Name] = in.form.Get(name) == "yes"
		case "choices":
			v.many[f.Name] = in.several(name)
		case "list":
			v.many[f.Name] = in.lines(name, 100*2002)
		case "rows":
			for i := range f.Max {
				row := fmt.Sprintf("%s.%d", name, i)
				if !in.form.Has(row) {
					break
				}
				v.rows[f.Name] = append(v.rows[f.Name], posted(in, f.Fields, row, rowChange{}))
			}
			if rows.add == f.Name {
				if v.rows[f.Name] = added(v.rows[f.Name], f.Max); len(v.rows[f.Name]) > 0 && v.rows[f.Name][len(v.rows[f.Name])-1].text == nil {
					v.rows[f.Name][len(v.rows[f.Name])-1] = newValues()
				}
			}
			if rows.drop == f.Name {
				v.rows[f.Name] = dropped(v.rows[f.Name], rows.n)
			}
		default:
			v.text[f.Name] = in.raw(name, 32<<10)
		}
	}
	return v
}

// encoded are the fields as the office takes them. What was left empty is left
// out, except what the case would fill in itself.
func encoded(in *reading, fields []letter.Field, v values) (json.RawMessage, error) {
	all := object(in, fields, v)
	if in.err != nil {
		return nil, in.err
	}
	return json.Marshal(all)
}

func object(in *reading, fields []letter.Field, v values) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		text := strings.TrimSpace(v.text[f.Name])
		if f.Type == "exact" {
			text = v.text[f.Name]
		}
		switch f.Type {
		case "flag":
			out[f.Name] = v.flag[f.Name]
		case "choices", "list":
			out[f.Name] = append([]string{}, v.many[f.Name]...)
		case "rows":
			list := []map[string]any{}
			for _, row := range v.rows[f.Name] {
				if one := object(in, f.Fields, row); len(one) > 0 {
					list = append(list, one)
				}
			}
			out[f.Name] = list
		case "count", "size":
			if text == "" {
				continue
			}
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				in.fail("%s is no number", f.Name)
			}
			out[f.Name] = n
		case "date", "time":
			if text == "" {
				continue
			}
			var at time.Time
			var err error
			if f.Type == "date" {
				at, err = time.Parse(time.DateOnly, text)
			} else {
				at, err = localTime(text, in.zone)
			}
			if err != nil {
				in.fail("%s: %s", f.Name, err)
			}
			out[f.Name] = at
		default:
			if text != "" {
				out[f.Name] = text
			}
		}
	}
	return out
}

// known is what a case knows of the fields that letters have; the person at the
// form reads and corrects it.
func known(c *api.Case, zone *time.Location) values {
	v := newValues()
	moment := func(name string, t time.Time) {
		if !t.IsZero() {
			v.text[name] = t.In(zone).Format("2006-01-02T15:04:05")
		}
	}
	for _, class := range c.Demand.Classes {
		v.many["classes"] = append(v.many["classes"], string(class))
	}
	v.flag["preserved"] = len(c.Preservations) > 0
	moment("deadline", c.Due)
	for _, clock := range c.Clocks {
		if clock.ID == c.Clock {
			v.text["basis"] = clock.Article
		}
	}
	v.text["secrecy"] = string(c.Secrecy)
	moment("since", c.Received)
	v.text["certificate"], v.text["issuing_state"] = c.Demand.Reference, c.Demand.Issuer.Country
	if c.Demand.Validator != nil {
		v.text["validating"] = c.Demand.Validator.Name
	}
	if c.Scope != nil {
		v.text["scope"] = described(c.Scope.Scope)
	}
	if n := len(c.Preservations); n > 0 {
		last := c.Preservations[n-1]
		v.text["scope"] = described(last.Scope)
		moment("until", last.Until)
		moment("first_end", last.Until)
	}
	moment("disclosed", c.Produced)
	for _, id := range c.Demand.Identifiers {
		row := newValues()
		row.text["identifier"] = id
		v.rows["searches"] = append(v.rows["searches"], row)
	}
	return v
}

// described is a scope in words that need no language: names, and what they begin
// with.
func described(s policy.Scope) string {
	var lines []string
	for _, b := range s.Buckets {
		line := string(b.Bucket)
		for _, p := range b.Prefixes {
			line += ", " + p + "*"
		}
		for _, o := range b.Objects {
			line += ", " + string(o.Key)
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "; ")
	if len(text) > 4000 {
		return ""
	}
	return text
}
