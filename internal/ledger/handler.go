package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	tnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera/api/layout"
)

// The paths that [Handler] serves, beside the tiles below LogPath.
const (
	LogPath       = "/log/"
	WellKnownPath = "/.well-known/writ.json"
	BreakPath     = LogPath + "break"
)

// maxPath is longer than the path of any tile of a log of 2^63 leaves.
const maxPath = 100

// How long others may keep an answer. A tile of a width never changes.
const (
	cacheTile       = "public, max-age=31536000, immutable"
	cacheCheckpoint = "public, max-age=1"
	cacheKeys       = "public, max-age=60"
)

// Public is what strangers are told of a log beside its leaves.
type Public struct {
	LogKey string // verifier key (vkey)
	Policy string // of the witnesses
	Break  []byte // the signed explanation of a break ([Explanation]); nil if there was none
	// Release is the path of the receipt of the release that the server runs, or
	// "unlogged" if it runs a build that is in none.
	Release string
}

// wellKnown is the file at WellKnownPath.
type wellKnown struct {
	V      int    `json:"v"`
	Origin string `json:"origin"`
	LogKey string `json:"log_key"`
	Policy string `json:"policy"`
	Log    string `json:"log"`
	Break  string `json:"break,omitempty"`

	Release string `json:"release,omitempty"`
}

// Handler serves a log to anybody: the checkpoint, tiles and entry bundles of
// what is published (https://c2sp.org/tlog-tiles), the keys, and the explanation
// of a break. It answers GET and HEAD, knows no other spelling of a path than
// the one of the specification, and opens no file by a name that came from
// outside.
func Handler(l Log, p Public) (http.Handler, error) {
	v, err := tnote.NewVerifier(p.LogKey)
	if err != nil {
		return nil, err
	}
	w := wellKnown{V: 1, Origin: v.Name(), LogKey: p.LogKey, Policy: p.Policy, Log: LogPath, Release: p.Release}
	if p.Break != nil {
		w.Break = BreakPath
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(w); err != nil {
		return nil, err
	}
	return &handler{log: l, wellKnown: b.Bytes(), broken: p.Break}, nil
}

type handler struct {
	log       Log
	wellKnown []byte
	broken    []byte
}

func (h *handler) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		rw.Header().Set("Allow", "GET, HEAD")
		http.Error(rw, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	path := req.URL.Path
	if len(path) > maxPath || req.URL.RawPath != "" || req.URL.EscapedPath() != path {
		http.NotFound(rw, req)
		return
	}
	switch rest, inLog := strings.CutPrefix(path, LogPath); {
	case path == WellKnownPath:
		serve(rw, h.wellKnown, "application/json", cacheKeys)
	case path == BreakPath && h.broken != nil:
		serve(rw, h.broken, "text/plain; charset=utf-8", cacheKeys)
	case inLog && rest == layout.CheckpointPath:
		signed, err := h.log.Checkpoint(req.Context())
		respond(rw, req, signed, err, "text/plain; charset=utf-8", cacheCheckpoint)
	case inLog:
		h.serveTile(rw, req, rest)
	default:
		http.NotFound(rw, req)
	}
}

// serveTile serves a path below LogPath.
func (h *handler) serveTile(rw http.ResponseWriter, req *http.Request, path string) {
	t, ok := parseTile(path)
	if !ok {
		http.NotFound(rw, req)
		return
	}
	var data []byte
	var err error
	if t.entries {
		data, err = h.log.Entries(req.Context(), t.index, t.width)
	} else {
		data, err = h.log.Tile(req.Context(), t.level, t.index, t.width)
	}
	respond(rw, req, data, err, "application/octet-stream", cacheTile)
}

// tilePath is a tile or, if entries is set, a bundle of entries.
type tilePath struct {
	entries      bool
	level, index uint64
	width        int
}

// parseTile reads the path of a tile. It takes the one spelling that the
// specification has for each.
func parseTile(path string) (t tilePath, ok bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return t, false
	}
	level, index, ok := strings.Cut(rest, "/")
	if !ok {
		return t, false
	}
	t.entries = level == "entries"
	if !t.entries {
		n, err := strconv.ParseUint(level, 10, 8)
		if err != nil {
			return t, false
		}
		t.level = n
	}
	n, p, err := layout.ParseTileIndexPartial(index)
	if err != nil {
		return t, false
	}
	t.index, t.width = n, int(p)
	if p == 0 {
		t.width = tileWidth
	}
	canonical := layout.TilePath(t.level, n, p)
	if t.entries {
		canonical = layout.EntriesPath(n, p)
	}
	return t, canonical == path
}

// respond serves what a log returned.
func respond(rw http.ResponseWriter, req *http.Request, data []byte, err error, kind, cache string) {
	switch {
	case errors.Is(err, ErrNoLeaf):
		http.NotFound(rw, req)
	case err != nil: // nothing of what went wrong is for strangers
		http.Error(rw, "the log can't be read now", http.StatusServiceUnavailable)
	default:
		serve(rw, data, kind, cache)
	}
}

func serve(rw http.ResponseWriter, data []byte, kind, cache string) {
	h := rw.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", cache)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	rw.Write(data)
}
