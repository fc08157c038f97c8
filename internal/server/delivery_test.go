package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"writ"
	"writ/internal/docket"
	"writ/internal/folder"
	"writ/internal/policy"
	"writ/internal/policy/policytest"
	"writ/internal/vault"
)

// authority is a client with a certificate that it signed itself.
func authority(t *testing.T) (c tls.Certificate, digest []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Tribunal de Valbrume"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, sum[:]
}

// showing is a client that trusts the server's own authority and shows a
// certificate.
func showing(t *testing.T, s *Server, shown ...tls.Certificate) *http.Client {
	t.Helper()
	body, err := os.ReadFile(s.Status().CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(body)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: shown}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// as is a person in one role.
func as(p writ.Person, role writ.Role) docket.Actor {
	return docket.Actor{Person: p, Roles: []writ.Role{role}, Via: "test"}
}

// enrolled pins a first set of two counsel and two custodians, of whom both
// must sign; outside is the person outside of the operator, if any.
func enrolled(t *testing.T, s *Server, outside writ.Person) (sign func(p writ.Person, kind string, payload []byte) policy.Signature) {
	t.Helper()
	d := s.office.docket
	keys := map[writ.Person]ed25519.PrivateKey{}
	sign = func(p writ.Person, kind string, payload []byte) policy.Signature {
		return policy.Signature{KeyID: policy.KeyID(keys[p].Public().(ed25519.PublicKey)), Sig: ed25519.Sign(keys[p], policy.Message(kind, payload))}
	}
	set := policy.Set{V: 1, Number: 1, Threshold: 2, Log: d.LogKey, Witnesses: d.Witnesses, At: time.Now().UTC().Truncate(time.Second)}
	for _, a := range []docket.Actor{
		as("mira.lindqvist", writ.RoleCounsel), as("theo.brandt", writ.RoleCounsel), as("ada.okafor", writ.RoleCustodian), as("jun.park", writ.RoleCustodian),
	} {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[a.Person] = private
		set.Members = append(set.Members, policy.Member{Person: a.Person, Role: a.Roles[0], Key: public, Outside: a.Person == outside, Offline: true})
	}
	payload, err := set.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for _, m := range set.Members {
		e.Add(sign(m.Person, policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetCustodians(t.Context(), as("mira.lindqvist", writ.RoleCounsel), envelope); err != nil {
		t.Fatal(err)
	}
	return sign
}

// TestCustodiansOnThePage: strangers see who signs before anything is opened
// under law, and are warned when the operator is its own quorum.
func TestCustodiansOnThePage(t *testing.T) {
	for name, outside := range map[string]writ.Person{"one outside": "ada.okafor", "none outside": ""} {
		t.Run(name, func(t *testing.T) {
			s, err := Start(options(t, configure(t, "WRIT_LEDGER_INTERVAL=1s")))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			page := func() string {
				status, body, _ := get(t, showing(t, s), "https://"+s.Status().Web+"/")
				if status != 200 {
					t.Fatalf("the page answers %d", status)
				}
				return body
			}
			if body := page(); !strings.Contains(body, "no custodians are pinned here") {
				t.Error("the page does not say that there are no custodians")
			}
			enrolled(t, s, outside)
			body := page()
			for _, want := range []string{"jun.park, the operator", "2 of these 2 sign"} {
				if !strings.Contains(body, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			if strings.Contains(body, "mira.lindqvist") {
				t.Error("the page shows counsel as a custodian")
			}
			if warned := strings.Contains(body, "No custodian is outside"); warned == (outside != "") {
				t.Errorf("warned %v with %q outside", warned, outside)
			}
			if strings.Contains(body, "ada.okafor, outside of the operator") != (outside != "") {
				t.Error("the page does not say who is outside")
			}
		})
	}
}

// TestPasskeysInPublic: strangers see whose signature a browser can make, on the
// page and in the policy that the log states.
func TestPasskeysInPublic(t *testing.T) {
	s, err := Start(options(t, configure(t, "WRIT_LEDGER_INTERVAL=1s")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	sign := enrolled(t, s, "ada.okafor")
	next, _ := s.rooms.Gate.Custodians()
	digest, jun := next.Digest(), policytest.New("jun.park")
	next.Number, next.Previous = 2, digest[:]
	next.Members = append(slices.Clone(next.Members), jun.Member(t, writ.RoleCustodian, false), policytest.New("mira.lindqvist").Member(t, writ.RoleCounsel, false))
	payload, err := next.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e := policy.NewEnvelope(policy.TypeSet, payload)
	e.Add(sign("ada.okafor", policy.TypeSet, payload))
	e.Add(sign("jun.park", policy.TypeSet, payload))
	envelope, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.office.docket.SetCustodians(t.Context(), as("mira.lindqvist", writ.RoleCounsel), envelope); err != nil {
		t.Fatal(err)
	}
	_, body, _ := get(t, showing(t, s), "https://"+s.Status().Web+"/")
	for _, want := range []string{
		"jun.park, the operator’s own, a key kept off line, a passkey in a browser<", "ada.okafor, outside of the operator, a key kept off line<", "2 of these 2 sign",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	stated := s.enforced().Custodians
	for _, want := range []string{
		"jun.park custodian " + jun.Card(t).Fingerprint + " passkey " + policytest.Origin, "mira.lindqvist counsel " + policytest.New("mira.lindqvist").Card(t).Fingerprint + " passkey " + policytest.Origin,
	} {
		if !slices.Contains(stated, want) {
			t.Errorf("the policy does not say %q: %q", want, stated)
		}
	}
}

// TestLostCustodians: without the file of the custodians' sets nothing opens
// under law, the server says so, and owners go on.
func TestLostCustodians(t *testing.T) {
	cfg := configure(t, "WRIT_LEDGER_INTERVAL=1s")
	s, err := Start(options(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	enrolled(t, s, "")
	ready := func(s *Server) string {
		status, body, _ := get(t, http.DefaultClient, "http://"+s.Status().Metrics+"/readyz")
		if status != 200 {
			t.Errorf("/readyz: %d", status)
		}
		return body
	}
	if body := ready(s); strings.Contains(body, "law") {
		t.Errorf("law: %q", body)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder.Folder(cfg.Data).Keys(), "custodians")); err != nil {
		t.Fatal(err)
	}
	s, err = Start(options(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if body := ready(s); !strings.Contains(body, "\nlaw: ") {
		t.Errorf("nothing is said of law: %q", body)
	}
	if err := s.rooms.Gate.Lawful(); err == nil {
		t.Error("something opens under law")
	}
	if _, err := s.rooms.Vault.AddCustomer(t.Context(), "harbour-clinic"); err != nil {
		t.Errorf("owners are concerned: %v", err)
	}
}

// packaged brings an order to its package on a running server.
func packaged(t *testing.T, s *Server) *docket.Case {
	t.Helper()
	ctx, d := t.Context(), s.office.docket
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	noor, mira, theo := as("noor.adeyemi", writ.RoleIntake), as("mira.lindqvist", writ.RoleCounsel), as("theo.brandt", writ.RoleCounsel)
	ada, jun, sam := as("ada.okafor", writ.RoleCustodian), as("jun.park", writ.RoleCustodian), as("sam.ortiz", writ.RoleProduction)

	sign := enrolled(t, s, ada.Person)
	v := s.rooms.Vault
	clinic, err := v.AddCustomer(ctx, "harbour-clinic")
	must(err)
	owner := vault.Session{Customer: clinic.ID, Credential: "WRITTESTCREDENTIAL00", Addr: netip.MustParseAddr("192.0.2.7"), Request: "test"}
	_, err = v.CreateBucket(ctx, owner, vault.BucketOptions{Name: "ward-seven"})
	must(err)
	_, err = v.Put(ctx, owner, vault.PutInput{Bucket: "ward-seven", Key: "letters/1.txt", Body: strings.NewReader("Ines Calder"), Size: 11})
	must(err)

	scope := policy.Scope{Buckets: []policy.BucketScope{{Bucket: "ward-seven"}}, Classes: []writ.DataClass{writ.ClassContent}}
	c, err := d.Receive(ctx, noor, docket.Intake{Demand: docket.Demand{
		Reference: "7 Gs 412/26", Instrument: "eu.epoc", Issuer: docket.Issuer{Name: "Tribunal de Valbrume", Country: "FR", Kind: "court"},
		Channel: docket.NationalSystem, Received: time.Now(), Signed: time.Now().Add(-24 * time.Hour), Matter: "criminal", Offence: "fraud",
		Classes: scope.Classes, Identifiers: []string{"harbour-clinic"}, Accounts: 1, Language: "fr",
	}, Documents: []docket.DocumentInput{{Kind: "order", Name: "epoc.pdf", Body: []byte("%PDF-1.7\n")}}})
	must(err)
	id := c.ID
	_, err = d.Authenticate(ctx, noor, id, docket.Authentication{Means: "national-system", Note: "seal verified by the system", Genuine: true})
	must(err)
	_, err = d.Preserve(ctx, noor, id, clinic.ID, scope, time.Time{}, "Article 10(1)")
	must(err)
	_, err = d.Identify(ctx, mira, id, docket.Subject{Customer: clinic.ID, How: "the account's name"})
	must(err)
	_, err = d.Scope(ctx, mira, id, scope, false, "")
	must(err)
	_, err = d.SetSecrecy(ctx, mira, id, docket.SecrecySet{})
	must(err)
	c, err = d.Review(ctx, mira, id)
	must(err)
	var rules []string
	for _, f := range c.Standing() {
		rules = append(rules, f.Rule)
	}
	if len(rules) > 0 {
		c, err = d.Propose(ctx, mira, id, rules, "read and judged")
		must(err)
		_, err = d.Second(ctx, theo, id, c.Determinations[len(c.Determinations)-1].Number, "agreed")
		must(err)
	}
	_, err = d.Approve(ctx, mira, id, docket.Limits{})
	must(err)
	c, err = d.DraftWrit(ctx, mira, id)
	must(err)
	for _, a := range []docket.Actor{ada, jun} {
		sig := sign(a.Person, policy.TypeAuthorisation, c.Draft.Payload)
		_, err = d.Sign(ctx, a, id, docket.Signature{Key: sig.KeyID, Sig: sig.Sig, Digest: c.Draft.Digest})
		must(err)
	}
	court, err := age.GenerateX25519Identity()
	must(err)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err = d.Produce(ctx, sam, id, docket.ProduceInput{Recipients: []string{court.Recipient().String()}})
	must(err)
	return c
}

// TestDelivery: on the listener of authorities a package is fetched with the
// certificate that the delivery names, and nothing else is there.
func TestDelivery(t *testing.T) {
	s, err := Start(options(t, configure(t, "WRIT_DOCKET_DELIVERY=127.0.0.1:0", "WRIT_LEDGER_INTERVAL=1s")))
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			s.Stop()
		}
	}()
	at := s.Status()
	if at.Delivery == "" {
		t.Fatal("the status does not say where the delivery is")
	}
	c := packaged(t, s)
	known, digest := authority(t)
	stranger, _ := authority(t)
	sam := docket.Actor{Person: "sam.ortiz", Roles: []writ.Role{writ.RoleProduction}, Via: "test"}
	if _, _, err := s.office.docket.Deliver(t.Context(), sam, c.ID, docket.DeliverInput{Means: "download", Certificate: digest}); err != nil {
		t.Fatal(err)
	}
	volume := c.Production.Volumes[0]
	path := "/delivery/" + string(c.ID) + "/" + volume.Name
	url := "https://" + at.Delivery + path
	if status, body, head := get(t, showing(t, s, known), url); status != 200 || int64(len(body)) != volume.Size || !strings.HasPrefix(head.Get("Content-Disposition"), "attachment") {
		t.Errorf("with the certificate: %d, %d bytes, %v", status, len(body), head)
	}
	for what, client := range map[string]*http.Client{"no certificate": showing(t, s), "another's": showing(t, s, stranger)} {
		if status, body, _ := get(t, client, url); status != 404 || strings.Contains(body, "Ines") {
			t.Errorf("with %s: %d %s", what, status, body)
		}
	}
	// Whoever has the certificate and not its key does not get through the
	// handshake.
	other, _ := authority(t)
	stolen := tls.Certificate{Certificate: known.Certificate, PrivateKey: other.PrivateKey}
	if resp, err := showing(t, s, stolen).Get(url); err == nil {
		resp.Body.Close()
		t.Errorf("a certificate without its key: %s", resp.Status)
	}
	// The web listener asks for no certificate, so that it can't be proven there.
	if status, _, _ := get(t, showing(t, s, known), "https://"+at.Web+path); status != 404 {
		t.Errorf("by certificate on the web listener: %d", status)
	}
	// The same in a browser, by certificate alone.
	fetch := "https://" + at.Delivery + "/agency/fetch/" + string(c.ID)
	if status, body, head := get(t, showing(t, s, known), fetch); status != 200 || !strings.Contains(body, volume.Name) || strings.Contains(body, "/sign-in") || !strings.Contains(head.Get("Content-Security-Policy"), "script-src 'self'") {
		t.Errorf("the page of a package: %d", status)
	}
	if status, body, _ := get(t, showing(t, s, known), fetch+"/files/"+volume.Name); status != 200 || int64(len(body)) != volume.Size {
		t.Errorf("a file from its page: %d, %d bytes", status, len(body))
	}
	for what, client := range map[string]*http.Client{"no certificate": showing(t, s), "another's": showing(t, s, stranger)} {
		if status, body, _ := get(t, client, fetch); status != 404 || strings.Contains(body, volume.Name) {
			t.Errorf("the page with %s: %d", what, status)
		}
		// The delivery names a certificate; the directory doesn't know it.
		if status, _, _ := get(t, client, "https://"+at.Delivery+"/officer/v1/me"); status != 401 {
			t.Errorf("an officer with %s: %d", what, status)
		}
	}
	if status, _, _ := get(t, showing(t, s, known), "https://"+at.Delivery+"/officer/v1/me"); status != 401 {
		t.Errorf("an officer whom the directory doesn't know: %d", status)
	}
	if status, _, _ := get(t, trusting(t, s), "https://"+at.Web+"/officer/v1/me"); status != 404 {
		t.Errorf("officers on the web listener: %d", status)
	}
	for _, elsewhere := range []string{"/", "/healthz", "/api/openapi.json", "/log/checkpoint", "/metrics", "/style", "/sign-in", "/agency", "/agency/new", "/me"} {
		if status, body, _ := get(t, showing(t, s, known), "https://"+at.Delivery+elsewhere); status != 404 {
			t.Errorf("%s is on the delivery's listener: %d %.80s", elsewhere, status, body)
		}
	}
	// It ends with the server.
	stopped = true
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", at.Delivery); err == nil {
		c.Close()
		t.Error("the delivery still listens")
	}
}

// TestOffice: the office is on the web listener for who has a token, and its
// description for anybody.
func TestOffice(t *testing.T) {
	s := start(t, configure(t))
	at, web := s.Status(), trusting(t, s)
	if at.Delivery != "" {
		t.Errorf("nobody asked for %s", at.Delivery)
	}
	if status, body, _ := get(t, web, "https://"+at.Web+"/api/openapi.json"); status != 200 || !strings.Contains(body, `"receive"`) {
		t.Errorf("the description: %d", status)
	}
	status, body, head := get(t, web, "https://"+at.Web+"/api/v1/cases")
	if status != 401 || head.Get("WWW-Authenticate") == "" || head.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(head.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("without a token: %d %s %v", status, body, head)
	}
	// What cuts long uploads and streams off is not set.
	if h := s.web; h.ReadTimeout != 0 || h.WriteTimeout != 0 || h.ReadHeaderTimeout == 0 {
		t.Errorf("timeouts: read %v, write %v, header %v", h.ReadTimeout, h.WriteTimeout, h.ReadHeaderTimeout)
	}
}
