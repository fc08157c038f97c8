package report

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The contract's own examples are of the format, and it names every
// instrument and every field.
func TestContract(t *testing.T) {
	b, err := os.ReadFile("../../docs/reports.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```jsonl\n")
	lines, _, _ := strings.Cut(rest, "```")
	got, err := readAll(strings.NewReader(lines))
	if err != nil || len(got) != 3 {
		t.Fatal(len(got), err)
	}
	var cases []Case
	for _, d := range got {
		if c, historic := d.Case(); historic {
			cases = append(cases, c)
		}
	}
	if len(cases) != 2 {
		t.Errorf("%d historic cases", len(cases))
	}
	for _, year := range []string{"2019", "2023"} {
		o := githubOptions(ReceivedDisclosed, Year, year+"-01-01", year+"-12-31")
		if _, err := Make(slices.Values(cases), o); err != nil {
			t.Error(err)
		}
	}
	for field := range fields {
		if !strings.Contains(string(b), "| `"+field+"` |") {
			t.Errorf("%s isn't in the table", field)
		}
	}
	for id := range instruments() {
		if !strings.Contains(string(b), "`"+string(id)+"`") {
			t.Errorf("%s isn't in the list", id)
		}
	}
	for _, rule := range structures {
		if !strings.Contains(rule.words, "50 USC 1874") {
			t.Error(rule.words)
		}
	}
}
