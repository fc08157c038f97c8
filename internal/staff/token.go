package staff

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
)

// The form of a token: "writ_api_", 12 characters of id, 43 of secret (256 random
// bits) and 6 of checksum, all in base62 (0-9, A-Z, a-z). The checksum is CRC-32
// (IEEE) of all before it: it lets a scanner of source code tell a token from a
// text that looks like one, and a typing error from a forgery. The regular
// expression for scanners is writ_api_[0-9A-Za-z]{61}.
const (
	TokenPrefix  = "writ_api_"
	idLength     = 12
	secretLength = 43
	sumLength    = 6
	tokenLength  = len(TokenPrefix) + idLength + secretLength + sumLength
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Registration is what an operator registers of a token: nobody can make the
// token of it.
type Registration struct {
	ID   string
	Hash [32]byte // SHA-256("writ/token/v1" ‖ the whole token)
}

// NewToken makes a token, on its owner's machine. The registration goes to an
// operator, the token to nobody.
func NewToken() (string, Registration) {
	body := TokenPrefix + randomBase62(idLength) + randomBase62(secretLength)
	token := body + checksum(body)
	r, err := parseToken(token)
	if err != nil {
		panic(err) // it was made just now
	}
	return token, r
}

// randomBase62 returns n characters of at least 5.95 random bits each: 43 of
// them hold 256 bits.
func randomBase62(n int) string {
	most := new(big.Int).Exp(big.NewInt(62), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, most)
	if err != nil {
		panic(err) // crypto/rand never fails, since Go 1.24
	}
	return inBase62(v, n)
}

func inBase62(v *big.Int, n int) string {
	digits, rest, base := make([]byte, n), new(big.Int), big.NewInt(62)
	for i := n - 1; i >= 0; i-- {
		v, rest = new(big.Int).QuoRem(v, base, rest)
		digits[i] = base62[rest.Int64()]
	}
	return string(digits)
}

func checksum(body string) string {
	return inBase62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body)))), sumLength)
}

// parseToken checks the form of a token. Errors: [ErrTokenForm].
func parseToken(token string) (Registration, error) {
	if len(token) != tokenLength || !strings.HasPrefix(token, TokenPrefix) {
		return Registration{}, ErrTokenForm
	}
	for _, c := range []byte(token[len(TokenPrefix):]) {
		if strings.IndexByte(base62, c) < 0 {
			return Registration{}, ErrTokenForm
		}
	}
	if end := tokenLength - sumLength; checksum(token[:end]) != token[end:] {
		return Registration{}, ErrTokenForm
	}
	return Registration{
		ID:   token[len(TokenPrefix) : len(TokenPrefix)+idLength],
		Hash: sha256.Sum256([]byte("writ/token/v1" + token)),
	}, nil
}

// String returns the registration as an operator pastes it: the id, a colon and
// the hash in hex.
func (r Registration) String() string { return r.ID + ":" + hex.EncodeToString(r.Hash[:]) }

// ParseRegistration reads what [Registration.String] wrote. Errors: [ErrForm];
// its text says so if it was given a token, which must not be given to anybody.
func ParseRegistration(text string) (r Registration, err error) {
	if strings.Contains(text, TokenPrefix) {
		return r, fmt.Errorf("%w: this is the token itself, which nobody but its owner may have: make a new one, and give its registration", ErrForm)
	}
	id, sum, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != len(r.Hash) || !isTokenID(id) {
		return r, fmt.Errorf("%w: a registration is %d characters, a colon and 64 hex digits", ErrForm, idLength)
	}
	return Registration{ID: id, Hash: [32]byte(b)}, nil
}

func isTokenID(id string) bool {
	return len(id) == idLength && strings.Trim(id, base62) == ""
}
