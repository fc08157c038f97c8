//go:build unix

package witness

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// TestTessera: a log of Tessera's, with Tessera's own client, publishes under a
// quorum of two of three witnesses of which one is down.
func TestTessera(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	identity := newLog(t, origin)
	policy := fmt.Sprintf("log %s\n", identity.vkey)
	var rigs []*rig
	var verifiers []note.Verifier
	for i := range 3 {
		r := newRig(t)
		r.logs = []*testLog{identity}
		r.clock = time.Now()
		r.reopen(t)
		rigs = append(rigs, r)
		url := "http://127.0.0.1:1" // nobody
		if i < 2 {
			url = r.serve(t)
		}
		policy += fmt.Sprintf("witness w%d %s %s\n", i, r.vkey, url)
		v, err := ParseVerifierKey(r.vkey)
		if err != nil {
			t.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	group, err := tessera.NewWitnessGroupFromPolicy([]byte(policy + "group all-of-us 2 w0 w1 w2\nquorum all-of-us\n"))
	if err != nil {
		t.Fatal(err)
	}
	driver, err := posix.New(ctx, posix.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	options := tessera.NewAppendOptions().WithCheckpointSigner(identity.signer).
		WithBatching(16, 10*time.Millisecond).WithCheckpointInterval(100*time.Millisecond).WithWitnesses(group, nil)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		t.Fatal(err)
	}
	published := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond)
	for i := range 20 {
		_, checkpoint, err := published.Await(ctx, appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "leaf %d", i))))
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(checkpoint, note.VerifierList(verifiers...))
		if err != nil || len(n.Sigs) < 2 {
			t.Fatalf("published with %v: %v", n, err)
		}
	}
	for _, r := range rigs[:2] {
		if h, ok := r.store.get(origin); !ok || h.Size != 20 {
			t.Fatalf("the witness has %d", h.Size)
		}
	}
	if err := shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}
