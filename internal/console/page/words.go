package page

import (
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/feature/plural"
	lang "golang.org/x/text/language"
)

// Languages are those of the console, as BCP 47 tags; the first is for who reads
// none of them.
var Languages = []string{"en", "de", "fr", "es"}

var tags = []lang.Tag{lang.English, lang.German, lang.French, lang.Spanish}

var matcher = lang.NewMatcher(tags)

// Themes are what a reader may choose; without a choice it is the system's.
var Themes = []string{"light", "dark"}

// The cookies in which a reader's choices are kept. They are no secrets.
const (
	langCookie  = "lang"
	themeCookie = "theme"
)

// language is the one that a reader chose, or that their browser asks for.
func language(r *http.Request) string {
	if c, err := r.Cookie(langCookie); err == nil && slices.Contains(Languages, c.Value) {
		return c.Value
	}
	accept := r.Header.Get("Accept-Language")
	if len(accept) > 256 {
		accept = ""
	}
	_, i := lang.MatchStrings(matcher, accept)
	return Languages[i]
}

// Words are the messages of one language.
type Words struct {
	Lang string
	tag  lang.Tag
	all  map[string]phrase
	site *Site
}

// phrase is a text with places; other is empty unless it counts something.
type phrase struct{ one, other string }

// UnmarshalYAML reads a text, or its forms "one" and "other".
func (m *phrase) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		m.one = n.Value
		return nil
	}
	var forms struct{ One, Other string }
	if err := n.Decode(&forms); err != nil {
		return err
	}
	if forms.One == "" || forms.Other == "" || len(n.Content) != 4 {
		return fmt.Errorf("line %d: a message that counts has the forms one and other", n.Line)
	}
	m.one, m.other = forms.One, forms.Other
	return nil
}

// readWords reads all rooms' messages. All languages have the same keys, with the
// same places.
func readWords(rooms []Room) (map[string]*Words, error) {
	out := map[string]*Words{}
	for i, l := range Languages {
		w := &Words{Lang: l, tag: tags[i], all: map[string]phrase{}}
		for _, r := range rooms {
			if r.Files == nil {
				continue
			}
			if err := w.read(r.Files, "messages/"+l+".yaml"); err != nil {
				return nil, fmt.Errorf("couldn't read the messages of %s: %w", r.Name, err)
			}
		}
		out[l] = w
	}
	var errs []error
	english := out[Languages[0]]
	for _, l := range Languages[1:] {
		errs = append(errs, out[l].like(english), english.like(out[l]))
	}
	return out, errors.Join(errs...)
}

func (w *Words) read(files fs.FS, name string) error {
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	var all map[string]phrase
	if err := yaml.Unmarshal(b, &all); err != nil { // a key that is there twice is an error
		return err
	}
	for key, m := range all {
		if _, there := w.all[key]; there {
			return fmt.Errorf("%s: %s is the key of two messages", name, key)
		}
		if m.one == "" {
			return fmt.Errorf("%s: %s is empty", name, key)
		}
		w.all[key] = m
	}
	return nil
}

// like says what of another language's messages is missing here, or has other
// places.
func (w *Words) like(o *Words) error {
	var errs []error
	for _, key := range sorted(o.all) {
		m, there := w.all[key]
		switch {
		case !there:
			errs = append(errs, fmt.Errorf("%s has no message %s, which %s has", w.Lang, key, o.Lang))
		case (m.other == "") != (o.all[key].other == ""):
			errs = append(errs, fmt.Errorf("%s counts in one of %s and %s only", key, w.Lang, o.Lang))
		case !slices.Equal(places(m), places(o.all[key])):
			errs = append(errs, fmt.Errorf("%s has the places %q in %s, %q in %s", key, places(m), w.Lang, places(o.all[key]), o.Lang))
		}
	}
	return errors.Join(errs...)
}

// places are the names in braces, sorted, each once.
func places(m phrase) []string {
	var names []string
	for _, s := range []string{m.one, m.other} {
		for {
			_, rest, found := strings.Cut(s, "{")
			if !found {
				break
			}
			name, after, closed := strings.Cut(rest, "}")
			if !closed {
				names = append(names, "{"+rest)
				break
			}
			names, s = append(names, name), after
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// has says that a message is there, or a family of them.
func (w *Words) has(key string, family bool) error {
	if !family {
		if _, ok := w.all[key]; !ok {
			return fmt.Errorf("%s has no message %s", w.Lang, key)
		}
		return nil
	}
	for k := range w.all {
		if strings.HasPrefix(k, key+".") {
			return nil
		}
	}
	return fmt.Errorf("%s has no messages below %s", w.Lang, key)
}

// Say is a message with its places filled: pairs are names and values. A count is
// named "n". A key that is not there is shown as it is, so that nothing vanishes.
func (w *Words) Say(key string, pairs ...any) string {
	m, ok := w.all[key]
	if !ok {
		return key
	}
	return fill(w.form(m, pairs), pairs, func(v any) string { return w.show(v) })
}

// Markup is a message whose own text is HTML; what is filled in is escaped.
func (w *Words) Markup(key string, pairs ...any) template.HTML {
	m, ok := w.all[key]
	if !ok {
		return template.HTML(template.HTMLEscapeString(key))
	}
	return template.HTML(fill(w.form(m, pairs), pairs, func(v any) string { return template.HTMLEscapeString(w.show(v)) }))
}

// Of is the message of a family; a key without one is shown as it is.
func (w *Words) Of(family string, key any, pairs ...any) string {
	name := fmt.Sprint(key)
	if m, ok := w.all[family+"."+name]; ok {
		return fill(w.form(m, pairs), pairs, func(v any) string { return w.show(v) })
	}
	return name
}

// Knows says whether a family has a key.
func (w *Words) Knows(family string, key any) bool {
	_, ok := w.all[family+"."+fmt.Sprint(key)]
	return ok
}

func (w *Words) form(m phrase, pairs []any) string {
	if m.other == "" {
		return m.one
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == "n" {
			if n, ok := integer(pairs[i+1]); ok && plural.Cardinal.MatchPlural(w.tag, int(n%1_000_000), 0, 0, 0, 0) == plural.One {
				return m.one
			}
		}
	}
	return m.other
}

func (w *Words) show(v any) string {
	if n, ok := integer(v); ok {
		return w.Number(n)
	}
	return fmt.Sprint(v)
}

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint32:
		return int64(n), true
	case uint64:
		return int64(min(n, math.MaxInt64)), true
	}
	return 0, false
}

func fill(text string, pairs []any, show func(any) string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		place := "{" + fmt.Sprint(pairs[i]) + "}"
		if strings.Contains(text, place) {
			// One pass for each place, and what is filled in is marked so that no
			// place inside a value is filled again.
			text = strings.ReplaceAll(text, place, strings.NewReplacer("{", "\x01", "}", "\x02").Replace(show(pairs[i+1])))
		}
	}
	return strings.NewReplacer("\x01", "{", "\x02", "}").Replace(text)
}
