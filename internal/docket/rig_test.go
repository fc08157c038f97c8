package docket

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	sumdb "golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/bag"
	"writ/internal/blob"
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

// rig is a docket over real rooms: gate and journals on the disk, records,
// blobs and the log in memory. Its clock goes on by itself and can be put
// forward.
type rig struct {
	*Docket
	t       testing.TB
	ctx     context.Context
	dir     string
	clock   *clock
	records records.Store
	gate    *gate.Gate
	blobs   blob.Store
	book    *ledger.Book
	log     string // verifier key
	clinic  writ.CustomerID
	session vault.Session
	people  map[string]*member
	court   *age.X25519Identity
	ends    func()
}

type member struct {
	Actor
	key ed25519.PrivateKey
}

type clock struct {
	mu      sync.Mutex
	forward time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.forward)
}

// Now and After implement [notice.Clock].
func (c *clock) Now() time.Time                         { return c.now() }
func (c *clock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forward += d
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// patience is for what comes in its own time.
const patience = time.Minute

// newRig returns a docket with its people and one customer, and no case.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, ctx: context.Background(), dir: t.TempDir(), clock: new(clock), records: records.NewMemory(), blobs: blob.NewMemory(), people: map[string]*member{}}
	var err error
	r.gate, err = gate.Open(gate.Config{
		Dir: r.dir, Unseal: gate.KeyFile(filepath.Join(r.dir, "key")), Now: r.clock.now,
		Kept:            func(ctx context.Context, id string) ([]byte, error) { return r.book.Kept(ctx, id) },
		MarkUnwitnessed: func(ctx context.Context) error { return r.book.MarkUnwitnessed(ctx) },
	})
	r.must(err)
	t.Cleanup(func() { r.gate.Close() })
	r.openBook()
	r.court, err = age.GenerateX25519Identity()
	r.must(err)
	r.open()
	t.Cleanup(func() { r.ends() })
	r.staffed()
	c, err := r.Vault.AddCustomer(r.ctx, "harbour-clinic")
	r.must(err)
	r.clinic = c.ID
	r.session = vault.Session{Customer: c.ID, Credential: "WRITTESTCREDENTIAL00", Addr: netip.MustParseAddr("192.0.2.7"), Request: "test"}
	return r
}

func (r *rig) openBook() {
	r.t.Helper()
	secret, vkey, err := sumdb.GenerateKey(rand.Reader, "ledger.quayside.example")
	r.must(err)
	signer, err := sumdb.NewSigner(secret)
	r.must(err)
	inner, err := ledger.NewMemory(signer)
	r.must(err)
	r.log = vkey
	r.book, err = ledger.OpenBook(r.ctx, ledger.Config{Log: inner, LogKey: vkey, Records: r.records, Interval: 20 * time.Millisecond, Slots: 64})
	r.must(err)
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	go func() { defer close(done); r.book.Run(ctx) }()
	r.t.Cleanup(func() { cancel(); <-done; r.book.Close() })
}

// open opens the rooms above the records; again after a "crash".
func (r *rig) open() {
	r.t.Helper()
	v, err := vault.New(vault.Config{Gate: r.gate, Records: r.records, Blobs: r.blobs, Now: r.clock.now})
	r.must(err)
	l, err := law.Load(packs.FS, nil)
	r.must(err)
	letters, err := letter.Load()
	r.must(err)
	people, err := staff.New(r.records, r.clock.now)
	r.must(err)
	hooks := func(accepted bool) notice.Hook {
		return func(ctx context.Context, tx records.Tx, m notice.Message, d notice.Delivery) error {
			return r.Docket.Outcome(accepted)(ctx, tx, m, d)
		}
	}
	queue, err := notice.New(r.ctx, notice.Config{Records: r.records, Alarm: hooks(false), Accepted: hooks(true), Operator: "Fjordhost", Clock: r.clock})
	r.must(err)
	key := r.gate.StoreKey("docket")
	r.Docket, err = Open(r.ctx, Config{
		Records: r.records, Book: r.book, Law: l, Staff: people, Gate: r.gate, Vault: v, Notices: queue, Letters: letters, Key: key,
		Packages: filepath.Join(r.dir, "packages"), Origin: "ledger.quayside.example", Release: "test", LogKey: r.log, Witnesses: policy.NoWitnesses,
		Provider: Provider{Name: "Fjordhost", Country: "DE", TimeZone: "Europe/Berlin"},
		Now:      r.clock.now, Log: slog.New(slog.NewTextHandler(r.t.Output(), nil)),
	})
	r.must(err)
	ctx, cancel := context.WithCancel(r.ctx)
	var group sync.WaitGroup
	group.Go(func() { r.Docket.Run(ctx) })
	group.Go(func() { queue.Run(ctx) })
	r.ends = func() { cancel(); group.Wait(); key.Erase() }
}

// reopen is a restart of everything above the records.
func (r *rig) reopen() {
	r.t.Helper()
	r.ends()
	r.open()
}

var cast = []struct {
	name string
	role writ.Role
}{
	{"noor.adeyemi", writ.RoleIntake}, {"mira.lindqvist", writ.RoleCounsel}, {"theo.brandt", writ.RoleCounsel},
	{"ada.okafor", writ.RoleCustodian}, {"jun.park", writ.RoleCustodian}, {"lena.virtanen", writ.RoleCustodian}, {"sam.ortiz", writ.RoleProduction},
}

// staffed gives everybody a key, and puts the first set of custodians in force.
func (r *rig) staffed() {
	r.t.Helper()
	set := policy.Set{V: 1, Number: 1, Threshold: 2, Log: r.log, Witnesses: policy.NoWitnesses, At: r.clock.now().UTC().Truncate(time.Second)}
	for _, one := range cast {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		r.must(err)
		m := &member{Actor: Actor{Person: writ.Person(one.name), Roles: []writ.Role{one.role}, Via: "test"}, key: private}
		first, _, _ := strings.Cut(one.name, ".")
		r.people[first] = m
		if one.role == writ.RoleCustodian || one.role == writ.RoleCounsel {
			set.Members = append(set.Members, policy.Member{Person: m.Person, Role: one.role, Key: public, Outside: first == "ada", Offline: true})
		}
	}
	payload, err := set.Encode()
	r.must(err)
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for _, m := range set.Members {
		first, _, _ := strings.Cut(string(m.Person), ".")
		e.Add(r.people[first].sign(policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	r.must(err)
	r.must(r.SetCustodians(r.ctx, r.people["mira"].Actor, envelope))
}

func (m *member) sign(kind string, payload []byte) policy.Signature {
	return policy.Signature{KeyID: policy.KeyID(m.key.Public().(ed25519.PublicKey)), Sig: ed25519.Sign(m.key, policy.Message(kind, payload))}
}

func (r *rig) who(name string) Actor {
	r.t.Helper()
	m := r.people[name]
	if m == nil {
		r.t.Fatal("nobody is called", name)
	}
	return m.Actor
}

// bucket makes the customer's bucket with objects in it.
func (r *rig) bucket(name writ.BucketName, objects map[writ.ObjectKey]string) {
	r.t.Helper()
	_, err := r.Vault.CreateBucket(r.ctx, r.session, vault.BucketOptions{Name: name})
	r.must(err)
	for key, body := range objects {
		r.put(name, key, body)
	}
}

func (r *rig) put(bucket writ.BucketName, key writ.ObjectKey, body string) {
	r.t.Helper()
	_, err := r.Vault.Put(r.ctx, r.session, vault.PutInput{Bucket: bucket, Key: key, Body: strings.NewReader(body), Size: int64(len(body))})
	r.must(err)
}

// epoc is an order for content that came through the national system.
func (r *rig) epoc() Demand {
	return Demand{
		Reference: "7 Gs 412/26", Instrument: "eu.epoc", Issuer: Issuer{Name: "Tribunal de Valbrume", Country: "FR", Kind: "court"},
		Channel: NationalSystem, Received: r.clock.now(), Signed: r.clock.now().Add(-24 * time.Hour), Matter: "criminal", Offence: "fraud",
		Classes: []writ.DataClass{writ.ClassContent}, Identifiers: []string{"harbour-clinic"}, Accounts: 1, Language: "fr",
	}
}

var orderPDF = []byte("%PDF-1.7\n% an order of the Tribunal de Valbrume\n")

// wards is the scope that the order is about.
func wards() policy.Scope {
	return policy.Scope{
		Buckets: []policy.BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}}, Classes: []writ.DataClass{writ.ClassContent},
	}
}

// reviewed brings a demand to where law does not stand against it any more:
// received, authenticated, preserved, scoped, all questions answered, and what
// is left determined by two.
func (r *rig) reviewed(d Demand, s policy.Scope) writ.CaseID {
	r.t.Helper()
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d, Documents: []DocumentInput{{Kind: "order", Name: "epoc.pdf", Body: slices.Concat(orderPDF, []byte(d.Reference+d.Received.String()))}}})
	r.must(err)
	id := c.ID
	means := "national-system"
	if d.Channel != NationalSystem {
		means = "in-person"
	}
	_, err = r.Authenticate(r.ctx, r.who("noor"), id, Authentication{Means: means, Note: "seal and sender verified by the system", Genuine: true})
	r.must(err)
	_, err = r.Preserve(r.ctx, r.who("noor"), id, r.clinic, s, time.Time{}, "Article 10(1)")
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), id, Subject{Customer: r.clinic, How: "the account's name"})
	r.must(err)
	_, err = r.Scope(r.ctx, r.who("mira"), id, s, false, "")
	r.must(err)
	_, err = r.SetSecrecy(r.ctx, r.who("mira"), id, SecrecySet{})
	r.must(err)
	r.settled(id)
	return id
}

// settled answers every question, reviews, and determines by two on what
// stands.
func (r *rig) settled(id writ.CaseID) {
	r.t.Helper()
	_, err := r.Review(r.ctx, r.who("mira"), id)
	r.must(err)
	c, err := r.Case(r.ctx, id)
	r.must(err)
	var rules []string
	for _, f := range c.Standing() {
		rules = append(rules, f.Rule)
	}
	if len(rules) == 0 {
		return
	}
	c, err = r.Propose(r.ctx, r.who("mira"), id, rules, "read and judged")
	r.must(err)
	_, err = r.Second(r.ctx, r.who("theo"), id, c.Determinations[len(c.Determinations)-1].Number, "agreed")
	r.must(err)
}

// minted brings a reviewed case to its writ.
func (r *rig) minted(id writ.CaseID, l Limits) *Case {
	r.t.Helper()
	_, err := r.Approve(r.ctx, r.who("mira"), id, l)
	r.must(err)
	c, err := r.DraftWrit(r.ctx, r.who("mira"), id)
	r.must(err)
	sheet, _, err := r.Sheet(r.ctx, c)
	r.must(err)
	if !strings.Contains(sheet, "harbour-clinic") || !strings.Contains(sheet, string(id)) {
		r.t.Errorf("the custodians' sheet names neither customer nor case:\n%s", sheet)
	}
	for _, name := range []string{"ada", "jun"} {
		c = r.signs(name, c)
	}
	if c.Writ == nil {
		r.t.Fatal("two of two custodians signed, and there is no writ")
	}
	return c
}

func (r *rig) signs(name string, c *Case) *Case {
	r.t.Helper()
	out, err := r.signed(name, c)
	r.must(err)
	return out
}

func (r *rig) signed(name string, c *Case) (*Case, error) {
	m := r.people[name]
	s := m.sign(policy.TypeAuthorisation, c.Draft.Payload)
	return r.Sign(r.ctx, m.Actor, c.ID, Signature{Key: s.KeyID, Sig: s.Sig, Digest: c.Draft.Digest})
}

// produced packs what a case's writ covers, sealed to the court.
func (r *rig) produced(id writ.CaseID) (*Case, error) {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	return r.Produce(ctx, r.who("sam"), id, ProduceInput{Recipients: []string{r.court.Recipient().String()}})
}

// unpacked opens a case's package as the court does, and returns the files of
// the bag by the keys that they had.
func (r *rig) unpacked(id writ.CaseID) (folder string, objects map[writ.ObjectKey]string) {
	r.t.Helper()
	identity, err := bag.ParseIdentity([]byte(r.court.String()))
	r.must(err)
	folder = filepath.Join(r.t.TempDir(), "opened")
	report, err := bag.Open(r.ctx, bag.OpenInput{Package: filepath.Join(r.dir, "packages", string(id)), Into: folder, Identity: identity})
	r.must(err)
	if !report.Valid() {
		r.t.Fatalf("the package is not valid: %+v", report)
	}
	objects = map[writ.ObjectKey]string{}
	r.must(filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if i := strings.Index(rel, "data/"); i >= 0 {
			where, err := bag.ParsePath(rel[i:])
			if err != nil {
				return err
			}
			body, err := os.ReadFile(path)
			objects[where.Key] = string(body)
			return err
		}
		return nil
	}))
	return folder, objects
}

// eventually waits for what comes in its own time.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatal("it never came to this: ", what)
		}
	}
}

func refused(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%v, want: %v", err, want)
	}
}
