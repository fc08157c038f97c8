//go:build look

package operator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
)

// TestLook serves the room for somebody who wants to see it.
func TestLook(t *testing.T) {
	r := newRig(t)
	r.furnished()
	for i := range 50 {
		r.Pass(24 * time.Hour)
		r.Put(writ.ObjectKey(fmt.Sprintf("letters/%d", i)), strings.Repeat("x", 20_000+i*i*900))
		r.Must(r.Vault.NoteDay(r.Ctx))
	}
	for _, name := range []string{"calder-and-moss", "fernhill-archive", "harbour-print", "mill-lane", "moss-dairy", "quay-nine", "tidewater-press"} {
		_, err := r.Vault.AddCustomer(r.Ctx, name)
		r.Must(err)
	}
	r.Must(r.Desk.Do(r.As(jun), "POST", "persons/ines.calder/roles", api.RoleInput{Role: writ.RoleAuditor}, nil))
	r.Look()
}
