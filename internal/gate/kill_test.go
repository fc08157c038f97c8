package gate_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
)

// killDir tells the test binary that it is the child that is to be killed.
const (
	killDir      = "WRIT_GATE_KILL_DIR"
	killCustomer = "WRIT_GATE_KILL_CUSTOMER"
)

// TestKilledChild is the child: it opens for ever, from several goroutines,
// and says of each opening that the key was released.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		return // it is run by TestKillLosesNoEntry
	}
	g := open(t, dir)
	c := writ.CustomerID(os.Getenv(killCustomer))
	right := gate.Owner(c, credential)
	lines := make(chan string)
	for range 4 {
		go func() {
			for {
				blob := writ.NewBlobID()
				_, wrapped, err := g.Seal(ctx, right, use(c, "put", blob))
				if err == nil {
					_, err = g.Open(ctx, right, use(c, "get", blob), wrapped)
				}
				if err != nil {
					lines <- "error " + err.Error()
				}
				lines <- "released " + blob.String()
			}
		}()
	}
	for line := range lines {
		fmt.Println(line)
	}
}

// TestKillLosesNoEntry kills -9 a process that opens keys, at any instant, and
// finds every opening that it had spoken of in the journal.
func TestKillLosesNoEntry(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	c := customer(t, g)
	g.Close()
	released := map[string]bool{}
	for range 12 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
		child.Env = append(os.Environ(), killDir+"="+dir, killCustomer+"="+string(c))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(30+rand.IntN(200))*time.Millisecond, func() { child.Process.Signal(syscall.SIGKILL) })
		for s := bufio.NewScanner(out); s.Scan(); {
			what, blob, _ := strings.Cut(s.Text(), " ")
			if what == "error" {
				t.Errorf("the child says: %s", blob)
			}
			if what == "released" && len(blob) == 32 {
				released[blob] = true
			}
		}
		child.Wait()

		g := open(t, dir)
		gets := map[string]bool{}
		for _, e := range journalOf(t, g, c) {
			if e.Op == "get" {
				gets[e.Blob.String()] = true
			}
		}
		for blob := range released {
			if !gets[blob] {
				t.Fatalf("the key of blob %s was released, and the journal doesn't have it", blob)
			}
		}
		g.Close()
	}
	if len(released) < 100 {
		t.Errorf("only %s openings before the kills", strconv.Itoa(len(released)))
	}
}
