package public

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"writ/internal/proof"
)

// Index knows where in the published log the statements are that are no batches,
// and the batches that mark something. It reads the log as a stranger would, once,
// from its beginning: half a million entries are a year, and a second or two.
type Index struct {
	log Log

	turn sync.Mutex // held while the log is read on

	mu      sync.Mutex // guards what follows
	read    uint64     // entries that were read
	size    uint64     // of the newest head that was seen
	places  map[string][]uint64
	changed chan struct{} // closed when size changes
	ended   bool          // nobody follows any more
}

// marked is beside the kinds: batches that say something of themselves.
const marked = "marked"

// NewIndex makes the index of a log, with nothing read yet.
func NewIndex(log Log) *Index {
	return &Index{log: log, places: map[string][]uint64{}, changed: make(chan struct{})}
}

// look is how often Follow looks for a new head; once a minute there is one.
const look = time.Second

// Follow reads the log on as it grows, until ctx ends; then whoever waits for a new
// head is let go. What can't be read now is tried again.
func (x *Index) Follow(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	defer x.end()
	for {
		x.upTo(ctx, 1<<63)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (x *Index) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		x.ended = true
		close(x.changed)
	}
}

// wait returns the size of the newest head, and a channel that is closed when there
// is a newer one; nil if nobody looks for one any more.
func (x *Index) wait() (size uint64, newer <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return x.size, nil
	}
	return x.size, x.changed
}

// upTo reads the log on, by at most so many entries, and returns how many it has
// read of how many.
func (x *Index) upTo(ctx context.Context, most uint64) (read, size uint64, err error) {
	h, err := readHead(ctx, x.log)
	if err != nil {
		return 0, 0, err
	}
	x.seen(h.Size)
	for {
		if read, err = x.step(ctx, h.Size); err != nil || read >= h.Size || most < bundle {
			return read, h.Size, err
		}
		most -= bundle
	}
}

func (x *Index) seen(size uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if size > x.size && !x.ended {
		x.size = size
		close(x.changed)
		x.changed = make(chan struct{})
	}
}

// step reads what one bundle has that was not read yet.
func (x *Index) step(ctx context.Context, size uint64) (read uint64, err error) {
	x.turn.Lock()
	defer x.turn.Unlock()
	x.mu.Lock()
	read = x.read
	x.mu.Unlock()
	if read >= size {
		return read, ctx.Err()
	}
	leaves, err := leavesOf(ctx, x.log, read/bundle, size)
	if err != nil {
		return read, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := int(read % bundle); i < len(leaves); i++ {
		if kind := kindOf(leaves[i]); kind != "" {
			x.places[kind] = append(x.places[kind], x.read)
		}
		x.read++
	}
	return x.read, ctx.Err()
}

// Batches as servers spell them: nearly all leaves are. They need not be read.
var (
	batchBegins = []byte(`{"v":1,"kind":"batch","at":"`)
	marks       = [][]byte{[]byte(`"late`), []byte(`"unwitnessed"`), []byte(`"clock"`)}
)

// kindOf is under what a leaf is found; "" for a batch as any other.
func kindOf(leaf []byte) string {
	if bytes.HasPrefix(leaf, batchBegins) && !slices.ContainsFunc(marks, func(m []byte) bool { return bytes.Contains(leaf, m) }) {
		return ""
	}
	e := readEntry(0, leaf)
	switch {
	case e.Marked():
		return marked
	case e.Kind == proof.KindBatch:
		return ""
	}
	return e.Kind
}

// before are at most so many places of a kind below an index, the newest first.
func (x *Index) before(kind string, index uint64, most int) (all []uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	places := x.places[kind]
	end, _ := slices.BinarySearch(places, index)
	for i := end - 1; i >= 0 && len(all) < most; i-- {
		all = append(all, places[i])
	}
	return all
}

// count is how many of a kind were read.
func (x *Index) count(kind string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.places[kind])
}
