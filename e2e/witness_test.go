package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// witnessProcess is a witness as somebody else would run it.
type witnessProcess struct {
	t              *testing.T
	dir, name, url string
	listen         string
	cmd            *exec.Cmd
}

var witnessReady = regexp.MustCompile(`witness=(\S+)`)

func (w *witnessProcess) start() {
	w.t.Helper()
	w.cmd = exec.Command(writBinary, "witness", "serve", "--dir", w.dir, "--listen", w.listen)
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	found := witnessReady.FindStringSubmatch(line)
	if err != nil || found == nil {
		w.t.Fatalf("the witness says %q: %v", line, err)
	}
	w.url = found[1]
	go io.Copy(io.Discard, out)
}

func (w *witnessProcess) kill() {
	w.cmd.Process.Kill()
	w.cmd.Wait()
}

// TestThreeWitnesses: of three witnesses, each a process, one may be killed and
// the log goes on; with two gone it stands still, says so, and owners go on; when
// one is back it catches up.
func TestThreeWitnesses(t *testing.T) {
	s := newServer(t, filepath.Join(t.TempDir(), "data"), "--ledger-interval", "1s", "--ledger-origin", "ledger.quayside.example")
	s.start()
	c := s.customer("harbour-clinic")
	vkey := s.admin("ledger", "key")
	s.stop()

	policy, outside := "", []string{}
	var all []*witnessProcess
	for _, name := range []string{"fernhill", "tidewater", "quayside"} {
		w := &witnessProcess{t: t, dir: filepath.Join(t.TempDir(), name), name: name, listen: freePort(t)}
		if out, err := exec.Command(writBinary, "witness", "init", "--dir", w.dir, "--name", "witness."+name+".example").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "logs"), vkey, 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		t.Cleanup(w.kill)
		out, err := exec.Command(writBinary, "witness", "key", "--dir", w.dir, "--url", w.url).Output()
		if err != nil {
			t.Fatal(err)
		}
		policy += strings.SplitAfter(string(out), "\n")[1] // the first line is the key alone
		outside = append(outside, "witness."+name+".example")
		all = append(all, w)
	}
	policy += "group two 2 " + strings.Join(outside, " ") + "\nquorum two\n"
	file := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	s.extra = append(s.extra, "--ledger-witnesses", file, "--ledger-outside", strings.Join(outside, ","))
	s.start()
	ready := func() string {
		t.Helper()
		resp, err := http.Get("http://" + s.metrics + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("/readyz: %s, %v", resp.Status, err)
		}
		return string(b)
	}
	until := func(what string, ok func(ready, shown string) bool) {
		t.Helper()
		shown := ""
		for range 600 {
			shown = string(s.admin("ledger", "show"))
			if ok(ready(), shown) {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatalf("%s: %s\n%s", what, ready(), shown)
	}
	until("three witnesses don't cosign", func(_, shown string) bool { return strings.Count(shown, ": cosigned 20") == 3 })

	all[0].kill()
	batch := func(shown string) string { return regexp.MustCompile(`newest batch +(\d+)`).FindString(shown) }
	before := batch(string(s.admin("ledger", "show")))
	until("it does not go on with two", func(ready, shown string) bool {
		return strings.Count(shown, ": cosigned 20") == 2 && batch(shown) != before && ready == "ready\n"
	})

	all[1].kill()
	until("it doesn't say that it stands still", func(ready, shown string) bool {
		return strings.Contains(ready, "ledger: nothing is published since") && strings.Contains(shown, "waits")
	})
	stands := batch(string(s.admin("ledger", "show")))
	client := s.client(c, s.s3)
	s.bucket(client, "owners-go-on")
	s.admin("customer", "rotate", "harbour-clinic")
	receipts := filepath.Join(t.TempDir(), "receipts")
	if out := s.admin("ledger", "receipts", "--customer", "harbour-clinic", receipts); strings.Contains(string(out), "key-2") {
		t.Errorf("there is a receipt of what is not published: %s", out)
	}
	if now := batch(string(s.admin("ledger", "show"))); now != stands {
		t.Errorf("%s was published by one witness of three, after %s", now, stands)
	}

	all[1].start()
	until("it doesn't catch up", func(ready, shown string) bool { return ready == "ready\n" && batch(shown) != stands })
	until("the receipt doesn't come", func(string, string) bool {
		return strings.Contains(string(s.admin("ledger", "receipts", "--customer", "harbour-clinic", receipts)), "key-2")
	})
	pins := t.TempDir()
	for name, b := range map[string][]byte{"vkey": vkey, "policy": s.admin("ledger", "policy")} {
		if err := os.WriteFile(filepath.Join(pins, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := verify(t, nil, "receipt", filepath.Join(receipts, "key-2.receipt.json"), "--log-key", filepath.Join(pins, "vkey"), "--policy", filepath.Join(pins, "policy"))
	if !strings.Contains(out, "witness.tidewater.example") || !strings.Contains(out, "rotated") {
		t.Errorf("the receipt says %s", out)
	}
}
