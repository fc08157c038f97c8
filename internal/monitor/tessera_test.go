//go:build unix

package monitor

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"writ/internal/ledger"
	"writ/internal/monitor/monitortest"
	"writ/internal/proof"
	"writ/internal/witness"
)

// real is a log as the server will keep one: Tessera's, under witnesses that
// are processes' worth of package witness.
type real struct {
	key, policy string
	signer      note.Signer
	dir         string
}

// route lets the first OpenPosix set Tessera's logger before any log runs.
var route sync.Once

func newReal(t *testing.T) *real {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := &real{dir: t.TempDir()}
	secret, key, err := note.GenerateKey(rand.Reader, monitortest.Origin)
	must(err)
	r.key = key
	r.signer, err = note.NewSigner(secret)
	must(err)
	route.Do(func() {
		first, err := ledger.OpenPosix(t.TempDir(), r.signer, slog.New(slog.DiscardHandler))
		must(err)
		must(first.Close(t.Context()))
	})
	v, err := note.NewVerifier(key)
	must(err)
	r.policy = "log " + key + "\n"
	for i := range 3 {
		layout := witness.In(filepath.Join(t.TempDir(), "w"))
		must(os.MkdirAll(layout.Dir, 0o700))
		must(witness.Init(layout, fmt.Sprintf("w%d.fernhill.example", i)))
		w, err := witness.Open(witness.Options{Layout: layout, Logs: []witness.Log{{Origin: v.Name(), Keys: []note.Verifier{v}}}, Rate: 1000})
		must(err)
		t.Cleanup(func() { w.Close() })
		s := httptest.NewServer(w.Handler())
		t.Cleanup(s.Close)
		_, vkey, err := witness.VerifierKey(layout)
		must(err)
		url := s.URL
		if i == 2 {
			s.Close() // one of three is down
		}
		r.policy += fmt.Sprintf("witness w%d %s %s\n", i, vkey, url)
	}
	r.policy += "group most 2 w0 w1 w2\nquorum most\n"
	return r
}

// TestTessera: a visitor of a growing log that Tessera keeps and real witnesses
// cosign, by HTTP; what it believes is what was appended.
func TestTessera(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := newReal(t)
	group, err := tessera.NewWitnessGroupFromPolicy([]byte(r.policy))
	if err != nil {
		t.Fatal(err)
	}
	driver, err := posix.New(ctx, posix.Config{Path: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	options := tessera.NewAppendOptions().WithCheckpointSigner(r.signer).
		WithBatching(64, 5*time.Millisecond).WithCheckpointInterval(100*time.Millisecond).WithWitnesses(group, nil)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		t.Fatal(err)
	}
	published := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 10*time.Millisecond)
	site := httptest.NewServer(http.FileServer(http.Dir(r.dir)))
	defer site.Close()
	src, err := NewSite(site.URL, SiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: r.key, Policy: r.policy, MaxAge: time.Hour, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	state := &State{Story: &Story{}}
	v := Visitor{Source: src, Verifier: verifier, LogKey: r.key, State: state, File: filepath.Join(t.TempDir(), "state"), Now: time.Now()}
	n := uint64(0)
	for range 4 {
		var last tessera.IndexFuture
		for range 150 { // in order: Tessera takes leaves as they come
			n++
			leaf, err := proof.Encode(proof.KindBatch, time.Unix(int64(n), 0), proof.Batch{N: n, From: time.Unix(int64(n), 0).UTC(), Slots: 16, Root: make([]byte, 32)})
			if err != nil {
				t.Fatal(err)
			}
			last = appender.Add(ctx, tessera.NewEntry(leaf))
		}
		if _, _, err := published.Await(ctx, last); err != nil {
			t.Fatal(err)
		}
		l, err := v.Visit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Checkpoint.Witnesses) < 2 {
			t.Errorf("cosigned by %v", l.Checkpoint.Witnesses)
		}
		if err := l.Scan(ctx, state.Story, nil); err != nil {
			t.Fatal(err)
		}
		if state.Story.Batch != n || state.Story.Leaves != l.Checkpoint.Size {
			t.Errorf("after %d batches: %+v", n, state.Story)
		}
		var whole Story
		if err := l.Scan(ctx, &whole, nil); err != nil || whole.Batch != n {
			t.Errorf("from the first leaf: %+v, %v", whole, err)
		}
	}
	if err := shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestPosix: the room's own log, with writers at once, while it is visited.
func TestPosix(t *testing.T) {
	r := newReal(t)
	l, err := ledger.OpenPosix(r.dir, r.signer, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: r.key})
	if err != nil {
		t.Fatal(err)
	}
	v := Visitor{Source: Folder(r.dir), Verifier: verifier, LogKey: r.key, State: &State{}, Now: time.Now()}
	leaf, err := proof.Encode(proof.KindReport, time.Now(), struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range 30 {
		writers.Go(func() {
			for range 10 {
				if _, _, err := l.Append(t.Context(), leaf); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	visits := 0
	for ended := false; !ended; visits++ {
		select {
		case <-done:
			ended = true
		default:
		}
		at, err := v.Visit(t.Context())
		if err == nil {
			err = at.Scan(t.Context(), new(Story), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if at, err := v.Visit(t.Context()); err != nil || at.Checkpoint.Size != 300 {
		t.Errorf("after %d visits: %+v, %v", visits, at, err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
