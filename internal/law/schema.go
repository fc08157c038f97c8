package law

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"writ/packs"
)

// schemaID is the schema's own name; it is nothing that anybody fetches.
const schemaID = "writ:law-pack"

// schemas are the published schema's parts, compiled: a pack is "", the others
// go by their names in $defs. The schema is always the program's own, so that
// packs from elsewhere can't bring a laxer one.
var schemas = sync.OnceValue(func() map[string]*jsonschema.Schema {
	body, err := packs.FS.ReadFile("schema.json")
	if err != nil {
		panic(err) // embedded: a mistake that every test meets
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, doc); err != nil {
		panic(err)
	}
	parts := map[string]*jsonschema.Schema{"": c.MustCompile(schemaID)}
	for _, part := range []string{"countries", "calendars", "house", "cases"} {
		parts[part] = c.MustCompile(schemaID + "#/$defs/" + part)
	}
	return parts
})

// conforms checks a document against a part of the schema. The error names the
// place and the line of the first mistake.
func conforms(node *yaml.Node, part string) error {
	v, err := plain(node, 0)
	if err != nil {
		return err
	}
	err = schemas()[part].Validate(v)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	return fmt.Errorf("line %d: %s: %s", line(node, invalid.InstanceLocation), strings.Join(invalid.InstanceLocation, "."),
		invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
}

// line finds the line of a place in a document.
func line(node *yaml.Node, path []string) int {
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	for _, step := range path {
		next := node
		switch node.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(node.Content); i += 2 {
				if node.Content[i].Value == step {
					next = node.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			var n int
			if _, err := fmt.Sscan(step, &n); err == nil && n < len(node.Content) {
				next = node.Content[n]
			}
		}
		node = next
	}
	return node.Line
}

// plain turns a document into the values that the schema's checker knows. There
// are no aliases: a small file must not become a large one, and a lawyer must
// find a rule where it stands.
func plain(n *yaml.Node, depth int) (any, error) {
	if depth > 4*maxDepth {
		return nil, fmt.Errorf("line %d: nested too deep", n.Line)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0], depth+1)
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, twice := m[key.Value]; twice || key.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: %q stands twice, or is no name", key.Line, key.Value)
			}
			v, err := plain(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[key.Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		all := make([]any, len(n.Content))
		for i, child := range n.Content {
			v, err := plain(child, depth+1)
			if err != nil {
				return nil, err
			}
			all[i] = v
		}
		return all, nil
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil, fmt.Errorf("line %d: aliases and merges have no place in a pack", n.Line)
}

func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Line, err)
		}
		return b, nil
	case "!!int":
		var i int
		if err := n.Decode(&i); err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Line, err)
		}
		return i, nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	}
	return nil, fmt.Errorf("line %d: %q is no text, whole number, true or false", n.Line, n.Value)
}
