//go:build unix

package ledger

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/seal"
)

const childConfig = "WRIT_TEST_LEDGER"

// childSetup is what the process that TestKill kills is told.
type childSetup struct{ Dir, Secret, Key, Policy, Round string }

// TestMain is also that process.
func TestMain(m *testing.M) {
	if c := os.Getenv(childConfig); c != "" {
		if err := child([]byte(c)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		checks.Value.Set("20") // each of them syncs many files; more by the flag
	}
	os.Exit(m.Run())
}

// opened is all that a server has of the ledger.
type opened struct {
	records records.Store
	log     *Witnessed
	book    *Book
}

func (c childSetup) open(ctx context.Context) (o opened, err error) {
	signer, err := note.NewSigner(c.Secret)
	if err != nil {
		return o, err
	}
	k, err := seal.KeyFromBytes(bytes.Repeat([]byte{5}, seal.KeySize))
	if err != nil {
		return o, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return o, err
	}
	if o.records, err = records.Open(filepath.Join(c.Dir, "records"), k, records.Options{}); err != nil {
		return o, err
	}
	inner, err := OpenPosix(LogDir(c.Dir), signer, slog.New(slog.DiscardHandler))
	if err != nil {
		return o, err
	}
	if o.log, err = OpenWitnessed(ctx, inner, WitnessedConfig{Dir: c.Dir, LogKey: c.Key, Policy: c.Policy}); err != nil {
		return o, err
	}
	o.book, err = OpenBook(ctx, Config{Log: o.log, LogKey: c.Key, Records: o.records, Interval: 200 * time.Millisecond, Slots: 256,
		Heads: func(context.Context) (map[writ.CustomerID]JournalHead, error) {
			return map[writ.CustomerID]JournalHead{testCustomer: {Seq: uint64(time.Now().UnixNano())}}, nil
		}})
	return o, err
}

// child writes statements down until it is killed, and says so line by line:
// "kept ID" when one was acknowledged, "proven ID BATCH SLOT INDEX" when there
// was a receipt.
func child(setup []byte) error {
	var c childSetup
	if err := json.Unmarshal(setup, &c); err != nil {
		return err
	}
	ctx := context.Background()
	o, err := c.open(ctx)
	if err != nil {
		return err
	}
	v, err := proof.NewVerifier(proof.Trust{LogKey: c.Key, Policy: c.Policy})
	if err != nil {
		return err
	}
	go o.book.Run(ctx)
	var mu sync.Mutex
	say := func(format string, a ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", a...)
	}
	say("up")
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("h/%s/%d/%d", c.Round, w, i)
				if err := o.book.Commit(ctx, id, "key", id); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				say("kept %s", id)
				if i%50 == 49 {
					r, err := o.book.Await(ctx, id)
					if err == nil {
						var got proof.Verified
						if got, err = v.Receipt(r); err == nil {
							say("proven %s %d %d %d", id, got.Batch.N, got.Slot, got.Index)
						}
					}
					if err != nil {
						fmt.Fprintln(os.Stderr, err)
						os.Exit(1)
					}
				}
			}
		}()
	}
	for i := 0; ; i++ {
		id := fmt.Sprintf("p/%s/%d", c.Round, i)
		r, err := o.book.Publish(ctx, id, proof.KindReport, id)
		if err != nil {
			return err
		}
		got, err := v.Receipt(r)
		if err != nil {
			return err
		}
		say("proven %s 0 0 %d", id, got.Index)
	}
}

// TestKill kills a server at random instants under load, with three witnesses.
// Whatever it acknowledged is there afterwards, once, where its first receipt
// said, and everything is proven; no batch is missing or there twice.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 3
	if testing.Short() {
		rounds = 3
	}
	r := newRig(t)
	c := childSetup{Dir: filepath.Join(r.dir, "data"), Secret: r.secret, Key: r.vkey, Policy: r.policy}
	kept, proven := map[string]bool{}, map[string]string{}
	for round := range rounds {
		c.Round = fmt.Sprint(round)
		lines := runChild(t, c, time.Duration(rand.IntN(400))*time.Millisecond)
		for _, line := range lines {
			switch f := strings.Fields(line); f[0] {
			case "kept":
				kept[f[1]] = true
			case "proven":
				kept[f[1]], proven[f[1]] = true, strings.Join(f[2:], " ")
			}
		}
	}
	if len(kept) < 20*rounds || len(proven) < rounds {
		t.Fatalf("%d statements kept, %d proven in %d rounds: nothing was tested", len(kept), len(proven), rounds)
	}
	t.Logf("%d kills, %d statements kept, %d proven", rounds, len(kept), len(proven))
	o, err := c.open(t.Context())
	must(t, err)
	defer o.records.Close()
	defer o.log.Close(context.Background())
	defer o.book.Close()
	for waits := true; waits; {
		must(t, o.book.freeze(t.Context(), time.Now()))
		r.publish(o.book)
		left, _, err := o.records.Scan(t.Context(), records.Range{Start: key(tagOutbox, ""), End: records.PrefixEnd(key(tagOutbox, "")), Limit: 1})
		must(t, err)
		waits = len(left) > 0
	}
	slots := map[string]string{}
	for id := range kept {
		v := r.receipt(o.book, id)
		at := fmt.Sprintf("0 0 %d", v.Index)
		if v.Batch != nil {
			at = fmt.Sprintf("%d %d %d", v.Batch.N, v.Slot, v.Index)
		}
		if was, ok := proven[id]; ok && was != at {
			t.Errorf("%s was at %s, and is at %s", id, was, at)
		}
		if other, twice := slots[at]; twice {
			t.Errorf("%s and %s are both at %s", id, other, at)
		}
		slots[at] = id
		body := ""
		if v.Hidden != nil {
			must(t, json.Unmarshal(v.Hidden.Body, &body))
		} else {
			must(t, json.Unmarshal(v.Statement.Body, &body))
		}
		if body != id {
			t.Errorf("%s says %q", id, body)
		}
	}
	r.batches(o.log)
	signed, err := o.log.Checkpoint(t.Context())
	must(t, err)
	size, err := SizeOf(signed)
	must(t, err)
	leaves := map[string]uint64{}
	for i := range size {
		leaf := string(mustLeaf(t, o.log, i))
		if first, twice := leaves[leaf]; twice {
			t.Errorf("leaves %d and %d are the same", first, i)
		}
		leaves[leaf] = i
	}
}

// runChild runs the process, kills it a while after it has proven something, and returns
// what it said in whole lines.
func runChild(t *testing.T, c childSetup, life time.Duration) []string {
	t.Helper()
	setup, err := json.Marshal(c)
	must(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childConfig+"="+string(setup))
	said := &bytes.Buffer{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	in := bufio.NewReader(out)
	var lines []string
	killed, proven := false, 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		lines = append(lines, line)
		if strings.HasPrefix(line, "proven") {
			proven++
		}
		if !killed && proven == 3 { // it has something to lose
			killed = true
			time.AfterFunc(life, func() { cmd.Process.Kill() })
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the server ended by itself: %v\n%s", err, said)
	}
	return lines
}
