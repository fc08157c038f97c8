package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/notice"
	"writ/internal/records"
	"writ/internal/staff"
)

// CustomerContact is how a customer is told.
type CustomerContact struct {
	Kind     notice.ContactKind `json:"kind" enum:"mail,webhook,inbox"`
	Address  string             `json:"address,omitempty"`
	Language string             `json:"language,omitempty" doc:"BCP 47"`
	Key      string             `json:"key,omitempty" doc:"age recipient or certificate that notices are sealed to"`
	Secret   string             `json:"secret,omitempty" doc:"what a new webhook's signatures are checked by; told once"`
}

// NoticeState is a message to a customer, and how far it is.
type NoticeState struct {
	ID         string           `json:"id"`
	Case       writ.CaseID      `json:"case,omitempty"`
	Customer   writ.CustomerID  `json:"customer,omitempty"`
	Kind       notice.Kind      `json:"kind"`
	Subject    string           `json:"subject"`
	Added      time.Time        `json:"added"`
	NotBefore  time.Time        `json:"not_before,omitzero"`
	State      notice.State     `json:"state"`
	Deliveries []NoticeDelivery `json:"deliveries"`
}

// NoticeDelivery is how far a message is with one of its contacts.
type NoticeDelivery struct {
	Number   int             `json:"number" doc:"of the contact among the message's, from 0"`
	Contact  CustomerContact `json:"contact"`
	State    notice.State    `json:"state"`
	Attempts int             `json:"attempts"`
	Doubts   int             `json:"doubts,omitempty" doc:"attempts of which nobody knows how they ended"`
	Next     time.Time       `json:"next,omitzero"`
	Settled  time.Time       `json:"settled,omitzero"`
	Trouble  string          `json:"trouble,omitempty"`
	Alarmed  bool            `json:"alarmed,omitempty"`
}

// NoticeMessage is a message whole. Its files are what the customer gets; they
// are named here, and lie in the case.
type NoticeMessage struct {
	NoticeState
	Text  string       `json:"text,omitempty"`
	Files []NoticeFile `json:"files,omitempty"`
}

// NoticeFile is a file that goes with a message.
type NoticeFile struct {
	Name string `json:"name"`
	MIME string `json:"mime"`
	Size int    `json:"size"`
}

// NoticeContact is one contact of a message.
type NoticeContact struct {
	ID      string `json:"id" minLength:"1" maxLength:"200"`
	Contact int    `json:"contact" minimum:"0" maximum:"100" doc:"its number among the message's, from 0"`
}

// Readdressing sends a message to another contact of the same customer.
type Readdressing struct {
	NoticeContact
	To string `json:"to" minLength:"1" maxLength:"400" doc:"address of one of the customer's contacts, or inbox"`
}

// NoticePage is a page of messages.
type NoticePage struct {
	Notices []NoticeState `json:"notices"`
	Next    string        `json:"next,omitempty"`
}

func (h office) notices(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "notices", Method: http.MethodGet, Path: "/api/v1/notices", Summary: "Messages to customers and staff, and how far each is"},
		func(ctx context.Context, in *struct {
			Case  string `query:"case"`
			State string `query:"state"`
			After string `query:"after"`
			Limit int    `query:"limit" minimum:"0" maximum:"1000"`
		}) (*output[NoticePage], error) {
			var id writ.CaseID
			if in.Case != "" {
				var err error
				if id, err = (CasePath{in.Case}).id(); err != nil {
					return nil, err
				}
			}
			if err := h.Docket.Sees(ctx, actor(ctx), "view-notices", string(id)); err != nil {
				return nil, problem(err)
			}
			list, next, err := h.Notices.List(ctx, notice.Filter{Case: id, State: notice.State(in.State), After: in.After, Limit: in.Limit})
			page := NoticePage{Notices: []NoticeState{}, Next: next}
			for _, s := range list {
				page.Notices = append(page.Notices, noticeOf(s))
			}
			return answer(page, err)
		})
	huma.Register(a, huma.Operation{OperationID: "notice", Method: http.MethodGet, Path: "/api/v1/notices/message", Summary: "A message whole, and how far it is"},
		func(ctx context.Context, in *struct {
			ID string `query:"id" required:"true" maxLength:"200"`
		}) (*output[NoticeMessage], error) {
			status, err := h.Notices.Status(ctx, in.ID)
			if err != nil {
				return nil, problem(err)
			}
			if err := h.Docket.Sees(ctx, actor(ctx), "view-notice", string(status.Message.Case)); err != nil {
				return nil, problem(err)
			}
			out := NoticeMessage{NoticeState: noticeOf(status)}
			m, err := h.Notices.Message(ctx, in.ID)
			if errors.Is(err, notice.ErrUnknown) { // erased: its state is left
				return answer(out, nil)
			}
			out.Text = m.Text
			for _, f := range m.Attachments {
				out.Files = append(out.Files, NoticeFile{f.Name, f.MIME, len(f.Body)})
			}
			return answer(out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "cancel-notice", Method: http.MethodPost, Path: "/api/v1/notices/cancel", Summary: "Take back a message that nobody has accepted yet", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Body struct {
				ID string `json:"id" minLength:"1" maxLength:"200"`
			}
		}) (*none, error) {
			if err := h.Docket.MaySteer(ctx, actor(ctx), "cancel-notice", in.Body.ID); err != nil {
				return nil, problem(err)
			}
			return done(records.Retry(ctx, h.Docket.Records, func(tx records.Tx) error { return h.Notices.CancelTx(ctx, tx, in.Body.ID) }))
		})
	huma.Register(a, huma.Operation{OperationID: "give-up-notice", Method: http.MethodPost, Path: "/api/v1/notices/give-up", Summary: "Try one contact of a message no more", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Body NoticeContact
		}) (*none, error) {
			if err := h.Docket.MaySteer(ctx, actor(ctx), "give-up-notice", in.Body.ID); err != nil {
				return nil, problem(err)
			}
			return done(records.Retry(ctx, h.Docket.Records, func(tx records.Tx) error { return h.Notices.GiveUpTx(ctx, tx, in.Body.ID, in.Body.Contact) }))
		})
	huma.Register(a, huma.Operation{OperationID: "readdress-notice", Method: http.MethodPost, Path: "/api/v1/notices/readdress", Summary: "Send a customer's message to another of its contacts", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Body Readdressing
		}) (*none, error) {
			if err := h.Docket.MaySteer(ctx, actor(ctx), "readdress-notice", in.Body.ID); err != nil {
				return nil, problem(err)
			}
			to, err := h.contactNow(ctx, in.Body)
			if err != nil {
				return nil, problem(err)
			}
			return done(records.Retry(ctx, h.Docket.Records, func(tx records.Tx) error {
				return h.Notices.ReaddressTx(ctx, tx, in.Body.ID, in.Body.Contact, to)
			}))
		})
	huma.Register(a, huma.Operation{OperationID: "contacts", Method: http.MethodGet, Path: "/api/v1/customers/{customer}/contacts", Summary: "How a customer is told"},
		func(ctx context.Context, in *CustomerPath) (*output[[]CustomerContact], error) {
			id, err := h.customerFor(ctx, in.Customer, "view-contacts")
			if err != nil {
				return nil, problem(err)
			}
			return answer(h.contacts(ctx, id, nil))
		})
	huma.Register(a, huma.Operation{OperationID: "set-contacts", Method: http.MethodPut, Path: "/api/v1/customers/{customer}/contacts", Summary: "Set how a customer is told; none is its inbox"},
		func(ctx context.Context, in *struct {
			CustomerPath
			Body struct {
				Contacts []CustomerContact `json:"contacts"`
			}
		}) (*output[[]CustomerContact], error) {
			id, err := h.customerFor(ctx, in.Customer, "set-contacts")
			if err != nil {
				return nil, problem(err)
			}
			var list []notice.Contact
			for _, c := range in.Body.Contacts {
				list = append(list, notice.Contact{Kind: c.Kind, Address: c.Address, Language: c.Language, Key: c.Key})
			}
			secrets, err := h.Notices.SetContacts(ctx, id, list)
			if err != nil {
				return nil, problem(err)
			}
			return answer(h.contacts(ctx, id, secrets))
		})
	huma.Register(a, huma.Operation{OperationID: "inbox", Method: http.MethodGet, Path: "/api/v1/customers/{customer}/inbox", Summary: "What lies in a customer's inbox"},
		func(ctx context.Context, in *struct {
			CustomerPath
			After string `query:"after"`
			Limit int    `query:"limit" minimum:"0" maximum:"1000"`
		}) (*output[InboxPage], error) {
			id, err := h.customerFor(ctx, in.Customer, "view-inbox")
			if err != nil {
				return nil, problem(err)
			}
			list, next, err := h.Notices.Inbox(ctx, id, in.After, in.Limit)
			page := InboxPage{Items: []InboxItem{}, Next: next}
			for _, i := range list {
				page.Items = append(page.Items, InboxItem{i.ID, i.Case, i.Kind, i.Subject, i.At, i.Read})
			}
			return answer(page, err)
		})
	huma.Register(a, huma.Operation{OperationID: "read-inbox", Method: http.MethodGet, Path: "/api/v1/customers/{customer}/inbox/message", Summary: "A message of a customer's inbox"},
		func(ctx context.Context, in *struct {
			CustomerPath
			ID string `query:"id" required:"true"`
		}) (*output[InboxMessage], error) {
			id, err := h.customerFor(ctx, in.Customer, "view-inbox")
			if err != nil {
				return nil, problem(err)
			}
			m, err := h.Notices.ReadInbox(ctx, id, in.ID)
			if err != nil {
				return nil, problem(err)
			}
			out := InboxMessage{ID: m.ID, Subject: m.Subject, Text: m.Text}
			for _, f := range m.Attachments {
				out.Files = append(out.Files, InboxFile{f.Name, f.MIME, f.Body})
			}
			return answer(out, h.Notices.MarkRead(ctx, id, in.ID))
		})
}

// InboxItem is a message in a customer's inbox.
type InboxItem struct {
	ID      string      `json:"id"`
	Case    writ.CaseID `json:"case,omitempty"`
	Kind    notice.Kind `json:"kind"`
	Subject string      `json:"subject"`
	At      time.Time   `json:"at"`
	Read    time.Time   `json:"read,omitzero"`
}

// InboxPage is a page of an inbox.
type InboxPage struct {
	Items []InboxItem `json:"items"`
	Next  string      `json:"next,omitempty"`
}

// InboxMessage is a message with its files.
type InboxMessage struct {
	ID      string      `json:"id"`
	Subject string      `json:"subject"`
	Text    string      `json:"text"`
	Files   []InboxFile `json:"files,omitempty"`
}

// InboxFile is a file that came with a message.
type InboxFile struct {
	Name string `json:"name"`
	MIME string `json:"mime"`
	Body []byte `json:"body"`
}

// customerFor finds the customer whose contacts and inbox the operator keeps
// for it: who holds a role in cases does not. It is in the audit trail first:
// whoever changes a contact decides who learns of a demand.
func (h office) customerFor(ctx context.Context, name, act string) (writ.CustomerID, error) {
	who := identity(ctx)
	if err := h.Staff.Require(ctx, who, act, "", writ.RoleOperator); err != nil {
		return "", err
	}
	c, err := h.Vault.Customer(ctx, name)
	if err != nil {
		return "", err
	}
	return c.ID, h.Staff.Append(ctx, staff.Entry{Who: who.Person, By: who.By(), Act: act, Object: string(c.ID), Addr: who.Addr})
}

func (h office) contacts(ctx context.Context, id writ.CustomerID, secrets map[string]string) ([]CustomerContact, error) {
	list, err := h.Notices.Contacts(ctx, id)
	out := make([]CustomerContact, 0, len(list))
	for _, c := range list {
		out = append(out, CustomerContact{c.Kind, c.Address, c.Language, c.Key, secrets[c.Address]})
	}
	return out, err
}

// contactNow is the contact that a message goes to from now on: one that its
// customer has now, or the inbox. A notice says whose data somebody demands,
// so that no address that only counsel knows can get one.
func (h office) contactNow(ctx context.Context, in Readdressing) (notice.Contact, error) {
	status, err := h.Notices.Status(ctx, in.ID)
	if err != nil {
		return notice.Contact{}, err
	}
	if status.Message.Kind != notice.KindNotice || status.Message.Customer == "" {
		return notice.Contact{}, fmt.Errorf("%w: it is to the staff, who are reached as they set it themselves", notice.ErrContact)
	}
	if in.To == string(notice.ByInbox) {
		return notice.Contact{Kind: notice.ByInbox}, nil
	}
	list, err := h.Notices.Contacts(ctx, status.Message.Customer)
	if err != nil {
		return notice.Contact{}, err
	}
	for _, c := range list {
		if c.Address == in.To {
			return c, nil
		}
	}
	return notice.Contact{}, fmt.Errorf("%w: it is none of the customer's contacts", notice.ErrContact)
}

func noticeOf(s notice.Status) NoticeState {
	m := s.Message
	out := NoticeState{
		ID: m.ID, Case: m.Case, Customer: m.Customer, Kind: m.Kind, Subject: m.Subject, Added: s.Added, NotBefore: m.NotBefore, State: s.State,
		Deliveries: []NoticeDelivery{},
	}
	for _, d := range s.Deliveries {
		out.Deliveries = append(out.Deliveries, NoticeDelivery{
			Number:  d.Number,
			Contact: CustomerContact{Kind: d.Contact.Kind, Address: d.Contact.Address, Language: d.Contact.Language},
			State:   d.State, Attempts: d.Attempts, Doubts: d.Doubts, Next: d.Next, Settled: d.Settled, Trouble: d.Detail, Alarmed: d.Alarmed,
		})
	}
	return out
}
