package bag

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"writ"
)

var hostileKeys = []string{
	"../../etc/passwd", "..", ".", "/", "//", "a", "a/b", "a/", "A", "A/b", "data/x", "con", "CON.txt", "nul/x", "lpt1", "a.", "a..", ".ssh/id",
	"x\x00y", "x\ny", "x\r", "x\x1b[2J", "ward:seven", `..\..\x`, "C:\\x", "café", "cafe\u0301", "=41", "@", "@@", "@@/x", "000001@x", "%0A", "~", "-rf",
	" lead", "trail ", strings.Repeat("k", 1024), strings.Repeat("a/", 512), strings.Repeat("é", 512), "a/" + strings.Repeat("=", 300) + ".pdf", "\u202egpj.exe",
}

func keys() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(hostileKeys), rapid.StringN(1, 200, MaxKey), rapid.StringMatching(`[aA./@=\x00 ]{1,12}`),
		rapid.StringMatching(`([a-z]{1,40}/){0,8}[A-Z.]{1,80}`))
}

// TestPaths: whatever the keys, paths are distinct even where case doesn't
// count, safe, none is another's folder, and they lead back.
func TestPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(keys(), 1, 30).Draw(t, "keys")
		files, folders := make(map[string]bool), make(map[string]bool)
		for i, key := range all {
			p := pathOf(int64(i+1), "ward-seven", writ.ObjectKey(key))
			checkPath(t, p)
			folded := strings.ToLower(p)
			if files[folded] || folders[folded] {
				t.Fatalf("%q is there twice", p)
			}
			files[folded] = true
			for at := strings.LastIndexByte(folded, '/'); at > 0; at = strings.LastIndexByte(folded[:at], '/') {
				folders[folded[:at]] = true
			}
			w, err := ParsePath(p)
			if err != nil || w.N != int64(i+1) || w.Bucket != "ward-seven" {
				t.Fatalf("%q: %+v, %v", p, w, err)
			}
			if short := strings.Contains(p, "/@@/"); !short && string(w.Key) != key {
				t.Fatalf("%q came back as %q", key, w.Key)
			} else if short && len(key) < 50 {
				t.Fatalf("%q was shortened without need", key)
			}
		}
		for f := range files {
			if folders[f] {
				t.Fatalf("%q is a file and a folder", f)
			}
		}
	})
}

func checkPath(t interface{ Fatalf(string, ...any) }, p string) {
	if len(p) > maxPath+16 || !isInside(p) || !strings.HasPrefix(p, "data/") {
		t.Fatalf("%q is no safe path", p)
	}
	if decoded, err := decodePath(p); err != nil || decoded != p {
		t.Fatalf("%q needs encoding in a manifest", p)
	}
	for i, segment := range strings.Split(p, "/") {
		if segment == "" || len(segment) > 255 || segment[0] == '.' || strings.HasSuffix(segment, ".") || isDevice(segment) && i > 0 {
			t.Fatalf("%q has the segment %q", p, segment)
		}
		for _, c := range []byte(segment) {
			if !plain(c) && c != '=' && c != '@' {
				t.Fatalf("%q holds %q", p, c)
			}
		}
	}
}

func TestPathExamples(t *testing.T) {
	for _, c := range []struct{ key, path string }{
		{"scans/2026/Ines.JPG", "data/ward-seven/scans/2026/000042@Ines.JPG"},
		{"../x", "data/ward-seven/=2E=2E/000042@x"},
		{"a b/ü", "data/ward-seven/a=20b/000042@=C3=BC"},
		{"/", "data/ward-seven/@/000042@"},
		{"Con.d/x", "data/ward-seven/=43on.d/000042@x"},
		{strings.Repeat("x", 200) + ".pdf", "data/ward-seven/@@/000042@" + strings.Repeat("x", 60) + ".pdf"},
	} {
		if got := pathOf(42, "ward-seven", writ.ObjectKey(c.key)); got != c.path {
			t.Errorf("%q gave %q, not %q", c.key, got, c.path)
		}
	}
	if got := pathOf(1, "", "export.csv"); got != "data/@/000001@export.csv" {
		t.Errorf("an attachment lies at %q", got)
	}
}

func FuzzParsePath(f *testing.F) {
	for i, k := range hostileKeys {
		f.Add(pathOf(int64(i+1), "b", writ.ObjectKey(k)))
	}
	f.Fuzz(func(t *testing.T, p string) {
		w, err := ParsePath(p)
		if err != nil || strings.Contains(p, "/@@/") || !utf8.ValidString(string(w.Key)) {
			return
		}
		if again := pathOf(w.N, w.Bucket, w.Key); again != p {
			t.Fatalf("%q was read, and is written %q", p, again)
		}
	})
}
