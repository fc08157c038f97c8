package staff

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/records"
)

// KeyKind is what a key of an authority is for.
type KeyKind string

// The kinds of keys.
const (
	AgeKey    KeyKind = "age"        // an age recipient (age1…, age1pq1…), to which packages are sealed
	X509Key   KeyKind = "x509"       // a certificate in PEM, to which packages are sealed
	ClientKey KeyKind = "tls-client" // SHA-256 of a client certificate: who may fetch
)

// Key is a key of an authority. It counts only while [Key.Usable] says so.
type Key struct {
	Kind        KeyKind
	Text        string // the recipient, or the certificate in PEM; empty for a client certificate
	Fingerprint string // SHA-256 in hex: of the certificate's DER, or of the recipient's text
	NotAfter    time.Time
	AddedBy     writ.Person
	AddedAt     time.Time
	VerifiedBy  writ.Person // who compared it with the authority, over an independent contact
	VerifiedAt  time.Time
	RevokedBy   writ.Person
	RevokedAt   time.Time
}

// Usable says whether a key was verified, and neither revoked nor past its end.
func (k Key) Usable(now time.Time) bool {
	return !k.VerifiedAt.IsZero() && k.RevokedAt.IsZero() && (k.NotAfter.IsZero() || now.Before(k.NotAfter))
}

func (r *keyRecord) key() Key {
	return Key{
		Kind: r.Kind, Text: r.Text, Fingerprint: r.Fingerprint, NotAfter: fromNano(r.NotAfter), AddedBy: r.AddedBy, AddedAt: fromNano(r.AddedAt),
		VerifiedBy: r.VerifiedBy, VerifiedAt: fromNano(r.VerifiedAt), RevokedBy: r.RevokedBy, RevokedAt: fromNano(r.RevokedAt),
	}
}

// maxKeyText bounds a key as it is given, in bytes.
const maxKeyText = 16 << 10

// parseKey reads a key as a person pastes it. Errors: [ErrForm], which says what
// is wrong.
func parseKey(kind KeyKind, text string, now time.Time) (keyRecord, error) {
	if len(text) > maxKeyText {
		return keyRecord{}, fmt.Errorf("%w: a key has at most %d bytes", ErrForm, maxKeyText)
	}
	text = strings.TrimSpace(text)
	switch kind {
	case AgeKey:
		return parseAge(text)
	case X509Key:
		return parseCertificate(text, now)
	case ClientKey:
		return parseFingerprint(text, now)
	}
	return keyRecord{}, fmt.Errorf("%w: a key is of kind age, x509 or tls-client", ErrForm)
}

func decodePEM(text string) (*x509.Certificate, error) {
	if strings.Contains(text, "PRIVATE KEY") {
		return nil, fmt.Errorf("%w: this holds a private key: it must never leave its owner", ErrForm)
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%w: not one certificate in PEM", ErrForm)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: the certificate can't be read", ErrForm)
	}
	return c, nil
}

// parseCertificate reads a certificate to which something can be sealed for years.
func parseCertificate(text string, now time.Time) (keyRecord, error) {
	c, err := decodePEM(text)
	if err != nil {
		return keyRecord{}, err
	}
	switch pub := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if pub.N.BitLen() < 2048 || pub.N.BitLen() > 16384 {
			return keyRecord{}, fmt.Errorf("%w: the certificate's RSA key has %d bits, not 2048 to 16384", ErrForm, pub.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if pub.Params().BitSize < 256 {
			return keyRecord{}, fmt.Errorf("%w: the certificate's curve has less than 256 bits", ErrForm)
		}
	default:
		return keyRecord{}, fmt.Errorf("%w: nothing can be sealed to a certificate with such a key: it takes RSA or ECDSA", ErrForm)
	}
	if c.IsCA {
		return keyRecord{}, fmt.Errorf("%w: this is the certificate of a certificate authority, not of a recipient", ErrForm)
	}
	if seals := x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement | x509.KeyUsageDataEncipherment; c.KeyUsage != 0 && c.KeyUsage&seals == 0 {
		return keyRecord{}, fmt.Errorf("%w: the certificate is not for sealing (its key usage says so)", ErrForm)
	}
	rec, err := certificateRecord(X509Key, c, now)
	rec.Text = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	return rec, err
}

func certificateRecord(kind KeyKind, c *x509.Certificate, now time.Time) (keyRecord, error) {
	if !now.Before(c.NotAfter) {
		return keyRecord{}, fmt.Errorf("%w: the certificate ended at %s", ErrForm, c.NotAfter.UTC().Format(time.RFC3339))
	}
	return keyRecord{Kind: kind, Fingerprint: Fingerprint(c), NotAfter: nano(c.NotAfter)}, nil
}

// Fingerprint is the SHA-256 of a certificate, in hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// parseFingerprint reads a client certificate in PEM, or its SHA-256 in hex, with
// or without colons.
func parseFingerprint(text string, now time.Time) (keyRecord, error) {
	if strings.HasPrefix(text, "-----") {
		c, err := decodePEM(text)
		if err != nil {
			return keyRecord{}, err
		}
		return certificateRecord(ClientKey, c, now)
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return keyRecord{}, fmt.Errorf("%w: not the SHA-256 of a certificate (64 hex digits), nor one in PEM", ErrForm)
	}
	return keyRecord{Kind: ClientKey, Fingerprint: hex.EncodeToString(sum)}, nil
}

// AddKey keeps a key of an authority; it counts once another person has verified
// it. It takes intake or counsel. Errors: [ErrForm]; [ErrExists] if any authority
// has the key, or had it.
func (s *Staff) AddKey(ctx context.Context, by Identity, id writ.AuthorityID, kind KeyKind, text string) (Key, error) {
	rec, err := parseKey(kind, text, s.now())
	if err != nil {
		return Key{}, err
	}
	err = s.changeAuthority(ctx, by, "authority.key.add", directory, id, func(tx records.Tx, r *authorityRecord, now time.Time) (string, error) {
		if len(r.Keys) >= maxKeys {
			return "", fmt.Errorf("%w: an authority has at most %d keys, past ones included", ErrForm, maxKeys)
		}
		if there, err := has(ctx, tx, fingerprintKey(rec.Fingerprint)); err != nil {
			return "", err
		} else if there {
			return "", fmt.Errorf("%w: an authority has this key, or had it", ErrExists)
		}
		rec.AddedBy, rec.AddedAt = by.Person, nano(now)
		r.Keys = append(r.Keys, rec)
		tx.Put(fingerprintKey(rec.Fingerprint), []byte(id))
		return string(kind) + " " + rec.Fingerprint, nil
	})
	if err != nil {
		return Key{}, err
	}
	return rec.key(), nil
}

// VerifyKey says that the fingerprint was compared with the authority, over a
// contact that was not in the demand. It takes intake or counsel, and another
// person than the one who added the key. Errors: [ErrAlone], [ErrState].
func (s *Staff) VerifyKey(ctx context.Context, by Identity, id writ.AuthorityID, fingerprint string) error {
	return s.changeKey(ctx, by, "authority.key.verify", id, fingerprint, func(k *keyRecord, now time.Time) error {
		switch {
		case k.RevokedAt != 0 || k.VerifiedAt != 0:
			return fmt.Errorf("%w: the key was verified or revoked already", ErrState)
		case k.NotAfter != 0 && k.NotAfter <= nano(now):
			return fmt.Errorf("%w: the certificate has ended", ErrState)
		case k.AddedBy == by.Person:
			return fmt.Errorf("%w: you added the key: somebody else verifies it", ErrAlone)
		}
		k.VerifiedBy, k.VerifiedAt = by.Person, nano(now)
		return nil
	})
}

// RevokeKey ends a key for good. It takes intake or counsel.
func (s *Staff) RevokeKey(ctx context.Context, by Identity, id writ.AuthorityID, fingerprint string) error {
	return s.changeKey(ctx, by, "authority.key.revoke", id, fingerprint, func(k *keyRecord, now time.Time) error {
		if k.RevokedAt != 0 {
			return fmt.Errorf("%w: the key was revoked already", ErrState)
		}
		k.RevokedBy, k.RevokedAt = by.Person, nano(now)
		return nil
	})
}

func (s *Staff) changeKey(ctx context.Context, by Identity, name string, id writ.AuthorityID, fingerprint string, fn func(*keyRecord, time.Time) error) error {
	return s.changeAuthority(ctx, by, name, directory, id, func(_ records.Tx, r *authorityRecord, now time.Time) (string, error) {
		i := slices.IndexFunc(r.Keys, func(k keyRecord) bool { return k.Fingerprint == fingerprint })
		if i < 0 {
			return "", fmt.Errorf("%w: the authority has no such key", ErrNotFound)
		}
		return fingerprint, fn(&r.Keys[i], now)
	})
}

// ByCertificate returns whose client certificate has a fingerprint, for mutual
// TLS. Errors: [ErrNotFound], also when the key is not usable now or the
// authority is suspended.
func (s *Staff) ByCertificate(ctx context.Context, fingerprint string) (Authority, error) {
	none := fmt.Errorf("%w: no authority has this certificate", ErrNotFound)
	b, err := s.store.Get(ctx, fingerprintKey(clip(fingerprint, 64)))
	if errors.Is(err, records.ErrNotFound) {
		return Authority{}, none
	}
	if err != nil {
		return Authority{}, fmt.Errorf("couldn't read the staff's records: %w", err)
	}
	a, err := s.Authority(ctx, writ.AuthorityID(b))
	if err != nil {
		return Authority{}, err
	}
	now := s.now()
	if a.Suspended || !slices.ContainsFunc(a.Keys, func(k Key) bool {
		return k.Kind == ClientKey && k.Fingerprint == fingerprint && k.Usable(now)
	}) {
		return Authority{}, none
	}
	return a, nil
}

// KeyOwner is the authority that has, or had, a key or certificate, by its
// fingerprint. Errors: [ErrNotFound].
func (s *Staff) KeyOwner(ctx context.Context, fingerprint string) (writ.AuthorityID, error) {
	id, err := s.store.Get(ctx, fingerprintKey(clip(strings.ToLower(fingerprint), 64)))
	if errors.Is(err, records.ErrNotFound) {
		return "", fmt.Errorf("%w: no authority has a key of this fingerprint", ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("couldn't look for a key: %w", err)
	}
	return writ.AuthorityID(id), nil
}
