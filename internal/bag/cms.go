package bag

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"writ/internal/seal"
)

// A volume for certificates is one CMS message in DER: AuthEnvelopedData
// (RFC 5083) with AES-256-GCM (RFC 5084). Its key goes to RSA keys by
// RSAES-OAEP with SHA-256 (RFC 4055), to keys on a curve by ephemeral-static
// ECDH, the X9.63 KDF and AES-256 key wrap (RFC 5753, 3394). There is no
// content type that isn't data, and so no authenticated attribute and no AAD.
//
// Libraries that were looked at write GCM into EnvelopedData, where its tag
// has no place and OpenSSL doesn't look for it, or seal without
// authentication. The ciphers here are all of the standard library and of
// package seal.

var (
	oidAuthEnveloped = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 23}
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidAES256GCM     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 46}
	oidAES256Wrap    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 45}
	oidOAEP          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}
	oidMGF1          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECPublicKey   = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
)

// agreement is how keys are agreed on a curve: dhSinglePass-stdDH with the KDF
// of a hash that fits it (RFC 5753, 7.1.4).
type agreement struct {
	oid  asn1.ObjectIdentifier
	hash func() hash.Hash
}

func agreementOn(curve ecdh.Curve) (agreement, error) {
	switch curve {
	case ecdh.P256():
		return agreement{asn1.ObjectIdentifier{1, 3, 132, 1, 11, 1}, sha256.New}, nil
	case ecdh.P384():
		return agreement{asn1.ObjectIdentifier{1, 3, 132, 1, 11, 2}, sha512.New384}, nil
	case ecdh.P521():
		return agreement{asn1.ObjectIdentifier{1, 3, 132, 1, 11, 3}, sha512.New}, nil
	}
	return agreement{}, errors.New("the curve is none of P-256, P-384 and P-521")
}

const (
	gcmNonce = 12
	gcmTag   = 16
)

// cmsSealing holds the one buffer in which volumes are sealed.
type cmsSealing struct {
	to  []*x509.Certificate
	buf []byte
}

func newCMSSealing(rs []Recipient, limit int64) *cmsSealing {
	s := &cmsSealing{buf: make([]byte, 0, limit+gcmNonce+gcmTag)}
	for _, r := range rs {
		s.to = append(s.to, r.cert)
	}
	return s
}

func (*cmsSealing) name() string { return sealCMS }
func (*cmsSealing) ext() string  { return ".tar.p7m" }

func (s *cmsSealing) volume(dst io.Writer) (io.WriteCloser, error) {
	s.buf = s.buf[:0]
	return &cmsVolume{s, dst}, nil
}

// cmsVolume gathers a volume and seals it in place.
type cmsVolume struct {
	s   *cmsSealing
	dst io.Writer
}

func (v *cmsVolume) Write(p []byte) (int, error) {
	if len(p) > cap(v.s.buf)-gcmNonce-gcmTag-len(v.s.buf) {
		return 0, errors.New("a volume became larger than it may be")
	}
	v.s.buf = append(v.s.buf, p...)
	return len(p), nil
}

func (v *cmsVolume) Close() error {
	var raw [seal.KeySize]byte
	rand.Read(raw[:]) // never fails (crypto/rand, since Go 1.24)
	defer clear(raw[:])
	recipients, err := recipientInfos(v.s.to, raw[:])
	if err != nil {
		return err
	}
	key, err := seal.KeyFromBytes(raw[:])
	if err != nil {
		return err
	}
	defer key.Erase()
	sealed := seal.NewBox(key).Seal(v.s.buf[:0], v.s.buf, nil)
	front, back, err := authEnveloped(recipients, sealed[:gcmNonce], int64(len(sealed)-gcmNonce-gcmTag), sealed[len(sealed)-gcmTag:])
	if err != nil {
		return err
	}
	for _, piece := range [][]byte{front, sealed[gcmNonce : len(sealed)-gcmTag], back} {
		if _, err := v.dst.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// authEnveloped returns what stands before and behind n bytes of ciphertext.
func authEnveloped(recipients, nonce []byte, n int64, mac []byte) (front, back []byte, err error) {
	var infos, algorithm, tail cryptobyte.Builder
	infos.AddASN1(tags.SET, func(b *cryptobyte.Builder) { b.AddBytes(recipients) })
	algorithm.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidAES256GCM)
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(nonce)
			b.AddASN1Int64(gcmTag)
		})
	})
	tail.AddASN1OctetString(mac)
	var parts [3][]byte
	for i, b := range []*cryptobyte.Builder{&infos, &algorithm, &tail} {
		if parts[i], err = b.Bytes(); err != nil {
			return nil, nil, fmt.Errorf("couldn't encode a CMS message: %w", err)
		}
	}
	dataOID, err1 := asn1.Marshal(oidData)
	outerOID, err2 := asn1.Marshal(oidAuthEnveloped)
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, fmt.Errorf("couldn't encode a CMS message: %w", err)
	}
	// From the inside out, since each header holds the length of what follows.
	ciphertext := header(0x80, n)
	content := slices.Concat(dataOID, parts[1], ciphertext)
	size := int64(len(content)) + n
	version := []byte{0x02, 1, 0}
	inner := slices.Concat(version, parts[0], header(0x30, size), content)
	size = int64(len(inner)) + n + int64(len(parts[2]))
	sequence := header(0x30, size)
	explicit := header(0xA0, int64(len(sequence))+size)
	outer := slices.Concat(outerOID, explicit, sequence)
	front = slices.Concat(header(0x30, int64(len(outer))+size), outer, inner)
	return front, parts[2], nil
}

// header is tag and length of a DER value.
func header(tag byte, n int64) []byte {
	if n < 0x80 {
		return []byte{tag, byte(n)}
	}
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(n))
	digits := bytes.TrimLeft(length[:], "\x00")
	return append([]byte{tag, 0x80 | byte(len(digits))}, digits...)
}

// recipientInfos wraps the key for each certificate. In DER a SET is sorted.
func recipientInfos(to []*x509.Certificate, key []byte) ([]byte, error) {
	var infos [][]byte
	for _, cert := range to {
		var info []byte
		var err error
		switch public := cert.PublicKey.(type) {
		case *rsa.PublicKey:
			info, err = keyTransport(cert, public, key)
		case *ecdsa.PublicKey:
			info, err = keyAgreement(cert, public, key)
		default:
			err = errors.New("the certificate's key can't encrypt")
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't seal a volume's key to a certificate: %w", err)
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, bytes.Compare)
	return slices.Concat(infos...), nil
}

func issuerAndSerial(b *cryptobyte.Builder, cert *x509.Certificate) {
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(cert.RawIssuer)
		b.AddASN1BigInt(cert.SerialNumber)
	})
}

func addSHA256(b *cryptobyte.Builder) {
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSHA256)
		b.AddASN1NULL()
	})
}

// addOAEP is RSAES-OAEP with SHA-256 and MGF1 over the same (RFC 4055, 4.1).
func addOAEP(b *cryptobyte.Builder) {
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidOAEP)
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(tags.Tag(0).Constructed().ContextSpecific(), addSHA256)
			b.AddASN1(tags.Tag(1).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
				b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidMGF1)
					addSHA256(b)
				})
			})
		})
	})
}

// keyTransport is a KeyTransRecipientInfo (RFC 5652, 6.2.1).
func keyTransport(cert *x509.Certificate, public *rsa.PublicKey, key []byte) ([]byte, error) {
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, key, nil)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		issuerAndSerial(b, cert)
		addOAEP(b)
		b.AddASN1OctetString(wrapped)
	})
	return b.Bytes()
}

// keyAgreement is a KeyAgreeRecipientInfo (RFC 5652, 6.2.2; RFC 5753, 3.1.1).
func keyAgreement(cert *x509.Certificate, public *ecdsa.PublicKey, key []byte) ([]byte, error) {
	theirs, err := public.ECDH()
	if err != nil {
		return nil, err
	}
	how, err := agreementOn(theirs.Curve())
	if err != nil {
		return nil, err
	}
	ours, err := theirs.Curve().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	shared, err := ours.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	kek, err := deriveKEK(how, shared)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	wrapped, err := wrapKey(kek, key)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(tags.Tag(1).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		b.AddASN1(tags.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1(tags.Tag(1).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
				b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidECPublicKey) })
				b.AddASN1BitString(ours.PublicKey().Bytes())
			})
		})
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(how.oid)
			addWrap(b)
		})
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				issuerAndSerial(b, cert)
				b.AddASN1OctetString(wrapped)
			})
		})
	})
	return b.Bytes()
}

func addWrap(b *cryptobyte.Builder) {
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidAES256Wrap) })
}

// deriveKEK is the KDF of ANSI X9.63 over ECC-CMS-SharedInfo (RFC 5753, 7.2),
// for 32 bytes: one block of any of the hashes is enough.
func deriveKEK(how agreement, shared []byte) ([]byte, error) {
	var info cryptobyte.Builder
	info.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		addWrap(b)
		b.AddASN1(tags.Tag(2).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1OctetString([]byte{0, 0, 1, 0}) // 256 bits
		})
	})
	der, err := info.Bytes()
	if err != nil {
		return nil, err
	}
	h := how.hash()
	h.Write(shared)
	h.Write([]byte{0, 0, 0, 1})
	h.Write(der)
	return h.Sum(nil)[:seal.KeySize], nil
}

var wrapIV = []byte{0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6}

// wrapKey is AES key wrap (RFC 3394, 2.2.1) of a key of whole 8-byte blocks.
func wrapKey(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	n := len(key) / 8
	out := append(bytes.Clone(wrapIV), key...)
	var b [aes.BlockSize]byte
	for t := 1; t <= 6*n; t++ {
		r := out[8*(1+(t-1)%n):][:8]
		copy(b[:8], out[:8])
		copy(b[8:], r)
		block.Encrypt(b[:], b[:])
		binary.BigEndian.PutUint64(out[:8], binary.BigEndian.Uint64(b[:8])^uint64(t))
		copy(r, b[8:])
	}
	return out, nil
}

// unwrapKey undoes wrapKey (RFC 3394, 2.2.2).
func unwrapKey(kek, wrapped []byte) ([]byte, error) {
	if len(wrapped) != 8+seal.KeySize {
		return nil, errors.New("a wrapped key of another length")
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(wrapped)
	n := len(wrapped)/8 - 1
	var b [aes.BlockSize]byte
	for t := 6 * n; t >= 1; t-- {
		r := out[8*(1+(t-1)%n):][:8]
		binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(out[:8])^uint64(t))
		copy(b[8:], r)
		block.Decrypt(b[:], b[:])
		copy(out[:8], b[:8])
		copy(r, b[8:])
	}
	if subtle.ConstantTimeCompare(out[:8], wrapIV) != 1 {
		return nil, errors.New("the wrapped key doesn't open")
	}
	return out[8:], nil
}
