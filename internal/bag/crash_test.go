package bag_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ/internal/bag"
)

// crashDir and crashRecipient tell a process that it is the child.
const (
	crashDir       = "WRIT_TEST_BAG_CRASH_DIR"
	crashRecipient = "WRIT_TEST_BAG_CRASH_RECIPIENT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashChild(dir, os.Getenv(crashRecipient)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const crashMark = "INES-CALDER-WARD-SEVEN-"

// crashThings are large enough that a child dies in the middle; their bytes
// and names can be found on a disk on which they must not be.
func crashThings() []thing {
	r := rand.New(rand.NewPCG(3, 4))
	var out []thing
	for i := range 120 {
		n := r.IntN(40_000)
		if i%20 == 7 {
			n = 400_000
		}
		body := bytes.Repeat(fmt.Appendf(nil, "%s%06d\n", crashMark, i), n/30+1)
		out = append(out, thing{key: fmt.Sprintf("patients/%s%d.txt", crashMark, i), body: body})
	}
	return out
}

// crashInput is the same for parent and child.
func crashInput(dir string, things []thing, to bag.Recipient) bag.Input {
	in := input(dir, things)
	in.Recipients = []bag.Recipient{to}
	return in
}

func crashChild(dir, text string) error {
	to, err := bag.ParseRecipient(text, now)
	if err != nil {
		return err
	}
	in := crashInput(dir, crashThings(), to)
	said := false
	in.Progress = func(int64, int64) {
		if !said {
			said = true
			fmt.Println("ready")
		}
	}
	_, err = bag.Write(context.Background(), in)
	return err
}

// TestCrash kills productions at random instants until one ends, several
// times, and checks every promise in between.
func TestCrash(t *testing.T) {
	p, things := somebody(t), crashThings()
	r := rand.New(rand.NewPCG(1, 2))
	kills, resumed := 0, 0
	for range 2 {
		dir := filepath.Join(t.TempDir(), "package")
		for round := 0; ; round++ {
			before := volumesOf(t, dir)
			// Each is given a little longer, so that the last one ends.
			killed := crashOnce(t, dir, p.public, time.Duration(r.IntN(12_000)*(1+round))*time.Microsecond)
			seeNothing(t, dir)
			for name, body := range before {
				if now := volumesOf(t, dir)[name]; now != body && round > 0 && !lastOf(before, name) {
					t.Fatalf("%s changed after it counted", name)
				}
			}
			if !killed {
				break
			}
			kills++
			if len(before) > 0 {
				resumed++
			}
		}
		first := folder(t, dir)
		mustWrite(t, crashInput(dir, things, p.recipient))
		if fmt.Sprint(first) != fmt.Sprint(folder(t, dir)) {
			t.Fatal("a finished package changed")
		}
		mustHold(t, mustOpen(t, dir, p), things)
	}
	t.Logf("%d kills, %d of them after a restart", kills, resumed)
	if kills < 4 || resumed < 1 {
		t.Fatalf("the test did too little: %d kills, %d of them after a restart", kills, resumed)
	}
}

// lastOf reports whether a volume is the last, which may be there without
// being counted yet: then it is made again.
func lastOf(volumes map[string]string, name string) bool {
	for other := range volumes {
		if other > name {
			return false
		}
	}
	return true
}

func volumesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	names, err := filepath.Glob(filepath.Join(dir, string(caseID)+".*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		out[filepath.Base(name)] = readFile(t, name)
	}
	return out
}

// crashOnce runs a child and kills it a time after it has begun.
func crashOnce(t *testing.T, dir, recipient string, life time.Duration) (killed bool) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir, crashRecipient+"="+recipient)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	if _, err := io.ReadFull(out, one[:]); err == nil {
		killer := time.AfterFunc(life, func() { child.Process.Kill() })
		defer killer.Stop()
	}
	io.Copy(io.Discard, out)
	err = child.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		t.Fatalf("the child failed by itself: %v", err)
	}
	return err != nil
}

// seeNothing looks for plaintext and names in every byte of the folder.
func seeNothing(t *testing.T, dir string) {
	t.Helper()
	for name, body := range folder(t, dir) {
		for _, secret := range []string{crashMark, "patients", "ward-seven", "objects.jsonl", "ustar"} {
			if strings.Contains(body, secret) || strings.Contains(name, secret) {
				t.Fatalf("%s holds %q in plain", name, secret)
			}
		}
	}
}

// TestKilledEverywhere cuts a production off after each of its writes in turn,
// by leaving it no room, so that no instant is left to chance.
func TestKilledEverywhere(t *testing.T) {
	p, things := somebody(t), several()
	dir := filepath.Join(t.TempDir(), "package")
	for limit := int64(0); ; limit += 9_973 {
		in := input(dir, things, p)
		in.MaxBytes = 600_000 + limit
		_, err := bag.Write(t.Context(), in)
		if err == nil {
			break
		}
		if !errors.Is(err, bag.ErrRoom) {
			t.Fatal(err)
		}
		if used := size(t, dir); used > in.MaxBytes {
			t.Fatalf("%d bytes are used of %d", used, in.MaxBytes)
		}
		seeNothing(t, dir)
	}
	mustHold(t, mustOpen(t, dir, p), things)
}

func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}
