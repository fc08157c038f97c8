package bag

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

const maxIdentities = 64

// Identity is the private key of a recipient. The server never has one.
type Identity struct {
	age []age.Identity
	rsa *rsa.PrivateKey
	ec  *ecdh.PrivateKey
}

// Format prints "[key]" whatever the verb.
func (Identity) Format(f fmt.State, _ rune) { io.WriteString(f, "[key]") }

// ParseIdentity reads an age identity file (AGE-SECRET-KEY-…) or an
// unencrypted PEM private key (PKCS #8, PKCS #1 or SEC 1); [ErrIdentity].
func ParseIdentity(text []byte) (Identity, error) {
	if len(text) > maxRecipientText {
		return Identity{}, fmt.Errorf("%w: the file is too long", ErrIdentity)
	}
	if bytes.Contains(text, []byte(pemPrivate)) {
		return parsePrivateKey(text)
	}
	if fips140.Enabled() {
		return Identity{}, fmt.Errorf("%w: age isn't approved by FIPS 140-3, in which mode this program runs", ErrIdentity)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil || len(ids) > maxIdentities {
		// The parser's errors may quote the line, which is a secret.
		return Identity{}, fmt.Errorf("%w: neither an age identity file nor a PEM private key", ErrIdentity)
	}
	return Identity{age: ids}, nil
}

func parsePrivateKey(text []byte) (Identity, error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return Identity{}, fmt.Errorf("%w: no PEM private key that can be read", ErrIdentity)
		}
		switch {
		case strings.Contains(block.Type, "ENCRYPTED"), block.Headers["DEK-Info"] != "":
			return Identity{}, fmt.Errorf("%w: it is under a passphrase; open the package with openssl, or decrypt the key first (openssl pkey)", ErrIdentity)
		case strings.HasSuffix(block.Type, pemPrivate):
			return privateKey(block.Bytes)
		}
	}
}

func privateKey(der []byte) (Identity, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if k, e := x509.ParsePKCS1PrivateKey(der); e == nil {
			key, err = k, nil
		} else if k, e := x509.ParseECPrivateKey(der); e == nil {
			key, err = k, nil
		}
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return Identity{rsa: k}, nil
	case *ecdsa.PrivateKey:
		if ec, e := k.ECDH(); e == nil {
			return Identity{ec: ec}, nil
		}
	}
	return Identity{}, fmt.Errorf("%w: the PEM private key is none of RSA, P-256, P-384 and P-521", ErrIdentity)
}
