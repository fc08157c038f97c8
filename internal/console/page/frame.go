package page

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
)

// Frame is what templates get.
type Frame struct {
	Visitor  Visitor
	Lang     string
	Theme    string
	Path     string // of the request
	Here     string // path and query, to come back to
	Operator string
	Version  string
	Bare     bool // nobody signs in here
	Menu     []Link
	Problem  *api.Problem // what was wrong with a form
	Done     string       // what was done, a message's key; empty if nothing
	D        any          // the page's own
	visit    *Visit
}

// Link is an entry of the navigation.
type Link struct {
	Path, Message string
	Current       bool
}

func (v *Visit) frame(data any, p *api.Problem) *Frame {
	f := &Frame{
		Visitor: v.Visitor, Lang: v.Lang, Theme: v.Theme, Path: v.R.URL.Path, Here: here(v.R.URL), Operator: v.site.cfg.Operator,
		Version: v.site.cfg.Version, Bare: v.site.cfg.Bare, Problem: p, D: data, visit: v,
	}
	best := -1
	for _, e := range v.site.menu {
		if !e.For.Admits(v.Visitor) {
			continue
		}
		f.Menu = append(f.Menu, Link{Path: e.Path, Message: e.Message})
		if within(f.Path, e.Path) && (best < 0 || len(e.Path) > len(f.Menu[best].Path)) {
			best = len(f.Menu) - 1
		}
	}
	if best >= 0 {
		f.Menu[best].Current = true
	}
	if key := v.Query("done"); key != "" && v.Words().Knows("done", key) {
		f.Done = "done." + key
	}
	return f
}

// here is a request's address without what was done before.
func here(u *url.URL) string {
	q := u.Query()
	q.Del("done")
	if len(q) == 0 {
		return u.Path
	}
	return u.Path + "?" + q.Encode()
}

func within(path, under string) bool {
	return path == under || under != "/" && strings.HasPrefix(path, strings.TrimSuffix(under, "/")+"/")
}

// Val is what was posted, to fill a form in again; without it, what it was.
func (f *Frame) Val(name string, was ...any) string {
	if f.visit.parsed {
		if form := f.visit.R.PostForm; form.Has(name) {
			return form.Get(name)
		}
	}
	if q := f.visit.R.URL.Query(); q.Has(name) {
		return f.visit.Query(name)
	}
	if len(was) > 0 && was[0] != nil {
		return fmt.Sprint(was[0])
	}
	return ""
}

// Picked says whether a choice of a form was made: posted, asked for, or as it was.
func (f *Frame) Picked(name string, value any, was ...any) bool {
	want := fmt.Sprint(value)
	if f.visit.parsed {
		for _, v := range f.visit.R.PostForm[name] {
			if v == want {
				return true
			}
		}
		if len(f.visit.R.PostForm) > 0 {
			return false
		}
	}
	if q := f.visit.R.URL.Query(); q.Has(name) {
		for _, v := range q[name] {
			if v == want {
				return true
			}
		}
		return false
	}
	return len(was) > 0 && was[0] != nil && fmt.Sprint(was[0]) == want
}

// With is this address with values of its query changed; an empty one is left out.
func (f *Frame) With(pairs ...any) (string, error) {
	if len(pairs)%2 != 0 {
		return "", errors.New("With takes names and values")
	}
	q := f.visit.R.URL.Query()
	q.Del("done")
	for i := 0; i < len(pairs); i += 2 {
		name, value := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1])
		q.Del(name)
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return f.Path, nil
	}
	return f.Path + "?" + q.Encode(), nil
}

// funcs are what templates may call, in one language.
func (s *Site) funcs(lang string) template.FuncMap {
	w := s.words[lang]
	name := func(family string) func(any) string {
		return func(key any) string {
			id := fmt.Sprint(key)
			if s.cfg.Names != nil {
				if n := s.cfg.Names.Name(lang, family, id); n != "" {
					return n
				}
			}
			return id
		}
	}
	return template.FuncMap{
		"t": w.Say, "th": w.Markup, "tf": w.Of, "knows": w.Knows,
		"number": func(v any) string { return w.show(v) },
		"share":  w.Share, "size": func(v any) string { n, _ := integer(v); return w.Size(n) },
		"date": w.Date, "moment": w.Moment, "left": w.Left, "span": func(d time.Duration) string { return w.Span(d) }, "machine": machine,
		"past":       func(t time.Time) bool { return !t.IsZero() && t.Before(s.now()) },
		"short":      short,
		"instrument": name("instruments"), "class": name("classes"), "secrecy": name("secrecy"), "role": name("roles"),
		"asset": s.assets.path,
		"langs": func() []string { return Languages },
		"dict":  dict, "list": func(v ...any) []any { return v },
		"join": func(sep string, v any) string { return joined(sep, v) },
		"text": func(v any) string { return fmt.Sprint(v) },
		"path": escapePath,
	}
}

// dict makes what a component takes out of names and values.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict takes names and values")
	}
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, errors.New("dict takes names that are texts")
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

func joined(sep string, v any) string {
	var parts []string
	switch list := v.(type) {
	case []string:
		parts = list
	case []writ.Person:
		for _, p := range list {
			parts = append(parts, string(p))
		}
	case []writ.Role:
		for _, p := range list {
			parts = append(parts, string(p))
		}
	default:
		return fmt.Sprint(v)
	}
	return strings.Join(parts, sep)
}

// escapePath is a name as a part of a path; a "/" in it is no border.
func escapePath(v any) string { return url.PathEscape(fmt.Sprint(v)) }
