package vault

import "sort"

// partsPerMark is how many parts stand between two marks of a partIndex: the
// number of records that a range may read before it finds its first part. A
// version of 10,000 parts has 79 marks, some 800 bytes.
const partsPerMark = 128

// A partMark says at which byte of the object every partsPerMark-th part
// begins, and what number it has: numbers may have gaps.
type partMark struct {
	Number uint16 `cbor:"1,keyasint"`
	Offset int64  `cbor:"2,keyasint"`
}

// A partIndex finds the part of a byte, or the part of an ordinal, without
// reading the list of all parts. It is kept in the version's record.
type partIndex []partMark

// add takes the next part in the object's order; ordinal counts from 0.
func (x *partIndex) add(ordinal int, number uint16, offset int64) {
	if ordinal%partsPerMark == 0 {
		*x = append(*x, partMark{Number: number, Offset: offset})
	}
}

// byOffset returns the last mark at or before the byte off. Empty parts share
// their offset with the part that follows; the first of them is as good.
func (x partIndex) byOffset(off int64) partMark {
	i := sort.Search(len(x), func(i int) bool { return x[i].Offset > off })
	return x[max(i-1, 0)]
}

// byOrdinal returns the mark at or before the part with that ordinal, counted
// from 0, and how many parts stand between.
func (x partIndex) byOrdinal(ordinal int) (mark partMark, skip int) {
	return x[ordinal/partsPerMark], ordinal % partsPerMark
}
