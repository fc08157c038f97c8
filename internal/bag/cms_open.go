package bag

import (
	"crypto/ecdh"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"writ/internal/seal"
)

// openCMS opens a message as cms.go writes them, in place: the plaintext lies
// in the message's memory.
func openCMS(id Identity, message []byte) ([]byte, error) {
	m, err := parseAuthEnveloped(message)
	if err != nil {
		return nil, err
	}
	for _, info := range m.recipients {
		raw, ok := info.open(id)
		if !ok {
			continue
		}
		key, err := seal.KeyFromBytes(raw)
		clear(raw)
		if err != nil {
			continue // it was made by somebody else, with another cipher
		}
		return m.open(key)
	}
	return nil, fmt.Errorf("%w: the volume isn't sealed to it", ErrIdentity)
}

// open brings nonce, ciphertext and tag together as a box has them. Ciphertext
// and tag are adjacent but for a header of two bytes, and before the
// ciphertext there is more than a nonce.
func (m authMessage) open(key *seal.Key) ([]byte, error) {
	defer key.Erase()
	boxed := m.all[m.at-gcmNonce : m.at+m.n+gcmTag : m.at+m.n+gcmTag]
	nonce, mac := [gcmNonce]byte(m.nonce), [gcmTag]byte(m.mac)
	copy(boxed, nonce[:])
	copy(boxed[gcmNonce+m.n:], mac[:])
	out, err := seal.NewBox(key).Open(boxed[:0], boxed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: a volume was changed", ErrDamaged)
	}
	return out, nil
}

type authMessage struct {
	recipients []recipientInfo
	nonce, mac []byte
	all        []byte
	at, n      int // where in all the ciphertext lies
}

// recipientInfo is one of the two kinds that cms.go writes.
type recipientInfo struct {
	agreed    asn1.ObjectIdentifier // nil for key transport
	ephemeral []byte
	wrapped   []byte
}

func (r recipientInfo) open(id Identity) ([]byte, bool) {
	switch {
	case r.agreed == nil && id.rsa != nil:
		key, err := rsa.DecryptOAEP(sha256.New(), nil, id.rsa, r.wrapped, nil)
		return key, err == nil
	case r.agreed != nil && id.ec != nil:
		key, err := r.agree(id.ec)
		return key, err == nil
	}
	return nil, false
}

func (r recipientInfo) agree(ours *ecdh.PrivateKey) ([]byte, error) {
	how, err := agreementOn(ours.Curve())
	if err != nil {
		return nil, err
	}
	if !how.oid.Equal(r.agreed) {
		return nil, fmt.Errorf("%w: another curve", ErrIdentity)
	}
	theirs, err := ours.Curve().NewPublicKey(r.ephemeral)
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
	return unwrapKey(kek, r.wrapped)
}

var errCMS = fmt.Errorf("%w: not a CMS message of a package", ErrDamaged)

func parseAuthEnveloped(message []byte) (authMessage, error) {
	var (
		in                                     = cryptobyte.String(message)
		info, explicit, data, infos, content   cryptobyte.String
		algorithm, parameters, ciphertext, mac cryptobyte.String
		oid                                    asn1.ObjectIdentifier
		nonce                                  cryptobyte.String
		version, tagLength                     int64
	)
	ok := in.ReadASN1(&info, tags.SEQUENCE) && in.Empty() &&
		info.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidAuthEnveloped) &&
		info.ReadASN1(&explicit, tags.Tag(0).Constructed().ContextSpecific()) && info.Empty() &&
		explicit.ReadASN1(&data, tags.SEQUENCE) && explicit.Empty() &&
		data.ReadASN1Integer(&version) && version == 0 &&
		data.ReadASN1(&infos, tags.SET) &&
		data.ReadASN1(&content, tags.SEQUENCE) &&
		data.ReadASN1(&mac, tags.OCTET_STRING) && data.Empty() && len(mac) == gcmTag
	ok = ok && content.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidData) &&
		content.ReadASN1(&algorithm, tags.SEQUENCE) &&
		content.ReadASN1(&ciphertext, tags.Tag(0).ContextSpecific()) && content.Empty()
	ok = ok && algorithm.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidAES256GCM) &&
		algorithm.ReadASN1(&parameters, tags.SEQUENCE) && algorithm.Empty() &&
		parameters.ReadASN1(&nonce, tags.OCTET_STRING) && len(nonce) == gcmNonce &&
		parameters.ReadASN1Integer(&tagLength) && tagLength == gcmTag && parameters.Empty()
	if !ok {
		return authMessage{}, errCMS
	}
	m := authMessage{nonce: nonce, mac: mac, all: message, n: len(ciphertext)}
	// The tag is last in the message, and its header of two bytes before it.
	m.at = len(message) - gcmTag - 2 - m.n
	for !infos.Empty() {
		r, ok := parseRecipientInfo(&infos)
		if !ok || len(m.recipients) == MaxRecipients {
			return authMessage{}, errCMS
		}
		m.recipients = append(m.recipients, r)
	}
	return m, nil
}

func parseRecipientInfo(in *cryptobyte.String) (r recipientInfo, ok bool) {
	var info, skipped, wrapped cryptobyte.String
	var version int64
	agreed := tags.Tag(1).Constructed().ContextSpecific()
	if !in.PeekASN1Tag(agreed) {
		ok = in.ReadASN1(&info, tags.SEQUENCE) && info.ReadASN1Integer(&version) &&
			info.ReadASN1(&skipped, tags.SEQUENCE) && info.ReadASN1(&skipped, tags.SEQUENCE) &&
			info.ReadASN1(&wrapped, tags.OCTET_STRING) && info.Empty()
		return recipientInfo{wrapped: wrapped}, ok
	}
	var originator, public, algorithm, keys, one cryptobyte.String
	var bits asn1.BitString
	var how asn1.ObjectIdentifier
	ok = in.ReadASN1(&info, agreed) && info.ReadASN1Integer(&version) &&
		info.ReadASN1(&originator, tags.Tag(0).Constructed().ContextSpecific()) &&
		originator.ReadASN1(&public, tags.Tag(1).Constructed().ContextSpecific()) &&
		public.ReadASN1(&skipped, tags.SEQUENCE) && public.ReadASN1BitString(&bits) &&
		info.ReadASN1(&algorithm, tags.SEQUENCE) && algorithm.ReadASN1ObjectIdentifier(&how) &&
		info.ReadASN1(&keys, tags.SEQUENCE) && keys.ReadASN1(&one, tags.SEQUENCE) && keys.Empty() &&
		one.ReadASN1(&skipped, tags.SEQUENCE) && one.ReadASN1(&wrapped, tags.OCTET_STRING) && one.Empty()
	return recipientInfo{agreed: how, ephemeral: bits.RightAlign(), wrapped: wrapped}, ok
}
