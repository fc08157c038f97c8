//go:build linux

package custodian_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"writ"
	"writ/internal/api"
	"writ/internal/console/consoletest"
	"writ/internal/console/custodian"
	"writ/internal/console/page"
	"writ/internal/policy"
	"writ/internal/testenv/browser"
)

// host is a name of this machine for which a browser takes passkeys.
const host = "writ.quayside.example"

// named serves the rig's console once more, under a name.
func named(t *testing.T, r *consoletest.Rig) (*httptest.Server, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.Must(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}}, &key.PublicKey, key)
	r.Must(err)
	cert, err := x509.ParseCertificate(der)
	r.Must(err)
	mux := http.NewServeMux()
	r.Console.Register(mux)
	s := httptest.NewUnstartedServer(mux)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, cert
}

// TestBrowser is a custodian at a real browser: a passkey is made there and signs
// its card; the quorum puts the card into set 2; the passkey signs a writ, which
// the docket takes. A page that asks it for something else gets a signature that
// is refused.
func TestBrowser(t *testing.T) {
	origin := ""
	r := consoletest.New(t, func(r *consoletest.Rig) []page.Room {
		return []page.Room{custodian.Room(custodian.Rooms{Desk: r.Desk, Where: func() (string, string) { return host, origin }})}
	})
	s, cert := named(t, r)
	u, err := url.Parse(s.URL)
	r.Must(err)
	origin = "https://" + host + ":" + u.Port()

	b := browser.New(t, cert)
	b.Open(origin + "/style")
	browser.Eval[string](b, `document.cookie = "as=jun; Secure; path=/"`)
	keys := b.Authenticator()
	press := func(text string) {
		t.Helper()
		b.Do(chromedp.Click(chromedp.Search(`//button[normalize-space()="` + text + `"]`)))
	}
	says := func(text string) {
		t.Helper()
		b.Do(chromedp.WaitVisible(chromedp.Search(`//main//*[contains(normalize-space(), "` + text + `")]`)))
	}

	// Who is not verified makes none, and is told so.
	b.Open(origin + "/custodian/set")
	keys.Verify(false)
	press("Make a passkey that signs writs")
	says("The passkey was not used:")
	if n := len(keys.Passkeys()); n != 0 {
		t.Fatalf("who was not verified made %d passkeys", n)
	}
	keys.Verify(true)
	press("Make a passkey that signs writs")
	says("Now the passkey signs its card")
	press("Sign the card")
	says("The passkey was made and has signed its card.")
	text := browser.Eval[string](b, `document.getElementById("f-card").value`)
	card, err := policy.ParsePasskeyCard([]byte(text))
	r.Must(err)
	if card.Person != "jun.park" || card.Passkey.Origin != origin || card.Passkey.RP != host || len(keys.Passkeys()) != 1 {
		t.Fatalf("the card is of %s for %s", card.Person, card.Passkey.Origin)
	}

	// Before the quorum has signed, it signs nothing.
	first := drafted(r)
	b.Open(origin + "/custodian/" + first)
	says("You have no passkey that signs writs.")
	member, err := policy.NewPasskeyMember(card, writ.RoleCustodian, false)
	r.Must(err)
	enrolled(r, member)
	b.Open(origin + "/custodian/set")
	says("1 passkey of yours is in the set already.")

	id := r.Drafted("7 Gs 432/26")
	b.Open(origin + "/custodian")
	b.Do(chromedp.Click(chromedp.Search(`//a[normalize-space()="` + id + `"]`)))
	says("A page could show you one writ")
	b.Inspect("custodian")

	// A page that has been changed asks the passkey for another writ.
	other := asked(r, "jun", r.Drafted("7 Gs 433/26"))
	browser.Eval[int](b, `(() => { const f = document.querySelector('form[data-passkey][action$="/sign"]'), o = JSON.parse(f.dataset.ready);
		o.challenge = `+quoted(base64.RawURLEncoding.EncodeToString(other.Challenge))+`; f.dataset.ready = JSON.stringify(o); return 1 })()`)
	press("Sign this writ with my passkey")
	says("the passkey signed something else")
	if p := b.Problems(); len(p) != 1 || !strings.Contains(p[0], "403") {
		t.Errorf("the refusal: %q", p)
	}
	if now := asked(r, "jun", id); len(now.Signed) != 0 {
		t.Fatal("what another page asked for was taken")
	}

	press("Sign this writ with my passkey")
	says("You have signed this writ. It waits for others.")
	ask := asked(r, "lena", id)
	if len(ask.Signed) != 1 || ask.Signed[0] != "jun.park" || ask.Offline {
		t.Fatalf("the docket has %v", ask.Signed)
	}
	sig := r.Sign("lena.virtanen", ask.Type, ask.Payload)
	c, err := r.House.Desk("lena").Move(r.Ctx, id, "sign", api.SignInput{Digest: ask.Digest, Key: sig.KeyID, Sig: sig.Sig})
	r.Must(err)
	if c.Writ == nil || c.Writ.Minted.IsZero() {
		t.Fatal("a passkey and a key kept off line are no quorum")
	}
	b.Open(origin + "/custodian/history")
	says(id)
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a text
	}
	return string(b)
}
