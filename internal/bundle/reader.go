package bundle

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"writ/internal/access"
	"writ/internal/proof"
	"writ/internal/seal"
)

// Reader reads a bundle from somebody who is not trusted. It holds one line.
type Reader struct {
	in   *bufio.Reader
	at   progress
	id   *seal.Identity
	next []access.Entry // opened, and not yet given
	head *access.Head   // behind the entry that was given last, while some of its segment are not
	done bool
	err  error
}

// Item is what a line of a bundle says: exactly one of the fields is set.
type Item struct {
	Entry *access.Entry
	Batch *Batch
	Lost  *Lost
	Gap   *Gap

	// Sealed is entries that the reader has no key for ([Reader.Unseal]): that
	// they are unbroken, and what batches show of them, is not checked.
	Sealed *Sealed
}

// Unseal has the reader open what is sealed to the customer's own key.
func (r *Reader) Unseal(id *seal.Identity) { r.id = id }

// NewReader reads a bundle's header. Errors: [ErrForm], [ErrCut],
// [access.ErrChain], those of r.
func NewReader(r io.Reader) (*Reader, error) {
	out := &Reader{in: bufio.NewReaderSize(r, maxLine)}
	b, err := out.line()
	if err != nil {
		return nil, err
	}
	var h Header
	if err := strict(b, &h); err != nil {
		return nil, err
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	out.at = begin(h)
	return out, nil
}

// Header is the bundle's.
func (r *Reader) Header() Header { return r.at.header }

// Head is where the chain stands behind what was read so far. In a gap its hash
// is zero, until a batch, an entry or the end says it.
func (r *Reader) Head() access.Head {
	if r.head != nil {
		return *r.head
	}
	return r.at.head
}

// Newest is the number of the newest batch that was read: FromBatch-1 before
// the first.
func (r *Reader) Newest() uint64 { return r.at.batch - 1 }

// Next returns what the next line says, and [io.EOF] behind the end. Errors:
// [ErrForm], [ErrCut], [ErrBatch], [ErrHead], [access.ErrChain],
// [access.ErrForm]; after one there is nothing more.
func (r *Reader) Next() (Item, error) {
	if r.err == nil && r.done {
		r.err = io.EOF
	}
	if r.err != nil {
		return Item{}, r.err
	}
	item, err := r.read()
	r.err = err
	return item, err
}

func (r *Reader) read() (Item, error) {
	if len(r.next) > 0 {
		e := r.next[0]
		r.next = r.next[1:]
		r.head = &access.Head{Seq: e.Seq, Hash: r.at.inside[e.Seq]}
		return Item{Entry: &e}, nil
	}
	r.head = nil
	b, err := r.line()
	if err != nil {
		return Item{}, err
	}
	if stored := plainEntry(b); stored != nil {
		return r.entry(stored)
	}
	var l line
	if err := strict(b, &l); err != nil {
		return Item{}, err
	}
	set := 0
	for _, there := range []bool{l.Entry != nil, l.Batch != nil, l.Lost != nil, l.Gap != nil, l.Sealed != nil, l.End != nil} {
		if there {
			set++
		}
	}
	switch {
	case set != 1:
		return Item{}, fmt.Errorf("%w: a line that says nothing, or two things", ErrForm)
	case l.Entry != nil:
		return r.entry(l.Entry)
	case l.Batch != nil:
		return Item{Batch: l.Batch}, r.at.took(l.Batch)
	case l.Lost != nil:
		return Item{Lost: l.Lost}, r.at.numbered(l.Lost.N)
	case l.Gap != nil:
		return Item{Gap: l.Gap}, r.at.dropped(*l.Gap)
	case l.Sealed != nil && r.id == nil:
		return Item{Sealed: l.Sealed}, r.at.passed(l.Sealed)
	case l.Sealed != nil:
		return r.unsealed(l.Sealed)
	}
	if err := r.at.ended(l.End); err != nil {
		return Item{}, err
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return Item{}, fmt.Errorf("%w: something follows its end", ErrForm)
	}
	r.done = true
	return Item{}, io.EOF
}

// unsealed opens a segment and gives its first entry.
func (r *Reader) unsealed(s *Sealed) (Item, error) {
	var all [][]byte
	err := access.OpenSealed(r.id, r.at.header.Customer, s.Segment, func(b []byte) error {
		all = append(all, bytes.Clone(b))
		return nil
	})
	if err != nil {
		return Item{}, fmt.Errorf("entries %d to %d: %w", s.From, s.To, err)
	}
	if r.next, err = r.at.opened(s, all); err != nil {
		return Item{}, err
	}
	return r.read()
}

func (r *Reader) entry(stored []byte) (Item, error) {
	e, err := r.at.entry(stored)
	return Item{Entry: &e}, err
}

// line reads a line without its end. It is valid until the next. Only one with a
// sealed segment may be long.
func (r *Reader) line() ([]byte, error) {
	b, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) && bytes.HasPrefix(b, []byte(`{"sealed":{`)) {
		b = bytes.Clone(b)
		for errors.Is(err, bufio.ErrBufferFull) && len(b) < maxSealed {
			var more []byte
			more, err = r.in.ReadSlice('\n')
			b = append(b, more...)
		}
	}
	switch {
	case err == nil:
		return b[:len(b)-1], nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: a line has more than %d bytes", ErrForm, len(b))
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it has no end", ErrCut)
	}
	return nil, fmt.Errorf("couldn't read the bundle: %w", err)
}

// plainEntry reads a line that is an entry as [Write] spells it, which most
// are; nil if it is another, or is spelled otherwise.
func plainEntry(b []byte) []byte {
	b, ok := bytes.CutPrefix(b, []byte(`{"entry":"`))
	if !ok {
		return nil
	}
	if b, ok = bytes.CutSuffix(b, []byte(`"}`)); !ok {
		return nil
	}
	stored := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(stored, b)
	if err != nil || n == 0 {
		return nil
	}
	return stored[:n]
}

func strict(b []byte, to any) error {
	if err := proof.Unmarshal(b, to); err != nil {
		return fmt.Errorf("%w: a line cannot be read", ErrForm)
	}
	return nil
}
