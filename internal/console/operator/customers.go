package operator

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/notice"
	"writ/internal/printable"
)

// perPage is how many rows a list has.
const perPage = 50

type customersPage struct {
	api.CustomerPage
	Chart *page.Chart
	First string
	Find  string
}

// customers lists customers in order of name; a name that is looked for leads to
// its customer.
func (h *room) customers(v *page.Visit) error {
	d := customersPage{Find: v.Query("find")}
	if d.Find != "" {
		var c api.KeptCustomer
		err := h.get(v, "customers/"+api.Below(d.Find), &c)
		var p *api.Problem
		switch {
		case err == nil:
			return v.See("/operator/customers/"+api.Below(string(c.ID)), "")
		case !errors.As(err, &p) || p.Status != http.StatusNotFound:
			return err
		}
	}
	after := v.Query("after")
	if err := h.get(v, api.Asked("customers", "after", after, "limit", strconv.Itoa(perPage)), &d.CustomerPage); err != nil {
		return err
	}
	if after != "" {
		d.First = "/operator/customers"
	}
	next := d.Next
	page.Visible(&d.CustomerPage)
	d.Next = next // an address, not a text
	d.Chart = shares(v.Words(), d.Customers)
	return v.Render("customers", &d)
}

// fewest is how many customers a chart takes: fewer are read faster in the table.
const fewest = 8

// shares draws what the customers of a page keep.
func shares(w *page.Words, all []api.KeptCustomer) *page.Chart {
	most := int64(0)
	for _, c := range all {
		most = max(most, c.Bytes)
	}
	if most == 0 || len(all) < fewest {
		return nil
	}
	unit, size := unitFor(most)
	var rows []page.ChartRow
	for _, c := range all {
		rows = append(rows, page.ChartRow{Label: c.Name, Values: []int64{c.Bytes / size}})
	}
	return page.NewChart(w, w.Say("operator.customers.chart", "unit", unit), w.Say("operator.col.customer"), []string{unit}, []string{""}, rows)
}

type customerPage struct {
	api.KeptCustomer
	List  api.BucketPage
	First string
	At    string // address of this customer
}

// customer is one, with its keys and a page of its buckets.
func (h *room) customer(v *page.Visit) error {
	d, err := h.customerNow(v)
	if err != nil {
		return err
	}
	if v.Part() == "rotation" {
		return v.Fragment("customer", "rotation", d)
	}
	return v.Render("customer", d)
}

func (h *room) customerNow(v *page.Visit) (*customerPage, error) {
	var d customerPage
	name := v.Path("customer")
	if err := h.get(v, "customers/"+api.Below(name), &d.KeptCustomer); err != nil {
		return nil, err
	}
	after := v.Query("after")
	if err := h.get(v, api.Asked("customers/"+api.Below(name, "buckets"), "after", after, "limit", strconv.Itoa(perPage)), &d.List); err != nil {
		return nil, err
	}
	d.At = "/operator/customers/" + api.Below(string(d.ID))
	if after != "" {
		d.First = d.At
	}
	next := d.List.Next
	page.Visible(&d.KeptCustomer)
	page.Visible(&d.List)
	d.List.Next = next
	return &d, nil
}

// rotate begins the rotation of a customer's keys.
func (h *room) rotate(v *page.Visit) error {
	name := v.Path("customer")
	err := h.Desk.Do(v.Context(), http.MethodPost, "customers/"+api.Below(name, "rotate"), nil, nil)
	if err == nil {
		return v.See("/operator/customers/"+api.Below(name), "operator-rotating")
	}
	d, failed := h.customerNow(v)
	if failed != nil {
		return failed
	}
	return v.Again("customer", d, err)
}

type noticesPage struct {
	api.InboxStatePage
	Channels []api.Channel
	First    string
}

// notices is how people are told: what fails, and how each customer is reached.
// What is on its way is not told here: that would tell that there is something.
func (h *room) notices(v *page.Visit) error {
	var d noticesPage
	var s api.Status
	if err := h.get(v, "status", &s); err != nil {
		return err
	}
	after := v.Query("after")
	if err := h.get(v, api.Asked("inboxes", "after", after, "limit", strconv.Itoa(perPage)), &d.InboxStatePage); err != nil {
		return err
	}
	if d.Channels = s.Channels; after != "" {
		d.First = "/operator/notices"
	}
	next := d.Next
	page.Visible(&d.InboxStatePage)
	d.Next = next
	return v.Render("notices", &d)
}

type contactsPage struct {
	Name     string
	ID       writ.CustomerID
	At       string
	Contacts []contact
	Secret   string // of the webhook that was just added
}

// contact is one as it is shown, and as a form carries it.
type contact struct {
	api.CustomerContact
	Raw string // its address as it is kept
}

// contacts is how a customer is told. The look is in the audit trail: whoever
// changes a contact decides who learns of a demand.
func (h *room) contacts(v *page.Visit) error {
	d, _, err := h.contactsNow(v)
	if err != nil {
		return err
	}
	return v.Render("contacts", d)
}

func (h *room) contactsNow(v *page.Visit) (*contactsPage, []api.CustomerContact, error) {
	var c api.KeptCustomer
	name := v.Path("customer")
	if err := h.get(v, "customers/"+api.Below(name), &c); err != nil {
		return nil, nil, err
	}
	var list []api.CustomerContact
	if err := h.get(v, "customers/"+api.Below(string(c.ID), "contacts"), &list); err != nil {
		return nil, nil, err
	}
	return contactsOf(c, list), list, nil
}

func contactsOf(c api.KeptCustomer, list []api.CustomerContact) *contactsPage {
	d := &contactsPage{Name: printable.Text(c.Name), ID: c.ID, At: "/operator/customers/" + api.Below(string(c.ID))}
	for _, one := range list {
		shown := contact{one, one.Address}
		page.Visible(&shown.CustomerContact)
		d.Contacts = append(d.Contacts, shown)
		if one.Secret != "" {
			d.Secret = one.Secret
		}
	}
	return d
}

// addContact adds one to those that are there. The secret of a new webhook's
// signatures is on the page that answers, and nowhere again.
func (h *room) addContact(v *page.Visit) error {
	d, list, err := h.contactsNow(v)
	if err != nil {
		return err
	}
	var in api.CustomerContact
	for _, f := range []struct {
		name string
		most int
		into *string
	}{{"kind", 20, (*string)(&in.Kind)}, {"address", 2048, &in.Address}, {"language", 35, &in.Language}, {"key", 16 << 10, &in.Key}} {
		if *f.into, err = v.Text(f.name, f.most); err != nil {
			return v.Again("contacts", d, err)
		}
	}
	if in.Kind == notice.ByInbox {
		in = api.CustomerContact{Kind: notice.ByInbox}
	}
	out, err := h.setContacts(v, d.ID, append(list, in))
	if err != nil {
		return v.Again("contacts", d, err)
	}
	for _, c := range out {
		if c.Secret != "" {
			d = contactsOf(api.KeptCustomer{Customer: api.Customer{ID: d.ID, Name: d.Name}}, out)
			v.Secret()
			return v.Render("contacts", d)
		}
	}
	return v.See(d.At+"/contacts", "operator-contacts")
}

// removeContact takes one away; without any, notices lie in the inbox.
func (h *room) removeContact(v *page.Visit) error {
	d, list, err := h.contactsNow(v)
	if err != nil {
		return err
	}
	form, err := v.Form()
	if err != nil {
		return err
	}
	kept, kind, address := []api.CustomerContact{}, form.Get("kind"), form.Get("address")
	for _, c := range list {
		if string(c.Kind) != kind || c.Address != address {
			kept = append(kept, c)
		}
	}
	if len(kept) == len(list) {
		return v.Again("contacts", d, &api.Problem{Status: http.StatusConflict, Title: "Conflict", Code: "changed", Detail: "that contact is not there any more"})
	}
	if _, err := h.setContacts(v, d.ID, kept); err != nil {
		return v.Again("contacts", d, err)
	}
	return v.See(d.At+"/contacts", "operator-contacts")
}

func (h *room) setContacts(v *page.Visit, id writ.CustomerID, list []api.CustomerContact) (out []api.CustomerContact, err error) {
	in := map[string]any{"contacts": list}
	return out, h.Desk.Do(v.Context(), http.MethodPut, "customers/"+strings.Join([]string{api.Below(string(id)), "contacts"}, "/"), in, &out)
}
