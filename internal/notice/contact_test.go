package notice

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"filippo.io/age"
	gomail "github.com/wneessen/go-mail"
)

func TestCheck(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	must(t, err)
	r := newRig(t, func(c *Config) { c.Webhooks.PlainLoopback = false })
	for _, c := range []Contact{
		{Kind: ByInbox}, {Kind: ByInbox, Language: "de-AT"},
		mailTo("notices@harbour-clinic.example"), mailTo("a.b+c'd@x-1.mill-street-books.example"), mailTo("a@xn--mnchen-3ya.example"),
		{Kind: ByMail, Address: "a@b.example", Language: "zh-Hant-TW", Key: id.Recipient().String()},
		hookTo("https://harbour-clinic.example/notices?x=1"), hookTo("https://[2620:fe::fe]:8443/"),
	} {
		if err := r.Check(c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []Contact{
		{}, {Kind: "fax", Address: "1"}, {Kind: ByInbox, Address: "x"}, {Kind: ByInbox, Key: id.Recipient().String()},
		mailTo(""), mailTo("@"), mailTo("a@"), mailTo("@b.example"), mailTo("a@b"), mailTo("a b@c.example"), mailTo("a@b.example\r\nBcc: c@d.example"),
		mailTo("a@b.example\n"), mailTo("a@b.example,c@d.example"), mailTo("A <a@b.example>"), mailTo("<a@b.example>"), mailTo(`"a b"@c.example`),
		mailTo("a..b@c.example"), mailTo(".a@c.example"), mailTo("a@[10.0.0.1]"), mailTo("a@-b.example"), mailTo("a@b..example"), mailTo("ü@b.example"), mailTo("a@ü.example"),
		mailTo(strings.Repeat("a", 65) + "@b.example"), mailTo("a@" + strings.Repeat("b.", 130) + "example"), mailTo("a@b.example\x00"), mailTo("a%0d%0a@b.example> SIZE=1"),
		hookTo(""), hookTo("http://harbour-clinic.example/"), hookTo("http://127.0.0.1/"), hookTo("ftp://x.example/"), hookTo("https:///x"), hookTo("https://"), hookTo("https:x"),
		hookTo("https://user:pass@x.example/"), hookTo("https://x.example/#y"), hookTo("https://x.example/#"), hookTo("https://x.example/a b"), hookTo("https://x.example/\r\nX: y"),
		hookTo("https://ü.example/"), hookTo("https://x.example/" + strings.Repeat("x", maxURL)), hookTo("//x.example"), hookTo("x.example"),
		{Kind: ByMail, Address: "a@b.example", Language: "not a language"}, {Kind: ByMail, Address: "a@b.example", Language: "xx\r\nX: y"},
		{Kind: ByMail, Address: "a@b.example", Key: "age1nonsense"}, {Kind: ByMail, Address: "a@b.example", Key: strings.Repeat("x", maxKey+1)},
	} {
		if err := r.Check(c); !errors.Is(err, ErrContact) {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func TestContacts(t *testing.T) {
	r := newRig(t, nil)
	got, err := r.Contacts(r.ctx, clinic)
	must(t, err)
	if len(got) != 1 || got[0].Kind != ByInbox {
		t.Errorf("without contacts: %v", got)
	}
	want := []Contact{mailTo("notices@harbour-clinic.example"), {Kind: ByInbox, Language: "de"}}
	_, err = r.SetContacts(r.ctx, clinic, want)
	must(t, err)
	_, err = r.SetContacts(r.ctx, clinic, []Contact{mailTo("bad")})
	wants(t, err, ErrContact)
	if _, err := r.SetContacts(r.ctx, "c-", want); err == nil {
		t.Error("contacts of nobody")
	}
	if got, err = r.Contacts(r.ctx, clinic); err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v %v", got, err)
	}
	if got, err = r.Contacts(r.ctx, books); err != nil || got[0].Kind != ByInbox {
		t.Errorf("another customer's: %v %v", got, err)
	}
	// A message goes to all of them; a failure at one holds up no other.
	r.add(note("n1"))
	r.turn()
	st := r.status("n1")
	if st.Deliveries[0].Class != NotConfigured || st.Deliveries[1].State != Accepted || st.State != Waiting {
		t.Errorf("%+v", st)
	}
}

// FuzzAddress: an address that passes can stand in a header and in a command as
// it is, and is taken by the mail library for exactly itself.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"notices@harbour-clinic.example", "a@b.example\r\n", "a@b", `"a"@b.example`, "a@b.example>", "ü@b.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkAddress(s) != nil {
			return
		}
		if strings.ContainsAny(s, "\r\n\x00 <>,;:\"\\()[]") {
			t.Fatalf("%q passes", s)
		}
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
			t.Fatalf("%q is taken for %v, %v", s, a, err)
		}
		if err := gomail.NewMsg().To(s); err != nil {
			t.Fatalf("%q is refused by the library: %v", s, err)
		}
	})
}

// FuzzDueKey: keys are read as they are written, and others are refused or
// harmless.
func FuzzDueKey(f *testing.F) {
	f.Add(dueKey(1, waitsRetry, 77, ref{"n1", 3}))
	f.Add([]byte("Mq"))
	f.Fuzz(func(t *testing.T, k []byte) {
		due, r, err := dueIn(k)
		if err != nil || k[0] != tagNotice || k[1] != tagDue {
			return
		}
		if string(dueKey(int(k[2]), k[3], due, r)) != string(k) {
			t.Fatalf("%q is read as %d %v", k, due, r)
		}
	})
}
