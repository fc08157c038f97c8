package proof

import (
	"crypto/sha256"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// MaxSlots bounds the slots of a batch.
const MaxSlots = 1 << 16

const commitmentDomain = "writ/commitment/v1\n"

// Commitment is what stands in a slot for a hidden statement. The salt is 32
// random bytes that are used once.
func Commitment(salt [32]byte, statement []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(commitmentDomain))
	h.Write(salt[:])
	h.Write(statement)
	return [32]byte(h.Sum(nil))
}

// SlotRoot is the Merkle tree hash of a batch's slots (RFC 6962, 2.1).
func SlotRoot(slots [][32]byte) [32]byte {
	switch n := len(slots); n {
	case 0:
		return [32]byte(rfc6962.DefaultHasher.EmptyRoot())
	case 1:
		var leaf [33]byte // RFC 6962's prefix 0, without an allocation for each slot
		copy(leaf[1:], slots[0][:])
		return sha256.Sum256(leaf[:])
	default:
		k := split(n)
		return joined(SlotRoot(slots[:k]), SlotRoot(slots[k:]))
	}
}

// SlotPath is the audit path of slot i (RFC 6962, 2.1.1).
func SlotPath(slots [][32]byte, i int) [][]byte {
	if len(slots) < 2 {
		return nil
	}
	k := split(len(slots))
	var path [][]byte
	var sibling [32]byte
	if i < k {
		path, sibling = SlotPath(slots[:k], i), SlotRoot(slots[k:])
	} else {
		path, sibling = SlotPath(slots[k:], i-k), SlotRoot(slots[:k])
	}
	return append(path, sibling[:])
}

// split is the largest power of two below n.
func split(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// RootOfSlot is the root to which a path leads from a slot's value.
func RootOfSlot(value [32]byte, i, n int, path [][]byte) ([32]byte, error) {
	if n < 1 || n > MaxSlots || i < 0 || i >= n {
		return [32]byte{}, fmt.Errorf("%w: slot %d of %d", ErrSlot, i, n)
	}
	if err := checkHashes(path); err != nil {
		return [32]byte{}, err
	}
	root, err := proof.RootFromInclusionProof(rfc6962.DefaultHasher, uint64(i), uint64(n), rfc6962.DefaultHasher.HashLeaf(value[:]), path)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: the path has %d hashes", ErrSlot, len(path))
	}
	return [32]byte(root), nil
}

func checkHashes(path [][]byte) error {
	for _, h := range path {
		if len(h) != sha256.Size {
			return fmt.Errorf("%w: a hash of %d bytes", ErrForm, len(h))
		}
	}
	return nil
}
