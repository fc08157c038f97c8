package check_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"writ/internal/console/assets/check"
	"writ/internal/testenv/browser"
)

// policy is the strictest under which the modules must work. That of fetching is
// for the tests, which get their vectors so.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'"

// open starts a browser at an empty page beside the modules; more is served too.
func open(t *testing.T, more map[string][]byte) *browser.Browser {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/check/", http.StripPrefix("/check/", http.FileServerFS(check.Assets)))
	serve := func(path, kind string, body []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		})
	}
	serve("/{$}", "text/html; charset=utf-8", []byte("<!doctype html><html lang=en><title>Check</title>"))
	for path, body := range more {
		serve(path, map[string]string{"/page": "text/html; charset=utf-8", "/style.css": "text/css"}[path], body)
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	b := browser.New(t, s.Certificate())
	b.Open(s.URL + "/")
	return b
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// verdicts are all of Go's verdicts on receipts, a line each.
func verdicts(t *testing.T) (lines []byte) {
	t.Helper()
	names, err := filepath.Glob(vectors + "verdicts-*.jsonl")
	if err != nil || len(names) == 0 {
		t.Fatal("there are no verdicts:", err)
	}
	for _, name := range names {
		lines = append(lines, read(t, name)...)
	}
	return lines
}

func decode[T any](t *testing.T, lines []byte) (all []T) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}
