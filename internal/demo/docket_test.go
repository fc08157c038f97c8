package demo

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"testing"
)

// TestPaper: a reader of PDF finds every object where the table says, and no line
// ends the text that it is in.
func TestPaper(t *testing.T) {
	b := paper("District Court of New Arden", `Tj) ET (\ is text`)
	if !bytes.Contains(b, []byte(`(Tj\) ET \(\\ is text) '`)) {
		t.Error("a parenthesis of a line is not escaped")
	}
	rows := regexp.MustCompile(`(?m)^(\d{10}) 00000 n $`).FindAllSubmatch(b, -1)
	if len(rows) != 5 {
		t.Fatalf("the table has %d objects, want 5", len(rows))
	}
	for i, row := range rows {
		at, err := strconv.Atoi(string(row[1]))
		if err != nil || !bytes.HasPrefix(b[at:], fmt.Appendf(nil, "%d 0 obj\n", i+1)) {
			t.Errorf("object %d is not at %s", i+1, row[1])
		}
	}
	end := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(b)
	if end == nil {
		t.Fatal("the paper has no end")
	}
	if at, err := strconv.Atoi(string(end[1])); err != nil || !bytes.HasPrefix(b[at:], []byte("xref\n0 6\n")) {
		t.Errorf("the table is not at %s", end[1])
	}
}

// TestEssence: what a custodian is shown is cut to what it permits, and never to
// nothing.
func TestEssence(t *testing.T) {
	got := essence("Writ\n====\n\nWhose data\n----------\n\nName:  harbour-clinic\n\x1b[2J\n\nYour signature\n---\n\nx\n")
	if len(got) != 2 || got[0] != "   | Name:  harbour-clinic" || bytes.ContainsRune([]byte(got[1]), '\x1b') {
		t.Errorf("%q", got)
	}
	if got := essence("laid out otherwise\n"); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
