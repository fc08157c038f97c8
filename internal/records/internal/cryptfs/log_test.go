package cryptfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"writ/internal/seal"
)

// TestLogs: of both kinds of logs, every change of a byte, and every frame that
// is wiped, is an error; a log that ends too early reads as its whole frames.
// The one exception is the last synced write of a write-ahead log.
func TestLogs(t *testing.T) {
	for _, name := range []string{"MANIFEST-000001", "000002.log"} {
		t.Run(name, func(t *testing.T) {
			fs := New(vfs.Default, seal.NewKey())
			path := filepath.Join(t.TempDir(), name)
			f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			ends := []int64{seal.HeaderSize}
			for i := range 5 {
				p := fmt.Appendf(nil, "record %d, %d;", i, i*i)
				if _, err := f.Write(p); err != nil {
					t.Fatal(err)
				}
				if err := f.SyncData(); err != nil {
					t.Fatal(err)
				}
				want = append(want, p...)
				ends = append(ends, ends[i]+int64(seal.FrameSize(len(p))))
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(path)
			if err != nil || int64(len(whole)) != ends[5] {
				t.Fatalf("%d bytes, not %d: %v", len(whole), ends[5], err)
			}
			read := func(b []byte) ([]byte, error) {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				f, err := fs.Open(path)
				if err != nil {
					return nil, err
				}
				defer f.Close()
				return io.ReadAll(f)
			}
			if got, err := read(whole); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%q, %v", got, err)
			}
			for n := range whole { // torn
				if got, err := read(whole[:n]); err != nil || !bytes.HasPrefix(want, got) {
					t.Errorf("cut at %d: %q, %v", n, got, err)
				}
			}
			for at := range whole {
				bad := bytes.Clone(whole)
				bad[at] ^= 0x20
				got, err := read(bad)
				last := name == "000002.log" && int64(at) >= ends[4]
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrHeader) && !(last && err == nil && bytes.HasPrefix(want, got)) {
					t.Errorf("a bit flipped at %d: %q, %v", at, got, err)
				}
			}
			for i := range 4 { // wiped
				bad := bytes.Clone(whole)
				clear(bad[ends[i] : ends[i]+8])
				if got, err := read(bad); !errors.Is(err, ErrDamaged) {
					t.Errorf("frame %d wiped: %q, %v", i, got, err)
				}
			}
			two := bytes.Clone(whole)
			clear(two[ends[1]:ends[3]])
			if got, err := read(two); !errors.Is(err, ErrDamaged) {
				t.Errorf("frames 1 and 2 wiped: %q, %v", got, err)
			}
			if name == "000002.log" { // any part of the last frame may be missing
				for from := ends[4]; from < ends[5]; from += 7 {
					torn := bytes.Clone(whole)
					clear(torn[from:min(from+40, ends[5])])
					if got, err := read(torn); err != nil || !bytes.HasPrefix(want, got) {
						t.Errorf("last frame torn at %d: %q, %v", from, got, err)
					}
				}
			}
			reserved := append(bytes.Clone(whole), make([]byte, 200)...)
			got, err := read(reserved)
			if name == "000002.log" && (err != nil || !bytes.Equal(got, want)) || name != "000002.log" && !errors.Is(err, ErrDamaged) {
				t.Errorf("zeros at the end: %q, %v", got, err)
			}
		})
	}
}

// TestLogAhead: a write-ahead log reads back as it was written with the zeros
// that lie ahead of it, as a crash leaves it, and without, as Close does; what
// was not synced is not there.
func TestLogAhead(t *testing.T) {
	fs := New(vfs.Default, seal.NewKey())
	path := filepath.Join(t.TempDir(), "000003.log")
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	piece := make([]byte, 5000)
	for i := range 900 {
		for n := range piece {
			piece[n] = byte(i + n)
		}
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
		want = append(want, piece...)
		if i%3 == 0 {
			if err := f.SyncData(); err != nil {
				t.Fatal(err)
			}
		}
	}
	large := bytes.Repeat([]byte("large"), 600_000)
	if _, err := f.Write(large); err != nil {
		t.Fatal(err)
	}
	if want = append(want, large...); f.SyncData() != nil {
		t.Fatal("couldn't sync")
	}
	if _, err := f.Write([]byte("not synced")); err != nil {
		t.Fatal(err)
	}
	read := func(path string) []byte {
		t.Helper()
		f, err := fs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	crashed := filepath.Join(t.TempDir(), "000003.log")
	b, err := os.ReadFile(path)
	if err != nil || os.WriteFile(crashed, b, 0o600) != nil {
		t.Fatal("couldn't copy the log", err)
	}
	if !bytes.Equal(read(crashed), want) {
		t.Error("after a crash the log reads otherwise")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(path), append(want, "not synced"...)) {
		t.Error("the closed log reads otherwise")
	}
	if info, err := os.Stat(path); err != nil || info.Size() > int64(len(want)+400*seal.FrameSize(0)) {
		t.Errorf("the closed log has %d bytes: %v", info.Size(), err)
	}
}
