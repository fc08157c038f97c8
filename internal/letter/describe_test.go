package letter

import (
	"slices"
	"testing"
)

// TestDescribe: every kind is told with the fields of its type, and what a field
// takes is what the letter takes.
func TestDescribe(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	all := s.Describe("de")
	if len(all) != len(Kinds()) {
		t.Fatalf("%d kinds are told of %d", len(all), len(Kinds()))
	}
	field := func(kind Kind, name string) Field {
		t.Helper()
		for _, k := range all {
			for _, f := range k.Fields {
				if k.Kind == kind && f.Name == name {
					return f
				}
			}
		}
		t.Fatalf("%s has no field %s", kind, name)
		return Field{}
	}
	for name, c := range map[string]struct {
		kind     Kind
		typ      string
		required bool
	}{
		"grounds": {"objection", "rows", true}, "withheld": {"objection", "long", false},
		"questions": {"clarification", "list", true}, "reply_by": {"clarification", "time", false}, "secrecy": {"release-request", "choice", true},
		"asked": {"release-request", "count", false}, "package": {"delivery", "exact", true}, "size": {"delivery", "size", true},
	} {
		if f := field(c.kind, name); f.Type != c.typ || f.Required != c.required {
			t.Errorf("%s of %s: %+v", name, c.kind, f)
		}
	}
	if f := field("eu-impossibility", "classes"); f.Type != "choices" || f.Label != "Datenkategorien" || !slices.Contains(f.Options, Option{"traffic", "Verkehrsdaten"}) {
		t.Errorf("classes: %+v", f)
	}
	if f := field("eu-impossibility", "reasons"); len(f.Fields) != 3 || f.Fields[0].Type != "choice" || len(f.Fields[0].Options) == 0 {
		t.Errorf("reasons: %+v", f)
	}
	for _, k := range all {
		for _, f := range k.Fields {
			if k.Kind != "page" && (f.Name == "instrument" || f.Name == "authority" || f.Name == "received") {
				t.Errorf("%s asks for %s, which the case knows", k.Kind, f.Name)
			}
		}
	}
}
