package api

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"writ"
	"writ/internal/docket"
	"writ/internal/law"
	"writ/internal/staff"
)

// Officers is what the interface for officers of enrolled authorities serves: each
// files demands for its own authority, and sees where those stand. Nothing of it
// tells what else a case holds: findings, persons, notes, or whose data they are.
type Officers struct {
	Docket  *docket.Docket
	Law     *law.Law
	Version string
	Now     func() time.Time
	Log     *slog.Logger // nil is silence
}

// OfficerPath is below what the officers' operations lie.
const OfficerPath = "/officer/v1/"

// AnOfficer is who asks: a person of one authority at a browser, or a machine that
// has the authority's client certificate. It says who was let in, and proves
// nothing: whoever makes one has looked at the session or the certificate.
type AnOfficer struct {
	Authority   writ.AuthorityID
	Session     string // public id; "" for a certificate
	Certificate string // SHA-256 in hex; "" for a session
	Addr        netip.Addr
}

// docket is the officer as the docket sees it; one that is nobody's is refused
// there.
func (o AnOfficer) docket() docket.Officer {
	out := docket.Officer{Authority: o.Authority, Addr: o.Addr}
	switch {
	case o.Session != "" && o.Certificate == "":
		out.By = "session " + o.Session
	case o.Session == "" && o.Certificate != "":
		out.By = "certificate " + o.Certificate
	}
	return out
}

type officerKey struct{}

// AsOfficer says in a context who asks. It is for code of this process only: no
// header, path or body of a request says it.
func AsOfficer(ctx context.Context, o AnOfficer) context.Context {
	return context.WithValue(ctx, officerKey{}, o)
}

func officer(ctx context.Context) docket.Officer {
	o, _ := ctx.Value(officerKey{}).(AnOfficer)
	return o.docket()
}

// officerPowers says which operation an officer may ask for. An operation that is
// not here is refused to everybody. All of them refuse a suspended authority, but
// the one that says that it is.
var officerPowers = map[string]string{
	"officer-me": "any enrolled authority", "officer-instruments": "an authority that is not suspended",
	"file-demand": "an authority that is not suspended", "filed-demands": "an authority that is not suspended",
	"filed-demand": "the authority that filed it", "attach-filed": "the authority that filed it", "filed-document": "the authority that filed it",
}

// officers has a method for each group of operations.
type officers struct {
	Officers
	holding chan struct{} // a token for each request whose files are held in memory
}

// holdingAtOnce bounds them: one holds up to [docket.MaxDocument].
const holdingAtOnce = 4

var officerDescribed = []string{OfficerPath + "openapi.json", OfficerPath + "openapi.yaml"}

// OfficerHandler serves officers, each of whom is named by [AsOfficer] in the
// request's context. The description (OpenAPI 3.1) is at /officer/v1/openapi.json.
func OfficerHandler(o Officers) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("Writ for authorities", o.Version)
	cfg.OpenAPIPath = OfficerPath + "openapi"
	cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", nil
	cfg.Info.Description = "Demands of an enrolled authority: filing them, and where they stand. On the listener for deliveries, by the authority's client certificate. docs/portal.md is the manual."
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	a := humago.New(mux, cfg)
	h := officers{o, make(chan struct{}, holdingAtOnce)}
	a.UseMiddleware(h.permitted)
	h.about(a)
	h.filing(a)
	h.filed(a)
	for _, path := range a.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post} {
			if op != nil {
				op.Description = "Takes: " + officerPowers[op.OperationID] + "."
			}
		}
	}
	return patient(h.known(mux))
}

// known refuses who is no officer. The description is for anybody.
func (h officers) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who := officer(r.Context()); (who.Authority == "" || who.By == "") && !slices.Contains(officerDescribed, r.URL.Path) {
			refuse(w, noOfficer())
			return
		}
		if zone := h.Docket.Provider.TimeZone; zone != "" {
			w.Header().Set(zoneHeader, zone)
		}
		next.ServeHTTP(w, r)
	})
}

func noOfficer() *Problem {
	return &Problem{
		Status: http.StatusUnauthorized, Title: "Unauthorized", Code: "officer", Detail: "this takes the client certificate of an enrolled authority",
		Hint: "ask the provider which certificates it has of your authority",
	}
}

func (h officers) permitted(hc huma.Context, next func(huma.Context)) {
	_, w := humago.Unwrap(hc)
	name := hc.Operation().OperationID
	if _, known := officerPowers[name]; !known {
		refuse(w, &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: "power", Detail: "nobody may do this"})
		return
	}
	if p := fits(hc); p != nil {
		p.Hint = "send the files one by one"
		refuse(w, p)
		return
	}
	// Who is not let in learns so before anything of the request is read.
	if name != "officer-me" {
		if _, err := h.Docket.Enrolled(hc.Context(), officer(hc.Context())); err != nil {
			refuse(w, problem(h.Docket.RefusedOfficer(hc.Context(), officer(hc.Context()), name, err)))
			return
		}
	}
	next(hc)
}

// OfficersByCertificate lets in who shows the client certificate of an enrolled
// authority: that the client has its key is proven by the handshake, and whose it
// is two persons of the provider's have said.
func OfficersByCertificate(s *staff.Staff, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			refuse(w, noOfficer())
			return
		}
		name := hex.EncodeToString(certificateDigest(r.TLS.PeerCertificates[0]))
		a, err := s.ByCertificate(r.Context(), name)
		switch {
		case errors.Is(err, staff.ErrNotFound):
			refuse(w, noOfficer())
		case err != nil:
			refuse(w, &Problem{Status: http.StatusInternalServerError, Title: "Internal Server Error", Detail: "the certificate could not be looked at; try again"})
		default:
			next.ServeHTTP(w, r.WithContext(AsOfficer(r.Context(), AnOfficer{Authority: a.ID, Certificate: name, Addr: remote(r)})))
		}
	})
}
