package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// scanned is what a scan of an unsealed segment found.
type scanned struct {
	entries []entry
	end     int64   // behind the last entry
	damages []error // framing that no crash explains
}

// scan reads the framing of a segment that has no table. A crash leaves holes
// where a writer had reserved room, and they read as zeros: from there scan
// goes on by the step of the alignment until a header matches. Anything but a
// header or zeros right behind an entry is damage. An entry that is cut off by
// the end of the file was being written.
func scan(f io.ReaderAt, volume uint64, size int64) (scanned, error) {
	found := scanned{end: startSize}
	damage := func(offset int64, reason string) {
		found.damages = append(found.damages, &DamageError{Ref{Kind: Segment, Volume: volume, Offset: offset}, reason})
	}
	in := window{src: f, size: size}
	start, err := in.at(0, startSize)
	if err != nil {
		return found, err
	}
	if err := checkStart(start, volume); err != nil {
		damage(0, err.Error())
	}
	behind := true // the place is right behind an entry
	for offset := int64(startSize); offset+headerSize <= size; {
		b, err := in.at(offset, headerSize)
		if err != nil {
			return found, err
		}
		h, err := decodeHeader(b, volume, offset)
		switch {
		case err == nil && h.table && behind:
			return found, nil // a seal that a crash interrupted
		case err == nil && !h.table && offset+headerSize+h.length <= size:
			found.entries = append(found.entries, h.entry)
			offset += span(h.length)
			found.end = offset
			behind = true
			continue
		case behind && err != nil && !isZero(b):
			damage(offset, errHeader.Error())
		}
		behind = false
		offset += entryAlign
	}
	return found, nil
}

// window reads a file in larger pieces than it is asked for.
type window struct {
	src    io.ReaderAt
	size   int64
	buf    [64 << 10]byte
	offset int64 // of buf in the file
	n      int   // valid bytes in buf
}

// at returns n bytes at offset, with zeros for what lies behind the end. They
// are valid until the next call.
func (w *window) at(offset int64, n int) ([]byte, error) {
	if offset < w.offset || offset+int64(n) > w.offset+int64(w.n) {
		clear(w.buf[:])
		w.offset, w.n = offset, len(w.buf)
		_, err := w.src.ReadAt(w.buf[:min(int64(len(w.buf)), w.size-offset)], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			w.n = 0
			return nil, fmt.Errorf("couldn't read segment: %w", err)
		}
	}
	from := int(offset - w.offset)
	return w.buf[from : from+n], nil
}

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// readTable reads the table of a sealed segment. It returns errUnsealed if
// the file does not end in a trailer.
func readTable(f *os.File, volume uint64) ([]entry, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size < startSize+headerSize+trailerSize {
		return nil, errUnsealed
	}
	var trailer [trailerSize]byte
	if _, err := f.ReadAt(trailer[:], size-trailerSize); err != nil {
		return nil, fmt.Errorf("couldn't read segment: %w", err)
	}
	offset, err := decodeTrailer(trailer[:], volume, size)
	if err != nil {
		return nil, err
	}
	table := make([]byte, size-trailerSize-offset)
	if _, err := f.ReadAt(table, offset); err != nil {
		return nil, fmt.Errorf("couldn't read segment: %w", err)
	}
	return decodeTable(table, volume, offset)
}
