package proof

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// headDepth is the depth of the map of journal heads: a head's place is the
// first headDepth bits of its label.
const headDepth = 64

// manyHeads are worth another goroutine: a head takes 15 microseconds.
const manyHeads = 256

// Head is where a customer's journal stood when a batch was made.
type Head struct {
	Label [32]byte // of the customer; see [Label]
	Seq   uint64   // number of the newest entry; 0 if there is none
	Head  [32]byte // its hash
}

// Label is what a customer's head is found by in every batch of a log. Who has
// no key cannot tell whose it is.
func Label(key [32]byte, origin string) [32]byte {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte("writ/journal-label/v1\n" + origin))
	return [32]byte(m.Sum(nil))
}

func (h Head) place() uint64 { return binary.BigEndian.Uint64(h.Label[:]) }

func (h Head) hash() [32]byte {
	const domain = "\x00writ/journal-head/v1\n"
	b := make([]byte, 0, len(domain)+32+8+32)
	b = append(append(b, domain...), h.Label[:]...)
	b = binary.BigEndian.AppendUint64(b, h.Seq)
	return sha256.Sum256(append(b, h.Head[:]...))
}

func joined(left, right [32]byte) [32]byte {
	var b [65]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// ErrPlace: two labels have one place. With labels made by [Label] nobody will
// ever see it.
var ErrPlace = errors.New("two journal heads have one place in the map")

// HeadMap is the sparse Merkle tree over all customers' heads of one batch.
type HeadMap struct {
	filler [32]byte
	root   *headNode // nil if there is no head
}

// headNode is a subtree with one head or more. One with a single head keeps
// no nodes below: what is beside the head's way is empty.
type headNode struct {
	hash        [32]byte
	head        Head      // of a subtree with one
	left, right *headNode // of a subtree with more; nil where it is empty
	many        bool
}

// NewHeadMap makes the map. The filler key is the batch's own, 32 random
// bytes: empty subtrees are made from it, so that nobody can tell them from
// others, in this batch or against the next.
func NewHeadMap(filler [32]byte, heads []Head) (*HeadMap, error) {
	m := &HeadMap{filler: filler}
	sorted := slices.SortedFunc(slices.Values(heads), func(a, b Head) int { return cmp.Compare(a.place(), b.place()) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].place() == sorted[i-1].place() {
			return nil, ErrPlace
		}
	}
	m.root = m.build(0, sorted)
	return m, nil
}

// build makes the subtree at a depth that has exactly these heads.
func (m *HeadMap) build(depth int, heads []Head) *headNode {
	switch len(heads) {
	case 0:
		return nil
	case 1:
		return &headNode{head: heads[0], hash: m.chain(depth, heads[0], nil)}
	}
	first := heads[0].place()
	n, found := slices.BinarySearchFunc(heads, uint64(1), func(h Head, bit uint64) int { return cmp.Compare(bitAt(h.place(), depth), bit) })
	if !found {
		n = len(heads)
	}
	node := &headNode{many: true}
	var other sync.WaitGroup
	if left := func() { node.left = m.build(depth+1, heads[:n]) }; len(heads) < manyHeads {
		left()
	} else {
		other.Go(left)
	}
	node.right = m.build(depth+1, heads[n:])
	other.Wait()
	node.hash = joined(m.hashOf(node.left, depth+1, under(first, depth, 0)), m.hashOf(node.right, depth+1, under(first, depth, 1)))
	return node
}

// bitAt is the bit of a place that decides below a depth: 0 is left.
func bitAt(place uint64, depth int) uint64 { return place >> (headDepth - 1 - depth) & 1 }

// under is the first place of a child of the subtree at a depth in which a
// place lies.
func under(place uint64, depth int, bit uint64) uint64 {
	below := headDepth - 1 - depth // bits that the child leaves open
	return (place>>(below+1)<<1 | bit) << below
}

func (m *HeadMap) hashOf(n *headNode, depth int, first uint64) [32]byte {
	if n == nil {
		return m.empty(depth, first)
	}
	return n.hash
}

// empty is the hash of an empty subtree.
func (m *HeadMap) empty(depth int, first uint64) [32]byte {
	var b [32 + 1 + 8]byte
	copy(b[:], m.filler[:])
	b[32] = byte(depth)
	binary.BigEndian.PutUint64(b[33:], first)
	return sha256.Sum256(b[:])
}

// chain is the hash of the subtree at a depth in which h is alone. Each
// sibling on the way up from the leaf is given to beside, if there is one.
func (m *HeadMap) chain(depth int, h Head, beside func([32]byte)) [32]byte {
	hash, place := h.hash(), h.place()
	for d := headDepth - 1; d >= depth; d-- {
		bit := bitAt(place, d)
		sibling := m.empty(d+1, under(place, d, 1-bit))
		if beside != nil {
			beside(sibling)
		}
		if bit == 0 {
			hash = joined(hash, sibling)
		} else {
			hash = joined(sibling, hash)
		}
	}
	return hash
}

// Root is the map's root.
func (m *HeadMap) Root() [32]byte { return m.hashOf(m.root, 0, 0) }

// Path returns the head of a label and its 64 siblings from the leaf up; false
// if the map has no such head.
func (m *HeadMap) Path(label [32]byte) (Head, [][]byte, bool) {
	place := Head{Label: label}.place()
	var down [][32]byte // from the root
	n := m.root
	for depth := 0; n != nil; depth++ {
		if !n.many {
			if n.head.Label != label {
				return Head{}, nil, false
			}
			var path [][]byte
			m.chain(depth, n.head, func(s [32]byte) { path = append(path, s[:]) })
			for _, s := range slices.Backward(down) {
				path = append(path, s[:])
			}
			return n.head, path, true
		}
		next, other := n.left, n.right
		bit := bitAt(place, depth)
		if bit == 1 {
			next, other = other, next
		}
		down = append(down, m.hashOf(other, depth+1, under(place, depth, 1-bit)))
		n = next
	}
	return Head{}, nil, false
}

// RootOfHead is the root to which a path leads from a head.
func RootOfHead(h Head, path [][]byte) ([32]byte, error) {
	if len(path) != headDepth {
		return [32]byte{}, fmt.Errorf("%w: a head's path has %d hashes, not %d", ErrForm, len(path), headDepth)
	}
	if err := checkHashes(path); err != nil {
		return [32]byte{}, err
	}
	hash, place := h.hash(), h.place()
	for i, sibling := range path {
		if place>>i&1 == 0 {
			hash = joined(hash, [32]byte(sibling))
		} else {
			hash = joined([32]byte(sibling), hash)
		}
	}
	return hash, nil
}
