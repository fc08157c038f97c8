package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"writ/internal/config"
)

var update = flag.Bool("update", false, "write the settings into docs/operations.md")

const document = "../../docs/operations.md"

// TestDocs holds the table of settings in the operator's documentation against
// the program.
func TestDocs(t *testing.T) {
	var table strings.Builder
	table.WriteString("| in the file | value | default | what for |\n|---|---|---|---|\n")
	for _, s := range config.Settings() {
		value := strings.ReplaceAll(s.Value, "|", " or ")
		def := s.Default
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", s.Key, value, def, s.Usage)
	}
	const open, end = "<!-- settings: held against the program by a test -->\n", "<!-- end of settings -->"
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(doc, []byte(open))
	have, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatal("docs/operations.md has no place for the settings")
	}
	if *update {
		whole := string(before) + open + table.String() + end + string(after)
		if err := os.WriteFile(document, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(have) != table.String() {
		t.Error("docs/operations.md has other settings than the program: run this test with -update")
	}
}
