package server

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"writ/internal/seal"
)

// TestLogKey: the key is made once, comes back, lies sealed, and is neither
// replaced when it is missed nor taken for another log's.
func TestLogKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger", "key.sealed")
	key := seal.NewKey()
	made, err := openLogKey(path, "ledger.quayside.example", key, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, origin := range []string{"", "ledger.quayside.example"} {
		again, err := openLogKey(path, origin, key, true)
		if err != nil || again.vkey != made.vkey {
			t.Fatalf("%q: another key after the first: %v", origin, err)
		}
		signed, err := note.Sign(&note.Note{Text: "hello\n"}, again.signer)
		if err != nil {
			t.Fatal(err)
		}
		v, err := note.NewVerifier(made.vkey)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
			t.Error(err)
		}
	}
	if _, err := openLogKey(path, "ledger.fernhill.example", key, true); err == nil || !strings.Contains(err.Error(), "it is ledger.quayside.example, not ledger.fernhill.example") {
		t.Errorf("another origin: %v", err)
	}
	if _, err := openLogKey(path, "", seal.NewKey(), true); err == nil {
		t.Error("another folder's key opens it")
	}
	b, err := os.ReadFile(path)
	if err != nil || bytes.Contains(b, []byte("PRIVATE")) || bytes.Contains(b, []byte("quayside")) {
		t.Errorf("the key lies in clear: %q, %v", b, err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openLogKey(path, "", key, true); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged key: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := openLogKey(path, "", key, true); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("a missed key: %v", err)
	}
	if made, err := openLogKey(path, "", key, false); err != nil || !strings.HasSuffix(made.signer.Name(), ".invalid") {
		t.Errorf("a log without a name: %v", err)
	}
}
