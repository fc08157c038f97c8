package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/minio/minio-go/v7"

	"writ"
	"writ/internal/api"
	"writ/internal/bag"
	"writ/internal/config"
	"writ/internal/docket"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/records"
	writd "writ/internal/server"
)

const fever = "the fever is gone, she may go home on Friday"

// siege is a running server whose one witness is a process of its own, a
// customer with a letter, and who would have it opened.
type siege struct {
	*bureau
	witness *witnessProcess
	owner   *minio.Client
	court   *age.X25519Identity
	web     string
	cases   int
}

func besiege(t *testing.T) *siege {
	t.Helper()
	web := freePort(t)
	s := newServer(t, filepath.Join(t.TempDir(), "data"), "--ledger-interval", "1s", "--web", web)
	s.start()
	cred := s.customer("harbour-clinic")
	vkey := s.admin("ledger", "key")
	s.stop()
	w := &witnessProcess{t: t, dir: filepath.Join(t.TempDir(), "fernhill"), name: "fernhill", listen: freePort(t)}
	if out, err := exec.Command(writBinary, "witness", "init", "--dir", w.dir, "--name", "witness.fernhill.example").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "logs"), vkey, 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(w.kill)
	out, err := exec.Command(writBinary, "witness", "key", "--dir", w.dir, "--url", w.url).Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(file, []byte(strings.SplitAfter(string(out), "\n")[1]+"quorum witness.fernhill.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.extra = append(s.extra, "--ledger-witnesses", file, "--ledger-outside", "witness.fernhill.example")
	s.start()
	f := &siege{bureau: newBureau(s), witness: w, web: web, owner: s.client(cred, s.s3)}
	s.bucket(f.owner, "ward-seven")
	f.put("letters/calder", fever)
	if f.court, err = age.GenerateX25519Identity(); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *siege) put(key, body string) {
	f.t.Helper()
	if _, err := f.owner.PutObject(context.Background(), "ward-seven", key, strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{}); err != nil {
		f.t.Fatal(err)
	}
}

func letters() policy.Scope {
	return policy.Scope{Buckets: []policy.BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}}, Classes: []writ.DataClass{writ.ClassContent}}
}

// as does something as a person.
func (f *siege) as(name string, do func(ctx context.Context, d *api.Desk) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d, done := f.desk(name)
	defer done()
	return do(ctx, d)
}

func (f *siege) move(name, id, what string, in any) error {
	return f.as(name, func(ctx context.Context, d *api.Desk) error { _, err := d.Move(ctx, id, what, in); return err })
}

func (f *siege) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// drafted is a case in which custodians may sign.
func (f *siege) drafted(scope policy.Scope, limits api.ApproveInput) (id string) {
	f.t.Helper()
	f.cases++
	f.must(f.as("noor", func(ctx context.Context, d *api.Desk) error {
		c, err := d.Receive(ctx, api.DemandInput{Demand: docket.Demand{
			Reference: fmt.Sprintf("7 Gs %d/26", 400+f.cases), Instrument: "eu.epoc", Issuer: docket.Issuer{Name: "Tribunal de Valbrume", Country: "FR", Kind: "court"},
			Channel: docket.NationalSystem, Received: time.Now().UTC(), Signed: time.Now().Add(-time.Hour).UTC(), Matter: "criminal", Classes: scope.Classes,
			Identifiers: []string{"harbour-clinic"}, Accounts: 1,
		}, Files: []api.File{{Kind: "order", Name: "epoc.pdf", Body: base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%%PDF-1.7 order %d", f.cases))}}})
		id = string(c.Case)
		return err
	}))
	f.must(f.move("noor", id, "authenticate", api.AuthenticateInput{Means: "national-system", Note: "verified", Genuine: true}))
	f.must(f.move("noor", id, "preserve", api.PreserveInput{Customer: "harbour-clinic", Scope: scope, Why: "Article 10(1)"}))
	f.must(f.move("mira", id, "identify", api.IdentifyInput{Customer: "harbour-clinic", How: "by name"}))
	f.must(f.move("mira", id, "scope", api.ScopeInput{Scope: scope}))
	f.must(f.move("mira", id, "secrecy", api.SecrecyInput{}))
	f.must(f.move("mira", id, "review", nil))
	c := f.look(id)
	var rules []string
	for _, one := range c.Findings {
		if one.Outcome != "pass" {
			rules = append(rules, one.Rule)
		}
	}
	if len(rules) > 0 {
		f.must(f.move("mira", id, "determine", api.ProposeInput{Rules: rules, Reason: "judged"}))
		f.must(f.move("theo", id, "second", api.SecondInput{Proposal: f.look(id).Determinations[0].Number}))
	}
	f.must(f.move("mira", id, "approve", limits))
	f.must(f.move("mira", id, "draft", nil))
	return id
}

func (f *siege) look(id string) (c api.Case) {
	f.t.Helper()
	f.must(f.as("mira", func(ctx context.Context, d *api.Desk) (err error) { c, err = d.Case(ctx, id); return err }))
	return c
}

func (f *siege) signs(name, id string) error {
	return f.as(name, func(_ context.Context, d *api.Desk) error { return f.signCase(d, name, id) })
}

func (f *siege) minted(scope policy.Scope, limits api.ApproveInput) (id string) {
	f.t.Helper()
	id = f.drafted(scope, limits)
	f.must(f.signs("ada", id))
	f.must(f.signs("jun", id))
	return id
}

// produce tries for at most some time.
func (f *siege) produce(id string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	d, done := f.desk("sam")
	defer done()
	_, err := d.Produce(ctx, id, api.ProduceInput{Recipients: []string{f.court.Recipient().String()}}, nil)
	return err
}

// refused: it didn't work, nothing was opened, and no package is there.
func (f *siege) refused(what, id string, err error) {
	f.t.Helper()
	if err == nil {
		f.t.Errorf("%s: it was produced", what)
	} else {
		f.t.Logf("%s: %v", what, err)
	}
	if c := f.look(id); c.Production != nil {
		f.t.Errorf("%s: the case has a package", what)
	}
	if volumes, _ := filepath.Glob(filepath.Join(f.data, "packages", id, "*")); len(volumes) > 0 {
		f.t.Errorf("%s: there are %v", what, volumes)
	}
}

// opened are the objects of a package, as the court opens it.
func (f *siege) opened(id string) (out map[string]string) {
	f.t.Helper()
	identity, err := bag.ParseIdentity([]byte(f.court.String()))
	f.must(err)
	into := filepath.Join(f.t.TempDir(), "opened")
	report, err := bag.Open(context.Background(), bag.OpenInput{Package: filepath.Join(f.data, "packages", id), Into: into, Identity: identity})
	if err != nil || !report.Valid() {
		f.t.Fatalf("the package does not open: %v %+v", err, report)
	}
	out = map[string]string{}
	all, err := filepath.Glob(filepath.Join(into, "data", "ward-seven", "letters", "*"))
	f.must(err)
	for _, name := range all {
		body, err := os.ReadFile(name)
		f.must(err)
		out[filepath.Base(name)] = string(body)
	}
	return out
}

// renew puts another set of custodians in force, signed by ada and jun.
func (f *siege) renew(change func(*policy.Set)) error {
	next, digest := f.set, f.set.Digest()
	next.Members = slices.Clone(f.set.Members)
	next.Number, next.Previous, next.At = f.set.Number+1, digest[:], time.Now().UTC().Truncate(time.Second)
	change(&next)
	payload, err := next.Encode()
	if err != nil {
		return err
	}
	e := policy.NewEnvelope(policy.TypeSet, payload)
	e.Add(f.sign("ada", policy.TypeSet, payload))
	e.Add(f.sign("jun", policy.TypeSet, payload))
	envelope, err := e.Encode()
	if err != nil {
		return err
	}
	err = f.as("mira", func(ctx context.Context, d *api.Desk) error { _, err := d.SetCustodians(ctx, envelope); return err })
	if err == nil {
		f.set = next
	}
	return err
}

// TestAttackTheWrit tries on a running server, by its own interface and behind
// its back, what must never open anything.
func TestAttackTheWrit(t *testing.T) {
	f := besiege(t)

	// No quorum; the same person again, and by another's hand.
	id := f.drafted(letters(), api.ApproveInput{})
	f.refused("no signature", id, f.produce(id, 10*time.Second))
	f.must(f.signs("ada", id))
	f.refused("one of two", id, f.produce(id, 10*time.Second))
	if err := f.signs("ada", id); err == nil {
		t.Error("one custodian signed twice")
	}
	err := f.as("jun", func(_ context.Context, d *api.Desk) error { return f.signCase(d, "ada", id) })
	if err == nil {
		t.Error("jun brought ada's signature as his own")
	}

	// One person with two keys.
	public, private, err := ed25519.GenerateKey(rand.Reader)
	f.must(err)
	f.keys["ada again"] = private
	f.must(f.renew(func(s *policy.Set) {
		s.Members = append(s.Members, policy.Member{Person: "ada.okafor", Role: writ.RoleCustodian, Key: public, Outside: true, Offline: true})
	}))
	id = f.drafted(letters(), api.ApproveInput{})
	f.must(f.signs("ada", id))
	// She may, with a key off line after one in a browser, say; she counts once.
	f.must(f.as("ada", func(_ context.Context, d *api.Desk) error { return f.signCase(d, "ada again", id) }))
	f.refused("one person with two keys", id, f.produce(id, 10*time.Second))

	// A signature over another scope, under its own digest and under the right one.
	f.must(f.as("jun", func(ctx context.Context, d *api.Desk) error {
		s, err := d.ToSign(ctx, id)
		if err != nil {
			return err
		}
		a, err := policy.ParseAuthorisation(s.Payload)
		if err != nil {
			return err
		}
		a.Scope.Buckets[0].Prefixes = nil
		wider, err := a.Encode()
		if err != nil {
			return err
		}
		sig, digest := f.sign("jun", policy.TypeAuthorisation, wider), sha256.Sum256(wider)
		for _, under := range []string{s.Digest, hex.EncodeToString(digest[:])} {
			if _, err := d.Move(ctx, id, "sign", api.SignInput{Digest: under, Key: sig.KeyID, Sig: sig.Sig}); err == nil {
				t.Error("a signature over another scope was taken")
			}
		}
		return nil
	}))

	// What custodians signed in one case, in another of the very same scope.
	other := f.drafted(letters(), api.ApproveInput{})
	for _, name := range []string{"ada", "jun"} {
		f.must(f.as(name, func(ctx context.Context, d *api.Desk) error {
			first, err := d.ToSign(ctx, id)
			if err != nil {
				return err
			}
			sig := f.sign(name, policy.TypeAuthorisation, first.Payload)
			second, err := d.ToSign(ctx, other)
			if err != nil {
				return err
			}
			for _, under := range []string{first.Digest, second.Digest} {
				if _, err := d.Move(ctx, other, "sign", api.SignInput{Digest: under, Key: sig.KeyID, Sig: sig.Sig}); err == nil {
					t.Error("a signature was taken in another case")
				}
			}
			return nil
		}))
	}
	f.refused("signed for another case", other, f.produce(other, 10*time.Second))

	// Expired.
	id = f.minted(letters(), api.ApproveInput{Until: time.Now().Add(4 * time.Second).UTC()})
	time.Sleep(5 * time.Second)
	f.refused("expired", id, f.produce(id, 20*time.Second))

	// An object that came after the time range, under a budget that has room.
	scope := letters()
	scope.Until = time.Now().UTC().Truncate(time.Second).Add(time.Second)
	time.Sleep(2 * time.Second)
	f.put("letters/late", "too late")
	id = f.minted(scope, api.ApproveInput{Objects: 10, Bytes: 1 << 20})
	f.must(f.produce(id, time.Minute))
	if got := f.opened(id); len(got) != 1 || !strings.Contains(fmt.Sprint(got), fever) {
		t.Errorf("the package holds %q", got)
	}

	// More than the budget has, in objects and in the middle of a stream.
	for _, limits := range []api.ApproveInput{{Objects: 1, Bytes: 1 << 20}, {Objects: 10, Bytes: int64(len(fever)) - 1}} {
		id = f.minted(letters(), limits)
		f.refused("over the budget", id, f.produce(id, 20*time.Second))
	}

	// Revoked between signature and opening.
	id = f.minted(letters(), api.ApproveInput{})
	public, private, err = ed25519.GenerateKey(rand.Reader)
	f.must(err)
	f.must(f.renew(func(s *policy.Set) {
		for n := range s.Members {
			if s.Members[n].Person == "jun.park" {
				s.Members[n].Key = public
			}
		}
	}))
	f.keys["jun"] = private
	f.refused("revoked", id, f.produce(id, 20*time.Second))

	// Four productions at once: one package, each object once.
	id = f.minted(letters(), api.ApproveInput{})
	errs := make([]error, 4)
	var group sync.WaitGroup
	for n := range errs {
		group.Go(func() { errs[n] = f.produce(id, time.Minute) })
	}
	group.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		}
	}
	if made != 1 || f.happened(id, docket.Produced) != 1 || len(f.opened(id)) != 2 {
		t.Errorf("%d of four productions at once: %v", made, errs)
	}

	f.unwitnessed()
	f.edited()
}

// unwitnessed: with the witness gone nothing is committed to, so that nothing
// opens; two persons, one of them counsel, may go on without it, and the public
// log says so for ever.
func (f *siege) unwitnessed() {
	t := f.t
	t.Helper()
	f.witness.kill()
	id := f.minted(letters(), api.ApproveInput{})
	f.refused("not committed to before witnesses", id, f.produce(id, 5*time.Second))
	s := f.look(id)
	if s.Writ == nil {
		t.Fatal("there is no writ")
	}
	digest, err := hex.DecodeString(s.Writ.Digest)
	f.must(err)
	now := time.Now().UTC().Truncate(time.Second)
	payload, err := policy.Waiver{V: 1, Case: writ.CaseID(id), Writ: digest, Reason: "the witness is away", Deadline: now.Add(8 * time.Hour), At: now, NotAfter: now.Add(time.Hour)}.Encode()
	f.must(err)
	waive := func(names ...string) error {
		e := policy.NewEnvelope(policy.TypeWaiver, payload)
		for _, name := range names {
			e.Add(f.sign(name, policy.TypeWaiver, payload))
		}
		envelope, err := e.Encode()
		f.must(err)
		return f.move("mira", id, "waive", api.WaiveInput{Envelope: envelope})
	}
	for _, names := range [][]string{{"mira"}, {"ada", "jun"}, {"ada", "ada again"}} {
		if err := waive(names...); err == nil {
			t.Errorf("%v went on without witnesses", names)
		}
	}
	f.refused("without a waiver", id, f.produce(id, 5*time.Second))
	f.must(waive("mira", "ada"))
	f.must(f.produce(id, time.Minute))
	f.witness.start()
	pins := t.TempDir()
	for name, args := range map[string][]string{"vkey": {"ledger", "key"}, "policy": {"ledger", "policy"}} {
		f.must(os.WriteFile(filepath.Join(pins, name), f.admin(args...), 0o600))
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		out := verify(t, nil, "log", "https://"+f.web, "--ca", filepath.Join(f.data, "ca.pem"), "--log-key", filepath.Join(pins, "vkey"), "--policy", filepath.Join(pins, "policy"), "--full")
		if strings.Contains(out, "opened under law while witnesses were away") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the public log does not say so:\n%s", out)
		}
	}
}

// edited: somebody who has disk and root key changes a word in a case's events.
func (f *siege) edited() {
	t := f.t
	t.Helper()
	id := f.minted(letters(), api.ApproveInput{})
	f.stop()
	cfg, err := config.Load(config.Sources{Environ: []string{"WRIT_DATA=" + f.data, "WRIT_KEY_FILE=" + f.keyFile}})
	f.must(err)
	rooms, err := writd.OpenRooms(cfg, gate.KeyFile(f.keyFile), false, slog.New(slog.DiscardHandler))
	f.must(err)
	ctx, changed := context.Background(), 0
	for r := records.Prefix(nil); ; {
		entries, more, err := rooms.Records.Scan(ctx, r)
		f.must(err)
		var b records.Batch
		for _, e := range entries {
			if bytes.Contains(e.Value, []byte(`"`+id+`"`)) && bytes.Contains(e.Value, []byte(`"Tribunal de Valbrume"`)) && bytes.Contains(e.Value, []byte(`"seq":1`)) {
				b.Put(e.Key, bytes.Replace(e.Value, []byte("Valbrume"), []byte("Valbrune"), 1))
				changed++
			}
		}
		f.must(rooms.Records.Apply(ctx, &b))
		if !more || len(entries) == 0 {
			break
		}
		r.Start = append(slices.Clone(entries[len(entries)-1].Key), 0)
	}
	f.must(rooms.Close())
	if changed != 1 {
		t.Fatalf("%d events were edited", changed)
	}
	f.start()
	err = f.as("mira", func(ctx context.Context, d *api.Desk) error { _, err := d.Case(ctx, id); return err })
	if err == nil || !strings.Contains(err.Error(), "not as they were written") {
		t.Errorf("the edited case is shown: %v", err)
	}
	if err := f.produce(id, 20*time.Second); err == nil {
		t.Error("the edited case was produced")
	}
	if volumes, _ := filepath.Glob(filepath.Join(f.data, "packages", id, "*")); len(volumes) > 0 {
		t.Errorf("there are %v", volumes)
	}
	if err := f.as("mira", func(ctx context.Context, d *api.Desk) error {
		return d.Do(ctx, http.MethodGet, "cases", nil, nil)
	}); err != nil {
		t.Errorf("the other cases are gone with it: %v", err)
	}
}
