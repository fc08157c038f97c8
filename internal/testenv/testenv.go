//go:build linux

// Package testenv is what tests need of the machine that they run on: leave to
// skip, and file systems that can be filled.
package testenv

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// Skip skips a test that the machine cannot run. Where WRIT_TEST_NOSKIP=1
// forbids skipping, as in continuous integration, the test fails instead.
func Skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("WRIT_TEST_NOSKIP") == "1" {
		t.Fatal("skipping is forbidden here: " + why)
	}
	t.Skip(why)
}

// Disk returns a folder on an empty file system of its own with so many bytes.
// Only root may mount one; the test is skipped where that fails.
func Disk(t testing.TB, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "not root: cannot mount a small file system")
	}
	dir := t.TempDir()
	if err := mount(dir, 0, size); err != nil {
		Skip(t, "cannot mount a small file system: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Resize gives a folder of [Disk] another size.
func Resize(t testing.TB, dir string, size int) {
	t.Helper()
	if err := mount(dir, syscall.MS_REMOUNT, size); err != nil {
		t.Fatal(err)
	}
}

func mount(dir string, flags uintptr, size int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", flags, fmt.Sprintf("size=%d", size))
}
