package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"writ/internal/monitor"
)

const (
	stall     = time.Minute // how long a server may send nothing of a bundle
	maxOnline = 8 << 30     // bytes of a bundle
	attempts  = 3           // for a bundle that lags behind the log
)

// online asks a server for the bundle and checks it as it comes. It is kept
// beside, so that nothing is listed before all of it holds.
func (j *journalCheck) online(ctx context.Context, log *monitor.Log, where string) error {
	site, err := monitor.NewSite(where, monitor.SiteOptions{Roots: j.roots})
	if err != nil {
		return err
	}
	if err := j.whose(); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := j.fetch(ctx, site, log)
		if err == nil && j.found.Behind > 0 { // it may be recording what it has just published
			err = fmt.Errorf("%w: it ends with batch %d, and %d more are in the log", monitor.ErrBehind, j.found.Batch, j.found.Behind)
		}
		if err == nil || !errors.Is(err, monitor.ErrBehind) || attempt == attempts {
			return err
		}
		j.done()
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// whose finds out which journal of the state is asked for.
func (j *journalCheck) whose() error {
	if j.asked.Customer == "" {
		if len(j.State.Journals) > 1 {
			return withHint(fmt.Errorf("%s remembers the journals of %d customers", j.File, len(j.State.Journals)), "say whose this is: --customer ID")
		}
		for c := range j.State.Journals {
			j.asked.Customer = c
		}
	}
	j.asked.Before = j.State.Journals[j.asked.Customer]
	return nil
}

// errStalled: nothing came for so long that nothing more is expected.
var errStalled = fmt.Errorf("%w: the server has stopped sending", monitor.ErrSource)

// fetch asks once.
func (j *journalCheck) fetch(ctx context.Context, site *monitor.Site, log *monitor.Log) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := j.receive(ctx, cancel, site, log)
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
}

// receive is fetch under a context that ends when the server has stopped.
func (j *journalCheck) receive(ctx context.Context, cancel context.CancelCauseFunc, site *monitor.Site, log *monitor.Log) error {
	req, err := j.request(ctx, site)
	if err != nil {
		return err
	}
	idle := time.AfterFunc(j.patience, func() { cancel(errStalled) })
	defer idle.Stop()
	body, err := site.Do(req)
	if err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	defer body.Close()
	if j.bundle, err = os.CreateTemp("", "writ-journal-*"); err != nil {
		return fmt.Errorf("couldn't keep the bundle: %w", err)
	}
	j.scratch = true
	if runtime.GOOS != "windows" { // there a file that is open cannot go
		os.Remove(j.bundle.Name()) // nothing of it is left behind, however this ends
	}
	in := &watched{in: body, idle: idle, patience: j.patience, most: j.most}
	j.found, err = log.Journal(ctx, io.TeeReader(in, j.bundle), j.asked)
	return err
}

// request makes the signed request for the bundle.
func (j *journalCheck) request(ctx context.Context, site *monitor.Site) (*http.Request, error) {
	access, secret, token, err := credential()
	if err != nil {
		return nil, err
	}
	after, batch := uint64(0), uint64(0)
	if j.asked.Since != nil {
		after = *j.asked.Since
	}
	if before := j.asked.Before; before != nil {
		if j.asked.Since == nil {
			after, batch = before.Proven, before.Batches+1
		}
		after = min(after, before.Proven)
	}
	query := url.Values{"after": {strconv.FormatUint(after, 10)}}
	if batch > 0 {
		query.Set("from-batch", strconv.FormatUint(batch, 10))
	}
	u := site.URL()
	u.Path, u.RawQuery = "/.writ/journal", query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask for the journal: %w", err)
	}
	empty := sha256.Sum256(nil)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(empty[:]))
	region := j.region
	if region == "" {
		region = os.Getenv("AWS_REGION")
	}
	if region == "" {
		region = "us-east-1"
	}
	return signer.SignV4(*req, access, secret, token, region), nil
}

// credential is the customer's own, from the environment: what is on a command
// line, others on the machine can read.
func credential() (access, secret, token string, err error) {
	for _, names := range [][3]string{
		{"WRIT_ACCESS_KEY", "WRIT_SECRET_KEY", ""}, {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
	} {
		access, secret = os.Getenv(names[0]), os.Getenv(names[1])
		if access != "" && secret != "" {
			return access, secret, os.Getenv(names[2]), nil
		}
	}
	return "", "", "", withHint(errors.New("no credential is given to ask for the journal with"),
		"set WRIT_ACCESS_KEY and WRIT_SECRET_KEY to one of your own, or name a bundle file")
}

// watched puts off the end of patience whenever something comes, and ends what
// has no end.
type watched struct {
	in       io.Reader
	idle     *time.Timer
	patience time.Duration
	n, most  int64
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.in.Read(b)
	if n > 0 {
		w.idle.Reset(w.patience)
	}
	if w.n += int64(n); w.n > w.most {
		return 0, fmt.Errorf("%w: the server sends more than %d bytes; ask for less, with --since", monitor.ErrSource, w.most)
	}
	return n, err
}
