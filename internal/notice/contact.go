package notice

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/text/language"

	"writ"
	"writ/internal/records"
)

// ContactKind is a way to reach somebody.
type ContactKind string

// The ways.
const (
	ByMail    ContactKind = "mail"
	ByWebhook ContactKind = "webhook"
	ByInbox   ContactKind = "inbox"
)

// Contact is one way to reach one party.
type Contact struct {
	Kind ContactKind `cbor:"1,keyasint"`
	// Address is a mail address (ASCII; domains of other scripts in their xn--
	// form), an https URL, or empty for the inbox.
	Address  string `cbor:"2,keyasint,omitempty"`
	Language string `cbor:"3,keyasint,omitempty"` // BCP 47; empty counts as "en"
	// Key is an age recipient or an X.509 certificate (PEM): what goes there is
	// sealed to it. Not for the inbox, which is sealed as all records are.
	Key string `cbor:"4,keyasint,omitempty"`
}

const (
	maxAddress = 254  // bytes of a mail address (RFC 5321, 4.5.3.1)
	maxLocal   = 64   // of its part before the @
	maxURL     = 2048 // bytes
	maxKey     = 16 << 10
)

// A mail address's dot-atom (RFC 5322, 3.2.3), and a host's name.
var (
	dotAtom  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
	hostName = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

func badContact(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrContact}, args...)...)
}

// checkAddress says what is wrong with a mail address. One that passes can
// stand in a header and in an SMTP command as it is.
func checkAddress(address string) error {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || len(address) > maxAddress || at > maxLocal || !dotAtom.MatchString(address[:at]) || !hostName.MatchString(address[at+1:]) {
		return badContact("it isn't a mail address such as notices@mill-street-books.example (ASCII, nothing around it)")
	}
	if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address || parsed.Name != "" {
		return badContact("it isn't a plain mail address")
	}
	return nil
}

// checkURL says what is wrong with the URL of a webhook.
func checkURL(address string, c WebhookConfig) error {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return badContact("it isn't a URL (ASCII, up to %d bytes)", maxURL)
	}
	switch {
	case u.Opaque != "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.HasSuffix(address, "#"):
		return badContact("a webhook's URL needs a host, and may have neither user nor fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && c.PlainLoopback:
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsLoopback() {
			return nil
		}
	}
	return badContact("a webhook's URL must begin with https://")
}

// Check says what is wrong with a contact. Errors: [ErrContact].
func (q *Queue) Check(c Contact) error {
	if c.Language != "" {
		if _, err := language.Parse(c.Language); err != nil || len(c.Language) > 64 {
			return badContact("its language isn't a tag of BCP 47 such as de or fr-CA")
		}
	}
	switch c.Kind {
	case ByMail:
		if err := checkAddress(c.Address); err != nil {
			return err
		}
	case ByWebhook:
		if err := checkURL(c.Address, q.config.Webhooks); err != nil {
			return err
		}
	case ByInbox:
		if c.Address != "" || c.Key != "" {
			return badContact("the inbox has neither address nor key")
		}
	default:
		return badContact("its kind must be mail, webhook or inbox")
	}
	return q.checkKey(c.Key)
}

// checkKey tries a key out: one that can't be sealed to would be found when the
// first notice is due.
func (q *Queue) checkKey(key string) error {
	switch {
	case key == "":
		return nil
	case len(key) > maxKey:
		return badContact("its key has more than %d bytes", maxKey)
	case q.config.Seal == nil:
		return badContact("this server can't seal to keys")
	}
	if _, _, err := q.config.Seal(key, []byte("tried")); err != nil {
		return badContact("nothing can be sealed to its key: %w", err)
	}
	return nil
}

// checkAll checks contacts, and that no two are one.
func (q *Queue) checkAll(list []Contact, customer writ.CustomerID) error {
	if len(list) > maxContacts {
		return badContact("there are %d and may be %d", len(list), maxContacts)
	}
	seen := map[string]bool{}
	for i, c := range list {
		if err := q.Check(c); err != nil {
			return fmt.Errorf("contact %d: %w", i+1, err)
		}
		if c.Kind == ByInbox && customer == "" {
			return badContact("contact %d: an inbox belongs to a customer", i+1)
		}
		name := string(c.Kind) + " " + c.Address
		if seen[name] {
			return badContact("contact %d is there twice", i+1)
		}
		seen[name] = true
	}
	return nil
}

// SetContacts replaces a customer's contacts; none means the inbox. It returns
// the signing secrets of webhooks that are new, by their URLs: they are shown
// this once. Messages on their way keep the contacts that they were added with
// ([Queue.ReaddressTx] changes one). Errors: [ErrContact].
func (q *Queue) SetContacts(ctx context.Context, customer writ.CustomerID, list []Contact) (secrets map[string]string, err error) {
	return q.setContacts(ctx, customer, list, nil)
}

// setContacts is SetContacts; before, if not nil, is called inside its
// transaction, with the contacts as they were and before anything is written.
func (q *Queue) setContacts(ctx context.Context, customer writ.CustomerID, list []Contact, before func(records.Tx, []Contact) error) (secrets map[string]string, err error) {
	if _, err := writ.ParseCustomerID(string(customer)); err != nil {
		return nil, err
	}
	if err := q.checkAll(list, customer); err != nil {
		return nil, err
	}
	err = records.Retry(ctx, q.store, func(tx records.Tx) error {
		secrets = map[string]string{}
		were, err := contactsOf(ctx, tx, customer)
		if err != nil {
			return err
		}
		if before != nil {
			if err := before(tx, were); err != nil {
				return err
			}
		}
		gone := map[string]bool{}
		for _, c := range were {
			gone[c.Address] = c.Kind == ByWebhook
		}
		for _, c := range list {
			delete(gone, c.Address)
			if c.Kind != ByWebhook {
				continue
			}
			fresh, err := q.needSecret(ctx, tx, customer, c.Address)
			if err != nil {
				return err
			}
			if fresh != "" {
				secrets[c.Address] = fresh
			}
		}
		for address, webhook := range gone {
			if webhook {
				if err := retireSecret(ctx, tx, customer, address); err != nil {
					return err
				}
			}
		}
		if len(list) == 0 {
			tx.Delete(contactsKey(customer))
			return nil
		}
		tx.Put(contactsKey(customer), encodeRecord(contactsRecord{list}))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't set the contacts: %w", err)
	}
	return secrets, nil
}

// Contacts returns a customer's contacts: the inbox, if it has set none.
func (q *Queue) Contacts(ctx context.Context, customer writ.CustomerID) ([]Contact, error) {
	list, err := contactsOf(ctx, q.store, customer)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the contacts: %w", err)
	}
	if len(list) == 0 {
		list = []Contact{{Kind: ByInbox}}
	}
	return list, nil
}

func contactsOf(ctx context.Context, r records.Reader, customer writ.CustomerID) ([]Contact, error) {
	value, err := r.Get(ctx, contactsKey(customer))
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list contactsRecord
	return list.Contacts, decodeRecord(value, &list)
}
