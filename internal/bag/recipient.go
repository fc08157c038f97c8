package bag

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"

	"writ/internal/printable"
)

// Sealings of a package.
const (
	sealAge = "age"
	sealCMS = "cms"
)

const (
	// maxRecipientText bounds the text of a key or certificate.
	maxRecipientText = 64 << 10
	// RSA keys of a recipient, in bits (NIST SP 800-131A rules out less).
	minRSA, maxRSA = 2048, 8192
)

// Recipient is a public key that packages can be sealed to: an age key, or the
// key in an X.509 certificate.
type Recipient struct {
	text string
	kind string
	age  age.Recipient     // if an age key
	cert *x509.Certificate // if not
}

// The kinds of recipients, as a person is told them.
const (
	kindAge    = "age key (X25519)"
	kindAgePQ  = "age key (post-quantum hybrid, ML-KEM-768 and X25519)"
	kindX509   = "X.509 certificate"
	pemCert    = "CERTIFICATE"
	agePrefix  = "age1"
	pqPrefix   = "age1pq1"
	tagPrefix  = "age1tag"
	ageSecret  = "AGE-SECRET-KEY-"
	pemPrivate = "PRIVATE KEY"
)

// ParseRecipient reads the text that an authority gave, "age1…" or one PEM
// certificate, and checks that a package may be sealed to it at a time. It
// does not check whose it is: that takes a call to a number from elsewhere, in
// which the fingerprint is read out.
func ParseRecipient(text string, at time.Time) (Recipient, error) {
	text = strings.TrimSpace(text)
	switch {
	case len(text) > maxRecipientText:
		return Recipient{}, fmt.Errorf("%w: a key or certificate has at most %d bytes", ErrRecipient, maxRecipientText)
	case strings.Contains(strings.ToUpper(text), ageSecret), strings.Contains(text, pemPrivate):
		return Recipient{}, fmt.Errorf("%w: this is a private key, which whoever saw it can use: ask for a new key pair, and for its public part only", ErrRecipient)
	case strings.HasPrefix(text, "-----BEGIN "):
		return parseCertificate(text, at)
	case strings.HasPrefix(text, agePrefix):
		return parseAge(text)
	}
	return Recipient{}, fmt.Errorf("%w: ask for an age key (age1…) or an X.509 certificate in PEM", ErrRecipient)
}

func parseAge(text string) (Recipient, error) {
	if err := refuseAgeInFIPS(); err != nil {
		return Recipient{}, err
	}
	var err error
	r := Recipient{text: text, kind: kindAge}
	switch {
	case strings.HasPrefix(text, pqPrefix):
		r.kind = kindAgePQ
		r.age, err = age.ParseHybridRecipient(text)
	case strings.HasPrefix(text, tagPrefix):
		return Recipient{}, fmt.Errorf("%w: age keys on hardware tokens (%s…) aren't supported, ask for a native age key", ErrRecipient, tagPrefix)
	default:
		r.age, err = age.ParseX25519Recipient(text)
	}
	if err != nil {
		return Recipient{}, fmt.Errorf("%w: not a native age key, or mistyped; keys of age plugins aren't supported", ErrRecipient)
	}
	return r, nil
}

// refuseAgeInFIPS: age's ciphers are none of FIPS 140-3.
func refuseAgeInFIPS() error {
	if fips140.Enabled() {
		return fmt.Errorf("%w: age isn't approved by FIPS 140-3, in which mode this server runs: ask for an X.509 certificate", ErrRecipient)
	}
	return nil
}

func parseCertificate(text string, at time.Time) (Recipient, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != pemCert {
		return Recipient{}, fmt.Errorf("%w: the PEM block isn't a certificate", ErrRecipient)
	}
	if strings.TrimSpace(string(rest)) != "" {
		return Recipient{}, fmt.Errorf("%w: one certificate only, the recipient's own, without its chain", ErrRecipient)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return Recipient{}, fmt.Errorf("%w: the certificate can't be read", ErrRecipient)
	}
	r := Recipient{text: text, kind: kindX509, cert: cert}
	if err := r.valid(at); err != nil {
		return Recipient{}, err
	}
	return r, nil
}

// valid checks what may change between the day on which a recipient was
// entered and the day of the production.
func (r Recipient) valid(at time.Time) error {
	if r.cert == nil {
		if r.age == nil {
			return fmt.Errorf("%w: it is empty", ErrRecipient)
		}
		return refuseAgeInFIPS()
	}
	c := r.cert
	switch {
	case at.Before(c.NotBefore):
		return fmt.Errorf("%w: the certificate isn't valid before %s", ErrRecipient, stamp(c.NotBefore))
	case at.After(c.NotAfter):
		return fmt.Errorf("%w: the certificate expired on %s, ask for the one in force", ErrRecipient, stamp(c.NotAfter))
	case c.BasicConstraintsValid && c.IsCA:
		return fmt.Errorf("%w: the certificate is that of a certification authority", ErrRecipient)
	case len(c.UnhandledCriticalExtensions) > 0:
		return fmt.Errorf("%w: the certificate has a critical extension that isn't understood", ErrRecipient)
	}
	return validKey(c)
}

func validKey(c *x509.Certificate) error {
	use := x509.KeyUsageKeyEncipherment
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSA {
			return fmt.Errorf("%w: an RSA key has %d to %d bits, this has %d", ErrRecipient, minRSA, maxRSA, n)
		}
	case *ecdsa.PublicKey:
		use = x509.KeyUsageKeyAgreement
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
		default:
			return fmt.Errorf("%w: its curve is none of P-256, P-384 and P-521", ErrRecipient)
		}
	default:
		return fmt.Errorf("%w: a certificate for encryption has an RSA key, or one on P-256, P-384 or P-521", ErrRecipient)
	}
	if c.KeyUsage != 0 && c.KeyUsage&use == 0 {
		return fmt.Errorf("%w: the certificate's key usage doesn't allow encryption, ask for the one for encryption", ErrRecipient)
	}
	return nil
}

// String returns the text that [ParseRecipient] read.
func (r Recipient) String() string { return r.text }

// sealing is which format opens for the recipient.
func (r Recipient) sealing() string {
	if r.cert != nil {
		return sealCMS
	}
	return sealAge
}

// Fingerprint is "x509:" and the SHA-256 of the certificate's DER, or "age:"
// and the SHA-256 of the key's text, in hex.
func (r Recipient) Fingerprint() string {
	if r.cert != nil {
		return "x509:" + hexSum(r.cert.Raw)
	}
	return "age:" + hexSum([]byte(r.text))
}

// PostQuantum reports whether what is sealed to the recipient stays sealed to
// who has a quantum computer later.
func (r Recipient) PostQuantum() bool { return r.kind == kindAgePQ }

// Describe says on one line what the recipient is, for a person who compares
// it with what the authority says on the telephone.
func (r Recipient) Describe() string {
	if r.cert == nil {
		return fmt.Sprintf("%s, SHA-256 fingerprint %s", r.kind, grouped(hexSum([]byte(r.text))))
	}
	c := r.cert
	key := "RSA"
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		key = fmt.Sprintf("RSA of %d bits", k.N.BitLen())
	case *ecdsa.PublicKey:
		key = "ECDH on " + k.Curve.Params().Name
	}
	return fmt.Sprintf("%s of %s, issued by %s, %s, valid until %s, SHA-256 fingerprint %s",
		r.kind, printable.Line(c.Subject.String()), printable.Line(c.Issuer.String()), key, stamp(c.NotAfter), grouped(hexSum(c.Raw)))
}

// grouped puts a space after every four digits, for reading aloud.
func grouped(digits string) string {
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
