package api_test

import (
	"net/http"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/notice"
)

// TestReaddress: counsel sends what can't be delivered to where its customer is
// reached now, and nobody else, and nowhere else.
func TestReaddress(t *testing.T) {
	h := newHouse(t)
	clinic := h.Owner.Customer
	_, err := h.Notices.SetContacts(h.Ctx, clinic, []notice.Contact{{Kind: notice.ByMail, Address: "old@harbour-clinic.example"}, {Kind: notice.ByInbox}})
	h.Must(err)
	h.Must(h.Notices.Add(h.Ctx, notice.Message{ID: "n1", Customer: clinic, Subject: "A notice", Text: "What was demanded.\n", NotBefore: time.Now().Add(time.Hour), Kind: notice.KindNotice}))
	h.Must(h.Notices.Add(h.Ctx, notice.Message{ID: "p1", Customer: clinic, To: []notice.Contact{{Kind: notice.ByMail, Address: "mira@fjordhost.example"}}, Subject: "A page", Text: "A clock.\n", NotBefore: time.Now().Add(time.Hour), Kind: notice.KindPage}))
	post := func(who, what string, in any) error {
		return h.Desk(who).Do(h.Ctx, "POST", "notices/"+what, in, nil)
	}
	at := func(id string, contact int, to string) api.Readdressing {
		return api.Readdressing{NoticeContact: api.NoticeContact{ID: id, Contact: contact}, To: to}
	}
	_, err = h.Notices.SetContacts(h.Ctx, clinic, []notice.Contact{{Kind: notice.ByMail, Address: "new@harbour-clinic.example"}})
	h.Must(err)
	state := func() notice.Status {
		s, err := h.Notices.Status(h.Ctx, "n1")
		h.Must(err)
		return s
	}
	before := state()
	isCode(t, post("noor", "readdress", at("n1", 0, "new@harbour-clinic.example")), http.StatusForbidden, "role")
	isCode(t, post("noor", "give-up", api.NoticeContact{ID: "n1"}), http.StatusForbidden, "role")
	isCode(t, post("mira", "readdress", at("n1", 0, "press@fernhill.example")), http.StatusUnprocessableEntity, "contact")
	isCode(t, post("mira", "readdress", at("p1", 0, "new@harbour-clinic.example")), http.StatusUnprocessableEntity, "contact")
	isCode(t, post("mira", "readdress", at("n1", 9, "new@harbour-clinic.example")), http.StatusNotFound, "no-notice")
	isCode(t, post("mira", "readdress", at("n1", 0, "inbox")), http.StatusUnprocessableEntity, "contact") // it goes there already
	isCode(t, post("mira", "give-up", api.NoticeContact{ID: "nothing"}), http.StatusNotFound, "no-notice")
	for n, d := range state().Deliveries {
		if d.Contact != before.Deliveries[n].Contact || d.State != before.Deliveries[n].State {
			t.Errorf("contact %d is %+v after what was refused", n, d)
		}
	}
	h.Must(post("mira", "readdress", at("n1", 0, "new@harbour-clinic.example")))
	if d := state().Deliveries[0]; d.Contact.Address != "new@harbour-clinic.example" || d.State == notice.Cancelled {
		t.Errorf("the contact is %+v", d)
	}
	h.Must(post("mira", "give-up", api.NoticeContact{ID: "n1", Contact: 0}))
	if d := state().Deliveries[0]; d.State != notice.Cancelled {
		t.Errorf("the contact that was given up is %+v", d)
	}
}

// TestZone: who has a token learns in which zone the operator's deadlines are
// read, whatever this machine's own settings are; a stranger doesn't.
func TestZone(t *testing.T) {
	h := newHouse(t)
	d := h.Desk("mira")
	h.Must(d.Do(h.Ctx, "GET", "me", nil, nil))
	if got := d.Zone().String(); got != "Europe/Berlin" {
		t.Errorf("the zone is %s", got)
	}
	if r := h.Ask("", "GET", "/api/v1/me", nil, ""); r.Head.Get("Writ-Time-Zone") != "" {
		t.Error("a stranger is told")
	}
}
