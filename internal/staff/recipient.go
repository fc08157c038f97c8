package staff

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Recipients of age are Bech32 (BIP 173, of any length) over a public key: "age"
// over X25519, "age1pq" over ML-KEM-768 and X25519 together. They are read here
// and not by age's own package because that one seals, and rooms that seal nothing
// don't import what does. https://c2sp.org/age
const (
	bech32Digits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	plainKind    = "age"
	hybridKind   = "age1pq"
)

func parseAge(text string) (keyRecord, error) {
	if strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-") {
		return keyRecord{}, fmt.Errorf("%w: this is a secret key of age: it must never leave its owner", ErrForm)
	}
	kind, public, ok := decodeBech32(text)
	if !ok || !isRecipient(kind, public) {
		return keyRecord{}, fmt.Errorf("%w: not one age recipient (as in age1…)", ErrForm)
	}
	sum := sha256.Sum256([]byte(text))
	return keyRecord{Kind: AgeKey, Text: text, Fingerprint: hex.EncodeToString(sum[:])}, nil
}

// isRecipient says whether bytes are a public key of the kind.
func isRecipient(kind string, public []byte) bool {
	switch kind {
	case plainKind:
		_, err := ecdh.X25519().NewPublicKey(public)
		return err == nil
	case hybridKind:
		if len(public) != mlkem.EncapsulationKeySize768+32 {
			return false
		}
		_, err := mlkem.NewEncapsulationKey768(public[:mlkem.EncapsulationKeySize768])
		return err == nil
	}
	return false
}

// decodeBech32 reads what is in Bech32, in lower case.
func decodeBech32(s string) (kind string, data []byte, ok bool) {
	at := strings.LastIndexByte(s, '1')
	if at < 1 || len(s)-at-1 < 6 {
		return "", nil, false
	}
	digits := make([]byte, 0, len(s)-at-1)
	for _, c := range []byte(s[at+1:]) {
		d := strings.IndexByte(bech32Digits, c)
		if d < 0 {
			return "", nil, false
		}
		digits = append(digits, byte(d))
	}
	kind = s[:at]
	if bech32Sum(kind, digits) != 1 {
		return "", nil, false
	}
	data, ok = regroup(digits[:len(digits)-6])
	return kind, data, ok
}

// bech32Sum is BIP 173's checksum over a kind and its digits, 1 if it is right.
func bech32Sum(kind string, digits []byte) uint32 {
	sum := uint32(1)
	take := func(d byte) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(d)
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for i := range len(kind) {
		take(kind[i] >> 5)
	}
	take(0)
	for i := range len(kind) {
		take(kind[i] & 31)
	}
	for _, d := range digits {
		take(d)
	}
	return sum
}

// regroup makes bytes of digits of five bits. What is left over is less than a
// digit, and zero.
func regroup(digits []byte) (data []byte, ok bool) {
	bits, held := 0, uint32(0)
	for _, d := range digits {
		held, bits = held<<5|uint32(d), bits+5
		if bits >= 8 {
			bits -= 8
			data, held = append(data, byte(held>>bits)), held&(1<<bits-1)
		}
	}
	return data, bits < 5 && held == 0
}
