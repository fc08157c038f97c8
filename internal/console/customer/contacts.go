package customer

import (
	"slices"
	"strconv"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/notice"
)

// maxContacts is how many contacts a customer has at most, as the interface takes
// them; spare is how many empty lines the form has for new ones.
const (
	maxContacts = 16
	spare       = 2
)

// contactView is one line of the form.
//
// I counts the fields of the form, from 0.
type contactView struct {
	I int
	api.CustomerContact
	New   bool
	Other bool // its language is none of those that letters are written in
}

// contactsPage is what /my/contacts shows.
type contactsPage struct {
	Contacts  []contactView
	Kinds     []notice.ContactKind
	Languages []string
	Secrets   []api.CustomerContact // of new webhooks, shown this once
}

// Number is the contact as a reader counts it.
func (c contactView) Number() int { return c.I + 1 }

func contactsOf(c api.MyContacts) contactsPage {
	d := contactsPage{Kinds: []notice.ContactKind{notice.ByInbox, notice.ByMail, notice.ByWebhook}, Languages: c.Languages}
	for i, one := range c.Contacts {
		one.Address = shown(one.Address)
		d.Contacts = append(d.Contacts, contactView{I: i, CustomerContact: one, Other: one.Language != "" && !slices.Contains(c.Languages, one.Language)})
		if one.Secret != "" {
			d.Secrets = append(d.Secrets, one)
		}
	}
	for i := len(c.Contacts); i < min(maxContacts, len(c.Contacts)+spare); i++ {
		d.Contacts = append(d.Contacts, contactView{I: i, New: true})
	}
	return d
}

func (p *pages) contacts(v *page.Visit) error {
	c, err := p.Own(v).Contacts(v.Context())
	if err != nil {
		return err
	}
	return v.Render("contacts", contactsOf(c))
}

// setContacts sets all contacts anew. The secret of a new webhook is in the answer
// itself, for it is kept nowhere from where another page could show it.
func (p *pages) setContacts(v *page.Visit) error {
	now, err := p.Own(v).Contacts(v.Context())
	if err != nil {
		return err
	}
	var list []api.CustomerContact
	for i := range maxContacts {
		var c api.CustomerContact
		for name, to := range map[string]*string{"kind": (*string)(&c.Kind), "address": &c.Address, "language": &c.Language, "key": &c.Key} {
			if *to, err = v.Text(name+"-"+strconv.Itoa(i), 16<<10); err != nil {
				return v.Again("contacts", contactsOf(now), err)
			}
		}
		if c.Kind != "" {
			list = append(list, c)
		}
	}
	set, err := p.Own(v).SetContacts(v.Context(), list)
	if err != nil {
		return v.Again("contacts", contactsOf(now), err)
	}
	if d := contactsOf(set); len(d.Secrets) > 0 {
		v.Secret()
		return v.Render("secrets", d)
	}
	return v.See("/my/contacts", "my-contacts-set")
}
