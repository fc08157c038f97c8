package staff

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"pgregory.net/rapid"

	"writ"
)

func landgericht() Description {
	return Description{
		Name: "Landgericht Falkenmoor", Names: map[string]string{"en": "Regional Court of Falkenmoor"}, Country: "DE", Kind: Court,
		Aliases: []string{"LG Falkenmoor"}, Domains: []string{"justiz-falkenmoor.example"}, Mails: []string{"poststelle@lg.justiz-falkenmoor.example"},
	}
}

func (m *team) add(d Description) writ.AuthorityID {
	m.Helper()
	id, _, err := m.AddAuthority(m.ctx, m.as(noor), d)
	m.must(err)
	return id
}

func TestAuthority(t *testing.T) {
	m := newTeam(t)
	_, _, err := m.AddAuthority(m.ctx, m.as(jun), landgericht())
	m.refused(err, ErrRole, "an operator adds an authority")
	// Enrolment is no precondition of anything: three words are enough.
	bare := m.add(Description{Name: "Tribunal de Valbrume", Country: "FR", Kind: InvestigatingJudge})
	id := m.add(landgericht())
	d := landgericht()
	d.Parent = bare
	_, err = m.ChangeAuthority(m.ctx, m.as(mira), id, 7, d)
	m.refused(err, ErrState, "changing a version that isn't the newest")
	_, err = m.ChangeAuthority(m.ctx, m.as(mira), id, 1, d)
	m.must(err)
	_, err = m.ChangeAuthority(m.ctx, m.as(mira), bare, 1, Description{Name: "Tribunal de Valbrume", Country: "FR", Kind: Court, Parent: id})
	m.refused(err, ErrForm, "a circle of parents")
	m.refused(m.Suspend(m.ctx, m.as(noor), id, ""), ErrForm, "suspending without a reason")
	m.must(m.Suspend(m.ctx, m.as(noor), id, "its mailbox was broken into"))
	m.refused(m.Resume(m.ctx, m.as(noor), id, "it says so"), ErrRole, "intake resumes")
	history, err := m.AuthorityHistory(m.ctx, id)
	m.must(err)
	if len(history) != 3 || !history[0].Suspended || history[0].By != noor || history[1].By != mira || history[2].Version != 1 || history[2].Parent != "" {
		t.Errorf("the history is %+v", history)
	}
	m.must(m.Resume(m.ctx, m.as(mira), id, "called back"))
	if all := m.entries(AuditFilter{Object: string(id)}); len(all) != 5 || all[3].Outcome != Refused || all[4].Why != "called back" {
		t.Errorf("the audit trail has %v", all)
	}
	for what, spoil := range map[string]func(*Description){
		"no name":          func(d *Description) { d.Name = "" },
		"a long name":      func(d *Description) { d.Name = strings.Repeat("n", 201) },
		"an escape":        func(d *Description) { d.Name = "Landgericht\x1b[8m" },
		"an invisible":     func(d *Description) { d.Name = "Land\u200bgericht" },
		"no country":       func(d *Description) { d.Country = "" },
		"a small country":  func(d *Description) { d.Country = "de" },
		"a region":         func(d *Description) { d.Country = "ZZ" },
		"an old name":      func(d *Description) { d.Country = "UK" },
		"a kind":           func(d *Description) { d.Kind = "sheriff" },
		"a parent":         func(d *Description) { d.Parent = "a-0000" },
		"a mail":           func(d *Description) { d.Mails = []string{"x"} },
		"a domain":         func(d *Description) { d.Domains = []string{"a b.example"} },
		"a bare domain":    func(d *Description) { d.Domains = []string{"localhost"} },
		"too many aliases": func(d *Description) { d.Aliases = slices.Repeat([]string{"a"}, 33) },
	} {
		d := landgericht()
		spoil(&d)
		if _, _, err := m.AddAuthority(m.ctx, m.as(noor), d); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestCallBack(t *testing.T) {
	m := newTeam(t)
	id := m.add(landgericht())
	good := CallBack{Phone: "+49 30 555 0100", Where: "switchboard", Source: FromRegister, Detail: "federal register of courts, read on 23 November 2026"}
	for what, spoil := range map[string]func(*CallBack){
		"taken from the demand": func(c *CallBack) { c.Source = "demand" },
		"without a source":      func(c *CallBack) { c.Source = "" },
		"without its detail":    func(c *CallBack) { c.Detail = "" },
		"a mail address":        func(c *CallBack) { c.Phone = "poststelle@justiz.example" },
		"a national number":     func(c *CallBack) { c.Phone = "030 555 0100" },
		"a few digits":          func(c *CallBack) { c.Phone = "+49" },
	} {
		c := good
		spoil(&c)
		_, err := m.AddCallBack(m.ctx, m.as(noor), id, c)
		m.refused(err, ErrForm, what)
	}
	contact, err := m.AddCallBack(m.ctx, m.as(noor), id, good)
	m.must(err)
	m.refused(m.VerifyCallBack(m.ctx, m.as(noor), id, contact), ErrAlone, "verifying what one took")
	m.refused(m.VerifyCallBack(m.ctx, m.as(jun), id, contact), ErrRole, "an operator verifies")
	a, err := m.Authority(m.ctx, id)
	m.must(err)
	if a.CallBacks[0].Verified() {
		t.Error("a contact counts that one person took")
	}
	m.must(m.VerifyCallBack(m.ctx, m.as(mira), id, contact))
	a, _ = m.Authority(m.ctx, id)
	if c := a.CallBacks[0]; !c.Verified() || c.TakenBy != noor || c.VerifiedBy != mira || c.Source != FromRegister {
		t.Errorf("the contact is %+v", c)
	}
	m.must(m.RemoveCallBack(m.ctx, m.as(mira), id, contact))
	m.refused(m.RemoveCallBack(m.ctx, m.as(mira), id, contact), ErrNotFound, "removing it twice")
	if h, _ := m.AuthorityHistory(m.ctx, id); len(h[0].CallBacks) != 0 || len(h[1].CallBacks) != 1 {
		t.Error("history lost the contact")
	}
}

// certificate makes a certificate in PEM.
func certificate(t test, pub any, signer crypto.Signer, spoil func(*x509.Certificate)) string {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Landgericht Falkenmoor"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		BasicConstraintsValid: true,
	}
	if spoil != nil {
		spoil(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, pub, signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestKeys(t *testing.T) {
	m := newTeam(t)
	id, other := m.add(landgericht()), m.add(Description{Name: "Tribunal de Valbrume", Country: "FR", Kind: Court})
	identity, err := age.GenerateX25519Identity()
	m.must(err)
	hybrid, err := age.GenerateHybridIdentity()
	m.must(err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.must(err)
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	m.must(err)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	m.must(err)
	edPub, ed, err := ed25519.GenerateKey(rand.Reader)
	m.must(err)
	good := certificate(m, ec.Public(), ec, nil)
	for what, c := range map[string]struct {
		kind KeyKind
		text string
	}{
		"an age identity":           {AgeKey, identity.String()},
		"two recipients":            {AgeKey, identity.Recipient().String() + "\n" + identity.Recipient().String()},
		"a comment":                 {AgeKey, "# mine\n" + identity.Recipient().String()},
		"an ssh key":                {AgeKey, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG"},
		"a certificate as age":      {AgeKey, good},
		"nothing":                   {X509Key, ""},
		"two certificates":          {X509Key, good + good},
		"a private key":             {X509Key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		"a private key beside it":   {X509Key, good + "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"},
		"noise":                     {X509Key, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
		"an authority's":            {X509Key, certificate(m, ec.Public(), ec, func(c *x509.Certificate) { c.IsCA = true })},
		"one that has ended":        {X509Key, certificate(m, ec.Public(), ec, func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 1, 0) })},
		"one for signing":           {X509Key, certificate(m, ec.Public(), ec, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })},
		"a short RSA key":           {X509Key, certificate(m, short.Public(), ec, nil)},
		"a small curve":             {X509Key, certificate(m, weak.Public(), weak, nil)},
		"Ed25519":                   {X509Key, certificate(m, edPub, ed, nil)},
		"a fingerprint as x509":     {X509Key, strings.Repeat("ab", 32)},
		"a short fingerprint":       {ClientKey, strings.Repeat("ab", 20)},
		"a long text":               {ClientKey, strings.Repeat("ab", 16<<10)},
		"an unknown kind":           {"pgp", "x"},
		"a client's that has ended": {ClientKey, certificate(m, ec.Public(), ec, func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 1, 0) })},
	} {
		_, err := m.AddKey(m.ctx, m.as(noor), id, c.kind, c.text)
		m.refused(err, ErrForm, what)
		if err != nil && strings.Contains(err.Error(), identity.String()) {
			t.Errorf("%s: the error holds a secret key", what)
		}
	}
	now := m.clock.now()
	for kind, text := range map[KeyKind]string{AgeKey: hybrid.Recipient().String(), X509Key: good} {
		k, err := m.AddKey(m.ctx, m.as(noor), id, kind, " "+text+"\n")
		m.must(err)
		if k.Usable(now) {
			t.Errorf("%s counts before it is verified", kind)
		}
		_, err = m.AddKey(m.ctx, m.as(noor), other, kind, text)
		m.refused(err, ErrExists, "another authority's key")
		m.refused(m.VerifyKey(m.ctx, m.as(noor), id, k.Fingerprint), ErrAlone, "verifying what one added")
		m.must(m.VerifyKey(m.ctx, m.as(theo), id, k.Fingerprint))
	}
	a, err := m.Authority(m.ctx, id)
	m.must(err)
	for _, k := range a.Keys {
		if !k.Usable(now) || k.Kind == X509Key && k.Usable(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v", k)
		}
	}

	// Client certificates: found by fingerprint, only while all is in order.
	endless := certificate(m, ec.Public(), ec, func(c *x509.Certificate) {
		c.SerialNumber, c.NotAfter = big.NewInt(2), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	})
	k, err := m.AddKey(m.ctx, m.as(noor), id, ClientKey, endless)
	m.must(err)
	none := func(what string) {
		t.Helper()
		_, err := m.ByCertificate(m.ctx, k.Fingerprint)
		m.refused(err, ErrNotFound, what)
	}
	none("before it is verified")
	m.must(m.VerifyKey(m.ctx, m.as(mira), id, k.Fingerprint))
	if a, err := m.ByCertificate(m.ctx, k.Fingerprint); err != nil || a.ID != id {
		t.Errorf("found %v: %v", a.ID, err)
	}
	m.must(m.Suspend(m.ctx, m.as(mira), id, "under attack"))
	none("of a suspended authority")
	m.must(m.Resume(m.ctx, m.as(mira), id, "over"))
	m.must(m.RevokeKey(m.ctx, m.as(noor), id, k.Fingerprint))
	none("after it was revoked")
	m.refused(m.VerifyKey(m.ctx, m.as(mira), id, k.Fingerprint), ErrState, "verifying a revoked key")
	_, err = m.AddKey(m.ctx, m.as(noor), id, ClientKey, k.Fingerprint)
	m.refused(err, ErrExists, "a key that was revoked")
	colons := strings.ToUpper(strings.Join(strings.Split(strings.Repeat("ab ", 31)+"cd", " "), ":"))
	if k, err := m.AddKey(m.ctx, m.as(noor), id, ClientKey, colons); err != nil || len(k.Fingerprint) != 64 {
		t.Errorf("with colons: %+v, %v", k, err)
	}
	// A key of another kind is no client certificate.
	for _, key := range a.Keys {
		if _, err := m.ByCertificate(m.ctx, key.Fingerprint); err == nil {
			t.Errorf("%s lets somebody in", key.Kind)
		}
	}
}

func FuzzKey(f *testing.F) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(AgeKey), identity.Recipient().String())
	f.Add(string(X509Key), certificate(f, ec.Public(), ec, nil))
	f.Add(string(ClientKey), strings.Repeat("AB:", 31)+"AB")
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, kind, text string) {
		k, err := parseKey(KeyKind(kind), text, now)
		if err != nil {
			return
		}
		if len(k.Fingerprint) != 64 || k.NotAfter != 0 && k.NotAfter <= nano(now) {
			t.Fatalf("%+v", k)
		}
		// What is kept is read again as the same.
		again, err := parseKey(k.Kind, k.Text, now)
		if k.Kind != ClientKey && (err != nil || again != k) {
			t.Fatalf("%+v came back as %+v: %v", k, again, err)
		}
	})
}

// TestRecipients holds our reading of age's recipients against age's own.
func TestRecipients(t *testing.T) {
	plain, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{plain.Recipient().String(), hybrid.Recipient().String()} {
		if _, err := parseAge(text); err != nil {
			t.Errorf("%.20s…: %v", text, err)
		}
		for i := range len(text) {
			for _, with := range []string{"q", "p", "1", "Q", ""} {
				spoiled := text[:i] + with + text[i+1:]
				if spoiled != text {
					sameAsAge(t, spoiled)
				}
			}
		}
		sameAsAge(t, strings.ToUpper(text))
		sameAsAge(t, text+text)
	}
}

func sameAsAge(t *testing.T, text string) {
	t.Helper()
	_, err := parseAge(text)
	_, plain := age.ParseX25519Recipient(text)
	_, hybrid := age.ParseHybridRecipient(text)
	if err == nil && plain != nil && hybrid != nil {
		t.Errorf("%q is taken, and age refuses it", text)
	}
	if err != nil && (plain == nil || hybrid == nil) && text == strings.ToLower(text) {
		t.Errorf("%q is refused, and age takes it", text)
	}
}

func FuzzRecipient(f *testing.F) {
	f.Add("age1")
	f.Add("age1pq1qqqqqq")
	if id, err := age.GenerateX25519Identity(); err == nil {
		f.Add(id.Recipient().String())
	}
	f.Fuzz(func(t *testing.T, text string) { sameAsAge(t, text) })
}

// TestLookAlikes: what should be warned of, and what should not.
func TestLookAlikes(t *testing.T) {
	m := newTeam(t)
	id := m.add(landgericht())
	m.add(Description{Name: "District Court of New Arden", Country: "US", Kind: Court, Domains: []string{"courts.new-arden.example"}})
	for _, c := range []struct {
		name, country, domain string
		want                  WarningKind
	}{
		{"Landgericht Falkenmoor", "DE", "", SameName},
		{"LANDGERICHT  FALKENMOOR", "DE", "", SameName},
		{"regional court of falkenmoor", "DE", "", SameName},
		{"Lаndgericht Falkenmoor", "DE", "", LookAlike},  // Cyrillic а
		{"Landgerlcht Falkenmoor", "DE", "", LookAlike},  // l for i
		{"Landgericht FaIkenmoor", "DE", "", LookAlike},  // I for l
		{"Landgericht Falkenm00r", "DE", "", LookAlike},  // zeros
		{"Landgericht Falkenrnoor", "DE", "", LookAlike}, // rn for m
		{"𝐋𝐚𝐧𝐝𝐠𝐞𝐫𝐢𝐜𝐡𝐭 Falkenmoor", "DE", "", SameName},   // folded by NFKC
		{"Ländgericht Falkenmoor", "DE", "", SameName},   // accents don't count
		{"Land-gericht Falkenmoor", "DE", "", NearName},  // a hyphen
		{"Landgericht-Falkenmoor", "DE", "", LookAlike},  // a hyphen for the space
		{"Landgericht Falkenmoors", "DE", "", NearName},  // one more
		{"Landgericht Flakenmoor", "DE", "", NearName},   // two turned
		{"Landgericht Falkenau", "DE", "", ""},           // another place
		{"Landgericht Falkenmoor", "AT", "", ""},         // another country
		{"Landgericht Hohenried", "DE", "", ""},          //
		{"Amtsgericht Hohenried", "DE", "justiz-falkenm00r.example", DomainLike},
		{"Amtsgericht Hohenried", "FR", "justiz.falkenmoor.example", DomainLike},      // a dot for the hyphen
		{"Amtsgericht Hohenried", "FR", "justiz-falkenmoor.test", DomainLike},         // another ending
		{"Amtsgericht Hohenried", "FR", "justizz-falkenmoor.example", DomainLike},     // a letter more
		{"Amtsgericht Hohenried", "FR", "xn--justiz-flkenmoor-oqk.example", ""},       // whatever it decodes to, it is no look-alike unless it looks so
		{"Amtsgericht Hohenried", "FR", "justiz-falkenmоor.example", DomainLike},      // Cyrillic о
		{"Amtsgericht Hohenried", "DE", "ag.justiz-falkenmoor.example", ""},           // within the known domain
		{"Amtsgericht Hohenried", "DE", "mail.justiz-falkenm00r.example", DomainLike}, // whatever stands before it
		{"Amtsgericht Hohenried", "DE", "justiz-falkenmoor.example", ""},              // the same house
		{"Amtsgericht Hohenried", "DE", "justiz-hohenried.example", ""},               //
	} {
		d := Description{Name: c.name, Country: c.country, Kind: Court}
		if c.domain != "" {
			d.Domains = []string{c.domain}
		}
		warnings, err := m.LooksLike(m.ctx, d)
		if err != nil {
			if c.want == "" && strings.HasPrefix(c.domain, "xn--") {
				continue // no punycode at all
			}
			t.Errorf("%s %s: %v", c.name, c.domain, err)
			continue
		}
		switch {
		case c.want == "" && len(warnings) > 0:
			t.Errorf("%s (%s) %s: %v", c.name, c.country, c.domain, warnings)
		case c.want != "" && (len(warnings) == 0 || warnings[0].Kind != c.want || warnings[0].Other != id):
			t.Errorf("%s (%s) %s: %v, not %s", c.name, c.country, c.domain, warnings, c.want)
		}
	}
	// An authority doesn't look like itself.
	if w, err := m.ChangeAuthority(m.ctx, m.as(mira), id, 1, landgericht()); err != nil || len(w) > 0 {
		t.Errorf("%v, %v", w, err)
	}
	if _, w, err := m.AddAuthority(m.ctx, m.as(noor), Description{Name: "Landgericht Fa1kenmoor", Country: "DE", Kind: Court}); err != nil || len(w) != 1 {
		t.Errorf("%v, %v", w, err)
	}
	if all := m.entries(AuditFilter{Act: "authority.add"}); all[len(all)-1].Why != "look-alike "+string(id) {
		t.Errorf("the audit trail says %v", all[len(all)-1])
	}
}

// TestDistance holds the bounded distance against the plain one.
func TestDistance(t *testing.T) {
	var plain func(a, b []rune) int
	plain = func(a, b []rune) int {
		if len(a) == 0 || len(b) == 0 {
			return len(a) + len(b)
		}
		if a[0] == b[0] {
			return plain(a[1:], b[1:])
		}
		return 1 + min(plain(a[1:], b[1:]), plain(a, b[1:]), plain(a[1:], b))
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.SampledFrom([]rune("abé")), 0, 7, -1)
		a, b := []rune(word.Draw(t, "a")), []rune(word.Draw(t, "b"))
		want := min(plain(a, b), 3)
		if got := distance(a, b, 2); got != want {
			t.Fatalf("%q and %q: %d, not %d", string(a), string(b), got, want)
		}
	})
}

func TestSearch(t *testing.T) {
	m := newTeam(t)
	for _, d := range []Description{
		landgericht(),
		{Name: "Staatsanwaltschaft Falkenmoor", Country: "DE", Kind: Prosecutor},
		{Name: "Tribunal de Valbrume", Names: map[string]string{"de": "Gericht Valbrume"}, Country: "FR", Kind: Court},
		{Name: "District Court of New Arden", Country: "US", Kind: Court},
		{Name: "Élysée Court", Country: "FR", Kind: Court},
		{Name: "Court of Courtville", Country: "US", Kind: Court},
	} {
		m.add(d)
	}
	list := func(f AuthorityFilter, limit int) (names []string) {
		t.Helper()
		for cursor := ""; ; {
			page, next, err := m.Authorities(m.ctx, f, cursor, limit)
			m.must(err)
			for _, a := range page {
				names = append(names, a.Name)
			}
			if next == "" {
				return names
			}
			cursor = next
		}
	}
	for _, c := range []struct {
		f    AuthorityFilter
		want []string
	}{
		{AuthorityFilter{}, []string{"Court of Courtville", "District Court of New Arden", "Élysée Court", "Landgericht Falkenmoor", "Staatsanwaltschaft Falkenmoor", "Tribunal de Valbrume"}},
		{AuthorityFilter{Country: "FR"}, []string{"Élysée Court", "Tribunal de Valbrume"}},
		{AuthorityFilter{Name: "FALKEN", Kind: Court}, []string{"Landgericht Falkenmoor"}},
		{AuthorityFilter{Name: "lg f"}, []string{"Landgericht Falkenmoor"}},
		{AuthorityFilter{Name: "Court"}, []string{"Court of Courtville", "Élysée Court", "Landgericht Falkenmoor", "District Court of New Arden"}},
		{AuthorityFilter{Name: "court", Country: "US"}, []string{"Court of Courtville", "District Court of New Arden"}},
		{AuthorityFilter{Name: "ely"}, []string{"Élysée Court"}},
		{AuthorityFilter{Name: "gericht"}, []string{"Tribunal de Valbrume"}},
		{AuthorityFilter{Kind: Prosecutor}, []string{"Staatsanwaltschaft Falkenmoor"}},
		{AuthorityFilter{Status: Suspended}, nil},
		{AuthorityFilter{Name: "nothing such"}, nil},
	} {
		for _, limit := range []int{1, 2, 100} {
			if got := list(c.f, limit); !slices.Equal(got, c.want) {
				t.Errorf("%+v by %d: %q, not %q", c.f, limit, got, c.want)
			}
		}
	}
	_, next, err := m.Authorities(m.ctx, AuthorityFilter{}, "", 1)
	m.must(err)
	for _, cursor := range []string{"!", "QW4", "QXA", next + "A"} {
		if _, _, err := m.Authorities(m.ctx, AuthorityFilter{Name: "court", Country: "US"}, cursor, 1); err == nil {
			t.Errorf("the cursor %q is taken", cursor)
		}
	}
	// A new name is found, the old one is not.
	page, _, err := m.Authorities(m.ctx, AuthorityFilter{Name: "tribunal"}, "", 0)
	m.must(err)
	d := page[0].Description
	d.Name, d.Names = "Cour de Valbrume", nil
	_, err = m.ChangeAuthority(m.ctx, m.as(mira), page[0].ID, page[0].Version, d)
	m.must(err)
	if got := fmt.Sprint(list(AuthorityFilter{Name: "tribunal"}, 9), list(AuthorityFilter{Name: "gericht"}, 9), list(AuthorityFilter{Name: "cour de"}, 9)); got != "[] [] [Cour de Valbrume]" {
		t.Errorf("found %s", got)
	}
}
