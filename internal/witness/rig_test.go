package witness

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"golang.org/x/mod/sumdb/note"
)

const witnessName = "witness.fernhill.example"

// testLog is a log in memory, built with transparency-dev's code.
type testLog struct {
	origin string
	signer note.Signer
	vkey   string
	tree   *testonly.Tree
}

func newLog(t testing.TB, origin string) *testLog {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &testLog{origin, signer, vkey, testonly.New(rfc6962.DefaultHasher)}
}

// grow appends n leaves of a story.
func (l *testLog) grow(n int, story string) {
	for range n {
		l.tree.AppendData(fmt.Appendf(nil, "%s %d", story, l.tree.Size()))
	}
}

// fork is the same log, by key and first leaves, with another story to come.
func (l *testLog) fork(size uint64) *testLog {
	other := &testLog{l.origin, l.signer, l.vkey, testonly.New(rfc6962.DefaultHasher)}
	for i := range size {
		other.tree.Append(l.tree.LeafHash(i))
	}
	return other
}

// checkpoint is signed by the log.
func (l *testLog) checkpoint(size uint64, extensions ...string) []byte {
	text := fmt.Sprintf("%s\n%d\n%s\n", l.origin, size, base64.StdEncoding.EncodeToString(l.tree.HashAt(size)))
	for _, line := range extensions {
		text += line + "\n"
	}
	return l.sign(text)
}

func (l *testLog) sign(text string) []byte {
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		panic(err)
	}
	return signed
}

func (l *testLog) prove(_ context.Context, from, to uint64) ([][]byte, error) {
	return l.tree.ConsistencyProof(from, to)
}

// request is a body as an honest log sends it.
func (l *testLog) request(t testing.TB, old, size uint64) []byte {
	t.Helper()
	var proof [][]byte
	if old > 0 && old < size {
		var err error
		if proof, err = l.tree.ConsistencyProof(old, size); err != nil {
			t.Fatal(err)
		}
	}
	return formatRequest(old, proof, l.checkpoint(size))
}

// rig is a witness that serves some logs.
type rig struct {
	*Witness
	layout Layout
	vkey   string
	logs   []*testLog
	clock  time.Time
	said   *bytes.Buffer
}

func newRig(t testing.TB, origins ...string) *rig {
	t.Helper()
	r := &rig{layout: In(t.TempDir()), clock: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), said: &bytes.Buffer{}}
	if err := Init(r.layout, witnessName); err != nil {
		t.Fatal(err)
	}
	for _, origin := range origins {
		r.logs = append(r.logs, newLog(t, origin))
	}
	r.open(t)
	return r
}

func (r *rig) options(t testing.TB) Options {
	t.Helper()
	var lines string
	for _, l := range r.logs {
		lines += l.vkey + "\n"
	}
	if err := os.WriteFile(r.layout.Logs(), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	logs, err := ReadLogs(r.layout.Logs())
	if err != nil {
		t.Fatal(err)
	}
	return Options{Layout: r.layout, Logs: logs, Rate: 1e6, Now: func() time.Time { return r.clock },
		Log: slog.New(slog.NewTextHandler(r.said, nil))}
}

func (r *rig) open(t testing.TB) {
	t.Helper()
	w, err := Open(r.options(t))
	if err != nil {
		t.Fatal(err)
	}
	r.Witness, r.vkey = w, w.VerifierKey()
	t.Cleanup(func() { w.Close() })
}

func (r *rig) reopen(t testing.TB) {
	t.Helper()
	r.Close()
	r.open(t)
}

// must asks for a cosignature and verifies it with others' code.
func (r *rig) must(t testing.TB, l *testLog, old, size uint64) Cosignature {
	t.Helper()
	line, err := r.Add(t.Context(), l.request(t, old, size))
	if err != nil {
		t.Fatalf("from %d to %d: %v", old, size, err)
	}
	return verified(t, r.vkey, l.checkpoint(size), line)
}

func verified(t testing.TB, vkey string, checkpoint, line []byte) Cosignature {
	t.Helper()
	c, err := NewClient("http://127.0.0.1", vkey, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	cosig, err := c.verify(checkpoint, line)
	if err != nil {
		t.Fatal(err)
	}
	return cosig
}

// files are the names in the folder of evidence.
func (r *rig) files(t testing.TB, kind string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(r.layout.Evidence(), kind+"-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
