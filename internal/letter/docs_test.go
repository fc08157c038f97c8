package letter

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const docs = "../../docs/letters.md"

// TestDocs holds the table of kinds and fields in docs/letters.md to the data
// types.
func TestDocs(t *testing.T) {
	const begin, end = "<!-- fields -->\n", "<!-- end -->\n"
	raw, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/letters.md has no place for the fields")
	}
	want := before + begin + fieldTable() + end + after
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(raw) {
		t.Error("docs/letters.md does not say the fields as they are (-update writes them)")
	}
}

// fieldTable names each kind's own fields, a line for each kind, then those
// that are shared and those of rows.
func fieldTable() string {
	var b strings.Builder
	shared := []reflect.Type{reflect.TypeFor[Demand](), reflect.TypeFor[EUOrder](), reflect.TypeFor[Notice]()}
	var rows []reflect.Type
	b.WriteString("| kind | type | fields (**required**) |\n|---|---|---|\n")
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", k, typeOf(k).Name(), fieldsText(typeOf(k), &rows))
	}
	b.WriteString("\n| shared, or a row | fields (**required**) |\n|---|---|\n")
	for _, s := range shared {
		fmt.Fprintf(&b, "| %s | %s |\n", s.Name(), fieldsText(s, &rows))
	}
	for i := 0; i < len(rows); i++ {
		fmt.Fprintf(&b, "| %s | %s |\n", rows[i].Name(), fieldsText(rows[i], &rows))
	}
	return b.String()
}

func fieldsText(t reflect.Type, rows *[]reflect.Type) string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			out = append(out, "those of "+f.Type.Name())
			continue
		}
		name := nameOf(f)
		if rulesOf(f).required {
			name = "**" + name + "**"
		}
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			name += " (" + f.Type.Elem().Name() + ")"
			if !slices.Contains(*rows, f.Type.Elem()) {
				*rows = append(*rows, f.Type.Elem())
			}
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}
