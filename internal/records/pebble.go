package records

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"writ/internal/groupcommit"
	"writ/internal/records/internal/cryptfs"
	"writ/internal/seal"
	"writ/internal/space"
)

// Options are what an operator may choose. The zero value is what Writ uses.
type Options struct {
	// CacheBytes bounds the cache of tables; default 32 MiB.
	CacheBytes int64
	// MemTableBytes is how much is gathered in memory, and so at most how much
	// log a start replays for each of its tables; default 16 MiB.
	MemTableBytes uint64
	// Reserve is disk space that records leave free: a change that adds is
	// refused with ErrNoSpace below it, so that compactions and deletes find
	// room on a disk that something else fills. Default 24 MiB; a quarter of
	// it stays free even for changes that only delete.
	Reserve int64
	// Traffic counts those who are about to commit, here and elsewhere, so
	// that more of them share a sync; default none.
	Traffic *groupcommit.Traffic
	// Log takes the engine's rare complaints; default none.
	Log *slog.Logger
	// Failed is called once if the engine can no longer write (a disk error
	// that the reserve could not prevent). The store refuses everything from
	// then on; what was answered is on disk and a new start reads it.
	Failed func(error)

	plain bool // leave the files unencrypted: only the benchmark does
}

// store keeps records in pebble.
type store struct {
	*transactor
	db     *pebble.DB
	cache  *pebble.Cache
	values *values
	dir    string
	opts   Options
	room   space.Watch
	failed atomic.Pointer[error]
	once   sync.Once
	syncs  groupcommit.Group // of the write-ahead log
}

// Open opens the records in a folder, or begins new ones. Everything in it is
// encrypted under the key, which the store keeps and the caller must not erase
// before it has closed the store; with another key it is ErrCorrupt.
func Open(dir string, key *seal.Key, opts Options) (Store, error) {
	if opts.CacheBytes == 0 {
		opts.CacheBytes = 32 << 20
	}
	if opts.MemTableBytes == 0 {
		opts.MemTableBytes = 16 << 20
	}
	if opts.Reserve == 0 {
		opts.Reserve = 24 << 20
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	s := &store{values: newValues(key), dir: dir, opts: opts, cache: pebble.NewCache(opts.CacheBytes)}
	s.room.Dir = dir
	var fs vfs.FS = vfs.Default
	if !opts.plain {
		fs = cryptfs.New(fs, key)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the folder of the records: %w", err)
	}
	db, err := s.open(fs)
	if err != nil {
		s.cache.Unref()
		return nil, fmt.Errorf("couldn't open the records: %w", classify(err))
	}
	s.db = db
	s.transactor = newTransactor(s)
	s.transactor.traffic = opts.Traffic
	s.syncs.Sync, s.syncs.Traffic = s.syncLog, opts.Traffic
	return s, nil
}

// open starts the engine. A damaged file may make it panic; that is an error
// like any other here.
func (s *store) open(fs vfs.FS) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, r)
		}
	}()
	o := &pebble.Options{
		FS:                          fs,
		Cache:                       s.cache,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                s.opts.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		MaxOpenFiles:                512,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
		Logger:                      engineLog{s},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { s.opts.Log.Warn("records engine", "error", classify(err).Error()) },
			DataCorruption:  func(pebble.DataCorruptionInfo) { s.opts.Log.Error("a table of the records is damaged") },
			DiskSlow:        func(pebble.DiskSlowInfo) {},
		},
	}
	for i := range o.Levels {
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression } // sealed values do not shrink
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	o.EnsureDefaults()
	return pebble.Open(s.dir, o)
}

// engineLog passes the engine's complaints on. Fatal ones fail the store, and
// end what met them: a commit with an error, a background goroutine for good.
type engineLog struct{ s *store }

func (engineLog) Infof(string, ...any) {}

func (l engineLog) Errorf(format string, args ...any) {
	l.s.opts.Log.Warn("records engine", "error", fmt.Sprintf(format, args...))
}

func (l engineLog) Fatalf(format string, args ...any) {
	err := fmt.Errorf("the records engine stopped: %s", fmt.Sprintf(format, args...))
	if l.s.db == nil { // still opening: Open turns it into an error
		panic(err)
	}
	l.s.fail(err)
	if strings.HasPrefix(format, "pebble: fatal commit error") { // under apply, which turns it into an error
		panic(err)
	}
	runtime.Goexit()
}

func (s *store) fail(err error) {
	s.once.Do(func() {
		s.failed.Store(&err)
		s.opts.Log.Error("records engine", "error", err.Error())
		if s.opts.Failed != nil {
			s.opts.Failed(err)
		}
	})
}

func (s *store) failure() error {
	if p := s.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// classify maps the engine's errors to this package's.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pebble.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, pebble.ErrClosed):
		return ErrClosed
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	case pebble.IsCorruptionError(err), errors.Is(err, cryptfs.ErrHeader), errors.Is(err, cryptfs.ErrDamaged):
		text, _, _ := strings.Cut(err.Error(), "\n") // the engine's own goes on for lines
		return fmt.Errorf("%w: %s", ErrCorrupt, text)
	}
	return err
}

func (s *store) get(key []byte) ([]byte, error) {
	return s.getFrom(s.db, key)
}

func (s *store) getFrom(r pebble.Reader, key []byte) (value []byte, err error) {
	defer rescue(&err)
	// An iterator, and not the engine's Get, because only it can be told to
	// use the filters of the lowest level too: the key of a new object is
	// looked for before it is there.
	it, err := r.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return nil, classify(err)
	}
	defer func() {
		if cerr := it.Close(); err == nil && cerr != nil {
			value, err = nil, classify(cerr)
		}
	}()
	if !it.SeekPrefixGE(key) {
		if err := it.Error(); err != nil {
			return nil, classify(err)
		}
		return nil, ErrNotFound
	}
	sealed, err := it.ValueAndErr()
	if err != nil {
		return nil, classify(err)
	}
	return s.values.open(key, sealed)
}

// rescue turns a panic of the engine over damaged bytes, or over having been
// closed, into an error.
func rescue(err *error) {
	switch r := recover().(type) {
	case nil:
	case error:
		if errors.Is(r, pebble.ErrClosed) {
			*err = ErrClosed
			return
		}
		*err = fmt.Errorf("%w: %w", ErrCorrupt, r)
	default:
		*err = fmt.Errorf("%w: %v", ErrCorrupt, r)
	}
}

func (s *store) scan(ctx context.Context, r Range) ([]Entry, bool, error) {
	return s.scanFrom(ctx, s.db, r)
}

func (s *store) scanFrom(ctx context.Context, from pebble.Reader, r Range) (entries []Entry, more bool, err error) {
	defer rescue(&err)
	it, err := from.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: nonEmpty(r.Start), UpperBound: r.End})
	if err != nil {
		return nil, false, classify(err)
	}
	defer func() {
		if cerr := it.Close(); err == nil && cerr != nil {
			entries, more, err = nil, false, classify(cerr)
		}
	}()
	step, ok := it.Next, false
	if r.Reverse {
		step, ok = it.Prev, it.Last()
	} else {
		ok = it.First()
	}
	limit := r.limit()
	for ; ok; ok = step() {
		if len(entries) == limit {
			return entries, true, nil
		}
		e := Entry{Key: bytes.Clone(it.Key())}
		if !r.KeysOnly {
			sealed, err := it.ValueAndErr()
			if err != nil {
				return nil, false, classify(err)
			}
			if e.Value, err = s.values.open(e.Key, sealed); err != nil {
				return nil, false, err
			}
		}
		entries = append(entries, e)
	}
	return entries, false, classify(it.Error())
}

func nonEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// pebbleBatch is a batch on its way into the engine.
type pebbleBatch struct {
	s *store
	b *pebble.Batch
}

// largestBatch bounds a batch, in bytes: it must fit into memory tables.
const largestBatch = 64 << 20

func (s *store) prepare(b *Batch) (prepared, error) {
	if b.size > largestBatch {
		return nil, fmt.Errorf("a batch of %d bytes is larger than %d", b.size, largestBatch)
	}
	if err := s.failure(); err != nil {
		return nil, err
	}
	adds := false
	out := s.db.NewBatchWithSize(b.size + (valueOverhead+16)*len(b.ops))
	for _, o := range b.ops {
		var err error
		if o.delete {
			err = out.Delete(o.key, nil)
		} else {
			adds = adds || len(o.value) > smallValue
			err = out.Set(o.key, s.values.seal(o.key, o.value), nil)
		}
		if err != nil {
			return nil, errors.Join(classify(err), out.Close())
		}
	}
	need := s.opts.Reserve
	if !adds {
		need /= 4
	}
	if s.room.Free() < need {
		return nil, errors.Join(ErrNoSpace, out.Close())
	}
	return &pebbleBatch{s, out}, nil
}

// smallValue is up to where a value counts as bookkeeping: a counter that a
// delete must adjust may use the reserve, an object may not.
const smallValue = 128

func (p *pebbleBatch) apply() (err error) {
	if err := p.s.failure(); err != nil {
		return err
	}
	defer rescue(&err)
	return classify(p.s.db.Apply(p.b, pebble.NoSync))
}

func (p *pebbleBatch) wait() error {
	if err := p.s.syncs.Wait(); err != nil {
		p.s.fail(err)
		return err
	}
	return classify(p.b.Close())
}

// syncLog makes durable all that was applied. The engine has no call for that
// alone, so it is asked to sync a batch in which nothing is.
func (s *store) syncLog() (err error) {
	defer rescue(&err)
	nothing := s.db.NewBatch()
	if err := nothing.LogData(nil, nil); err != nil {
		return classify(err)
	}
	if err := s.db.ApplyNoSyncWait(nothing, pebble.Sync); err != nil {
		return classify(err)
	}
	if err := nothing.SyncWait(); err != nil {
		return classify(err)
	}
	return classify(nothing.Close())
}

// snapshot reads the engine at one moment.
type snapshot struct {
	s    *store
	snap *pebble.Snapshot
	mu   sync.RWMutex // Close waits for reads
	gone bool
}

// Snapshot implements [Store]. What it sees is durable: it waits for what was
// in flight when it was taken.
func (s *store) Snapshot(ctx context.Context) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.isClosed() {
		return nil, ErrClosed
	}
	snap := &snapshot{s: s, snap: s.db.NewSnapshot()}
	for _, c := range s.inFlight(Range{}) {
		if err := c.settled(ctx); err != nil {
			return nil, errors.Join(err, snap.Close())
		}
	}
	return snap, nil
}

func (n *snapshot) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.gone {
		return nil, ErrClosed
	}
	return n.s.getFrom(n.snap, key)
}

func (n *snapshot) Scan(ctx context.Context, r Range) ([]Entry, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.gone {
		return nil, false, ErrClosed
	}
	return n.s.scanFrom(ctx, n.snap, r)
}

func (n *snapshot) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		return nil
	}
	n.gone = true
	return classify(n.snap.Close())
}

// Checkpoint implements [Store] with hard links of tables and a copy of the
// log; the files stay encrypted under the same key.
func (s *store) Checkpoint(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.isClosed() {
		return ErrClosed
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	return classify(s.db.Checkpoint(dir, pebble.WithFlushedWAL()))
}

// Stats implements [Store].
func (s *store) Stats() Stats {
	if s.isClosed() {
		return Stats{}
	}
	m := s.db.Metrics()
	return Stats{
		DiskBytes:  int64(m.DiskSpaceUsage()),
		Tables:     m.Total().TablesCount,
		LogBytes:   int64(m.WAL.Size),
		MemoryUsed: m.BlockCache.Size + int64(m.MemTable.Size),
	}
}

// Close implements [Store].
func (s *store) Close() (err error) {
	if !s.shut() {
		return nil
	}
	defer s.cache.Unref()
	defer rescue(&err)
	if s.failure() != nil {
		return nil // the engine is stuck; what was answered is on disk
	}
	// So that nothing is left to replay: the next start is quick, and damage
	// to the end of a log cannot pass for a crash.
	ferr := classify(s.db.Flush())
	return errors.Join(ferr, classify(s.db.Close()))
}

var _ io.Closer = (*store)(nil)
