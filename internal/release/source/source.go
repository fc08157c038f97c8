// Package source lets people read the source of a release where the server runs:
// exactly the archive that the release names, checked against its hash once, and
// from then on out of memory, whatever happens to the file.
//
// The pages are plain HTML without scripts, under a policy that lets a browser
// load nothing but them. Go is highlighted by the standard library's own scanner:
// a page that is there to be reviewed shall not bring thousands of lines of a
// highlighter that nobody reviews.
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/archive"
)

// Prefix is where the pages are.
const Prefix = "/source/"

const (
	filePrefix = Prefix + "f/"
	// MaxShown is the most bytes of a file that is shown as a page.
	MaxShown = 1 << 20
)

// ErrDiffers: the file is not the archive that the release names.
var ErrDiffers = errors.New("not the source that the release names")

// Site is the source of one release. It is an [http.Handler] for [Prefix]. It
// holds the archive and what is in it in memory: at most
// [archive.MaxArchive] and [archive.MaxTotal], for Writ itself a few MiB.
type Site struct {
	about  proof.Artifact
	packed []byte
	tree   *archive.Tree
	index  []byte
}

// Open reads the archive of a release. Errors: [ErrDiffers], [archive.ErrForm],
// and those of the file system.
func Open(file string, about proof.Artifact) (*Site, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the source: %w", err)
	}
	defer f.Close()
	packed, err := io.ReadAll(io.LimitReader(f, archive.MaxArchive+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the source: %w", err)
	}
	sum, n, err := release.Sum(bytes.NewReader(packed), archive.MaxArchive)
	if err != nil || n != about.Size || sum != about.SHA256 {
		return nil, fmt.Errorf("%w: %s", ErrDiffers, about.Name)
	}
	s := &Site{about: about, packed: packed}
	if s.tree, err = archive.Read(bytes.NewReader(packed)); err != nil {
		return nil, fmt.Errorf("couldn't read the source: %w", err)
	}
	s.index = s.indexPage()
	return s, nil
}

// ServeHTTP serves the index, a page for each file, and the archive.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "the source is only read here", http.StatusMethodNotAllowed)
		return
	}
	name, isFile := strings.CutPrefix(r.URL.Path, filePrefix)
	switch {
	case r.URL.Path == Prefix:
		s.page(w, r, http.StatusOK, s.index)
	case r.URL.Path == Prefix+s.about.Name:
		h.Set("Content-Type", "application/gzip")
		h.Set("Content-Disposition", `attachment; filename="`+s.about.Name+`"`)
		s.content(w, r, s.packed)
	case isFile:
		if body, ok := s.tree.Open(name); ok {
			s.page(w, r, http.StatusOK, s.filePage(name, body))
			return
		}
		fallthrough
	default:
		s.page(w, r, http.StatusNotFound, s.missingPage())
	}
}

func (s *Site) page(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if status == http.StatusOK {
		s.content(w, r, body)
		return
	}
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		w.Write(body)
	}
}

// content answers conditions and ranges too. One release has one body for each
// path, so the archive's hash is a tag for all.
func (s *Site) content(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("ETag", `"`+s.about.SHA256[:32]+`"`)
	w.Header().Set("Cache-Control", "public, no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
