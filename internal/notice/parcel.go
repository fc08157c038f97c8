package notice

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"
)

// parcel is what leaves: a message as it goes to one contact.
type parcel struct {
	name        string // of the delivery
	kind        Kind
	date        time.Time // of the message, the same in each attempt
	repeat      bool
	language    string
	sealed      bool
	subject     string
	text        string
	attachments []Attachment
}

// send packs a message, sealed if the contact has a key, and sends it.
func (q *Queue) send(ctx context.Context, j job) outcome {
	p, out := q.pack(ctx, j)
	if out != nil {
		return *out
	}
	mark := func() error { return q.mark(ctx, j) }
	if j.contact.Kind == ByMail {
		if q.config.Mail == nil {
			return failed(NotConfigured, "no mail server is set up")
		}
		return q.config.Mail.send(ctx, j.contact.Address, p, mark)
	}
	secret, err := q.secretFor(ctx, q.store, j.message.head(j.id), j.contact)
	if err != nil {
		return outcome{broken: err}
	}
	if secret == nil {
		return failed(NotConfigured, "the webhook has no secret")
	}
	return q.hooks.send(ctx, j.contact.Address, p, secret, j.message.Case, q.clock.Now(), mark)
}

func (q *Queue) pack(ctx context.Context, j job) (parcel, *outcome) {
	m, err := q.Message(ctx, j.id)
	if err != nil {
		return parcel{}, &outcome{broken: err}
	}
	p := parcel{name: j.name, kind: m.Kind, date: fromMilli(max(j.message.Added, j.message.NotBefore)), repeat: j.repeat,
		language: languageOf(j.contact), subject: m.Subject, text: plain(m.Text), attachments: m.Attachments}
	if j.contact.Key == "" {
		return p, nil
	}
	if q.config.Seal == nil {
		out := failed(NotConfigured, "this server can't seal to keys, and sends nothing in clear to a contact that has one")
		return p, &out
	}
	if p, err = q.seal(p, j.contact.Key); err != nil {
		out := failed(Unsealed, "couldn't seal to the contact's key: %v", err)
		return p, &out
	}
	return p, nil
}

func languageOf(c Contact) string {
	if c.Language == "" {
		return "en"
	}
	return c.Language
}

// seal puts all of a parcel into one attachment, a message that mail programs
// open, sealed to the key.
func (q *Queue) seal(p parcel, key string) (parcel, error) {
	inner, err := q.innerMessage(p)
	if err != nil {
		return p, err
	}
	ending, sealed, err := q.config.Seal(key, inner)
	if err != nil {
		return p, err
	}
	t := sealedTexts().match(p.language)
	how, ok := t.How[strings.TrimPrefix(ending, ".")]
	if !ok {
		return p, fmt.Errorf("nobody is told how to open a file that ends in %q", ending)
	}
	file := "notice.eml" + ending
	fill := strings.NewReplacer("{operator}", q.config.Operator, "{file}", file, "{how}", strings.ReplaceAll(how, "{file}", file))
	p.sealed, p.subject, p.text = true, fill.Replace(t.Subject), plain(fill.Replace(t.Text))
	p.attachments = []Attachment{{Name: file, MIME: "application/octet-stream", Body: sealed}}
	return p, nil
}

//go:embed sealed.yaml
var sealedYAML []byte

// sealedText is what is readable of a sealed notice, in one language.
type sealedText struct {
	Subject string
	Text    string
	How     map[string]string // ending of the file, how it is opened
}

// sealedTexts is sealed.yaml: its first language is the one of who has none of
// them.
var sealedTexts = sync.OnceValue(func() *spoken[sealedText] { return readSpoken[sealedText](sealedYAML) })
