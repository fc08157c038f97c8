package notice

import (
	"context"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"writ/internal/records"
)

func testCert(t testing.TB) certificate {
	t.Helper()
	c, err := newCertificate(t.TempDir())
	must(t, err)
	return c
}

func mailRig(t testing.TB, edit func(*smtpd)) (*rig, *smtpd) {
	t.Helper()
	s := startSMTP(t, testCert(t), edit)
	return newRig(t, func(c *Config) { c.Mail = s.mail(t) }), s
}

// parts reads a message of one text and attachments.
func parts(t testing.TB, m *mail.Message) (text string, files map[string][]byte) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	must(t, err)
	files = map[string][]byte{}
	if kind == "text/plain" {
		b, err := io.ReadAll(m.Body)
		must(t, err)
		return string(b), files
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return text, files
		}
		must(t, err)
		b, err := io.ReadAll(p)
		must(t, err)
		if p.FileName() == "" {
			text = string(b)
			continue
		}
		name, err := new(mime.WordDecoder).DecodeHeader(p.FileName())
		must(t, err)
		if p.Header.Get("Content-Transfer-Encoding") == "base64" {
			b, err = base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(string(b)))
			must(t, err)
		}
		files[name] = b
	}
}

func TestMail(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		r, s := mailRig(t, func(s *smtpd) { s.implicit = implicit })
		m := note("n1", Contact{Kind: ByMail, Address: "notices@harbour-clinic.example", Language: "de"})
		m.Subject, m.Text = "Anfrage der Behörde", "Zeile eins: größer\n.\nnach dem Punkt\n\x1b[31mrot\n"
		m.Attachments = []Attachment{{"demand.pdf", "application/pdf", []byte("%PDF-1.7\r\n.\r\n")}, {"Anhörung.txt", "text/plain; charset=utf-8", []byte("ü")}}
		r.add(m)
		r.turn()
		d := r.is("n1", Accepted)
		raw, got := s.last(t)
		subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
		must(t, err)
		text, files := parts(t, got)
		if subject != m.Subject || !strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "größer\n.\nnach dem Punkt\n\uFFFD[31mrot") {
			t.Errorf("subject %q, text %q", subject, text)
		}
		if string(files["demand.pdf"]) != "%PDF-1.7\r\n.\r\n" || string(files["Anhörung.txt"]) != "ü" {
			t.Errorf("attachments %q", files)
		}
		if want := "<" + d.Name + "@fjordhost.example>"; got.Header.Get("Message-ID") != want || got.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("Message-ID %s, want %s, in\n%s", got.Header.Get("Message-ID"), want, raw)
		}
		if got.Header.Get("Writ-Repeat") != "" {
			t.Error("a first attempt says that it may be a repeat")
		}
		if date, err := got.Header.Date(); err != nil || !date.Equal(epoch) {
			t.Errorf("dated %v, %v", date, err)
		}
		if copies, _ := s.seen(); copies != 1 || r.tally("accepted", "n1", 0) != 1 || d.Attempts != 1 {
			t.Errorf("%d copies, told %d times, %d attempts", copies, r.tally("accepted", "n1", 0), d.Attempts)
		}
		for _, word := range []string{"harbour", "2026-7KQM", "c-0000", "n1 "} {
			if strings.Contains(r.log.String(), word) {
				t.Errorf("the log says %q: %s", word, r.log)
			}
		}
	}
}

// TestNoTLS: without TLS, or with a certificate that doesn't verify, nothing
// leaves, whatever the server offers, and the message stays.
func TestNoTLS(t *testing.T) {
	other := testCert(t)
	foreign, err := newCertificate(t.TempDir(), "mail.tidewater.example")
	must(t, err)
	for name, edit := range map[string]func(*smtpd, *MailConfig){
		"no STARTTLS":              func(s *smtpd, _ *MailConfig) { s.plain = true },
		"STARTTLS refused":         func(s *smtpd, _ *MailConfig) { s.at = at("TLS", "454 4.7.0 no TLS today") },
		"unknown certificate":      func(_ *smtpd, c *MailConfig) { c.CAFile = other.certFile },
		"certificate of another":   func(s *smtpd, c *MailConfig) { s.cert, c.CAFile = foreign, foreign.certFile },
		"implicit, spoken plainly": func(_ *smtpd, c *MailConfig) { c.Implicit = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := startSMTP(t, testCert(t), nil)
			config := s.config(t)
			edit(s, &config)
			m, err := NewMail(config)
			must(t, err)
			r := newRig(t, func(c *Config) { c.Mail = m })
			r.add(note("n1", mailTo("notices@harbour-clinic.example")))
			r.turn()
			d := r.is("n1", Waiting)
			if d.Class != NoTLS && name != "STARTTLS refused" {
				t.Errorf("class %s: %s", d.Class, d.Detail)
			}
			if name == "no STARTTLS" && !strings.Contains(d.Detail, "offers no TLS, and nothing is sent without") {
				t.Errorf("it says %q", d.Detail)
			}
			if d.Next.IsZero() || d.Doubts != 0 {
				t.Errorf("%+v", d)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, line := range s.dialogue {
				if strings.HasPrefix(line, "MAIL") || strings.HasPrefix(line, "RCPT") || strings.HasPrefix(line, "AUTH") {
					t.Errorf("without TLS the client said %q", line)
				}
			}
		})
	}
}

// at makes a server answer so at one step, always.
func at(step, answer string) func(string) string {
	return func(s string) string {
		if s == step {
			return answer
		}
		return ""
	}
}

// once makes it answer so the first times.
func once(n int32, step, answer string) func(string) string {
	var left atomic.Int32
	left.Store(n)
	return func(s string) string {
		if s == step && left.Add(-1) >= 0 {
			return answer
		}
		return ""
	}
}

func TestGreylisting(t *testing.T) {
	for _, step := range []string{"MAIL", "RCPT", "DATA", "dot"} {
		r, s := mailRig(t, func(s *smtpd) { s.at = once(1, step, "451 4.7.1 come back later") })
		r.add(note("n1", mailTo("notices@harbour-clinic.example")))
		r.turn()
		d := r.is("n1", Waiting)
		if d.Class != Later || d.Code != 451 || d.Doubts != 0 || d.Next.Sub(epoch) != time.Minute {
			t.Errorf("%s: %+v", step, d)
		}
		r.turn()
		if copies, _ := s.seen(); copies != 0 {
			t.Errorf("%s: tried again before it was time", step)
		}
		r.clock.add(time.Minute)
		r.turn()
		r.is("n1", Accepted)
		if copies, _ := s.seen(); copies != 1 || r.tally("alarm", "n1", 0) != 0 {
			t.Errorf("%s: %d copies", step, copies)
		}
		if _, m := s.last(t); m.Header.Get("Writ-Repeat") != "" {
			t.Errorf("%s: a refused attempt counts as doubtful", step)
		}
	}
}

// TestRefused: what is refused for good alarms at once and exactly once, is
// tried at the longest pace all the same, and is accepted in the end.
func TestRefused(t *testing.T) {
	for _, step := range []string{"MAIL", "RCPT", "DATA", "dot"} {
		r, s := mailRig(t, nil)
		s.does(at(step, "550 5.1.1 nobody of that name, \x1b[2Jask mira"))
		r.told.fail = 2
		r.add(note("n1", mailTo("notices@harbour-clinic.example")))
		r.turn()
		d := r.is("n1", Undeliverable)
		if d.Class != Refused || d.Code != 550 || !d.Alarmed || d.Reported || strings.Contains(d.Detail, "\x1b") {
			t.Errorf("%s: %+v", step, d)
		}
		if wait := d.Next.Sub(epoch); wait < 4*time.Hour || wait > 6*time.Hour {
			t.Errorf("%s: tried again in %v", step, wait)
		}
		for range 5 {
			r.clock.add(6 * time.Hour)
			r.turn()
		}
		if n := r.tally("alarm", "n1", 0); n != 1 {
			t.Errorf("%s: alarmed %d times", step, n)
		}
		s.does(at("never", ""))
		r.clock.add(6 * time.Hour)
		r.turn()
		if d := r.is("n1", Accepted); d.Attempts != 7 || d.Class != "" || !d.Reported {
			t.Errorf("%s: %+v", step, d)
		}
		r.consistent()
	}
}

// TestPatience: five days of "later" count as undeliverable.
func TestPatience(t *testing.T) {
	r, s := mailRig(t, func(s *smtpd) { s.at = at("RCPT", "451 4.2.0 mailbox busy") })
	r.add(note("n1", mailTo("notices@harbour-clinic.example")))
	r.turn()
	last := r.is("n1", Waiting)
	for range 200 {
		r.clock.add(r.status("n1").Deliveries[0].Next.Sub(r.clock.Now()))
		r.turn()
		d := r.status("n1").Deliveries[0]
		if wait := d.Next.Sub(r.clock.Now()); wait < time.Minute || wait > 6*time.Hour {
			t.Fatalf("attempt %d is followed by a wait of %v", d.Attempts, wait)
		}
		if d.State == Undeliverable {
			break
		}
		last = d
	}
	d := r.is("n1", Undeliverable)
	if last.Last.Sub(epoch) >= 5*24*time.Hour || d.Last.Sub(epoch) < 5*24*time.Hour || d.Attempts > 40 {
		t.Errorf("undeliverable after %v and %d attempts", d.Last.Sub(epoch), d.Attempts)
	}
	if r.tally("alarm", "n1", 0) != 1 {
		t.Error("nobody was alarmed")
	}
	s.does(at("never", ""))
	r.clock.add(6 * time.Hour)
	r.turn()
	r.is("n1", Accepted)
}

// TestBrokenOff: a connection that breaks before the message is out leaves no
// doubt; one that breaks behind it does, and the repeat says so under the same
// name.
func TestBrokenOff(t *testing.T) {
	for _, step := range []string{"EHLO", "TLS", "MAIL", "RCPT", "DATA", "middle", "dot"} {
		r, s := mailRig(t, func(s *smtpd) { s.at = once(1, step, "!") })
		m := note("n1", mailTo("notices@harbour-clinic.example"))
		m.Attachments = []Attachment{{"demand.pdf", "application/pdf", make([]byte, 4<<10)}}
		if step == "middle" { // more than sockets hold, so that the client meets the break in mid DATA
			m.Attachments[0].Body = make([]byte, 12<<20)
		}
		r.add(m)
		r.turn()
		d := r.is("n1", Waiting)
		doubt := step == "dot"
		if (d.Doubts > 0) != doubt || (d.Class == NoAnswer) != doubt {
			t.Errorf("%s: %+v", step, d)
		}
		r.clock.add(time.Minute)
		r.turn()
		r.is("n1", Accepted)
		copies, messages := s.seen()
		if want := map[bool]int{false: 1, true: 2}[doubt]; copies != want || messages != 1 {
			t.Errorf("%s: %d copies of %d messages", step, copies, messages)
		}
		if _, m := s.last(t); (m.Header.Get("Writ-Repeat") != "") != doubt {
			t.Errorf("%s: the repeat says %q", step, m.Header.Get("Writ-Repeat"))
		}
		for _, raw := range s.received {
			if !strings.HasSuffix(strings.TrimSpace(raw), "--") {
				t.Errorf("%s: half a message was taken for a whole", step)
			}
		}
	}
}

func TestLogin(t *testing.T) {
	cert, dir := testCert(t), t.TempDir()
	secret := filepath.Join(dir, "password")
	must(t, os.WriteFile(secret, []byte("harbour\n"), 0o600))
	s := startSMTP(t, cert, func(s *smtpd) { s.auth = true })
	c := s.config(t)
	c.User, c.PasswordFile = "notices", secret
	m, err := NewMail(c)
	must(t, err)
	r := newRig(t, func(c *Config) { c.Mail = m })
	r.add(note("n1", mailTo("notices@harbour-clinic.example")))
	r.turn()
	r.is("n1", Accepted)

	must(t, os.WriteFile(secret, []byte("wrong-one\n"), 0o600)) // read again at each sending
	r.add(note("n2", mailTo("notices@harbour-clinic.example")))
	r.turn()
	d := r.is("n2", Waiting)
	if d.Class != NoLogin || d.Code != 535 || strings.Contains(d.Detail+r.log.String(), "wrong-one") {
		t.Errorf("%+v\n%s", d, r.log)
	}
	must(t, os.Chmod(secret, 0o644))
	if _, err := NewMail(c); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a password that all may read: %v", err)
	}
	c.PasswordFile = ""
	if _, err := NewMail(c); err == nil {
		t.Error("a user without password was accepted")
	}
}

// TestLoginNeedsTLS: a server that wants a login but offers no TLS never sees
// the password.
func TestLoginNeedsTLS(t *testing.T) {
	s := startSMTP(t, testCert(t), func(s *smtpd) { s.plain, s.auth = true, true })
	secret := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(secret, []byte("harbour"), 0o600))
	c := s.config(t)
	c.User, c.PasswordFile = "notices", secret
	m, err := NewMail(c)
	must(t, err)
	r := newRig(t, func(c *Config) { c.Mail = m })
	r.add(note("n1", mailTo("notices@harbour-clinic.example")))
	r.turn()
	if d := r.is("n1", Waiting); d.Class != NoTLS {
		t.Errorf("%+v", d)
	}
	if s.mu.Lock(); strings.Contains(strings.Join(s.dialogue, "\n"), "AUTH") {
		t.Error("the password went over the line in clear")
	}
	s.mu.Unlock()
}

// TestSealedMail: to a contact with a key nothing is readable but that there is
// a notice.
func TestSealedMail(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	must(t, err)
	r, s := mailRig(t, nil)
	for lang, subject := range map[string]string{"en": "A sealed notice from Fjordhost", "fr-CA": "Un avis scellé de Fjordhost", "ja": "A sealed notice from Fjordhost"} {
		m := note("n-"+lang, Contact{Kind: ByMail, Address: "notices@harbour-clinic.example", Language: lang, Key: id.Recipient().String()})
		m.Attachments = []Attachment{{"demand.pdf", "application/pdf", []byte("%PDF Ines Calder")}}
		r.add(m)
		r.turn()
		r.is("n-"+lang, Accepted)
		raw, got := s.last(t)
		for _, word := range []string{"demand", "Falkenmoor", "ward-seven", "Calder", string(aCase)} {
			if strings.Contains(raw, word) {
				t.Errorf("%q is readable in\n%s", word, raw)
			}
		}
		if said, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject")); err != nil || said != subject {
			t.Errorf("%s: subject %q", lang, said)
		}
		text, files := parts(t, got)
		if !strings.Contains(text, "age --decrypt") || len(files) != 1 {
			t.Errorf("%s: text %q, files %d", lang, text, len(files))
		}
		inner, err := mail.ReadMessage(strings.NewReader(string(openAge(t, id, files["notice.eml.age"]))))
		must(t, err)
		text, files = parts(t, inner)
		if inner.Header.Get("Subject") != m.Subject || !strings.Contains(text, "ward-seven") || string(files["demand.pdf"]) != "%PDF Ines Calder" {
			t.Errorf("inside: %v %q %q", inner.Header, text, files)
		}
	}
}

// TestSealerGone: a message to a key is never sent in clear.
func TestSealerGone(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	must(t, err)
	s := startSMTP(t, testCert(t), nil)
	store := records.NewMemory()
	with := newRig(t, func(c *Config) { c.Records = store })
	with.add(note("n1", Contact{Kind: ByMail, Address: "notices@harbour-clinic.example", Key: id.Recipient().String()}))
	without := newRig(t, func(c *Config) { c.Records, c.Seal, c.Mail = store, nil, s.mail(t) })
	without.turn()
	if d := without.is("n1", Waiting); d.Class != NotConfigured {
		t.Errorf("%+v", d)
	}
	broken := newRig(t, func(c *Config) {
		c.Records, c.Mail = store, s.mail(t)
		c.Seal = func(string, []byte) (string, []byte, error) { return ".age", nil, context.DeadlineExceeded }
	})
	broken.clock.add(time.Hour)
	broken.turn()
	if d := broken.is("n1", Waiting); d.Class != Unsealed {
		t.Errorf("%+v", d)
	}
	if copies, _ := s.seen(); copies != 0 {
		t.Error("it was sent in clear")
	}
}
