package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// clientData are the members of clientDataJSON that count (WebAuthn, 5.8.1). A
// browser may add others, of any name, and those are not looked at.
var clientData = []string{"type", "challenge", "origin", "crossOrigin", "topOrigin"}

// checkClientData checks that the browser was asked to sign exactly a
// challenge, by a page of exactly an origin that no other page framed. The
// challenge is unpadded base64url, as all browsers write it.
func checkClientData(b []byte, challenge [32]byte, origin string) error {
	found, err := readClientData(b)
	if err != nil {
		return err
	}
	is := func(name, want string) bool {
		var text *string
		return json.Unmarshal(found[name], &text) == nil && text != nil && *text == want
	}
	switch {
	case !is("type", "webauthn.get"):
		return ErrClientType
	case !is("challenge", base64.RawURLEncoding.EncodeToString(challenge[:])):
		return ErrChallenge
	case !is("origin", origin):
		return ErrOrigin
	case found["crossOrigin"] != nil && string(found["crossOrigin"]) != "false", found["topOrigin"] != nil:
		return ErrFramed
	}
	return nil
}

// readClientData reads one JSON object and returns the members that count. None
// of them may be there twice, nor under a name that differs in capitals only:
// readers disagree on which one it then says. Errors: [ErrForm].
func readClientData(b []byte) (map[string]json.RawMessage, error) {
	broken := bad("client data are not one JSON object")
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, broken
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, broken
	}
	found := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, broken
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, broken
		}
		for _, counts := range clientData {
			if !strings.EqualFold(name, counts) {
				continue
			}
			if name != counts || found[counts] != nil {
				return nil, bad("client data say %q twice, or in another spelling", counts)
			}
			found[counts] = value
		}
	}
	return found, nil
}
