//go:build look

package console_test

import "testing"

// TestLook serves the console for somebody who wants to see it.
func TestLook(t *testing.T) {
	rig(t).Look()
}
