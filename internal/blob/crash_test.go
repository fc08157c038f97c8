package blob_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"writ/internal/blob"
	"writ/internal/blob/blobtest"
)

// In this test the parent process plays the durable records: the child writes
// each change of a record as one line into a pipe before it goes on, as a
// server commits its records. Lines that the child wrote outlive it.
//
//	set NAME REF    the record NAME owns REF, whose blob was acknowledged
//	move NAME REF   Reclaim moved it
//	del NAME        the record is gone; only now the blob may be deleted
const crashDir = "WRIT_TEST_BLOB_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashOptions leave a grace that is longer than a child lives: the records
// of the last instant are on their way.
var crashOptions = blob.Options{SegmentSize: 512 << 10, Grace: 200 * time.Millisecond, Linger: -1}

// TestCrash kills a store under load, at random instants, and then looks for
// every blob whose record was written.
func TestCrash(t *testing.T) {
	dir, records := t.TempDir(), make(map[string]blob.Ref)
	r := rand.New(rand.NewPCG(1, 2))
	moves := 0
	const kills = 40
	for kill := range kills {
		life := time.Duration(20+r.IntN(350)) * time.Millisecond
		moves += crashOnce(t, dir, records, life)
		if kill%4 == 0 || kill == kills-1 {
			checkAfterCrash(t, dir, records)
		}
		if t.Failed() {
			t.Fatalf("after kill %d", kill)
		}
	}
	t.Logf("%d records after %d kills, %d moves", len(records), kills, moves)
	if len(records) < 100 || moves == 0 {
		t.Fatalf("the test did too little: %d records, %d moves", len(records), moves)
	}
}

// crashOnce runs a child for a time, kills it, and brings records up to date.
func crashOnce(t *testing.T, dir string, records map[string]blob.Ref, life time.Duration) (moves int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	var input bytes.Buffer
	for name, ref := range records {
		fmt.Fprintln(&input, "set", name, formatRef(ref))
	}
	child.Stdin = &input
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var killer *time.Timer
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line without its end was not written
		}
		verb, name, ref := parseLine(t, line)
		switch verb {
		case "ready":
			killer = time.AfterFunc(life, func() { child.Process.Kill() })
		case "del":
			delete(records, name)
		case "move":
			moves++
			fallthrough
		case "set":
			records[name] = ref
		}
	}
	if err := child.Wait(); err == nil || killer == nil {
		t.Fatalf("the child was not killed: %v", err)
	}
	killer.Stop()
	return moves
}

func parseLine(t *testing.T, line string) (verb, name string, ref blob.Ref) {
	t.Helper()
	words := strings.Fields(line)
	if len(words) > 1 {
		name = words[1]
	}
	if len(words) > 2 {
		b, err := hex.DecodeString(words[2])
		if err == nil {
			err = ref.UnmarshalBinary(b)
		}
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
	}
	return words[0], name, ref
}

func formatRef(ref blob.Ref) string {
	b, err := ref.MarshalBinary()
	if err != nil {
		panic(err) // a Ref that a store returned
	}
	return hex.EncodeToString(b)
}

func checkAfterCrash(t *testing.T, dir string, records map[string]blob.Ref) {
	t.Helper()
	s, err := blob.Open(dir, crashOptions)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seen := make(map[blob.Ref]bool)
	if err := s.Walk(t.Context(), func(ref blob.Ref) error { seen[ref] = true; return nil }); err != nil {
		t.Errorf("Walk: %v", err)
	}
	for name, ref := range records {
		got, err := blobtest.Read(t.Context(), s, ref)
		if err != nil || !bytes.Equal(got, crashBytes(name, ref.Length)) {
			t.Errorf("record %s, %v: %v", name, ref, err)
		}
		if !seen[ref] {
			t.Errorf("Walk did not see %v", ref)
		}
	}
}

// crashBytes returns what the blob of the record name holds.
func crashBytes(name string, length int64) []byte {
	var seed uint64
	for _, c := range []byte(name) {
		seed = seed*131 + uint64(c)
	}
	return blobtest.Bytes(seed, int(length))
}

// crashRecords are the child's records: each change is told to the parent.
type crashRecords struct {
	blobtest.Records
	mu sync.Mutex // held while a change is told and made
}

func (r *crashRecords) set(name string, ref blob.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Println("set", name, formatRef(ref))
	r.Set(name, ref)
}

func (r *crashRecords) remove(name string) blob.Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Println("del", name)
	return r.Remove(name)
}

func (r *crashRecords) Move(ctx context.Context, from, to blob.Ref) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range r.Names() {
		if r.Ref(name) == from {
			fmt.Println("move", name, formatRef(to))
		}
	}
	return r.Records.Move(ctx, from, to)
}

// crashChild writes, deletes and reclaims until it is killed.
func crashChild(dir string) error {
	records := new(crashRecords)
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(input)) {
		words := strings.Fields(line)
		b, err := hex.DecodeString(words[2])
		if err != nil {
			return err
		}
		var ref blob.Ref
		if err := ref.UnmarshalBinary(b); err != nil {
			return err
		}
		records.Set(words[1], ref)
	}
	s, err := blob.Open(dir, crashOptions)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for {
				if err := crashStep(s, records, worker); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	go func() {
		for {
			if _, err := s.Reclaim(context.Background(), records, nil); err != nil {
				failed <- err
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return <-failed
}

func crashStep(s blob.Store, records *crashRecords, worker int) error {
	ctx := context.Background()
	name := fmt.Sprintf("%d-%d", worker, rand.IntN(60))
	if old := records.Ref(name); !old.IsZero() {
		return s.Delete(ctx, records.remove(name))
	}
	if rand.IntN(6) == 0 {
		u, err := s.Create(ctx, int64(rand.IntN(2)*300_000))
		if err != nil {
			return err
		}
		defer u.Discard()
		for piece := range slices.Chunk(crashBytes(name, int64(rand.IntN(300_000))), 65536) {
			if _, err := u.Write(piece); err != nil {
				return err
			}
		}
		ref, err := u.Commit(ctx)
		if err != nil {
			return err
		}
		records.set(name, ref)
		return nil
	}
	ref, err := s.Put(ctx, crashBytes(name, int64(1+rand.IntN(30_000))))
	if err != nil {
		return err
	}
	records.set(name, ref)
	return nil
}
