package notice

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// MailConfig says through which server mail leaves, and as whom. There is no
// setting that allows mail without TLS, or a certificate that doesn't verify:
// who listens on the line would learn of a notice before the customer does.
type MailConfig struct {
	Host string // name of the server, which its certificate must bear
	Port int    // default 587, or 465 with Implicit
	// Implicit is TLS from the first byte (RFC 8314) instead of STARTTLS.
	Implicit bool
	CAFile   string // certificates (PEM) to trust instead of the system's
	From     string // mail address
	// User logs in, with the password that PasswordFile holds: a file that only
	// its owner can read, read at each sending, so that it can be replaced.
	User, PasswordFile string
	Timeout            time.Duration // of one message; default 2 minutes
}

// Mail sends mail through one server.
type Mail struct {
	config MailConfig
	domain string // of From: in names of messages, and our own name in EHLO
}

// NewMail checks a configuration of mail and reads its files once, so that what
// is wrong with it is found at the start.
func NewMail(c MailConfig) (*Mail, error) {
	if c.Port == 0 {
		c.Port = 587
		if c.Implicit {
			c.Port = 465
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Minute
	}
	if c.Host == "" || strings.ContainsAny(c.Host, "/ :") && net.ParseIP(c.Host) == nil || c.Port < 1 || c.Port > 65535 {
		return nil, errors.New("the mail server needs a host's name, and a port from 1 to 65535")
	}
	if err := checkAddress(c.From); err != nil {
		return nil, fmt.Errorf("the sender of mail: %w", err)
	}
	if (c.User == "") != (c.PasswordFile == "") {
		return nil, errors.New("to log in at the mail server takes both a user and a file with the password")
	}
	m := &Mail{config: c, domain: c.From[strings.LastIndexByte(c.From, '@')+1:]}
	if _, err := m.tls(); err != nil {
		return nil, err
	}
	if _, err := m.password(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Mail) tls() (*tls.Config, error) {
	c := &tls.Config{ServerName: m.config.Host, MinVersion: tls.VersionTLS12}
	if m.config.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(m.config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the certificates to trust for mail: %w", err)
	}
	if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate (PEM)", m.config.CAFile)
	}
	return c, nil
}

func (m *Mail) password() (string, error) {
	if m.config.PasswordFile == "" {
		return "", nil
	}
	info, err := os.Stat(m.config.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("couldn't read the password for mail: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("others than its owner may read %s, the password for mail; run chmod 600", m.config.PasswordFile)
	}
	b, err := os.ReadFile(m.config.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("couldn't read the password for mail: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" || strings.ContainsAny(password, "\r\n\x00") {
		return "", fmt.Errorf("%s must hold the password for mail in one line", m.config.PasswordFile)
	}
	return password, nil
}

// line is a connection to the server. Who has it closes it: go-mail ends a
// message that broke off in its middle when it says goodbye, and a server might
// take the half for the whole.
type line struct {
	mu   sync.Mutex
	conn net.Conn
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close()
	}
}

// send sends a parcel to an address. It calls mark when all is ready, before
// the message is offered; if that fails nothing is sent.
func (m *Mail) send(ctx context.Context, to string, p parcel, mark func() error) outcome {
	msg, err := message(m.config.From, to, p, m.domain)
	if err != nil {
		return failed(Refused, "couldn't make the mail: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, m.config.Timeout)
	defer cancel()
	l := &line{}
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	client, err := m.client(l)
	if err != nil {
		return failed(NotConfigured, "%v", err)
	}
	server, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return m.dialFailed(err)
	}
	if _, err := server.GetTLSConnectionState(); err != nil { // go-mail promised it
		return failed(NoTLS, "the connection to the mail server isn't encrypted")
	}
	if err := mark(); errors.Is(err, errStopped) {
		return outcome{stopped: true}
	} else if err != nil {
		return outcome{broken: err}
	}
	err = client.SendWithSMTPClient(server, msg)
	if msg.IsDelivered() {
		goodbye(l, server)
		return outcome{accepted: true}
	}
	return sendFailed(err)
}

// goodbye is polite, and waits for no answer.
func goodbye(l *line, server *smtp.Client) {
	if l.conn.SetDeadline(time.Now().Add(time.Second)) == nil {
		server.Text.Cmd("QUIT")
	}
}

// client is go-mail's client, for one message.
func (m *Mail) client(l *line) (*mail.Client, error) {
	tlsConfig, err := m.tls()
	if err != nil {
		return nil, err
	}
	password, err := m.password()
	if err != nil {
		return nil, err
	}
	opts := []mail.Option{
		mail.WithPort(m.config.Port), mail.WithHELO(m.domain), mail.WithTimeout(m.config.Timeout),
		mail.WithTLSConfig(tlsConfig), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithoutNoop(), mail.WithoutRset(),
		mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			return m.dial(ctx, l, network, address, tlsConfig)
		}),
	}
	if m.config.Implicit {
		opts = append(opts, mail.WithSSL())
	}
	if m.config.User != "" {
		opts = append(opts, mail.WithUsername(m.config.User), mail.WithPassword(password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	return mail.NewClient(m.config.Host, opts...)
}

func (m *Mail) dial(ctx context.Context, l *line, network, address string, c *tls.Config) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	if ctx.Err() != nil { // it ended before it could close what it didn't know
		l.close()
	}
	if !m.config.Implicit {
		return conn, nil
	}
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

// dialFailed says why there is no connection on which mail may go. Nothing was
// sent, so that none of these is for good: they are the operator's to mend.
func (m *Mail) dialFailed(err error) outcome {
	var reply *textproto.Error
	var untrusted *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	server := net.JoinHostPort(m.config.Host, strconv.Itoa(m.config.Port))
	code := 0
	if errors.As(err, &reply) {
		code = reply.Code
	}
	switch {
	case errors.As(err, &untrusted):
		return failed(NoTLS, "the mail server %s has no certificate that verifies: %v", server, err)
	case errors.As(err, &noTLS), strings.Contains(err.Error(), "does not support STARTTLS"):
		return failed(NoTLS, "the mail server %s offers no TLS, and nothing is sent without: %v", server, err)
	case strings.Contains(err.Error(), "AUTH"):
		out := failed(NoLogin, "the mail server %s refuses the login: %v", server, err)
		out.code = code
		return out
	case code != 0:
		out := failed(Later, "the mail server %s answers: %v", server, err)
		out.code = code
		return out
	}
	return failed(NoConnection, "couldn't reach the mail server %s: %v", server, err)
}

// sendFailed says how a message that was offered was not accepted. Only when it
// went out whole and no answer came isn't that known.
func sendFailed(err error) outcome {
	var why *mail.SendError
	if !errors.As(err, &why) {
		return failed(NoConnection, "%v", err)
	}
	code := why.ErrorCode()
	switch {
	case code >= 500:
		out := failed(Refused, "%v", err)
		out.code, out.permanent = code, true
		return out
	case code >= 400:
		out := failed(Later, "%v", err)
		out.code = code
		return out
	case why.Reason == mail.ErrSMTPDataClose:
		out := failed(NoAnswer, "%v", err)
		out.doubtful = true
		return out
	}
	return failed(NoConnection, "%v", err)
}

// message is a parcel as mail.
func message(from, to string, p parcel, domain string) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8))
	if from != "" {
		if err := msg.From(from); err != nil {
			return nil, err
		}
	}
	if to != "" {
		if err := msg.To(to); err != nil {
			return nil, err
		}
	}
	msg.SetMessageIDWithValue(p.name + "@" + domain)
	msg.SetDateWithValue(p.date)
	msg.Subject(p.subject)
	// So that no holiday answers it (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("Content-Language", p.language)
	if p.repeat {
		msg.SetGenHeader("Writ-Repeat", "possible; an earlier attempt under this Message-ID ended without an answer")
	}
	msg.SetBodyString(mail.TypeTextPlain, strings.ReplaceAll(p.text, "\n", "\r\n"))
	for _, a := range p.attachments {
		if err := msg.AttachReader(a.Name, bytes.NewReader(a.Body), mail.WithFileContentType(mail.ContentType(a.MIME))); err != nil {
			return nil, err
		}
	}
	return msg, nil
}

// innerMessage is the message that is sealed.
func (q *Queue) innerMessage(p parcel) ([]byte, error) {
	from, domain := "", "notice.invalid"
	if q.config.Mail != nil {
		from, domain = q.config.Mail.config.From, q.config.Mail.domain
	}
	p.repeat = false // it is the outer one's to say
	msg, err := message(from, "", p, domain)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = msg.WriteTo(&b)
	return b.Bytes(), err
}
