package main

import (
	"io"
	"testing"
)

// TestThisTree: what a release runs makes the map of this very tree, and finds
// nothing that should not be.
func TestThisTree(t *testing.T) {
	findings, err := run(io.Discard, t.TempDir(), "", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}
