package page

import (
	"testing"
	"time"
)

// TestVisible: every text that an answer can hold is made safe, wherever it lies;
// bytes, times and what is plain stay as they are.
func TestVisible(t *testing.T) {
	type inner struct{ Text string }
	v := struct {
		Named  inner
		List   []inner
		By     map[string]inner
		To     *inner
		Bytes  []byte
		At     time.Time
		Plain  string
		hidden string
	}{
		inner{"a\x1b"}, []inner{{"b\u202e"}}, map[string]inner{"k": {"c\x00"}}, &inner{"d\n\x07"}, []byte("e\x1b"), noon, "two\nlines", "f\x1b",
	}
	Visible(&v)
	for got, want := range map[string]string{
		v.Named.Text: `"a\x1b"`, v.List[0].Text: `"b\u202e"`, v.By["k"].Text: `"c\x00"`, v.To.Text: "d\n\"\\a\"", string(v.Bytes): "e\x1b", v.Plain: "two\nlines", v.hidden: "f\x1b",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if !v.At.Equal(noon) {
		t.Error("a time was changed")
	}
}
