package intake

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/policy"
)

// scopeForm is a scope as the form has it: rows may be empty.
type scopeForm struct {
	Buckets             []bucketForm
	From, FromTime      string
	Until, UntilTime    string
	Classes             []string
	Elsewhere, Narrow   bool
	Reason              string
	unfit               bool // it has a name that a form's field can't hold
	zone                *time.Location
	fromWhen, untilWhen time.Time
}

type bucketForm struct {
	Bucket   string
	Prefixes []string
	Objects  []objectForm
	Tags     []tagForm
}

type objectForm struct{ Key, Version string }

type tagForm struct{ Name, Value string }

// Has says whether a class is chosen.
func (s scopeForm) Has(class writ.DataClass) bool { return slices.Contains(s.Classes, string(class)) }

// Unfit says that the form can't hold the scope, so that it mustn't be saved.
func (s scopeForm) Unfit() bool { return s.unfit }

// holds says whether a field of a form gives back what is put into it: browsers
// drop the ends of lines.
func holds(s string) bool { return !strings.ContainsAny(s, "\r\n\x00") }

// formOf is a scope as a form.
func formOf(s policy.Scope, zone *time.Location) scopeForm {
	f := scopeForm{Elsewhere: s.Elsewhere, zone: zone}
	for _, c := range s.Classes {
		f.Classes = append(f.Classes, string(c))
	}
	if !s.From.IsZero() {
		at := s.From.In(zone)
		f.From, f.FromTime = at.Format(time.DateOnly), clockOf(at)
	}
	if !s.Until.IsZero() {
		at := s.Until.In(zone)
		if f.UntilTime = clockOf(at); f.UntilTime == "" {
			at = at.AddDate(0, 0, -1) // the last day is in it
		}
		f.Until = at.Format(time.DateOnly)
	}
	for _, b := range s.Buckets {
		one := bucketForm{Bucket: string(b.Bucket), Prefixes: b.Prefixes}
		for _, o := range b.Objects {
			one.Objects = append(one.Objects, objectForm{string(o.Key), string(o.Version)})
			f.unfit = f.unfit || !holds(string(o.Key))
		}
		for _, name := range slices.Sorted(maps.Keys(b.Tags)) {
			one.Tags = append(one.Tags, tagForm{name, b.Tags[name]})
			f.unfit = f.unfit || !holds(name) || !holds(b.Tags[name])
		}
		for _, p := range b.Prefixes {
			f.unfit = f.unfit || !holds(p)
		}
		f.Buckets = append(f.Buckets, one)
	}
	return f
}

// clockOf is the time of a day, empty at its beginning.
func clockOf(t time.Time) string {
	switch {
	case t.Second() != 0:
		return t.Format("15:04:05")
	case t.Hour() != 0 || t.Minute() != 0:
		return t.Format("15:04")
	}
	return ""
}

// scopeForm reads the form. Names are taken as they are: a space at the end of a
// key is part of it.
func (r *reading) scopeForm() scopeForm {
	f := scopeForm{
		From: r.text("from", 40), FromTime: r.text("from_time", 16), Until: r.text("until", 40), UntilTime: r.text("until_time", 16),
		Classes: r.several("classes"), Elsewhere: r.form.Get("elsewhere") == "yes", Narrow: r.form.Get("narrow") == "yes", Reason: r.text("reason", 16<<10), zone: r.zone,
	}
	for i := range policy.MaxBuckets {
		at := "b." + strconv.Itoa(i)
		if !r.form.Has(at + ".bucket") {
			break
		}
		b := bucketForm{Bucket: r.text(at+".bucket", 256)}
		for j := range policy.MaxPrefixes {
			name := fmt.Sprintf("%s.p.%d", at, j)
			if !r.form.Has(name) {
				break
			}
			b.Prefixes = append(b.Prefixes, r.raw(name, 1024))
		}
		for j := range policy.MaxObjects {
			name := fmt.Sprintf("%s.o.%d", at, j)
			if !r.form.Has(name + ".key") {
				break
			}
			b.Objects = append(b.Objects, objectForm{r.raw(name+".key", 1024), r.text(name+".version", 1024)})
		}
		for j := range policy.MaxTags {
			name := fmt.Sprintf("%s.t.%d", at, j)
			if !r.form.Has(name + ".name") {
				break
			}
			b.Tags = append(b.Tags, tagForm{r.raw(name+".name", 512), r.raw(name+".value", 1024)})
		}
		f.Buckets = append(f.Buckets, b)
	}
	f.fromWhen, f.untilWhen = r.span("from", false), r.span("until", true)
	return f
}

// change does what a button of a row says; anything else is passed over.
func (f *scopeForm) change(do string) {
	words := strings.Fields(do)
	if len(words) == 0 {
		return
	}
	at := func(i int) int {
		if i >= len(words) {
			return -1
		}
		n, err := strconv.Atoi(words[i])
		if err != nil {
			return -1
		}
		return n
	}
	if words[0] == "add-bucket" {
		if len(f.Buckets) < policy.MaxBuckets {
			f.Buckets = append(f.Buckets, bucketForm{})
		}
		return
	}
	n := at(1)
	if n < 0 || n >= len(f.Buckets) {
		return
	}
	b := &f.Buckets[n]
	switch words[0] {
	case "drop-bucket":
		f.Buckets = slices.Delete(f.Buckets, n, n+1)
	case "add-prefix":
		b.Prefixes = added(b.Prefixes, policy.MaxPrefixes)
	case "add-object":
		b.Objects = added(b.Objects, policy.MaxObjects)
	case "add-tag":
		b.Tags = added(b.Tags, policy.MaxTags)
	case "drop-prefix":
		b.Prefixes = dropped(b.Prefixes, at(2))
	case "drop-object":
		b.Objects = dropped(b.Objects, at(2))
	case "drop-tag":
		b.Tags = dropped(b.Tags, at(2))
	}
}

func added[T any](list []T, most int) []T {
	if len(list) >= most {
		return list
	}
	var none T
	return append(list, none)
}

func dropped[T any](list []T, n int) []T {
	if n < 0 || n >= len(list) {
		return list
	}
	return slices.Delete(list, n, n+1)
}

// scope is what the form says; empty rows say nothing.
func (f *scopeForm) scope() (policy.Scope, error) {
	s := policy.Scope{From: f.fromWhen, Until: f.untilWhen, Elsewhere: f.Elsewhere, Classes: []writ.DataClass{}, Buckets: []policy.BucketScope{}}
	for _, c := range f.Classes {
		s.Classes = append(s.Classes, writ.DataClass(c))
	}
	for _, b := range f.Buckets {
		one := policy.BucketScope{Bucket: writ.BucketName(b.Bucket)}
		for _, p := range b.Prefixes {
			if p != "" {
				one.Prefixes = append(one.Prefixes, p)
			}
		}
		for _, o := range b.Objects {
			switch {
			case o.Key != "":
				one.Objects = append(one.Objects, policy.ObjectScope{Key: writ.ObjectKey(o.Key), Version: writ.VersionID(o.Version)})
			case o.Version != "":
				return s, bad("the version %q has no key", o.Version)
			}
		}
		for _, t := range b.Tags {
			if t.Name == "" && t.Value == "" {
				continue
			}
			if t.Name == "" {
				return s, bad("the tag's value %q has no name", t.Value)
			}
			if _, twice := one.Tags[t.Name]; twice {
				return s, bad("the tag %q is named twice", t.Name)
			}
			if one.Tags == nil {
				one.Tags = map[string]string{}
			}
			one.Tags[t.Name] = t.Value
		}
		if one.Bucket == "" {
			// A row whose bucket was left out must not widen to nothing unseen.
			if len(one.Prefixes)+len(one.Objects)+len(one.Tags) > 0 {
				return s, bad("a bucket's name is missing, and there are prefixes, objects or tags below it")
			}
			continue
		}
		s.Buckets = append(s.Buckets, one)
	}
	return s, nil
}
