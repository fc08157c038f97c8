package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"
	"unicode/utf8"

	"writ"
)

// MaxList is the most items of one list.
const MaxList = 1_000_000

const listDomain = "writ/list/v1\n"

// ListDigest names an exact list of versions, in its order: SHA-256 of
// "writ/list/v1\n", how many there are (8 bytes) and of each its bucket, key and
// version (each with its length before it, 4 bytes), blob (16), size (8), the
// second (8) and nanosecond (4) it was made, and its tags: how many (4), and
// each key and value by bytewise order of the keys, with lengths. Integers are
// big-endian.
func ListDigest(items []Item) [32]byte {
	h := sha256.New()
	h.Write([]byte(listDomain))
	space := binary.BigEndian.AppendUint64(nil, uint64(len(items)))
	for _, i := range items {
		space = i.hash(h, space)
	}
	h.Write(space)
	return [32]byte(h.Sum(nil))
}

// hash adds an item behind what is in space, and leaves that empty.
func (i Item) hash(h hash.Hash, b []byte) []byte {
	text := func(s string) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
	text(string(i.Bucket))
	text(string(i.Key))
	text(string(i.Version))
	b = append(b, i.Blob[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(i.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(i.Made.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(i.Made.Nanosecond()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(i.Tags)))
	if len(i.Tags) > 0 {
		for _, k := range slices.Sorted(maps.Keys(i.Tags)) {
			text(k)
			text(i.Tags[k])
		}
	}
	h.Write(b)
	return b[:0]
}

// CheckList says whether a list can be opened as one: it has items, none of
// them twice, and each is a version. It returns how many bytes it has. Errors:
// [ErrForm].
func CheckList(items []Item) (size int64, err error) {
	if len(items) == 0 || len(items) > MaxList {
		return 0, bad("a list has 1 to %d versions, not %d", MaxList, len(items))
	}
	seen := make(map[writ.BlobID]bool, len(items))
	for n, i := range items {
		if err := i.check(); err != nil {
			return 0, fmt.Errorf("version %d of the list: %w", n, err)
		}
		if seen[i.Blob] {
			return 0, bad("version %d of the list is there before", n)
		}
		seen[i.Blob] = true
		if size += i.Size; size > MaxBytes {
			return 0, bad("the list has more than %d bytes", int64(MaxBytes))
		}
	}
	return size, nil
}

func (i Item) check() error {
	name := func(s string, most int) bool { return s != "" && len(s) <= most && utf8.ValidString(s) }
	switch {
	case !name(string(i.Bucket), 63) || !name(string(i.Key), 1024) || !name(string(i.Version), 64):
		return bad("its bucket, key or version is missing or too long")
	case i.Blob == writ.BlobID{}:
		return bad("it names no blob")
	case i.Size < 0 || i.Size > MaxBytes:
		return bad("it has %d bytes", i.Size)
	case i.Made.IsZero():
		return bad("it doesn't say when it was made")
	case len(i.Tags) > 50:
		return bad("it has %d tags", len(i.Tags))
	}
	return nil
}
