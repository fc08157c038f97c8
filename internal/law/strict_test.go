package law

import (
	"bytes"
	"io/fs"
	"testing"

	"go.yaml.in/yaml/v3"

	"writ/packs"
)

// TestEveryMemberIsRead: the schema knows no member that the program would pass
// over.
func TestEveryMemberIsRead(t *testing.T) {
	names, err := fs.Glob(packs.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		body, err := packs.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(body))
		dec.KnownFields(true)
		if err := dec.Decode(new(pack)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFieldsInSchema: the schema's list of fields is the program's.
func TestFieldsInSchema(t *testing.T) {
	for name := range fields {
		if err := conforms(rule1(t, name), ""); err != nil {
			t.Errorf("the schema doesn't know %s: %v", name, err)
		}
	}
	if err := conforms(rule1(t, "matters"), ""); err == nil {
		t.Error("the schema knows a field that isn't there")
	}
}

func rule1(t *testing.T, field string) *yaml.Node {
	t.Helper()
	var node yaml.Node
	err := yaml.Unmarshal([]byte(`{pack: pp, version: "2026-01-01", title: tt, enabled: true, rules: [{id: r.x, article: aa, source: ss, verified: true, instruments: [x], title: tt, require: {field: `+field+`, set: true}, otherwise: fail, fail: ff, settle: ss}]}`), &node)
	if err != nil {
		t.Fatal(err)
	}
	return &node
}
