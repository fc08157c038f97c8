//go:build look

package custodian_test

import (
	"fmt"
	"os"
	"testing"

	"writ/internal/api"
)

// TestLook serves the pages for somebody who wants to see them.
func TestLook(t *testing.T) {
	r := rig(t)
	passkeys(r)
	one := drafted(r)
	r.Drafted("7 Gs 432/26")
	three := r.Drafted("7 Gs 433/26")
	ask := asked(r, "jun", three)
	sig := r.Sign("jun.park", ask.Type, ask.Payload)
	_, err := r.House.Desk("jun").Move(r.Ctx, three, "sign", api.SignInput{Digest: ask.Digest, Key: sig.KeyID, Sig: sig.Sig})
	r.Must(err)
	ask = asked(r, "lena", one)
	_, err = r.House.Desk("lena").Move(r.Ctx, one, "decline", api.DeclineInput{Digest: ask.Digest, Reason: "the prefix covers other patients"})
	r.Must(err)
	fmt.Fprintln(os.Stderr, "case", one)
	r.Look()
}
