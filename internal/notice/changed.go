package notice

import (
	"context"
	"crypto/rand"
	_ "embed"
	"slices"
	"strings"
	"sync"
	"time"

	"writ"
	"writ/internal/records"
)

// Change says who changes a customer's contacts, for those who are told of it.
type Change struct {
	By string // the customer's credential or user
	// Language is for contacts that have set none (BCP 47).
	Language string
}

// ChangeContacts is [Queue.SetContacts] for the customer itself. Whoever takes a
// customer's notices away would decide who learns of a demand; so each contact
// that is left out, or whose key is another, is told there that it was, and the
// inbox too. Nobody is told of a change that changes none of these.
func (q *Queue) ChangeContacts(ctx context.Context, customer writ.CustomerID, list []Contact, by Change) (secrets map[string]string, err error) {
	id := "contacts/" + string(customer) + "/" + strings.ToLower(rand.Text())
	secrets, err = q.setContacts(ctx, customer, list, func(tx records.Tx, were []Contact) error {
		if len(were) == 0 {
			were = []Contact{{Kind: ByInbox}}
		}
		left := q.leftOut(were, list)
		if len(left) == 0 {
			return nil
		}
		return q.AddTx(ctx, tx, q.changed(id, customer, left, by))
	})
	if err == nil {
		q.Wake()
	}
	return secrets, err
}

// leftOut are the contacts that will not get what they got so far. One that
// nothing can be sent to any more, because its certificate is over, is no reason
// to keep it.
func (q *Queue) leftOut(were, list []Contact) (left []Contact) {
	for _, old := range were {
		same := func(c Contact) bool { return c.Kind == old.Kind && c.Address == old.Address && c.Key == old.Key }
		if !slices.ContainsFunc(list, same) && (len(list) > 0 || old.Kind != ByInbox) && q.Check(old) == nil {
			left = append(left, old)
		}
	}
	return left
}

// changed is the message to those that were left out. It goes to the inbox as
// well, which nobody can take away.
func (q *Queue) changed(id string, customer writ.CustomerID, left []Contact, by Change) Message {
	wanted := by.Language
	for _, c := range left {
		if c.Language != "" {
			wanted = c.Language
			break
		}
	}
	to := slices.Clone(left)
	if !slices.ContainsFunc(to, func(c Contact) bool { return c.Kind == ByInbox }) && len(to) < maxContacts {
		to = append(to, Contact{Kind: ByInbox})
	}
	t := changedTexts().match(wanted)
	fill := strings.NewReplacer("{operator}", q.config.Operator, "{by}", by.By, "{at}", q.clock.Now().UTC().Format(time.RFC3339))
	return Message{ID: id, Customer: customer, To: to, Subject: cutLine(fill.Replace(t.Subject)), Text: plain(fill.Replace(t.Text)), Kind: KindNotice}
}

// cutLine keeps a subject within its bounds, whatever the operator is called.
func cutLine(s string) string {
	if len(s) <= maxSubject {
		return s
	}
	return strings.ToValidUTF8(s[:maxSubject], "")
}

//go:embed changed.yaml
var changedYAML []byte

type changedText struct{ Subject, Text string }

// changedTexts is changed.yaml: its first language is the one of who has none of
// them.
var changedTexts = sync.OnceValue(func() *spoken[changedText] { return readSpoken[changedText](changedYAML) })
