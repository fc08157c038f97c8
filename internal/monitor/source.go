package monitor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Source is where a log's files are read.
type Source interface {
	// Read returns a file of the log ("checkpoint", "tile/…") of at most so
	// many bytes. Errors: [ErrSource], with [fs.ErrNotExist] in it where there
	// is no such file.
	Read(ctx context.Context, name string, most int64) ([]byte, error)
}

// Folder is a log in a folder.
type Folder string

// Read implements [Source].
func (f Folder) Read(_ context.Context, name string, most int64) ([]byte, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return nil, fmt.Errorf("%w: %q leads out of the folder", ErrSource, name)
	}
	in, err := os.Open(filepath.Join(string(f), filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	defer in.Close()
	return bounded(in, name, most)
}

// bounded reads at most so many bytes.
func bounded(in io.Reader, name string, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSource, name, err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrSource, name, most)
	}
	return b, nil
}

// Site is a server, or a log on one, that is read by HTTP.
type Site struct {
	base    *url.URL
	client  *http.Client
	timeout time.Duration
}

// SiteOptions say how a [Site] is asked.
type SiteOptions struct {
	Roots   *x509.CertPool // nil is the system's
	Timeout time.Duration  // of one answer in all; 0 is 30 s
}

// NewSite makes a Site of a URL. Plain HTTP is for loopback only. Errors:
// [ErrPlaintext], [ErrSource].
func NewSite(base string, o SiteOptions) (*Site, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: %.200q is not a URL like https://quayside.example", ErrSource, base)
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	case u.Scheme == "http":
		return nil, fmt.Errorf("%w: %s is not loopback", ErrPlaintext, u.Host)
	default:
		return nil, fmt.Errorf("%w: %.200q is neither https nor http", ErrSource, base)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	u.RawPath = ""
	return &Site{base: u, timeout: o.Timeout, client: &http.Client{
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			// Nobody's answer grows in our hands, and headers are small.
			DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost: fetchers, IdleConnTimeout: 30 * time.Second,
		},
		// A server that we check doesn't choose whom we ask.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// At is another path on the same server.
func (s *Site) At(path string) *Site {
	out, base := *s, *s.base
	base.Path = "/" + strings.Trim(path, "/") + "/"
	if base.Path == "//" {
		base.Path = "/"
	}
	out.base = &base
	return &out
}

// URL is where the site is.
func (s *Site) URL() *url.URL {
	u := *s.base
	return &u
}

// Read implements [Source].
func (s *Site) Read(ctx context.Context, name string, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	u := *s.base
	u.Path += name
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, timedOut(ctx, err))
	}
	defer resp.Body.Close()
	if err := usable(resp); err != nil {
		return nil, err
	}
	b, err := bounded(resp.Body, u.Path, most)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %s didn't come to its end in time", ErrSource, u.Path)
	}
	return b, err
}

// Do sends a request that was made for the site, and returns the body of a
// good answer, of any length; it ends with the request's context. Errors:
// [ErrSource].
func (s *Site) Do(req *http.Request) (io.ReadCloser, error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if err := usable(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp.Body, nil
}

// usable says whether an answer is one that can be read.
func usable(resp *http.Response) error {
	path := resp.Request.URL.Path
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: %s: %w", ErrSource, path, fs.ErrNotExist)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fmt.Errorf("%w: %s leads elsewhere (%d), and is not followed", ErrSource, path, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: %s is answered with %d", ErrSource, path, resp.StatusCode)
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		return fmt.Errorf("%w: %s came compressed, and that wasn't asked for", ErrSource, path)
	}
	return nil
}

func timedOut(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}
