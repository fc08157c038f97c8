package witness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const childFolder = "WRIT_TEST_WITNESS"

// TestMain is also the witness process that TestKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		if err := child(In(dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(layout Layout) error {
	logs, err := ReadLogs(layout.Logs())
	if err != nil {
		return err
	}
	w, err := Open(Options{Layout: layout, Logs: logs, Rate: 1e6, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer w.Close()
	l, err := Listen("127.0.0.1:0", "", "", nil)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return w.Serve(context.Background(), l)
}

// startChild starts a witness process and returns its URL.
func startChild(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	said := &bytes.Buffer{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("the witness does not start: %v\n%s", err, said)
	}
	return cmd, "http://" + strings.TrimSpace(addr)
}

// TestKill kills a witness at random instants, while three logs that each tell
// two stories ask for cosignatures. Every answer that was received is kept: no
// log has both stories cosigned, none goes back, and the process always comes
// up again from what it left.
func TestKill(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	r := newRig(t, "one.example", "two.example", "three.example")
	r.Close()
	const common, end = 10, 20000
	stories := make([]map[string]*testLog, len(r.logs))
	journals := make([]*journal, len(r.logs))
	for i, l := range r.logs {
		l.grow(common, "common")
		other := l.fork(common)
		l.grow(end-common, "a")
		other.grow(end-common, "b")
		stories[i], journals[i] = map[string]*testLog{"a": l, "b": other}, newJournal()
	}
	answers := 0
	for round := range rounds {
		cmd, url := startChild(t, r.layout.Dir)
		stop, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		var counted sync.Mutex
		for i := range r.logs {
			for name, l := range stories[i] {
				asking.Go(func() {
					n := storm(stop, t, url, r.vkey, name, l, journals[i], common)
					counted.Lock()
					answers += n
					counted.Unlock()
				})
			}
		}
		time.Sleep(time.Duration(20+rand.IntN(120)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		cancel()
		asking.Wait()
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	if answers < rounds {
		t.Fatalf("only %d answers in %d rounds: nothing was tested", answers, rounds)
	}
	t.Logf("%d kills, %d cosignatures", rounds, answers)
	// What was answered last is there, to the leaf.
	r.open(t)
	for i, l := range r.logs {
		h, ok := r.store.get(l.origin)
		if !ok || h.Size < journals[i].floor() {
			t.Fatalf("%s: %d of %d", l.origin, h.Size, journals[i].floor())
		}
	}
}

// storm asks for larger and larger trees of one story until the witness is
// gone, and tells the journal of each answer.
func storm(ctx context.Context, t *testing.T, url, vkey, name string, l *testLog, signed *journal, common uint64) (answers int) {
	c, err := NewClient(url, vkey, &http.Client{Transport: &http.Transport{}}, time.Second)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.http.CloseIdleConnections()
	size := signed.floor()
	for ctx.Err() == nil {
		size = min(size+rand.Uint64N(4), l.tree.Size())
		floor := signed.floor()
		_, err := c.Cosign(ctx, l.checkpoint(size), l.prove)
		var named *SizeError
		switch {
		case err == nil:
			answers++
			if bad := signed.add(name, size, common, floor); bad != "" {
				t.Error(bad)
				return answers
			}
		case errors.As(err, &named):
			if named.Size < floor {
				t.Errorf("the witness forgot: it names %d after %d", named.Size, floor)
			}
			size = named.Size
		case errors.Is(err, ErrUnavailable):
			return answers
		case !errors.Is(err, ErrFork) && !errors.Is(err, ErrInconsistent) && !errors.Is(err, ErrAnswer):
			t.Error(err)
			return answers
		}
	}
	return answers
}
