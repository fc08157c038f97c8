//go:build unix

package ledger_test

import (
	"crypto/rand"
	"log/slog"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"writ/internal/ledger"
	"writ/internal/ledger/ledgertest"
)

func newKey(t *testing.T) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "ledger.example/log")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func TestMemory(t *testing.T) {
	signer, verifier := newKey(t)
	l, err := ledger.NewMemory(signer)
	if err != nil {
		t.Fatal(err)
	}
	ledgertest.Conformance(t, l, verifier)
}

func TestPosix(t *testing.T) {
	t.Parallel()
	signer, verifier := newKey(t)
	dir := t.TempDir()
	l, err := ledger.OpenPosix(dir, signer, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ledgertest.Conformance(t, l, verifier)

	// Opened again, it goes on where it was.
	l, err = ledger.OpenPosix(dir, signer, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	index, _, err := l.Append(t.Context(), []byte("one more"))
	if err != nil || index != 300 {
		t.Errorf("the first leaf after opening again: index %d, %v", index, err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
