//go:build look

package public_test

import "testing"

// TestLook leaves the pages running for somebody who wants to see them.
func TestLook(t *testing.T) {
	h := open(t)
	for year := 2021; year <= 2024; year++ {
		h.demands(year)
		h.publish(year, "")
	}
	h.dress()
	h.Look()
}
