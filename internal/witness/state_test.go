package witness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tnote "github.com/transparency-dev/formats/note"
)

// TestDamagedState: every flipped bit and every cut of a state file is an error
// at start, and so is one that is missing or another key's; never size 0.
func TestDamagedState(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(9, "honest")
	r.must(t, l, 0, 9)
	r.Close()
	whole, err := os.ReadFile(r.layout.state())
	if err != nil {
		t.Fatal(err)
	}
	o := r.options(t)
	refused := func(what string, body []byte) {
		t.Helper()
		if err := os.WriteFile(r.layout.state(), body, 0o600); err != nil {
			t.Fatal(err)
		}
		if w, err := Open(o); !errors.Is(err, ErrState) {
			t.Fatalf("%s: %v %v", what, w, err)
		}
	}
	for i := range whole {
		body := append([]byte(nil), whole...)
		body[i] ^= 1
		refused("a flipped bit", body)
	}
	for i := range whole {
		refused("a cut", whole[:i])
	}
	refused("more", append(whole[:len(whole):len(whole)], '\n'))

	other := newRig(t, origin)
	other.Close()
	foreign, err := os.ReadFile(other.layout.state())
	if err != nil {
		t.Fatal(err)
	}
	refused("another's", foreign)
	if err := os.Remove(r.layout.state()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, ErrNoState) {
		t.Fatal(err)
	}
	if err := Init(r.layout, witnessName); !errors.Is(err, ErrExists) {
		t.Fatal("init over a key:", err)
	}
	// What a crash leaves beside the state is of no account.
	if err := os.WriteFile(r.layout.state(), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.layout.state()+".new", whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	r.open(t)
	r.must(t, l, 9, 9)
}

// TestNewState: only one who asks for it gets an empty state, and no whole one
// is replaced.
func TestNewState(t *testing.T) {
	r := newRig(t, origin)
	r.Close()
	if err := NewState(r.layout); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.layout.state(), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewState(r.layout); err != nil {
		t.Fatal(err)
	}
	if old, err := os.ReadFile(r.layout.state() + ".replaced"); err != nil || string(old) != "damaged" {
		t.Fatal(string(old), err)
	}
	if err := os.Remove(r.layout.state()); err != nil {
		t.Fatal(err)
	}
	if err := NewState(r.layout); err != nil {
		t.Fatal(err)
	}
	r.open(t)
}

// TestInUse: a folder has one process.
func TestInUse(t *testing.T) {
	r := newRig(t, origin)
	if _, err := Open(r.options(t)); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	if err := NewState(r.layout); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
}

// TestKeyFile: a key that others may read, or that is damaged, is refused, and
// no error tells of it.
func TestKeyFile(t *testing.T) {
	r := newRig(t, origin)
	r.Close()
	o := r.options(t)
	secret, err := os.ReadFile(r.layout.Key)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(r.layout.Key); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if err := os.Chmod(r.layout.Key, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, ErrKey) {
		t.Fatal(err)
	}
	seed := strings.TrimSpace(strings.SplitN(string(secret), "+", 5)[4])
	for _, body := range []string{"", "\n", "PRIVATE+KEY+x\n", strings.TrimSpace(string(secret)), string(secret) + "x\n",
		strings.Replace(string(secret), seed[4:8], "AAAA", 1), strings.Replace(string(secret), "fernhill", "elsewhere", 1)} {
		os.Remove(r.layout.Key)
		if err := os.WriteFile(r.layout.Key, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(o); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), seed[8:]) {
			t.Fatalf("%q: %v", body, err)
		}
	}
	os.Remove(r.layout.Key)
	if _, err := Open(o); !errors.Is(err, ErrNoKey) {
		t.Fatal(err)
	}
	for _, name := range []string{"", "two words", "plus+plus", "line\nline", strings.Repeat("x", 201)} {
		if err := Init(In(t.TempDir()), name); !errors.Is(err, ErrName) {
			t.Fatalf("%q: %v", name, err)
		}
	}
}

// TestDiskFails: what cannot be made durable is not cosigned, and afterwards
// all goes on.
func TestDiskFails(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(9, "honest")
	r.must(t, l, 0, 3)
	block := r.layout.state() + ".new"
	if err := os.MkdirAll(filepath.Join(block, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Add(t.Context(), l.request(t, 3, 6)); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	if r.store.healthy() {
		t.Fatal("it takes itself for healthy")
	}
	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	var size *SizeError
	if _, err := r.Add(t.Context(), l.request(t, 6, 9)); !errors.As(err, &size) || size.Size != 3 {
		t.Fatal(err)
	}
	r.must(t, l, 3, 9)
	if !r.store.healthy() {
		t.Fatal("it takes itself for broken")
	}
	r.reopen(t)
	r.must(t, l, 9, 9)
}

// TestLogsFile: the file says which line is wrong.
func TestLogsFile(t *testing.T) {
	a, b := newLog(t, "a.example"), newLog(t, "b.example")
	logs, err := parseLogs("logs", strings.NewReader("# ours\n\n"+a.vkey+"\n "+b.vkey+" the origin of b \n"))
	if err != nil || len(logs) != 2 || logs[0].Origin != "a.example" || logs[1].Origin != "the origin of b" {
		t.Fatal(logs, err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ct, err := tnote.RFC6962VerifierString("https://ct.fernhill.example/2026", private.Public())
	if err != nil {
		t.Fatal(err)
	}
	if logs, err := parseLogs("logs", strings.NewReader(ct)); err != nil || logs[0].Origin != "ct.fernhill.example/2026" {
		t.Fatal("a key of a certificate log:", logs, err)
	}
	for _, text := range []string{"nonsense", "a+00000000+AAAA", a.vkey + "\n" + a.vkey,
		strings.Replace(a.vkey, "+", "+0", 1), strings.Replace(a.vkey, "a.example", "c.example", 1)} {
		if _, err := parseLogs("logs", strings.NewReader(text)); !errors.Is(err, ErrLogs) || !strings.Contains(err.Error(), "logs:") {
			t.Fatalf("%q: %v", text, err)
		}
	}
}
