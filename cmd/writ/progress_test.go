//go:build unix

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"writ/internal/api"
)

// A bar shows the stage and how far it is, goes to the next stage, and is gone
// when the work is done.
func TestProgress(t *testing.T) {
	var terminal bytes.Buffer
	show, end := progressOn(&terminal)
	for _, p := range []api.Progress{{Stage: "rotate", Done: 3, Total: 12}, {Stage: "check", Done: 5}} {
		show(p)
	}
	time.Sleep(150 * time.Millisecond) // what draws by itself would do it beside end
	end()
	length := terminal.Len()
	time.Sleep(250 * time.Millisecond)
	if terminal.Len() != length {
		t.Error("something is drawn after the end")
	}
	text := terminal.String()
	for _, want := range []string{"rotate", "3/12", "check"} {
		if !strings.Contains(text, want) {
			t.Errorf("a terminal is not shown %q: %q", want, text)
		}
	}
	if last := text[strings.LastIndex(strings.TrimRight(text, "\r"), "\r")+1:]; strings.TrimSpace(last) != "" {
		t.Errorf("at the end the terminal still shows %q", last)
	}
}
