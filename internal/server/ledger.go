package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"writ"
	"writ/internal/config"
	"writ/internal/ledger"
	"writ/internal/policy"
	"writ/internal/proof"
)

// Ledger is the public log of a data folder: the log itself, the witnesses
// before it, and the book that the rest of the server writes statements into.
//
// In the folder ledger/ lie
//
//	key.sealed   what the log signs with, sealed
//	log/         tiles and entries, as Tessera keeps them
//	checkpoint   the newest published checkpoint, with its cosignatures
//	evidence/    what a witness showed that contradicts the log
type Ledger struct {
	Book  *ledger.Book
	Log   *ledger.Witnessed
	Key   string // verifier key of the log
	rooms *Rooms
	cfg   config.Ledger
	text  string // of the witness policy, without the log's own line
	log   *slog.Logger
	keys  *keyEvents
	stop  func()
}

// OpenLedger opens the log of a folder whose rooms are open, or begins one. It
// holds log, records and witnesses against each other first: a log that was
// lost, put back or edited is refused, with what to do.
func OpenLedger(ctx context.Context, r *Rooms, cfg config.Ledger, log *slog.Logger) (*Ledger, error) {
	restored, err := r.Folder.IsRestored()
	if err != nil {
		return nil, err
	}
	if restored {
		return nil, ErrRestored
	}
	return openLedger(ctx, r, cfg, false, log)
}

// ErrRestored: the data folder came from a backup, and nobody has said yet what
// became of its public log.
var ErrRestored = errors.New("this data folder came from a backup, and its public log may have gone on since: to go on from here would show a second history")

// openLedger opens the log; adopt lets the records be older than it.
func openLedger(ctx context.Context, r *Rooms, cfg config.Ledger, adopt bool, log *slog.Logger) (l *Ledger, err error) {
	l = &Ledger{rooms: r, cfg: cfg, log: log}
	if l.text, err = readPolicy(cfg.Witnesses); err != nil {
		return nil, err
	}
	if err := checkOutside(l.text, cfg.Outside); err != nil {
		return nil, err
	}
	dir := r.Folder.Ledger()
	key := r.Gate.StoreKey("ledger")
	defer key.Erase()
	has, err := exists(ledger.LogDir(dir))
	if err != nil {
		return nil, err
	}
	kept, err := ledger.Kept(ctx, r.Records)
	if err != nil {
		return nil, err
	}
	signing, err := openLogKey(r.logKeyFile(), cfg.Origin, key, has || kept != "")
	if err != nil {
		return nil, err
	}
	l.Key = signing.vkey
	inner, err := ledger.OpenPosix(ledger.LogDir(dir), signing.signer, slog.New(whisper{log.Handler()}))
	if err != nil {
		return nil, fmt.Errorf("couldn't open the public log: %w", err)
	}
	l.Log, err = ledger.OpenWitnessed(ctx, inner, ledger.WitnessedConfig{Dir: dir, LogKey: l.Key, Policy: l.text, Logger: log})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't open the public log: %w", err), inner.Close(ctx))
	}
	l.Book, err = ledger.OpenBook(ctx, ledger.Config{
		Log: l.Log, LogKey: l.Key, Records: r.Records, Interval: cfg.Interval, Slots: cfg.Slots, Heads: l.heads, Now: r.now, Logger: log, Adopt: adopt,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't open the public log: %w", err), l.Log.Close(ctx))
	}
	l.keys = newKeyEvents(r.Gate, l.Book, log)
	note := l.keys.note
	r.keysChanged.Store(&note)
	r.book.Store(l.Book)
	return l, nil
}

// exists says whether something of that name is there.
func exists(name string) (bool, error) {
	_, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("couldn't look for %s: %w", name, err)
	}
	return true, nil
}

// maxPolicy bounds the witness policy's file.
const maxPolicy = 64 << 10

// readPolicy reads the witness policy that the settings name. Its log lines are
// left out: the log's own key is added where the policy is shown.
func readPolicy(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("couldn't read the witness policy: %w", err)
	}
	if len(b) > maxPolicy {
		return "", fmt.Errorf("the witness policy %s has more than %d bytes", file, maxPolicy)
	}
	var text strings.Builder
	for line := range strings.Lines(string(b)) {
		bare, _, _ := strings.Cut(line, "#")
		if f := strings.Fields(bare); len(f) > 0 && f[0] != "log" {
			text.WriteString(strings.Join(f, " ") + "\n")
		}
	}
	if text.Len() == 0 {
		return "", fmt.Errorf("the witness policy %s names no witness and no quorum", file)
	}
	return text.String(), nil
}

// checkOutside checks that the policy has the witnesses of which the settings
// say that somebody else runs them.
func checkOutside(policy string, outside []string) error {
	has := map[string]bool{}
	for line := range strings.Lines(policy) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "witness" {
			has[f[1]] = true
		}
	}
	for _, name := range outside {
		if !has[name] {
			return fmt.Errorf("ledger.outside names %s, and the witness policy has no witness of that name", name)
		}
	}
	return nil
}

// Policy is the witness policy as verifiers pin it: the log's key, then the
// witnesses.
func (l *Ledger) Policy() string {
	if l.text == "" {
		return "log " + l.Key + "\nquorum none\n"
	}
	return "log " + l.Key + "\n" + l.text
}

// pinned is the witness policy as a set of custodians pins it: without the
// log's own line, which the set has beside it.
func (l *Ledger) pinned() string {
	if l.text == "" {
		return policy.NoWitnesses
	}
	return l.text
}

// heads gives the book the journals' heads.
func (l *Ledger) heads(ctx context.Context) (map[writ.CustomerID]ledger.JournalHead, error) {
	moved, err := l.rooms.Gate.MovedHeads(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[writ.CustomerID]ledger.JournalHead, len(moved))
	for id, head := range moved {
		out[id] = ledger.JournalHead{Seq: head.Seq, Hash: head.Hash}
	}
	return out, nil
}

// Enforced is what the server enforces, as the policy statement says it.
func (l *Ledger) Enforced(unlogged bool) proof.Policy {
	return proof.Policy{
		Origin: l.Origin(), Interval: l.cfg.Interval.String(), Slots: l.cfg.Slots, Witnesses: l.Policy(), Outside: append([]string{}, l.cfg.Outside...),
		Custodians: []string{}, Packs: []string{}, TLSMin: "1.2", Unlogged: unlogged,
	}
}

// Origin is the log's name.
func (l *Ledger) Origin() string {
	name, _, _ := strings.Cut(l.Key, "+")
	return name
}

// Start states the policy, publishes what publish does, catches up with the
// keys that changed while nobody wrote it down, and makes batches, until Close.
// It does not wait for witnesses: what they keep from being published waits, and
// owners go on.
func (l *Ledger) Start(policy proof.Policy, publish func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := l.Book.PolicyNow(ctx, policy); err != nil {
		cancel()
		return fmt.Errorf("couldn't state the policy in the public log: %w", err)
	}
	if len(policy.Outside) == 0 {
		l.log.Warn("no witness outside of the operator watches the public log: it could show two people two histories; name some with ledger.witnesses and ledger.outside")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Book.Run(ctx); err != nil {
			l.log.Error("the public log stands still", "error", err.Error())
		}
	}()
	caught := make(chan struct{})
	go func() {
		defer close(caught)
		l.keys.run(ctx)
	}()
	published := make(chan struct{})
	go func() {
		defer close(published)
		if err := publish(ctx); err != nil && ctx.Err() == nil {
			l.log.Error("a statement is not in the public log", "error", err.Error())
		}
	}()
	l.stop = func() {
		cancel()
		<-done
		<-caught
		<-published
	}
	return nil
}

// closeTime is how long the log may take to publish what it has taken.
const closeTime = 10 * time.Second

// Close ends batches and log. What is not published yet waits in the records.
func (l *Ledger) Close() error {
	l.rooms.book.Store(nil)
	if l.stop != nil {
		l.stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return errors.Join(l.Book.Close(), l.Log.Close(ctx))
}

// Trouble says in a sentence why nothing is published, "" if all is well.
func (l *Ledger) Trouble() string {
	s := l.Book.Status()
	switch {
	case s.Sticky != nil:
		return s.Sticky.Error()
	case s.Waiting != nil:
		return "nothing is published since " + s.Since.UTC().Format(time.RFC3339) + ": " + s.Waiting.Error()
	}
	return ""
}
