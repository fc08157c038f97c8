package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"writ"
)

var at = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func scope(change func(*Scope)) Scope {
	s := Scope{
		Buckets: []BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}},
		From:    at, Until: at.Add(time.Hour), Classes: []writ.DataClass{writ.ClassContent},
	}
	if change != nil {
		change(&s)
	}
	return s
}

func TestScopeCovers(t *testing.T) {
	item := Item{Bucket: "ward-seven", Key: "letters/a", Version: "1", Made: at, Tags: map[string]string{"case": "x"}}
	for name, c := range map[string]struct {
		change func(*Scope)
		item   func(*Item)
		want   bool
	}{
		"as it is":              {nil, nil, true},
		"at the end":            {nil, func(i *Item) { i.Made = at.Add(time.Hour) }, false},
		"just before the end":   {nil, func(i *Item) { i.Made = at.Add(time.Hour - 1) }, true},
		"before the beginning":  {nil, func(i *Item) { i.Made = at.Add(-1) }, false},
		"another bucket":        {nil, func(i *Item) { i.Bucket = "ward-eight" }, false},
		"another prefix":        {nil, func(i *Item) { i.Key = "letter" }, false},
		"whole bucket":          {func(s *Scope) { s.Buckets[0].Prefixes = nil }, func(i *Item) { i.Key = "z" }, true},
		"a tag it has":          {func(s *Scope) { s.Buckets[0].Tags = map[string]string{"case": "x"} }, nil, true},
		"a tag it has not":      {func(s *Scope) { s.Buckets[0].Tags = map[string]string{"case": "y"} }, nil, false},
		"an empty tag it lacks": {func(s *Scope) { s.Buckets[0].Tags = map[string]string{"other": ""} }, nil, false},
		"an object":             {func(s *Scope) { s.Buckets[0].Objects = []ObjectScope{{Key: "b"}} }, func(i *Item) { i.Key = "b" }, true},
		"a version": {func(s *Scope) {
			s.Buckets[0] = BucketScope{Bucket: "ward-seven", Objects: []ObjectScope{{"letters/a", "1"}}}
		}, nil, true},
		"another version": {func(s *Scope) {
			s.Buckets[0] = BucketScope{Bucket: "ward-seven", Objects: []ObjectScope{{"letters/a", "2"}}}
		}, nil, false},
		"without end, much later": {func(s *Scope) { s.Until = time.Time{} }, func(i *Item) { i.Made = at.AddDate(9, 0, 0) }, true},
	} {
		s, i := scope(c.change), item
		if c.item != nil {
			c.item(&i)
		}
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.Covers(i) != c.want {
			t.Errorf("%s: covers is %v", name, !c.want)
		}
	}
}

func TestScopeCheck(t *testing.T) {
	many := func(n int) (out []BucketScope) {
		for i := range n {
			out = append(out, BucketScope{Bucket: writ.BucketName(strings.Repeat("b", 3) + string(rune('a'+i%26)) + string(rune('a'+i/26)))})
		}
		return out
	}
	for name, change := range map[string]func(*Scope){
		"too many":                func(s *Scope) { s.Buckets = many(MaxBuckets + 1) },
		"a bucket twice":          func(s *Scope) { s.Buckets = append(s.Buckets, s.Buckets[0]) },
		"nameless bucket":         func(s *Scope) { s.Buckets[0].Bucket = "" },
		"no bucket":               func(s *Scope) { s.Buckets = nil },
		"buckets, and elsewhere":  func(s *Scope) { s.Elsewhere = true },
		"buckets without content": func(s *Scope) { s.Classes = []writ.DataClass{writ.ClassTraffic} },
		"no class":                func(s *Scope) { s.Classes = nil },
		"unknown class":           func(s *Scope) { s.Classes = []writ.DataClass{"all"} },
		"a class twice":           func(s *Scope) { s.Classes = append(s.Classes, s.Classes[0]) },
		"time backwards":          func(s *Scope) { s.Until = s.From },
		"empty prefix":            func(s *Scope) { s.Buckets[0].Prefixes = []string{""} },
		"prefix with NUL":         func(s *Scope) { s.Buckets[0].Prefixes = []string{"a\x00"} },
		"prefix not UTF-8":        func(s *Scope) { s.Buckets[0].Prefixes = []string{"\xff"} },
		"nameless object":         func(s *Scope) { s.Buckets[0].Objects = []ObjectScope{{}} },
		"long names":              func(s *Scope) { s.Buckets[0].Prefixes = slicesOf(strings.Repeat("p", 1024), 30) },
	} {
		if err := scope(change).Check(); !errors.Is(err, ErrScope) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func slicesOf(s string, n int) (out []string) {
	for range n {
		out = append(out, s)
	}
	return out
}
