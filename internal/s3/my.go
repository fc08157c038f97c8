package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"

	"writ/internal/vault"
)

// MyPath is below what a customer asks of its own account, signed like any other
// request. No bucket can have that name.
const MyPath = "/.writ/v1/my/"

// My answers what a customer asks of its own account. The request's path is
// below /v1/my/; it has no header that says who asks, which is the session's.
type My func(ctx context.Context, s vault.Session, r *http.Request) (*http.Response, error)

// contentPath ends the path of an object's content, the one body that streams
// without a hash of the whole in its signature.
const contentPath = "/content"

// myHeaders are those of a request that are handed on.
var myHeaders = []string{"Accept", "Content-Length", "Content-Type", "If-None-Match", "Range"}

// wholeAnswer is how long an answer may be that is held in memory, in bytes, to be sent
// with its length.
const wholeAnswer = 64 << 10

// myRoutes are the routes of [MyPath].
func (b *adapter) myRoutes(root middlewares.RootUserConfig, my My) (options []s3api.Option) {
	begin := b.begin(root)
	// A presigned URL would give an account away: only the header counts.
	held := middlewares.VerifyV4Signature(root, b.accounts, b.region, false, true, false)
	streaming := middlewares.VerifyV4Signature(root, b.accounts, b.region, true, true, false)
	handle := func(ctx fiber.Ctx) error {
		err := begin(ctx)
		if err == nil {
			if ctx.Request().Header.ContentLength() > 0 {
				err = streaming(ctx)
			} else {
				err = held(ctx)
			}
		}
		if err == nil {
			err = b.answerMy(ctx, my)
		}
		if err != nil {
			return b.myProblem(ctx, err)
		}
		return nil
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		options = append(options, s3api.WithRoute(method, MyPath+"*", handle))
	}
	return options
}

// errBodyHash: a body that is not an object's must be signed whole.
var errBodyHash = s3err.APIError{
	Code:           "InvalidRequest",
	Description:    "The body of this request must be signed: X-Amz-Content-Sha256 holds its SHA-256, and not UNSIGNED-PAYLOAD or a streaming payload.",
	HTTPStatusCode: http.StatusBadRequest,
}

func (b *adapter) answerMy(ctx fiber.Ctx, my My) error {
	r := requestOf(ctx.RequestCtx())
	session := r.session()
	if session.Customer == "" || session.Presigned {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	path := string(ctx.Request().URI().PathOriginal())
	if hash, length := r.header("X-Amz-Content-Sha256"), ctx.Request().Header.ContentLength(); length > 0 && utils.IsSpecialPayload(hash) {
		if content := ctx.Method() == http.MethodPut && strings.HasSuffix(path, contentPath); !content || utils.IsStreamingPayload(hash) {
			return errBodyHash
		}
	}
	u, err := url.ParseRequestURI(strings.TrimPrefix(path, "/.writ"))
	if err != nil {
		return s3err.GetAPIError(s3err.ErrInvalidURI)
	}
	u.RawQuery = string(ctx.Request().URI().QueryString())
	req := &http.Request{Method: strings.Clone(ctx.Method()), URL: u, Header: http.Header{}, Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	for _, name := range myHeaders {
		if value := r.header(name); value != "" {
			req.Header.Set(name, value)
		}
	}
	body := &borrowed{}
	defer body.end()
	if length := ctx.Request().Header.ContentLength(); length > 0 {
		reader, ok := utils.ContextKeyBodyReader.Get(ctx).(io.Reader)
		if !ok {
			return s3err.GetAPIError(s3err.ErrInternalError)
		}
		body.r = r.patient(reader)
		req.Body, req.ContentLength = body, int64(length)
	}
	// The answer may be read when the request's memory is another's already.
	resp, err := my(b.ctx, session, req)
	if err != nil {
		b.log.Error("couldn't answer a customer about its account", "request", session.Request, "error", err.Error())
		return s3err.GetAPIError(s3err.ErrInternalError)
	}
	if err := b.sendMy(ctx, r, session.Request, resp); err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest { // it may have been answered before the body was there
		body.end()
		r.drain()
	}
	return nil
}

// sendMy sends an answer: a short one whole, a longer one as it comes.
func (b *adapter) sendMy(ctx fiber.Ctx, r request, id string, resp *http.Response) error {
	head, err := io.ReadAll(io.LimitReader(resp.Body, wholeAnswer))
	if err != nil {
		resp.Body.Close()
		b.log.Error("couldn't answer a customer about its account", "request", id, "error", err.Error())
		return s3err.GetAPIError(s3err.ErrInternalError)
	}
	out := ctx.Response()
	out.SetStatusCode(resp.StatusCode)
	for name, values := range resp.Header {
		if name == "Content-Length" {
			continue // the server sets it
		}
		for _, value := range values {
			out.Header.Set(name, value)
		}
	}
	if len(head) < wholeAnswer {
		resp.Body.Close()
		out.SetBodyRaw(head)
		return nil
	}
	rest := struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), resp.Body), resp.Body}
	out.SetBodyStream(r.patientBody(rest, func(err error) {
		b.log.Warn("a customer's answer was not sent to its end", "request", id, "error", err.Error())
	}), int(resp.ContentLength))
	return nil
}

// myProblem answers with a problem as RFC 9457 has it.
func (b *adapter) myProblem(ctx fiber.Ctx, err error) error {
	base := s3err.GetAPIError(s3err.ErrInternalError)
	var known s3err.S3Error
	if errors.As(err, &known) {
		base = known.BaseError()
	} else {
		b.log.Error("couldn't answer a customer about its account", "error", err.Error())
	}
	body, err := json.Marshal(map[string]any{
		"status": base.HTTPStatusCode, "title": http.StatusText(base.HTTPStatusCode), "code": base.Code, "detail": base.Description,
		"hint": "sign the request with a credential of your own, in the Authorization header; docs/my.md says how",
	})
	if err != nil {
		return err
	}
	out := ctx.Response()
	out.SetStatusCode(base.HTTPStatusCode)
	out.Header.SetContentType("application/problem+json")
	out.Header.Set("Cache-Control", "no-store")
	out.Header.Set("Content-Length", strconv.Itoa(len(body)))
	out.SetBodyRaw(body)
	return nil
}

// borrowed is a request's body, which is gone when the request is answered: who
// still reads then reads its end.
type borrowed struct {
	mu sync.Mutex
	r  io.Reader // nil when it is gone
}

func (b *borrowed) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r == nil {
		return 0, io.EOF
	}
	return b.r.Read(p)
}

// Close leaves the rest to whoever drains it.
func (b *borrowed) Close() error { return nil }

// end waits for a read that is under way.
func (b *borrowed) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r = nil
}
