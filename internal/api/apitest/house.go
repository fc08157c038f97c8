// Package apitest is an office over real rooms, with its staff, its custodians and
// one customer, served over TLS and over a socket. It is for tests.
package apitest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
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
	"writ/internal/config"
	"writ/internal/docket"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/law"
	"writ/internal/ledger"
	"writ/internal/letter"
	"writ/internal/notice"
	"writ/internal/policy"
	"writ/internal/records"
	"writ/internal/signin"
	"writ/internal/space"
	"writ/internal/staff"
	"writ/internal/upkeep"
	"writ/internal/vault"
	"writ/packs"
)

// Where the house's console is, for passkeys.
const (
	Domain = "writ.fjordhost.example"
	Origin = "https://writ.fjordhost.example:9444"
)

// House is an office over real rooms. Gate and packages are on the disk, the rest
// in memory.
type House struct {
	api.Office
	T      testing.TB
	Ctx    context.Context
	Dir    string
	Store  records.Store
	Book   *ledger.Book
	Log    *ledger.Memory // what the book writes to
	TLS    *httptest.Server
	Socket *api.Client
	Tokens map[string]string // by the person's first name, or "jun operator"
	Keys   map[writ.Person]ed25519.PrivateKey
	Court  *age.X25519Identity
	Owner  vault.Session // the customer's, harbour-clinic

	mu      sync.Mutex
	forward time.Duration
}

// Now is the office's clock.
func (h *House) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.forward)
}

// Pass lets time pass.
func (h *House) Pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forward += d
}

// Must ends the test if something failed.
func (h *House) Must(err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatal(err)
	}
}

// Team is who works there, and as what.
var Team = []struct {
	Person writ.Person
	Role   writ.Role
}{
	{"noor.adeyemi", writ.RoleIntake}, {"mira.lindqvist", writ.RoleCounsel}, {"theo.brandt", writ.RoleCounsel},
	{"ada.okafor", writ.RoleCustodian}, {"jun.park", writ.RoleCustodian}, {"lena.virtanen", writ.RoleCustodian},
	{"sam.ortiz", writ.RoleProduction}, {"esi.mensah", writ.RoleAuditor},
}

// NewHouse opens an office with its staff and one customer, and no case.
func NewHouse(t testing.TB) *House {
	t.Helper()
	h := &House{T: t, Ctx: t.Context(), Dir: t.TempDir(), Store: records.NewMemory(), Tokens: map[string]string{}, Keys: map[writ.Person]ed25519.PrivateKey{}}
	h.Office.Now, h.Version = h.Now, "test"
	h.open()
	h.kept()
	h.served()
	h.staffed()
	h.custodians()
	c, err := h.Vault.AddCustomer(h.Ctx, "harbour-clinic")
	h.Must(err)
	h.Owner = vault.Session{Customer: c.ID, Credential: "WRITTESTCREDENTIAL00", Addr: netip.MustParseAddr("192.0.2.7"), Request: "test"}
	_, err = h.Vault.CreateBucket(h.Ctx, h.Owner, vault.BucketOptions{Name: "ward-seven"})
	h.Must(err)
	h.Court, err = age.GenerateX25519Identity()
	h.Must(err)
	return h
}

func (h *House) open() {
	t := h.T
	var err error
	h.Gate, err = gate.Open(gate.Config{
		Dir: h.Dir, Unseal: gate.KeyFile(filepath.Join(h.Dir, "root.key")), Now: h.Now,
		Kept:            func(ctx context.Context, id string) ([]byte, error) { return h.Book.Kept(ctx, id) },
		MarkUnwitnessed: func(ctx context.Context) error { return h.Book.MarkUnwitnessed(ctx) },
	})
	h.Must(err)
	t.Cleanup(func() { h.Gate.Close() })
	secret, vkey, err := sumdb.GenerateKey(rand.Reader, "ledger.quayside.example")
	h.Must(err)
	signer, err := sumdb.NewSigner(secret)
	h.Must(err)
	h.Log, err = ledger.NewMemory(signer)
	h.Must(err)
	h.Book, err = ledger.OpenBook(h.Ctx, ledger.Config{Log: h.Log, LogKey: vkey, Records: h.Store, Interval: 20 * time.Millisecond, Slots: 64})
	h.Must(err)
	h.Vault, err = vault.New(vault.Config{Gate: h.Gate, Records: h.Store, Blobs: blob.NewMemory(), Now: h.Now})
	h.Must(err)
	h.Law, err = law.Load(packs.FS, nil)
	h.Must(err)
	letters, err := letter.Load()
	h.Must(err)
	h.Staff, err = staff.New(h.Store, h.Now)
	h.Must(err)
	h.Signin, err = signin.New(h.Ctx, signin.Config{
		Records: h.Store, Staff: h.Staff, Name: "Fjordhost", RPID: Domain, Origins: []string{Origin}, Now: h.Now, Customer: signin.Customers(h.Vault),
	})
	h.Must(err)
	hook := func(accepted bool) notice.Hook {
		return func(ctx context.Context, tx records.Tx, m notice.Message, d notice.Delivery) error {
			return h.Docket.Outcome(accepted)(ctx, tx, m, d)
		}
	}
	h.Notices, err = notice.New(h.Ctx, notice.Config{Records: h.Store, Alarm: hook(false), Accepted: hook(true), Operator: "Fjordhost"})
	h.Must(err)
	key := h.Gate.StoreKey("docket")
	h.Docket, err = docket.Open(h.Ctx, docket.Config{
		Records: h.Store, Book: h.Book, Law: h.Law, Staff: h.Staff, Gate: h.Gate, Vault: h.Vault, Notices: h.Notices, Letters: letters, Key: key,
		Packages: filepath.Join(h.Dir, "packages"), Origin: "ledger.quayside.example", Release: "test", LogKey: vkey, Witnesses: policy.NoWitnesses,
		Provider: docket.Provider{Name: "Fjordhost", Country: "DE", TimeZone: "Europe/Berlin", Language: "en", Contact: "legal@fjordhost.example"},
		Now:      h.Now,
	})
	h.Must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { h.Book.Run(ctx) })
	running.Go(func() { h.Docket.Run(ctx) })
	running.Go(func() { h.Notices.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); key.Erase(); h.Book.Close() })
}

// kept lets upkeep be begun, and says of the house what a server says of itself.
// It has no settings' file, so that its settings are the defaults.
func (h *House) kept() {
	h.Keeper = upkeep.New(upkeep.Config{Vault: h.Vault, Now: h.Now})
	h.T.Cleanup(h.Keeper.Close)
	h.Must(h.Vault.NoteDay(h.Ctx))
	started := h.Now().UTC()
	cfg, err := config.Load(config.Sources{Environ: []string{"WRIT_DATA=" + h.Dir, "WRIT_PROVIDER_NAME=Fjordhost"}})
	h.Must(err)
	h.Settings = func() (out []api.SettingState) {
		for _, o := range cfg.Origins() {
			out = append(out, api.SettingState{
				Key: o.Key, Value: o.Value, Default: o.Default, Place: o.Place, Changed: !o.IsDefault(), Form: o.Setting.Value, Usage: o.Usage,
				Variable: o.Env(), Flag: "--" + o.Flag(),
			})
		}
		return out
	}
	h.Machine = func(context.Context) api.Machine {
		cert := h.TLS.Certificate()
		status, sent := h.Book.Status(), h.Notices.Stats()
		at := status.BatchAt.UTC()
		return api.Machine{
			Server:    api.Server{Version: h.Version, Standing: "development", Data: h.Dir, Process: os.Getpid(), Started: &started, Web: h.TLS.Listener.Addr().String()},
			Readiness: []api.Readiness{{What: "server"}, {What: "ledger"}, {What: "law"}},
			Disk:      space.LevelOf(h.Dir, 0),
			Certificates: []api.Certificate{{
				For: "listener", Source: "file", Names: cert.DNSNames, From: cert.NotBefore.UTC(), Until: cert.NotAfter.UTC(),
			}},
			Ledger: api.Ledger{
				Origin: "ledger.quayside.example", Key: h.Docket.LogKey, Interval: "20ms", Slots: 64, Size: status.Size, Batch: status.Batch, BatchAt: &at,
				Queued: status.Queued, Outside: []string{}, Witnesses: []api.Witness{},
			},
			Channels: []api.Channel{{Kind: "mail"}, {Kind: "webhook", Ready: true, Failed: sent.Webhook.Failed}, {Kind: "inbox", Ready: true}},
			Stalled:  []string{},
		}
	}
}

// served serves the office on both ways, with the delivery beside it.
func (h *House) served() {
	mux := http.NewServeMux()
	mux.Handle(api.OfficePath, api.OfficeHandler(h.Office))
	mux.Handle(api.DeliveryPath, api.DeliveryHandler(h.Docket))
	h.TLS = httptest.NewUnstartedServer(mux)
	h.TLS.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	h.TLS.EnableHTTP2 = true
	h.TLS.StartTLS()
	h.T.Cleanup(h.TLS.Close)
	dir := folder.Folder(filepath.Join(h.Dir, "data"))
	h.Must(dir.Prepare())
	l, err := api.Serve(dir, api.OfficeHandler(h.Office))
	h.Must(err)
	h.T.Cleanup(func() { l.Shutdown(context.Background()) })
	h.Socket, err = api.Dial(h.Ctx, dir)
	h.Must(err)
	h.T.Cleanup(h.Socket.Close)
}

// staffed names everybody over the socket, as on a fresh server, the two
// operators last: with them the socket's right ends.
func (h *House) staffed() {
	h.T.Helper()
	desk := h.Socket.At("")
	name := func(p writ.Person, role writ.Role) {
		h.T.Helper()
		h.Must(desk.Do(h.Ctx, "PUT", "persons/"+string(p), api.PersonInput{Name: string(p)}, nil))
		h.Must(desk.Do(h.Ctx, "POST", "persons/"+string(p)+"/roles", api.RoleInput{Role: role}, nil))
	}
	first := func(p writ.Person) string { s, _, _ := strings.Cut(string(p), "."); return s }
	for _, one := range Team {
		name(one.Person, one.Role)
		h.Tokens[first(one.Person)] = h.Register(desk, one.Person, one.Role)
	}
	for _, p := range []writ.Person{"jun.park", "lena.virtanen"} {
		h.Must(desk.Do(h.Ctx, "POST", "persons/"+string(p)+"/roles", api.RoleInput{Role: writ.RoleOperator}, nil))
		h.Tokens[first(p)+" operator"] = h.Register(desk, p, writ.RoleOperator)
	}
}

// Register makes a token as its owner does, and registers it.
func (h *House) Register(desk *api.Desk, p writ.Person, roles ...writ.Role) string {
	h.T.Helper()
	token, reg := staff.NewToken()
	h.Must(desk.Do(h.Ctx, "POST", "tokens/register", api.RegisterInput{TokenInput: api.TokenInput{Person: p, Roles: roles}, Registration: reg.String()}, nil))
	return token
}

// Hire gives somebody a role besides, by two operators, and a token of that role
// alone under the name.
func (h *House) Hire(who string, p writ.Person, role writ.Role) {
	h.T.Helper()
	var person api.Person
	h.Must(h.Desk("jun operator").Do(h.Ctx, "POST", "persons/"+string(p)+"/roles", api.RoleInput{Role: role}, &person))
	for _, r := range person.Assignments {
		if r.Role == role {
			h.Must(h.Desk("lena operator").Do(h.Ctx, "POST", "persons/"+string(p)+"/roles/"+r.ID+"/confirm", nil, nil))
		}
	}
	h.Tokens[who] = h.Register(h.Desk("jun operator"), p, role)
	var list []api.Token
	h.Must(h.Desk("lena operator").Do(h.Ctx, "GET", "persons/"+string(p)+"/tokens", nil, &list))
	for _, one := range list {
		if one.Waits {
			h.Must(h.Desk("lena operator").Do(h.Ctx, "POST", "tokens/"+one.ID+"/confirm", nil, nil))
		}
	}
}

func (h *House) custodians() {
	h.T.Helper()
	set := policy.Set{V: 1, Number: 1, Threshold: 2, Log: h.Docket.LogKey, Witnesses: policy.NoWitnesses, At: h.Now().UTC().Truncate(time.Second)}
	for _, one := range Team {
		if one.Role != writ.RoleCustodian && one.Role != writ.RoleCounsel {
			continue
		}
		public, private, err := ed25519.GenerateKey(rand.Reader)
		h.Must(err)
		h.Keys[one.Person] = private
		set.Members = append(set.Members, policy.Member{Person: one.Person, Role: one.Role, Key: public, Outside: one.Person == "ada.okafor", Offline: true})
	}
	payload, err := set.Encode()
	h.Must(err)
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for _, m := range set.Members {
		e.Add(h.Sign(m.Person, policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	h.Must(err)
	_, err = h.Desk("mira").SetCustodians(h.Ctx, envelope)
	h.Must(err)
}

// Sign is a custodian's or counsel's signature.
func (h *House) Sign(p writ.Person, kind string, payload []byte) policy.Signature {
	key := h.Keys[p]
	return policy.Signature{KeyID: policy.KeyID(key.Public().(ed25519.PublicKey)), Sig: ed25519.Sign(key, policy.Message(kind, payload))}
}

// Desk is a person's, over TLS.
func (h *House) Desk(who string) *api.Desk {
	h.T.Helper()
	if h.Tokens[who] == "" {
		h.T.Fatal("nobody is called", who)
	}
	d, err := api.Remote(h.TLS.URL, h.Tokens[who], h.CAs())
	h.Must(err)
	return d
}

// CAs is the authority of its certificate, in PEM.
func (h *House) CAs() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.TLS.Certificate().Raw})
}

// Client speaks plain HTTP to the office, with a client certificate or none.
func (h *House) Client(certificates ...tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(h.TLS.Certificate())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates}, ForceAttemptHTTP2: true}
	h.T.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// Reply is an answer, read whole.
type Reply struct {
	Status int
	Head   http.Header
	Body   string
}

// Ask sends one request over TLS; who is a person or "" for no token.
func (h *House) Ask(who, method, path string, body io.Reader, media string, headers ...string) Reply {
	h.T.Helper()
	req, err := http.NewRequestWithContext(h.Ctx, method, h.TLS.URL+path, body)
	h.Must(err)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+h.Tokens[who])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return h.Send(h.Client(), req)
}

// Send sends one request.
func (h *House) Send(c *http.Client, req *http.Request) Reply {
	h.T.Helper()
	resp, err := c.Do(req)
	h.Must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	h.Must(err)
	return Reply{resp.StatusCode, resp.Header, string(b)}
}

// Kept is a dump of all records but the audit trail and the hours at which
// tokens were used: what a refusal must not change.
func (h *House) Kept() map[string]string {
	h.T.Helper()
	out := map[string]string{}
	for start := []byte{0}; ; {
		page, more, err := h.Store.Scan(h.Ctx, records.Range{Start: start, End: []byte{0xff, 0xff}, Limit: records.MaxLimit})
		h.Must(err)
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

// Unchanged fails the test if the records are not what [House.Kept] told before.
func (h *House) Unchanged(before map[string]string, what string) {
	h.T.Helper()
	if after := h.Kept(); !maps.Equal(before, after) {
		var keys []string
		for k, v := range after {
			if before[k] != v {
				keys = append(keys, k)
			}
		}
		h.T.Errorf("%s: the records changed: %q", what, keys)
	}
}

// Refusals counts the refusals in the audit trail.
func (h *House) Refusals() (n int) {
	h.T.Helper()
	for before := uint64(0); ; {
		list, next, err := h.Staff.Audit(h.Ctx, staff.AuditFilter{Outcome: staff.Refused}, before, staff.MaxPage)
		h.Must(err)
		n += len(list)
		if next == 0 {
			return n
		}
		before = next
	}
}

// Put stores an object of the customer's.
func (h *House) Put(key writ.ObjectKey, body string) {
	h.T.Helper()
	_, err := h.Vault.Put(h.Ctx, h.Owner, vault.PutInput{Bucket: "ward-seven", Key: key, Body: strings.NewReader(body), Size: int64(len(body))})
	h.Must(err)
}

// EPOC is an order for content that came through the national system.
func (h *House) EPOC(reference string) docket.Demand {
	return docket.Demand{
		Reference: reference, Instrument: "eu.epoc", Issuer: docket.Issuer{Name: "Tribunal de Valbrume", Country: "FR", Kind: "court"},
		Channel: docket.NationalSystem, Received: h.Now(), Signed: h.Now().Add(-24 * time.Hour), Matter: "criminal", Offence: "fraud",
		Classes: []writ.DataClass{writ.ClassContent}, Identifiers: []string{"harbour-clinic"}, Accounts: 1, Language: "fr",
	}
}

// Wards is a scope in which the customer keeps letters.
var Wards = policy.Scope{Buckets: []policy.BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}}, Classes: []writ.DataClass{writ.ClassContent}}

// Drafted brings a demand from its receipt to where custodians sign, all of it
// over the interface, each step by who must do it. A change is made to the demand
// before it is received.
func (h *House) Drafted(reference string, changes ...func(*docket.Demand)) (id string) {
	h.T.Helper()
	demand := h.EPOC(reference)
	for _, change := range changes {
		change(&demand)
	}
	noor := h.Desk("noor")
	c, err := noor.Receive(h.Ctx, api.DemandInput{Demand: demand})
	h.Must(err)
	id = string(c.Case)
	_, err = noor.Attach(h.Ctx, id, "order", "epoc.pdf", "", "", []byte("%PDF-1.7\n% an order of the Tribunal de Valbrume: "+reference+"\n"))
	h.Must(err)
	h.Carry(id, "national-system")
	return id
}

// Carry brings a demand that is there, with its order, to where custodians sign.
func (h *House) Carry(id, means string) {
	h.T.Helper()
	ctx, noor, mira, theo := h.Ctx, h.Desk("noor"), h.Desk("mira"), h.Desk("theo")
	move := func(d *api.Desk, name string, in any) api.Case {
		h.T.Helper()
		c, err := d.Move(ctx, id, name, in)
		h.Must(err)
		return c
	}
	move(noor, "authenticate", api.AuthenticateInput{Means: means, Note: "the seal is the court's", Genuine: true})
	move(noor, "preserve", api.PreserveInput{Customer: "harbour-clinic", Scope: Wards, Why: "Article 10(1)"})
	move(mira, "identify", api.IdentifyInput{Customer: "harbour-clinic", How: "the account's name"})
	move(mira, "scope", api.ScopeInput{Scope: Wards})
	move(mira, "secrecy", api.SecrecyInput{})
	c := move(mira, "review", nil)
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
}

// Produced brings a demand from its receipt to its package.
func (h *House) Produced(reference string) (c api.Case) {
	h.T.Helper()
	return h.Packed(h.Drafted(reference))
}

// Packed brings a demand from where custodians sign to its package.
func (h *House) Packed(id string) (c api.Case) {
	h.T.Helper()
	ctx := h.Ctx
	for _, name := range []string{"ada", "jun"} {
		desk := h.Desk(name)
		sheet, err := desk.ToSign(ctx, id)
		h.Must(err)
		person := writ.Person(map[string]string{"ada": "ada.okafor", "jun": "jun.park"}[name])
		sig := h.Sign(person, sheet.Type, sheet.Payload)
		c, err = desk.Move(ctx, id, "sign", api.SignInput{Digest: sheet.Digest, Key: sig.KeyID, Sig: sig.Sig})
		h.Must(err)
	}
	if c.Writ == nil || c.Writ.Minted.IsZero() {
		h.T.Fatal("two of two custodians signed, and there is no writ")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := h.Desk("sam").Produce(ctx, id, api.ProduceInput{Recipients: []string{h.Court.Recipient().String()}}, nil)
	h.Must(err)
	return c
}

// Opened opens a package as the court does, from its files, and returns the
// bodies in it.
func (h *House) Opened(folder string) (bodies []string) {
	h.T.Helper()
	identity, err := bag.ParseIdentity([]byte(h.Court.String()))
	h.Must(err)
	into := filepath.Join(h.T.TempDir(), "opened")
	report, err := bag.Open(h.Ctx, bag.OpenInput{Package: folder, Into: into, Identity: identity})
	h.Must(err)
	if !report.Valid() {
		h.T.Fatalf("the package is not valid: %+v", report)
	}
	err = filepath.WalkDir(filepath.Join(into, "data"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		bodies = append(bodies, string(b))
		return err
	})
	h.Must(err)
	return bodies
}
