package seal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSealToRecipient: only the identity opens, only with its context, and
// only what was sealed.
func TestSealToRecipient(t *testing.T) {
	mine, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	key := NewKey()
	sealed, err := mine.Recipient().Wrap([]byte("segment one"), key)
	if err != nil || len(sealed) != SealedKeySize {
		t.Fatalf("%d bytes, %v", len(sealed), err)
	}
	if got, err := UnwrapSealed(mine, []byte("segment one"), sealed); err != nil || !got.Equal(key) {
		t.Fatalf("the sealed key does not come back: %v", err)
	}
	again, err := mine.Recipient().Wrap([]byte("segment one"), key)
	if err != nil || bytes.Equal(sealed, again) {
		t.Error("sealed twice alike")
	}
	if _, err := UnwrapSealed(other, []byte("segment one"), sealed); !errors.Is(err, ErrKey) {
		t.Errorf("another's key opens it: %v", err)
	}
	if _, err := UnwrapSealed(mine, []byte("segment two"), sealed); !errors.Is(err, ErrKey) {
		t.Errorf("it opens with another context: %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		bad := bytes.Clone(sealed)
		bad[rapid.IntRange(0, len(bad)-1).Draw(t, "at")] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		if _, err := UnwrapSealed(mine, []byte("segment one"), bad); !errors.Is(err, ErrKey) {
			t.Fatalf("a changed one opens: %v", err)
		}
	})
	for _, n := range []int{0, 1, SealedKeySize - 1} {
		if _, err := UnwrapSealed(mine, []byte("segment one"), sealed[:n]); !errors.Is(err, ErrKey) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
}

// TestRecipientText: both keys come back from their texts, other texts are
// refused, and an identity prints nothing of itself.
func TestRecipientText(t *testing.T) {
	mine, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	public := mine.Recipient().String()
	r, err := ParseRecipient(public + "\n")
	if err != nil || !bytes.Equal(r.Bytes(), mine.Recipient().Bytes()) || len(r.Bytes()) != RecipientSize {
		t.Fatalf("the public key does not come back: %v", err)
	}
	secret, err := mine.Secret()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseIdentity(secret)
	if err != nil || back.Recipient().String() != public {
		t.Fatalf("the private key does not come back: %v", err)
	}
	for _, bad := range []string{"", "writ-journal-1", "writ-journal-1 !", secret, public[:len(public)-8], strings.ToUpper(public), public + "AAAA"} {
		if _, err := ParseRecipient(bad); !errors.Is(err, ErrRecipient) {
			t.Errorf("%.40q is taken for a public key: %v", bad, err)
		}
	}
	for _, bad := range []string{"", public, secret[:len(secret)-4], secret + "AAAA", "writ-journal-secret-1 "} {
		if _, err := ParseIdentity(bad); !errors.Is(err, ErrRecipient) || strings.Contains(err.Error(), secret[len(identityText):len(identityText)+8]) {
			t.Errorf("%.40q is taken for a private key: %v", bad, err)
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v %s %x", mine, mine, *mine, mine, mine); strings.Contains(shown, secret[len(identityText):len(identityText)+8]) {
		t.Errorf("an identity prints as %s", shown)
	}
}
