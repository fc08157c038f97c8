package records_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"writ/internal/records"
	"writ/internal/seal"
	"writ/internal/testenv"
)

func fixedKey(t testing.TB) *seal.Key {
	t.Helper()
	k, err := seal.KeyFromBytes(bytes.Repeat([]byte{5}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// valueFor is a value that says itself whether it is whole.
func valueFor(key string, n int) []byte {
	sum := sha256.Sum256([]byte(key))
	return bytes.Repeat(sum[:], n/32+1)[:n]
}

func fill(t *testing.T, s records.Store, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		var b records.Batch
		key := fmt.Sprintf("secret-name-%05d", i)
		b.Put([]byte(key), valueFor(key, 1000))
		if err := s.Apply(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNothingInClear: neither keys nor values are in any byte on disk.
func TestNothingInClear(t *testing.T) {
	dir := t.TempDir()
	s := openDisk(t, dir, fixedKey(t))
	fill(t, s, 0, 300)
	search := func(when string) {
		needles := map[string][]byte{"a key": []byte("secret-name"), "a value": valueFor("secret-name-00007", 64)}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // the engine removed it meanwhile
			}
			for what, needle := range needles {
				if bytes.Contains(b, needle) {
					t.Errorf("%s: %s lies in %s", when, what, filepath.Base(path))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	search("open")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openDisk(t, dir, fixedKey(t))
	defer s.Close()
	search("opened again")
}

func TestOtherKey(t *testing.T) {
	dir := t.TempDir()
	s := openDisk(t, dir, fixedKey(t))
	fill(t, s, 0, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := records.Open(dir, seal.NewKey(), records.Options{})
	if err == nil {
		v, err := other.Get(t.Context(), []byte("secret-name-00001"))
		other.Close()
		t.Fatalf("opened with another key; get gives %d bytes, %v", len(v), err)
	}
}

// TestFlippedBytes: after a flip anywhere in any file, the store refuses to
// open, or gives an error, or the right value: never another, and no record is
// silently gone. The one exception is the very last write of the write-ahead
// log of a process that was killed: a flip there looks the same as a write that
// a power cut tore.
func TestFlippedBytes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "records")
	s := openDisk(t, dir, fixedKey(t))
	fill(t, s, 0, 200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openDisk(t, dir, fixedKey(t)) // tables beside a log
	fill(t, s, 200, 220)
	killed := filepath.Join(t.TempDir(), "killed") // as kill -9 would leave it: a log to replay
	if out, err := exec.Command("cp", "-a", dir, killed).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kinds, noticed := map[string]int{}, 0
	flipAll(t, killed, kinds, &noticed)
	flipAll(t, dir, kinds, &noticed)
	if kinds[".log"] == 0 || kinds["MANIFEST"] == 0 || kinds[".sst"] == 0 || noticed == 0 {
		t.Errorf("kinds of files %v, %d flips noticed", kinds, noticed)
	}
}

func flipAll(t *testing.T, dir string, kinds map[string]int, noticed *int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			continue
		}
		kinds[strings.Split(strings.TrimLeft(f.Name(), "0123456789"), "-")[0]]++
		for step := int64(0); step < 12; step++ {
			at := info.Size() * step / 12
			copied := filepath.Join(t.TempDir(), "copy")
			if out, err := exec.Command("cp", "-a", dir, copied).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			name := filepath.Join(copied, f.Name())
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			b[at] ^= 0x10
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if checkAll(t, copied, f.Name(), at, info.Size()) {
				*noticed++
			}
		}
	}
}

// checkAll reads every record of a damaged store; it says whether damage was
// noticed.
func checkAll(t *testing.T, dir, file string, at, size int64) bool {
	t.Helper()
	s, err := records.Open(dir, fixedKey(t), records.Options{})
	if err != nil {
		return true
	}
	defer s.Close()
	noticed, missing := false, 0
	for i := range 220 {
		key := fmt.Sprintf("secret-name-%05d", i)
		v, err := s.Get(t.Context(), []byte(key))
		switch {
		case errors.Is(err, records.ErrNotFound):
			missing++
		case err != nil:
			noticed = true
		case !bytes.Equal(v, valueFor(key, 1000)):
			t.Errorf("a byte flipped at %d of %s: %s has another value", at, file, key)
		}
	}
	entries, _, err := s.Scan(t.Context(), records.Range{})
	if err != nil {
		noticed = true
	}
	for _, e := range entries {
		if !bytes.Equal(e.Value, valueFor(string(e.Key), 1000)) {
			t.Errorf("a byte flipped at %d of %s: a scan gives another value", at, file)
		}
	}
	lastWrite := strings.HasSuffix(file, ".log") && at > size-1200 && missing == 1
	if missing > 0 && !noticed && !lastWrite {
		t.Errorf("a byte flipped at %d of %s: %d records are silently gone", at, file, missing)
	}
	return noticed || missing > 0
}

// TestKill kills a process that applies and acknowledges, again and again; what
// was acknowledged is there.
func TestKill(t *testing.T) {
	if dir := os.Getenv("RECORDS_KILL_DIR"); dir != "" {
		writeForever(t, dir)
		return
	}
	kills := 8
	if n, err := strconv.Atoi(os.Getenv("WRIT_SOAK_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range kills {
		cmd := exec.Command(self, "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "RECORDS_KILL_DIR="+dir)
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(400 * time.Millisecond)
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		acked := map[string]uint64{}
		for line := range strings.Lines(out.String()) {
			var w string
			var n uint64
			if _, err := fmt.Sscanf(line, "ack %s %d\n", &w, &n); err == nil && strings.HasSuffix(line, "\n") {
				acked[w] = n
			}
		}
		s := openDisk(t, dir, fixedKey(t))
		for w, n := range acked {
			for _, half := range []string{"a", "b"} {
				v, err := s.Get(t.Context(), []byte(w+half))
				if err != nil || binary.BigEndian.Uint64(v) < n {
					t.Errorf("writer %s was told %d, record %s is %x, %v", w, n, half, v, err)
				}
			}
			a, _ := s.Get(t.Context(), []byte(w+"a"))
			b, _ := s.Get(t.Context(), []byte(w+"b"))
			if !bytes.Equal(a, b) {
				t.Errorf("half a batch of writer %s survived: %x, %x", w, a, b)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func writeForever(t *testing.T, dir string) {
	s := openDisk(t, dir, fixedKey(t))
	for w := range 4 {
		go func() {
			name := fmt.Sprintf("w%d", w)
			var n uint64
			if v, err := s.Get(context.Background(), []byte(name+"a")); err == nil {
				n = binary.BigEndian.Uint64(v)
			}
			for {
				n++
				v := binary.BigEndian.AppendUint64(nil, n)
				var b records.Batch
				b.Put([]byte(name+"a"), v)
				b.Put([]byte(name+"b"), v)
				if err := s.Apply(context.Background(), &b); err != nil {
					fmt.Println("failed", err)
					return
				}
				fmt.Printf("ack %s %d\n", name, n)
			}
		}()
	}
	time.Sleep(time.Minute)
}

// TestFullDisk: below the reserve a change that adds is refused and the store
// lives on; when space returns, so does the store.
func TestFullDisk(t *testing.T) {
	mnt := testenv.Disk(t, 96<<20)
	s := openDisk(t, filepath.Join(mnt, "records"), fixedKey(t))
	defer s.Close()
	kept := 0
	for {
		var b records.Batch
		b.Put(fmt.Appendf(nil, "k%06d", kept), valueFor(fmt.Sprint(kept), 50_000))
		err := s.Apply(t.Context(), &b)
		if errors.Is(err, records.ErrNoSpace) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if kept++; kept > 4000 {
			t.Fatal("the disk never became full")
		}
	}
	for i := range kept {
		if v, err := s.Get(t.Context(), fmt.Appendf(nil, "k%06d", i)); err != nil || !bytes.Equal(v, valueFor(fmt.Sprint(i), 50_000)) {
			t.Fatalf("record %d on a full disk: %v", i, err)
		}
	}
	var b records.Batch
	b.Delete([]byte("k000000"))
	if err := s.Apply(t.Context(), &b); err != nil {
		t.Errorf("a delete on a full disk: %v", err)
	}
	testenv.Resize(t, mnt, 300<<20)
	time.Sleep(20 * time.Millisecond)
	b = records.Batch{}
	b.Put([]byte("after"), valueFor("after", 50_000))
	if err := s.Apply(t.Context(), &b); err != nil {
		t.Errorf("space returned, but not the store: %v", err)
	}
}
