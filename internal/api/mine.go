package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"writ"
	"writ/internal/docket"
	"writ/internal/gate"
	"writ/internal/notice"
	"writ/internal/printable"
	"writ/internal/vault"
)

// Mine is what the interface for customers serves: each sees and does what is
// its own. Nothing of it differs by what is preserved or demanded in secret.
type Mine struct {
	Vault   *vault.Vault
	Gate    *gate.Gate
	Docket  *docket.Docket
	Notices *notice.Queue
	// Bundle prepares the session's own journal as a bundle (docs/ledger.md).
	// Errors: [ErrNotKept], [vault.ErrSlowDown].
	Bundle  func(ctx context.Context, s vault.Session, after, fromBatch uint64) (write func(io.Writer) error, err error)
	Server  func() Server
	Version string
	Now     func() time.Time
	Log     *slog.Logger // nil is silence
}

// ErrNotKept: the journal is to go on behind an entry that is kept no longer.
var ErrNotKept = errors.New("the journal does not go on there")

// MinePath is below what the customers' operations lie.
const MinePath = "/v1/my/"

// Owner is the customer on whose behalf a request is made, and who of it makes
// the request. It says who was let in, and proves nothing: whoever makes one has
// checked a signature or a session.
type Owner struct {
	Customer writ.CustomerID
	// By is "credential " and the access key, or "console ", the user's name, "
	// session " and the session's public id. It is the actor in the journal.
	By      string
	Addr    netip.Addr
	Session string    // public id; "" for a credential
	Fresh   time.Time // when the session's user was last verified
	Request string    // the request's id in the log
}

const byCredential = "credential "

// credential is the access key by which the owner asks, "" if by none.
func (o Owner) credential() writ.CredentialID {
	key, is := strings.CutPrefix(o.By, byCredential)
	if !is || o.Session != "" {
		return ""
	}
	return writ.CredentialID(key)
}

// session is the owner as the vault and the journal see it. What stands there
// for a user of the console can be no access key's: those have no space.
func (o Owner) session() vault.Session {
	s := vault.Session{Customer: o.Customer, Credential: o.credential(), Addr: o.Addr, Request: o.Request}
	if s.Credential == "" {
		s.Credential = writ.CredentialID(o.By)
	}
	return s
}

// maxBy bounds the name of who asks, in bytes.
const maxBy = 256

func (o Owner) valid() bool {
	_, err := writ.ParseCustomerID(string(o.Customer))
	if err != nil || o.By == "" || len(o.By) > maxBy || printable.Line(o.By) != o.By {
		return false
	}
	if o.Session == "" {
		return o.credential() != "" && !strings.Contains(string(o.credential()), " ")
	}
	return strings.HasPrefix(o.By, "console ")
}

type ownerKey struct{}

// AsOwner says in a context who asks. It is for code of this process only: no
// header, path or body of a request says it.
func AsOwner(ctx context.Context, o Owner) context.Context {
	return context.WithValue(ctx, ownerKey{}, o)
}

// ownerOf is who asks.
func ownerOf(ctx context.Context) Owner {
	o, _ := ctx.Value(ownerKey{}).(Owner)
	return o
}

// mine has a method for each group of operations.
type mine struct {
	Mine
	reading   *turns // at journals
	objecting *turns // with objections, which are held in memory
}

// MineHandler serves customers, each of whom is named by [AsOwner] in the
// request's context. The description (OpenAPI 3.1) is at /v1/my/openapi.json.
func MineHandler(m Mine) http.Handler {
	if m.Log == nil {
		m.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("Writ for customers", m.Version)
	cfg.OpenAPIPath = MinePath + "openapi"
	cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", nil
	cfg.Info.Description = "A customer's own account at a Writ server: buckets, objects, keys, journal, and what it was told of demands. " +
		"On the S3 port it is below /.writ, signed by AWS Signature Version 4 with any credential of the customer. docs/my.md is the manual."
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	a := humago.New(mux, cfg)
	h := mine{m, &turns{all: 16, each: 2}, &turns{all: 8, each: 1}}
	a.UseMiddleware(h.permitted)
	h.account(a)
	h.credentials(a)
	h.keys(a)
	h.buckets(a)
	h.objects(a)
	h.content(a)
	h.journal(a)
	h.journalFiles(a)
	h.told(a)
	h.demands(a)
	h.contacts(a)
	describeMine(a.OpenAPI())
	return patient(h.known(mux))
}

// known lets in who is named as an owner.
func (h mine) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ownerOf(r.Context()).valid() {
			refuse(w, &Problem{
				Status: http.StatusUnauthorized, Title: "Unauthorized", Code: "owner", Detail: "this is for a customer, who has not said who it is",
				Hint: "sign the request with a credential of yours, or sign in",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// mineKinds are the errors of the rooms as a customer is told apart, with what a
// customer can do.
var mineKinds = []struct {
	err    error
	status int
	code   string
	hint   string
}{
	{docket.ErrUntold, http.StatusNotFound, "no-demand", "writ my notices shows the demands that you were told of"},
	{docket.ErrBounds, http.StatusUnprocessableEntity, "bounds", ""},
	{docket.ErrState, http.StatusConflict, "state", "write to the provider; the notice says where"},
	{docket.ErrNoDocument, http.StatusNotFound, "no-document", ""},
	{notice.ErrUnknown, http.StatusNotFound, "no-notice", "writ my notices shows what you were told"},
	{notice.ErrContact, http.StatusUnprocessableEntity, "contact", ""},
	{notice.ErrMessage, http.StatusUnprocessableEntity, "form", ""},
	{vault.ErrNoBucket, http.StatusNotFound, "no-bucket", "writ my buckets shows yours"},
	{vault.ErrNoVersion, http.StatusNotFound, "no-version", ""},
	{vault.ErrNoKey, http.StatusNotFound, "no-object", ""},
	{vault.ErrMarker, http.StatusNotFound, "delete-marker", "ask for another version"},
	{vault.ErrVersion, http.StatusUnprocessableEntity, "version", ""},
	{vault.ErrKey, http.StatusUnprocessableEntity, "key", ""},
	{vault.ErrRange, http.StatusRequestedRangeNotSatisfiable, "range", ""},
	{vault.ErrPrecondition, http.StatusPreconditionFailed, "precondition", "look at the object again"},
	{vault.ErrLocked, http.StatusConflict, "locked", "a retention or a legal hold that was set in this bucket keeps it"},
	{vault.ErrIncomplete, http.StatusBadRequest, "incomplete", "send it again; nothing was kept"},
	{vault.ErrTooLong, http.StatusBadRequest, "incomplete", "send it again; nothing was kept"},
	{vault.ErrTooLarge, http.StatusRequestEntityTooLarge, "too-large", ""},
	{vault.ErrQuota, http.StatusForbidden, "quota", "delete what is not needed, or ask the provider for more"},
	{vault.ErrSlowDown, http.StatusServiceUnavailable, "busy", "try again in a moment"},
	{vault.ErrNoCredential, http.StatusNotFound, "no-credential", "writ my credentials shows yours"},
	{vault.ErrNoSpace, http.StatusServiceUnavailable, "no-space", "nothing was kept; try again later"},
	{gate.ErrNoSpace, http.StatusServiceUnavailable, "no-space", "nothing was kept; try again later"},
	{vault.ErrShredded, http.StatusGone, "shredded", "the keys were destroyed; nothing opens again"},
	{gate.ErrShredded, http.StatusGone, "shredded", "the keys were destroyed; nothing opens again"},
	{vault.ErrCorrupt, http.StatusInternalServerError, "damaged", "tell the provider, whose backup may have it"},
	{ErrNotKept, http.StatusRequestedRangeNotSatisfiable, "not-kept", "ask for all that is kept"},
	{context.Canceled, 499, "cancelled", ""},
}

// fail makes an error of a room one for a customer. What is none of its doing is
// in the server's log, and not in the answer.
func (h mine) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, k := range mineKinds {
		if errors.Is(err, k.err) {
			detail := k.err.Error()
			if k.status == http.StatusUnprocessableEntity || k.status == http.StatusConflict || errors.Is(err, vault.ErrQuota) {
				detail = err.Error() // says which
			}
			return &Problem{k.status, http.StatusText(k.status), k.code, detail, k.hint}
		}
	}
	h.Log.Error("a customer's request failed", "request", ownerOf(ctx).Request, "error", err.Error())
	return &Problem{
		Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError), Code: "internal",
		Detail: "the request failed, and the provider's log says why", Hint: "try again",
	}
}

// own turns what a room returned into an answer or a problem.
func own[T any](h mine, ctx context.Context, body T, err error) (*output[T], error) {
	if err != nil {
		return nil, h.fail(ctx, err)
	}
	return &output[T]{body}, nil
}

// bucket finds a bucket of the owner's. Another customer's is not there.
func (h mine) bucket(ctx context.Context, name string) (vault.Bucket, error) {
	b, err := h.Vault.Bucket(ctx, writ.BucketName(name))
	if err == nil && b.Owner != ownerOf(ctx).Customer {
		err = vault.ErrNoBucket
	}
	if errors.Is(err, vault.ErrBucketName) {
		err = fmt.Errorf("%w", vault.ErrNoBucket)
	}
	return b, err
}
