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

// Logs are kept otherwise than tables: as a tail of package seal, one frame
// for each write, each authenticated. Pebble takes the first damaged record of
// a log for its end, as after a crash in the middle of a write; what lay
// behind it would be silently gone, and with the manifest's whole tables. Here
// a frame that ends too early is a torn write, as before, but a frame that was
// changed is an error.

// logKind says how the end of a log is judged. It stands in the header, as the
// part number of the tail's stream.
type logKind uint32

const (
	// manifest: its space is never reserved ahead, so a torn write makes it
	// shorter and nothing else; a last frame that is whole and does not open
	// was changed.
	manifest logKind = 1
	// wal: its space is reserved ahead and reads as zeros, so a write that a
	// power cut tore may be whole in length; a last frame that does not open,
	// with nothing behind it, is taken for one.
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

// logFile is a log: either being written or being read, never both.
type logFile struct {
	vfs.File
	out *seal.TailWriter

	mu    sync.Mutex // guards the reading position
	in    *seal.TailReader
	kind  logKind
	plain []byte // of the frame that is being read
	ended error
}

func (f *FS) createLog(inner vfs.File, kind logKind) (vfs.File, error) {
	out, err := seal.NewTailWriter(inner, f.key, seal.Stream{ID: writ.NewBlobID(), Part: uint32(kind)})
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return &logFile{File: inner, out: out, kind: kind}, nil
}

// isLog says whether a header is that of a tail.
func isLog(header []byte) bool {
	return string(header[:8]) == "WRIT\x00\x01T\n"
}

func (f *FS) openLog(inner vfs.File, header []byte) (vfs.File, error) {
	s := seal.Stream{ID: writ.BlobID(header[8:24]), Part: binary.BigEndian.Uint32(header[24:])}
	l := &logFile{File: inner, kind: logKind(s.Part)}
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

// Write implements [io.Writer].
func (l *logFile) Write(p []byte) (int, error) {
	if l.out == nil {
		return 0, ErrReuse
	}
	done := 0
	for len(p) > 0 {
		chunk := p[:min(len(p), seal.MaxTailRecord)]
		if err := l.out.Append(chunk); err != nil {
			l.out = nil // half a frame may lie there: nothing may follow it
			return done, err
		}
		done += len(chunk)
		p = p[len(chunk):]
	}
	return done, nil
}

// Read implements [io.Reader].
func (l *logFile) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.plain) == 0 {
		if l.ended != nil {
			return 0, l.ended
		}
		if l.in == nil {
			return 0, ErrReuse // it is being written
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
func (l *logFile) judge(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		if gap, rerr := l.gap(); rerr != nil {
			return rerr
		} else if gap {
			return fmt.Errorf("%w: a frame was wiped", ErrDamaged)
		}
	case errors.Is(err, seal.ErrTail):
		if torn, rerr := l.torn(err); rerr == nil && torn {
			return io.EOF
		}
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// gap says whether the log ends in zeros where it must not: a manifest, whose
// space is never reserved, at all; a write-ahead log, with something behind
// them.
func (l *logFile) gap() (bool, error) {
	var front [8]byte
	n, err := l.File.ReadAt(front[:], l.in.Offset())
	if n < len(front) || front != [8]byte{} {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return false, err // the bytes end, or a frame is torn
	}
	if l.kind == manifest {
		return true, nil
	}
	zeros, err := l.zerosFrom(l.in.Offset() + int64(len(front)))
	return !zeros, err
}

// torn says whether the frame that did not open is the last write of a log
// whose space was reserved: nothing but zeros lies behind it.
func (l *logFile) torn(why error) (bool, error) {
	if l.kind != wal {
		return false, nil
	}
	at := l.in.Offset() + 8
	if !errors.Is(why, seal.ErrTailLength) {
		var length [4]byte
		if _, err := l.File.ReadAt(length[:], l.in.Offset()); err != nil {
			return false, err
		}
		at += int64(binary.BigEndian.Uint32(length[:]))
	}
	return l.zerosFrom(at)
}

// zerosFrom says whether nothing but zeros lies from there to the end.
func (l *logFile) zerosFrom(at int64) (bool, error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := l.File.ReadAt(buf, at)
		for _, b := range buf[:n] {
			if b != 0 {
				return false, nil
			}
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		at += int64(n)
	}
}

// ReadAt implements [io.ReaderAt] by refusing: logs are read in order.
func (l *logFile) ReadAt([]byte, int64) (int, error) {
	return 0, errors.New("logs are read in order")
}

// WriteAt implements [io.WriterAt] by refusing.
func (l *logFile) WriteAt([]byte, int64) (int, error) { return 0, ErrReuse }

// Prefetch implements [vfs.File].
func (l *logFile) Prefetch(int64, int64) error { return nil }

// SyncTo implements [vfs.File]. Offsets of the content are not those of the
// file, so all of it is synced.
func (l *logFile) SyncTo(int64) (bool, error) {
	return true, l.File.SyncData()
}

var _ vfs.File = (*logFile)(nil)
