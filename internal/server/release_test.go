package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/releasetest"
)

const released = "v1.2.3"

// ownRelease makes the folder of a release that names the program of this test.
func ownRelease(t *testing.T) string {
	t.Helper()
	dir := releasetest.Make(t, releasetest.Source(t, released, nil), nil)
	f, err := release.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	self, err := release.Self(released)
	if err != nil {
		t.Fatal(err)
	}
	r := f.Release
	for i := range r.Binaries {
		if r.Binaries[i].Target == self.Target {
			r.Binaries[i].SHA256 = self.SHA256
		}
	}
	body, err := release.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, release.StatementFile), body, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, release.BinaryName(released, self.Target))); err != nil { // it is this one
		t.Fatal(err)
	}
	return dir
}

// TestRelease: a release build that is not in the log does not start unless it
// says so in public; one that is published gives out its receipt and its source,
// and goes on without the folder.
func TestRelease(t *testing.T) {
	cfg := quick(configure(t))
	o := options(t, cfg)
	o.Version = released
	if s, err := Start(o); !errors.Is(err, release.ErrUnlogged) {
		if err == nil {
			s.Stop()
		}
		t.Fatalf("a release that is not in the log: %v", err)
	}
	run := func(check func(s *Server)) {
		t.Helper()
		s, err := Start(o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		}()
		check(s)
	}
	wellKnown := func(s *Server) string {
		t.Helper()
		_, body, _ := get(t, trusting(t, s), "https://"+s.Status().Web+"/.well-known/writ.json")
		return body
	}
	policies := func(s *Server, want string) {
		t.Helper()
		batches(t, s, 1)
		found := ""
		for i := range s.ledger.Book.Status().Size {
			leaf, err := s.ledger.Log.Leaf(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			statement, err := proof.Decode(leaf)
			if err != nil {
				t.Fatal(err)
			}
			if statement.Kind == proof.KindPolicy {
				found = string(statement.Body)
			}
		}
		if !strings.Contains(found, want) {
			t.Errorf("the policy is %s, without %s", found, want)
		}
	}

	cfg.Release.Unlogged = true
	run(func(s *Server) {
		if got := s.Status(); got.Standing != "unlogged" || len(got.SHA256) != 64 {
			t.Errorf("it stands as %+v", got)
		}
		if body := wellKnown(s); !strings.Contains(body, `"release":"unlogged"`) {
			t.Errorf("it says %s", body)
		}
		policies(s, `"unlogged":true`)
	})

	cfg.Release.Unlogged, cfg.Release.Dir = false, ownRelease(t)
	logged := func(s *Server) {
		t.Helper()
		if got := s.Status(); got.Standing != "logged" {
			t.Errorf("it stands as %+v", got)
		}
		if body := wellKnown(s); !strings.Contains(body, `"release":"/release/receipt.json"`) {
			t.Errorf("it says %s", body)
		}
		web, at := trusting(t, s), "https://"+s.Status().Web
		eventually(t, "there is no receipt of the release", func() bool {
			status, _, _ := get(t, web, at+"/release/receipt.json")
			return status == 200
		})
		_, body, _ := get(t, web, at+"/release/receipt.json")
		receipt, err := proof.ParseReceipt([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		v, err := proof.NewVerifier(proof.Trust{LogKey: s.ledger.Key, Policy: s.ledger.Policy()})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Receipt(receipt); err != nil || got.Statement.Kind != proof.KindRelease || !strings.Contains(string(got.Statement.Body), s.Status().SHA256) {
			t.Errorf("the receipt: %+v, %v", got.Statement, err)
		}
		policies(s, `"unlogged":false`)
	}
	run(func(s *Server) {
		logged(s)
		web, at := trusting(t, s), "https://"+s.Status().Web
		for _, path := range []string{"/source/", "/release/release.json"} {
			if status, body, _ := get(t, web, at+path); status != 200 || !strings.Contains(body, released) {
				t.Errorf("%s: %d", path, status)
			}
		}
	})
	cfg.Release.Dir = ""
	run(logged)

	// Another program of that version is another matter.
	cfg.Release.Dir = releasetest.Make(t, releasetest.Source(t, "v1.2.4", nil), nil)
	o.Version = "v1.2.4"
	if s, err := Start(o); !errors.Is(err, release.ErrUnlogged) {
		if err == nil {
			s.Stop()
		}
		t.Errorf("a folder of another program: %v", err)
	}
}
