package space_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"writ/internal/space"
)

// TestFree: what is written is missing, what is removed comes back.
func TestFree(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("WRIT_TEST_NOSKIP") == "1" {
			t.Fatal("skipping is forbidden here: not root, cannot mount a small file system")
		}
		t.Skip("not root: cannot mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
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
