package vault

import (
	"context"
	"errors"
	"sync"
	"time"
)

// jobs lets one long task of a kind run at a time.
type jobs struct {
	mu      sync.Mutex // guards running
	running map[string]chan struct{}
}

// lock waits until no task of that name runs. unlock must be called once.
func (j *jobs) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		j.mu.Lock()
		before, busy := j.running[name]
		if !busy {
			if j.running == nil {
				j.running = make(map[string]chan struct{})
			}
			done := make(chan struct{})
			j.running[name] = done
			j.mu.Unlock()
			return sync.OnceFunc(func() {
				j.mu.Lock()
				defer j.mu.Unlock()
				delete(j.running, name)
				close(done)
			}), nil
		}
		j.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// upkeep is what runs in the background.
type upkeep struct {
	once   sync.Once
	signal chan struct{} // of room for one: there is something to be removed
}

func (u *upkeep) wakes() chan struct{} {
	u.once.Do(func() { u.signal = make(chan struct{}, 1) })
	return u.signal
}

// wake makes the background look at once for what is to be removed.
func (u *upkeep) wake() {
	select {
	case u.wakes() <- struct{}{}:
	default:
	}
}

// Upkeep says how often the background does what.
type Upkeep struct {
	Reclaim   time.Duration // between two reclaims; 0 means 10 minutes
	Lifecycle time.Duration // between two looks whether a day has begun; 0 means 10 minutes
}

// keepAfter is how long after it was made, at the most, a version in a pin's
// scope comes under the pin.
const keepAfter = 2 * time.Second

// sweepAfter is how long the background waits before it looks again for
// parts that were still being read.
const sweepAfter = time.Minute

// RunUpkeep does what must be done from time to time, until ctx ends: it goes
// on with what a restart interrupted, removes the parts of deleted versions,
// brings space back, and applies lifecycle rules when a day has begun (UTC).
// Failures are logged, and tried again.
func (v *Vault) RunUpkeep(ctx context.Context, u Upkeep) {
	if u.Reclaim <= 0 {
		u.Reclaim = 10 * time.Minute
	}
	if u.Lifecycle <= 0 {
		u.Lifecycle = 10 * time.Minute
	}
	reclaim, lifecycle, sweep := time.NewTicker(u.Reclaim), time.NewTicker(u.Lifecycle), time.NewTicker(sweepAfter)
	keep := time.NewTicker(keepAfter)
	defer keep.Stop()
	defer reclaim.Stop()
	defer lifecycle.Stop()
	defer sweep.Stop()
	attempt := func(what string, err error) {
		if err != nil && ctx.Err() == nil {
			v.log.ErrorContext(ctx, "upkeep failed; it will be tried again", "task", what, "error", err)
		}
	}
	drops := func() error { _, err := v.sweepDrops(ctx); return err }
	attempt("sweep", drops())
	attempt("settle", plainly(v.keepAll(ctx, "")))
	attempt("removal", v.ResumeRemovals(ctx))
	attempt("rotation", v.ResumeRotations(ctx))
	attempt("lifecycle", v.lifecycleIfDue(ctx))
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-v.upkeep.wakes():
			attempt("sweep", drops())
			attempt("removal", v.ResumeRemovals(ctx))
		case <-keep.C:
			attempt("settle", plainly(v.keepAll(ctx, "")))
		case <-sweep.C:
			attempt("sweep", drops())
		case <-reclaim.C:
			_, err := v.Reclaim(ctx, nil)
			attempt("reclaim", err)
			attempt("removal", v.ResumeRemovals(ctx))
			attempt("rotation", v.ResumeRotations(ctx))
		case <-lifecycle.C:
			attempt("lifecycle", v.lifecycleIfDue(ctx))
		}
	}
}

// plainly says of an error only what whoever runs the store needs to know of
// it. What is being preserved has its errors where it is looked at
// ([Vault.Preserved]); a log would tell that there is something.
func plainly(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{ErrNoSpace, ErrUnavailable, ErrCorrupt} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errUnfinished
}

var errUnfinished = errors.New("it did not end")

// StartUpkeep begins [Vault.RunUpkeep] in the background. stop ends it and
// waits until it has.
func (v *Vault) StartUpkeep(ctx context.Context, u Upkeep) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.RunUpkeep(ctx, u)
	}()
	return func() { cancel(); <-done }
}
