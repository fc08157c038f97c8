package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is the body of a settings' file as a koanf provider: it is read
// once, so that values and line numbers are of the same bytes.
type document []byte

// ReadBytes returns the body.
func (d document) ReadBytes() ([]byte, error) { return d, nil }

// Read is not what koanf calls when there is a parser.
func (d document) Read() (map[string]any, error) {
	return nil, errors.New("a document is parsed, not read")
}

// keyLines maps every key of a YAML document, nested ones joined by dots, to
// its line.
func keyLines(body []byte) (map[string]int, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(body, &root); err != nil {
		return nil, err
	}
	lines := map[string]int{}
	if len(root.Content) == 0 { // an empty file
		return lines, nil
	}
	top := root.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return lines, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("yaml: line %d: not a list of keys and values", top.Line)
	}
	collect("", top, lines)
	return lines, nil
}

func collect(prefix string, node *yaml.Node, lines map[string]int) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := prefix + key.Value
		lines[name] = key.Line
		if value.Kind == yaml.MappingNode {
			collect(name+".", value, lines)
		}
	}
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// yamlPlace is ":LINE" of a YAML error, if it names one.
func yamlPlace(err error) string {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return ":" + m[1]
	}
	return ""
}

// yamlReason is the first reason of a YAML error, without its prefix and line.
func yamlReason(err error) string {
	text := err.Error()
	if at := yamlLine.FindStringIndex(text); at != nil {
		text = text[at[1]:]
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(text, "yaml: "), "\n")
	return first
}
