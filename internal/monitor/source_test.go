package monitor

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func (r *rig) site(h http.Handler) *Site {
	r.t.Helper()
	s := httptest.NewServer(h)
	r.t.Cleanup(s.Close)
	out, err := NewSite(s.URL, SiteOptions{Timeout: time.Minute})
	r.must(err)
	return out
}

// TestHTTP: the same log by HTTP, also below a path.
func TestHTTP(t *testing.T) {
	r := newRig(t, 300)
	mux := http.NewServeMux()
	mux.Handle("/log/", http.StripPrefix("/log/", http.FileServer(http.Dir(r.dir))))
	site := r.site(mux)
	if s, err := r.scan(site.At("/log")); err != nil || s.Leaves != 301 {
		t.Errorf("%d leaves: %v", s.Leaves, err)
	}
	if _, err := r.visit(site.At("log/")); err != nil {
		t.Error(err)
	}
	if _, err := r.scan(site); !errors.Is(err, ErrSource) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where no log is: %v", err)
	}
}

// TestHostileAnswers: every answer ends, within a bound, in an error that says
// what it was.
func TestHostileAnswers(t *testing.T) {
	r := newRig(t, 3)
	endless := func(w http.ResponseWriter, req *http.Request) {
		b := []byte(strings.Repeat("x", 64<<10))
		for {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}
	slow := func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, "x")
		w.(http.Flusher).Flush()
		<-req.Context().Done()
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"a redirect to itself": {func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, req.URL.Path, http.StatusFound) }, "leads elsewhere"},
		"a redirect elsewhere": {func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "http://192.0.2.1/", http.StatusPermanentRedirect)
		}, "leads elsewhere"},
		"a body without an end": {endless, "more than"},
		"a bomb": {func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(make([]byte, 8<<20))
			z.Close()
		}, "came compressed"},
		"headers without an end": {func(w http.ResponseWriter, req *http.Request) {
			for i := range 4000 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("h", 100))
			}
		}, "couldn't read the log"},
		"a cut body": {func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Length", "500")
			w.Write([]byte("half"))
		}, "couldn't read the log"},
		"an error": {func(w http.ResponseWriter, req *http.Request) { w.WriteHeader(http.StatusTeapot) }, "answered with 418"},
		"nothing":  {func(w http.ResponseWriter, req *http.Request) { panic(http.ErrAbortHandler) }, "couldn't read the log"},
	} {
		if _, err := r.visit(r.site(c.answer)); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Slow ones end with the time that they are given.
	for name, answer := range map[string]http.HandlerFunc{
		"a slow body": slow,
		"no answer":   func(w http.ResponseWriter, req *http.Request) { <-req.Context().Done() },
	} {
		s := r.site(answer)
		s.timeout = 50 * time.Millisecond
		if _, err := r.visit(s); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "in time") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A log that is honest in its checkpoint, and sends anything for tiles.
	files := http.FileServer(http.Dir(r.dir))
	for name, answer := range map[string]http.HandlerFunc{"endless": endless, "a loop": func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, req.URL.Path, http.StatusFound) }} {
		mixed := func(w http.ResponseWriter, req *http.Request) {
			if strings.HasPrefix(req.URL.Path, "/tile/") {
				answer(w, req)
				return
			}
			files.ServeHTTP(w, req)
		}
		if _, err := r.scan(r.site(http.HandlerFunc(mixed))); !errors.Is(err, ErrSource) {
			t.Errorf("tiles are %s: %v", name, err)
		}
	}
}

func TestSites(t *testing.T) {
	for base, want := range map[string]error{
		"http://quayside.example":      ErrPlaintext,
		"http://192.0.2.7:8080/log":    ErrPlaintext,
		"ftp://quayside.example":       ErrSource,
		"quayside.example":             ErrSource,
		"https://":                     ErrSource,
		"https://u:p@quayside.example": ErrSource,
		"https://quayside.example?a=b": ErrSource,
		"https://quayside.example":     nil,
		"http://127.0.0.1:1":           nil,
		"http://[::1]:1/log/":          nil,
	} {
		if _, err := NewSite(base, SiteOptions{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", base, err)
		}
	}
	if _, err := Folder(t.TempDir()).Read(t.Context(), "../x", 1); !errors.Is(err, ErrSource) {
		t.Errorf("a path out of the folder: %v", err)
	}
}

func TestDiscover(t *testing.T) {
	r := newRig(t, 1)
	good := `{"v":1,"origin":"ledger.quayside.example","log_key":"k","policy":"quorum none","log":"/log/","more":true}`
	for body, ok := range map[string]bool{
		good: true,
		strings.Replace(good, "/log/", "//192.0.2.1/", 1):       false,
		strings.Replace(good, "/log/", "https://192.0.2.1/", 1): false,
		strings.Replace(good, "/log/", "/a/../log/", 1):         false,
		strings.Replace(good, `"v":1`, `"v":2`, 1):              false,
		`[]`: false, ``: false, strings.Repeat(" ", 1<<20): false,
	} {
		w, err := Discover(t.Context(), r.site(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path != "/.well-known/writ.json" {
				http.NotFound(w, req)
				return
			}
			w.Write([]byte(body))
		})))
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrSource) || ok && w.Log != "/log/" {
			t.Errorf("%.80s: %+v, %v", body, w, err)
		}
	}
}
