package notice

import (
	"bytes"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
)

// spoken is a text in several languages, of which the first is for who has none of
// them.
type spoken[T any] struct {
	all     []T
	matcher language.Matcher
}

// readSpoken reads a list of texts, each with its language.
func readSpoken[T any](file []byte) *spoken[T] {
	var list []struct {
		Language string
		Text     T `yaml:",inline"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(file))
	dec.KnownFields(true)
	if err := dec.Decode(&list); err != nil {
		panic(err) // embedded: a mistake that every test meets
	}
	t := &spoken[T]{}
	var tags []language.Tag
	for _, l := range list {
		tags = append(tags, language.MustParse(l.Language))
		t.all = append(t.all, l.Text)
	}
	t.matcher = language.NewMatcher(tags)
	return t
}

func (t *spoken[T]) match(wanted string) T {
	_, i := language.MatchStrings(t.matcher, wanted)
	return t.all[i]
}
