package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// verify runs a check from outside: what it needs is pinned and remembered in a
// folder of its own.
func verify(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(writBinary, append([]string{"verify"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("writ verify %s: %v\n%s", strings.Join(args, " "), err, tail(string(out), 3000))
	}
	return string(out)
}

// TestLedgerSurvivesKill: whatever instant the server is killed at, the public
// log only grows in the eyes of one who looks again and again, no change of a key
// that was acknowledged is missing from it, and the customer's journal stays one
// chain that every batch committed to.
func TestLedgerSurvivesKill(t *testing.T) {
	kills := 12
	if n, err := strconv.Atoi(os.Getenv("WRIT_SOAK_KILLS")); err == nil {
		kills = n
	}
	s := newServer(t, filepath.Join(t.TempDir(), "data"), "--ledger-interval", "1s", "--web", freePort(t))
	s.start()
	c := s.customer("harbour-clinic")
	client := s.client(c, s.s3)
	s.bucket(client, "ledger-bucket")
	pins := t.TempDir()
	for name, args := range map[string][]string{"vkey": {"ledger", "key"}, "policy": {"ledger", "policy"}} {
		if err := os.WriteFile(filepath.Join(pins, name), s.admin(args...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pinned := []string{"--log-key", filepath.Join(pins, "vkey"), "--policy", filepath.Join(pins, "policy")}
	outside := append([]string{"--ca", c.CAFile}, pinned...)
	web := "https://" + s.extra[len(s.extra)-1]
	look := func(more ...string) {
		t.Helper()
		verify(t, nil, append(append([]string{"log", web, "--state", filepath.Join(pins, "log.state")}, outside...), more...)...)
	}
	acknowledged := 1
	for range kills {
		killed := make(chan struct{})
		go func() {
			time.Sleep(time.Duration(200+rand.IntN(1200)) * time.Millisecond)
			s.cmd.Process.Kill()
			close(killed)
		}()
		for running := true; running; {
			out, err := s.tryAdmin("customer", "rotate", "harbour-clinic", "--json")
			var rotated struct {
				KeyVersion int `json:"key_version"`
			}
			if err == nil {
				if err := json.Unmarshal(out, &rotated); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				acknowledged = rotated.KeyVersion
			}
			select {
			case <-killed:
				running = false
			default:
			}
		}
		s.await()
		s.start()
		look()
	}
	receipts := filepath.Join(t.TempDir(), "receipts")
	missing := ""
	for range 600 { // until what was acknowledged last is published
		s.admin("ledger", "receipts", "--customer", "harbour-clinic", receipts)
		missing = ""
		for v := 1; v <= acknowledged; v++ {
			if _, err := os.Stat(filepath.Join(receipts, fmt.Sprintf("key-%d.receipt.json", v))); err != nil {
				missing += fmt.Sprintf(" %d", v)
			}
		}
		if missing == "" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if missing != "" {
		t.Fatalf("no receipts of versions%s of the key, of %d that were acknowledged", missing, acknowledged)
	}
	for v := 1; v <= acknowledged; v++ {
		out := verify(t, nil, append([]string{"receipt", filepath.Join(receipts, fmt.Sprintf("key-%d.receipt.json", v))}, pinned...)...)
		if !strings.Contains(out, fmt.Sprintf(`"version":%d,`, v)) {
			t.Errorf("the receipt of version %d says %s", v, out)
		}
	}
	look("--full")
	verify(t, []string{"WRIT_ACCESS_KEY=" + c.AccessKey, "WRIT_SECRET_KEY=" + c.SecretKey},
		append([]string{"journal", c.Endpoint, "--log", web}, outside...)...)
	t.Logf("%d rotations over %d kills are in the log", acknowledged-1, kills)
}
