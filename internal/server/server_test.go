package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/gate"
)

// configure reads settings as the command line would.
func configure(t *testing.T, extra ...string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	c, err := config.Load(config.Sources{Environ: append([]string{
		"WRIT_DATA=" + filepath.Join(dir, "data"), "WRIT_KEY_FILE=" + filepath.Join(dir, "root.key"),
		"WRIT_S3=127.0.0.1:0", "WRIT_WEB=127.0.0.1:0", "WRIT_METRICS=127.0.0.1:0",
	}, extra...)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func options(t *testing.T, cfg *config.Config) Options {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	return Options{Config: cfg, Unseal: gate.KeyFile(cfg.KeyFile), Version: "test", Log: log}
}

func start(t *testing.T, cfg *config.Config) *Server {
	t.Helper()
	s, err := Start(options(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

// trusting is a client that trusts the server's own authority.
func trusting(t *testing.T, s *Server) *http.Client {
	t.Helper()
	body, err := os.ReadFile(s.Status().CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(body)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func get(t *testing.T, c *http.Client, url string) (int, string, http.Header) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestPages(t *testing.T) {
	s := start(t, configure(t))
	at := s.Status()
	web := trusting(t, s)
	status, page, head := get(t, web, "https://"+at.Web+"/")
	if status != 200 || !strings.Contains(page, "sealed") || !strings.Contains(head.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the page: %d %v", status, head)
	}
	if status, _, _ := get(t, web, "https://"+at.Web+"/healthz"); status != 200 {
		t.Errorf("/healthz on web: %d", status)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/readyz"} {
		if status, _, _ := get(t, web, "https://"+at.Web+path); status != 404 {
			t.Errorf("%s is on the web listener: %d", path, status)
		}
	}
	plain := "http://" + at.Metrics
	for _, path := range []string{"/healthz", "/readyz", "/debug/pprof/", "/metrics"} {
		if status, _, _ := get(t, http.DefaultClient, plain+path); status != 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
	s.answered("GET", 200, time.Millisecond)
	s.answered("XYZZY", 400, time.Millisecond)
	_, metrics, _ := get(t, http.DefaultClient, plain+"/metrics")
	for _, want := range []string{`writ_s3_request_seconds_count{method="GET",status="200"} 1`, `method="other",status="400"`, "writ_stored_bytes 0", "writ_records_log_bytes", `version="test"} 1`, "go_goroutines"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s among the metrics", want)
		}
	}
}

// TestStop: it takes no new connection, lets running requests end, and leaves
// the folder unlocked.
func TestStop(t *testing.T) {
	cfg := configure(t)
	ctx, cancel := context.WithCancel(t.Context())
	var at api.Server
	done := make(chan error)
	ready := make(chan struct{})
	go func() { done <- Run(ctx, options(t, cfg), func(s api.Server) { at = s; close(ready) }) }()
	<-ready
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + at.Metrics + "/healthz"); err == nil {
		t.Error("still listening")
	}
	if _, err := os.Stat(folder.Folder(cfg.Data).Socket()); !errors.Is(err, os.ErrNotExist) {
		t.Error("the socket is still there")
	}
	start(t, cfg)
}

// TestReadyOnlyWhileServing: a balancer must not send anybody before or after.
func TestReadyOnlyWhileServing(t *testing.T) {
	var r readiness
	ask := func() int {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Code
	}
	if ask() != 503 {
		t.Error("ready before anything is said")
	}
	for reason, want := range map[string]int{"starting": 503, "": 200, "stopping": 503} {
		if r.set(reason); ask() != want {
			t.Errorf("%q: %d", reason, ask())
		}
	}
}

// TestSecondServer: the folder is the first one's, and the failed start of the
// second takes nothing from it.
func TestSecondServer(t *testing.T) {
	cfg := configure(t)
	s := start(t, cfg)
	if _, err := Start(options(t, cfg)); !errors.Is(err, gate.ErrInUse) {
		t.Fatalf("got %v", err)
	}
	if status, _, _ := get(t, http.DefaultClient, "http://"+s.Status().Metrics+"/readyz"); status != 200 {
		t.Errorf("the first is no longer ready: %d", status)
	}
	if c, err := api.Dial(t.Context(), folder.Folder(cfg.Data)); err != nil {
		t.Errorf("the first cannot be administered any more: %v", err)
	} else {
		c.Close()
	}
}

// TestPlainOnLoopbackOnly holds the last check, on the bound address: the
// settings' own check is config's to test.
func TestPlainOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		if l, err := listen("metrics", addr, true); !errors.Is(err, ErrPublic) {
			t.Errorf("%s: %v", addr, err)
			if l != nil {
				l.Close()
			}
		}
	}
	l, err := listen("metrics", "localhost:0", true)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	cfg := configure(t)
	cfg.Metrics = "0.0.0.0:0" // past the settings' check
	if _, err := Start(options(t, cfg)); !errors.Is(err, ErrPublic) {
		t.Errorf("got %v", err)
	}
	cfg = configure(t)
	cfg.Plaintext, cfg.S3 = true, "0.0.0.0:0"
	if _, err := Start(options(t, cfg)); !errors.Is(err, ErrPublic) {
		t.Errorf("got %v", err)
	}
}

// TestEndpoint is what clients are told.
func TestEndpoint(t *testing.T) {
	s := start(t, configure(t))
	if got, want := s.endpoint(), "https://"+s.Status().S3; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name, c := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"configured": {func(c *config.Config) { c.Endpoint = "https://s3.fernhill.example" }, "https://s3.fernhill.example"},
		"by ACME":    {func(c *config.Config) { c.TLS.Domains = []string{"s3.fernhill.example"} }, "https://s3.fernhill.example"},
	} {
		cfg := *s.cfg
		c.change(&cfg)
		other := &Server{cfg: &cfg, s3Addr: s.s3Addr}
		if got := other.endpoint(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestTraces reach an OTLP receiver, and say nothing of whom.
func TestTraces(t *testing.T) {
	var mu sync.Mutex
	var got bytes.Buffer
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		io.WriteString(&got, r.URL.Path+"\n")
		io.Copy(&got, r.Body)
	}))
	defer receiver.Close()
	tr, err := openTracing(config.Trace{Endpoint: receiver.URL, Ratio: 1}, "test")
	if err != nil {
		t.Fatal(err)
	}
	tr.span("S3 GET", 200, 3*time.Millisecond)
	tr.span("S3 PUT", 503, 3*time.Millisecond)
	if err := tr.close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"/v1/traces\n", "S3 GET", "S3 PUT", "http.response.status_code"} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("no %q in what was sent: %q", want, got.String())
		}
	}
}

// TestNoTraces: without a receiver nothing is recorded, and nothing waits.
func TestNoTraces(t *testing.T) {
	tr, err := openTracing(config.Trace{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	tr.span("S3 GET", 200, time.Millisecond)
	if err := tr.close(); err != nil {
		t.Fatal(err)
	}
}
