//go:build unix

package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	tnote "github.com/transparency-dev/formats/note"

	"writ"
	"writ/internal/proof"
)

// signsAll is somebody else's witness, as a transport: it cosigns whatever it
// is shown, while it is up.
type signsAll struct {
	signer note.Signer
	down   atomic.Bool
}

func (s *signsAll) RoundTrip(req *http.Request) (*http.Response, error) {
	if s.down.Load() {
		return nil, errors.New("nobody is there")
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	_, text, _ := bytes.Cut(body, []byte("\n\n"))
	text, _, _ = bytes.Cut(text, []byte("\n\n"))
	signed, err := note.Sign(&note.Note{Text: string(text) + "\n"}, s.signer)
	if err != nil {
		return nil, err
	}
	_, sigs, _ := bytes.Cut(signed, []byte("\n\n"))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(sigs)), Request: req}, nil
}

// survivor is a log in memory that outlives a crash of who uses it.
type survivor struct{ *Memory }

func (survivor) Close(context.Context) error { return nil }

// model is what a book should do, in a few lines.
type model struct {
	kind   map[string]string // of each statement, "" hidden; by id
	body   map[string]string // the first
	outbox []string          // hidden, in order
	queue  []modelLeaf
	in     map[string]uint64 // published hidden statements: their batch
	public map[string]bool   // published public ones
	frozen uint64
	proven map[string]bool // receipts that were verified since the last restart
}

type modelLeaf struct {
	public string
	batch  uint64
	hidden []string
}

// machine runs a book and its model.
type machine struct {
	*rig
	t       *rapid.T
	model   model
	witness *signsAll
	inner   survivor
	log     *Witnessed
	book    *Book
}

var modelIDs = rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"})

func (m *machine) reopen() {
	m.model.proven = map[string]bool{}
	if m.book != nil {
		m.book.Close()
		m.log.Close(context.Background())
	}
	c := m.witnessedConfig()
	c.HTTP, c.RetryLeast, c.RetryMost = &http.Client{Transport: m.witness}, time.Millisecond, time.Millisecond
	var err error
	m.log, err = OpenWitnessed(context.Background(), m.inner, c)
	m.must(err)
	config := m.config(m.log)
	config.Slots = 4
	m.book, err = OpenBook(context.Background(), config)
	m.must(err)
}

// commit writes a statement down, perhaps again, perhaps with another body.
func (m *machine) commit(*rapid.T) {
	id, body := modelIDs.Draw(m.t, "id"), fmt.Sprint(rapid.IntRange(0, 9).Draw(m.t, "body"))
	m.must(m.book.Commit(context.Background(), id, "key", body))
	if _, known := m.model.body[id]; !known {
		m.model.kind[id], m.model.body[id] = "", body
		m.model.outbox = append(m.model.outbox, id)
	}
}

func (m *machine) publishOne(*rapid.T) {
	id, body := modelIDs.Draw(m.t, "id"), fmt.Sprint(rapid.IntRange(0, 9).Draw(m.t, "body"))
	m.must(m.book.enqueue(context.Background(), id, proof.KindReport, body))
	if _, known := m.model.body[id]; !known {
		m.model.kind[id], m.model.body[id] = proof.KindReport, body
		m.model.queue = append(m.model.queue, modelLeaf{public: id})
	}
}

func (m *machine) tick(*rapid.T) {
	m.must(m.book.freeze(context.Background(), m.pass(time.Minute)))
	m.model.frozen++
	n := min(3, len(m.model.outbox))
	m.model.queue = append(m.model.queue, modelLeaf{batch: m.model.frozen, hidden: m.model.outbox[:n]})
	m.model.outbox = m.model.outbox[n:]
}

func (m *machine) clockBack(*rapid.T) {
	m.pass(-time.Duration(rapid.IntRange(1, 10).Draw(m.t, "minutes")) * time.Minute)
}

// drainSome publishes what is queued; while the witness is down it leaves one
// leaf in the log, unpublished.
func (m *machine) drainSome(*rapid.T) {
	if !m.witness.down.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		m.must(m.book.drain(ctx))
		m.published(len(m.model.queue))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	before, err := m.log.Checkpoint(ctx)
	m.must(err)
	size, err := SizeOf(before)
	m.must(err)
	if size > m.book.Status().Size { // published while nobody looked
		m.published(1)
	}
	for m.book.drain(ctx); m.book.Status().Size != size; m.book.drain(ctx) { // it was too slow to look
		again, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		ctx = again
	}
	if after, err := m.log.Checkpoint(context.Background()); err != nil || !bytes.Equal(before, after) {
		m.t.Fatalf("something was published while the witness was down: %v", err)
	}
}

// toggle takes the witness away or brings it back. What it was asked for before
// it goes it has answered.
func (m *machine) toggle(*rapid.T) {
	if !m.witness.down.Load() {
		eventually(m.rig.t, "the log doesn't publish", func() bool {
			size, err := m.log.Size(context.Background())
			return err == nil && m.log.Status().Size == size
		})
	}
	m.witness.down.Store(!m.witness.down.Load())
}

// published moves the first leaves of the model's queue.
func (m *machine) published(n int) {
	for _, leaf := range m.model.queue[:n] {
		if leaf.public != "" {
			m.model.public[leaf.public] = true
		}
		for _, id := range leaf.hidden {
			m.model.in[id] = leaf.batch
		}
	}
	m.model.queue = m.model.queue[n:]
}

func (m *machine) check(*rapid.T) {
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		rc, err := m.book.Receipt(context.Background(), id)
		body, known := m.model.body[id]
		batch, hidden := m.model.in[id]
		switch {
		case !known:
			if !errors.Is(err, ErrNoStatement) {
				m.t.Fatalf("%s was never written down: %v", id, err)
			}
		case !hidden && !m.model.public[id]:
			if !errors.Is(err, ErrPending) {
				m.t.Fatalf("%s is not published: %v", id, err)
			}
		case err != nil:
			m.t.Fatalf("%s is published: %v", id, err)
		case m.model.proven[id]:
		default:
			m.model.proven[id] = true
			v := m.verified(rc)
			said := v.Statement.Body
			if hidden {
				said = v.Hidden.Body
				if v.Batch.N != batch {
					m.t.Fatalf("%s is in batch %d, not %d", id, v.Batch.N, batch)
				}
			}
			var got string
			m.must(json.Unmarshal(said, &got))
			if got != body {
				m.t.Fatalf("%s says %q, not %q", id, got, body)
			}
		}
	}
	if s := m.book.Status(); s.Sticky != nil || s.Frozen != m.model.frozen {
		m.t.Fatalf("%+v, %d were made", s, m.model.frozen)
	}
}

// TestModel holds a book against a model of a few lines, through commits,
// publications, batches, outages, clocks that go back, and restarts in between.
func TestModel(t *testing.T) {
	t.Parallel()
	base := newRig(t)
	secret, plain, err := note.GenerateKey(rand.Reader, "witness.example")
	must(t, err)
	signer, err := tnote.NewSignerForCosignatureV1(secret)
	must(t, err)
	vkey, err := tnote.VKeyToCosignatureV1(plain)
	must(t, err)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		r := &rig{t: t, dir: filepath.Join(base.dir, fmt.Sprint(run)), secret: base.secret, vkey: base.vkey, records: newRecords(), clock: base.clock,
			heads: map[writ.CustomerID]JournalHead{}}
		r.policy = fmt.Sprintf("witness w %s https://witness.example\nquorum w\n", vkey)
		mem, err := NewMemory(r.signer())
		r.must(err)
		m := &machine{rig: r, t: rt, witness: &signsAll{signer: signer}, inner: survivor{mem}, model: model{
			kind: map[string]string{}, body: map[string]string{}, in: map[string]uint64{}, public: map[string]bool{}}}
		m.reopen()
		rt.Repeat(map[string]func(*rapid.T){
			"commit":  m.commit,
			"publish": m.publishOne,
			"batch":   m.tick,
			"drain":   m.drainSome,
			"clock":   m.clockBack,
			"restart": func(*rapid.T) { m.reopen() },
			"witness": m.toggle,
			"":        m.check,
		})
		m.witness.down.Store(false)
		for len(m.model.outbox) > 0 {
			m.tick(rt)
		}
		m.drainSome(rt)
		m.model.proven = map[string]bool{}
		m.check(rt)
		m.batches(m.log)
		m.book.Close()
		m.log.Close(context.Background())
	})
}
