package policy

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"writ"
)

const (
	ada  writ.Person = "ada.okafor"
	jun  writ.Person = "jun.park"
	lena writ.Person = "lena.virtanen"
	mira writ.Person = "mira.lindqvist"
	theo writ.Person = "theo.brandt"
)

// keyOf is a key that is the same at each run.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("writ/policy test\n" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func member(p writ.Person, key string, role writ.Role, offline bool) Member {
	return Member{Person: p, Role: role, Key: keyOf(key).Public().(ed25519.PublicKey), Outside: p == ada, Offline: offline}
}

// logKey is the verifier key of a log, the same at each run.
var logKey = func() string {
	vkey, err := note.NewEd25519VerifierKey("ledger.fjordhost.example", keyOf("log").Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return vkey
}()

func aSet(change ...func(*Set)) Set {
	s := Set{
		V: 1, Number: 1, Threshold: 2, Log: logKey, Witnesses: NoWitnesses, At: at,
		Members: []Member{
			member(ada, "ada", writ.RoleCustodian, true), member(jun, "jun", writ.RoleCustodian, true), member(jun, "jun/2", writ.RoleCustodian, false),
			member(lena, "lena", writ.RoleCustodian, false), member(mira, "mira", writ.RoleCounsel, true), member(theo, "theo", writ.RoleCounsel, false),
		},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func anAuthorisation(change ...func(*Authorisation)) Authorisation {
	digest := aSet().Digest()
	a := Authorisation{
		V: 1, Case: "2026-7KQM-4ZT0", Order: strings.Repeat("0a", 32), Instrument: "eu.epoc", Issuer: Issuer{"Landgericht Falkenmoor", "DE"},
		Customer: "c-00112233445566778899", Scope: scope(nil), Limits: Limits{Objects: 10, Bytes: 1 << 20, NotAfter: at.Add(48 * time.Hour)},
		Secrecy: Silence{Basis: writ.AuthorityTells, Why: "Regulation (EU) 2023/1543, Article 13"}, Set: digest[:], Nonce: bytes.Repeat([]byte{5}, 16), At: at,
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func aWaiver(change ...func(*Waiver)) Waiver {
	w := Waiver{V: 1, Case: "2026-7KQM-4ZT0", Writ: bytes.Repeat([]byte{6}, 32), Reason: "Both witnesses are away", Deadline: at.Add(2 * time.Hour), At: at, NotAfter: at.Add(8 * time.Hour)}
	for _, c := range change {
		c(&w)
	}
	return w
}

type encoder interface{ Encode() ([]byte, error) }

func signed(t testing.TB, payloadType string, v encoder, keys ...string) []byte {
	t.Helper()
	payload, err := v.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e := NewEnvelope(payloadType, payload)
	for _, k := range keys {
		e.Add(signature(payloadType, payload, k))
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func signature(payloadType string, payload []byte, key string) Signature {
	return Signature{KeyID: KeyID(keyOf(key).Public().(ed25519.PublicKey)), Sig: ed25519.Sign(keyOf(key), Message(payloadType, payload))}
}

func wants(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// TestVectors: what is signed is these bytes, and a second implementation makes
// the same.
func TestVectors(t *testing.T) {
	set, _ := aSet().Encode()
	authorisation, _ := anAuthorisation().Encode()
	waiver, _ := aWaiver().Encode()
	item := Item{Bucket: "ward-seven", Key: "letters/a", Version: "1", Blob: writ.BlobID{1, 2, 3}, Size: 5, Made: at, Tags: map[string]string{"b": "2", "a": "1"}}
	list := ListDigest([]Item{item})
	for name, c := range map[string]struct{ have, want string }{
		"set": {digest(set), "7871972f27bccb266ee620f037f060bdcab149ff148cfcd9e6e327db1c58b1e6"}, "authorisation": {digest(authorisation), "bdae21e66e68d652f3de717f7da9b6170d8306d9d4de85473f43b32315b0debd"}, "waiver": {digest(waiver), "e66ed0202cbd56cf02be471e9724a027dec4efe8c909661fb28b97b27738c05b"},
		"list": {hex.EncodeToString(list[:]), "3137f8ca493d4c4dfa0633dc822e859fec9270275368961b4df4adeec1349b2d"},
		"pae":  {string(Message(TypeWaiver, []byte("{}"))), "DSSEv1 37 application/vnd.writ.unwitnessed+json 2 {}"},
	} {
		if c.have != c.want {
			t.Errorf("%s: %s, not %s", name, c.have, c.want)
		}
	}
	if text := string(waiver); text != `{"v":1,"case":"2026-7KQM-4ZT0","writ":"BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY=","reason":"Both witnesses are away","deadline":"2026-11-24T11:00:00Z","at":"2026-11-24T09:00:00Z","not_after":"2026-11-24T17:00:00Z"}` {
		t.Errorf("a waiver is spelled %s", text)
	}
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// TestListDigest: any change of a list changes it.
func TestListDigest(t *testing.T) {
	a := Item{Bucket: "b", Key: "k", Version: "1", Blob: writ.BlobID{1}, Size: 1, Made: at, Tags: map[string]string{"x": "y"}}
	b := Item{Bucket: "bk", Key: "1", Version: "2", Blob: writ.BlobID{2}, Size: 1, Made: at}
	seen := map[[32]byte]int{}
	lists := [][]Item{nil, {a}, {b}, {a, b}, {b, a}, {a, a}}
	for _, change := range []func(*Item){
		func(i *Item) { i.Bucket = "bk"; i.Key = "" }, func(i *Item) { i.Key = "kk" }, func(i *Item) { i.Version = "2" }, func(i *Item) { i.Blob[15] = 1 },
		func(i *Item) { i.Size = 2 }, func(i *Item) { i.Made = at.Add(1) }, func(i *Item) { i.Tags = nil }, func(i *Item) { i.Tags = map[string]string{"x": "z"} },
		func(i *Item) { i.Tags = map[string]string{"xy": ""} }, func(i *Item) { i.Tags = map[string]string{"x": "y", "z": ""} },
	} {
		c := a
		change(&c)
		lists = append(lists, []Item{c})
	}
	for n, l := range lists {
		d := ListDigest(l)
		if other, twice := seen[d]; twice {
			t.Errorf("lists %d and %d have one digest", other, n)
		}
		seen[d] = n
	}
	elsewhere := a
	elsewhere.Made = a.Made.In(time.FixedZone("", 3600))
	if ListDigest([]Item{elsewhere}) != ListDigest([]Item{a}) {
		t.Error("the digest depends on the time's zone")
	}
}

func TestSetCheck(t *testing.T) {
	if err := aSet().Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Set){
		"version 2":                  func(s *Set) { s.V = 2 },
		"number 0":                   func(s *Set) { s.Number = 0 },
		"second without a first":     func(s *Set) { s.Number = 2 },
		"first with one before":      func(s *Set) { s.Previous = bytes.Repeat([]byte{1}, 32) },
		"short digest":               func(s *Set) { s.Number, s.Previous = 2, []byte{1} },
		"nobody":                     func(s *Set) { s.Members = nil },
		"threshold 1":                func(s *Set) { s.Threshold = 1 },
		"threshold of keys":          func(s *Set) { s.Threshold = 4 },
		"counsel counted":            func(s *Set) { s.Threshold = 5 },
		"a key twice":                func(s *Set) { s.Members[3].Key = s.Members[0].Key },
		"a key of 31 bytes":          func(s *Set) { s.Members[3].Key = s.Members[3].Key[:31] },
		"one person in two roles":    func(s *Set) { s.Members[2].Role = writ.RoleCounsel },
		"one person in and out":      func(s *Set) { s.Members[2].Outside = true },
		"an operator":                func(s *Set) { s.Members[3].Role = writ.RoleOperator },
		"no person":                  func(s *Set) { s.Members[3].Person = "Lena Virtanen" },
		"nobody off line":            func(s *Set) { s.Members[0].Offline, s.Members[1].Offline = false, false },
		"only counsel off line":      func(s *Set) { s.Members[0].Offline, s.Members[1].Offline, s.Members[4].Offline = false, false, true },
		"no log":                     func(s *Set) { s.Log = "" },
		"no word on witnesses":       func(s *Set) { s.Witnesses = "" },
		"a quorum of none":           func(s *Set) { s.Witnesses = "log " + logKey + "\nquorum none\n" },
		"a policy that is none":      func(s *Set) { s.Witnesses = "nobody" },
		"no time":                    func(s *Set) { s.At = time.Time{} },
		"too many keys":              func(s *Set) { s.Members = append(s.Members, many(MaxMembers)...) },
		"a witness's name as policy": func(s *Set) { s.Witnesses = "NONE" },
	} {
		wants(t, name, aSet(func(s *Set) { s.Members = slices.Clone(s.Members) }, change).Check(), ErrForm)
	}
}

func many(n int) (all []Member) {
	for i := range n {
		all = append(all, member(writ.Person(fmt.Sprintf("p%d", i)), fmt.Sprint(i), writ.RoleCounsel, false))
	}
	return all
}

func TestVerifyChange(t *testing.T) {
	everybody := []string{"ada", "jun", "jun/2", "lena", "mira", "theo"}
	first := aSet()
	if s, who, err := VerifyChange(nil, signed(t, TypeSet, first, everybody...)); err != nil || s.Digest() != first.Digest() || len(who) != 5 {
		t.Fatalf("%v, %v", who, err)
	}
	for i := range everybody {
		_, _, err := VerifyChange(nil, signed(t, TypeSet, first, slices.Delete(slices.Clone(everybody), i, i+1)...))
		wants(t, "without "+everybody[i], err, ErrQuorum)
	}
	digest := first.Digest()
	second := aSet(func(s *Set) {
		s.Number, s.Previous, s.At = 2, digest[:], at.Add(time.Hour)
		s.Members = append(slices.Clone(s.Members), member("noor.adeyemi", "noor", writ.RoleCustodian, true))
	})
	if _, who, err := VerifyChange(&first, signed(t, TypeSet, second, "ada", "lena")); err != nil || !slices.Equal(who, []writ.Person{ada, lena}) {
		t.Fatalf("%v, %v", who, err)
	}
	change := func(f func(*Set)) Set {
		s := second
		f(&s)
		return s
	}
	for name, c := range map[string]struct {
		old  *Set
		next Set
		keys []string
		want error
	}{
		"as the first":             {nil, second, everybody, ErrSet},
		"the first again":          {&first, first, everybody, ErrSet},
		"a number left out":        {&first, change(func(s *Set) { s.Number = 3 }), everybody, ErrSet},
		"after another":            {&first, change(func(s *Set) { s.Previous = bytes.Repeat([]byte{1}, 32) }), everybody, ErrSet},
		"older":                    {&first, change(func(s *Set) { s.At = at.Add(-1) }), everybody, ErrSet},
		"one person":               {&first, second, []string{"jun", "jun/2"}, ErrQuorum},
		"the new one":              {&first, second, []string{"noor", "ada"}, ErrQuorum},
		"counsel":                  {&first, second, []string{"mira", "theo", "ada"}, ErrQuorum},
		"nobody off line":          {&first, second, []string{"jun/2", "lena"}, ErrOffline},
		"nobody":                   {&first, second, nil, ErrUnknownKey},
		"somebody":                 {&first, second, []string{"x", "y"}, ErrUnknownKey},
		"an authorisation's type?": {&first, second, []string{"ada", "jun"}, ErrPayloadType},
	} {
		kind := TypeSet
		if c.want == ErrPayloadType {
			kind = TypeAuthorisation
		}
		_, _, err := VerifyChange(c.old, signed(t, kind, c.next, c.keys...))
		wants(t, name, err, c.want)
	}
}

func TestAuthorisationCheck(t *testing.T) {
	if err := anAuthorisation().Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Authorisation){
		"version 2":             func(a *Authorisation) { a.V = 2 },
		"no case":               func(a *Authorisation) { a.Case = "" },
		"no customer":           func(a *Authorisation) { a.Customer = "harbour-clinic" },
		"an order in capitals":  func(a *Authorisation) { a.Order = strings.Repeat("0A", 32) },
		"half an order":         func(a *Authorisation) { a.Order = "0a" },
		"no instrument":         func(a *Authorisation) { a.Instrument = "" },
		"no issuer":             func(a *Authorisation) { a.Issuer.Name = "" },
		"an issuer of two":      func(a *Authorisation) { a.Issuer.Name = "a\nb" },
		"an issuer that paints": func(a *Authorisation) { a.Issuer.Name = "\x1b[31mred" },
		"an issuer reversed":    func(a *Authorisation) { a.Issuer.Name = "Landgericht\u202e" },
		"a country in words":    func(a *Authorisation) { a.Issuer.Country = "de" },
		"no set":                func(a *Authorisation) { a.Set = nil },
		"half a list":           func(a *Authorisation) { a.List = []byte{1} },
		"no nonce":              func(a *Authorisation) { a.Nonce = nil },
		"no time":               func(a *Authorisation) { a.At = time.Time{} },
		"a local time":          func(a *Authorisation) { a.At = a.At.In(time.FixedZone("", 3600)) },
		"a scope's local time":  func(a *Authorisation) { a.Scope.From = a.Scope.From.In(time.FixedZone("", 3600)) },
		"no object":             func(a *Authorisation) { a.Limits.Objects = 0 },
		"fewer than none":       func(a *Authorisation) { a.Limits.Bytes = -1 },
		"too many":              func(a *Authorisation) { a.Limits.Objects = MaxBudget + 1 },
		"for ever":              func(a *Authorisation) { a.Limits.NotAfter = time.Time{} },
		"over already":          func(a *Authorisation) { a.Limits.NotAfter = a.At },
		"for years":             func(a *Authorisation) { a.Limits.NotAfter = a.At.Add(MaxValid + 1) },
		"no basis":              func(a *Authorisation) { a.Secrecy.Basis = "" },
		"no reason":             func(a *Authorisation) { a.Secrecy.Why = "" },
		"told under secrecy":    func(a *Authorisation) { a.Secrecy.Told = true },
		"told before, in secret": func(a *Authorisation) {
			a.Secrecy = Silence{Basis: writ.TellBefore, Why: "x"}
		},
		"a date without a date": func(a *Authorisation) { a.Secrecy.Basis = writ.DatedOrder },
		"statutory with an end": func(a *Authorisation) { a.Secrecy = Silence{Basis: writ.Statutory, Until: at.Add(1), Why: "x"} },
		"secrecy that is over":  func(a *Authorisation) { a.Secrecy = Silence{Basis: writ.DatedOrder, Until: at, Why: "x"} },
	} {
		wants(t, name, anAuthorisation(change).Check(), ErrForm)
	}
	wants(t, "no scope", anAuthorisation(func(a *Authorisation) { a.Scope.Classes = nil }).Check(), ErrScope)
	wants(t, "no bucket", anAuthorisation(func(a *Authorisation) { a.Scope.Buckets = nil }).Check(), ErrScope)
	wants(t, "objects, and elsewhere", anAuthorisation(func(a *Authorisation) { a.Scope.Buckets, a.Scope.Elsewhere = nil, true }).Check(), ErrForm)
	for _, s := range []Silence{
		{Basis: writ.TellBefore, Told: true, Why: "x"}, {Basis: writ.TellAfter, Told: true, Why: "x"}, {Basis: writ.TellAfter, Why: "x"},
		{Basis: writ.DatedOrder, Until: at.Add(1), Why: "x"}, {Basis: writ.Conditional, Why: "x"}, {Basis: writ.Statutory, Why: "x"}, {Basis: writ.AuthorityTells, Why: "x"},
	} {
		if err := anAuthorisation(func(a *Authorisation) { a.Secrecy = s }).Check(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// TestLargestAuthorisationIsSigned: what the bounds allow fits a payload.
func TestLargestAuthorisationIsSigned(t *testing.T) {
	a := anAuthorisation(func(a *Authorisation) {
		a.Scope.Buckets = nil
		for i := range 22 {
			a.Scope.Buckets = append(a.Scope.Buckets, BucketScope{Bucket: writ.BucketName(fmt.Sprintf("%063d", i)), Prefixes: []string{strings.Repeat("p", 1024)}})
		}
		a.Issuer.Name, a.Secrecy.Why = strings.Repeat("n", 300), strings.Repeat("w", MaxWhy)
	})
	if _, err := a.Encode(); err != nil {
		t.Error(err)
	}
}

// TestOneSpelling: whatever else would read as the same is refused.
func TestOneSpelling(t *testing.T) {
	good, err := anAuthorisation().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"a space":            strings.Replace(string(good), `"v":1`, `"v": 1`, 1),
		"a newline":          string(good) + "\n",
		"another field":      strings.Replace(string(good), `"v":1`, `"v":1,"x":1`, 1),
		"a field twice":      strings.Replace(string(good), `"v":1`, `"v":1,"v":1`, 1),
		"a field in capital": strings.Replace(string(good), `"v":1`, `"V":1`, 1),
		"another order":      strings.Replace(strings.Replace(string(good), `"v":1,`, ``, 1), `}`, `,"v":1}`, 1),
		"an escape":          strings.Replace(string(good), `Landgericht`, `\u004candgericht`, 1),
		"a time elsewhere":   strings.Replace(string(good), `"at":"2026-11-24T09:00:00Z"`, `"at":"2026-11-24T10:00:00+01:00"`, 1),
		"a time's zero":      strings.Replace(string(good), `"at":"2026-11-24T09:00:00Z"`, `"at":"2026-11-24T09:00:00.0Z"`, 1),
		"an empty list":      strings.Replace(string(good), `"prefixes":["letters/"]`, `"prefixes":["letters/"],"objects":[]`, 1),
		"a number as real":   strings.Replace(string(good), `"objects":10`, `"objects":1e1`, 1),
		"nothing":            "", "null": "null", "empty": "{}",
	} {
		if b == string(good) {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := ParseAuthorisation([]byte(b)); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wants(t, "large", func() error { _, err := ParseAuthorisation(make([]byte, MaxPayload+1)); return err }(), ErrForm)
}

func TestVerifyAuthorisation(t *testing.T) {
	set := aSet()
	a := anAuthorisation()
	good := signed(t, TypeAuthorisation, a, "lena", "ada", "nobody", "theo")
	got, who, err := VerifyAuthorisation(set, good, at)
	if err != nil || !slices.Equal(who, []writ.Person{ada, lena}) || got.Order != a.Order {
		t.Fatalf("%v, %v", who, err)
	}
	for name, c := range map[string]struct {
		set      Set
		envelope []byte
		now      time.Time
		want     error
	}{
		"expired":                {set, good, a.Limits.NotAfter, ErrExpired},
		"just before":            {set, good, a.Limits.NotAfter.Add(-1), nil},
		"too early":              {set, good, at.Add(-ahead - 1), ErrEarly},
		"clocks differ a little": {set, good, at.Add(-ahead), nil},
		"another set":            {aSet(func(s *Set) { s.Threshold = 3 }), good, at, ErrSet},
		"no set":                 {Set{}, good, at, ErrSet},
		"as a waiver":            {set, signed(t, TypeWaiver, a, "ada", "jun"), at, ErrPayloadType},
		"as nothing":             {set, []byte("{}"), at, ErrForm},
		"large":                  {set, make([]byte, MaxEnvelope+1), at, ErrForm},
	} {
		_, _, err := VerifyAuthorisation(c.set, c.envelope, c.now)
		if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A signature over the payload alone, or for another type, is none.
	payload, _ := a.Encode()
	for name, message := range map[string][]byte{
		"the payload alone": payload, "another type": Message(TypeSet, payload), "base64": []byte(base64.StdEncoding.EncodeToString(payload)), "nothing": nil,
	} {
		e := NewEnvelope(TypeAuthorisation, payload)
		for _, k := range []string{"ada", "jun"} {
			e.Add(Signature{KeyID: KeyID(keyOf(k).Public().(ed25519.PublicKey)), Sig: ed25519.Sign(keyOf(k), message)})
		}
		b, _ := e.Encode()
		_, _, err := VerifyAuthorisation(set, b, at)
		wants(t, name, err, ErrQuorum)
	}
}

func TestVerifyWaiver(t *testing.T) {
	set, w := aSet(), aWaiver()
	digest := [32]byte(w.Writ)
	for name, c := range map[string]struct {
		keys []string
		who  []writ.Person
	}{
		"counsel and custodian":  {[]string{"mira", "lena"}, []writ.Person{lena, mira}},
		"two counsels":           {[]string{"mira", "theo"}, []writ.Person{mira, theo}},
		"two custodians":         {[]string{"ada", "jun"}, nil},
		"one counsel":            {[]string{"mira"}, nil},
		"counsel and a stranger": {[]string{"mira", "x"}, nil},
		"strangers":              {[]string{"x", "y"}, nil},
	} {
		_, who, err := VerifyWaiver(set, signed(t, TypeWaiver, w, c.keys...), w.Case, digest, at)
		if c.who == nil {
			wants(t, name, err, ErrQuorum)
		} else if err != nil || !slices.Equal(who, c.who) {
			t.Errorf("%s: %v, %v", name, who, err)
		}
	}
	good := signed(t, TypeWaiver, w, "mira", "ada")
	verify := func(what string, c writ.CaseID, d [32]byte, now time.Time, want error) {
		t.Helper()
		_, _, err := VerifyWaiver(set, good, c, d, now)
		wants(t, what, err, want)
	}
	verify("another case", "2026-0000-0000", digest, at, ErrWaiver)
	verify("another writ", w.Case, [32]byte{}, at, ErrWaiver)
	verify("over", w.Case, digest, w.NotAfter, ErrExpired)
	verify("early", w.Case, digest, at.Add(-time.Hour), ErrEarly)
	for name, change := range map[string]func(*Waiver){
		"version 2":   func(w *Waiver) { w.V = 2 },
		"a day":       func(w *Waiver) { w.NotAfter = w.At.Add(MaxWaiver + 1) },
		"no time":     func(w *Waiver) { w.NotAfter = w.At },
		"no reason":   func(w *Waiver) { w.Reason = "" },
		"no deadline": func(w *Waiver) { w.Deadline = time.Time{} },
		"no writ":     func(w *Waiver) { w.Writ = nil },
		"no case":     func(w *Waiver) { w.Case = "" },
	} {
		wants(t, name, aWaiver(change).Check(), ErrForm)
	}
}

// TestNothingVerifiesWithoutAQuorum makes envelopes at random, of good and bad
// signatures by all kinds of keys: what verifies is exactly what has a quorum.
func TestNothingVerifiesWithoutAQuorum(t *testing.T) {
	set := aSet()
	a := anAuthorisation()
	payload, _ := a.Encode()
	keys := []string{"ada", "jun", "jun/2", "lena", "mira", "theo", "x", "y"}
	persons := map[string]writ.Person{"ada": ada, "jun": jun, "jun/2": jun, "lena": lena}
	rapid.Check(t, func(t *rapid.T) {
		e := NewEnvelope(TypeAuthorisation, payload)
		custodians, offline := map[writ.Person]bool{}, false
		for n := range rapid.IntRange(0, 8).Draw(t, "signatures") {
			key := rapid.SampledFrom(keys).Draw(t, fmt.Sprint("key", n))
			s := signature(TypeAuthorisation, payload, key)
			switch rapid.SampledFrom([]string{"good", "good", "flipped", "short", "another's id", "no id", "other payload", "empty"}).Draw(t, fmt.Sprint("how", n)) {
			case "good":
				custodians[persons[key]], offline = true, offline || key == "ada" || key == "jun"
			case "no id":
				s.KeyID = ""
				custodians[persons[key]], offline = true, offline || key == "ada" || key == "jun"
			case "flipped":
				s.Sig[rapid.IntRange(0, 63).Draw(t, fmt.Sprint("byte", n))] ^= 1 << rapid.IntRange(0, 7).Draw(t, fmt.Sprint("bit", n))
			case "short":
				s.Sig = s.Sig[:63]
			case "another's id":
				other := keys[(slices.Index(keys, key)+1)%len(keys)]
				s.KeyID = KeyID(keyOf(other).Public().(ed25519.PublicKey))
			case "other payload":
				s = signature(TypeAuthorisation, append(slices.Clone(payload), ' '), key)
			case "empty":
				s.Sig = nil
			}
			e.Signatures = append(e.Signatures, s)
		}
		delete(custodians, "")
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		_, who, err := VerifyAuthorisation(set, b, at)
		if quorum := len(custodians) >= 2 && offline; quorum != (err == nil) {
			t.Fatalf("of %v, off line %v: %v, %v", custodians, offline, who, err)
		}
		if err == nil && len(who) != len(custodians) || err != nil && !errors.Is(err, ErrQuorum) {
			t.Fatalf("of %v: %v, %v", custodians, who, err)
		}
	})
}

func TestEnvelope(t *testing.T) {
	e := NewEnvelope(TypeWaiver, []byte("{}"))
	e.Add(Signature{"a", []byte{1}})
	e.Add(Signature{"b", []byte{2}})
	e.Add(Signature{"a", []byte{3}})
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"payloadType":"application/vnd.writ.unwitnessed+json","payload":"e30=","signatures":[{"keyid":"b","sig":"Ag=="},{"keyid":"a","sig":"Aw=="}]}`; string(b) != want {
		t.Errorf("%s", b)
	}
	for name, text := range map[string]string{
		"a field":      strings.Replace(string(b), `{"payloadType"`, `{"x":1,"payloadType"`, 1),
		"a type twice": strings.Replace(string(b), `{"payloadType"`, `{"PayloadType":"x","payloadType"`, 1),
		"no type":      `{"payload":"e30=","signatures":[]}`,
		"no payload":   `{"payloadType":"x","payload":"","signatures":[]}`,
		"behind":       string(b) + "{}",
		"many":         `{"payloadType":"x","payload":"e30=","signatures":[` + strings.Repeat(`{"keyid":"","sig":""},`, MaxSignatures) + `{"keyid":"","sig":""}]}`,
		"a long one":   `{"payloadType":"x","payload":"e30=","signatures":[{"keyid":"` + strings.Repeat("a", 129) + `","sig":""}]}`,
	} {
		_, err := ParseEnvelope([]byte(text))
		wants(t, name, err, ErrForm)
	}
}

// fuzz seeds a target with what is in order, and half of it.
func fuzz(f *testing.F, good []byte, parse func(*testing.T, []byte)) {
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("{}"))
	f.Fuzz(parse)
}

// FuzzSet, FuzzAuthorisation and FuzzWaiver: what is read is spelled the same
// way again, and in order.
func FuzzSet(f *testing.F) {
	good, _ := aSet().Encode()
	fuzz(f, good, func(t *testing.T, b []byte) {
		if s, err := ParseSet(b); err == nil {
			again(t, s, b)
		}
	})
}

func FuzzAuthorisation(f *testing.F) {
	good, _ := anAuthorisation().Encode()
	fuzz(f, good, func(t *testing.T, b []byte) {
		if a, err := ParseAuthorisation(b); err == nil {
			again(t, a, b)
		}
	})
}

func FuzzWaiver(f *testing.F) {
	good, _ := aWaiver().Encode()
	fuzz(f, good, func(t *testing.T, b []byte) {
		if w, err := ParseWaiver(b); err == nil {
			again(t, w, b)
		}
	})
}

func again(t *testing.T, v encoder, b []byte) {
	t.Helper()
	if out, err := v.Encode(); err != nil || !bytes.Equal(out, b) {
		t.Errorf("%q is spelled %q, %v", b, out, err)
	}
}

// FuzzEnvelope: nothing verifies that only an attacker wrote.
func FuzzEnvelope(f *testing.F) {
	set := aSet()
	good := signed(f, TypeAuthorisation, anAuthorisation(), "ada", "jun")
	payload, _ := anAuthorisation().Encode()
	fuzz(f, good, func(t *testing.T, b []byte) {
		e, err := ParseEnvelope(b)
		if err != nil {
			return
		}
		if _, _, err := VerifyAuthorisation(set, b, at); err == nil && !bytes.Equal(e.Payload, payload) {
			t.Errorf("a quorum out of nothing: %s", b)
		}
		if out, err := e.Encode(); err != nil || !json.Valid(out) {
			t.Errorf("%v", err)
		}
	})
}
