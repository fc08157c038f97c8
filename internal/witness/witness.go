// Package witness is both sides of the C2SP tlog-witness protocol
// (https://c2sp.org/tlog-witness): a small witness for any log that speaks it,
// and the client by which a log asks one.
//
// A witness remembers, for each log it is told of, the newest checkpoint that
// it cosigned, and cosigns another only if the log proves that it merely
// appended. So a log that shows two histories to two people needs a second
// set of witnesses, or a witness that lies.
//
// # What a witness keeps
//
// A witness lives in one folder ([Layout]): its key, one state file, and
// evidence. The state is on the disk, synced, before a cosignature of it is
// made. It is authenticated by the key: a state file that is damaged, missing
// or another's is an error at start, never an empty state. [Init] makes key and
// state; [Open] only reads them.
//
// # What it refuses
//
// [Witness.Add] answers a request with a cosignature or with one of the errors
// below. A checkpoint that the log signed and that doesn't fit what the witness
// cosigned is kept as a file of evidence ([Evidence]). [Client.Cosign] returns
// the same errors at the other end.
//
// What stays compatible: the protocol; the formats of key, state and evidence
// carry a version.
package witness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/time/rate"
)

// Why a witness doesn't cosign. Each is wrapped in a sentence that says more.
var (
	// ErrMalformed: the request is not one of the protocol (400).
	ErrMalformed = errors.New("malformed request")
	// ErrSignature: no signature by a key that is pinned for the log (403).
	ErrSignature = errors.New("the checkpoint is not signed by the log")
	// ErrUnknownLog: the witness has not been told of the log (404).
	ErrUnknownLog = errors.New("unknown log")
	// ErrFork: the log signed two trees of one size (409).
	ErrFork = errors.New("the log signed another tree of this size")
	// ErrInconsistent: it is not proven that the log merely appended (422).
	ErrInconsistent = errors.New("the consistency proof doesn't hold")
	// ErrTooFast: more checkpoints than a log makes (429).
	ErrTooFast = errors.New("too many checkpoints")
	// ErrRolledBack: the witness has cosigned more than it remembers, so its
	// state is an older copy, or its key is used twice (503).
	ErrRolledBack = errors.New("the witness has cosigned more than it remembers")
	// ErrUnavailable: the witness can't answer now (5xx, or no answer).
	ErrUnavailable = errors.New("the witness is not available")
)

// SizeError: the request's old size is not what the witness cosigned last
// (409 with text/x.tlog.size).
type SizeError struct{ Size uint64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the last checkpoint that was cosigned has size %d", e.Size)
}

// DefaultRate is how many checkpoints of one log are cosigned a second, with
// bursts of six times as many. Logs make one a second or fewer.
const DefaultRate = 10

// Options are what a witness is opened with.
type Options struct {
	Layout Layout
	Logs   []Log
	Rate   float64          // checkpoints of one log a second; 0 is [DefaultRate]
	Now    func() time.Time // nil is the clock
	Log    *slog.Logger     // nil is silence
}

// Witness is an open witness. All its methods may be called at once.
type Witness struct {
	key      *key
	store    *store
	evidence *evidence
	logs     map[string]*logState // by origin
	byHash   map[string]*logState // by hex SHA-256 of the origin
	lock     *os.File
	now      func() time.Time
	log      *slog.Logger

	mu     sync.Mutex // guards below
	last   int64      // the latest time that was given to a cosignature
	behind bool       // the clock is before last, and that was told
}

// logState is a log as the witness serves it.
type logState struct {
	Log
	turn       chan struct{} // holds one token: who has it decides on the log
	advances   *rate.Limiter // larger trees; only the log can make these
	repeats    *rate.Limiter // other texts for a tree that is cosigned
	rolledBack bool          // there is evidence of it; guarded by turn
}

// Open opens a witness that [Init] made, and locks its folder. Errors:
// [ErrNoKey], [ErrKey], [ErrNoState], [ErrState], [ErrInUse].
func Open(o Options) (*Witness, error) {
	k, err := readKey(o.Layout.Key)
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(o.Layout.Dir)
	if err != nil {
		return nil, err
	}
	w, err := open(o, k)
	if err != nil {
		lock.Close()
		return nil, err
	}
	w.lock = lock
	return w, nil
}

func open(o Options, k *key) (*Witness, error) {
	w := &Witness{key: k, now: o.Now, log: o.Log, logs: map[string]*logState{}, byHash: map[string]*logState{}}
	if w.now == nil {
		w.now = time.Now
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if w.store, err = openStore(o.Layout.state(), k); err != nil {
		return nil, err
	}
	if w.evidence, err = openEvidence(o.Layout.Evidence()); err != nil {
		return nil, err
	}
	w.last = w.store.lastTime()
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	for _, l := range o.Logs {
		s := &logState{
			Log: l, turn: make(chan struct{}, 1),
			advances: rate.NewLimiter(rate.Limit(o.Rate), max(1, int(6*o.Rate))),
			repeats:  rate.NewLimiter(rate.Limit(o.Rate), max(1, int(6*o.Rate))),
		}
		if s.rolledBack = w.evidence.has(RolledBack, l.Origin); s.rolledBack {
			w.log.Error(says[RolledBack]+"; nothing of this log is cosigned", "log", l.Origin)
		}
		s.turn <- struct{}{}
		w.logs[l.Origin] = s
		w.byHash[OriginHash(l.Origin)] = s
	}
	return w, nil
}

// Close unlocks the folder. There is nothing to save.
func (w *Witness) Close() error { return w.lock.Close() }

// VerifierKey is the witness's public key as a vkey (signed-note, type 0x04).
func (w *Witness) VerifierKey() string { return w.key.vkey }

// Logs is how many logs the witness serves.
func (w *Witness) Logs() int { return len(w.logs) }

// OriginHash names a log in the path of its latest checkpoint: the SHA-256 of
// its origin in lower-case hex.
func OriginHash(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

// Add decides on the body of an add-checkpoint request. What it returns is one
// signature line, made after the checkpoint was durable in the state. Requests
// for one log are decided one after the other. Errors: [ErrMalformed],
// [ErrUnknownLog], [ErrSignature], [SizeError], [ErrFork], [ErrInconsistent],
// [ErrTooFast], [ErrRolledBack], [ErrUnavailable].
func (w *Witness) Add(ctx context.Context, body []byte) ([]byte, error) {
	r, err := parseRequest(body)
	if err != nil {
		return nil, err
	}
	l, ok := w.logs[r.Origin]
	if !ok {
		return nil, fmt.Errorf("%w: %.200q", ErrUnknownLog, r.Origin)
	}
	if r.note, err = l.open(r.sent); err != nil {
		return nil, err
	}
	if r.old > r.Size {
		return nil, fmt.Errorf("%w: old size %d is larger than the checkpoint's %d", ErrMalformed, r.old, r.Size)
	}
	select {
	case <-l.turn:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: others ask for the same log", ErrUnavailable)
	}
	defer func() { l.turn <- struct{}{} }()
	return w.decide(l, r)
}

// decide has the log's turn.
func (w *Witness) decide(l *logState, r *request) ([]byte, error) {
	ours, known := w.store.get(l.Origin)
	if err := w.remembers(l, r, ours); err != nil {
		return nil, err
	}
	if known && r.Size == ours.Size && r.Root != ours.Root {
		w.keep(Fork, l, ours, r, r.note)
		if r.old == ours.Size {
			return nil, fmt.Errorf("%w: %d", ErrFork, r.Size)
		}
	}
	if r.old != ours.Size {
		return nil, &SizeError{ours.Size}
	}
	if err := r.follows(ours); err != nil {
		if known && r.Size > ours.Size {
			w.keep(Unproven, l, ours, r, r.note)
		}
		return nil, err
	}
	return w.cosign(l, ours, known, r)
}

// follows checks that the request's tree is the old one with leaves appended.
func (r *request) follows(ours head) error {
	if r.Size == 0 && !bytes.Equal(r.Root[:], rfc6962.DefaultHasher.EmptyRoot()) {
		return fmt.Errorf("%w: an empty tree has another root", ErrInconsistent)
	}
	root := ours.Root[:]
	if r.old == 0 {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, r.old, r.Size, r.proof, root, r.Root[:]); err != nil {
		return fmt.Errorf("%w: from %d to %d", ErrInconsistent, r.old, r.Size)
	}
	return nil
}

// cosign makes the checkpoint durable, then signs it.
func (w *Witness) cosign(l *logState, ours head, known bool, r *request) ([]byte, error) {
	next := head{checkpoint: r.checkpoint, Note: r.note, Time: w.time()}
	switch {
	case known && r.Size == ours.Size && r.text == ours.text && next.Time == ours.Time:
		return w.key.cosign(ours.Time, ours.text), nil // the same bytes as before; whoever asks costs no write
	case known && r.Size == ours.Size:
		if r.text != ours.text && !l.repeats.Allow() {
			return nil, fmt.Errorf("%w of one tree", ErrTooFast)
		}
	case !l.advances.Allow():
		return nil, fmt.Errorf("%w: wait a second", ErrTooFast)
	}
	if err := w.store.put(next); err != nil {
		w.log.Error("the state couldn't be written: nothing is cosigned", "log", l.Origin, "error", err.Error())
		return nil, fmt.Errorf("%w: its state couldn't be written", ErrUnavailable)
	}
	w.log.Debug("cosigned", "log", l.Origin, "size", r.Size)
	return w.key.cosign(next.Time, next.text), nil
}

// remembers checks that the request carries no cosignature of this witness's
// own on a tree that the state knows nothing of.
func (w *Witness) remembers(l *logState, r *request, ours head) error {
	if !l.rolledBack && (r.Size > ours.Size || r.Size == ours.Size && r.Root != ours.Root) {
		if n, err := note.Open(r.sent, note.VerifierList(w.key.verifier)); err == nil {
			l.rolledBack = true
			w.keep(RolledBack, l, ours, r, fmt.Sprintf("%s— %s %s\n", r.note, n.Sigs[0].Name, n.Sigs[0].Base64))
		}
	}
	if l.rolledBack {
		return fmt.Errorf("%w: %d", ErrRolledBack, ours.Size)
	}
	return nil
}

// time is the clock's, but never before the last that was given out.
func (w *Witness) time() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now().Unix()
	if now < w.last {
		if !w.behind {
			w.log.Warn("the clock went backwards: cosignatures carry the last time until it has caught up",
				"clock", time.Unix(now, 0).UTC(), "last", time.Unix(w.last, 0).UTC())
		}
		w.behind = true
		return w.last
	}
	w.behind, w.last = false, now
	return now
}

// Latest is the newest checkpoint of a log that the witness cosigned, with the
// log's signatures and the cosignature; nil if there is none. The log is named
// by its [OriginHash]. Errors: [ErrUnknownLog].
func (w *Witness) Latest(originHash string) ([]byte, error) {
	l, ok := w.byHash[originHash]
	if !ok {
		return nil, ErrUnknownLog
	}
	h, ok := w.store.get(l.Origin)
	if !ok {
		return nil, nil
	}
	return w.cosigned(h), nil
}

// cosigned is a head's note with the cosignature that was given for it: the
// same bytes, since Ed25519 is deterministic.
func (w *Witness) cosigned(h head) []byte {
	return append([]byte(h.Note), w.key.cosign(h.Time, h.text)...)
}
