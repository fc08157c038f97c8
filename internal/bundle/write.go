package bundle

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"writ/internal/access"
)

// Write writes a bundle: entries with numbers above h.After, up to the head, and
// the batches from h.FromBatch on, as far as they show no later entry; both in
// order. A batch without a path is one that is lost. Entries that are missing before the first are written as a gap; none
// may be missing behind it. It reads no further in either than it writes, and
// holds one of each. Nothing is written that [Reader] would refuse: a journal
// that is not unbroken, or a batch that shows another, is an error, and the
// bundle stays without an end.
func Write(w io.Writer, h Header, head access.Head, entries iter.Seq2[access.Entry, error], batches iter.Seq2[Batch, error]) error {
	if err := h.check(); err != nil {
		return err
	}
	out := &writer{out: bufio.NewWriterSize(w, maxLine), at: begin(h), upTo: head}
	next, stop := iter.Pull2(batches)
	defer stop()
	out.batches = next
	if err := out.run(entries); err != nil {
		return err
	}
	if err := out.out.Flush(); err != nil {
		return fmt.Errorf("couldn't write the bundle: %w", err)
	}
	return nil
}

type writer struct {
	out     *bufio.Writer
	at      progress
	upTo    access.Head
	batches func() (Batch, error, bool)
	ahead   *Batch // read and not written
	stored  []byte
}

func (w *writer) run(entries iter.Seq2[access.Entry, error]) error {
	if err := w.line(w.at.header); err != nil {
		return err
	}
	if w.at.head.Seq < w.upTo.Seq {
		for e, err := range entries {
			var sealed *Sealed
			if errors.As(err, &sealed) {
				err = w.sealed(sealed)
			} else if err == nil {
				err = w.entry(&e)
			}
			if err != nil {
				return err
			}
			if w.at.head.Seq >= w.upTo.Seq {
				break
			}
		}
	}
	if w.at.head.Seq < w.upTo.Seq { // nothing of it is kept any more
		if err := w.dropTo(w.upTo.Seq); err != nil {
			return err
		}
	}
	if err := w.due(); err != nil {
		return err
	}
	end := End{Seq: w.upTo.Seq, Head: w.upTo.Hash[:], Batches: w.at.batch - 1}
	if err := w.at.ended(&end); err != nil {
		return err
	}
	return w.line(line{End: &end})
}

func (w *writer) entry(e *access.Entry) error {
	if e.Seq > w.at.head.Seq+1 {
		if err := w.dropTo(e.Seq - 1); err != nil {
			return err
		}
	}
	if err := w.due(); err != nil {
		return err
	}
	w.stored = e.Append(w.stored[:0])
	if _, err := w.at.entry(w.stored); err != nil {
		return err
	}
	return w.line(line{Entry: w.stored})
}

// errMovedOn: a segment was closed meanwhile that reaches beyond the head.
var errMovedOn = errors.New("the journal moved on while it was read; ask again")

// sealed writes a sealed segment.
func (w *writer) sealed(s *Sealed) error {
	if s.To > w.upTo.Seq {
		return errMovedOn
	}
	if err := w.due(); err != nil {
		return err
	}
	if err := w.at.passed(s); err != nil {
		return err
	}
	return w.line(line{Sealed: s})
}

// dropTo writes the gap up to an entry.
func (w *writer) dropTo(to uint64) error {
	if err := w.due(); err != nil {
		return err
	}
	g := Gap{From: w.at.head.Seq + 1, To: to}
	if err := w.at.dropped(g); err != nil {
		return err
	}
	return w.line(line{Gap: &g})
}

// due writes the batches that belong where the chain stands.
func (w *writer) due() error {
	for {
		if w.ahead == nil {
			b, err, ok := w.batches()
			if !ok {
				return nil
			}
			if err != nil {
				return err
			}
			w.ahead = &b
		}
		if w.ahead.Path == nil {
			if err := w.lost(); err != nil {
				return err
			}
			continue
		}
		if w.ahead.Seq > w.at.head.Seq {
			return nil
		}
		if err := w.at.took(w.ahead); err != nil {
			return err
		}
		if err := w.line(line{Batch: w.ahead}); err != nil {
			return err
		}
		w.ahead = nil
	}
}

// lost writes that the batch ahead is lost.
func (w *writer) lost() error {
	l := Lost{N: w.ahead.N, Index: w.ahead.Index}
	w.ahead = nil
	if err := w.at.numbered(l.N); err != nil {
		return err
	}
	return w.line(line{Lost: &l})
}

// line writes one line.
func (w *writer) line(v any) error {
	b, err := json.Marshal(v)
	if l, ok := v.(line); err == nil && (len(b) >= maxSealed || len(b) >= maxLine && (!ok || l.Sealed == nil)) {
		err = errors.New("a line is too long")
	}
	if err == nil {
		_, err = w.out.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("couldn't write the bundle: %w", err)
	}
	return nil
}
