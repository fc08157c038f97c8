package cryptfs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"writ"
	"writ/internal/seal"
)

// Logs are kept otherwise than tables: as a tail of package seal, in frames,
// each authenticated. Pebble takes the first damaged record of a log for its
// end, as after a crash in the middle of a write; what lay behind it would be
// silently gone, and with the manifest's whole tables. Here a frame that a
// crash tore is the end of the log, as before, but a frame that was changed is
// an error.

// logKind says how a log is written, and so how its end is judged. It stands
// in the header, as the part number of the tail's stream.
type logKind uint32

const (
	// manifest: one frame a write. Its space is never reserved ahead, so a
	// torn write makes it shorter and nothing else; a last frame that is whole
	// and does not open was changed.
	manifest logKind = 1
	// wal: one frame a sync, each durable before the next is written. Its
	// space is written with zeros ahead, so what a power cut tears may be
	// whole in length, and torn anywhere; but nothing that opens lies behind
	// it. What does not open and is followed by a frame that does was changed.
	wal logKind = 2
)

// kindOf tells logs from other files, when they are created.
func kindOf(name string) (logKind, bool) {
	base := filepath.Base(name)
	switch {
	case strings.HasPrefix(base, "MANIFEST-"):
		return manifest, true
	case strings.HasSuffix(base, ".log"):
		return wal, true
	}
	return 0, false
}

// ErrDamaged: a frame of a log was changed.
var ErrDamaged = errors.New("a log of the records is damaged")

// isLog says whether a header is that of a tail.
func isLog(header []byte) bool {
	return string(header[:8]) == "WRIT\x00\x01T\n"
}

func (f *FS) createLog(inner vfs.File, kind logKind) (vfs.File, error) {
	l := &logWriter{File: inner, kind: kind, ahead: newAhead(inner, kind == wal && writtenInPlace(inner))}
	var err error
	if l.out, err = seal.NewTailWriter(l.ahead, f.key, seal.Stream{ID: writ.NewBlobID(), Part: uint32(kind)}); err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return l, nil
}

// logWriter is a log that is being written.
type logWriter struct {
	vfs.File
	kind logKind

	mu      sync.Mutex // guards all below
	out     *seal.TailWriter
	ahead   *ahead
	pending []byte // of a write-ahead log: what the next sync writes
	failed  error  // a frame may lie there in part: nothing may follow it
}

// Write implements [io.Writer].
func (l *logWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := 0
	for len(p) > 0 {
		chunk := p[:min(len(p), seal.MaxTailRecord-len(l.pending))]
		l.pending = append(l.pending, chunk...)
		if l.kind == manifest || len(l.pending) == seal.MaxTailRecord {
			if err := l.flush(l.kind == wal); err != nil {
				return done, err
			}
		}
		done += len(chunk)
		p = p[len(chunk):]
	}
	return done, l.failed
}

// flush writes what is pending as one frame, and makes it durable if asked.
func (l *logWriter) flush(durable bool) error {
	if l.failed == nil && len(l.pending) > 0 {
		l.failed = l.out.Append(l.pending)
		clear(l.pending)
		l.pending = l.pending[:0]
	}
	if l.failed == nil && durable {
		l.failed = l.File.SyncData()
	}
	return l.failed
}

// SyncData implements [vfs.File].
func (l *logWriter) SyncData() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flush(true)
}

// Sync implements [vfs.File].
func (l *logWriter) Sync() error { return l.SyncData() }

// SyncTo implements [vfs.File]. Offsets of the content are not those of the
// file, so all of it is synced.
func (l *logWriter) SyncTo(int64) (bool, error) { return true, l.SyncData() }

// Close implements [io.Closer].
func (l *logWriter) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.flush(l.kind == wal && len(l.pending) > 0)
	l.ahead.end()
	return errors.Join(err, l.File.Close())
}

// Preallocate implements [vfs.File] by doing nothing: what is allocated and
// not written costs each sync more than what is appended.
func (l *logWriter) Preallocate(int64, int64) error { return nil }

// Read implements [io.Reader] by refusing: a log is written or read, never both.
func (l *logWriter) Read([]byte) (int, error) { return 0, ErrReuse }

// ReadAt implements [io.ReaderAt] by refusing.
func (l *logWriter) ReadAt([]byte, int64) (int, error) { return 0, ErrReuse }

// WriteAt implements [io.WriterAt] by refusing.
func (l *logWriter) WriteAt([]byte, int64) (int, error) { return 0, ErrReuse }

// Prefetch implements [vfs.File].
func (l *logWriter) Prefetch(int64, int64) error { return nil }

// logReader is a log that is being read.
type logReader struct {
	vfs.File
	kind logKind

	mu    sync.Mutex // guards all below
	in    *seal.TailReader
	plain []byte // of the frame that is being read
	ended error
}

func (f *FS) openLog(inner vfs.File, header []byte) (vfs.File, error) {
	s := seal.Stream{ID: writ.BlobID(header[8:24]), Part: binary.BigEndian.Uint32(header[24:])}
	l := &logReader{File: inner, kind: logKind(s.Part)}
	var err error
	l.in, err = seal.OpenTail(bufio.NewReaderSize(inner, 256<<10), f.key, s)
	if errors.Is(err, seal.ErrTruncated) { // the crash came before the header was whole
		l.ended = io.EOF
		return l, nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrDamaged, err), inner.Close())
	}
	return l, nil
}

// Read implements [io.Reader].
func (l *logReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.plain) == 0 {
		if l.ended != nil {
			return 0, l.ended
		}
		var err error
		if l.plain, err = l.in.Next(); err != nil {
			l.plain, l.ended = nil, l.judge(err)
		}
	}
	n := copy(p, l.plain)
	l.plain = l.plain[n:]
	return n, nil
}

// judge says what an end means.
func (l *logReader) judge(err error) error {
	changed := errors.Is(err, seal.ErrTail)
	if !changed && !errors.Is(err, io.EOF) {
		return err
	}
	switch l.kind {
	case wal:
		later, rerr := l.later()
		if rerr != nil {
			return rerr
		}
		if later {
			return fmt.Errorf("%w: what lies behind frame %d opens, and the frame doesn't", ErrDamaged, l.in.Count())
		}
	default:
		wiped, rerr := l.wiped()
		switch {
		case rerr != nil:
			return rerr
		case changed:
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		case wiped:
			return fmt.Errorf("%w: a frame was wiped", ErrDamaged)
		}
	}
	return io.EOF
}

// wiped says whether the log ends in the zeros of space that was never
// reserved.
func (l *logReader) wiped() (bool, error) {
	var front [8]byte
	n, err := l.File.ReadAt(front[:], l.in.Offset())
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n == len(front) && front == [8]byte{}, err
}

// later says whether behind the end there is a frame that opens.
func (l *logReader) later() (bool, error) {
	const (
		whole  = seal.MaxTailRecord + 4<<10 // more than any frame
		window = 4 << 20
	)
	buf := make([]byte, window+whole)
	for at := l.in.Offset(); ; at += window {
		n, err := l.File.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if l.in.Later(buf[:n]) {
			return true, nil
		}
		if n < len(buf) {
			return false, nil
		}
	}
}

// ReadAt implements [io.ReaderAt] by refusing: logs are read in order.
func (l *logReader) ReadAt([]byte, int64) (int, error) {
	return 0, errors.New("logs are read in order")
}

// Write implements [io.Writer] by refusing.
func (l *logReader) Write([]byte) (int, error) { return 0, ErrReuse }

// WriteAt implements [io.WriterAt] by refusing.
func (l *logReader) WriteAt([]byte, int64) (int, error) { return 0, ErrReuse }

// Prefetch implements [vfs.File].
func (l *logReader) Prefetch(int64, int64) error { return nil }

var (
	_ vfs.File = (*logWriter)(nil)
	_ vfs.File = (*logReader)(nil)
)
