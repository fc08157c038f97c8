// Package api is the administration of a running server: JSON over HTTP on a
// unix socket in the data folder, DIR/admin.sock, mode 0600. Who may open the
// socket is the operator; there is no other name or password.
//
// The description of the interface (OpenAPI 3.1) is served with it:
//
//	curl --unix-socket DIR/admin.sock http://writ/openapi.json
//
// Work that takes long (rotate, fsck, reclaim, backup) and listings without
// end (the journal) answer with a line of JSON for each event; see [Event].
//
// [Client] is the other side. The same interface can be served in process
// ([InProcess]), which is how the command line works on a data folder that no
// server has open.
//
// Beside it stand two more: the office ([OfficeHandler]), for persons with tokens,
// and customers' own accounts ([MineHandler]), for customers by their credentials
// or sessions.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/signin"
	"writ/internal/vault"
)

// Rooms is what the interface administers.
type Rooms struct {
	Vault   *vault.Vault
	Gate    *gate.Gate
	Folder  folder.Folder
	Version string // of the program
	// Server tells about the running server; nil when none is running.
	Server func() Server
	Ledger LedgerRoom     // nil when no server is running
	Signin *signin.Signin // nil when no server is running
	Now    func() time.Time
	Log    *slog.Logger
}

// Handler serves the interface over the rooms.
func Handler(rooms Rooms) http.Handler {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("Writ administration", rooms.Version)
	cfg.DocsPath = ""     // a page that would load its scripts from elsewhere
	cfg.SchemasPath = ""  // all schemas are in the description
	cfg.CreateHooks = nil // no $schema members in the answers: scripts read them
	cfg.Info.Description = "Administration of a running Writ server, for whoever may open its socket."
	a := humago.New(mux, cfg)
	h := handlers{rooms}
	h.server(a)
	h.customers(a)
	h.users(a)
	h.credentials(a)
	h.buckets(a)
	h.journal(a)
	h.ledger(a)
	h.upkeep(a)
	h.fsck(a)
	return mux
}

// handlers has a method for each group of operations.
type handlers struct{ Rooms }

// output is an answer with a body.
type output[T any] struct{ Body T }

// answer turns what a room returned into an answer or a [Problem].
func answer[T any](body T, err error) (*output[T], error) {
	if err != nil {
		return nil, problem(err)
	}
	return &output[T]{body}, nil
}

type none struct{}

func (h handlers) server(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "server", Method: http.MethodGet, Path: "/v1/server", Summary: "Where the server listens, and since when"},
		func(context.Context, *none) (*output[Server], error) {
			if h.Server == nil {
				return answer(Server{Version: h.Version, Data: string(h.Folder), CAFile: h.Folder.CA()}, nil)
			}
			return answer(h.Server(), nil)
		})
}

// Server is where a server listens.
type Server struct {
	Version   string     `json:"version"`
	SHA256    string     `json:"sha256,omitempty" doc:"of the program that runs"`
	Standing  string     `json:"standing,omitempty" doc:"logged, development or unlogged: what the public log says of the program"`
	Data      string     `json:"data" doc:"the data folder"`
	Process   int        `json:"process,omitempty"`
	Started   *time.Time `json:"started,omitempty" doc:"absent when no server is running"`
	Endpoint  string     `json:"endpoint,omitempty" doc:"URL of S3 as clients reach it"`
	S3        string     `json:"s3,omitempty" doc:"HOST:PORT"`
	Web       string     `json:"web,omitempty" doc:"HOST:PORT"`
	Metrics   string     `json:"metrics,omitempty" doc:"HOST:PORT"`
	Delivery  string     `json:"delivery,omitempty" doc:"HOST:PORT where authorities fetch packages by client certificate"`
	CAFile    string     `json:"ca_file,omitempty" doc:"certificate that clients trust; empty when the server's certificate is not of its own authority"`
	Region    string     `json:"region,omitempty"`
	Plaintext bool       `json:"plaintext,omitempty"`
}
