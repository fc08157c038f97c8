// Package public has everybody's pages: what Writ is on this server, what stands
// in its public log, which policy is in force, what runs, the transparency reports
// that were published, and who could open what.
//
// What they show is what a stranger can fetch and check without them: the
// published log ([Log], and nothing that it doesn't publish), the release, and
// reports byte for byte as they were published, whose digests are in the log. So
// hidden statements leave no trace here that the log doesn't have: no count, no
// time, no length of a queue. Each page says how to check it from elsewhere.
//
// Nobody signs in for them, nothing is remembered of who reads them, and no cookie
// is set. The page of the log goes on by itself as long as somebody looks at it
// ([Index.Follow], /ledger/live).
package public

import (
	"context"
	"embed"
	"net/http"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/policy"
	"writ/internal/proof"
	"writ/internal/release"
)

//go:embed all:templates messages
var files embed.FS

// Log is the public log as anybody may read it; see ledger.Log for each method.
type Log interface {
	Checkpoint(ctx context.Context) ([]byte, error)
	Leaf(ctx context.Context, index uint64) ([]byte, error)
	Entries(ctx context.Context, index uint64, width int) ([]byte, error)
	Prove(ctx context.Context, index, size uint64) ([][]byte, error)
}

// Server is what a server says of itself to anybody.
type Server interface {
	// Ledger tells how the public log stands.
	Ledger() api.Ledger
	// Enforced is what the server enforces now, as its policy statement says it.
	Enforced() proof.Policy
	// Custodians is the set in force; false if there is none.
	Custodians() (policy.Set, bool)
	// Program is what runs.
	Program() Program
	// Operator is who runs it.
	Operator() Operator
	// Paper is a report as it was published, by its digest. Errors:
	// [docket.ErrNoReport].
	Paper(ctx context.Context, digest [32]byte) (docket.Paper, error)
}

// Program is what runs on a server, and what it can show of it.
type Program struct {
	Version, SHA256, Target string
	Standing                release.Standing
	Release                 *proof.Release     // whose files the server has; nil for none
	Files                   []release.Artifact // those that it gives out, below release.ServePrefix
	Receipt                 bool               // whether the release's receipt is there
	Source                  bool               // whether the source can be read, at source.Prefix
	DataMap                 []byte             // datamap.json of the release; nil for none. It does not change
}

// Operator is who runs a server, as its settings say it. Any part may be empty.
type Operator struct {
	Name, Country, Contact string
	Address                []string // a line each
}

// Rooms is what the pages are made from.
type Rooms struct {
	Server Server
	Log    Log
	Index  *Index // of that log; somebody has to run [Index.Follow]
}

// pages are the pages' functions.
type pages struct {
	Rooms
	streams chan struct{} // holds a token for each reader of /ledger/live
	datamap *keptMap
}

// Room makes the pages.
func Room(r Rooms) page.Room {
	p := &pages{Rooms: r, streams: make(chan struct{}, maxStreams), datamap: new(keptMap)}
	get := func(path, name string, do func(*page.Visit) error) page.Route {
		return page.Get(path, name, page.Public, do)
	}
	return page.Room{
		Name: "public", Files: files,
		Routes: []page.Route{
			get("/", "public-front", p.front),
			get("/ledger", "public-ledger", p.ledger),
			get("/ledger/live", "public-live", p.live).Streamed(),
			get("/ledger/{index}", "public-statement", p.statement),
			get("/ledger/{index}/receipt.json", "public-receipt", p.receipt),
			get("/policy", "public-policy", p.policy),
			get("/releases", "public-releases", p.releases),
			get("/data-map", "public-data-map", p.dataMap),
			get("/reports", "public-reports", p.reports),
			get("/reports/{digest}", "public-report", p.report),
			get("/reports/{digest}/{file}", "public-paper", p.paper),
			get("/custody", "public-custody", p.custody),
			get("/robots.txt", "public-robots", robots),
		},
	}
}

// robots lets everybody's programs read everybody's pages.
func robots(v *page.Visit) error {
	v.W.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := v.W.Write([]byte("User-agent: *\nAllow: /\n"))
	return err
}

// missing is the answer where nothing is.
func missing(detail, hint string) error {
	return &api.Problem{Status: http.StatusNotFound, Title: http.StatusText(http.StatusNotFound), Code: "not-found", Detail: detail, Hint: hint}
}
