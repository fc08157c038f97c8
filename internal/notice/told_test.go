package notice

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"writ"
	"writ/internal/records"
)

// ids are those of what was told.
func ids(all []Told) (out []string) {
	for _, t := range all {
		out = append(out, t.ID)
	}
	return out
}

// TestTold: what reached a customer is told, and nothing that waits, was
// cancelled, is held, is a page, or is another's; and no page's end shows such.
func TestTold(t *testing.T) {
	r := newRig(t, nil)
	add := func(id string, c writ.CustomerID, of writ.CaseID, kind Kind, to ...Contact) {
		must(t, r.Add(r.ctx, Message{ID: id, Customer: c, Case: of, To: to, Subject: "About " + id, Text: "Text of " + id + "\x1b[2J\n", Kind: kind,
			Attachments: []Attachment{{Name: "demand.pdf", MIME: "application/pdf", Body: []byte("%PDF " + id)}}}))
	}
	inbox := Contact{Kind: ByInbox}
	add("n1", clinic, aCase, KindNotice, inbox)
	add("hidden", clinic, "2026-0000-0001", KindNotice, Contact{Kind: ByMail, Address: "legal@harbour-clinic.example"}) // no mail server: it waits
	add("n2", clinic, "", KindNotice, inbox)
	add("page", clinic, aCase, KindPage, inbox)
	add("books", books, aCase, KindNotice, inbox)
	must(t, r.Add(r.ctx, Message{ID: "later", Customer: clinic, Case: "2026-0000-0002", Subject: "s", Text: "t", Kind: KindNotice, NotBefore: epoch.Add(24 * time.Hour)}))
	r.turn()

	page, next, err := r.WhatWasTold(r.ctx, clinic, "", 0)
	must(t, err)
	if !slices.Equal(ids(page), []string{"n1", "n2"}) || next != "" {
		t.Fatalf("told %v, next %q", ids(page), next)
	}
	if n := page[0]; n.Sealed || n.Case != aCase || n.Subject != "About n1" || len(n.Files) != 1 || n.Files[0].Size != len("%PDF n1") || len(n.Ways) != 1 || n.At.IsZero() {
		t.Errorf("the notice is %+v", n)
	}
	// A page that ends with the last one says so, whatever waits behind it.
	page, next, err = r.WhatWasTold(r.ctx, clinic, "", 2)
	must(t, err)
	if len(page) != 2 || next != "" {
		t.Errorf("a page of two is %v, next %q", ids(page), next)
	}
	page, next, err = r.WhatWasTold(r.ctx, clinic, "", 1)
	must(t, err)
	if len(page) != 1 || next == "" {
		t.Fatalf("a page of one is %v, next %q", ids(page), next)
	}
	page, next, err = r.WhatWasTold(r.ctx, clinic, next, 1)
	must(t, err)
	if !slices.Equal(ids(page), []string{"n2"}) || next != "" {
		t.Errorf("the second page is %v, next %q", ids(page), next)
	}
	for id, want := range map[writ.CaseID]bool{aCase: true, "2026-0000-0001": false, "2026-0000-0002": false, "": false} {
		if got, err := r.WasTold(r.ctx, clinic, id); err != nil || got != want {
			t.Errorf("told of %q: %v %v", id, got, err)
		}
	}
	if _, text, err := r.ReadTold(r.ctx, clinic, "n1"); err != nil || strings.Contains(text, "\x1b") || !strings.Contains(text, "Text of n1") {
		t.Errorf("the text is %q, %v", text, err)
	}
	if f, err := r.ToldFile(r.ctx, clinic, "n1", "demand.pdf"); err != nil || string(f.Body) != "%PDF n1" {
		t.Errorf("the file is %q, %v", f.Body, err)
	}
	// Nobody's own but by its own name: what is not told is not there.
	for _, id := range []string{"hidden", "later", "page", "books", "nothing", ""} {
		_, _, err := r.ReadTold(r.ctx, clinic, id)
		wants(t, err, ErrUnknown)
		_, err = r.ToldFile(r.ctx, clinic, id, "demand.pdf")
		wants(t, err, ErrUnknown)
	}
	_, err = r.ToldFile(r.ctx, clinic, "n1", "other.pdf")
	wants(t, err, ErrUnknown)
	if _, _, err := r.WhatWasTold(r.ctx, clinic, "zz", 1); err == nil {
		t.Error("a place that is none was taken")
	}
}

// TestToldSealed: what went to contacts with a key only is read with that key,
// and not by way of the server: neither its subject nor its files are told.
func TestToldSealed(t *testing.T) {
	r := newRig(t, nil)
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer hook.Close()
	id, err := age.GenerateX25519Identity()
	must(t, err)
	sealed := Contact{Kind: ByWebhook, Address: hook.URL, Key: id.Recipient().String()}
	_, err = r.SetContacts(r.ctx, clinic, []Contact{sealed})
	must(t, err)
	m := note("sealed")
	m.Attachments = []Attachment{{Name: "demand.pdf", MIME: "application/pdf", Body: []byte("%PDF")}}
	r.add(m)
	both := note("both", sealed, Contact{Kind: ByInbox})
	r.add(both)
	r.turn()
	r.is("sealed", Accepted)
	told, text, err := r.ReadTold(r.ctx, clinic, "sealed")
	must(t, err)
	if !told.Sealed || told.Subject != "" || text != "" || len(told.Files) != 0 || told.Case != aCase {
		t.Errorf("a sealed notice shows %+v, %q", told, text)
	}
	_, err = r.ToldFile(r.ctx, clinic, "sealed", "demand.pdf")
	wants(t, err, ErrUnknown)
	if told, text, err = r.ReadTold(r.ctx, clinic, "both"); err != nil || told.Sealed || text == "" || len(told.Ways) != 2 {
		t.Errorf("a notice that went to the inbox too shows %+v, %q, %v", told, text, err)
	}
	// What was cancelled before anybody accepted it was never told.
	r.add(note("cancelled", mailTo("legal@harbour-clinic.example")))
	must(t, r.update(func(tx records.Tx) error { return r.CancelTx(r.ctx, tx, "cancelled") }))
	_, _, err = r.ReadTold(r.ctx, clinic, "cancelled")
	wants(t, err, ErrUnknown)
	// Nor is what was erased.
	must(t, r.update(func(tx records.Tx) error { return r.EraseTx(r.ctx, tx, "both") }))
	_, _, err = r.ReadTold(r.ctx, clinic, "both")
	wants(t, err, ErrUnknown)
}

// TestChangeContacts: whoever is left out is told, in its language, under the key
// that it had; a change that leaves nobody out tells nobody.
func TestChangeContacts(t *testing.T) {
	r := newRig(t, nil)
	by := Change{By: "credential WRIT0123456789ABCDEF", Language: "fr"}
	change := func(list ...Contact) (messages []Status) {
		t.Helper()
		before, _, err := r.List(r.ctx, Filter{Customer: clinic})
		must(t, err)
		r.clock.add(time.Second) // messages are listed by when they were added
		_, err = r.ChangeContacts(r.ctx, clinic, list, by)
		must(t, err)
		after, _, err := r.List(r.ctx, Filter{Customer: clinic})
		must(t, err)
		for _, m := range after[len(before):] {
			if m.Message.Kind != KindNotice || m.Message.Case != "" {
				t.Errorf("the message is %+v", m.Message)
			}
		}
		return after[len(before):]
	}
	reaches := func(what string, told []Status, want ...string) Status {
		t.Helper()
		if len(told) != 1 {
			t.Fatalf("%s: %d messages", what, len(told))
		}
		var got []string
		for _, d := range told[0].Deliveries {
			got = append(got, string(d.Contact.Kind)+" "+d.Contact.Address)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: told %q, want %q", what, got, want)
		}
		return told[0]
	}
	legal, post := mailTo("legal@harbour-clinic.example"), mailTo("post@harbour-clinic.example")
	legal.Language = "de"
	// From the inbox to a mail: the inbox is left out.
	reaches("first", change(legal), "inbox ")
	if told := change(legal, post); len(told) != 0 {
		t.Errorf("a contact more was told to %+v", told)
	}
	speaks := legal
	speaks.Language = "es"
	if told := change(speaks, post); len(told) != 0 {
		t.Errorf("another language was told to %+v", told)
	}
	change(legal, post)
	one := reaches("left out", change(post), "mail legal@harbour-clinic.example", "inbox ")
	m, err := r.Message(r.ctx, one.Message.ID)
	must(t, err)
	if !strings.Contains(m.Subject, "nicht mehr wie bisher") || !strings.Contains(m.Text, by.By) || strings.Contains(m.Text, "post@") {
		t.Errorf("it is told %q: %s", m.Subject, m.Text)
	}
	// Another key is another receiver.
	id, err := age.GenerateX25519Identity()
	must(t, err)
	keyed := post
	keyed.Key = id.Recipient().String()
	change(keyed)
	other, err := age.GenerateX25519Identity()
	must(t, err)
	replaced := keyed
	replaced.Key = other.Recipient().String()
	one = reaches("another key", change(replaced), "mail post@harbour-clinic.example", "inbox ")
	if one.Deliveries[0].Contact.Key != keyed.Key {
		t.Error("whoever has the old key is told under the new one")
	}
	reaches("all left out", change(), "mail post@harbour-clinic.example", "inbox ")
	// What is refused tells nobody.
	before, _, err := r.List(r.ctx, Filter{Customer: clinic})
	must(t, err)
	_, err = r.ChangeContacts(r.ctx, clinic, []Contact{mailTo("no address")}, by)
	wants(t, err, ErrContact)
	after, _, err := r.List(r.ctx, Filter{Customer: clinic})
	must(t, err)
	if len(after) != len(before) {
		t.Error("a refused change was told")
	}
	r.consistent()
	for _, lang := range []string{"en", "de", "fr", "es"} {
		if got := changedTexts().match(lang); got.Subject == "" || lang != "en" && got == changedTexts().match("en") {
			t.Errorf("%s has no text of its own", lang)
		}
	}
}
