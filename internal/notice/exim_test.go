//go:build unix

package notice

import (
	"bytes"
	_ "embed"
	"fmt"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"writ/internal/testenv"
)

//go:embed testdata/exim.conf
var eximConf string

// exim is Debian's mail server, run by hand in a folder of its own.
type exim struct {
	t    testing.TB
	dir  string
	port int
	cert certificate
}

func startExim(t *testing.T) *exim {
	t.Helper()
	program, err := exec.LookPath("exim4")
	if err != nil {
		program = "/usr/sbin/exim4"
		if _, err := os.Stat(program); err != nil {
			testenv.Skip(t, "exim4 (Debian package exim4-daemon-light) is not installed")
		}
	}
	owner, err := user.Lookup("Debian-exim")
	if err != nil || os.Getuid() != 0 {
		testenv.Skip(t, "exim4 needs root to start, and its user")
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	// Not t.TempDir: exim's user must be able to reach it.
	dir, err := os.MkdirTemp("", "writ-exim-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	cert, err := newCertificate(dir)
	must(t, err)
	for _, sub := range []string{"spool", "log", "mail"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o750))
	}
	for _, name := range []string{"spool", "log", "mail", "key.pem"} {
		must(t, os.Chown(filepath.Join(dir, name), uid, gid))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	e := &exim{t: t, dir: dir, port: l.Addr().(*net.TCPAddr).Port, cert: cert}
	must(t, l.Close())
	conf := filepath.Join(dir, "exim.conf")
	must(t, os.WriteFile(conf, []byte(strings.NewReplacer("{dir}", dir, "{port}", strconv.Itoa(e.port)).Replace(eximConf)), 0o644))
	said := &bytes.Buffer{}
	cmd := exec.Command(program, "-C", conf, "-bdf")
	cmd.Stdout, cmd.Stderr = said, said
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			main, _ := os.ReadFile(filepath.Join(dir, "log", "mainlog"))
			panics, _ := os.ReadFile(filepath.Join(dir, "log", "paniclog"))
			t.Logf("exim: %s%s%s", said, main, panics)
		}
	})
	until(t, "exim answers", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("exim ended: %v %s", err, said)
		default:
		}
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(e.port)))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return e
}

func (e *exim) config() MailConfig {
	secret := filepath.Join(e.dir, "password")
	must(e.t, os.WriteFile(secret, []byte("harbour\n"), 0o600))
	return MailConfig{Host: "127.0.0.1", Port: e.port, CAFile: e.cert.certFile, From: "notices@fjordhost.example", User: "notices", PasswordFile: secret}
}

// delivered waits for so many messages in the maildir, and returns all.
func (e *exim) delivered(n int) (all []*mail.Message, raws []string) {
	e.t.Helper()
	var files []string
	until(e.t, fmt.Sprintf("exim delivered %d messages", n), func() bool {
		files, _ = filepath.Glob(filepath.Join(e.dir, "mail", "new", "*"))
		return len(files) >= n
	})
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(e.t, err)
		m, err := mail.ReadMessage(bytes.NewReader(b))
		must(e.t, err)
		all, raws = append(all, m), append(raws, string(b))
	}
	return all, raws
}

// TestExim delivers through a real mail server: TLS, login, a mailbox that is
// gone, greylisting, sealed and open, small and large.
func TestExim(t *testing.T) {
	e := startExim(t)
	m, err := NewMail(e.config())
	must(t, err)
	r := newRig(t, func(c *Config) { c.Mail = m })
	large := make([]byte, 5<<20)
	copy(large, "%PDF\r\n.\r\n..\r\n")
	open := note("open", Contact{Kind: ByMail, Address: "notices@harbour-clinic.example", Language: "fr"})
	open.Subject, open.Text = "Demande du Tribunal de Valbrume", "Où : ward-seven\n.\n..\nFrom nobody\n"
	open.Attachments = []Attachment{{"demande.pdf", "application/pdf", large}}
	id, err := age.GenerateX25519Identity()
	must(t, err)
	sealed := note("sealed", Contact{Kind: ByMail, Address: "sealed@harbour-clinic.example", Key: id.Recipient().String()})
	for _, m := range []Message{open, sealed, note("gone", mailTo("gone@harbour-clinic.example")), note("grey", mailTo("grey@harbour-clinic.example"))} {
		r.add(m)
	}
	r.turn()
	r.is("open", Accepted)
	r.is("sealed", Accepted)
	if d := r.is("gone", Undeliverable); d.Class != Refused || d.Code != 550 || r.tally("alarm", "gone", 0) != 1 {
		t.Errorf("%+v", d)
	}
	if d := r.is("grey", Waiting); d.Class != Later || d.Code != 451 || d.Doubts != 0 {
		t.Errorf("%+v", d)
	}
	must(t, os.WriteFile(filepath.Join(e.dir, "open"), nil, 0o644))
	r.clock.add(time.Minute)
	r.turn()
	r.is("grey", Accepted)

	all, raws := e.delivered(3)
	if len(all) != 3 {
		t.Fatalf("%d messages", len(all))
	}
	for i, m := range all {
		text, files := parts(t, m)
		switch to := m.Header.Get("To"); to {
		case "<notices@harbour-clinic.example>":
			if !bytes.Equal(files["demande.pdf"], large) || !strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), open.Text) {
				t.Errorf("text %q, %d bytes", text, len(files["demande.pdf"]))
			}
			if !strings.Contains(strings.Join(m.Header["Received"], " "), "TLS1") {
				t.Errorf("without TLS: %v", m.Header["Received"])
			}
		case "<sealed@harbour-clinic.example>":
			if strings.Contains(raws[i], "ward-seven") || !bytes.Contains(openAge(t, id, files["notice.eml.age"]), []byte("ward-seven")) {
				t.Errorf("sealed: %s", raws[i])
			}
		case "<grey@harbour-clinic.example>":
		default:
			t.Errorf("mail to %s", to)
		}
	}
}

// TestEximUntrusted: a real server whose certificate doesn't verify gets
// nothing, not even the login.
func TestEximUntrusted(t *testing.T) {
	e := startExim(t)
	c := e.config()
	c.CAFile = testCert(t).certFile
	m, err := NewMail(c)
	must(t, err)
	r := newRig(t, func(c *Config) { c.Mail = m })
	r.add(note("n1", mailTo("notices@harbour-clinic.example")))
	r.turn()
	if d := r.is("n1", Waiting); d.Class != NoTLS {
		t.Errorf("%+v", d)
	}
}
