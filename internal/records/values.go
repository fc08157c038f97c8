package records

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"

	"writ/internal/seal"
)

// values seals the value of every record with the record's key as additional
// data. A sealed value is 16 bytes of generation, then the box of [seal.Box].
// Each generation has a key of its own, derived from the store's key and the
// generation, and seals at most 2^28 values: far below the 2^32 at which
// random nonces come near to repeating (NIST SP 800-38D, 8.3).
type values struct {
	key *seal.Key

	mu      sync.RWMutex // guards boxes and current
	boxes   map[generation]*seal.Box
	current *writing
}

type generation [16]byte

// writing is the generation that new values are sealed under.
type writing struct {
	gen  generation
	box  *seal.Box
	left atomic.Int64
}

const (
	generationValues = 1 << 28
	generationsKept  = 4096 // boxes cached for reading
	valueOverhead    = len(generation{}) + seal.BoxOverhead
)

func newValues(key *seal.Key) *values {
	v := &values{key: key, boxes: map[generation]*seal.Box{}}
	v.turn(nil)
	return v
}

// turn begins a new generation, unless another did since old was seen.
func (v *values) turn(old *writing) *writing {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.current != old {
		return v.current
	}
	w := &writing{}
	rand.Read(w.gen[:])
	w.box = v.derive(w.gen)
	w.left.Store(generationValues)
	v.boxes[w.gen] = w.box
	v.current = w
	return w
}

func (v *values) derive(gen generation) *seal.Box {
	k := v.key.Derive(gen[:], "records value")
	defer k.Erase()
	return seal.NewBox(k)
}

// seal returns the sealed form of a value.
func (v *values) seal(key, value []byte) []byte {
	v.mu.RLock()
	w := v.current
	v.mu.RUnlock()
	for w.left.Add(-1) < 0 {
		w = v.turn(w)
	}
	out := make([]byte, 0, valueOverhead+len(value))
	out = append(out, w.gen[:]...)
	return w.box.Seal(out, value, key)
}

// open returns the value, or ErrCorrupt.
func (v *values) open(key, sealed []byte) ([]byte, error) {
	if len(sealed) < valueOverhead {
		return nil, corrupt(key)
	}
	gen := generation(sealed[:len(generation{})])
	v.mu.RLock()
	box := v.boxes[gen]
	v.mu.RUnlock()
	if box == nil {
		box = v.derive(gen)
		v.mu.Lock()
		if len(v.boxes) < generationsKept {
			v.boxes[gen] = box
		}
		v.mu.Unlock()
	}
	value, err := box.Open(make([]byte, 0, len(sealed)-valueOverhead), sealed[len(gen):], key)
	if err != nil {
		return nil, corrupt(key)
	}
	return value, nil
}

// corrupt names a record by a hash: its key may hold a customer's data.
func corrupt(key []byte) error {
	sum := sha256.Sum256(key)
	return fmt.Errorf("%w: record %x", ErrCorrupt, sum[:6])
}
