//go:build look

package intake

import (
	"os"
	"testing"
)

// TestLook serves the pages for somebody who wants to see them.
func TestLook(t *testing.T) {
	r, paths := furnished(t)
	for path, as := range paths {
		os.Stderr.WriteString(path + " as " + as + "\n")
	}
	r.Look()
}
