package source

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"writ/internal/proof"
	"writ/internal/release/archive"
	rt "writ/internal/release/releasetest"
)

const hostile = "package x\n\n/* a <script>alert(1)</script>\n   & more */\nconst a = `</pre>\n<img src=x>`\n\nvar b = \"\\\"\" // \"quoted\"\n"

// site is that of a small source, and the file that it was read from.
func site(t *testing.T) (*Site, string, proof.Artifact) {
	t.Helper()
	packed, err := rt.Source(t, "v1.2.3", map[string]string{
		"internal/x/x.go":     hostile,
		"internal/x/odd '.md": "a & b <i>\r\nc\n",
		"internal/x/big.txt":  strings.Repeat("x", MaxShown+1),
		"internal/x/bin.dat":  "\x00\xff<script>",
		"internal/x/empty":    "",
	}).Bytes()
	must(t, err)
	sum := sha256.Sum256(packed)
	about := proof.Artifact{Name: archive.Name("v1.2.3"), SHA256: hex.EncodeToString(sum[:]), Size: int64(len(packed))}
	file := filepath.Join(t.TempDir(), about.Name)
	must(t, os.WriteFile(file, packed, 0o644))
	s, err := Open(file, about)
	must(t, err)
	return s, file, about
}

func get(t *testing.T, s *Site, method, path string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = path // as a router leaves it, whatever it is
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	must(t, err)
	return w.Result(), string(body)
}

var tag = regexp.MustCompile(`<[^>]*>`)

// textOf is what a reader of a file's page copies out of it.
func textOf(t *testing.T, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "<pre>")
	pre, _, ended := strings.Cut(rest, "</pre>")
	if !ok || !ended {
		t.Fatalf("no text in %.300s", page)
	}
	return html.UnescapeString(tag.ReplaceAllString(pre, ""))
}

// TestExactlyTheArchive: the archive is served byte for byte, every file of it
// has a page with its text and the archive's hash, and a file that changes on
// the disk later changes nothing.
func TestExactlyTheArchive(t *testing.T) {
	s, file, about := site(t)
	want, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte("evil"), 0o644))
	resp, body := get(t, s, "GET", Prefix+about.Name)
	if body != string(want) || resp.Header.Get("Content-Type") != "application/gzip" {
		t.Error("another archive is served")
	}
	_, index := get(t, s, "GET", Prefix)
	tree := rt.Source(t, "v1.2.3", nil)
	for _, f := range append(tree.Files(), archive.File{Name: "internal/x/x.go", Body: []byte(hostile)}, archive.File{Name: "internal/x/odd '.md", Body: []byte("a & b <i>\r\nc\n")}) {
		if !strings.Contains(index, link(f.Name)) {
			t.Errorf("%s is not in the index", f.Name)
		}
		resp, page := get(t, s, "GET", filePrefix+f.Name)
		if resp.StatusCode != 200 || !strings.Contains(page, about.SHA256) {
			t.Errorf("%s: %s, without the hash", f.Name, resp.Status)
		}
		if textOf(t, page) != string(f.Body) {
			t.Errorf("%s reads %q, not %q", f.Name, textOf(t, page), f.Body)
		}
	}
}

// TestWholeTree: of this very source each text is shown as it is, and each
// Go file has lines of its own.
func TestWholeTree(t *testing.T) {
	n := 0
	must(t, filepath.WalkDir(filepath.Join(rt.Root(t), "internal"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "vectors.json" {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if out := highlight(path, body); html.UnescapeString(tag.ReplaceAllString(out, "")) != string(body) {
			t.Errorf("%s is shown otherwise", path)
		}
		n++
		return nil
	}))
	if n < 100 {
		t.Errorf("only %d files", n)
	}
}

// TestNothingRuns: what is in the source is text, also where it looks like
// HTML, and the page may load nothing.
func TestNothingRuns(t *testing.T) {
	s, _, _ := site(t)
	for _, name := range []string{"internal/x/x.go", "internal/x/odd '.md", "internal/x/bin.dat", "internal/x/big.txt", "README.md"} {
		resp, page := get(t, s, "GET", filePrefix+name)
		if regexp.MustCompile(`(?i)<(script|img|small|link|iframe)|https?://|javascript:`).MatchString(page) {
			t.Errorf("%s brings an element, or another host", name)
		}
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s", name, csp)
		}
	}
	_, page := get(t, s, "GET", filePrefix+"internal/x/x.go")
	for _, want := range []string{`<i class="c">/* a &lt;script&gt;`, `<i class="k">const</i>`, "<i class=\"s\">`&lt;/pre&gt;</i>", `id="L8"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for name, want := range map[string]string{"internal/x/big.txt": "too many for a page", "internal/x/bin.dat": "is not text"} {
		if _, page := get(t, s, "GET", filePrefix+name); !strings.Contains(page, want) || len(page) > 10<<10 {
			t.Errorf("%s: %d bytes", name, len(page))
		}
	}
}

// TestPaths: no name leads anywhere but into the archive.
func TestPaths(t *testing.T) {
	s, _, _ := site(t)
	for _, path := range []string{
		filePrefix + "../../../etc/passwd", filePrefix + "/etc/passwd", filePrefix + "internal", filePrefix + "internal/", filePrefix,
		filePrefix + "..", filePrefix + "internal/x/../x/x.go", filePrefix + "go.mod/", filePrefix + `..\go.mod`, filePrefix + "%2e%2e/go.mod",
		Prefix + "go.mod", Prefix + "f", Prefix + "writ-v1.2.4.tar.gz", "/source", "/", filePrefix + "<script>", filePrefix + "go.mod\x00",
	} {
		if resp, page := get(t, s, "GET", path); resp.StatusCode != 404 || strings.Contains(page, "<script>") || strings.Contains(page, "module writ") {
			t.Errorf("%q: %s", path, resp.Status)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		if resp, _ := get(t, s, method, Prefix); resp.StatusCode != 405 {
			t.Errorf("%s: %s", method, resp.Status)
		}
	}
	if resp, body := get(t, s, "HEAD", filePrefix+"go.mod"); resp.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %s, %d bytes", resp.Status, len(body))
	}
}

// TestOnlyTheNamedArchive: what the release doesn't name is not opened.
func TestOnlyTheNamedArchive(t *testing.T) {
	_, file, about := site(t)
	other := about
	other.SHA256 = strings.Repeat("0", 64)
	if _, err := Open(file, other); !errors.Is(err, ErrDiffers) {
		t.Errorf("%v", err)
	}
	body, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, append(body, 0), 0o644))
	if _, err := Open(file, about); !errors.Is(err, ErrDiffers) {
		t.Errorf("%v", err)
	}
	sum := sha256.Sum256([]byte("no archive"))
	must(t, os.WriteFile(file, []byte("no archive"), 0o644))
	about.SHA256, about.Size = hex.EncodeToString(sum[:]), 10
	if _, err := Open(file, about); !errors.Is(err, archive.ErrForm) {
		t.Errorf("%v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
