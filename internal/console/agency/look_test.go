//go:build look

package agency_test

import (
	"fmt"
	"testing"
)

// TestLook shows the pages to somebody.
func TestLook(t *testing.T) {
	r := rig(t)
	r.Put("letters/1.txt", "Ines Calder, ward seven: discharged")
	id := file(t, r, demand("7 Gs 412/26"), order)
	c, code := delivered(r)
	fmt.Println("demand", id, "package", c, "cookie", ticket(t, r, c, code))
	r.Look()
}
