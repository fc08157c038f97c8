//go:build unix

package ledger_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"writ/internal/ledger"
	"writ/internal/ledger/ledgertest"
	"writ/internal/witness"
)

// TestWitnessed: a log behind witnesses is a log, with and without any.
func TestWitnessed(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 2} {
		t.Run(fmt.Sprintf("%d witnesses", n), func(t *testing.T) {
			secret, vkey, err := note.GenerateKey(rand.Reader, "ledger.example/log")
			if err != nil {
				t.Fatal(err)
			}
			signer, err := note.NewSigner(secret)
			if err != nil {
				t.Fatal(err)
			}
			verifier, err := note.NewVerifier(vkey)
			if err != nil {
				t.Fatal(err)
			}
			var policy string
			for i := range n {
				policy += fmt.Sprintf("witness w%d %s\n", i, startWitness(t, fmt.Sprintf("w%d.example", i), vkey))
			}
			if n > 0 {
				policy += "group all-of-us all w0 w1\nquorum all-of-us\n"
			}
			inner, err := ledger.OpenPosix(t.TempDir(), signer, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			l, err := ledger.OpenWitnessed(t.Context(), inner, ledger.WitnessedConfig{Dir: t.TempDir(), LogKey: vkey, Policy: policy})
			if err != nil {
				t.Fatal(err)
			}
			ledgertest.Conformance(t, l, verifier)
		})
	}
}

// startWitness returns a witness's vkey and URL, as a policy names both.
func startWitness(t *testing.T, name, logKey string) string {
	t.Helper()
	layout := witness.In(t.TempDir())
	if err := witness.Init(layout, name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(layout.Logs(), []byte(logKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	logs, err := witness.ReadLogs(layout.Logs())
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(witness.Options{Layout: layout, Logs: logs, Rate: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.Handler())
	t.Cleanup(func() { server.Close(); w.Close() })
	return w.VerifierKey() + " " + server.URL
}
