package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"writ/internal/api"
	"writ/internal/certs"
	"writ/internal/config"
	"writ/internal/console"
	"writ/internal/console/public"
	"writ/internal/gate"
	"writ/internal/s3"
	"writ/internal/upkeep"
	"writ/internal/wire"
)

// ErrPublic: a listener without TLS is to listen on an address that is not
// loopback.
var ErrPublic = errors.New("without TLS, a listener is on loopback only")

// Options is what a server is started with.
type Options struct {
	Config  *config.Config
	Unseal  gate.Unsealer
	Version string // of the program
	Log     *slog.Logger
}

// Server is a running server.
type Server struct {
	cfg     *config.Config
	version string
	log     *slog.Logger
	started time.Time
	rooms   *Rooms
	ledger  *Ledger
	office  *office
	keeper  *upkeep.Keeper
	stalled stalled
	program *program
	pages   *console.Console
	index   *public.Index // of the public log, for its pages
	bundles chan struct{} // holds a token for each bundle that is being made
	certs   certs.Source  // nil with plaintext
	front   *s3.Front
	web     *http.Server
	hand    *http.Server // where authorities fetch packages; nil if there is no such listener
	metrics *http.Server
	admin   *api.Listener
	tracing *tracing
	measure *measures

	sockets                      listeners
	s3Addr, webAddr, metricsAddr net.Addr
	delivery                     string // HOST:PORT of the delivery, "" for none

	ready   readiness
	failed  chan error     // of a listener or the records; the first is why the server ends
	serving sync.WaitGroup // the goroutines of listeners
	idle    func()         // stops upkeep
}

// Run starts a server, calls ready when it serves, and stops it when ctx ends
// or something that it cannot go on without fails.
func Run(ctx context.Context, o Options, ready func(api.Server)) error {
	s, err := Start(o)
	if err != nil {
		return err
	}
	ready(s.Status())
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	case err = <-s.rooms.failed:
		err = fmt.Errorf("the records cannot be written any more: %w", err)
	}
	return errors.Join(err, s.Stop())
}

// Start starts a server. On error nothing of it is left running.
func Start(o Options) (*Server, error) {
	s := &Server{cfg: o.Config, version: o.Version, log: o.Log, started: time.Now(), failed: make(chan error, 4), bundles: make(chan struct{}, bundlesAtOnce)}
	if err := s.start(o.Unseal); err != nil {
		s.Stop()
		return nil, err
	}
	s.ready.set("")
	return s, nil
}

func (s *Server) start(unseal gate.Unsealer) (err error) {
	s.ready.set("starting")
	if s.rooms, err = OpenRooms(s.cfg, unseal, true, s.log); err != nil {
		return err
	}
	if s.ledger, err = OpenLedger(context.Background(), s.rooms, s.cfg.Ledger, s.log); err != nil {
		return err
	}
	if err := s.openProgram(context.Background()); err != nil {
		return err
	}
	if s.tracing, err = openTracing(s.cfg.Trace, s.version); err != nil {
		return err
	}
	debug.FreeOSMemory() // argon2id has taken 64 MiB and more, once
	if err := s.openOffice(context.Background()); err != nil {
		return err
	}
	s.openKeeper()
	s.ready.ledger, s.ready.law = s.ledger.Trouble, s.lawTrouble
	if trouble := s.lawTrouble(); trouble != "" {
		s.log.Error("nothing opens under law until this is mended; owners are not concerned", "error", trouble)
	}
	s.measure = newMeasures(s.rooms, s.ledger, s.program)
	if err := s.listen(); err != nil {
		return err
	}
	if err := s.openSignin(context.Background()); err != nil { // under the port that is bound
		return err
	}
	if err := s.openCerts(); err != nil {
		return err
	}
	if err := s.serve(); err != nil {
		return err
	}
	if err := s.ledger.Start(s.enforced(), s.program.publish); err != nil {
		return err
	}
	s.office.start(func(room, what string, err error) {
		s.stalled.add(room)
		s.log.Error(what, "error", err.Error())
	})
	s.idle = s.keepUp()
	return nil
}

// listeners are the sockets, bound but not served yet.
type listeners struct{ s3, web, metrics, delivery net.Listener }

func (l listeners) close() {
	for _, one := range []net.Listener{l.s3, l.web, l.metrics, l.delivery} {
		if one != nil {
			one.Close()
		}
	}
}

func (s *Server) listen() (err error) {
	l := &s.sockets
	if l.s3, err = listen("s3", s.cfg.S3, s.cfg.Plaintext); err != nil {
		return err
	}
	if l.web, err = listen("web", s.cfg.Web, s.cfg.Plaintext); err != nil {
		return err
	}
	if l.metrics, err = listen("metrics", s.cfg.Metrics, true); err != nil {
		return err
	}
	s.s3Addr, s.webAddr, s.metricsAddr = l.s3.Addr(), l.web.Addr(), l.metrics.Addr()
	if s.cfg.Docket.Delivery == "" {
		return nil
	}
	if l.delivery, err = listen("delivery", s.cfg.Docket.Delivery, s.cfg.Plaintext); err != nil {
		return err
	}
	s.delivery = l.delivery.Addr().String()
	return nil
}

// listen binds a TCP address. A plain one must be loopback once it is bound,
// whatever the name that was given resolved to.
func listen(what, addr string, plain bool) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("couldn't listen for %s: %w", what, err)
	}
	if plain && !config.Loopback(l.Addr().String()) {
		l.Close()
		return nil, fmt.Errorf("%s on %s: %w", what, addr, ErrPublic)
	}
	return l, nil
}

// serve starts the fronts on their sockets.
func (s *Server) serve() (err error) {
	l := s.sockets
	s3Listener, webListener := l.s3, l.web
	if s.certs != nil {
		s3Listener = s.secure(wire.Listen(l.s3), "http/1.1")
		webListener = s.secure(l.web, "h2", "http/1.1")
	}
	s.front, err = s3.New(s3.Config{Vault: s.rooms.Vault, Region: s.cfg.Region, Log: s.log, Requests: s.answered, Journal: s.ownJournal, My: s.signedMine(s.mineHandler())})
	if err != nil {
		return fmt.Errorf("couldn't make the S3 front: %w", err)
	}
	handler, err := s.webPages()
	if err != nil {
		return err
	}
	s.web = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, ErrorLog: quiet(s.log)}
	s.metrics = &http.Server{Handler: s.metricsPages(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet(s.log)}
	s.follow()
	s.background("s3", func() error { return s.front.Serve(s3Listener) })
	s.background("web", func() error { return s.web.Serve(webListener) })
	s.background("metrics", func() error { return s.metrics.Serve(l.metrics) })
	if err := s.serveDelivery(); err != nil {
		return err
	}
	return s.serveAdministration()
}

// background serves until the server stops; ending earlier is a failure.
func (s *Server) background(what string, serve func() error) {
	s.serving.Go(func() {
		err := serve()
		if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, s3.ErrStopped) || errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case s.failed <- fmt.Errorf("couldn't serve %s any more: %w", what, err):
		default:
		}
	})
}

// quiet takes what net/http complains of, such as failed handshakes: a
// debugging aid, never a page of log for each stranger who knocks.
func quiet(log *slog.Logger) *log.Logger { return slog.NewLogLogger(log.Handler(), slog.LevelDebug) }

// Status tells where the server listens.
func (s *Server) Status() api.Server {
	started := s.started.UTC()
	out := api.Server{
		Version: s.version, Data: s.cfg.Data, Process: os.Getpid(), Started: &started,
		S3: s.s3Addr.String(), Web: s.webAddr.String(), Metrics: s.metricsAddr.String(),
		SHA256: s.program.SHA256, Standing: string(s.program.standing),
		Delivery: s.delivery, Region: s.cfg.Region, Plaintext: s.cfg.Plaintext, Endpoint: s.endpoint(),
	}
	if s.ownAuthority() {
		out.CAFile = s.rooms.Folder.CA()
	}
	return out
}

// endpoint is the S3 address as clients reach it.
func (s *Server) endpoint() string {
	if s.cfg.Endpoint != "" {
		return s.cfg.Endpoint
	}
	scheme := "https"
	if s.cfg.Plaintext {
		scheme = "http"
	}
	host, port, _ := net.SplitHostPort(s.s3Addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() { // an address to dial, not to listen on
		host = "127.0.0.1"
		if len(s.cfg.TLS.Names) > 0 {
			host = s.cfg.TLS.Names[0]
		}
	}
	if len(s.cfg.TLS.Domains) > 0 {
		return scheme + "://" + s.cfg.TLS.Domains[0]
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Stop stops what runs, in the reverse order of the start. Running requests
// get the drain time.
func (s *Server) Stop() error {
	s.ready.set("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Drain)
	defer cancel()
	var late []string
	var drain sync.WaitGroup
	var mu sync.Mutex
	shut := func(what string, fn func(context.Context) error) {
		drain.Go(func() {
			if err := fn(ctx); err != nil {
				mu.Lock()
				late = append(late, what)
				mu.Unlock()
			}
		})
	}
	if s.front != nil {
		shut("s3", s.front.Shutdown)
	}
	if s.web != nil {
		shut("web", closing(s.web))
	}
	if s.hand != nil {
		shut("delivery", closing(s.hand))
	}
	if s.admin != nil {
		shut("administration", s.admin.Shutdown)
	}
	drain.Wait()
	if s.keeper != nil {
		s.keeper.Close()
	}
	if s.idle != nil {
		s.idle()
	}
	if s.metrics != nil {
		closing(s.metrics)(ctx)
	}
	s.sockets.close() // those that nothing came to serve
	s.serving.Wait()
	if len(late) > 0 {
		s.log.Warn("requests were cut off when the drain time was over", "listeners", late)
	}
	var errs []error
	if s.office != nil {
		s.office.close()
	}
	if s.ledger != nil {
		errs = append(errs, s.ledger.Close())
	}
	if s.certs != nil {
		errs = append(errs, s.certs.Close())
	}
	if s.tracing != nil {
		errs = append(errs, s.tracing.close())
	}
	if s.rooms != nil {
		errs = append(errs, s.rooms.Close())
	}
	return errors.Join(errs...)
}

// closing shuts an HTTP server down, and cuts its connections when the time
// is over.
func closing(h *http.Server) func(context.Context) error {
	return func(ctx context.Context) error {
		err := h.Shutdown(ctx)
		if err != nil {
			h.Close()
		}
		return err
	}
}
