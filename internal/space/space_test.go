package space_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"writ/internal/space"
	"writ/internal/testenv"
)

// TestFree: what is written is missing, what is removed comes back.
func TestFree(t *testing.T) {
	dir := testenv.Disk(t, 8<<20)
	w := &space.Watch{Dir: dir}
	if n := w.Free(); n != 8<<20 {
		t.Fatalf("an empty file system of 8 MiB has %d bytes", n)
	}
	name := filepath.Join(dir, "f")
	if err := os.WriteFile(name, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(15 * time.Millisecond)
	if n := w.Free(); n != 5<<20 {
		t.Errorf("with 3 MiB in it, %d bytes are left", n)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	time.Sleep(15 * time.Millisecond)
	if n := w.Free(); n != 8<<20 {
		t.Errorf("emptied, it has %d bytes", n)
	}
}
