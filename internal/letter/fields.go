package letter

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"writ"
)

// ErrField reports data that a letter cannot be made from; the text says
// which field and what is wrong.
var ErrField = errors.New("the letter cannot be made")

const (
	maxLine  = 500    // bytes of a text, unless its tag says more
	maxItems = 100    // items of a list, unless its tag says more
	maxBytes = 20_000 // bytes of any text
)

// rules are what the tag of a field says.
type rules struct {
	required, exact, date, bytes bool
	max                          int
}

func rulesOf(f reflect.StructField) rules {
	r := rules{max: maxLine}
	if f.Type.Kind() == reflect.Slice {
		r.max = maxItems
	}
	for tag := range strings.SplitSeq(f.Tag.Get("letter"), ",") {
		switch name, value, _ := strings.Cut(tag, "="); name {
		case "required":
			r.required = true
		case "exact":
			r.exact = true
		case "date":
			r.date = true
		case "bytes":
			r.bytes = true
		case "max":
			if n, err := strconv.Atoi(value); err == nil {
				r.max = n
			}
		}
	}
	return r
}

// fieldsOf are the fields of a struct by their JSON names, those of embedded
// structs among them.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			fields[nameOf(f)] = f
		}
	}
	return fields
}

func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// value is a field, ready to be put into a text.
type value struct {
	text  string
	cell  string // shorter, for a table; the text if empty
	set   bool
	exact bool
	right bool
	rows  []record // of a list of structs
	items []string // of a list of texts
}

// record is the values of a struct by their names.
type record map[string]value

// reader makes values of data, in one language.
type reader struct {
	words words
	zone  *time.Location
}

func (r reader) record(v reflect.Value) (record, error) {
	rec := record{}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Anonymous {
			continue
		}
		val, err := r.value(v.FieldByIndex(f.Index), rulesOf(f))
		if err == nil && rulesOf(f).required && !val.set {
			err = errors.New("it is required")
		}
		if err != nil {
			if errors.Is(err, ErrField) {
				return nil, err // names the field already
			}
			return nil, fmt.Errorf("%w: %s: %w", ErrField, nameOf(f), err)
		}
		rec[nameOf(f)] = val
	}
	return rec, nil
}

func (r reader) value(v reflect.Value, rule rules) (value, error) {
	out := value{set: !v.IsZero(), exact: rule.exact}
	switch x := v.Interface().(type) {
	case time.Time:
		if !out.set {
			return out, nil
		}
		if y := x.UTC().Year(); y < 1900 || y > 9998 {
			return out, fmt.Errorf("the year %d is not one of a letter", y)
		}
		if out.text = r.words.time(x, r.zone); rule.date {
			out.text = r.words.date(x)
		} else {
			out.cell = r.words.time(x, nil)
		}
		return out, nil
	case time.Duration:
		out.text, out.set = r.words.duration(x), true
		return out, nil
	case bool:
		if out.text = r.words.No; x {
			out.text = r.words.Yes
		}
		return out, nil
	case int64:
		return r.integer(out, x, rule)
	}
	switch v.Kind() {
	case reflect.String:
		var err error
		out.text, err = r.string(v, rule)
		return out, err
	case reflect.Slice:
		return r.slice(v, rule, out)
	}
	return out, fmt.Errorf("a %s cannot be written", v.Type())
}

// integer writes counts; those of bytes with a unit. Zero is a number too,
// but a required one must be more.
func (r reader) integer(out value, n int64, rule rules) (value, error) {
	if n < 0 || n > math.MaxInt64/2 {
		return out, fmt.Errorf("%d is not a count", n)
	}
	out.right = true
	if out.text = r.words.number(n); rule.bytes {
		out.text = r.words.size(n)
	}
	return out, nil
}

func (r reader) string(v reflect.Value, rule rules) (string, error) {
	s := v.String()
	if len(s) > min(rule.max, maxBytes) {
		return "", fmt.Errorf("it has %d bytes; at most %d go into a letter", len(s), min(rule.max, maxBytes))
	}
	if s == "" {
		return "", nil
	}
	var known map[string]string
	switch v.Interface().(type) {
	case writ.Instrument: // an instrument of a law pack that is not ours is shown by its name
		if name := r.words.Instruments[s]; name != "" {
			return name, nil
		}
		return exact(s), nil
	case writ.DataClass:
		known = r.words.Classes
	case writ.Secrecy:
		known = r.words.Secrecy
	case writ.Role:
		known = r.words.Roles
	case EUHindrance:
		known = r.words.Hindrances
	case Extent:
		known = r.words.Extents
	case writ.Person:
		if _, err := writ.ParsePerson(s); err != nil {
			return "", err
		}
		return s, nil
	case writ.CustomerID:
		if _, err := writ.ParseCustomerID(s); err != nil {
			return "", err
		}
		return s, nil
	}
	switch {
	case known != nil && known[s] == "":
		return "", fmt.Errorf("%q is not known", s)
	case known != nil:
		return known[s], nil
	case rule.exact:
		return exact(s), nil
	}
	return prose(s), nil
}

func (r reader) slice(v reflect.Value, rule rules, out value) (value, error) {
	if v.Len() > rule.max {
		return out, fmt.Errorf("it has %d items; at most %d go into a letter", v.Len(), rule.max)
	}
	out.set = v.Len() > 0
	for i := range v.Len() {
		item := v.Index(i)
		if item.Kind() == reflect.Struct {
			rec, err := r.record(item)
			if err != nil {
				return out, err
			}
			out.rows = append(out.rows, rec)
			continue
		}
		s, err := r.string(item, rules{max: 2000})
		if err == nil && s == "" {
			err = errors.New("an item is empty")
		}
		if err != nil {
			return out, err
		}
		out.items = append(out.items, s)
	}
	out.text = r.words.join(out.items)
	return out, nil
}
