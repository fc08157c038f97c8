//go:build unix

package ledger

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/transparency-dev/tessera/api/layout"
	tclient "github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

func served(t *testing.T, h http.Handler, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	u, err := url.Parse("http://ledger.example" + target)
	if err != nil { // what no server would get: the handler must stand it all the same
		u = &url.URL{Scheme: "http", Host: "ledger.example", Path: target}
	}
	h.ServeHTTP(rec, &http.Request{Method: method, URL: u, Header: http.Header{}})
	return rec
}

// TestHandler: another's client reads and verifies the whole log through it.
func TestHandler(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]struct {
		open func(*rig) Log
		size uint64
	}{
		"posix":  {func(r *rig) Log { return r.posix() }, 30},
		"memory": {func(r *rig) Log { m, err := NewMemory(r.signer()); r.must(err); return r.witnessed(m) }, 300},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			l := kind.open(r)
			for i := range kind.size {
				_, err := l.Add(t.Context(), fmt.Appendf(nil, "leaf %d", i))
				must(t, err)
			}
			_, err := l.Await(t.Context(), kind.size-1)
			must(t, err)
			h, err := Handler(l, Public{LogKey: r.vkey, Policy: r.policy})
			must(t, err)
			server := httptest.NewServer(h)
			defer server.Close()
			base, err := url.Parse(server.URL + LogPath)
			must(t, err)
			fetch, err := tclient.NewHTTPFetcher(base, server.Client())
			must(t, err)
			v, err := note.NewVerifier(r.vkey)
			must(t, err)
			cp, _, _, err := tclient.FetchCheckpoint(t.Context(), fetch.ReadCheckpoint, v, origin)
			must(t, err)
			if cp.Size != kind.size {
				t.Fatalf("size %d", cp.Size)
			}
			hashes, err := tclient.FetchLeafHashes(t.Context(), fetch.ReadTile, 0, kind.size, kind.size)
			must(t, err)
			for bundle := range (kind.size + 255) / 256 {
				b, err := tclient.GetEntryBundle(t.Context(), fetch.ReadEntryBundle, bundle, kind.size)
				must(t, err)
				for i, e := range b.Entries {
					if want := fmt.Sprintf("leaf %d", bundle*256+uint64(i)); string(e) != want || uint64(len(hashes)) != kind.size {
						t.Fatalf("%q is not %q", e, want)
					}
				}
			}
			var w map[string]any
			rec := served(t, h, "GET", WellKnownPath)
			must(t, json.Unmarshal(rec.Body.Bytes(), &w))
			if w["log_key"] != r.vkey || w["policy"] != r.policy || w["origin"] != origin || w["log"] != "/log/" {
				t.Fatalf("%v", w)
			}
			if cc := served(t, h, "GET", LogPath+"tile/0/000.p/30").Header().Get("Cache-Control"); !strings.Contains(cc, "immutable") {
				t.Errorf("a tile: %q", cc)
			}
			if cc := served(t, h, "GET", LogPath+"checkpoint").Header().Get("Cache-Control"); strings.Contains(cc, "immutable") {
				t.Errorf("the checkpoint: %q", cc)
			}
		})
	}
}

// TestHandlerRefuses: paths that are hostile, or of what is not published, are
// 404 and read nothing.
func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	appendSome(t, l, 5, "a leaf")
	for _, w := range r.witnesses {
		w.down()
	}
	_, err := l.Add(t.Context(), []byte("unpublished"))
	must(t, err)
	h, err := Handler(l, Public{LogKey: r.vkey, Policy: r.policy})
	must(t, err)
	for _, ok := range []string{"checkpoint", "tile/0/000.p/5", "tile/0/000.p/3", "tile/entries/000.p/5", "tile/entries/000.p/1"} {
		if rec := served(t, h, "GET", LogPath+ok); rec.Code != 200 || rec.Body.Len() == 0 {
			t.Errorf("%s: %d", ok, rec.Code)
		}
		if rec := served(t, h, "HEAD", LogPath+ok); rec.Code != 200 {
			t.Errorf("HEAD %s: %d", ok, rec.Code)
		}
	}
	for _, path := range []string{
		"/", "/log", "/log/", "/log/checkpoint/", "/log//checkpoint", "/log/break", "/log/../log/checkpoint", "/log/./checkpoint",
		"/log/%63heckpoint", "/log/checkpoint%00", "/log/tile/0/000", "/log/tile/0/000.p/6", "/log/tile/entries/000.p/6", "/log/tile/entries/000",
		"/log/tile/0/000.p/0", "/log/tile/0/000.p/256", "/log/tile/0/000.p/05", "/log/tile/0/000.p/+5", "/log/tile/0/0.p/5", "/log/tile/0/0000.p/5",
		"/log/tile/00/000.p/5", "/log/tile/-1/000.p/5", "/log/tile/64/000.p/5", "/log/tile/8/000.p/1", "/log/tile/0/x000/000.p/5",
		"/log/tile/0/000.p/5/", "/log/tile/0/000.p", "/log/tile/0/000.p/", "/log/tile/0", "/log/tile/", "/log/tile/0/", "/log/tile/entries/",
		"/log/tile/0/x999/x999/x999/x999/x999/x999/999", "/log/tile/0/x018/x446/x744/x073/x709/x551/615", "/log/tile/0/x018/x446/x744/x073/x709/x551/616.p/1",
		"/log/tile/0/" + strings.Repeat("x999/", 1000) + "999", "/log/tile/0/" + strings.Repeat("9", 100),
		"/log/tile/0/..%2f..%2f.state%2ftreeState", "/log/tile/0/../../.state/treeState", "/log/.state/treeState", "/log/evidence/", "/log/tile/entries/../../checkpoint",
		"/log/tile/0/000.p/5\x00", "/log/tile/\u0660/000.p/5", "/.well-known/", "/.well-known/writ.json/", "/.well-known/../.well-known/writ.json", "//log/checkpoint",
	} {
		if rec := served(t, h, "GET", path); rec.Code != 404 {
			t.Errorf("%q: %d", path, rec.Code)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", ""} {
		if rec := served(t, h, method, "/log/checkpoint"); method != "" && rec.Code != 405 || rec.Code == 200 {
			t.Errorf("%s: %d", method, rec.Code)
		}
	}
	if rec := served(t, h, "GET", "/log/checkpoint?x=1"); rec.Code != 200 {
		t.Errorf("a query: %d", rec.Code)
	}
	must(t, l.Close(t.Context()))
	if rec := served(t, h, "GET", "/log/checkpoint"); rec.Code != 503 || strings.Contains(rec.Body.String(), r.dir) {
		t.Errorf("a closed log: %d %s", rec.Code, rec.Body)
	}
}

// FuzzTilePath: a path that is taken is the one spelling of its tile.
func FuzzTilePath(f *testing.F) {
	for _, s := range []string{"tile/0/000", "tile/entries/x001/234.p/7", "tile/1/x001/x234/067.p/255", "tile/entries/", "tile/0/x-01/000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, ok := parseTile(path)
		if !ok {
			return
		}
		again := layout.TilePath(p.level, p.index, uint8(p.width%256))
		if p.entries {
			again = layout.EntriesPath(p.index, uint8(p.width%256))
		}
		if again != path || p.width < 1 || p.width > 256 {
			t.Fatalf("%q is taken for %+v", path, p)
		}
	})
}
