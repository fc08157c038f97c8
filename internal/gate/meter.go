package gate

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"writ"
	"writ/internal/seal"
)

// meter opens the parts of one version and counts what is read of them.
type meter struct {
	o    *Opening
	key  *seal.Key
	blob writ.BlobID

	mu   sync.Mutex // guards below; not held while anything is read or written
	left int64      // bytes that may still be given out
	over bool
}

// end makes every reader dead and erases the key.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	m.key.Erase()
}

// open opens one part.
func (m *meter) open(part uint32, src io.ReaderAt, sealedSize int64) (io.ReadCloser, error) {
	s := seal.Stream{ID: m.blob, Part: part}
	r, err := m.reader(s, src, sealedSize)
	if err != nil {
		return nil, err
	}
	return &metered{m: m, section: r.Range(0, r.Size())}, nil
}

func (m *meter) reader(s seal.Stream, src io.ReaderAt, sealedSize int64) (*seal.Reader, error) {
	m.mu.Lock() // the key must not be erased meanwhile
	defer m.mu.Unlock()
	if m.over {
		return nil, ErrOver
	}
	r, err := seal.NewReader(src, sealedSize, m.key, s)
	if err == nil && r.Size() == 0 {
		err = verifyEmpty(m.key, s, src, sealedSize)
	}
	return r, err
}

// take counts n bytes of plaintext that are about to be given out, and returns
// how many of them may be.
func (m *meter) take(n int) (int, error) {
	if err := m.o.holds(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	if m.over {
		m.mu.Unlock()
		return 0, ErrOver
	}
	may := int(min(int64(n), m.left))
	m.left -= int64(may)
	m.mu.Unlock()
	m.o.mu.Lock()
	m.o.progress.Bytes += int64(may)
	m.o.mu.Unlock()
	if may < n {
		return may, fmt.Errorf("%w: the version has more bytes than the list says", ErrBudget)
	}
	return may, nil
}

// metered is one part in plaintext.
type metered struct {
	m       *meter
	section *seal.Section
}

// Read implements [io.Reader]. Nothing beyond what may be given out is left in
// p.
func (r *metered) Read(p []byte) (int, error) {
	if _, err := r.m.take(0); err != nil {
		return 0, err
	}
	n, err := r.section.Read(p)
	may, refused := r.m.take(n)
	if clear(p[may:n]); refused != nil {
		return may, refused
	}
	return n, err
}

// WriteTo implements [io.WriterTo]: chunks go to w as they are opened.
func (r *metered) WriteTo(w io.Writer) (int64, error) {
	if _, err := r.m.take(0); err != nil {
		return 0, err
	}
	return r.section.WriteTo(writerFunc(func(p []byte) (int, error) {
		may, refused := r.m.take(len(p))
		if may == 0 && refused != nil {
			return 0, refused
		}
		n, err := w.Write(p[:may])
		return n, errors.Join(err, refused)
	}))
}

// writerFunc is an [io.Writer].
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Close implements [io.Closer].
func (r *metered) Close() error { return r.section.Close() }
