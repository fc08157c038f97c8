package notice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"mime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"writ"
)

// The bounds of a message.
const (
	maxID          = 200       // bytes
	maxSubject     = 250       // bytes
	maxText        = 256 << 10 // bytes
	maxContacts    = 16
	maxAttachments = 16
	maxAttached    = 20 << 20 // bytes of all attachments together
	maxName        = 120      // bytes of an attachment's name
)

// Kind is what a message is for.
type Kind string

// The kinds.
const (
	KindNotice   Kind = "notice"   // tells a customer
	KindPage     Kind = "page"     // calls a person of the staff
	KindReminder Kind = "reminder" // reminds one of what is due
)

// Priority says how soon a message is tried again, and when it counts as
// undeliverable. Urgent messages have workers of their own.
type Priority uint8

// The priorities.
const (
	Normal Priority = 0
	Urgent Priority = 1
)

const lanes = 2

func (p Priority) lane() int { return int(p) }

// Attachment is a file that goes with a message.
type Attachment struct {
	Name string // of the file, without a folder
	MIME string // its media type, without parameters but charset
	Body []byte
}

// Message is what is to be told, to whom, and not before when.
type Message struct {
	// ID names the message: 1 to 200 printable ASCII characters, the caller's
	// own. Who doesn't know whether a call came through repeats it.
	ID       string
	Case     writ.CaseID     // may be empty
	Customer writ.CustomerID // may be empty, if To is not
	// To is at most 16 contacts, no two alike. None means the customer's
	// contacts as they are when the message is added, or else the inbox.
	To          []Contact
	Subject     string // one line of up to 250 bytes
	Text        string // plain text, up to 256 KiB, lines ended by \n
	Attachments []Attachment
	NotBefore   time.Time // zero: at once
	Priority    Priority
	Kind        Kind
}

// check says what is wrong with a message, its contacts aside.
func (m *Message) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrMessage}, args...)...)
	}
	if m.ID == "" || len(m.ID) > maxID || strings.ContainsFunc(m.ID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return bad("its id must have 1 to %d printable ASCII characters and no space", maxID)
	}
	if m.Case != "" {
		if _, err := writ.ParseCaseID(string(m.Case)); err != nil {
			return bad("%w", err)
		}
	}
	if m.Customer != "" {
		if _, err := writ.ParseCustomerID(string(m.Customer)); err != nil {
			return bad("%w", err)
		}
	}
	switch {
	case m.Kind != KindNotice && m.Kind != KindPage && m.Kind != KindReminder:
		return bad("its kind must be notice, page or reminder")
	case m.Priority != Normal && m.Priority != Urgent:
		return bad("its priority must be normal or urgent")
	case strings.TrimSpace(m.Subject) == "" || len(m.Subject) > maxSubject || !oneLine(m.Subject):
		return bad("its subject must be one line of 1 to %d bytes of UTF-8 without control characters", maxSubject)
	case strings.TrimSpace(m.Text) == "" || len(m.Text) > maxText || !utf8.ValidString(m.Text):
		return bad("its text must have 1 to %d bytes of UTF-8", maxText)
	case len(m.Attachments) > maxAttachments:
		return bad("it has %d attachments and may have %d", len(m.Attachments), maxAttachments)
	case !m.NotBefore.IsZero() && (m.NotBefore.Year() < 1971 || m.NotBefore.Year() > 9999):
		return bad("it is for a year that can't be meant")
	case m.Customer == "" && len(m.To) == 0:
		return bad("it is for nobody: it needs a customer or contacts")
	}
	return m.checkAttachments()
}

func (m *Message) checkAttachments() error {
	names, total := map[string]bool{}, 0
	for i, a := range m.Attachments {
		total += len(a.Body)
		base, params, err := mime.ParseMediaType(a.MIME)
		if err == nil {
			delete(params, "charset")
		}
		switch {
		case a.Name == "" || len(a.Name) > maxName || !oneLine(a.Name) || strings.ContainsAny(a.Name, `/\:<>"?|*`) || strings.HasPrefix(a.Name, "."):
			return fmt.Errorf("%w: the name of attachment %d must be a plain file name of up to %d bytes", ErrMessage, i+1, maxName)
		case names[a.Name]:
			return fmt.Errorf("%w: two attachments have one name", ErrMessage)
		case err != nil || len(params) > 0 || !strings.Contains(base, "/") || len(a.MIME) > maxName || strings.HasPrefix(base, "multipart/") || strings.HasPrefix(base, "message/"):
			return fmt.Errorf("%w: attachment %d needs a media type such as application/pdf", ErrMessage, i+1)
		case total > maxAttached:
			return fmt.Errorf("%w: its attachments have more than %d MiB", ErrMessage, maxAttached>>20)
		}
		names[a.Name] = true
	}
	return nil
}

// oneLine says whether text can stand in a header: whole UTF-8, and nothing
// that ends a line, controls a terminal or turns the direction of writing.
func oneLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, hostile)
}

func hostile(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// plain is a text as it is sent: lines end in \n, and what would control the
// reader's terminal shows as U+FFFD. Texts quote what authorities wrote.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && hostile(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// digest is over all that a message says, as the caller gave it.
func (m *Message) digest() []byte {
	type attached struct {
		_          struct{} `cbor:",toarray"`
		Name, MIME string
		SHA256     [32]byte
	}
	var files []attached
	for _, a := range m.Attachments {
		files = append(files, attached{Name: a.Name, MIME: a.MIME, SHA256: sha256.Sum256(a.Body)})
	}
	sum := sha256.Sum256(encodeRecord([]any{m.ID, m.Case, m.Customer, m.To, m.Subject, m.Text, files, milli(m.NotBefore), m.Priority, m.Kind}))
	return sum[:]
}

// milli is a time in the records: Unix milliseconds, rounded up, so that
// nothing comes early; 0 is none.
func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(time.Millisecond - 1).UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

var nameCoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// nameOf is the name of a delivery (layout.go).
func (q *Queue) nameOf(id string, c Contact) string {
	mac := hmac.New(sha256.New, q.salt)
	fmt.Fprintf(mac, "%s\x00%s\x00%s", id, c.Kind, c.Address)
	return strings.ToLower(nameCoding.EncodeToString(mac.Sum(nil)[:16]))
}
