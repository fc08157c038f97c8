package release

import (
	"net/http/httptest"
	"path/filepath"
	"testing"
)

// TestHandler serves what the release names and nothing else of its folder.
func TestHandler(t *testing.T) {
	dir, _ := folder(t)
	write(t, dir, "notes.txt", "private")
	write(t, filepath.Dir(dir), "beside", "private")
	f, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var receipt []byte
	h := f.Handler(func() []byte { return receipt })
	get := func(method, path string) (int, string) {
		r := httptest.NewRequest(method, "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if code, _ := get("GET", "/release/receipt.json"); code != 503 {
		t.Errorf("before publication: %d", code)
	}
	receipt = []byte("{}")
	for path, want := range map[string]string{
		"/release/receipt.json": "{}", "/release/release.json": string(f.Body()) + "\n", "/release/writ-1.2.3.tar.gz": "source",
		"/release/writ-1.2.3-linux-amd64": "linux", "/release/" + SBOMFile: "sbom",
	} {
		if code, body := get("GET", path); code != 200 || body != want {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
	for _, path := range []string{"/release/", "/release/notes.txt", "/release/../beside", "/release/" + SumsFile, "/release//etc/passwd", "/release/./release.json"} {
		if code, _ := get("GET", path); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	if code, _ := get("POST", "/release/release.json"); code != 405 {
		t.Errorf("POST: %d", code)
	}
}
