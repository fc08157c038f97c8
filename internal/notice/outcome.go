package notice

import (
	"fmt"
	"strings"
	"time"

	"writ/internal/printable"
)

// Class is why an attempt failed, in one word. It names nobody, so that it may
// stand in logs and metrics.
type Class string

// The classes.
const (
	NotConfigured Class = "not-configured" // no mail server, or no secret, or no sealer is set up
	Unsealed      Class = "unsealed"       // it couldn't be sealed to the contact's key
	NoConnection  Class = "no-connection"  // the server can't be reached
	NoTLS         Class = "no-tls"         // it offers no TLS, or a certificate that doesn't verify
	NoLogin       Class = "no-login"       // it refuses our name and password
	Later         Class = "later"          // it refuses for now
	Refused       Class = "refused"        // it refuses for good
	Redirected    Class = "redirected"     // the webhook points elsewhere; it isn't followed
	NotPublic     Class = "not-public"     // the webhook's host is at an address that webhooks may not reach
	NoAnswer      Class = "no-answer"      // the content went out and no answer came: it may have been accepted
	Restarted     Class = "restarted"      // as no-answer: the process ended first
)

// outcome is how an attempt ended.
type outcome struct {
	accepted  bool
	doubtful  bool          // it may have been accepted
	permanent bool          // the receiver says that it will never be
	class     Class         // empty if it was accepted
	code      int           // of SMTP or HTTP
	detail    string        // for who asks for the status
	after     time.Duration // the receiver asks to be left alone for so long
	stopped   bool          // nothing was sent: the message was cancelled, held or moved meanwhile
	broken    error         // nothing was sent: trouble of our own
}

// maxDetail bounds what is kept of a failure, in bytes.
const maxDetail = 300

// failed is an outcome of which it is known that nothing was accepted.
func failed(class Class, format string, args ...any) outcome {
	return outcome{class: class, detail: detail(fmt.Sprintf(format, args...))}
}

// detail makes a line of what receivers and libraries say. What they say is
// hostile, and may be long.
func detail(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "") + "…"
	}
	return printable.Line(s)
}
