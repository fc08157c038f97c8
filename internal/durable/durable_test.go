package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"writ/internal/durable"
)

// TestWriteFile: a file is replaced whole, with its mode, over what a crash left;
// where it cannot be, the old one stays.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "state")
	if err := os.WriteFile(name+".new", []byte("what a crash left, longer than the file"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"first", "2"} {
		if err := durable.WriteFile(name, []byte(body), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		info, statErr := os.Stat(name)
		if err != nil || statErr != nil || string(got) != body || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
			t.Errorf("%q with mode %v, want %q: %v", got, info.Mode(), body, err)
		}
		if _, err := os.Stat(name + ".new"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("something is left beside it: %v", err)
		}
	}
	if err := durable.WriteFile(filepath.Join(dir, "gone", "state"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
	if err := os.Mkdir(name+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(name, []byte("third"), 0o600); err == nil {
		t.Error("written over a folder")
	}
	if got, _ := os.ReadFile(name); string(got) != "2" {
		t.Errorf("a write that failed left %q", got)
	}
}
