package letter

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"writ/internal/testenv"
)

// checkPassive looks into every object of a PDF, the packed ones too, for
// anything that a reader would act upon.
func checkPassive(t *testing.T, raw []byte) {
	t.Helper()
	outside := regexp.MustCompile(`(?s)stream\r?\n.*?endstream`).ReplaceAll(raw, nil)
	outside = regexp.MustCompile(`/EmbeddedFiles <<\s*/Names \[\s*\]\s*>>`).ReplaceAll(outside, nil) // fpdf's list of none
	// What a document says of itself is in strings of UTF-16; names of PDF are ASCII.
	for _, active := range []string{"/URI", "/JavaScript", "/JS", "/Annots", "/Launch", "/OpenAction", "/AA", "/EmbeddedFile", "/SubmitForm", "/GoTo", "/RichMedia", "/AcroForm"} {
		if bytes.Contains(outside, []byte(active)) {
			t.Errorf("the PDF has %s", active)
		}
	}
}

// reader runs one of Debian's poppler-utils over a PDF.
func popple(t *testing.T, raw []byte, tool string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		testenv.Skip(t, tool+" is missing (Debian: poppler-utils)")
	}
	file := filepath.Join(t.TempDir(), "letter.pdf")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "FILE", file)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(tool, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v, %s", tool, err, &stderr)
	}
	return string(out)
}

var blank = regexp.MustCompile(`\s+`)

// TestReadsBack: another program finds in the PDF of each letter, in each
// language, every word that the text has.
func TestReadsBack(t *testing.T) {
	s := loaded(t)
	for i, k := range Kinds() { // a language each: poppler takes its time
		lang := Languages()[i%4]
		doc := made(t, s, lang, k)
		raw, err := doc.PDF()
		if err != nil {
			t.Fatal(err)
		}
		checkPassive(t, raw)
		got := popple(t, raw, "pdftotext", "-layout", "-enc", "UTF-8", "FILE", "-")
		flat := blank.ReplaceAllString(got, " ")
		for _, b := range append(doc.Blocks, Facts(doc.Info), Paragraph(doc.Footer), Paragraph(doc.Title), Paragraph(doc.Addressee.Name)) {
			if p, ok := b.(Paragraph); ok && !strings.Contains(flat, strings.TrimSpace(strings.ReplaceAll(string(p), "\u00a0", " "))) && !acrossPages(got) {
				t.Errorf("%s, %s: %q is not in the PDF:\n%s", lang, k, p, got)
			}
			if fs, ok := b.(Facts); ok {
				for _, f := range fs {
					if !strings.Contains(flat, strings.Fields(f.Value)[0]) {
						t.Errorf("%s, %s: %q is not in the PDF", lang, k, f.Value)
					}
				}
			}
		}
	}
}

func acrossPages(s string) bool { return strings.Count(s, "\f") > 1 }

func TestInfo(t *testing.T) {
	s := loaded(t)
	raw, err := made(t, s, "es", "custody").PDF()
	if err != nil {
		t.Fatal(err)
	}
	info := popple(t, raw, "pdfinfo", "-isodates", "FILE")
	for _, want := range []string{"Title:", "Cadena de custodia", "Fjordhost AS", "2026-09-02T", "A4", "JavaScript:      no", "Encrypted:       no", "Form:            none"} {
		if !strings.Contains(info, want) {
			t.Errorf("%q is not in\n%s", want, info)
		}
	}
	if !bytes.Contains(raw, []byte("/Lang")) || !bytes.Contains(raw, []byte("(es)")) {
		t.Error("the PDF does not say its language")
	}
	fonts := popple(t, raw, "pdffonts", "FILE")
	for _, l := range strings.Split(strings.TrimSpace(fonts), "\n")[2:] {
		if f := strings.Fields(l); f[len(f)-5] != "yes" {
			t.Errorf("a font is not embedded: %s", l)
		}
	}
}

// TestLongTable: a table over many pages has its head and number on each, and
// loses no row.
func TestLongTable(t *testing.T) {
	s := loaded(t)
	const n = 400
	doc, err := s.Make("en", headFor("custody"), custodySample(n))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := doc.PDF()
	if err != nil {
		t.Fatal(err)
	}
	text := popple(t, raw, "pdftotext", "-layout", "FILE", "-")
	pages := strings.Split(strings.TrimSuffix(text, "\f"), "\f")
	if len(pages) < 10 {
		t.Fatalf("%d pages", len(pages))
	}
	for i, p := range pages {
		if want := fmt.Sprintf("%d / %d", i+1, len(pages)); !strings.Contains(p, want) {
			t.Errorf("page %d does not say %q", i+1, want)
		}
		if i > 1 && i < len(pages)-2 && !strings.Contains(p, "Bucket") {
			t.Errorf("page %d lacks the head of the table", i+1)
		}
	}
	if got := strings.Count(text, "ward-seven"); got < n {
		t.Errorf("%d rows of %d", got, n)
	}
	if !strings.Contains(text, "4,096") || !strings.Contains(text, "4,495") {
		t.Error("the first or the last row is missing")
	}
}

// TestFontsLack: what the fonts cannot draw is shown as its number, Greek and
// Cyrillic are drawn.
func TestFontsLack(t *testing.T) {
	s := loaded(t)
	d := sample("no-data").(NoData)
	d.Note = "Ελληνικά, Русский, Čeština, Łódź, œuvre, ¿señor? ß ẞ; 漢 and 😀 and \u202eevil"
	doc, err := s.Make("en", headFor("no-data"), d)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := doc.PDF()
	if err != nil {
		t.Fatal(err)
	}
	text := blank.ReplaceAllString(popple(t, raw, "pdftotext", "-layout", "FILE", "-"), " ")
	for _, want := range []string{"Ελληνικά, Русский, Čeština, Łódź, œuvre, ¿señor? ß", "<U+6F22> and <U+1F600> and <U+202E>evil"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestFaces: every character of our own texts is in every face that draws it.
func TestFaces(t *testing.T) {
	known, err := coverage()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range Languages() {
		entries, err := builtIn.ReadDir("templates/" + lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			raw, err := builtIn.ReadFile("templates/" + lang + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range string(raw) {
				for f, g := range known {
					if r > ' ' && r != nbsp && !g.has(r) {
						t.Errorf("%s/%s: face %q lacks %q", lang, e.Name(), f, r)
					}
				}
			}
		}
	}
}

// TestStreams: the packed streams are whole.
func TestStreams(t *testing.T) {
	raw, err := made(t, loaded(t), "de", "delivery").PDF()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?s)/FlateDecode.*?stream\n(.*?)\nendstream`).FindAllSubmatch(raw, -1) {
		z, err := zlib.NewReader(bytes.NewReader(m[1]))
		if err != nil {
			continue
		}
		if _, err := io.Copy(io.Discard, z); err == nil {
			found++
		}
	}
	if found == 0 {
		t.Error("there is no readable stream")
	}
}
