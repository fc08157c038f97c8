package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	sumdb "golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/api"
	"writ/internal/bag"
	"writ/internal/blob"
	"writ/internal/docket"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/law"
	"writ/internal/ledger"
	"writ/internal/letter"
	"writ/internal/notice"
	"writ/internal/policy"
	"writ/internal/records"
	"writ/internal/staff"
	"writ/internal/vault"
	"writ/packs"
)

// house is an office over real rooms, served over TLS and over a socket. Gate
// and packages are on the disk, the rest in memory.
type house struct {
	api.Office
	t       *testing.T
	ctx     context.Context
	dir     string
	records records.Store
	tls     *httptest.Server
	socket  *api.Client
	tokens  map[string]string // by the person's first name, or "jun operator"
	keys    map[writ.Person]ed25519.PrivateKey
	court   *age.X25519Identity
	session vault.Session

	mu      sync.Mutex
	forward time.Duration
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.forward)
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forward += d
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

var team = []struct {
	person writ.Person
	role   writ.Role
}{
	{"noor.adeyemi", writ.RoleIntake}, {"mira.lindqvist", writ.RoleCounsel}, {"theo.brandt", writ.RoleCounsel},
	{"ada.okafor", writ.RoleCustodian}, {"jun.park", writ.RoleCustodian}, {"lena.virtanen", writ.RoleCustodian},
	{"sam.ortiz", writ.RoleProduction}, {"esi.mensah", writ.RoleAuditor},
}

// newHouse opens an office with its staff and one customer, and no case.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, ctx: t.Context(), dir: t.TempDir(), records: records.NewMemory(), tokens: map[string]string{}, keys: map[writ.Person]ed25519.PrivateKey{}}
	h.Office.Now, h.Version = h.now, "test"
	h.open()
	h.served()
	h.staffed()
	h.custodians()
	c, err := h.Vault.AddCustomer(h.ctx, "harbour-clinic")
	h.must(err)
	h.session = vault.Session{Customer: c.ID, Credential: "WRITTESTCREDENTIAL00", Addr: netip.MustParseAddr("192.0.2.7"), Request: "test"}
	_, err = h.Vault.CreateBucket(h.ctx, h.session, vault.BucketOptions{Name: "ward-seven"})
	h.must(err)
	h.court, err = age.GenerateX25519Identity()
	h.must(err)
	return h
}

func (h *house) open() {
	t := h.t
	var book *ledger.Book
	var err error
	h.Gate, err = gate.Open(gate.Config{
		Dir: h.dir, Unseal: gate.KeyFile(filepath.Join(h.dir, "root.key")), Now: h.now,
		Kept:            func(ctx context.Context, id string) ([]byte, error) { return book.Kept(ctx, id) },
		MarkUnwitnessed: func(ctx context.Context) error { return book.MarkUnwitnessed(ctx) },
	})
	h.must(err)
	t.Cleanup(func() { h.Gate.Close() })
	secret, vkey, err := sumdb.GenerateKey(rand.Reader, "ledger.quayside.example")
	h.must(err)
	signer, err := sumdb.NewSigner(secret)
	h.must(err)
	log, err := ledger.NewMemory(signer)
	h.must(err)
	book, err = ledger.OpenBook(h.ctx, ledger.Config{Log: log, LogKey: vkey, Records: h.records, Interval: 20 * time.Millisecond, Slots: 64})
	h.must(err)
	h.Vault, err = vault.New(vault.Config{Gate: h.Gate, Records: h.records, Blobs: blob.NewMemory(), Now: h.now})
	h.must(err)
	h.Law, err = law.Load(packs.FS, nil)
	h.must(err)
	letters, err := letter.Load()
	h.must(err)
	h.Staff, err = staff.New(h.records, h.now)
	h.must(err)
	hook := func(accepted bool) notice.Hook {
		return func(ctx context.Context, tx records.Tx, m notice.Message, d notice.Delivery) error {
			return h.Docket.Outcome(accepted)(ctx, tx, m, d)
		}
	}
	h.Notices, err = notice.New(h.ctx, notice.Config{Records: h.records, Alarm: hook(false), Accepted: hook(true), Operator: "Fjordhost"})
	h.must(err)
	key := h.Gate.StoreKey("docket")
	h.Docket, err = docket.Open(h.ctx, docket.Config{
		Records: h.records, Book: book, Law: h.Law, Staff: h.Staff, Gate: h.Gate, Vault: h.Vault, Notices: h.Notices, Letters: letters, Key: key,
		Packages: filepath.Join(h.dir, "packages"), Origin: "ledger.quayside.example", Release: "test", LogKey: vkey, Witnesses: policy.NoWitnesses,
		Provider: docket.Provider{Name: "Fjordhost", Country: "DE", TimeZone: "Europe/Berlin", Language: "en", Contact: "legal@fjordhost.example"},
		Now:      h.now,
	})
	h.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { book.Run(ctx) })
	running.Go(func() { h.Docket.Run(ctx) })
	running.Go(func() { h.Notices.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); key.Erase(); book.Close() })
}

// served serves the office on both ways, with the delivery beside it.
func (h *house) served() {
	mux := http.NewServeMux()
	mux.Handle(api.OfficePath, api.OfficeHandler(h.Office))
	mux.Handle(api.DeliveryPath, api.DeliveryHandler(h.Docket))
	h.tls = httptest.NewUnstartedServer(mux)
	h.tls.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	h.tls.EnableHTTP2 = true
	h.tls.StartTLS()
	h.t.Cleanup(h.tls.Close)
	dir := folder.Folder(filepath.Join(h.dir, "data"))
	h.must(dir.Prepare())
	l, err := api.Serve(dir, api.OfficeHandler(h.Office))
	h.must(err)
	h.t.Cleanup(func() { l.Shutdown(context.Background()) })
	h.socket, err = api.Dial(h.ctx, dir)
	h.must(err)
	h.t.Cleanup(h.socket.Close)
}

// staffed names everybody over the socket, as on a fresh server, the two
// operators last: with them the socket's right ends.
func (h *house) staffed() {
	h.t.Helper()
	desk := h.socket.At("")
	name := func(p writ.Person, role writ.Role) {
		h.t.Helper()
		h.must(desk.Do(h.ctx, "PUT", "persons/"+string(p), api.PersonInput{Name: string(p)}, nil))
		h.must(desk.Do(h.ctx, "POST", "persons/"+string(p)+"/roles", api.RoleInput{Role: role}, nil))
	}
	first := func(p writ.Person) string { s, _, _ := strings.Cut(string(p), "."); return s }
	for _, one := range team {
		name(one.person, one.role)
		h.tokens[first(one.person)] = h.register(desk, one.person, one.role)
	}
	for _, p := range []writ.Person{"jun.park", "lena.virtanen"} {
		h.must(desk.Do(h.ctx, "POST", "persons/"+string(p)+"/roles", api.RoleInput{Role: writ.RoleOperator}, nil))
		h.tokens[first(p)+" operator"] = h.register(desk, p, writ.RoleOperator)
	}
}

// register makes a token as its owner does, and registers it.
func (h *house) register(desk *api.Desk, p writ.Person, roles ...writ.Role) string {
	h.t.Helper()
	token, reg := staff.NewToken()
	h.must(desk.Do(h.ctx, "POST", "tokens/register", api.RegisterInput{TokenInput: api.TokenInput{Person: p, Roles: roles}, Registration: reg.String()}, nil))
	return token
}

func (h *house) custodians() {
	h.t.Helper()
	set := policy.Set{V: 1, Number: 1, Threshold: 2, Log: h.Docket.LogKey, Witnesses: policy.NoWitnesses, At: h.now().UTC().Truncate(time.Second)}
	for _, one := range team {
		if one.role != writ.RoleCustodian && one.role != writ.RoleCounsel {
			continue
		}
		public, private, err := ed25519.GenerateKey(rand.Reader)
		h.must(err)
		h.keys[one.person] = private
		set.Members = append(set.Members, policy.Member{Person: one.person, Role: one.role, Key: public, Outside: one.person == "ada.okafor", Offline: true})
	}
	payload, err := set.Encode()
	h.must(err)
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for _, m := range set.Members {
		e.Add(h.sign(m.Person, policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	h.must(err)
	_, err = h.desk("mira").SetCustodians(h.ctx, envelope)
	h.must(err)
}

func (h *house) sign(p writ.Person, kind string, payload []byte) policy.Signature {
	key := h.keys[p]
	return policy.Signature{KeyID: policy.KeyID(key.Public().(ed25519.PublicKey)), Sig: ed25519.Sign(key, policy.Message(kind, payload))}
}

// desk is a person's, over TLS.
func (h *house) desk(who string) *api.Desk {
	h.t.Helper()
	if h.tokens[who] == "" {
		h.t.Fatal("nobody is called", who)
	}
	d, err := api.Remote(h.tls.URL, h.tokens[who], h.cas())
	h.must(err)
	return d
}

func (h *house) cas() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.tls.Certificate().Raw})
}

// client speaks plain HTTP to the office, with a client certificate or none.
func (h *house) client(certificates ...tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(h.tls.Certificate())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates}, ForceAttemptHTTP2: true}
	h.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// reply is an answer, read whole.
type reply struct {
	status int
	head   http.Header
	body   string
}

// ask sends one request over TLS; who is a person or "" for no token.
func (h *house) ask(who, method, path string, body io.Reader, media string, headers ...string) reply {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.ctx, method, h.tls.URL+path, body)
	h.must(err)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+h.tokens[who])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return h.send(h.client(), req)
}

func (h *house) send(c *http.Client, req *http.Request) reply {
	h.t.Helper()
	resp, err := c.Do(req)
	h.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	h.must(err)
	return reply{resp.StatusCode, resp.Header, string(b)}
}

// kept is a dump of all records but the audit trail and the hours at which
// tokens were used: what a refusal must not change.
func (h *house) kept() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	for start := []byte{0}; ; {
		page, more, err := h.records.Scan(h.ctx, records.Range{Start: start, End: []byte{0xff, 0xff}, Limit: records.MaxLimit})
		h.must(err)
		for _, e := range page {
			k := string(e.Key)
			start = append(bytes.Clone(e.Key), 0)
			// "A": the staff's records; e, i, q and s are the trail, u the uses.
			// "D" is the docket's, "N" the notices', "V" the vault's. The log ("l") goes
			// on by itself, at one pace.
			if len(k) > 1 && k[0] == 'A' && strings.ContainsRune("eiqsu", rune(k[1])) || k[0] == 'l' {
				continue
			}
			out[k] = string(e.Value)
		}
		if !more {
			return out
		}
	}
}

func (h *house) unchanged(before map[string]string, what string) {
	h.t.Helper()
	if after := h.kept(); !maps.Equal(before, after) {
		var keys []string
		for k, v := range after {
			if before[k] != v {
				keys = append(keys, k)
			}
		}
		h.t.Errorf("%s: the records changed: %q", what, keys)
	}
}

// refusals counts the refusals in the audit trail.
func (h *house) refusals() (n int) {
	h.t.Helper()
	for before := uint64(0); ; {
		list, next, err := h.Staff.Audit(h.ctx, staff.AuditFilter{Outcome: staff.Refused}, before, staff.MaxPage)
		h.must(err)
		n += len(list)
		if next == 0 {
			return n
		}
		before = next
	}
}

func (h *house) put(key writ.ObjectKey, body string) {
	h.t.Helper()
	_, err := h.Vault.Put(h.ctx, h.session, vault.PutInput{Bucket: "ward-seven", Key: key, Body: strings.NewReader(body), Size: int64(len(body))})
	h.must(err)
}

// epoc is an order for content that came through the national system.
func (h *house) epoc(reference string) docket.Demand {
	return docket.Demand{
		Reference: reference, Instrument: "eu.epoc", Issuer: docket.Issuer{Name: "Tribunal de Valbrume", Country: "FR", Kind: "court"},
		Channel: docket.NationalSystem, Received: h.now(), Signed: h.now().Add(-24 * time.Hour), Matter: "criminal", Offence: "fraud",
		Classes: []writ.DataClass{writ.ClassContent}, Identifiers: []string{"harbour-clinic"}, Accounts: 1, Language: "fr",
	}
}

var wards = policy.Scope{Buckets: []policy.BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}}, Classes: []writ.DataClass{writ.ClassContent}}

// produced brings a demand from its receipt to its package, all of it over the
// interface, each step by who must do it.
func (h *house) produced(reference string) api.Case {
	h.t.Helper()
	ctx, noor, mira, theo := h.ctx, h.desk("noor"), h.desk("mira"), h.desk("theo")
	c, err := noor.Receive(ctx, api.DemandInput{Demand: h.epoc(reference)})
	h.must(err)
	id := string(c.Case)
	_, err = noor.Attach(ctx, id, "order", "epoc.pdf", "", "", []byte("%PDF-1.7\n% an order of the Tribunal de Valbrume: "+reference+"\n"))
	h.must(err)
	move := func(d *api.Desk, name string, in any) api.Case {
		h.t.Helper()
		c, err := d.Move(ctx, id, name, in)
		h.must(err)
		return c
	}
	move(noor, "authenticate", api.AuthenticateInput{Means: "national-system", Note: "seal verified by the system", Genuine: true})
	move(noor, "preserve", api.PreserveInput{Customer: "harbour-clinic", Scope: wards, Why: "Article 10(1)"})
	move(mira, "identify", api.IdentifyInput{Customer: "harbour-clinic", How: "the account's name"})
	move(mira, "scope", api.ScopeInput{Scope: wards})
	move(mira, "secrecy", api.SecrecyInput{})
	c = move(mira, "review", nil)
	var open []string
	for _, f := range c.Findings {
		if f.Outcome != "pass" {
			open = append(open, f.Rule)
		}
	}
	if len(open) > 0 {
		c = move(mira, "determine", api.ProposeInput{Rules: open, Reason: "read and judged"})
		move(theo, "second", api.SecondInput{Proposal: c.Determinations[len(c.Determinations)-1].Number, Reason: "agreed"})
	}
	move(mira, "approve", api.ApproveInput{})
	move(mira, "draft", nil)
	for _, name := range []string{"ada", "jun"} {
		desk := h.desk(name)
		sheet, err := desk.ToSign(ctx, id)
		h.must(err)
		person := writ.Person(map[string]string{"ada": "ada.okafor", "jun": "jun.park"}[name])
		sig := h.sign(person, sheet.Type, sheet.Payload)
		c = move(desk, "sign", api.SignInput{Digest: sheet.Digest, Key: sig.KeyID, Sig: sig.Sig})
	}
	if c.Writ == nil || c.Writ.Minted.IsZero() {
		h.t.Fatal("two of two custodians signed, and there is no writ")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err = h.desk("sam").Produce(ctx, id, api.ProduceInput{Recipients: []string{h.court.Recipient().String()}}, nil)
	h.must(err)
	return c
}

// opened opens a package as the court does, from its files, and returns the
// bodies in it.
func (h *house) opened(folder string) (bodies []string) {
	h.t.Helper()
	identity, err := bag.ParseIdentity([]byte(h.court.String()))
	h.must(err)
	into := filepath.Join(h.t.TempDir(), "opened")
	report, err := bag.Open(h.ctx, bag.OpenInput{Package: folder, Into: into, Identity: identity})
	h.must(err)
	if !report.Valid() {
		h.t.Fatalf("the package is not valid: %+v", report)
	}
	return files(h.t, into, "data/")
}

func isCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	var p *api.Problem
	if !errors.As(err, &p) || p.Status != status || p.Code != code {
		t.Errorf("got %v (%+v), want %d %s", err, p, status, code)
	}
}

func digest(c tls.Certificate) string {
	leaf, _ := x509.ParseCertificate(c.Certificate[0])
	return hex.EncodeToString(sum(leaf.Raw))
}
