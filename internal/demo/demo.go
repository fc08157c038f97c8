// Package demo tells what Writ does by doing it: a real server in a scratch
// folder, a third-party S3 client over TLS, and a look at the bytes on disk,
// at the journal and the public log that commits to it, at what happens when
// somebody tampers or rolls the log back, and at what is left of a customer whose
// keys were destroyed. Then authorities come: a court's order for content that is
// answered under secrecy and proven to the customer when that lifts, a subpoena
// that is referred to the customer, and an order for data of another system.
//
// Nothing in it is staged: each line that claims something was checked just
// before, and the demo fails if the check does.
package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"writ/internal/api"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/server"
)

// Options is how the demo is told.
type Options struct {
	Out     io.Writer
	Version string // of the program
	Program string // what the reader runs it as
	// Stay keeps the server up after the story, until the context ends, and
	// tells the reader's own client how to reach it.
	Stay bool
}

// Run tells the story. It removes everything that it made before it returns,
// also when it fails or ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	scratch, err := os.MkdirTemp("", "writ-demo-")
	if err != nil {
		return fmt.Errorf("couldn't make a scratch folder: %w", err)
	}
	s := &story{Options: o, scratch: scratch, data: folder.Folder(filepath.Join(scratch, "data"))}
	s.at.S3, s.at.Web, s.at.Metrics = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	defer func() {
		if e := s.end(); err == nil {
			err = e
		}
	}()
	for _, chapter := range []func(context.Context) error{
		s.start, s.firstCustomer, s.files, s.disk, s.journal, s.ledger, s.refuse, s.rollBack,
		s.stranger, s.tamper, s.shred,
		s.office, s.order, s.judge, s.sign, s.produce, s.reveal, s.refer, s.elsewhere, s.account,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if !o.Stay {
		s.say("", "That was all of it. The server stops now and the scratch folder goes.",
			"writ demo --stay keeps it up for a client of your own.")
		return nil
	}
	if err := s.invite(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	s.say("", "Stopping; the scratch folder goes.")
	return nil
}

// story is the demo as it is told.
type story struct {
	Options
	scratch string
	data    folder.Folder
	server  *server.Server
	at      api.Server // where it listens
	admin   *api.Client
	witness *witnessed // nil until there is one
	log     logbook
	chapter int

	clinic, press party
	kept          []kept // what the clinic put
	bench
}

// say prints lines; with a title it begins a chapter.
func (s *story) say(title string, lines ...string) {
	if title != "" {
		s.chapter++
		fmt.Fprintf(s.Out, "\n%d. %s\n", s.chapter, title)
	}
	for _, line := range lines {
		fmt.Fprintf(s.Out, "   %s\n", line)
	}
}

// config is what the server runs by.
func (s *story) config() (*config.Config, error) {
	environ := append([]string{
		"WRIT_DATA=" + string(s.data), "WRIT_KEY_FILE=" + s.keyFile(), "WRIT_DRAIN=2s",
		"WRIT_LEDGER_ORIGIN=" + logName, "WRIT_LEDGER_INTERVAL=" + interval.String(), "WRIT_RELEASE_UNLOGGED=true", // whatever build this is
		"WRIT_S3=" + s.at.S3, "WRIT_WEB=" + s.at.Web, "WRIT_METRICS=" + s.at.Metrics,
	}, provider...)
	if s.witness != nil {
		environ = append(environ, "WRIT_LEDGER_WITNESSES="+s.witness.policy)
	}
	return config.Load(config.Sources{Environ: environ})
}

func (s *story) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelError}))
}

// open starts the server as writ serve would: the first time on free ports, then
// on the same ones.
func (s *story) open(ctx context.Context) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	s.server, err = server.Start(server.Options{Config: cfg, Unseal: gate.KeyFile(cfg.KeyFile), Version: s.Version, Log: s.logger()})
	if err != nil {
		return err
	}
	s.at = s.server.Status()
	s.admin, err = api.Dial(ctx, s.data)
	return err
}

// close stops the server.
func (s *story) close() error {
	if s.admin != nil {
		s.admin.Close()
		s.admin = nil
	}
	if s.server == nil {
		return nil
	}
	err := s.server.Stop()
	s.server = nil
	return err
}

func (s *story) keyFile() string { return filepath.Join(s.scratch, "root.key") }

func (s *story) start(ctx context.Context) error {
	if err := server.Harden(); err != nil {
		return err
	}
	begun := time.Now()
	if err := s.open(ctx); err != nil {
		return err
	}
	line, err := s.handshake(s.at.S3)
	if err != nil {
		return err
	}
	s.say("A server starts",
		fmt.Sprintf("ready after %d ms: S3 on %s", time.Since(begun).Milliseconds(), s.at.Endpoint),
		"data folder     "+s.at.Data,
		"its own CA      "+s.at.CAFile+" (clients trust this file; its key lies sealed)",
		"root key        "+s.keyFile()+" (mode 0600, for a start without a person; a passphrase is the other way)",
		"a handshake     "+line,
	)
	return nil
}

// end stops what runs and removes the scratch folder.
func (s *story) end() error {
	err := s.close()
	if s.witness != nil {
		s.witness.stop()
	}
	if e := os.RemoveAll(s.scratch); err == nil && e != nil {
		err = fmt.Errorf("couldn't remove the scratch folder: %w", e)
	}
	return err
}

// logbook keeps what the server logged, to be shown where it is of interest.
type logbook struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns the lines since the last time.
func (l *logbook) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimRight(l.text.String(), "\n")
	l.text.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
