package ledger

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// explanationVersion is the first line of the note that explains a break.
const explanationVersion = "writ/ledger-break/v1"

// maxReason bounds the reason of a break: it is in a statement as well.
const maxReason = 500

// Explanation says why a log ended and which one goes on. As a file it is a
// signed note (https://c2sp.org/signed-note) of the lines
//
//	writ/ledger-break/v1
//	old VKEY
//	size N
//	root BASE64
//	new VKEY
//	at RFC3339
//	reason TEXT
//
// signed by the new log's key, and by the old one's unless that is lost.
type Explanation struct {
	OldKey string // verifier key (vkey)
	Size   uint64 // of the old log's last published checkpoint
	Root   [32]byte
	NewKey string
	At     time.Time
	Reason string
	// ByOld says that the old log's key has signed it too: set by
	// [ParseExplanation].
	ByOld bool
}

func (e Explanation) text() string {
	return fmt.Sprintf("%s\nold %s\nsize %d\nroot %s\nnew %s\nat %s\nreason %s\n", explanationVersion,
		e.OldKey, e.Size, base64.StdEncoding.EncodeToString(e.Root[:]), e.NewKey, e.At.UTC().Format(time.RFC3339), e.Reason)
}

// sign makes the note; old is nil if its key is lost.
func (e Explanation) sign(old, young note.Signer) ([]byte, error) {
	if e.Reason == "" || len(e.Reason) > maxReason || strings.ContainsFunc(e.Reason, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return nil, fmt.Errorf("the reason of a break is one line of at most %d bytes", maxReason)
	}
	signers := []note.Signer{young}
	if old != nil {
		signers = append(signers, old)
	}
	signed, err := note.Sign(&note.Note{Text: e.text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign the explanation: %w", err)
	}
	if _, err := ParseExplanation(signed); err != nil {
		return nil, err
	}
	return signed, nil
}

// errExplanation: a note is not an explanation, or not signed as one.
var errExplanation = errors.New("not the signed explanation of a break")

// ParseExplanation reads a note and verifies its signatures by the keys that it
// names. Whether these are the right ones is the caller's to know: it has
// pinned the old log's.
func ParseExplanation(signed []byte) (e Explanation, err error) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(lines) != 7 || lines[0] != explanationVersion {
		return e, errExplanation
	}
	fields := map[string]string{}
	for i, name := range []string{"old", "size", "root", "new", "at", "reason"} {
		value, found := strings.CutPrefix(lines[i+1], name+" ")
		if !found {
			return e, fmt.Errorf("%w: line %d is not its %s", errExplanation, i+2, name)
		}
		fields[name] = value
	}
	e.OldKey, e.NewKey, e.Reason = fields["old"], fields["new"], fields["reason"]
	root, rootErr := base64.StdEncoding.Strict().DecodeString(fields["root"])
	size, sizeErr := strconv.ParseUint(fields["size"], 10, 63)
	at, timeErr := time.Parse(time.RFC3339, fields["at"])
	if err := errors.Join(rootErr, sizeErr, timeErr); err != nil || len(root) != 32 {
		return e, fmt.Errorf("%w: its size, root or time cannot be read", errExplanation)
	}
	e.Size, e.Root, e.At = size, [32]byte(root), at
	old, oldErr := tnote.NewVerifier(e.OldKey)
	young, newErr := tnote.NewVerifier(e.NewKey)
	if err := errors.Join(oldErr, newErr); err != nil || e.text() != text+"\n" {
		return e, fmt.Errorf("%w: its keys cannot be read", errExplanation)
	}
	n, err := note.Open(signed, note.VerifierList(old, young))
	if err != nil {
		return e, fmt.Errorf("%w: %w", errExplanation, err)
	}
	byNew := false
	for _, s := range n.Sigs {
		byNew = byNew || s.Name == young.Name() && s.Hash == young.KeyHash()
		e.ByOld = e.ByOld || s.Name == old.Name() && s.Hash == old.KeyHash()
	}
	if !byNew {
		return e, fmt.Errorf("%w: the new log has not signed it", errExplanation)
	}
	return e, nil
}

// NextOrigin is the origin of the log that goes on after a break: "/2" after
// the first, and so on.
func NextOrigin(old string) string {
	base, number, ok := cutLast(old, "/")
	if n, err := strconv.Atoi(number); ok && err == nil && n >= 2 && strconv.Itoa(n) == number {
		return fmt.Sprintf("%s/%d", base, n+1)
	}
	return old + "/2"
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// NewKey makes a log's key: secret is its signer key, vkey its verifier key,
// both in the form of https://c2sp.org/signed-note.
func NewKey(origin string) (secret, vkey string, err error) {
	secret, vkey, err = note.GenerateKey(rand.Reader, origin)
	if err == nil {
		_, err = note.NewVerifier(vkey)
	}
	if err != nil {
		return "", "", fmt.Errorf("%.100q cannot be a log's origin: a host name or a URL without its scheme, without spaces and plus signs", origin)
	}
	return secret, vkey, nil
}
