package monitor

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

const (
	ahead    = 64  // bundles that are read before they are folded
	together = 256 // bundles that are verified at a time: those of one tile
)

// Scan re-hashes every leaf that a story doesn't have yet, checks it against
// the checkpoint, and folds it. The story must be the zero value, or end within
// this log. show, if it is not nil, is told how many leaves are done. Errors:
// [ErrSource], [ErrTile], [ErrStory], [proof.ErrForm].
func (l *Log) Scan(ctx context.Context, s *Story, show func(done, of uint64)) error {
	if s.Leaves > l.Checkpoint.Size {
		return fmt.Errorf("%w: it has %d leaves, and had %d", ErrRollback, l.Checkpoint.Size, s.Leaves)
	}
	if s.Leaves == l.Checkpoint.Size {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	first, last := s.Leaves/width, (l.Checkpoint.Size-1)/width
	work, queue := make(chan *reading), make(chan *reading, ahead)
	g.Go(func() error {
		defer close(work)
		defer close(queue)
		for n := first; n <= last; n++ {
			r := &reading{n: n, done: make(chan struct{})}
			for _, to := range []chan *reading{queue, work} {
				select {
				case to <- r:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range max(fetchers, runtime.GOMAXPROCS(0)) {
		g.Go(func() error {
			for r := range work {
				r.run(ctx, l)
			}
			return nil
		})
	}
	g.Go(func() error { return l.fold(ctx, s, queue, show) })
	return g.Wait()
}

// reading is one bundle on its way.
type reading struct {
	n    uint64
	done chan struct{} // closed when what follows is there

	leaves *leaves // nil if it could not be read
	facts  []fact
	err    error
}

func (r *reading) run(ctx context.Context, l *Log) {
	defer close(r.done)
	if r.leaves, r.err = l.leaves(ctx, r.n); r.err != nil {
		return
	}
	r.facts = make([]fact, len(r.leaves.all))
	for i, leaf := range r.leaves.all {
		f, err := factOf(leaf)
		if err != nil {
			r.err = fmt.Errorf("leaf %d: %w", r.n*width+uint64(i), err)
			return
		}
		r.facts[i] = f
	}
}

// fold takes bundles in order. That a bundle is the log's is found out before
// what it says is believed to be the log's fault.
func (l *Log) fold(ctx context.Context, s *Story, queue <-chan *reading, show func(done, of uint64)) error {
	var open []*leaves // hashed and not verified
	verify := func() error {
		if len(open) == 0 {
			return nil
		}
		err := l.verify(ctx, open)
		open = open[:0]
		return err
	}
	for r := range queue {
		select {
		case <-r.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if r.leaves != nil {
			open = append(open, r.leaves)
		}
		err := r.err
		for i := 0; err == nil && i < len(r.facts); i++ {
			if r.n*width+uint64(i) < s.Leaves {
				continue // folded at an earlier visit
			}
			err = s.add(r.facts[i])
		}
		if r.leaves != nil {
			r.leaves.all = nil // only the hashes are kept until they are verified
		}
		if err != nil || len(open) == together {
			if e := verify(); e != nil {
				return e
			}
		}
		if err != nil {
			return err
		}
		if show != nil {
			show(s.Leaves, l.Checkpoint.Size)
		}
	}
	if err := verify(); err != nil {
		return err
	}
	return ctx.Err()
}
