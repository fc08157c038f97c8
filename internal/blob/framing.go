package blob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A segment is a file named by its volume, 16 hex digits and ".seg":
//
//	0       start: magic "WRITSEG1", volume, zero up to 512
//	512     entry, zero up to a multiple of 512
//	…       entry, …
//	        table, trailer; only in a sealed segment, at the end of the file
//
// An entry is a header of 40 bytes and the blob:
//
//	magic "WRITBLB1" | volume | place | length | CRC-32C of the blob (4) | CRC-32C of the header before (4)
//
// All numbers are big-endian, of 8 bytes where nothing else is said; place is
// the offset of the header in the file, so that a header is good only where
// it was written. The table has the same header with the magic "WRITTBL1" and
// lists offset and length of every entry in order; after it, without padding,
// the file ends in the trailer:
//
//	magic "WRITEND1" | volume | place of the table | CRC-32C of the trailer before (4)
//
// The table makes a segment's content certain: an entry that it lists and
// whose header does not match is damaged. In an open segment there may be
// holes, where a writer reserved room and was killed, and behind the last
// entry room that was allocated and not used; both read as zeros.
const (
	entryAlign  = 512
	headerSize  = 40
	trailerSize = 28
	startSize   = entryAlign
)

var (
	magicStart   = []byte("WRITSEG1")
	magicEntry   = []byte("WRITBLB1")
	magicTable   = []byte("WRITTBL1")
	magicTrailer = []byte("WRITEND1")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// entry is one blob in a segment.
type entry struct {
	offset int64 // of the header
	length int64 // of the blob, without the header
}

func (e entry) ref(volume uint64) Ref {
	return Ref{Kind: Segment, Volume: volume, Offset: e.offset, Length: e.length}
}

// span is how many bytes an entry with a blob of length bytes takes.
func span(length int64) int64 { return alignUp(headerSize + length) }

func alignUp(n int64) int64 { return (n + entryAlign - 1) &^ (entryAlign - 1) }

// header is the decoded front of an entry or the table.
type header struct {
	table bool
	entry
	sum uint32 // CRC-32C of what follows
}

func encodeHeader(magic []byte, volume uint64, e entry, sum uint32) [headerSize]byte {
	var h [headerSize]byte
	copy(h[:8], magic)
	binary.BigEndian.PutUint64(h[8:], volume)
	binary.BigEndian.PutUint64(h[16:], uint64(e.offset))
	binary.BigEndian.PutUint64(h[24:], uint64(e.length))
	binary.BigEndian.PutUint32(h[32:], sum)
	binary.BigEndian.PutUint32(h[36:], crc32.Checksum(h[:36], castagnoli))
	return h
}

// errHeader reports bytes that are no header of this place.
var errHeader = errors.New("entry header does not match")

// decodeHeader decodes b, of at least headerSize bytes, as the header that
// lies at offset in volume.
func decodeHeader(b []byte, volume uint64, offset int64) (header, error) {
	b = b[:headerSize]
	table := bytes.Equal(b[:8], magicTable)
	if !table && !bytes.Equal(b[:8], magicEntry) ||
		crc32.Checksum(b[:36], castagnoli) != binary.BigEndian.Uint32(b[36:]) ||
		binary.BigEndian.Uint64(b[8:]) != volume ||
		binary.BigEndian.Uint64(b[16:]) != uint64(offset) {
		return header{}, errHeader
	}
	h := header{table, entry{offset, int64(binary.BigEndian.Uint64(b[24:]))}, binary.BigEndian.Uint32(b[32:])}
	if h.length < 0 || !table && (h.length == 0 || h.length > MaxPut) {
		return header{}, errHeader
	}
	return h, nil
}

func encodeStart(volume uint64) []byte {
	b := make([]byte, startSize)
	copy(b, magicStart)
	binary.BigEndian.PutUint64(b[8:], volume)
	return b
}

func checkStart(b []byte, volume uint64) error {
	if !bytes.Equal(b, encodeStart(volume)) {
		return errors.New("start of the segment does not match")
	}
	return nil
}

// encodeTable returns the table of entries, to lie at offset, with the
// trailer: all that follows the last entry of a sealed segment.
func encodeTable(volume uint64, offset int64, entries []entry) []byte {
	body := make([]byte, 0, 16*len(entries))
	for _, e := range entries {
		body = binary.BigEndian.AppendUint64(body, uint64(e.offset))
		body = binary.BigEndian.AppendUint64(body, uint64(e.length))
	}
	h := encodeHeader(magicTable, volume, entry{offset, int64(len(body))}, crc32.Checksum(body, castagnoli))
	b := append(h[:], body...)
	trailer := len(b)
	b = append(b, magicTrailer...)
	b = binary.BigEndian.AppendUint64(b, volume)
	b = binary.BigEndian.AppendUint64(b, uint64(offset))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[trailer:], castagnoli))
}

// errUnsealed reports a segment that does not end in a trailer.
var errUnsealed = errors.New("segment has no table")

// decodeTrailer returns the place of the table in a segment of size bytes.
func decodeTrailer(b []byte, volume uint64, size int64) (int64, error) {
	if !bytes.Equal(b[:8], magicTrailer) ||
		crc32.Checksum(b[:24], castagnoli) != binary.BigEndian.Uint32(b[24:]) ||
		binary.BigEndian.Uint64(b[8:]) != volume {
		return 0, errUnsealed
	}
	offset := int64(binary.BigEndian.Uint64(b[16:]))
	if offset < startSize || offset > size-trailerSize-headerSize {
		return 0, errUnsealed
	}
	return offset, nil
}

// decodeTable decodes the table that lies at offset: b is its header and
// body, up to the trailer.
func decodeTable(b []byte, volume uint64, offset int64) ([]entry, error) {
	h, err := decodeHeader(b, volume, offset)
	if err != nil || !h.table {
		return nil, errors.New("header of the table does not match")
	}
	body := b[headerSize:]
	if h.length != int64(len(body)) || len(body)%16 != 0 || crc32.Checksum(body, castagnoli) != h.sum {
		return nil, errors.New("table does not match")
	}
	entries := make([]entry, 0, len(body)/16)
	next := int64(startSize)
	for ; len(body) > 0; body = body[16:] {
		e := entry{int64(binary.BigEndian.Uint64(body)), int64(binary.BigEndian.Uint64(body[8:]))}
		if e.offset < next || e.length <= 0 || e.length > MaxPut || e.offset+span(e.length) > offset {
			return nil, fmt.Errorf("table lists an impossible entry at %d", e.offset)
		}
		next = e.offset + span(e.length)
		entries = append(entries, e)
	}
	return entries, nil
}
