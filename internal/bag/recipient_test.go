package bag_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"writ/internal/bag"
)

func ecKey(t *testing.T, c elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRefusedRecipients(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // to make the short key
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256 := ecKey(t, elliptic.P256())
	fine := certificate(t, p256, nil)
	someAge, somePQ := ageParty(t), pqParty(t)
	changed := func(key crypto.Signer, change func(*x509.Certificate)) string { return certificate(t, key, change) }
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "age key"},
		{"words", "please use our fax", "age key"},
		{"long", strings.Repeat("age1", 1<<16), "at most"},
		{"mistyped", strings.Replace(someAge.public, "age1", "age1q", 1), "mistyped"},
		{"mistyped post-quantum", somePQ.public[:500], "mistyped"},
		{"plugin", "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "plugins"},
		{"hardware", "age1tag1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "hardware"},
		{"ssh", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFmYMMvr", "age key"},
		{"two age keys", someAge.public + "\n" + someAge.public, "mistyped"},
		{"age secret", someAge.private, "private"},
		{"age secret, with a comment", "# public key: " + someAge.public + "\n" + someAge.private, "private"},
		{"PEM secret", privatePEM(t, p256), "private"},
		{"certificate and secret", fine + privatePEM(t, p256), "private"},
		{"chain", fine + fine, "one certificate only"},
		{"rubbish behind", fine + "<script>", "one certificate only"},
		{"a request", strings.ReplaceAll(fine, "CERTIFICATE", "CERTIFICATE REQUEST"), "isn't a certificate"},
		{"no DER", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), "can't be read"},
		{"expired", changed(p256, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), "expired on 2026-09-03T10:29:00Z"},
		{"not yet", changed(p256, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), "before 2026-09-03T10:31:00Z"},
		{"authority", changed(p256, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), "certification authority"},
		{"signing only", changed(p256, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }), "key usage"},
		{"transport on a curve", changed(p256, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), "key usage"},
		{"agreement for RSA", changed(long, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), "key usage"},
		{"short RSA", changed(short, nil), "1024"},
		{"Ed25519", changed(ed, nil), "RSA key, or one on"},
		{"P-224", changed(ecKey(t, elliptic.P224()), nil), "none of P-256"},
		{"unknown critical", changed(p256, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}}
		}), "critical"},
	} {
		r, err := bag.ParseRecipient(c.text, now)
		if !errors.Is(err, bag.ErrRecipient) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, which doesn't say %q", c.name, err, c.says)
		}
		if err != nil && (strings.Contains(err.Error(), "SECRET") || strings.ContainsAny(err.Error(), "\n\x1b<")) {
			t.Errorf("%s: the error repeats what it was given: %v", c.name, err)
		}
		if err == nil && r.String() == "" {
			t.Errorf("%s: an empty recipient", c.name)
		}
	}
}

// TestExpiresMeanwhile: a certificate is checked again on the day of the production.
func TestExpiresMeanwhile(t *testing.T) {
	in := input(t.TempDir(), nil, ecParty(t, elliptic.P256()))
	in.Now = now.AddDate(1, 0, 0)
	if _, err := bag.Write(t.Context(), in); !errors.Is(err, bag.ErrRecipient) || !strings.Contains(err.Error(), "expired") {
		t.Error(err)
	}
}

func TestMixedRecipients(t *testing.T) {
	for name, pair := range map[string][2]party{
		"age and certificate": {ageParty(t), rsaParty(t)},
		"post-quantum or not": {pqParty(t), ageParty(t)},
	} {
		if _, err := bag.Write(t.Context(), input(t.TempDir(), nil, pair[0], pair[1])); !errors.Is(err, bag.ErrRecipient) {
			t.Errorf("%s: %v", name, err)
		}
	}
	in := input(t.TempDir(), nil, ageParty(t))
	in.Recipients = make([]bag.Recipient, 1)
	if _, err := bag.Write(t.Context(), in); !errors.Is(err, bag.ErrRecipient) {
		t.Errorf("a zero recipient: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	hostile := certificate(t, ecKey(t, elliptic.P384()), func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "Landgericht\x1b[2J\nFalkenmoor"}
	})
	r, err := bag.ParseRecipient(hostile, now)
	if err != nil {
		t.Fatal(err)
	}
	says := r.Describe()
	if strings.ContainsAny(says, "\x1b\n") || !strings.Contains(says, "ECDH on P-384") || !strings.Contains(says, "valid until 2026-09-04T10:30:00Z") {
		t.Error(says)
	}
	pq, plain := pqParty(t).recipient, ageParty(t).recipient
	if !pq.PostQuantum() || plain.PostQuantum() || !strings.Contains(pq.Describe(), "post-quantum") || strings.Contains(plain.Describe(), "post-quantum") {
		t.Errorf("%s; %s", pq.Describe(), plain.Describe())
	}
	if r.Fingerprint() == pq.Fingerprint() || len(r.Fingerprint()) != 5+64 || len(pq.Fingerprint()) != 4+64 {
		t.Errorf("%s; %s", r.Fingerprint(), pq.Fingerprint())
	}
}

func TestIdentities(t *testing.T) {
	p := ageParty(t)
	for name, text := range map[string]string{
		"empty":      "",
		"rubbish":    "AGE-SECRET-KEY-1RUBBISH-THAT-IS-SECRET",
		"public":     p.public,
		"P-224":      privatePEM(t, ecKey(t, elliptic.P224())),
		"passphrase": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"no PEM":     "-----BEGIN PRIVATE KEY-----",
		"long":       strings.Repeat("#\n", 1<<16),
	} {
		if _, err := bag.ParseIdentity([]byte(text)); !errors.Is(err, bag.ErrIdentity) || strings.Contains(err.Error(), "RUBBISH") {
			t.Errorf("%s: %v", name, err)
		}
	}
	id := p.identity(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if s := fmt.Sprintf(verb, id); s != "[key]" {
			t.Errorf("%s prints %s", verb, s)
		}
	}
	// The older forms of PEM.
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec := ecKey(t, elliptic.P256()).(*ecdsa.PrivateKey)
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	params := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	for _, text := range []string{
		string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})),
		params + string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})),
	} {
		if _, err := bag.ParseIdentity([]byte(text)); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseRecipient(f *testing.F) {
	f.Add("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p")
	f.Add("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := bag.ParseRecipient(text, now); err == nil && (r.Fingerprint() == "" || strings.ContainsAny(r.Describe(), "\n\x1b")) {
			t.Errorf("%q", r.Describe())
		}
	})
}
