package s3

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
)

// Config is what a front is made of.
type Config struct {
	Vault  Vault
	Region string       // that clients sign for; "" means us-east-1
	Log    *slog.Logger // nil discards

	// Requests, if not nil, is told of every answer: for a download, how long
	// it took until its first byte.
	Requests func(method string, status int, took time.Duration)

	// Journal, if not nil, answers [JournalPath].
	Journal Journal

	// My, if not nil, answers what is below [MyPath].
	My My

	// MaxConnections and MaxRequests bound how many of each there may be at a
	// time; 0 means 16,384 and 4,096. One request more is answered SlowDown.
	MaxConnections, MaxRequests int
}

// A Front serves S3 over one vault.
type Front struct {
	server  *fasthttp.Server
	cancel  context.CancelFunc // of what the vault is asked
	mu      sync.Mutex
	open    map[net.Conn]struct{} // guarded by mu
	stopped bool                  // guarded by mu
}

// ErrStopped is what Serve returns after Shutdown.
var ErrStopped = errors.New("s3 front was shut down")

// adapter is the vault in the form that versitygw asks for.
type adapter struct {
	backend.BackendUnsupported // what a store of objects does not do: select, restore, ACLs of objects

	vault    Vault
	accounts accounts
	region   string
	log      *slog.Logger
	// ctx is that of all calls of the vault. A request's own ends when a
	// shutdown begins, which is too early: what runs is to be finished.
	ctx context.Context
}

var _ backend.Backend = (*adapter)(nil)

// String implements [backend.Backend].
func (*adapter) String() string { return "writ" }

// New returns a front that does not serve yet.
func New(cfg Config) (*Front, error) {
	if cfg.Vault == nil {
		return nil, errors.New("an S3 front needs a vault")
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = 16384
	}
	if cfg.MaxRequests <= 0 {
		cfg.MaxRequests = 4096
	}
	f := &Front{open: make(map[net.Conn]struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	b := &adapter{vault: cfg.Vault, accounts: accounts{cfg.Vault}, region: cfg.Region, log: cfg.Log, ctx: ctx}
	root := nobody()
	boot := &boot{settle: f.settle}
	options := []s3api.Option{
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithOnListen(boot.listening),
		s3api.WithConcurrencyLimiter(cfg.MaxConnections, cfg.MaxRequests),
		s3api.WithMiddleware("/", boot.capture),
		s3api.WithMiddleware("/", b.screen(cfg.Requests)),
	}
	options = append(options, b.routes(root)...)
	if cfg.Journal != nil {
		options = append(options, b.journalRoute(root, cfg.Journal))
	}
	if cfg.My != nil {
		options = append(options, b.myRoutes(root, cfg.My)...)
	}
	api, err := s3api.New(b, root, cfg.Region, b.accounts, nil, nil, nil, nil, options...)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("couldn't make the S3 front: %w", err)
	}
	app, err := boot.run(api)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("couldn't start the S3 front: %w", err)
	}
	f.server = app.Server()
	return f, nil
}

// settle sets up the HTTP server that versitygw made.
func (f *Front) settle(server *fasthttp.Server) {
	server.Name, server.NoDefaultServerHeader = "", true
	server.ReadTimeout, server.WriteTimeout, server.IdleTimeout = stall, stall, stall
	// Or a form would be read before its signature is, and in part into files
	// under /tmp, in plain.
	server.DisablePreParseMultipartForm = true
	server.WriteBufferSize = 16 << 10 // headers and a small object go out in one TLS record
	server.ConnState = f.track
	answer := server.ErrorHandler
	server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
		if brokenOff(err) {
			// Nobody is there to read an answer, and versitygw would print
			// the error where no log is.
			ctx.Response.Reset()
			ctx.SetStatusCode(http.StatusBadRequest)
			ctx.SetConnectionClose()
			return
		}
		answer(ctx, err)
	}
}

// nobody is the root user that versitygw insists on: nobody learns its
// secret, nor the name that it would need to be asked for.
func nobody() middlewares.RootUserConfig {
	var b [64]byte
	rand.Read(b[:]) // never fails
	return middlewares.RootUserConfig{Access: hex.EncodeToString(b[:32]), Secret: hex.EncodeToString(b[32:])}
}

// Serve serves connections of a listener until Shutdown, and then returns
// [ErrStopped]. TLS is the listener's. It may be called for several listeners
// at once; each is closed by Shutdown.
func (f *Front) Serve(l net.Listener) error {
	f.mu.Lock()
	stopped := f.stopped
	f.mu.Unlock()
	if stopped {
		l.Close()
		return ErrStopped
	}
	err := f.server.Serve(l)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return ErrStopped
	}
	if err == nil {
		err = net.ErrClosed // the listener was closed by somebody else
	}
	return fmt.Errorf("couldn't accept connections: %w", err)
}

// track knows the connections, so that Shutdown can cut them.
func (f *Front) track(c net.Conn, state fasthttp.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch state {
	case fasthttp.StateNew:
		f.open[c] = struct{}{}
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		delete(f.open, c)
	}
}

// Shutdown stops listening, lets running requests finish as long as ctx
// allows, and then cuts those that are left: uploads leave nothing behind,
// since what is not answered is not stored or stored whole. Its error says
// that some were cut.
func (f *Front) Shutdown(ctx context.Context) error {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	err := f.server.ShutdownWithContext(ctx)
	f.cancel()
	if err == nil {
		return nil
	}
	f.mu.Lock()
	for c := range f.open {
		c.Close()
	}
	f.mu.Unlock()
	return fmt.Errorf("couldn't wait for all requests: %w", err)
}
