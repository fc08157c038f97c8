package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/proof"
	"writ/internal/witness"
)

// quick makes batches often.
func quick(cfg *config.Config) *config.Config {
	cfg.Ledger.Interval = time.Second
	return cfg
}

// eventually waits until ok, for as long as a loaded machine may take.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1200 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(what)
}

// batches waits until so many batches more are published.
func batches(t *testing.T, s *Server, more uint64) {
	t.Helper()
	until := s.ledger.Book.Status().Batch + more
	eventually(t, "the public log does not go on", func() bool { return s.ledger.Book.Status().Batch >= until })
}

func dial(t *testing.T, cfg *config.Config) *api.Client {
	t.Helper()
	c, err := api.Dial(t.Context(), folder.Folder(cfg.Data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestLedgerHoldsKeysAndHeads: each change of a customer's keys has a receipt,
// and so has the head of each journal; they verify by the pinned key.
func TestLedgerHoldsKeysAndHeads(t *testing.T) {
	cfg := quick(configure(t))
	s := start(t, cfg)
	admin := dial(t, cfg)
	var clinic api.Customer
	for _, name := range []string{"harbour-clinic", "tidewater-press"} {
		c, err := admin.AddCustomer(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "harbour-clinic" {
			clinic = c
		}
	}
	if _, err := admin.Rotate(t.Context(), "harbour-clinic", false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Shred(t.Context(), "tidewater-press", "tidewater-press"); err != nil {
		t.Fatal(err)
	}
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: s.ledger.Key, Policy: s.ledger.Policy()})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"harbour-clinic": "made rotated head", "tidewater-press": "made shredded head"}
	for name, all := range want {
		got := ""
		eventually(t, name+" lacks receipts", func() bool {
			receipts, err := admin.Receipts(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			got = ""
			for _, r := range receipts {
				parsed, err := proof.ParseReceipt(r.Receipt)
				if err != nil {
					t.Fatal(err)
				}
				v, err := verifier.Receipt(parsed)
				if err != nil {
					t.Fatalf("%s: %v", r.ID, err)
				}
				if v.Head != nil {
					got += " head"
					continue
				}
				var e KeyEvent
				if err := json.Unmarshal(v.Hidden.Body, &e); err != nil {
					t.Fatal(err)
				}
				if name == "harbour-clinic" && e.Customer != clinic.ID {
					t.Errorf("%s is of %s", r.ID, e.Customer)
				}
				got += " " + e.Event
			}
			return len(strings.Fields(got)) == 3
		})
		for _, one := range strings.Fields(all) {
			if !strings.Contains(got, one) {
				t.Errorf("%s has receipts of%s, and none of %s", name, got, one)
			}
		}
	}
}

// TestKeyEventsAfterACrash: what was not written down when a key changed is
// written down at the next start.
func TestKeyEventsAfterACrash(t *testing.T) {
	cfg := quick(configure(t))
	rooms, err := OpenRooms(cfg, options(t, cfg).Unseal, true, options(t, cfg).Log)
	if err != nil {
		t.Fatal(err)
	}
	c, err := rooms.Vault.AddCustomer(t.Context(), "harbour-clinic") // nobody keeps a ledger yet
	if err != nil {
		t.Fatal(err)
	}
	if err := rooms.Close(); err != nil {
		t.Fatal(err)
	}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	id := KeyEventID(KeyEvent{Event: "made", Customer: c.ID, Version: 1})
	eventually(t, "the key's making is not written down", func() bool {
		_, err := s.ledger.Book.Receipt(ctx, id)
		return err == nil || !strings.Contains(err.Error(), "no such statement")
	})
	if _, err := s.ledger.Book.Await(ctx, id); err != nil {
		t.Error(err)
	}
}

// witnessed gives the server one witness, which can be switched off.
func witnessed(t *testing.T, cfg *config.Config, vkey string) (off func(bool)) {
	t.Helper()
	layout := witness.In(t.TempDir())
	if err := witness.Init(layout, "witness.fernhill.example"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(layout.Logs(), []byte(vkey+"\n"), 0o600); err != nil {
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
	t.Cleanup(func() { w.Close() })
	down := make(chan bool, 1)
	down <- false
	handler := w.Handler()
	h := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		is := <-down
		down <- is
		if is {
			http.Error(rw, "away", http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(h.Close)
	cfg.Ledger.Witnesses = filepath.Join(t.TempDir(), "policy")
	policy := fmt.Sprintf("witness w %s %s\nquorum w\n", w.VerifierKey(), h.URL)
	if err := os.WriteFile(cfg.Ledger.Witnesses, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(is bool) {
		<-down
		down <- is
	}
}

// TestOwnersGoOn: without its witness nothing is published, and the server says
// so where it is watched; owners read and write, and all is caught up with.
func TestOwnersGoOn(t *testing.T) {
	cfg := quick(configure(t))
	s := start(t, cfg)
	vkey := s.ledger.Key
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	off := witnessed(t, cfg, vkey)
	off(true)
	s = start(t, cfg) // it does not wait for witnesses
	before := s.ledger.Book.Status().Batch
	eventually(t, "it doesn't say that it waits", func() bool { return s.ledger.Trouble() != "" })
	status, ready, _ := get(t, http.DefaultClient, "http://"+s.Status().Metrics+"/readyz")
	if status != 200 || !strings.Contains(ready, "ready\nledger: nothing is published since") {
		t.Errorf("/readyz: %d %q", status, ready)
	}
	_, metrics, _ := get(t, http.DefaultClient, "http://"+s.Status().Metrics+"/metrics")
	if !strings.Contains(metrics, "writ_ledger_waiting 1") {
		t.Error("the metrics don't say that nothing is published")
	}
	admin := dial(t, cfg)
	if _, err := admin.AddCustomer(t.Context(), "harbour-clinic"); err != nil {
		t.Fatal(err)
	}
	session := func() {
		t.Helper()
		c, err := s.rooms.Vault.Customer(t.Context(), "harbour-clinic")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.rooms.Vault.AddCredential(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
	}
	session()
	if receipts, err := admin.Receipts(t.Context(), "harbour-clinic"); err != nil || len(receipts) != 0 {
		t.Errorf("there are %d receipts of what is not published: %v", len(receipts), err)
	}
	if now := s.ledger.Book.Status().Batch; now != before {
		t.Errorf("batch %d was published without the witness, after %d", now, before)
	}
	off(false)
	batches(t, s, 2)
	eventually(t, "the receipts don't come", func() bool {
		receipts, err := admin.Receipts(t.Context(), "harbour-clinic")
		return err == nil && len(receipts) == 2
	})
	eventually(t, "it still says that it waits", func() bool { return s.ledger.Trouble() == "" })
}

// TestPublicPages: strangers get checkpoint, tiles and keys, and the page says
// how the log stands.
func TestPublicPages(t *testing.T) {
	cfg := quick(configure(t))
	cfg.Ledger.Origin = "ledger.quayside.example"
	s := start(t, cfg)
	batches(t, s, 1)
	web, at := trusting(t, s), "https://"+s.Status().Web
	if status, body, _ := get(t, web, at+"/log/checkpoint"); status != 200 || !strings.HasPrefix(body, "ledger.quayside.example\n") {
		t.Errorf("the checkpoint: %d %q", status, body)
	}
	status, body, head := get(t, web, at+"/.well-known/writ.json")
	var known struct{ Origin, Policy, Release string }
	if err := json.Unmarshal([]byte(body), &known); err != nil || status != 200 || known.Origin != "ledger.quayside.example" || known.Release != "unlogged" {
		t.Errorf("the keys: %d %q, %v", status, body, err)
	}
	if !strings.Contains(head.Get("Cache-Control"), "public") {
		t.Errorf("the keys' Cache-Control is %q", head.Get("Cache-Control"))
	}
	if _, page, _ := get(t, web, at+"/"); !strings.Contains(page, "ledger.quayside.example") || !strings.Contains(page, "No witness outside of the operator") {
		t.Errorf("the page doesn't show the log: %s", page)
	}
	for _, path := range []string{"/log/", "/log/tile/0/999", "/log/../ca.pem", "/log/%2e%2e/key.sealed", "/log/key.sealed", "/source/", "/release/release.json"} {
		if status, _, _ := get(t, web, at+path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestLostLedger: a log that is gone, or was edited, is not begun anew.
func TestLostLedger(t *testing.T) {
	cfg := quick(configure(t))
	s := start(t, cfg)
	batches(t, s, 2)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	dir := folder.Folder(cfg.Data).Ledger()
	whole := filepath.Join(t.TempDir(), "whole")
	if err := os.CopyFS(whole, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func() error{
		"all of it is gone": func() error { return os.RemoveAll(dir) },
		"its log is gone":   func() error { return os.RemoveAll(filepath.Join(dir, "log")) },
		"its key is gone":   func() error { return os.Remove(filepath.Join(dir, "key.sealed")) },
		"an entry was edited": func() error {
			return filepath.WalkDir(filepath.Join(dir, "log", "tile", "entries"), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				return os.WriteFile(path, bytes.Replace(b, []byte("batch"), []byte("match"), 1), 0o600)
			})
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if s, err := Start(options(t, cfg)); err == nil {
			s.Stop()
			t.Errorf("%s: it starts", what)
		} else if !strings.Contains(err.Error(), "writ ledger") {
			t.Errorf("%s: nothing says what to do: %v", what, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
	}
	start(t, cfg)
}
