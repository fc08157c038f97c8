package printable

import "testing"

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"Landgericht Falkenmoor":   "Landgericht Falkenmoor",
		`say "yes"`:                `say "yes"`,
		"Größe 日本":                 "Größe 日本",
		"a\x1b[2Jb":                `"a\x1b[2Jb"`,
		"fixée\u00a0: 10\u202f000": "fixée\u00a0: 10\u202f000",
		"a\nb":                     `"a\nb"`,
		"a\u202eb":                 `"a\u202eb"`,
		"a\xffb":                   `"a\xffb"`,
		"a\u009bb":                 `"a\u009bb"`,
	} {
		if got := Line(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"Falkenmoor":        "Falkenmoor",
		"=1+1":              "'=1+1",
		"+1":                "'+1",
		"-1":                "'-1",
		"@SUM(A1)":          "'@SUM(A1)",
		"\t=1":              "'\t=1",
		"\r=1":              "'=1",
		"\x00=1":            "'=1",
		"  =1":              "'  =1",
		"\uff1d1":           "'\uff1d1",
		"a=1":               "a=1",
		"two\nlines":        "two\nlines",
		"\x1b]8;;x\x07link": "]8;;xlink",
		"\xff":              "\ufffd",
	} {
		if got := Cell(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestText: lines stay lines, and nothing in one is obeyed.
func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"one\ttwo\nthree\u202e\n\x1b": "one two\n\"three\\u202e\"\n\"\\x1b\"", "plain": "plain", "": "", "a\nb": "a\nb",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}
