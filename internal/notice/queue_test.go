package notice

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
	"writ/internal/seal"
)

func TestAddTwice(t *testing.T) {
	r := newRig(t, nil)
	m := note("n1")
	m.Attachments = []Attachment{{"demand.pdf", "application/pdf", []byte("%PDF")}}
	r.add(m)
	before := r.dump([]byte{tagNotice})
	r.add(m)
	if after := r.dump([]byte{tagNotice}); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("adding the same again changed something")
	}
	for what, edit := range map[string]func(*Message){
		"text": func(m *Message) { m.Text += "." }, "subject": func(m *Message) { m.Subject += "." }, "case": func(m *Message) { m.Case = "" },
		"customer": func(m *Message) { m.Customer = books }, "to": func(m *Message) { m.To = []Contact{mailTo("x@harbour-clinic.example")} },
		"time": func(m *Message) { m.NotBefore = epoch }, "kind": func(m *Message) { m.Kind = KindReminder }, "priority": func(m *Message) { m.Priority = Urgent },
		"body": func(m *Message) { m.Attachments = []Attachment{{"demand.pdf", "application/pdf", []byte("%PDG")}} },
		"none": func(m *Message) { m.Attachments = nil },
	} {
		other := m
		edit(&other)
		if err := r.Add(r.ctx, other); !errors.Is(err, ErrExists) {
			t.Errorf("another %s under one id: %v", what, err)
		}
	}
	// The customer's contacts may have changed since; the message has not.
	_, err := r.SetContacts(r.ctx, clinic, []Contact{mailTo("new@harbour-clinic.example")})
	must(t, err)
	r.add(m)
	r.turn()
	r.add(m)
	r.turn()
	if page, _, err := r.Inbox(r.ctx, clinic, "", 0); err != nil || len(page) != 1 {
		t.Errorf("inbox %v %v", page, err)
	}
	r.consistent()
}

// TestCallersTransaction: a message is there if and only if the caller's own
// records are.
func TestCallersTransaction(t *testing.T) {
	r := newRig(t, nil)
	oops := errors.New("the docket changed its mind")
	wants(t, r.update(func(tx records.Tx) error {
		tx.Put([]byte("docket"), []byte("event"))
		must(t, r.AddTx(r.ctx, tx, note("n1")))
		return oops
	}), oops)
	if _, err := r.Status(r.ctx, "n1"); !errors.Is(err, ErrUnknown) {
		t.Errorf("it is there: %v", err)
	}
	// What AddTx refuses leaves nothing in a transaction that goes on.
	bad := note("n2", hookTo("https://harbour-clinic.example/unknown"))
	bad.Attachments = []Attachment{{"a", "text/plain", []byte("x")}}
	must(t, r.update(func(tx records.Tx) error {
		wants(t, r.AddTx(r.ctx, tx, bad), ErrContact)
		return r.AddTx(r.ctx, tx, note("n3"))
	}))
	for k := range r.dump([]byte{tagNotice}) {
		if strings.Contains(k, "n2") {
			t.Errorf("%q is left of a message that was refused", k)
		}
	}
	r.turn()
	r.is("n3", Accepted)
}

func TestBounds(t *testing.T) {
	r := newRig(t, nil)
	file := func(name, mime string, n int) []Attachment { return []Attachment{{name, mime, make([]byte, n)}} }
	for what, edit := range map[string]func(*Message){
		"no id": func(m *Message) { m.ID = "" }, "long id": func(m *Message) { m.ID = strings.Repeat("x", maxID+1) },
		"id with NUL": func(m *Message) { m.ID = "a\x00b" }, "id with space": func(m *Message) { m.ID = "a b" }, "id not ASCII": func(m *Message) { m.ID = "ä" },
		"case": func(m *Message) { m.Case = "2026-7" }, "customer": func(m *Message) { m.Customer = "harbour-clinic" },
		"nobody": func(m *Message) { m.Customer = "" }, "inbox of nobody": func(m *Message) { m.Customer, m.To = "", []Contact{{Kind: ByInbox}} },
		"kind": func(m *Message) { m.Kind = "joke" }, "priority": func(m *Message) { m.Priority = 7 },
		"no subject": func(m *Message) { m.Subject = " " }, "subject injects": func(m *Message) { m.Subject = "a\r\nBcc: x@y.example" },
		"subject line feed": func(m *Message) { m.Subject = "a\nb" }, "subject carriage return": func(m *Message) { m.Subject = "a\rb" },
		"subject separator": func(m *Message) { m.Subject = "a\u2028b" }, "subject turns": func(m *Message) { m.Subject = "a\u202eb" },
		"subject long": func(m *Message) { m.Subject = strings.Repeat("x", maxSubject+1) }, "subject broken": func(m *Message) { m.Subject = "\xff" },
		"no text": func(m *Message) { m.Text = "\n" }, "text long": func(m *Message) { m.Text = strings.Repeat("x", maxText+1) }, "text broken": func(m *Message) { m.Text = "\xff" },
		"year 1": func(m *Message) { m.NotBefore = time.Unix(1, 0) }, "year 10000": func(m *Message) { m.NotBefore = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"twice": func(m *Message) { m.To = []Contact{{Kind: ByInbox}, {Kind: ByInbox}} },
		"many": func(m *Message) {
			for i := range maxContacts + 1 {
				m.To = append(m.To, mailTo(fmt.Sprintf("a%d@harbour-clinic.example", i)))
			}
		},
		"too much":           func(m *Message) { m.Attachments = file("a", "text/plain", maxAttached+1) },
		"many files":         func(m *Message) { m.Attachments = make([]Attachment, maxAttachments+1) },
		"file without name":  func(m *Message) { m.Attachments = file("", "text/plain", 1) },
		"file in a folder":   func(m *Message) { m.Attachments = file("../a", "text/plain", 1) },
		"file that injects":  func(m *Message) { m.Attachments = file("a\r\nX: y", "text/plain", 1) },
		"file that quotes":   func(m *Message) { m.Attachments = file(`a"; x="`, "text/plain", 1) },
		"hidden file":        func(m *Message) { m.Attachments = file(".a", "text/plain", 1) },
		"file without type":  func(m *Message) { m.Attachments = file("a", "", 1) },
		"type that injects":  func(m *Message) { m.Attachments = file("a", "text/plain\r\nX: y", 1) },
		"type with bounds":   func(m *Message) { m.Attachments = file("a", "multipart/mixed", 1) },
		"type with a name":   func(m *Message) { m.Attachments = file("a", "text/plain; name=b", 1) },
		"two files one name": func(m *Message) { m.Attachments = append(file("a", "text/plain", 1), file("a", "text/plain", 1)...) },
	} {
		m := note("n1")
		edit(&m)
		if err := r.Add(r.ctx, m); !errors.Is(err, ErrMessage) && !errors.Is(err, ErrContact) {
			t.Errorf("%s: %v", what, err)
		} else if strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Errorf("%s: the error is no line: %q", what, err)
		}
	}
	if n := len(r.dump(key(tagMessage, ""))); n != 0 {
		t.Errorf("%d messages came in", n)
	}
}

// TestLargest: what the bounds allow goes through a store on the disk.
func TestLargest(t *testing.T) {
	k, err := seal.KeyFromBytes(bytes.Repeat([]byte{3}, seal.KeySize))
	must(t, err)
	store, err := records.Open(filepath.Join(t.TempDir(), "records"), k, records.Options{})
	must(t, err)
	defer store.Close()
	r := newRig(t, func(c *Config) { c.Records = store })
	m := note("n1")
	m.Text = strings.Repeat("x", maxText)
	body := make([]byte, maxAttached/maxAttachments)
	for i := range maxAttachments {
		body := bytes.Clone(body)
		copy(body, fmt.Sprint(i))
		m.Attachments = append(m.Attachments, Attachment{fmt.Sprintf("part-%d.bin", i), "application/octet-stream", body})
	}
	r.add(m)
	r.turn()
	got, err := r.ReadInbox(r.ctx, clinic, "n1")
	must(t, err)
	for i, a := range got.Attachments {
		if sha256.Sum256(a.Body) != sha256.Sum256(m.Attachments[i].Body) || a.Name != m.Attachments[i].Name {
			t.Errorf("attachment %d is another", i)
		}
	}
	must(t, r.update(func(tx records.Tx) error { return r.EraseTx(r.ctx, tx, "n1") }))
	if left := r.dump([]byte{tagNotice}); len(left) != 3 { // the salt, and that it was here
		t.Errorf("%d records are left", len(left))
	}
}

func TestDamagedAttachment(t *testing.T) {
	r := newRig(t, nil)
	m := note("n1", mailTo("notices@harbour-clinic.example"))
	m.Attachments = []Attachment{{"demand.pdf", "application/pdf", []byte("%PDF")}}
	r.add(m)
	must(t, r.update(func(tx records.Tx) error { tx.Put(chunkKey("n1", 0, 0), []byte("%PDG")); return nil }))
	_, err := r.Message(r.ctx, "n1")
	wants(t, err, ErrRecords)
	r.turn() // isn't sent, and doesn't keep others from it
	r.add(note("n2"))
	r.turn()
	r.is("n1", Waiting)
	r.is("n2", Accepted)
}

func TestCancel(t *testing.T) {
	r, s := mailRig(t, nil)
	cancel := func(id string) error {
		return r.update(func(tx records.Tx) error { return r.CancelTx(r.ctx, tx, id) })
	}
	m := note("n1", mailTo("notices@harbour-clinic.example"))
	m.NotBefore = epoch.Add(time.Hour)
	r.add(m)
	must(t, cancel("n1"))
	must(t, cancel("n1"))
	r.clock.add(2 * time.Hour)
	r.turn()
	r.is("n1", Cancelled)
	if copies, _ := s.seen(); copies != 0 {
		t.Error("it was sent")
	}
	wants(t, cancel("nothing"), ErrUnknown)

	// Accepted at one contact: only the other can be given up.
	s.does(at("RCPT", "550 no"))
	r.add(note("n2", Contact{Kind: ByInbox}, mailTo("notices@harbour-clinic.example")))
	r.turn()
	wants(t, cancel("n2"), ErrAccepted)
	if state := r.status("n2").State; state != Undeliverable {
		t.Errorf("it is %s", state)
	}
	giveUp := func(n int) error {
		return r.update(func(tx records.Tx) error { return r.GiveUpTx(r.ctx, tx, "n2", n) })
	}
	wants(t, giveUp(0), ErrAccepted)
	wants(t, giveUp(2), ErrUnknown)
	wants(t, giveUp(-1), ErrUnknown)
	must(t, giveUp(1))
	if st := r.status("n2"); st.State != Accepted || st.Deliveries[1].State != Cancelled {
		t.Errorf("%+v", st)
	}
	r.consistent()
}

// TestWhileSending: what is being sent can't be cancelled; what was cancelled,
// held or moved before the first byte isn't sent.
func TestWhileSending(t *testing.T) {
	r, s := mailRig(t, nil)
	var mu sync.Mutex
	errs := map[string]error{}
	s.does(func(step string) string {
		if step == "RCPT" || step == "dot" {
			err := r.update(func(tx records.Tx) error { return r.CancelTx(context.Background(), tx, "n1") })
			mu.Lock()
			defer mu.Unlock()
			errs[step] = err
		}
		return ""
	})
	r.add(note("n1", mailTo("notices@harbour-clinic.example")))
	r.turn()
	r.is("n1", Accepted)
	mu.Lock()
	wants(t, errs["RCPT"], ErrSending)
	wants(t, errs["dot"], ErrSending)
	mu.Unlock()

	for what, stop := range map[string]func(tx records.Tx, id string) error{
		"cancel": func(tx records.Tx, id string) error { return r.CancelTx(r.ctx, tx, id) },
		"hold":   func(tx records.Tx, id string) error { return r.HoldTx(r.ctx, tx, id) },
		"move":   func(tx records.Tx, id string) error { return r.ReaddressTx(r.ctx, tx, id, 0, Contact{Kind: ByInbox}) },
	} {
		before, _ := s.seen()
		s.does(func(step string) string {
			if step == "EHLO" {
				if err := r.update(func(tx records.Tx) error { return stop(tx, what) }); err != nil {
					t.Error(err)
				}
			}
			return ""
		})
		r.add(note(what, mailTo("notices@harbour-clinic.example")))
		r.turn()
		if after, _ := s.seen(); after != before {
			t.Errorf("after %s it was sent", what)
		}
		r.consistent()
	}
	r.turn()
	r.is("move", Accepted)
}

func TestHold(t *testing.T) {
	r := newRig(t, nil)
	r.add(note("n1"))
	must(t, r.update(func(tx records.Tx) error { return r.HoldTx(r.ctx, tx, "n1") }))
	r.turn()
	r.is("n1", Held)
	r.consistent()
	must(t, r.update(func(tx records.Tx) error { return r.ReleaseTx(r.ctx, tx, "n1") }))
	r.turn()
	r.is("n1", Accepted)
	r.consistent()
}

// TestReaddress: a wrong address put right gets the message at once, and may
// alarm anew.
func TestReaddress(t *testing.T) {
	r, s := mailRig(t, func(s *smtpd) { s.at = at("RCPT", "550 5.1.1 nobody here") })
	r.add(note("n1", mailTo("wrong@harbour-clinic.example")))
	r.turn()
	first := r.is("n1", Undeliverable)
	to := func(c Contact) error {
		return r.update(func(tx records.Tx) error { return r.ReaddressTx(r.ctx, tx, "n1", 0, c) })
	}
	wants(t, to(mailTo("no address")), ErrContact)
	wants(t, to(hookTo("https://stranger.example/")), ErrContact)
	must(t, to(mailTo("other@harbour-clinic.example")))
	r.turn()
	second := r.is("n1", Undeliverable)
	if first.Name == second.Name || r.tally("alarm", "n1", 0) != 2 || second.Attempts != 2 {
		t.Errorf("%+v, alarms %d", second, r.tally("alarm", "n1", 0))
	}
	s.does(at("never", ""))
	must(t, to(mailTo("right@harbour-clinic.example")))
	r.turn()
	r.is("n1", Accepted)
	if _, m := s.last(t); m.Header.Get("To") != "<right@harbour-clinic.example>" {
		t.Errorf("it went to %s", m.Header.Get("To"))
	}
	wants(t, to(mailTo("late@harbour-clinic.example")), ErrAccepted)
	r.consistent()
}

func TestErase(t *testing.T) {
	r := newRig(t, nil)
	m := note("n1")
	m.NotBefore = epoch.Add(time.Hour)
	erase := func() error { return r.update(func(tx records.Tx) error { return r.EraseTx(r.ctx, tx, "n1") }) }
	r.add(m)
	wants(t, erase(), ErrUnfinished)
	r.clock.add(time.Hour)
	r.turn()
	must(t, erase())
	for k, v := range r.dump([]byte{tagNotice}) {
		if bytes.Contains(v, []byte("Falkenmoor")) || bytes.Contains(v, []byte("demand")) || strings.Contains(k+string(v), string(aCase)) || strings.Contains(k+string(v), string(clinic)) {
			t.Errorf("%q still holds %q", k, v)
		}
	}
	r.add(m) // the same again is still no second message
	r.turn()
	if page, _, err := r.Inbox(r.ctx, clinic, "", 0); err != nil || len(page) != 0 {
		t.Errorf("%v %v", page, err)
	}
	if st := r.status("n1"); st.Erased.IsZero() || st.Message.Subject != "" {
		t.Errorf("%+v", st)
	}
	_, err := r.Message(r.ctx, "n1")
	wants(t, err, ErrUnknown)
	wants(t, r.update(func(tx records.Tx) error { return r.ReleaseTx(r.ctx, tx, "n1") }), ErrUnknown)
	r.consistent()
}

func TestList(t *testing.T) {
	r := newRig(t, nil)
	for i := range 25 {
		m := note(fmt.Sprintf("n%02d", i))
		if i%2 == 1 {
			m.Customer = books
		}
		if i%5 == 0 {
			m.Case = "2026-0000-0001"
			m.NotBefore = epoch.Add(time.Hour)
		}
		r.add(m)
		r.clock.add(time.Second)
	}
	r.turn()
	for _, test := range []struct {
		f    Filter
		want int
	}{{Filter{}, 25}, {Filter{Customer: books}, 12}, {Filter{Case: "2026-0000-0001"}, 5}, {Filter{State: Waiting}, 5}, {Filter{State: Accepted}, 20},
		{Filter{Case: "2026-0000-0001", Customer: books}, 2}, {Filter{State: Accepted, Customer: clinic}, 10}, {Filter{State: Held}, 0}, {Filter{State: "odd"}, 0}} {
		test.f.Limit = 2
		var ids []string
		for {
			page, next, err := r.List(r.ctx, test.f)
			must(t, err)
			for _, s := range page {
				ids = append(ids, s.Message.ID)
			}
			if len(page) > 2 {
				t.Fatalf("a page of %d", len(page))
			}
			if test.f.After = next; next == "" {
				break
			}
		}
		if len(ids) != test.want || !ordered(ids) {
			t.Errorf("%+v: %v", test.f, ids)
		}
	}
	if _, _, err := r.List(r.ctx, Filter{After: "nonsense"}); err == nil {
		t.Error("a page begins anywhere")
	}
}

func ordered(ids []string) bool {
	for i := 1; i < len(ids); i++ {
		if ids[i-1] >= ids[i] {
			return false
		}
	}
	return true
}

func TestInbox(t *testing.T) {
	r := newRig(t, nil)
	for i := range 5 {
		r.add(note(fmt.Sprintf("n%d", i)))
		r.turn()
		r.clock.add(time.Minute)
	}
	page, next, err := r.Inbox(r.ctx, clinic, "", 3)
	must(t, err)
	rest, end, err := r.Inbox(r.ctx, clinic, next, 3)
	must(t, err)
	if len(page) != 3 || len(rest) != 2 || end != "" || page[0].ID != "n0" || !page[1].At.Equal(epoch.Add(time.Minute)) || !page[0].Read.IsZero() {
		t.Errorf("%+v %+v", page, rest)
	}
	must(t, r.MarkRead(r.ctx, clinic, "n1"))
	read := r.clock.Now()
	r.clock.add(time.Hour)
	must(t, r.MarkRead(r.ctx, clinic, "n1"))
	page, _, err = r.Inbox(r.ctx, clinic, "", 0)
	must(t, err)
	if !page[1].Read.Equal(read) {
		t.Errorf("read at %v, not %v", page[1].Read, read)
	}
	// Another customer has neither it nor a way to it.
	_, err = r.ReadInbox(r.ctx, books, "n1")
	wants(t, err, ErrUnknown)
	wants(t, r.MarkRead(r.ctx, books, "n1"), ErrUnknown)
	if others, _, err := r.Inbox(r.ctx, books, "", 0); err != nil || len(others) != 0 {
		t.Errorf("%v %v", others, err)
	}
	if _, _, err := r.Inbox(r.ctx, "c-", "", 0); err == nil { // a prefix of all customers
		t.Error("an inbox of everybody")
	}
	// A message that isn't due yet, or went elsewhere, isn't in the inbox.
	m := note("later")
	m.NotBefore = r.clock.Now().Add(time.Hour)
	r.add(m)
	r.turn()
	_, err = r.ReadInbox(r.ctx, clinic, "later")
	wants(t, err, ErrUnknown)
}

// TestNotBefore: not a millisecond too early.
func TestNotBefore(t *testing.T) {
	r := newRig(t, nil)
	m := note("n1")
	m.NotBefore = epoch.Add(time.Hour + time.Nanosecond)
	r.add(m)
	r.clock.add(time.Hour)
	r.turn()
	r.is("n1", Waiting)
	r.clock.add(time.Nanosecond)
	r.turn()
	r.is("n1", Waiting)
	r.clock.add(time.Millisecond)
	r.turn()
	r.is("n1", Accepted)
}

// TestClockBack: a clock that was ahead and is put right starves no retry, and
// lets nothing out early.
func TestClockBack(t *testing.T) {
	for _, priority := range []Priority{Normal, Urgent} {
		r, s := mailRig(t, func(s *smtpd) { s.at = once(1, "RCPT", "451 later") })
		r.clock.add(365 * 24 * time.Hour)
		m := note("n1", mailTo("notices@harbour-clinic.example"))
		m.Priority = priority
		r.add(m)
		bound := note("n2", mailTo("notices@harbour-clinic.example"))
		bound.NotBefore = epoch.Add(48 * time.Hour)
		r.turn()
		r.is("n1", Waiting)
		r.clock.add(-365 * 24 * time.Hour)
		r.add(bound)
		r.turn()
		r.clock.add(time.Minute)
		r.turn()
		r.is("n1", Accepted)
		r.is("n2", Waiting)
		if copies, _ := s.seen(); copies != 1 {
			t.Errorf("%d copies", copies)
		}
		r.consistent()
	}
}

// TestClockBackBehindNotBefore: an attempt failed, then the clock went back
// behind the message's time: it waits for that again.
func TestClockBackBehindNotBefore(t *testing.T) {
	r, s := mailRig(t, func(s *smtpd) { s.at = once(1, "RCPT", "451 later") })
	m := note("n1", mailTo("notices@harbour-clinic.example"))
	m.NotBefore = epoch.Add(24 * time.Hour)
	r.add(m)
	r.clock.add(25 * time.Hour)
	r.turn()
	r.clock.add(-25 * time.Hour)
	for range 23 {
		r.turn()
		r.clock.add(time.Hour)
	}
	r.turn()
	if copies, _ := s.seen(); copies != 0 {
		t.Error("it came early")
	}
	r.clock.add(time.Hour)
	r.turn()
	r.is("n1", Accepted)
	r.consistent()
}

func TestNew(t *testing.T) {
	if _, err := New(context.Background(), Config{Records: records.NewMemory()}); err == nil {
		t.Error("a queue that can alarm nobody")
	}
	// Names outlive the process, and differ between operators.
	store := records.NewMemory()
	one, two, other := newRig(t, func(c *Config) { c.Records = store }), newRig(t, func(c *Config) { c.Records = store }), newRig(t, nil)
	c := mailTo("notices@harbour-clinic.example")
	if a, b, o := one.nameOf("n1", c), two.nameOf("n1", c), other.nameOf("n1", c); a != b || a == o || len(a) != 26 {
		t.Error(a, b, o)
	}
	if one.nameOf("n1", c) == one.nameOf("n2", c) || one.nameOf("n1", c) == one.nameOf("n1", mailTo("other@harbour-clinic.example")) {
		t.Error("two deliveries have one name")
	}
}

func TestCases(t *testing.T) {
	if _, err := writ.ParseCaseID(string(aCase)); err != nil || len(aCase) != 14 {
		t.Errorf("layout.go counts on 14 bytes: %v", err)
	}
}
