package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// AssetPath is below what style, scripts and pictures lie.
const AssetPath = "/assets/"

// assets are served under a name that changes with any of them, so that a
// browser keeps them for ever and never mixes two versions.
type assets struct {
	version string
	files   map[string]asset // by path below assets/
}

type asset struct {
	media         string
	plain, packed []byte // packed: gzip; nil where that is no shorter
}

func openAssets(rooms []Room) (*assets, error) {
	a := &assets{files: map[string]asset{}}
	sum := sha256.New()
	root, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	for _, room := range append([]Room{{Assets: root}}, rooms...) {
		if room.Assets == nil {
			continue
		}
		err := fs.WalkDir(room.Assets, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := fs.ReadFile(room.Assets, name)
			if err != nil {
				return err
			}
			name = path.Join(room.Name, name)
			fmt.Fprintf(sum, "%s %d\n", name, len(b))
			sum.Write(b)
			return a.add(name, b)
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't read the assets: %w", err)
		}
	}
	a.version = hex.EncodeToString(sum.Sum(nil)[:8])
	return a, nil
}

var media = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".json": "application/json"}

func (a *assets) add(name string, b []byte) error {
	one := asset{media: media[path.Ext(name)], plain: b}
	if one.media == "" {
		if one.media = mime.TypeByExtension(path.Ext(name)); one.media == "" {
			return fmt.Errorf("%s is of no known kind", name)
		}
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	z.Write(b) // to memory
	if err := z.Close(); err != nil {
		return err
	}
	if packed.Len() < len(b) {
		one.packed = packed.Bytes()
	}
	a.files[name] = one
	return nil
}

// path is where an asset is served. Its error stops a template that names one
// that isn't there.
func (a *assets) path(name string) (string, error) {
	if _, ok := a.files[name]; !ok {
		return "", fmt.Errorf("there is no asset %s", name)
	}
	return AssetPath + a.version + "/" + name, nil
}

// Assets serves the assets to anybody.
func (s *Site) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, AssetPath), "/")
		one, ok := s.assets.files[name]
		if !ok || version != s.assets.version {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", one.media)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		body := one.plain
		if one.packed != nil && acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = one.packed
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method != http.MethodHead {
			w.Write(body)
		}
	})
}
