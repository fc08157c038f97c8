//go:build linux

package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator is a virtual one, built into the browser's machine, as a
// fingerprint reader is.
type Authenticator struct {
	b  *Browser
	id webauthn.AuthenticatorID
}

// Authenticator gives the tab an authenticator (CTAP2, internal, with resident
// keys) at which somebody is present and verified, until [Authenticator.Verify]
// says otherwise.
func (b *Browser) Authenticator() *Authenticator {
	b.t.Helper()
	call(b, webauthn.Enable, webauthn.EnableParams{})
	made := call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	return &Authenticator{b: b, id: made.AuthenticatorID}
}

// Verify says whether who is at the authenticator is verified when asked.
func (a *Authenticator) Verify(ok bool) {
	a.b.t.Helper()
	call(a.b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: ok})
}

// Passkeys are those that the authenticator holds.
func (a *Authenticator) Passkeys() []*webauthn.Credential {
	a.b.t.Helper()
	return call(a.b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id}).Credentials
}

// Lose takes the authenticator away, with its passkeys.
func (a *Authenticator) Lose() {
	a.b.t.Helper()
	call(a.b, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: a.id})
}

// call sends the tab a command of the protocol.
func call[P, R any](b *Browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.Ctx, stepTimeout)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatalf("couldn't %s in the browser: %v", command.Method, err)
	}
	return result
}
