package monitor

import (
	"crypto/sha256"
	"fmt"
	"time"

	"writ/internal/proof"
)

// Story is what a log's leaves say, folded in order. The zero value is that of
// an empty log.
type Story struct {
	Leaves          uint64    `json:"leaves"` // folded
	At              time.Time `json:"at"`     // of the last
	Batches         uint64    `json:"batches"`
	Batch           uint64    `json:"batch"`                      // number of the newest
	Late            uint64    `json:"late"`                       // batches that were published late
	LateOnes        []Late    `json:"late_ones"`                  // the newest of them
	Unwitnessed     uint64    `json:"unwitnessed,omitempty"`      // batches that say that something was opened without witnesses
	UnwitnessedOnes []Late    `json:"unwitnessed_ones,omitempty"` // the newest of them
	Back            uint64    `json:"clock_back"`                 // how often the clock went backwards
	Policies        uint64    `json:"policies"`                   // statements
	Policy          *InForce  `json:"policy"`                     // the newest
	Releases        uint64    `json:"releases"`                   // statements
	Reports         uint64    `json:"reports"`                    // statements
	Break           bool      `json:"break,omitempty"`            // the log goes on from another
}

// Late is a batch that was published late, or says something else of itself.
type Late struct {
	N  uint64    `json:"n"`
	At time.Time `json:"at"`
}

// maxLate is how many batches of one kind a story names.
const maxLate = 20

// InForce is a policy statement.
type InForce struct {
	Index     uint64       `json:"index"`
	Statement []byte       `json:"statement"`
	Policy    proof.Policy `json:"-"` // its body
	Since     time.Time    `json:"-"` // its time
}

// readPolicy reads a policy statement.
func readPolicy(index uint64, statement []byte) (*InForce, error) {
	s, err := proof.Decode(statement)
	if err != nil {
		return nil, err
	}
	p := &InForce{Index: index, Statement: statement, Since: s.At}
	if s.Kind != proof.KindPolicy {
		return nil, fmt.Errorf("%w: a %s is no policy", proof.ErrForm, s.Kind)
	}
	return p, proof.Unmarshal(s.Body, &p.Policy)
}

// fact is a leaf, as far as its place in the story needs it.
type fact struct {
	kind   string
	at     time.Time
	batch  proof.Batch // without its root
	policy *InForce    // without its index
}

// factOf reads a leaf. The shape in which servers write batches is read by hand:
// nearly all leaves are of that shape, and it is read ten times as fast.
func factOf(leaf []byte) (fact, error) {
	if f, ok := plainBatch(leaf); ok {
		return f, nil
	}
	s, err := proof.Decode(leaf)
	if err != nil {
		return fact{}, err
	}
	f := fact{kind: s.Kind, at: s.At}
	switch s.Kind {
	case proof.KindBatch:
		if err = proof.Unmarshal(s.Body, &f.batch); err == nil {
			err = checkBatch(&f.batch, len(f.batch.Root))
		}
		f.batch.Root = nil
	case proof.KindPolicy:
		f.policy, err = readPolicy(0, leaf)
	case proof.KindRelease:
		err = proof.Unmarshal(s.Body, new(proof.Release))
	}
	return f, err
}

// checkBatch checks what a batch says on its own.
func checkBatch(b *proof.Batch, root int) error {
	if b.Slots < 1 || b.Slots > proof.MaxSlots || root != 32 {
		return fmt.Errorf("%w: a batch of %d slots and a root of %d bytes", proof.ErrForm, b.Slots, root)
	}
	if b.Clock != "" && b.Clock != "back" {
		return fmt.Errorf("%w: a batch whose clock is %.20q", proof.ErrForm, b.Clock)
	}
	return nil
}

// add takes the next leaf.
func (s *Story) add(f fact) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: leaf %d %s", ErrStory, s.Leaves, fmt.Sprintf(format, args...))
	}
	if f.at.Before(s.At) {
		return refuse("is of %s, and the one before of %s", f.at.Format(time.RFC3339), s.At.Format(time.RFC3339))
	}
	switch f.kind {
	case proof.KindBatch:
		switch b := f.batch; {
		case b.N == 0 || s.Batches > 0 && b.N != s.Batch+1 || s.Batches == 0 && b.N != 1 && !s.Break:
			return refuse("is batch %d, and the one before was %d", b.N, s.Batch)
		case b.From.After(f.at):
			return refuse("is batch %d, which begins after it ends", b.N)
		case b.Late:
			s.Late++
			s.LateOnes = append(s.LateOnes[max(0, len(s.LateOnes)-maxLate+1):], Late{b.N, f.at})
		}
		if f.batch.Unwitnessed {
			s.Unwitnessed++
			s.UnwitnessedOnes = append(s.UnwitnessedOnes[max(0, len(s.UnwitnessedOnes)-maxLate+1):], Late{f.batch.N, f.at})
		}
		if f.batch.Clock == "back" {
			s.Back++
		}
		s.Batches, s.Batch = s.Batches+1, f.batch.N
	case proof.KindPolicy:
		if err := s.follow(f.policy); err != nil {
			return refuse("%s", err)
		}
		f.policy.Index = s.Leaves
		s.Policies, s.Policy = s.Policies+1, f.policy
		s.Break = s.Break || f.policy.Policy.Break != nil
	case proof.KindRelease:
		s.Releases++
	default:
		s.Reports++
	}
	s.Leaves, s.At = s.Leaves+1, f.at
	return nil
}

// follow checks that a policy follows the one before.
func (s *Story) follow(p *InForce) error {
	switch previous := p.Policy.Previous; {
	case s.Policy == nil && previous != nil && p.Policy.Break == nil: // after a break it may be in the old log
		return fmt.Errorf("is a policy that follows one which is not in the log")
	case s.Policy != nil && (len(previous) != 32 || [32]byte(previous) != sum256(s.Policy.Statement)):
		return fmt.Errorf("is a policy that doesn't name the one before, leaf %d", s.Policy.Index)
	case p.Policy.Break != nil && s.Leaves != 0:
		return fmt.Errorf("is a policy that tells of a break, and not the first leaf")
	}
	return nil
}

func sum256(b []byte) [32]byte { return sha256.Sum256(b) }
