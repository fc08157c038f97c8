package release

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ServePrefix is where a server gives its release out.
const ServePrefix = "/release/"

// Handler serves, below [ServePrefix], release.json, the receipt, and the files
// that the release names, so that writ verify release needs nothing but the
// address. Receipt returns nil as long as the log has not given one. The files
// are read as they lie there now: whoever checks them finds out if they were
// changed since.
func (f *Folder) Handler(receipt func() []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "public, no-cache")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "a release is only read here", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, ServePrefix)
		switch name {
		case StatementFile:
			h.Set("Content-Type", "application/json")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(append(f.Body(), '\n')))
			return
		case ReceiptFile:
			body := receipt()
			if body == nil {
				h.Set("Retry-After", "60")
				http.Error(w, "the release is not published yet", http.StatusServiceUnavailable)
				return
			}
			h.Set("Content-Type", "application/json")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
			return
		}
		for _, a := range f.present {
			if a.Name == name {
				f.serve(w, r, a)
				return
			}
		}
		http.NotFound(w, r)
	})
}

func (f *Folder) serve(w http.ResponseWriter, r *http.Request, a Artifact) {
	file, err := os.Open(filepath.Join(f.Dir, a.Name))
	if err != nil {
		http.Error(w, "the file is not here any more", http.StatusNotFound)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+a.Name+`"`)
	http.ServeContent(w, r, "", time.Time{}, file)
}
