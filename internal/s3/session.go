package s3

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"

	"writ"
	"writ/internal/vault"
)

// A request is one that versitygw has authenticated, as a backend's context
// is: strings that come out of it are the connection's memory, and good only
// until it is answered.
type request struct{ *fasthttp.RequestCtx }

// requestOf returns the request that a backend's context is.
func requestOf(ctx context.Context) request {
	switch r := ctx.(type) {
	case request:
		return r
	case *fasthttp.RequestCtx:
		return request{r}
	}
	// No route of versitygw does this; an empty request may do nothing.
	return request{new(fasthttp.RequestCtx)}
}

// session is who asks, from what was verified.
func (r request) session() vault.Session {
	s := vault.Session{Request: r.id(), Addr: r.addr()}
	account, _ := r.UserValue(string(utils.ContextKeyAccount)).(auth.Account)
	if account.Access == "" {
		return s
	}
	s.Customer = writ.CustomerID(account.Access)
	s.Credential = writ.CredentialID(account.SessionToken)
	// A form with a signed policy is like a presigned URL: its owner signed
	// it and gave it away.
	s.Presigned = r.presigned() || r.form() != nil
	return s
}

// customer returns who asks, "" if anonymous.
func (r request) customer() writ.CustomerID {
	account, _ := r.UserValue(string(utils.ContextKeyAccount)).(auth.Account)
	return writ.CustomerID(account.Access)
}

func (r request) presigned() bool {
	return len(r.Request.Header.Peek("Authorization")) == 0 && r.has("X-Amz-Signature")
}

// form returns the fields of a POST form, nil if the request is none.
func (r request) form() map[string]string {
	form, _ := r.UserValue(string(utils.ContextKeyObjectPostResult)).(middlewares.PostObjectResult)
	return form.Fields
}

// id is the request's id, as the client gets it.
func (r request) id() string {
	id, _ := r.UserValue(string(utils.ContextKeyRequestID)).(string)
	return id
}

func (r request) addr() netip.Addr {
	tcp, ok := r.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// has reports whether the query has an argument of that name.
func (r request) has(argument string) bool { return r.QueryArgs().Has(argument) }

// query returns a copy of an argument of the query.
func (r request) query(argument string) string { return string(r.QueryArgs().Peek(argument)) }

// header returns a copy of a header of the request.
func (r request) header(name string) string { return string(r.Request.Header.Peek(name)) }

// bypassesGovernance reports whether the client asks to override a retention
// under governance. versitygw has judged that it may before a backend is
// asked to delete or change anything.
func (r request) bypassesGovernance() bool {
	return strings.EqualFold(r.header("X-Amz-Bypass-Governance-Retention"), "true")
}

// own returns a copy of a string of the request, "" for nil.
func own(s *string) string {
	if s == nil {
		return ""
	}
	return strings.Clone(*s)
}

// ptr returns nil for "".
func ptr(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
