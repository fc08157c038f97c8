package law

import "go.yaml.in/yaml/v3"

// Conforms checks a document against a part of the schema.
func Conforms(body []byte, part string) error {
	var node yaml.Node
	if err := yaml.Unmarshal(body, &node); err != nil {
		return err
	}
	return conforms(&node, part)
}
