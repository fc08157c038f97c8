package letter

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// languages are those that letters are written in; the first is written in
// where no other fits.
var languages = []string{"en", "de", "fr", "es"}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German, language.French, language.Spanish})

// Languages are the languages of letters, as BCP 47 tags; the first is the
// one that others fall back to.
func Languages() []string { return slices.Clone(languages) }

// Match is the language of letters that fits best what a customer reads: BCP
// 47 tags, the liked first, each alone or in a list as HTTP's Accept-Language
// has them. What is no tag is passed over; English fits who reads no other.
func Match(tags ...string) string {
	_, i := language.MatchStrings(matcher, bounded(tags)...)
	return languages[i]
}

func bounded(tags []string) []string {
	var out []string
	for _, t := range tags[:min(len(tags), 16)] {
		if len(t) <= 256 {
			out = append(out, t)
		}
	}
	return out
}

// Set is the templates of all kinds in all languages. It does not change, and
// may be used by many at once.
type Set struct {
	shapes map[Kind]shape
	words  map[string]words
	texts  map[string]map[Kind]texts
}

// Load reads the built-in templates and checks them as a whole.
func Load() (*Set, error) {
	root, err := fs.Sub(builtIn, "templates")
	if err != nil {
		return nil, fmt.Errorf("couldn't open the templates: %w", err)
	}
	return load(root)
}

// LoadHouse is [Load] with an operator's own texts laid over the built-in
// ones: a folder with <language>/<kind>.yaml for what is to be other.
//
//	text:   {contact: "…"}   instead of a block's text; "" leaves the block out
//	before: {opening: "…"}   a paragraph of its own before a block
//	after:  {opening: "…"}   or after it
//
// Only fields of the kind may stand in braces. Blocks that are marked "must"
// in templates/kinds.yaml state what law or fairness demands; no house may
// change them. Anything else in the folder is refused with [ErrTemplate], so
// that no misspelt name goes unseen.
func LoadHouse(house fs.FS) (*Set, error) {
	s, err := Load()
	if err != nil {
		return nil, err
	}
	files := 0
	err = fs.WalkDir(house, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("couldn't read the folder of templates: %w", err)
		}
		if d.IsDir() {
			return nil
		}
		if files++; files > len(languages)*len(makers) {
			return fmt.Errorf("%w: the folder holds more files than there are letters", ErrTemplate)
		}
		return s.house(house, name)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func load(root fs.FS) (*Set, error) {
	s := &Set{shapes: map[Kind]shape{}, words: map[string]words{}, texts: map[string]map[Kind]texts{}}
	if err := readYAML(root, "kinds.yaml", &s.shapes); err != nil {
		return nil, err
	}
	for _, lang := range languages {
		var w words
		if err := readYAML(root, lang+"/words.yaml", &w); err != nil {
			return nil, err
		}
		s.words[lang] = w
		if err := w.check(s.words["en"]); err != nil {
			return nil, fmt.Errorf("%w: %s/words.yaml: %w", ErrTemplate, lang, err)
		}
		s.texts[lang] = map[Kind]texts{}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(s.shapes)), Kinds()) {
		return nil, fmt.Errorf("%w: kinds.yaml must have exactly the kinds %q", ErrTemplate, Kinds())
	}
	for _, kind := range Kinds() {
		if err := s.loadKind(root, kind); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Set) loadKind(root fs.FS, kind Kind) error {
	shape, data := s.shapes[kind], typeOf(kind)
	english := s.words["en"]
	if err := shape.check(data, english.Labels); err != nil {
		return fmt.Errorf("%w: kinds.yaml: %s: %w", ErrTemplate, kind, err)
	}
	if shape.Marking != "" && english.Marking[shape.Marking] == "" {
		return fmt.Errorf("%w: kinds.yaml: %s: there is no marking %q", ErrTemplate, kind, shape.Marking)
	}
	for _, lang := range languages {
		name := path.Join(lang, string(kind)+".yaml")
		var t texts
		err := readYAML(root, name, &t)
		if err != nil {
			return err
		}
		if err = t.check(shape, data); err == nil && lang != "en" {
			err = sameFields(t, s.texts["en"][kind])
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrTemplate, name, err)
		}
		s.texts[lang][kind] = t
	}
	return nil
}

// sameFields holds a translation to the fields of the English text.
func sameFields(t, english texts) error {
	for id, p := range t.Text {
		for i := range p {
			have, err := placeholders(p[i])
			if err != nil {
				return err
			}
			if want, _ := placeholders(english.Text[id][i]); !slices.Equal(have, want) {
				return fmt.Errorf("text %s has the fields %q, in English %q", id, have, want)
			}
		}
	}
	return nil
}

func typeOf(kind Kind) reflect.Type { return reflect.TypeOf(makers[kind]()).Elem() }

// house lays one file of an operator's over the built-in texts.
func (s *Set) house(from fs.FS, name string) error {
	lang, file := path.Split(name)
	lang = strings.TrimSuffix(lang, "/")
	kind := Kind(strings.TrimSuffix(file, ".yaml"))
	shape, ok := s.shapes[kind]
	if !ok || !slices.Contains(languages, lang) || path.Ext(file) != ".yaml" {
		return fmt.Errorf("%w: %s is not <language>/<kind>.yaml with a language of %q and a kind of %q", ErrTemplate, name, languages, Kinds())
	}
	var t texts
	if err := readYAML(from, name, &t); err != nil {
		return err
	}
	merged, err := over(s.texts[lang][kind], t, shape, typeOf(kind))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrTemplate, name, err)
	}
	s.texts[lang][kind] = merged
	return nil
}

// over is the built-in texts with those of a house.
func over(own, house texts, s shape, data reflect.Type) (texts, error) {
	if house.Title != "" {
		return own, errors.New("a house may not change the title")
	}
	blocks := map[string]block{}
	for _, b := range s.Blocks {
		blocks[b.ID] = b
	}
	merged := texts{Title: own.Title, Text: maps.Clone(own.Text), Before: house.Before, After: house.After}
	for id, p := range house.Text {
		b, ok := blocks[id]
		switch {
		case !ok || !b.hasText():
			return own, fmt.Errorf("there is no text %q to change", id)
		case b.Must:
			return own, fmt.Errorf("text %s must stay as it is; put a paragraph before or after it", id)
		}
		if len(p) != 1 || p[0] != "" {
			if err := b.checkText(p, data); err != nil {
				return own, err
			}
		}
		merged.Text[id] = p
	}
	for _, extra := range []map[string]string{house.Before, house.After} {
		for id, text := range extra {
			if _, ok := blocks[id]; !ok {
				return own, fmt.Errorf("there is no block %q to stand beside", id)
			}
			if err := checkNames(text, fieldsOf(data)); err != nil {
				return own, fmt.Errorf("the paragraph beside %s: %w", id, err)
			}
		}
	}
	return merged, nil
}
