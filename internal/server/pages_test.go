package server

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/docket"
	"writ/internal/report"
)

// TestEverybodysPages: a running server has all of everybody's pages, under a policy
// that allows nothing from elsewhere; what it served before is where it was.
func TestEverybodysPages(t *testing.T) {
	cfg := quick(configure(t, "WRIT_PROVIDER_NAME=Fjordhost", "WRIT_PROVIDER_TIME_ZONE=Europe/Berlin"))
	s := start(t, cfg)
	batches(t, s, 1)
	made, err := report.Make(s.office.docket.Cases(), report.Options{
		Layout: report.Writ, Operator: "Fjordhost", Made: time.Now(),
		From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	published, err := s.office.docket.Publish(t.Context(), docket.Actor{Person: "mira.lindqvist", Roles: []writ.Role{writ.RoleCounsel}, Via: "test"}, made)
	if err != nil {
		t.Fatal(err)
	}
	web, at := trusting(t, s), "https://"+s.Status().Web
	for path, want := range map[string]string{
		"/": "Fjordhost keeps its customers", "/ledger": "Statements, the newest first", "/ledger/0": "The statement, as it is hashed", "/ledger/0/receipt.json": `"proof"`,
		"/policy": "The first policy of this log", "/custody": "available here", "/releases": "A development build runs here", "/data-map": "only releases come with one",
		"/reports": published.Digest, "/reports/" + published.Digest: "Demands by instrument", "/robots.txt": "Allow: /",
	} {
		status, body, head := get(t, web, at+path)
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q", path, status, want)
		}
		if csp := head.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if head.Get("Set-Cookie") != "" {
			t.Errorf("%s sets a cookie", path)
		}
	}
	_, body, _ := get(t, web, at+"/reports/"+published.Digest+"/report.json")
	var want bytes.Buffer
	if err := made.Write(&want, "json"); err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte(body)); body != want.String() || hex.EncodeToString(sum[:]) != published.Digest {
		t.Errorf("another report is served than was published: %s", body)
	}
	for path, want := range map[string]int{"/log/checkpoint": 200, "/.well-known/writ.json": 200, "/api/openapi.json": 200, "/healthz": 200, "/log/nothing": 404, "/delivery/x": 404, "/nothing-here": 404} {
		if status, _, _ := get(t, web, at+path); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestWatchersAreLetGo: who watches the log is told as it grows, and does not keep
// the server from stopping.
func TestWatchersAreLetGo(t *testing.T) {
	s, err := Start(options(t, quick(configure(t))))
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			s.Stop()
		}
	}()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.Status().Web+"/ledger/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := trusting(t, s).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines, told := bufio.NewScanner(resp.Body), 0
	for told < 3 && lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event: head") {
			told++
		}
	}
	if told < 3 {
		t.Fatalf("told %d times: %v", told, lines.Err())
	}
	begun := time.Now()
	stopped = true
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > s.cfg.Drain/2 {
		t.Errorf("the server stopped after %s", took)
	}
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the reader was cut off: %v", err)
	}
}
