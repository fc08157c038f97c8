package custodian

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"writ/internal/policy"
)

// TestRequest: what is carried comes back as it was, and nothing else is taken
// for it.
func TestRequest(t *testing.T) {
	r := Request{V: 1, Case: "2026-7KQM-4ZT0", Payload: []byte("{}"), Language: "de", Signature: &policy.Signature{KeyID: "a", Sig: []byte{1}}}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseRequest(b)
	if err != nil || got.Case != r.Case || !bytes.Equal(got.Payload, r.Payload) || got.Signature == nil || got.Signature.KeyID != "a" {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, text := range map[string]string{
		"nothing": "", "another version": strings.Replace(string(b), `"v": 1`, `"v": 2`, 1), "a field more": strings.Replace(string(b), "{", `{"x":1,`, 1),
		"two": string(b) + "{}", "large": strings.Repeat(" ", MaxRequest+1), "a list": "[]", "a key": "writ custodian key 1\n",
	} {
		if _, err := ParseRequest([]byte(text)); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
