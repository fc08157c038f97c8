package notice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"writ/internal/records"
)

// workersOf is how many deliveries of a lane run at a time. Urgent ones have
// their own, so that no slow receiver stands before a page.
var workersOf = [lanes]int{4, 4}

// Run delivers until ctx ends; then it lets what is under way end for
// [Config.Grace]. One process runs one queue, once at a time.
func (q *Queue) Run(ctx context.Context) error {
	q.mu.Lock()
	if q.running {
		q.mu.Unlock()
		return errors.New("the queue of notices runs already")
	}
	q.running = true
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		q.running = false
		q.mu.Unlock()
	}()
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() {
		select {
		case <-q.clock.After(q.config.Grace):
			stop()
		case <-ended:
		}
	})
	var all sync.WaitGroup
	for lane := range lanes {
		all.Go(func() { q.runLane(ctx, sending, lane) })
	}
	all.Go(func() { q.runReports(ctx) })
	all.Wait()
	close(ended)
	return nil
}

// runLane delivers what is due in a lane.
func (q *Queue) runLane(ctx, sending context.Context, lane int) {
	var workers sync.WaitGroup
	defer workers.Wait()
	done := make(chan struct{}, workersOf[lane])
	free := workersOf[lane]
	for {
		wait := lookEvery
		if err := q.pullBack(ctx, lane); err != nil {
			q.trouble(ctx, "the queue of notices couldn't be read", err)
		}
		due, next, err := q.take(ctx, lane, free)
		if err != nil {
			q.trouble(ctx, "the queue of notices couldn't be read", err)
		}
		for _, r := range due {
			free--
			workers.Go(func() {
				q.deliver(sending, r)
				q.land(r)
				done <- struct{}{}
			})
		}
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(q.clock.Now()), time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return
		case <-done:
			free++
		case <-q.wakes[lane]:
		case <-q.clock.After(wait):
		}
	}
}

// take returns the deliveries of a lane that are due, that nobody has, and
// that waited the longest, at most so many, and marks them as taken. next is
// when another one will be due, zero if none waits.
func (q *Queue) take(ctx context.Context, lane, most int) (taken []ref, next time.Time, err error) {
	now := q.clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for r, until := range q.cooling {
		if wait := until.Sub(now); wait <= 0 || wait > coolDown { // or the clock went back
			delete(q.cooling, r)
		}
	}
	type entry struct {
		due int64
		ref
	}
	var found []entry
	limit := min(most+len(q.flying)+len(q.cooling)+1, records.MaxLimit)
	for _, tag := range []byte{waitsRetry, waitsFirst} {
		entries, _, err := q.store.Scan(ctx, records.Range{Start: laneKey(lane, tag), End: records.PrefixEnd(laneKey(lane, tag)), Limit: limit, KeysOnly: true})
		if err != nil {
			return nil, next, err
		}
		for _, e := range entries {
			due, r, err := dueIn(e.Key)
			if err != nil {
				return nil, next, err
			}
			if due > now.UnixMilli() {
				if t := fromMilli(due); next.IsZero() || t.Before(next) {
					next = t
				}
				break
			}
			_, flies := q.flying[r]
			_, cools := q.cooling[r]
			if !flies && !cools {
				found = append(found, entry{due, r})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return cmp.Compare(a.due, b.due) })
	for _, e := range found[:min(len(found), most)] {
		q.flying[e.ref] = struct{}{}
		taken = append(taken, e.ref)
	}
	return taken, next, nil
}

// land gives a delivery back.
func (q *Queue) land(r ref) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.flying, r)
}

// cool lets a delivery rest after trouble of our own.
func (q *Queue) cool(r ref) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cooling[r] = q.clock.Now().Add(coolDown)
}

// trouble says that something of our own failed, unless it is the end.
func (q *Queue) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() == nil && !errors.Is(err, records.ErrClosed) {
		q.log.Error(what, "error", err.Error())
	}
}

// pullBack moves retries whose time is farther ahead than any pace: the clock
// went back since.
func (q *Queue) pullBack(ctx context.Context, lane int) error {
	prefix := laneKey(lane, waitsRetry)
	for {
		now := q.clock.Now()
		entries, _, err := q.store.Scan(ctx, records.Range{Start: number64(prefix[:len(prefix):len(prefix)], now.Add(longestPace(lane)+time.Minute).UnixMilli()),
			End: records.PrefixEnd(prefix), Limit: 100, KeysOnly: true})
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			_, r, err := dueIn(e.Key)
			if err != nil {
				return err
			}
			err = records.Retry(ctx, q.store, func(tx records.Tx) error {
				return q.change(ctx, tx, r.id, func(_ *messageRecord, p *progressRecord) error {
					if r.n >= len(p.Deliveries) {
						return fmt.Errorf("%w: the queue names a contact that isn't there", ErrRecords)
					}
					p.Deliveries[r.n].Due = now.Add(firstPace).UnixMilli()
					return nil
				})
			})
			if err != nil {
				return err
			}
		}
	}
}
