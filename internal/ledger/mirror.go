package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/transparency-dev/tessera/api/layout"
)

// Mirror is a copy of a public log, as files in the layout of
// https://c2sp.org/tlog-tiles. Nothing in it is believed.
type Mirror interface {
	// Read returns a file, at most 32 MiB, or an error that is fs.ErrNotExist.
	Read(ctx context.Context, path string) ([]byte, error)
}

const (
	maxMirrored = 32 << 20
	mirrorTime  = time.Minute // for one file
)

// OpenMirror opens a mirror: the URL below which it is served, or a folder.
// The client may be nil.
func OpenMirror(where string, client *http.Client) (Mirror, error) {
	if !strings.HasPrefix(where, "https://") && !strings.HasPrefix(where, "http://") {
		info, err := os.Stat(where)
		if err != nil {
			return nil, fmt.Errorf("couldn't open the mirror: %w", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("couldn't open the mirror: %s is no folder", where)
		}
		return folderMirror(where), nil
	}
	u, err := url.Parse(where)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%.200q is not the URL of a log", where)
	}
	if client == nil {
		client = &http.Client{Timeout: mirrorTime}
	}
	return &webMirror{u, client}, nil
}

type folderMirror string

func (m folderMirror) Read(_ context.Context, path string) ([]byte, error) {
	f, err := os.Open(filepath.Join(string(m), filepath.FromSlash(path)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f)
}

type webMirror struct {
	base   *url.URL
	client *http.Client
}

func (m *webMirror) Read(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base.JoinPath(path).String(), nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask the mirror: %w", err)
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask the mirror: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return readBounded(resp.Body)
	case http.StatusNotFound:
		return nil, fmt.Errorf("the mirror has no %s: %w", path, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("the mirror answers %d for %s", resp.StatusCode, path)
}

func readBounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxMirrored+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read from the mirror: %w", err)
	}
	if len(b) > maxMirrored {
		return nil, fmt.Errorf("the mirror sends more than %d bytes", maxMirrored)
	}
	return b, nil
}

// bundleFrom reads the first width entries of a bundle from the first mirror
// that has them.
func bundleFrom(ctx context.Context, mirrors []Mirror, index uint64, width int) ([][]byte, error) {
	var first error
	for _, m := range mirrors {
		b, err := m.Read(ctx, layout.EntriesPath(index, uint8(width%tileWidth)))
		if errors.Is(err, fs.ErrNotExist) && width < tileWidth {
			b, err = m.Read(ctx, layout.EntriesPath(index, 0))
		}
		var entries [][]byte
		if err == nil {
			entries, err = SplitEntries(b, width)
		}
		if err == nil {
			return entries, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("couldn't get the leaves from %d on: %w", index*tileWidth, first)
}
