package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

// measureScale fills a bucket and asks what a full one costs: the put rate,
// a page of a listing, and the time until the server is ready again.
func measureScale(ctx context.Context, o options, r *report) error {
	data := filepath.Join(o.work, "scale-writ")
	t, err := newWrit(ctx, o, data)
	if err != nil {
		return err
	}
	defer func() { t.stop() }()
	put := load{server: *t, op: "put", size: 4 << 10, clients: o.clients, prefix: "many/"}
	step := func(count int) (result, error) {
		l := put
		l.count = count
		got, err := l.run(ctx)
		put.first += count
		return got, err
	}
	probe := min(20_000, o.objects/10)
	if _, err := step(probe / 2); err != nil { // to about ten thousand
		return err
	}
	early, err := step(probe)
	if err != nil {
		return err
	}
	for put.first < o.objects-probe {
		if _, err := step(min(100_000, o.objects-probe-put.first)); err != nil {
			return err
		}
		fmt.Printf("\r%d objects", put.first)
	}
	late, err := step(probe)
	if err != nil {
		return err
	}
	fmt.Printf("\r%d objects\n", put.first)
	r.claim(fmt.Sprintf("PUT rate at %d objects over that at ten thousand", put.first),
		fmt.Sprintf("%.2f (%.0f and %.0f a second)", late.rate()/early.rate(), late.rate(), early.rate()), "at least 0.80", late.rate() >= 0.8*early.rate())

	median, err := listPages(ctx, t, put.first)
	if err != nil {
		return err
	}
	r.claim(fmt.Sprintf("1,000 keys of %d listed, median over TLS", put.first), median.Round(10*time.Microsecond).String(), "10 ms", median <= 10*time.Millisecond)

	t.stop()
	var ready time.Duration
	t, ready, err = startWrit(ctx, o, data)
	if err != nil {
		return err
	}
	r.claim(fmt.Sprintf("ready again with %d objects", put.first), ready.Round(10*time.Millisecond).String(), "3 s", ready <= 3*time.Second)
	return nil
}

// listPages lists pages of 1,000 keys from places spread over the bucket, and
// returns the median time from the request to the last byte of the answer. The
// XML is counted and not parsed: that is the client's work, and takes minio-go
// twice as long as all the rest.
func listPages(ctx context.Context, t *target, objects int) (time.Duration, error) {
	client, err := connect(*t, 1)
	if err != nil {
		return 0, err
	}
	transport, err := transport(*t, 1)
	if err != nil {
		return 0, err
	}
	defer transport.CloseIdleConnections()
	var took []time.Duration
	for i := range 101 {
		after := fmt.Sprintf("many/%09d", i*max(0, objects-1100)/101)
		url, err := client.Presign(ctx, http.MethodGet, t.bucket, "", time.Hour, url.Values{
			"list-type": {"2"}, "prefix": {"many/"}, "start-after": {after}, "max-keys": {"1000"}, "encoding-type": {"url"},
		})
		if err != nil {
			return 0, fmt.Errorf("couldn't sign a listing: %w", err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url.String(), nil)
		if err != nil {
			return 0, err
		}
		start := time.Now()
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return 0, fmt.Errorf("couldn't list: %w", err)
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return 0, fmt.Errorf("couldn't list: %w", err)
		}
		took = append(took, time.Since(start))
		if n := bytes.Count(page, []byte("<Key>many/")) + bytes.Count(page, []byte("<Key>many%2F")); n != 1000 {
			return 0, fmt.Errorf("a page after %s has %d keys: %s", after, n, resp.Status)
		}
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// measureMemory uploads 64 large objects at once and follows the server's
// resident memory.
func measureMemory(ctx context.Context, o options, r *report) error {
	const uploads, size = 64, 256 << 20
	t, err := newWrit(ctx, o, filepath.Join(o.work, "memory-writ"))
	if err != nil {
		return err
	}
	defer t.stop()
	time.Sleep(2 * time.Second)
	idle, err := resident(t)
	if err != nil {
		return err
	}
	client, err := connect(*t, uploads)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	peak := idle
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
				if now, err := resident(t); err == nil {
					peak = max(peak, now)
				}
			}
		}
	})
	errs := make(chan error, uploads)
	start := time.Now()
	for i := range uploads {
		go func() {
			_, err := client.PutObject(ctx, t.bucket, fmt.Sprintf("large/%d", i), &pattern{left: size, seed: byte(i)}, size, minio.PutObjectOptions{DisableMultipart: true})
			errs <- err
		}()
	}
	var first error
	for range uploads {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	took := time.Since(start)
	close(done)
	watch.Wait()
	if first != nil {
		return first
	}
	r.claim("64 concurrent uploads of 256 MiB, resident memory above idle",
		fmt.Sprintf("%d MiB (idle %d MiB, %.0f MiB/s)", (peak-idle)>>20, idle>>20, float64(uploads*size>>20)/took.Seconds()), "128 MiB", peak-idle <= 128<<20)
	return nil
}

// pattern is a body that costs nothing to make.
type pattern struct {
	left int64
	seed byte
}

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.left))
	for i := range b[:n] {
		b[i] = p.seed + byte(i)
	}
	p.left -= int64(n)
	return n, nil
}

// resident is the server's resident memory in bytes.
func resident(t *target) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("couldn't read the server's memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("the kernel gives no resident memory")
}
