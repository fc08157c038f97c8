package passphrase

import (
	"bytes"
	"errors"
	"testing"
)

func TestDerivationIsStoredAndMadeAgain(t *testing.T) {
	for _, d := range []Derivation{{Method: Argon2id, A: 1, B: 8 << 10, C: 1}, {Method: PBKDF2, A: 100_000}} {
		d.Salt[3] = 7
		key, err := d.Key("correct horse")
		if err != nil || len(key) != 32 {
			t.Fatalf("%d bytes, %v", len(key), err)
		}
		stored := d.Append(nil)
		if len(stored) != Size || Parse(stored) != d {
			t.Fatalf("%+v is read back as %+v", d, Parse(stored))
		}
		again, _ := Parse(stored).Key("correct horse")
		other, _ := d.Key("correct horsf")
		d.Salt[3] = 8
		salted, _ := d.Key("correct horse")
		if !bytes.Equal(key, again) || bytes.Equal(key, other) || bytes.Equal(key, salted) {
			t.Error("a key doesn't depend on passphrase and salt alone")
		}
	}
}

func TestParametersAreBounded(t *testing.T) {
	for _, d := range []Derivation{
		{Method: Argon2id, A: 1, B: 1 << 30, C: 1},
		{Method: Argon2id, A: 0, B: 64 << 10, C: 1},
		{Method: Argon2id, A: 1, B: 64 << 10, C: 0},
		{Method: Argon2id, A: 1, B: 64 << 10, C: 257}, // one lane, if it were cut to a byte
		{Method: Argon2id, A: 1 << 20, B: 64 << 10, C: 1},
		{Method: PBKDF2, A: 1},
		{Method: PBKDF2, A: 1 << 31},
	} {
		if _, err := d.Key("correct horse"); !errors.Is(err, ErrBounds) {
			t.Errorf("%+v is accepted: %v", d, err)
		}
	}
	if _, err := (Derivation{Method: 9}).Key("correct horse"); !errors.Is(err, ErrMethod) {
		t.Errorf("an unknown method: %v", err)
	}
	if _, err := Fresh("short"); !errors.Is(err, ErrShort) {
		t.Errorf("a passphrase of five bytes: %v", err)
	}
}
