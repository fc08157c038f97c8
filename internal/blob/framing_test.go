package blob

import (
	"bytes"
	"slices"
	"testing"
)

// TestFramingVector pins the bytes of a segment: a store that was written
// once must be readable for ever.
func TestFramingVector(t *testing.T) {
	const volume = 0x0102030405060708
	h := encodeHeader(magicEntry, volume, entry{512, 3}, 0x2a2b2c2d)
	wantHeader := []byte("WRITBLB1\x01\x02\x03\x04\x05\x06\x07\x08" +
		"\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x03\x2a\x2b\x2c\x2d")
	if !bytes.Equal(h[:36], wantHeader) {
		t.Errorf("header is %q", h[:36])
	}
	got, err := decodeHeader(h[:], volume, 512)
	if err != nil || got != (header{entry: entry{512, 3}, sum: 0x2a2b2c2d}) {
		t.Errorf("header decodes to %+v, %v", got, err)
	}
	for _, wrong := range []struct{ volume, offset int64 }{{volume + 1, 512}, {volume, 1024}} {
		if _, err := decodeHeader(h[:], uint64(wrong.volume), wrong.offset); err == nil {
			t.Error("a header is good at another place")
		}
	}
	start := encodeStart(volume)
	if len(start) != 512 || string(start[:16]) != "WRITSEG1\x01\x02\x03\x04\x05\x06\x07\x08" || !isZero(start[16:]) {
		t.Errorf("start is %q", start)
	}
	entries := []entry{{512, 3}, {1024, 500}, {4096, 1}}
	table := encodeTable(volume, 8192, entries)
	if len(table) != headerSize+3*16+trailerSize || string(table[:8]) != "WRITTBL1" || string(table[88:96]) != "WRITEND1" {
		t.Errorf("table is %q", table)
	}
	offset, err := decodeTrailer(table[88:], volume, 8192+int64(len(table)))
	if err != nil || offset != 8192 {
		t.Errorf("trailer says %d, %v", offset, err)
	}
	back, err := decodeTable(table[:88], volume, 8192)
	if err != nil || !slices.Equal(back, entries) {
		t.Errorf("table decodes to %v, %v", back, err)
	}
	for _, bad := range [][]entry{{{512, 0}}, {{0, 10}}, {{512, 10}, {512, 10}}, {{512, 10}, {600, 10}}, {{8192, 1}}, {{512, MaxPut + 1}}} {
		b := encodeTable(volume, 8192, bad)
		if got, err := decodeTable(b[:len(b)-trailerSize], volume, 8192); err == nil {
			t.Errorf("an impossible table was read: %v", got)
		}
	}
}

// FuzzScan feeds any bytes to the scan of a segment: it must not panic, and
// what it finds must lie in order within the file.
func FuzzScan(f *testing.F) {
	const volume = 7
	b := encodeStart(volume)
	for _, n := range []int{1, 600, 100} {
		e := entry{int64(len(b)), int64(n)}
		h := encodeHeader(magicEntry, volume, e, 0)
		b = append(append(b, h[:]...), random(1, n)...)
		b = append(b, make([]byte, alignUp(int64(len(b)))-int64(len(b)))...)
	}
	f.Add(b)
	f.Add(append(slices.Clone(b), encodeTable(volume, int64(len(b)), []entry{{512, 1}})...))
	f.Add(b[:700])
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := scan(bytes.NewReader(b), volume, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		next := int64(startSize)
		for _, e := range found.entries {
			if e.offset < next || e.length < 1 || e.offset+headerSize+e.length > int64(len(b)) {
				t.Fatalf("entry %+v after %d in %d bytes", e, next, len(b))
			}
			next = e.offset + span(e.length)
		}
		if found.end != next {
			t.Fatalf("end is %d, want %d", found.end, next)
		}
	})
}
