// Package upkeep is the long work on the store that an operator begins and does
// not wait for: a check of everything, a reclaim, the rotation of a customer's
// keys. It also checks the store from time to time by itself, and notes once a day
// how much customers keep.
//
// Two things never run at once: the same job twice, and two rotations of one
// customer. What runs is said with how far it is ([Keeper.Running]); how it ended
// is the vault's to tell ([vault.Vault.LastRun]), also after a restart. A rotation
// that a restart interrupts goes on by itself; a check or a reclaim doesn't, and
// is begun again when it is due or asked for.
//
// Nothing here tells what is preserved: what a check finds of that is for the
// docket ([vault.Vault.LastKeptCheck]).
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"writ"
	"writ/internal/vault"
)

// Job is what is begun.
type Job string

// The jobs.
const (
	Check   Job = "check"   // everything is read: each record has its blob, each chunk opens
	Reclaim Job = "reclaim" // space of what was deleted comes back
	Rotate  Job = "rotate"  // a customer's data keys are wrapped under a new key
)

var (
	// ErrRunning: it runs already.
	ErrRunning = errors.New("it runs already")
	// ErrMany: as much runs at once as may.
	ErrMany = errors.New("much is running already: begin it when something of that has ended")
	// ErrStopping: the server stops.
	ErrStopping = errors.New("the server stops")
)

// atOnce bounds what runs at once: each reads much of the store.
const atOnce = 4

// Running is what runs, and how far it is.
type Running struct {
	Job      Job
	Customer writ.CustomerID // of a rotation
	Since    time.Time
	Done     int64
	Total    int64 // 0 before it is known
}

// Config is what a keeper is made from.
type Config struct {
	Vault *vault.Vault
	// Check is how long after a check the next begins by itself; 0 for never.
	Check time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// Keeper begins work and says how far it is.
type Keeper struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex // guards running and stopped
	running map[string]*Running
	stopped bool
}

// New makes a keeper that runs nothing yet.
func New(cfg Config) *Keeper {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: cfg, running: map[string]*Running{}}
	k.ctx, k.stop = context.WithCancel(context.Background())
	return k
}

// Close ends what runs, and waits until it has ended.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.stopped = true
	k.mu.Unlock()
	k.stop()
	k.work.Wait()
}

// Begin begins a check or a reclaim. Errors: [ErrRunning], [ErrMany],
// [ErrStopping].
func (k *Keeper) Begin(job Job) error {
	switch job {
	case Check:
		return k.begin(job, "", func(ctx context.Context, p vault.Progress) error {
			_, err := k.cfg.Vault.Fsck(ctx, vault.FsckOptions{Progress: p})
			return err
		})
	case Reclaim:
		return k.begin(job, "", func(ctx context.Context, p vault.Progress) error {
			_, err := k.cfg.Vault.Reclaim(ctx, p)
			return err
		})
	}
	return fmt.Errorf("%q is nothing that is begun so", job)
}

// Rotate begins the rotation of a customer's keys, or goes on with the one that
// was interrupted. Old versions of the key stay: to destroy them is done where the
// data folder is. Errors are those of [Keeper.Begin].
func (k *Keeper) Rotate(id writ.CustomerID) error {
	return k.begin(Rotate, id, func(ctx context.Context, p vault.Progress) error {
		_, err := k.cfg.Vault.RotateCustomer(ctx, id, vault.RotateOptions{Progress: p})
		return err
	})
}

func (k *Keeper) begin(job Job, id writ.CustomerID, do func(context.Context, vault.Progress) error) error {
	name := string(job) + " " + string(id)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.stopped:
		return ErrStopping
	case k.running[name] != nil:
		return ErrRunning
	case len(k.running) >= atOnce:
		return ErrMany
	}
	k.running[name] = &Running{Job: job, Customer: id, Since: k.cfg.Now().UTC()}
	k.work.Go(func() {
		err := do(k.ctx, func(_ string, done, total int64) { k.note(name, done, total) })
		k.mu.Lock()
		delete(k.running, name)
		k.mu.Unlock()
		if err != nil && k.ctx.Err() == nil {
			// By its kind only, as the vault's own upkeep says it: a line that names
			// what could not be read could name what is preserved.
			k.cfg.Log.Error("work on the store did not end well", "job", job, "error", kind(err))
		}
	})
	return nil
}

// kind is what kind of fault it was.
func kind(err error) string {
	for _, known := range []error{vault.ErrNoSpace, vault.ErrUnavailable, vault.ErrCorrupt, vault.ErrShredded, vault.ErrNoCustomer} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "it did not end"
}

func (k *Keeper) note(name string, done, total int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.running[name]; r != nil {
		r.Done, r.Total = done, total
	}
}

// Running is what runs now, the oldest first.
func (k *Keeper) Running() []Running {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]Running, 0, len(k.running))
	for _, r := range k.running {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Running) int { return a.Since.Compare(b.Since) })
	return out
}

// Times of the checks that begin by themselves.
const (
	settled = time.Hour        // after a start nothing is checked at first
	look    = 10 * time.Minute // between two looks whether a check is due
)

// Run notes once a day what customers keep, and checks the store from time to
// time, until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	began := k.cfg.Now()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		k.turn(ctx, began)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (k *Keeper) turn(ctx context.Context, began time.Time) {
	if err := k.cfg.Vault.NoteDay(ctx); err != nil && ctx.Err() == nil {
		k.cfg.Log.Error("what customers keep could not be noted", "error", kind(err))
	}
	due, err := k.due(ctx, began)
	if err != nil && ctx.Err() == nil {
		k.cfg.Log.Error("when the store was checked last can't be read", "error", kind(err))
	}
	if !due {
		return
	}
	if err := k.Begin(Check); err != nil && !errors.Is(err, ErrRunning) && !errors.Is(err, ErrStopping) {
		k.cfg.Log.Warn("the store's check is put off", "error", err.Error())
	}
}

// due says whether a check by itself is due now, on a server that began then.
func (k *Keeper) due(ctx context.Context, began time.Time) (bool, error) {
	now := k.cfg.Now()
	if k.cfg.Check <= 0 || now.Sub(began) < settled {
		return false, nil
	}
	last, ok, err := k.cfg.Vault.LastRun(ctx, vault.JobCheck)
	return err == nil && (!ok || now.Sub(last.Ended) >= k.cfg.Check), err
}
