package letter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// words are what all letters of one language share (words.yaml).
type words struct {
	Name         string            `yaml:"name"`
	Labels       map[string]string `yaml:"labels"`
	Salutation   string            `yaml:"salutation"`
	Closing      string            `yaml:"closing"`
	Marking      map[string]string `yaml:"marking"`
	Footer       map[string]string `yaml:"footer"`
	Yes          string            `yaml:"yes"`
	No           string            `yaml:"no"`
	And          string            `yaml:"and"`
	Months       []string          `yaml:"months"`
	Date         string            `yaml:"date"`           // {day} {month} {year}
	FirstOfMonth string            `yaml:"first_of_month"` // the day of the first, as "1er"
	Time         string            `yaml:"time"`           // {utc} {date} {clock} {zone}
	Group        string            `yaml:"group"`          // between groups of three digits
	GroupFrom    int               `yaml:"group_from"`     // from so many digits
	Decimal      string            `yaml:"decimal"`
	Bytes        []string          `yaml:"bytes"` // one, many
	Units        []string          `yaml:"units"` // of 1,024 bytes and its powers
	Days         []string          `yaml:"days"`
	Hours        []string          `yaml:"hours"`
	Minutes      []string          `yaml:"minutes"`
	Instruments  map[string]string `yaml:"instruments"`
	Classes      map[string]string `yaml:"classes"`
	Secrecy      map[string]string `yaml:"secrecy"`
	Roles        map[string]string `yaml:"roles"`
	Hindrances   map[string]string `yaml:"hindrances"`
	Extents      map[string]string `yaml:"extents"`
}

// check holds the words of a language to those of English.
func (w words) check(english words) error {
	for name, pair := range map[string][2]map[string]string{
		"labels": {w.Labels, english.Labels}, "marking": {w.Marking, english.Marking}, "footer": {w.Footer, english.Footer},
		"instruments": {w.Instruments, english.Instruments}, "classes": {w.Classes, english.Classes},
		"secrecy": {w.Secrecy, english.Secrecy}, "roles": {w.Roles, english.Roles}, "hindrances": {w.Hindrances, english.Hindrances},
		"extents": {w.Extents, english.Extents},
	} {
		if len(pair[0]) != len(pair[1]) {
			return fmt.Errorf("%s has %d words, English has %d", name, len(pair[0]), len(pair[1]))
		}
		for key := range pair[1] {
			if pair[0][key] == "" {
				return fmt.Errorf("%s has no %q", name, key)
			}
		}
	}
	for _, s := range []string{w.Name, w.Salutation, w.Closing, w.Yes, w.No, w.And, w.FirstOfMonth, w.Group, w.Decimal} {
		if s == "" {
			return errors.New("a word is missing (name, salutation, closing, yes, no, and, first_of_month, group, decimal)")
		}
	}
	if len(w.Months) != 12 || len(w.Bytes) != 2 || len(w.Units) != 5 || len(w.Days) != 2 || len(w.Hours) != 2 || len(w.Minutes) != 2 {
		return errors.New("there must be 12 months, 5 units, and one and many of bytes, days, hours and minutes")
	}
	for pattern, want := range map[string][]string{w.Date: {"day", "month", "year"}, w.Time: {"clock", "date", "utc", "zone"}} {
		if names, err := placeholders(pattern); err != nil || !slices.Equal(names, want) {
			return fmt.Errorf("%q must have the places %q", pattern, want)
		}
	}
	return nil
}

// date is a day as the language writes it.
func (w words) date(t time.Time) string {
	return fill(w.Date, func(name string) string {
		switch name {
		case "day":
			if t.Day() == 1 {
				return w.FirstOfMonth
			}
			return strconv.Itoa(t.Day())
		case "month":
			return w.Months[t.Month()-1]
		}
		return strconv.Itoa(t.Year())
	})
}

// time is an instant in RFC 3339, UTC, with the local time beside it.
func (w words) time(t time.Time, zone *time.Location) string {
	utc := t.UTC().Format(time.RFC3339)
	if zone == nil || zone == time.UTC {
		return utc
	}
	local := t.In(zone)
	return fill(w.Time, func(name string) string {
		switch name {
		case "utc":
			return utc
		case "date":
			return w.date(local)
		case "clock":
			if local.Second() == 0 {
				return local.Format("15:04")
			}
			return local.Format("15:04:05")
		}
		return local.Format("UTC-07:00")
	})
}

func (w words) number(n int64) string {
	s, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		s, sign = s[1:], "-"
	}
	if len(s) < w.GroupFrom {
		return sign + s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + w.Group + s[i:]
	}
	return sign + s
}

// size is bytes as a number, and rounded in a unit that can be grasped.
func (w words) size(n int64) string {
	s := w.number(n) + string(nbsp) + plural(n, w.Bytes)
	if n < 1024 {
		return s
	}
	div, unit := int64(1024), 0
	for n/div >= 1024 && unit < len(w.Units)-1 {
		div, unit = div*1024, unit+1
	}
	tenths := strconv.FormatFloat(float64(n)/float64(div), 'f', 1, 64)
	return fmt.Sprintf("%s (%s%c%s)", s, strings.Replace(tenths, ".", w.Decimal, 1), nbsp, w.Units[unit])
}

// duration is whole days, hours and minutes.
func (w words) duration(d time.Duration) string {
	minutes := max(0, int64(d/time.Minute))
	var parts []string
	for _, p := range []struct {
		n    int64
		name []string
	}{{minutes / (24 * 60), w.Days}, {minutes / 60 % 24, w.Hours}, {minutes % 60, w.Minutes}} {
		if p.n > 0 {
			parts = append(parts, w.number(p.n)+string(nbsp)+plural(p.n, p.name))
		}
	}
	if parts == nil {
		return "0" + string(nbsp) + w.Minutes[1]
	}
	return w.join(parts)
}

func plural(n int64, words []string) string {
	if n == 1 {
		return words[0]
	}
	return words[1]
}

// join is a list in running text.
func (w words) join(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + w.And + parts[len(parts)-1]
}

// Name is what letters call an instrument, class, secrecy or role: families
// "instruments", "classes", "secrecy", "roles"; "" for what they have no name for.
func (s *Set) Name(lang, family, key string) string {
	w := s.words[lang]
	return map[string]map[string]string{"instruments": w.Instruments, "classes": w.Classes, "secrecy": w.Secrecy, "roles": w.Roles}[family][key]
}
