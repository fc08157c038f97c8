package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ/internal/access"
	"writ/internal/bundle"
	"writ/internal/monitor"
	"writ/internal/monitor/monitortest"
	"writ/internal/proof"
)

// TestHostileJournals: a server that is asked for a journal and answers with
// something else ends the command, within a bound, and leaves nothing behind.
func TestHostileJournals(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	t.Setenv("WRIT_ACCESS_KEY", "HARBOURCLINIC0000001")
	t.Setenv("WRIT_SECRET_KEY", "a secret of the clinic's")
	l, err := monitortest.New(time.Now().Add(-time.Hour))
	must(err)
	clinic := l.Customer()
	must(clinic.Use(3))
	_, err = l.Batch(nil)
	must(err)
	dir := t.TempDir()
	must(l.Publish(dir))
	var whole bytes.Buffer
	must(clinic.Bundle(&whole, 0, 0, 0))
	header := whole.Bytes()[:bytes.IndexByte(whole.Bytes(), '\n')+1]

	for name, c := range map[string]struct {
		answer   http.HandlerFunc
		patience time.Duration
		want     error
		says     string
	}{
		"a redirect to itself": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }, time.Minute, monitor.ErrSource, "leads elsewhere"},
		"compressed": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(whole.Bytes())
		}, time.Minute, monitor.ErrSource, "came compressed"},
		"half":     {func(w http.ResponseWriter, r *http.Request) { w.Write(whole.Bytes()[:whole.Len()/2]) }, time.Minute, bundle.ErrCut, ""},
		"one line": {func(w http.ResponseWriter, r *http.Request) { w.Write(bytes.Repeat([]byte("["), 1<<20)) }, time.Minute, bundle.ErrForm, ""},
		"silence":  {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 50 * time.Millisecond, monitor.ErrSource, "stopped sending"},
		"a stall": {func(w http.ResponseWriter, r *http.Request) {
			w.Write(header)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 50 * time.Millisecond, monitor.ErrSource, "stopped sending"},
		"entries without an end": {func(w http.ResponseWriter, r *http.Request) {
			w.Write(header)
			h := access.Genesis(clinic.ID)
			for {
				b := (&access.Entry{Seq: h.Seq + 1, Previous: h.Hash, Reason: "owner", Op: "get", Time: time.Unix(1, 0)}).Append(nil)
				h.Follow(b)
				if _, err := fmt.Fprintf(w, "{\"entry\":%q}\n", base64.StdEncoding.EncodeToString(b)); err != nil {
					return
				}
			}
		}, time.Minute, monitor.ErrSource, "more than 1000000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.answer)
			defer s.Close()
			v, err := proof.NewVerifier(proof.Trust{LogKey: l.Key})
			must(err)
			j := &journalCheck{visit: &visit{pins: &pins{}}, patience: c.patience, most: 1_000_000}
			j.Visitor = monitor.Visitor{Source: monitor.Folder(dir), Verifier: v, LogKey: l.Key, State: &monitor.State{}, Now: time.Now()}
			err = j.run(context.Background(), s.URL)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if left, err := filepath.Glob(filepath.Join(scratch, "*")); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			if j.State.Journals != nil {
				t.Error("remembered")
			}
		})
	}
}
