package notice

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// smtpd is a mail server that can be told how to misbehave. It takes STARTTLS,
// and drops a message whose Message-ID it has seen, as receivers do.
type smtpd struct {
	cert   certificate
	listen net.Listener

	plain    bool // offers no TLS
	implicit bool // speaks TLS from the first byte
	auth     bool // wants PLAIN login
	// at is called at each step with its name: EHLO, TLS, MAIL, RCPT, DATA,
	// middle (half the content is here), dot (all of it is), done (250 was
	// said). It returns the answer to give instead; "!" breaks the connection.
	at func(step string) string

	mu       sync.Mutex
	received []string          // every copy, whole
	kept     map[string]string // by Message-ID
	dialogue []string          // what clients said before DATA
}

func startSMTP(t testing.TB, cert certificate, edit func(*smtpd)) *smtpd {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &smtpd{cert: cert, listen: l, kept: map[string]string{}, at: func(string) string { return "" }}
	if edit != nil {
		edit(s)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

// does makes it behave otherwise from now on.
func (s *smtpd) does(at func(step string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

func (s *smtpd) port() int { return s.listen.Addr().(*net.TCPAddr).Port }

func (s *smtpd) config(t testing.TB) MailConfig {
	return MailConfig{Host: "127.0.0.1", Port: s.port(), CAFile: s.cert.certFile, From: "notices@fjordhost.example", Implicit: s.implicit}
}

func (s *smtpd) mail(t testing.TB) *Mail {
	t.Helper()
	m, err := NewMail(s.config(t))
	must(t, err)
	return m
}

func (s *smtpd) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	secure := false
	if s.implicit {
		conn, secure = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{s.cert.Certificate}}), true
	}
	in := bufio.NewReader(conn)
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	// or answers as the test wants it, or else so; false breaks off.
	or := func(step, answer string) (normal, alive bool) {
		s.mu.Lock()
		at := s.at
		s.mu.Unlock()
		switch other := at(step); {
		case other == "!":
			return false, false
		case other != "":
			say("%s", other)
			return false, true
		}
		if answer != "" {
			say("%s", answer)
		}
		return true, true
	}
	say("220 mail.valbrume.example ESMTP")
	for {
		command, err := in.ReadString('\n')
		if err != nil {
			return
		}
		command = strings.TrimRight(command, "\r\n")
		s.mu.Lock()
		s.dialogue = append(s.dialogue, command)
		s.mu.Unlock()
		verb, _, _ := strings.Cut(strings.ToUpper(command), " ")
		alive := true
		switch verb {
		case "EHLO":
			offer := "250-mail.valbrume.example\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
			if !s.plain && !secure {
				offer += "250-STARTTLS\r\n"
			}
			if s.auth && secure {
				offer += "250-AUTH PLAIN\r\n"
			}
			_, alive = or("EHLO", offer+"250 SIZE 50000000")
		case "STARTTLS":
			if _, alive = or("TLS", "220 go"); alive {
				conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{s.cert.Certificate}})
				in, secure = bufio.NewReader(conn), true
			}
		case "AUTH":
			if strings.HasSuffix(command, "AG5vdGljZXMAaGFyYm91cg==") { // \0notices\0harbour
				say("235 welcome")
			} else {
				say("535 5.7.8 no")
			}
		case "MAIL":
			_, alive = or("MAIL", "250 fine")
		case "RCPT":
			_, alive = or("RCPT", "250 fine")
		case "DATA":
			var normal bool
			if normal, alive = or("DATA", "354 go on"); normal {
				alive = s.content(conn, in, or)
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
		if !alive {
			conn.Close()
			return
		}
	}
}

// content reads a message and takes it.
func (s *smtpd) content(conn net.Conn, in *bufio.Reader, or func(step, answer string) (bool, bool)) (alive bool) {
	first, err := in.ReadString('\n')
	if err != nil {
		return false
	}
	if normal, alive := or("middle", ""); !normal {
		return alive
	}
	body, err := io.ReadAll(textproto.NewReader(bufio.NewReader(io.MultiReader(strings.NewReader(first), in))).DotReader())
	if err != nil {
		return false
	}
	normal, alive := or("dot", "")
	if normal || !alive { // it breaks off after it has taken it
		s.take(string(body))
	}
	if !normal {
		return alive
	}
	fmt.Fprint(conn, "250 2.0.0 taken\r\n")
	_, alive = or("done", "")
	return alive
}

func (s *smtpd) take(raw string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, raw)
	if m, err := mail.ReadMessage(strings.NewReader(raw)); err == nil {
		s.kept[m.Header.Get("Message-ID")] = raw
	}
}

// seen is how many copies came in, and how many messages a receiver keeps.
func (s *smtpd) seen() (copies, messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.received), len(s.kept)
}

// last is the newest message.
func (s *smtpd) last(t testing.TB) (string, *mail.Message) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.received) == 0 {
		t.Fatal("no mail came in")
	}
	raw := s.received[len(s.received)-1]
	m, err := mail.ReadMessage(strings.NewReader(raw))
	must(t, err)
	return raw, m
}
