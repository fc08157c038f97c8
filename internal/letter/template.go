package letter

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed templates
var builtIn embed.FS

// ErrTemplate reports a template that does not fit its kind; the text says
// which file and what to change.
var ErrTemplate = errors.New("template does not fit")

const maxFile = 256 << 10 // bytes of a template file

// shape is what a kind is made of, in every language (templates/kinds.yaml).
type shape struct {
	Audience string  `yaml:"audience"`
	Marking  string  `yaml:"marking"`
	Form     bool    `yaml:"form"`
	Brief    bool    `yaml:"brief"`
	Blocks   []block `yaml:"blocks"`
}

// block is one block of a kind.
type block struct {
	ID       string   `yaml:"id"`
	Heading  bool     `yaml:"heading"`
	List     string   `yaml:"list"`
	Numbered bool     `yaml:"numbered"`
	Steps    int      `yaml:"steps"`
	Facts    []string `yaml:"facts"`
	Table    string   `yaml:"table"`
	Columns  []string `yaml:"columns"`
	When     string   `yaml:"when"`
	Unless   string   `yaml:"unless"`
	Must     bool     `yaml:"must"`
}

// hasText says whether the block's text is in the language's file.
func (b block) hasText() bool { return b.Facts == nil && b.Table == "" }

// texts are a kind's texts in one language.
type texts struct {
	Title string            `yaml:"title"`
	Text  map[string]phrase `yaml:"text"`
	// A house's own paragraphs, by the block that they stand before or after.
	Before map[string]string `yaml:"before"`
	After  map[string]string `yaml:"after"`
}

// phrase is one text, or as many as a block has steps.
type phrase []string

func (p *phrase) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*p = phrase{n.Value}
		return nil
	}
	var many []string
	if err := n.Decode(&many); err != nil {
		return err
	}
	*p = many
	return nil
}

// readYAML decodes one file and refuses fields that it does not know.
func readYAML(from fs.FS, name string, into any) error {
	f, err := from.Open(name)
	if err != nil {
		return fmt.Errorf("couldn't open the template: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("couldn't read the template %s: %w", name, err)
	}
	if len(raw) > maxFile {
		return fmt.Errorf("%w: %s has more than %d bytes", ErrTemplate, name, maxFile)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrTemplate, name, err)
	}
	return nil
}

// alias splits FIELD=LABEL.
func alias(s string) (field, label string) {
	field, label, ok := strings.Cut(s, "=")
	if !ok {
		label = field
	}
	return field, label
}

// column splits FIELD=LABEL:WIDTH.
func column(s string) (field, label string, width int, err error) {
	s, w, ok := strings.Cut(s, ":")
	width, err = strconv.Atoi(w)
	if !ok || err != nil || width < 1 || width > 20 {
		return "", "", 0, fmt.Errorf("column %q has no width from 1 to 20", s)
	}
	field, label = alias(s)
	return field, label, width, nil
}

// placeholders are the names in braces in a text, sorted, each once.
func placeholders(s string) ([]string, error) {
	found := map[string]bool{}
	for {
		before, rest, ok := strings.Cut(s, "{")
		if strings.Contains(before, "}") {
			return nil, errors.New("a closing brace without an opening one")
		}
		if !ok {
			return slices.Sorted(maps.Keys(found)), nil
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok || name == "" || strings.ContainsAny(name, "{ ") {
			return nil, errors.New("a brace that does not enclose the name of a field")
		}
		found[name] = true
		s = after
	}
}

// fill puts values in the place of their names. Values are not looked at
// again: braces in them are only braces.
func fill(s string, value func(name string) string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		b.WriteString(value(name))
		s = after
	}
}

// check holds a kind's shape to its data type.
func (s shape) check(data reflect.Type, labels map[string]string) error {
	if !slices.Contains([]string{"authority", "customer", "internal"}, s.Audience) {
		return fmt.Errorf("%q is no audience", s.Audience)
	}
	fields := fieldsOf(data)
	seen := map[string]bool{}
	has := func(of map[string]reflect.StructField, name string) error {
		if _, ok := of[name]; !ok {
			return fmt.Errorf("there is no field %q", name)
		}
		return nil
	}
	for _, b := range s.Blocks {
		if b.ID == "" || seen[b.ID] {
			return fmt.Errorf("block %q has no name of its own", b.ID)
		}
		seen[b.ID] = true
		for _, f := range []string{b.When, b.Unless, b.List, b.Table} {
			if f != "" {
				if err := has(fields, f); err != nil {
					return fmt.Errorf("block %s: %w", b.ID, err)
				}
			}
		}
		for _, f := range b.Facts {
			field, label := alias(f)
			if err := has(fields, field); err != nil {
				return fmt.Errorf("block %s: %w", b.ID, err)
			}
			if labels[label] == "" {
				return fmt.Errorf("block %s: there is no label %q", b.ID, label)
			}
		}
		if b.Table == "" {
			continue
		}
		row := fieldsOf(fields[b.Table].Type.Elem())
		for _, c := range b.Columns {
			field, label, _, err := column(c)
			if err == nil {
				err = has(row, field)
			}
			if err == nil && labels[label] == "" {
				err = fmt.Errorf("there is no label %q", label)
			}
			if err != nil {
				return fmt.Errorf("block %s: %w", b.ID, err)
			}
		}
	}
	return nil
}

// fieldsIn are the placeholders that the text of a block may have.
func (b block) fieldsIn(data reflect.Type) map[string]reflect.StructField {
	fields := fieldsOf(data)
	if b.List == "" {
		return fields
	}
	item := fields[b.List].Type.Elem()
	if item.Kind() != reflect.Struct {
		return map[string]reflect.StructField{"item": {}}
	}
	return fieldsOf(item)
}

// checkText holds a text to its block.
func (b block) checkText(p phrase, data reflect.Type) error {
	want := 1
	if b.Steps > 0 {
		want = b.Steps
	}
	if len(p) != want {
		return fmt.Errorf("text %s has %d parts instead of %d", b.ID, len(p), want)
	}
	for _, s := range p {
		if strings.TrimSpace(s) == "" {
			return fmt.Errorf("text %s is empty", b.ID)
		}
		if err := checkNames(s, b.fieldsIn(data)); err != nil {
			return fmt.Errorf("text %s: %w", b.ID, err)
		}
	}
	return nil
}

func checkNames(s string, fields map[string]reflect.StructField) error {
	names, err := placeholders(s)
	if err != nil {
		return err
	}
	for _, n := range names {
		if _, ok := fields[n]; !ok {
			return fmt.Errorf("there is no field {%s}; there are %q", n, slices.Sorted(maps.Keys(fields)))
		}
	}
	return nil
}

// check holds a language's texts to the shape.
func (t texts) check(s shape, data reflect.Type) error {
	if t.Title == "" {
		return errors.New("there is no title")
	}
	if t.Before != nil || t.After != nil {
		return errors.New("before and after belong into a house's file")
	}
	known := 0
	for _, b := range s.Blocks {
		p, ok := t.Text[b.ID]
		if !b.hasText() {
			continue
		}
		if !ok {
			return fmt.Errorf("text %s is missing", b.ID)
		}
		known++
		if err := b.checkText(p, data); err != nil {
			return err
		}
	}
	if known != len(t.Text) {
		return errors.New("it has texts of blocks that the kind does not have")
	}
	return nil
}
