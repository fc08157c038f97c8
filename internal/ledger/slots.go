package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"writ/internal/proof"
)

// fillerDomain keeps the whole input in one block of SHA-256.
const fillerDomain = "writ/slot/v1\n"

// filler is what stands in a slot without a statement: SHA-256(domain ‖ seed ‖
// slot (4)), with a seed that never leaves the records. The input has one
// length, so this is a pseudorandom function of the slot for who doesn't know
// the seed, and nobody tells its values from commitments. It is what lets a
// batch of 1,024 slots be kept in a hundred bytes.
func filler(seed [32]byte, slot int) [32]byte {
	var b [len(fillerDomain) + 32 + 4]byte
	copy(b[:], fillerDomain)
	copy(b[len(fillerDomain):], seed[:])
	binary.BigEndian.PutUint32(b[len(fillerDomain)+32:], uint32(slot))
	return sha256.Sum256(b[:])
}

// mapFiller is the filler key of the batch's map of heads: that of the slot in
// which no filler ever stands.
func (r *batchRecord) mapFiller() [32]byte { return filler(r.Seed, 0) }

// slots are all values of the batch.
func (r *batchRecord) slots() ([][32]byte, error) {
	if r.Slots < 1 || r.Slots > proof.MaxSlots || len(r.Commits) != 32*len(r.Used) {
		return nil, fmt.Errorf("%w: the slots of a batch", ErrRecords)
	}
	all := make([][32]byte, r.Slots)
	all[0] = r.Heads
	for i := 1; i < len(all); i++ {
		all[i] = filler(r.Seed, i)
	}
	for i, slot := range r.Used {
		if slot < 1 || slot >= len(all) {
			return nil, fmt.Errorf("%w: the slots of a batch", ErrRecords)
		}
		all[slot] = [32]byte(r.Commits[32*i:])
	}
	return all, nil
}

// drawSlots draws n different slots of 1 to slots-1, each equally likely, in
// the order in which they were drawn.
func drawSlots(n, slots int) []int {
	free := make([]int, slots-1)
	for i := range free {
		free[i] = i + 1
	}
	for i := range n {
		j := i + draw(len(free)-i)
		free[i], free[j] = free[j], free[i]
	}
	return free[:n]
}

// draw is a random number below n.
func draw(n int) int {
	var b [8]byte
	limit := ^uint64(0) - ^uint64(0)%uint64(n)
	for {
		rand.Read(b[:])
		if v := binary.BigEndian.Uint64(b[:]); v < limit {
			return int(v % uint64(n))
		}
	}
}
