//go:build look

package customer_test

import "testing"

// TestLook leaves the pages running for somebody who wants to see them.
func TestLook(t *testing.T) {
	a := open(t)
	a.dress()
	a.Look()
}
