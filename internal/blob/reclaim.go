package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// movers is how many blobs Reclaim moves at a time, so that they share
	// the fsyncs of the segment and of the owners' records.
	movers = 8
	// smallShare and smallMany: segments shorter than a smallShare-th of the
	// full length are merged when there are smallMany of them. Each
	// Checkpoint may leave one.
	smallShare = 16
	smallMany  = 16
)

// Reclaim implements [Store]. What is wholly dead goes first, as that needs
// no room; then the segments with much dead space are rewritten, those with
// the most of it first.
func (d *Disk) Reclaim(ctx context.Context, owners Owners, progress Progress) (Reclaimed, error) {
	if err := d.begin(ctx); err != nil {
		return Reclaimed{}, err
	}
	defer d.end()
	d.reclaiming.Lock()
	defer d.reclaiming.Unlock()
	ctx, cancel := d.until(ctx)
	defer cancel()
	r := &reclaim{d: d, owners: owners, progress: progress, now: d.opts.Now()}
	err := r.run(ctx)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	return r.done, errors.Join(err, r.found.err())
}

// reclaim is one run of Reclaim.
type reclaim struct {
	d        *Disk
	owners   Owners
	progress Progress
	now      time.Time
	seen     int64 // bytes looked at
	total    int64

	mu    sync.Mutex // guards done and found while blobs are moved
	done  Reclaimed
	found damages
}

// sparse is a segment to be rewritten.
type sparse struct {
	segment
	live []entry
	dead int64 // bytes
}

func (r *reclaim) run(ctx context.Context) error {
	if err := r.d.awaitSeals(ctx); err != nil {
		return err
	}
	list := r.d.list()
	usage := r.d.Usage()
	r.total = usage.SegmentBytes + usage.FileBytes
	for i := range r.d.files.shards {
		if err := r.shard(ctx, &r.d.files.shards[i]); err != nil {
			return err
		}
	}
	var rewrite, small []sparse
	for _, s := range list {
		found, err := r.survey(ctx, s)
		if err != nil {
			return err
		}
		switch {
		case found == nil:
		case float64(found.dead) >= r.d.opts.Dead*float64(found.size):
			rewrite = append(rewrite, *found)
		case found.size < r.d.opts.SegmentSize/smallShare:
			small = append(small, *found)
		}
	}
	if len(small) >= smallMany {
		rewrite = append(rewrite, small...)
	}
	slices.SortFunc(rewrite, func(a, b sparse) int { return cmp.Compare(b.dead, a.dead) })
	return r.rewrite(ctx, rewrite)
}

// awaitSeals waits for the segments that are being sealed.
func (d *Disk) awaitSeals(ctx context.Context) error {
	for _, s := range d.list() {
		if s.open != nil && s.open != d.currentWriter() {
			if err := s.open.await(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reclaim) advance(n int64) {
	r.seen += n
	if r.progress != nil {
		r.progress(min(r.seen, r.total), r.total)
	}
}

// old reports whether what was written at t may be judged.
func (r *reclaim) old(t time.Time) bool {
	return r.d.opts.Grace < 0 || r.now.Sub(t) >= r.d.opts.Grace
}

// shard removes the unowned files of one shard.
func (r *reclaim) shard(ctx context.Context, sh *shard) error {
	all, _, err := sh.list()
	if err != nil {
		return err
	}
	var refs []Ref
	for _, ref := range all {
		if written, _, err := r.d.files.age(ref); err == nil && r.old(written) {
			refs = append(refs, ref)
		}
	}
	owned, err := askOwners(ctx, r.owners, refs)
	if err != nil {
		return err
	}
	for i, ref := range refs {
		if owned[i] {
			continue
		}
		if err := r.d.holds.unless(func() error { return r.d.files.remove(ref) }); err != nil {
			return err
		}
		r.done.Files++
		r.done.Bytes += ref.Length
	}
	r.advance(sumLengths(all))
	return nil
}

// survey asks who owns the blobs of s. It removes s if nobody owns any, and
// returns it if blobs are left and it may be rewritten.
func (r *reclaim) survey(ctx context.Context, s segment) (*sparse, error) {
	if s.open != nil {
		return nil, r.surveyOpen(ctx, s)
	}
	defer r.advance(s.size)
	if !r.old(s.changed) {
		return nil, nil
	}
	entries, certain := r.entries(s)
	if !certain {
		return nil, nil
	}
	live, bytes, err := r.live(ctx, s.volume, entries)
	if err != nil {
		return nil, err
	}
	if len(live) > 0 {
		return &sparse{s, live, s.size - bytes}, nil
	}
	if !s.movedAt.IsZero() && r.d.opts.Linger > 0 && r.now.Sub(s.movedAt) < r.d.opts.Linger {
		return nil, nil
	}
	return nil, r.remove(s)
}

// surveyOpen retires the open segment if much of it is dead, so that a later
// run may rewrite it: it would else wait until new blobs have filled it.
func (r *reclaim) surveyOpen(ctx context.Context, s segment) error {
	entries, end, _ := s.open.snapshot()
	defer r.advance(end)
	if s.open != r.d.currentWriter() || end < r.d.opts.SegmentSize/4 {
		return nil
	}
	_, bytes, err := r.live(ctx, s.volume, entries)
	if err == nil && float64(end-bytes) >= r.d.opts.Dead*float64(end) {
		r.d.retire(s.open)
	}
	return err
}

// entries returns what is in the sealed segment s. If that is not certain it
// notes the damage.
func (r *reclaim) entries(s segment) (_ []entry, certain bool) {
	h, err := r.d.acquire(s.volume)
	if err != nil {
		r.found.add(segmentDamage(s.volume, missing(err)))
		return nil, false
	}
	defer r.d.handles.release(h)
	entries, damaged := contents(h.f, s)
	for _, err := range damaged {
		r.found.add(err)
	}
	return entries, len(damaged) == 0
}

// live returns those of entries that have an owner, and the bytes they take.
func (r *reclaim) live(ctx context.Context, volume uint64, entries []entry) (live []entry, bytes int64, err error) {
	refs := make([]Ref, len(entries))
	for i, e := range entries {
		refs[i] = e.ref(volume)
	}
	owned, err := askOwners(ctx, r.owners, refs)
	if err != nil {
		return nil, 0, err
	}
	for i, e := range entries {
		if owned[i] {
			live = append(live, e)
			bytes += span(e.length)
		}
	}
	return live, bytes, nil
}

// remove removes the segment s, in which nothing is owned.
func (r *reclaim) remove(s segment) error {
	err := r.d.holds.unless(func() error { return r.d.removeSegment(s.volume) })
	if err == nil {
		r.done.Segments++
		r.done.Bytes += s.size
	}
	return err
}

// removeSegment removes a segment from the store. Those who read it go on.
func (d *Disk) removeSegment(volume uint64) error {
	d.mu.Lock()
	delete(d.segments, volume)
	d.mu.Unlock()
	d.handles.drop(volume)
	if err := os.Remove(d.segmentPath(volume)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't remove segment: %w", err)
	}
	return nil
}

// rewrite moves the live blobs of each segment away and then removes it, or
// leaves that to a later run if readers may still be on their way to it.
func (r *reclaim) rewrite(ctx context.Context, list []sparse) error {
	for _, s := range list {
		r.total += s.size
	}
	for _, s := range list {
		whole, err := r.move(ctx, s)
		if err != nil {
			return err
		}
		r.advance(s.size)
		if !whole {
			continue
		}
		if r.d.opts.Linger <= 0 {
			if err := r.remove(s.segment); err != nil {
				return err
			}
			continue
		}
		r.d.mu.Lock()
		if known := r.d.segments[s.volume]; known != nil {
			known.movedAt = r.d.opts.Now()
		}
		r.d.mu.Unlock()
	}
	return nil
}

// move moves the live blobs of s. It reports whether none is left: damaged
// ones stay, as a copy would hide what happened to them.
func (r *reclaim) move(ctx context.Context, s sparse) (whole bool, err error) {
	h, err := r.d.acquire(s.volume)
	if err != nil {
		return false, fmt.Errorf("couldn't open segment: %w", err)
	}
	defer r.d.handles.release(h)
	whole = true
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(movers)
	for _, e := range s.live {
		g.Go(func() error {
			err := r.moveOne(gctx, h.f, e.ref(s.volume))
			if errors.Is(err, ErrCorrupt) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.found.add(err)
				whole = false
				return nil
			}
			return err
		})
	}
	err = g.Wait()
	return whole && err == nil, err
}

func (r *reclaim) moveOne(ctx context.Context, f *os.File, from Ref) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sealed, err := readWhole(f, from)
	if err != nil {
		return err
	}
	to, err := r.d.put(sealed)
	if err != nil {
		return err
	}
	moved, err := r.owners.Move(ctx, from, to)
	if err != nil {
		return fmt.Errorf("couldn't move %v: %w", from, err)
	}
	if moved {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.done.Moved++
		r.done.Bytes -= span(from.Length)
	}
	return nil
}

// readWhole reads the blob of ref and checks it against its header's sum.
func readWhole(f *os.File, ref Ref) ([]byte, error) {
	h, err := readHeader(f, ref)
	if err != nil {
		return nil, err
	}
	b := make([]byte, ref.Length)
	if _, err := f.ReadAt(b, ref.Offset+headerSize); err != nil {
		return nil, &DamageError{ref, "the blob can't be read"}
	}
	if crc32.Checksum(b, castagnoli) != h.sum {
		return nil, &DamageError{ref, "the blob does not match its checksum"}
	}
	return b, nil
}
