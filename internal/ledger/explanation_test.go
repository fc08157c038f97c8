//go:build unix

package ledger

import (
	"crypto/rand"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// TestExplanation: what was not signed by the new key, or was changed, is
// refused.
func TestExplanation(t *testing.T) {
	secret, oldKey, err := NewKey(origin)
	must(t, err)
	old, err := note.NewSigner(secret)
	must(t, err)
	secret, newKey, err := NewKey(NextOrigin(origin))
	must(t, err)
	young, err := note.NewSigner(secret)
	must(t, err)
	e := Explanation{OldKey: oldKey, Size: 7, NewKey: newKey, At: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), Reason: "the key was stolen"}
	rand.Read(e.Root[:])
	signed, err := e.sign(old, young)
	must(t, err)
	for i := range signed {
		changed := append([]byte{}, signed...)
		changed[i] ^= 1
		got, err := ParseExplanation(changed)
		got.ByOld = false // a signature of the two may have been hit
		if err == nil && got != e {
			t.Fatalf("byte %d was changed, and it says %+v", i, got)
		}
	}
	onlyOld, err := note.Sign(&note.Note{Text: e.text()}, old)
	must(t, err)
	_, err = ParseExplanation(onlyOld)
	wants(t, err, errExplanation, "new log")
	for _, reason := range []string{"", "two\nlines", string(make([]byte, 501))} {
		e.Reason = reason
		if _, err := e.sign(old, young); err == nil {
			t.Errorf("the reason %.20q was taken", reason)
		}
	}
	for was, want := range map[string]string{"a.example": "a.example/2", "a.example/2": "a.example/3", "a.example/9": "a.example/10", "a.example/log": "a.example/log/2", "a.example/02": "a.example/02/2"} {
		if got := NextOrigin(was); got != want {
			t.Errorf("after %s comes %s, not %s", was, got, want)
		}
	}
}
