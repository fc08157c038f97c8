package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"writ/internal/proof"
	"writ/internal/release"
)

var (
	// ErrURL: nothing is fetched from such an address.
	ErrURL = errors.New("a release is fetched by https")
	// ErrFetch: the server did not give a file, or gave too much.
	ErrFetch = errors.New("couldn't fetch the release")

	errNotThere = errors.New("the server has no such file")
)

// stall is how long a server may send nothing.
const stall = time.Minute

// Fetch gets a release's folder from a server: the receipt first, and only what
// that names under the pinned log, each file bounded by its size. Programs may
// be missing. Errors: [ErrURL], [ErrFetch], those of [Receipt].
func Fetch(ctx context.Context, client *http.Client, base, dir string, o Options) error {
	u, err := url.Parse(base)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return fmt.Errorf("%w: %.200q", ErrURL, base)
	}
	strict := *client
	strict.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != u.Scheme || len(via) > 4 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	get := func(name string, most int64) error {
		return fetch(ctx, &strict, u.JoinPath(name), filepath.Join(dir, name), most)
	}
	if err := get(release.ReceiptFile, proof.MaxReceipt); err != nil {
		return err
	}
	receipt, err := read(filepath.Join(dir, release.ReceiptFile), proof.MaxReceipt)
	if err != nil {
		return err
	}
	_, r, err := Receipt(receipt, o.Ledger)
	if err != nil {
		return err
	}
	if err := get(release.StatementFile, proof.MaxStatement); err != nil {
		return err
	}
	for _, a := range release.Artifacts(r) {
		o.Say("fetching " + a.Name)
		if err := get(a.Name, a.Most()); err != nil && !(a.Target != "" && errors.Is(err, errNotThere)) {
			return err
		}
	}
	return nil
}

// loopback says whether a host is this machine, where no line is tapped.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// fetch gets one file, which has at most so many bytes.
func fetch(ctx context.Context, client *http.Client, from *url.URL, to string, most int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(stall, func() { cancel(errors.New("the server sends nothing")) })
	defer idle.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrURL, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFetch, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w: %s: %w", ErrFetch, filepath.Base(to), errNotThere)
	default:
		return fmt.Errorf("%w: %s: the server answers %s", ErrFetch, filepath.Base(to), resp.Status)
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't keep what was fetched: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(alive{resp.Body, idle}, most+1))
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%w: %s: %w", ErrFetch, filepath.Base(to), err)
	}
	if n > most {
		return fmt.Errorf("%w: %s has more than %d bytes", ErrFetch, filepath.Base(to), most)
	}
	return nil
}

// alive puts an end off with each read.
type alive struct {
	io.Reader
	idle *time.Timer
}

func (a alive) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	a.idle.Reset(stall)
	return n, err
}
