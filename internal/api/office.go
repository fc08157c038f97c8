package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"writ"
	"writ/internal/docket"
	"writ/internal/gate"
	"writ/internal/law"
	"writ/internal/notice"
	"writ/internal/signin"
	"writ/internal/staff"
	"writ/internal/upkeep"
	"writ/internal/vault"
)

// Office is what the interface of cases, staff, authorities, custodians,
// notices and reports serves. It is for persons with API tokens, over TLS or
// over the administration's socket.
type Office struct {
	Docket  *docket.Docket
	Staff   *staff.Staff
	Notices *notice.Queue
	Law     *law.Law
	Gate    *gate.Gate
	Vault   *vault.Vault
	Signin  *signin.Signin // nil: nobody signs in at a browser here
	Keeper  *upkeep.Keeper
	// Machine is what the running server says of itself, and Settings how it is
	// set; nil where none is running.
	Machine  func(context.Context) Machine
	Settings func() []SettingState
	Version  string
	Now      func() time.Time
	Log      *slog.Logger // nil is silence
}

// OfficePath is below what the office's operations lie.
const OfficePath = "/api/"

// OfficeHandler serves the office. Its description (OpenAPI 3.1) is at
// /api/openapi.json.
func OfficeHandler(o Office) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("Writ office", o.Version)
	cfg.OpenAPIPath = OfficePath + "openapi"
	cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", nil
	cfg.Info.Description = "Cases, staff, authorities, custodians, notices and reports of a Writ server. Every operation takes an API token: Authorization: Bearer writ_…"
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.Info.Description += " Errors are problems as RFC 9457 has them. docs/office.md is the manual."
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	cfg.Security = []map[string][]string{{"token": {}}}
	a := humago.New(mux, cfg)
	h := office{o}
	a.UseMiddleware(h.permitted)
	h.cases(a)
	h.board(a)
	h.moves(a)
	h.writs(a)
	h.desks(a)
	h.documents(a)
	h.packages(a)
	h.persons(a)
	h.authorities(a)
	h.notices(a)
	h.reports(a)
	h.signin(a)
	h.status(a)
	h.estate(a)
	h.keeping(a)
	describePowers(a.OpenAPI())
	return patient(h.authenticated(mux))
}

// schemaName names a type in the description by its room too, unless it is this
// one's: a case's issuer and an authorisation's are two types of one name.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	room := path.Base(t.PkgPath())
	if t.Name() == "" || room == "." || room == "api" || room == "writ" {
		return name
	}
	return strings.ToUpper(room[:1]) + room[1:] + name
}

// office has a method for each group of operations.
type office struct{ Office }

type identityKey struct{}

// zoneHeader tells whoever asks in which time zone (IANA) the operator's
// deadlines are read. Times in bodies are UTC.
const zoneHeader = "Writ-Time-Zone"

// described is where the description is, for anybody.
var described = []string{OfficePath + "openapi.json", OfficePath + "openapi.yaml"}

var errNoToken = errors.New("no token")

// authenticated lets in who shows a valid token. Over the socket, without one,
// it is the operator's account, which administers staff and sees no case. The
// description is for anybody.
func (h office) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(described, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		who, err := h.identify(r)
		switch {
		case errors.Is(err, staff.ErrSession):
			refuse(w, problem(err))
			return
		case errors.Is(err, staff.ErrToken), errors.Is(err, errNoToken), errors.Is(err, staff.ErrBootstrap):
			refuse(w, &Problem{
				Status: http.StatusUnauthorized, Title: "Unauthorized", Code: "token", Detail: "this takes a valid API token",
				Hint: "writ token issue makes one; WRIT_TOKEN or --token-file gives it to the command line",
			})
			return
		case err != nil: // the records, not the token
			h.Log.Error("a token could not be looked at", "error", err.Error())
			refuse(w, &Problem{Status: http.StatusInternalServerError, Title: "Internal Server Error", Detail: "the token could not be looked at; try again"})
			return
		}
		if zone := h.Docket.Provider.TimeZone; zone != "" {
			w.Header().Set(zoneHeader, zone)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, who)))
	})
}

func (h office) identify(r *http.Request) (staff.Identity, error) {
	// Only code of this process can say who asks without a token, and it is
	// believed no more than the records: a session or token that ended since, or
	// that is another's, is nobody's.
	if who, inside := r.Context().Value(insideKey{}).(staff.Identity); inside {
		return h.Staff.Renew(r.Context(), who)
	}
	header := r.Header.Get("Authorization")
	token, bearer := strings.CutPrefix(header, "Bearer ")
	account, onSocket := r.Context().Value(peerKey{}).(string)
	switch {
	case bearer:
		who, err := h.Staff.Authenticate(r.Context(), strings.TrimSpace(token), remote(r), h.Now())
		if err == nil && onSocket {
			who.Account = account
		}
		return who, err
	case header == "" && onSocket:
		return h.Staff.Socket(r.Context(), account)
	}
	return staff.Identity{}, errNoToken
}

// remote is the client's address; invalid over the socket.
func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap()
}

// refuse answers with a problem outside of an operation.
func refuse(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="writ"`)
	}
	w.WriteHeader(p.Status)
	writeProblem(w, p)
}

// identity is who asks.
func identity(ctx context.Context) staff.Identity {
	who, _ := ctx.Value(identityKey{}).(staff.Identity)
	return who
}

// actor is who asks, as the docket sees it.
func actor(ctx context.Context) docket.Actor {
	who := identity(ctx)
	a := docket.Actor{Person: who.Person, Via: "api", Token: who.Token, Session: who.Session, Addr: who.Addr}
	for _, r := range who.Roles {
		a.Roles = append(a.Roles, r.Role)
		if r.For != "" {
			if a.For == nil {
				a.For = map[writ.Role]writ.Person{}
			}
			a.For[r.Role] = r.For
		}
	}
	switch {
	case who.Session != "":
		a.Via = "console"
	case who.Token == "":
		a.Via = "socket " + who.Account
	}
	return a
}

// CasePath names a case.
type CasePath struct {
	Case string `path:"case" doc:"as in 2026-7KQM-4ZT0"`
}

func (p CasePath) id() (writ.CaseID, error) {
	id, err := writ.ParseCaseID(strings.ToUpper(p.Case))
	if err != nil {
		return "", &Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "no-case", Detail: err.Error(), Hint: "writ case list shows the cases"}
	}
	return id, nil
}
