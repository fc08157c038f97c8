package s3

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/controllers"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3err"

	"writ/internal/vault"
)

// JournalPath is where a customer reads its own journal, signed like any
// other request. No bucket can have that name.
const JournalPath = "/.writ/journal"

// JournalAsk is how much of its journal a customer asks for.
type JournalAsk struct {
	After     uint64 // entries with a higher number
	FromBatch uint64 // batches of the ledger with this number or a higher one
}

// ErrNotKept: the entry that a customer wants its journal to go on with is not
// kept any more, or was never there.
var ErrNotKept = errors.New("the journal does not go on there")

// A Journal prepares the journal of the session's own customer, as a bundle
// (docs/ledger.md). What is returned writes it; an error while it does is a
// bundle without an end, which its reader refuses.
type Journal func(ctx context.Context, s vault.Session, ask JournalAsk) (write func(io.Writer) error, err error)

// journalRoute is the route of [JournalPath].
func (b *adapter) journalRoute(root middlewares.RootUserConfig, journal Journal) s3api.Option {
	return s3api.WithRoute(http.MethodGet, JournalPath, controllers.ProcessHandlers(
		func(ctx fiber.Ctx) (*controllers.Response, error) { return b.getJournal(ctx, journal) },
		"journal", &controllers.Services{},
		b.begin(root),
		middlewares.VerifyV4Signature(root, b.accounts, b.region, false, true, false), // a presigned URL would give it away
	))
}

func (b *adapter) getJournal(ctx fiber.Ctx, journal Journal) (*controllers.Response, error) {
	r := requestOf(ctx.RequestCtx())
	var ask JournalAsk
	for name, to := range map[string]*uint64{"after": &ask.After, "from-batch": &ask.FromBatch} {
		if !r.has(name) {
			continue
		}
		n, err := strconv.ParseUint(r.query(name), 10, 63)
		if err != nil {
			return &controllers.Response{}, s3err.GetAPIError(s3err.ErrInvalidRequest)
		}
		*to = n
	}
	session := r.session()
	if session.Customer == "" || session.Presigned {
		return &controllers.Response{}, s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	// The bundle is written when the request's memory is another's already.
	write, err := journal(b.ctx, session, ask)
	if errors.Is(err, ErrNotKept) {
		return &controllers.Response{}, s3err.GetAPIError(s3err.ErrInvalidRange)
	}
	if err != nil {
		b.log.Error("couldn't give a customer its journal", "request", session.Request, "error", err.Error())
		return &controllers.Response{}, errorOf(err, subject{})
	}
	ctx.Response().Header.SetContentType("application/jsonl")
	ctx.Response().Header.Set("Cache-Control", "no-store")
	ctx.RequestCtx().SetBodyStreamWriter(func(w *bufio.Writer) {
		if err := write(w); err != nil {
			b.log.Warn("a customer's journal was not read to its end", "request", session.Request, "error", err.Error())
		}
	})
	return &controllers.Response{}, nil
}
