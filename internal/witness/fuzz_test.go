package witness

import (
	"bytes"
	"errors"
	"testing"

	tlog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

// FuzzRequest: any body is a request or malformed, a request is written again
// as the same bytes, and others' code reads its checkpoint as ours does.
func FuzzRequest(f *testing.F) {
	l := newLog(f, origin)
	l.grow(9, "honest")
	f.Add(l.request(f, 0, 0))
	f.Add(l.request(f, 0, 9))
	f.Add(l.request(f, 3, 9))
	f.Add(formatRequest(9, nil, l.checkpoint(9, "an extension")))
	f.Add([]byte("old 1\n\n\n\n"))
	v, err := note.NewVerifier(l.vkey)
	if err != nil {
		f.Fatal(err)
	}
	served := Log{Origin: origin, Keys: []note.Verifier{v}}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRequest(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again := formatRequest(r.old, r.proof, r.sent); !bytes.Equal(again, body) {
			t.Fatalf("%q is written again as %q", body, again)
		}
		var theirs tlog.Checkpoint
		if _, err := theirs.Unmarshal([]byte(r.text)); err != nil || theirs.Origin != r.Origin || theirs.Size != r.Size || !bytes.Equal(theirs.Hash, r.Root[:]) {
			t.Fatalf("%q: %v %v", r.text, theirs, err)
		}
		kept, err := served.open(r.sent)
		if err != nil {
			return
		}
		n, err := note.Open([]byte(kept), note.VerifierList(v))
		if err != nil || n.Text != r.text {
			t.Fatalf("%q is kept as %q: %v", r.sent, kept, err)
		}
	})
}
