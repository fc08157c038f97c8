package cryptfs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"writ/internal/seal"
)

// TestModel holds encrypted files against plain bytes through random writes,
// reads at any place, renames, links and reopenings.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	fs := New(vfs.Default, seal.NewKey())
	path := func(name string) string { return filepath.Join(dir, name) }
	names := []string{"a", "b", "c"}
	have := map[string][]byte{}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "name")
		switch rapid.SampledFrom([]string{"write", "rename", "link", "read", "reuse", "remove"}).Draw(t, "op") {
		case "write":
			f, err := fs.Create(path(name), vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			have[name] = write(t, f)
		case "reuse":
			other := rapid.SampledFrom(names).Draw(t, "other")
			if _, ok := have[name]; !ok || other == name {
				return
			}
			f, err := fs.ReuseForWrite(path(name), path(other), vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			delete(have, name)
			have[other] = write(t, f)
		case "rename":
			other := rapid.SampledFrom(names).Draw(t, "other")
			if _, ok := have[name]; !ok || other == name {
				return
			}
			if err := fs.Rename(path(name), path(other)); err != nil {
				t.Fatal(err)
			}
			have[other] = have[name]
			delete(have, name)
		case "link":
			other := rapid.SampledFrom(names).Draw(t, "other")
			_, from := have[name]
			_, to := have[other]
			if !from || to {
				return
			}
			if err := fs.Link(path(name), path(other)); err != nil {
				t.Fatal(err)
			}
			have[other] = have[name]
		case "remove":
			if _, ok := have[name]; !ok {
				return
			}
			if err := fs.Remove(path(name)); err != nil {
				t.Fatal(err)
			}
			delete(have, name)
		}
		for name, want := range have {
			check(t, fs, path(name), want)
		}
	})
}

func write(t *rapid.T, f vfs.File) []byte {
	var all []byte
	for range rapid.IntRange(0, 5).Draw(t, "writes") {
		p := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "bytes")
		if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
			p = bytes.Repeat(append(p, 1), 4000)
		}
		kept := bytes.Clone(p)
		if n, err := f.Write(p); err != nil || n != len(p) {
			t.Fatalf("wrote %d of %d: %v", n, len(p), err)
		}
		if !bytes.Equal(p, kept) {
			t.Fatal("the caller's bytes were changed")
		}
		all = append(all, p...)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func check(t *rapid.T, fs *FS, path string, want []byte) {
	info, err := fs.Stat(path)
	if err != nil || info.Size() != int64(len(want)) {
		t.Fatalf("size %v, not %d: %v", info, len(want), err)
	}
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(all, want) {
		t.Fatalf("%d bytes read as %d: %v", len(want), len(all), err)
	}
	off := rapid.IntRange(0, len(want)).Draw(t, "off")
	n := rapid.IntRange(0, len(want)-off).Draw(t, "n")
	p := make([]byte, n)
	if got, err := f.ReadAt(p, int64(off)); n > 0 && (got != n || !bytes.Equal(p, want[off:off+n])) {
		t.Fatalf("at %d+%d of %d: %d, %v", off, n, len(want), got, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || len(raw) != len(want)+headerSize {
		t.Fatalf("%d bytes on disk: %v", len(raw), err)
	}
	if len(want) >= 16 && bytes.Contains(raw, want[:16]) {
		t.Fatal("plaintext on the disk")
	}
}

// TestNoKeystreamTwice: the same bytes under the same name, written twice, and
// a file and what replaced it, share no keystream.
func TestNoKeystreamTwice(t *testing.T) {
	dir := t.TempDir()
	fs := New(vfs.Default, seal.NewKey())
	path := filepath.Join(dir, "log")
	zeros := make([]byte, 4096)
	seen := map[string]bool{}
	for range 20 {
		f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(zeros); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for block := headerSize; block+16 <= len(raw); block += 16 {
			k := string(raw[block : block+16])
			if seen[k] {
				t.Fatal("a block of keystream was used twice")
			}
			seen[k] = true
		}
	}
	if _, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified); !errors.Is(err, ErrReuse) {
		t.Errorf("open for writing again: %v", err)
	}
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, ErrReuse) {
		t.Errorf("write over what is there: %v", err)
	}
}

func TestHeaders(t *testing.T) {
	fs := New(vfs.Default, seal.NewKey())
	path := filepath.Join(t.TempDir(), "f")
	for n := range headerSize { // the crash came before the header was whole
		if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Open(path)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if b, err := io.ReadAll(f); err != nil || len(b) != 0 {
			t.Errorf("%d bytes of a header hold %d: %v", n, len(b), err)
		}
		f.Close()
	}
	if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Open(path); !errors.Is(err, ErrHeader) {
		t.Errorf("a foreign file: %v", err)
	}
}
