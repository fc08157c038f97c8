package proof

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	tnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

const (
	maxCheckpoint = 64 << 10
	maxPolicy     = 64 << 10
	maxWitnesses  = 256
)

// Trust is what a verifier takes on nobody's word: it came by a way of its own,
// and is pinned.
type Trust struct {
	LogKey string // verifier key of the log (vkey), of any kind that signs checkpoints
	Policy string // witness policy; "" asks for no witness
	// MaxAge is how old the newest cosignature may be, by Now; 0 is any age.
	// Without witnesses nobody says when.
	MaxAge time.Duration
	Now    time.Time
}

// Verifier checks checkpoints and receipts of one log.
type Verifier struct {
	trust     Trust
	log       note.Verifier
	witnesses []note.Verifier
	policy    *witness.Group
}

// NewVerifier reads what is pinned. Errors: [ErrTrust].
func NewVerifier(t Trust) (*Verifier, error) {
	v := &Verifier{trust: t}
	key := strings.TrimSpace(t.LogKey)
	var err error
	if v.log, err = tnote.NewVerifier(key); err != nil || !hashed(key, v.log) {
		return nil, fmt.Errorf("%w: %.100q is not a log's verifier key", ErrTrust, t.LogKey)
	}
	if t.MaxAge > 0 && t.Now.IsZero() {
		return nil, fmt.Errorf("%w: an age is asked for, and no time is given", ErrTrust)
	}
	if t.Policy == "" {
		return v, nil
	}
	if err := v.readPolicy(t.Policy); err != nil {
		return nil, err
	}
	return v, nil
}

// NeedsWitness says whether a checkpoint that no witness cosigned is refused: a
// policy may name witnesses and still ask for none.
func (v *Verifier) NeedsWitness() bool { return v.policy != nil && !v.policy.Satisfied(nil) }

// hashed says whether a verifier key carries its own hash: what reads them does
// not look.
func hashed(vkey string, v note.Verifier) bool {
	return strings.HasPrefix(vkey, fmt.Sprintf("%s+%08x+", v.Name(), v.KeyHash()))
}

// readPolicy takes the witnesses' keys out of the policy as well: one key must
// not stand for two witnesses, and none be a member twice, which would count twice.
func (v *Verifier) readPolicy(text string) error {
	if len(text) > maxPolicy {
		return fmt.Errorf("%w: the policy has more than %d bytes", ErrTrust, maxPolicy)
	}
	seen, in := map[string]string{}, map[string]string{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) > 3 && fields[0] == "group" {
			for _, member := range fields[3:] {
				if group, twice := in[member]; twice {
					return fmt.Errorf("%w: %.100q is a member of the groups %.100q and %.100q, and would count twice", ErrTrust, member, group, fields[1])
				}
				in[member] = fields[1]
			}
		}
		if len(fields) < 3 || fields[0] != "witness" {
			continue
		}
		w, err := tnote.NewVerifierForCosignatureV1(fields[2])
		if err != nil || !hashed(fields[2], w) {
			return fmt.Errorf("%w: the key of witness %.100q is not one", ErrTrust, fields[1])
		}
		id := keyItself(fields[2])
		if other, twice := seen[id]; twice {
			return fmt.Errorf("%w: witnesses %.100q and %.100q have one key", ErrTrust, other, fields[1])
		}
		seen[id] = fields[1]
		v.witnesses = append(v.witnesses, w)
	}
	if len(v.witnesses) > maxWitnesses {
		return fmt.Errorf("%w: the policy has more than %d witnesses", ErrTrust, maxWitnesses)
	}
	group, err := witness.ParsePolicy([]byte(text))
	if err != nil {
		return fmt.Errorf("%w: the policy: %w", ErrTrust, err)
	}
	v.policy = &group
	return nil
}

// keyItself is the key of a verifier key that was read, whatever its name: of an
// Ed25519 key there are two kinds, which are one witness, and base64 has spellings.
func keyItself(vkey string) string {
	parts := strings.SplitN(vkey, "+", 3)
	b, _ := base64.StdEncoding.DecodeString(parts[2])
	return string(b[1:])
}

// Cosigned is a witness that cosigned a checkpoint, and when, as it says.
type Cosigned struct {
	Witness string    `json:"witness"`
	Time    time.Time `json:"time"`
}

// Checkpoint is a checkpoint that the log signed and enough witnesses cosigned.
type Checkpoint struct {
	Origin    string     `json:"origin"`
	Size      uint64     `json:"size"`
	Root      []byte     `json:"root"`
	Witnesses []Cosigned `json:"witnesses"` // those of the policy; the order is the note's
}

// Newest is the time of the newest cosignature; zero if there is none.
func (c Checkpoint) Newest() (t time.Time) {
	for _, w := range c.Witnesses {
		if w.Time.After(t) {
			t = w.Time
		}
	}
	return t
}

// Checkpoint verifies a signed checkpoint. Errors: [ErrForm], [ErrLog],
// [ErrWitnesses], [ErrStale].
func (v *Verifier) Checkpoint(signed []byte) (Checkpoint, error) {
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%w: a checkpoint of more than %d bytes", ErrForm, maxCheckpoint)
	}
	cp, _, n, err := log.ParseCheckpoint(signed, v.log.Name(), v.log, v.witnesses...)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w, %s", ErrLog, v.log.Name())
	}
	if len(cp.Hash) != 32 {
		return Checkpoint{}, fmt.Errorf("%w: the checkpoint's root has %d bytes", ErrForm, len(cp.Hash))
	}
	out := Checkpoint{Origin: cp.Origin, Size: cp.Size, Root: cp.Hash, Witnesses: []Cosigned{}}
	for _, s := range n.Sigs {
		if s.Name == v.log.Name() && s.Hash == v.log.KeyHash() {
			continue
		}
		at, err := tnote.CoSigV1Timestamp(s)
		if err != nil {
			return out, fmt.Errorf("%w: the time of a cosignature cannot be read", ErrForm)
		}
		out.Witnesses = append(out.Witnesses, Cosigned{s.Name, at.UTC()})
	}
	if v.policy != nil && !v.policy.Satisfied(signed) {
		return out, fmt.Errorf("%w: %s", ErrWitnesses, v.who(out.Witnesses))
	}
	if v.trust.MaxAge > 0 {
		switch newest := out.Newest(); {
		case newest.IsZero():
			return out, fmt.Errorf("%w: no witness says when it was made", ErrStale)
		case v.trust.Now.Sub(newest) > v.trust.MaxAge:
			return out, fmt.Errorf("%w: the newest cosignature is of %s", ErrStale, newest.Format(time.RFC3339))
		}
	}
	return out, nil
}

// who says which witnesses of the policy cosigned.
func (v *Verifier) who(got []Cosigned) string {
	names := make([]string, len(got))
	for i, c := range got {
		names[i] = c.Witness
	}
	if len(names) == 0 {
		return fmt.Sprintf("none of its %d witnesses cosigned", len(v.witnesses))
	}
	return fmt.Sprintf("of its %d witnesses only %s cosigned", len(v.witnesses), strings.Join(names, ", "))
}

// Verified is what a receipt proves.
type Verified struct {
	Checkpoint Checkpoint `json:"checkpoint"`
	Index      uint64     `json:"index"`
	Statement  Statement  `json:"statement"`        // the leaf
	Batch      *Batch     `json:"batch,omitempty"`  // its body, if it is one
	Hidden     *Statement `json:"hidden,omitempty"` // what a slot committed to
	Slot       int        `json:"slot,omitempty"`
	Head       *Head      `json:"-"` // a journal's head
}

// Receipt verifies a receipt. Errors: those of [Verifier.Checkpoint],
// [ErrInclusion], [ErrSlot].
func (v *Verifier) Receipt(r *Receipt) (Verified, error) {
	var out Verified
	p, path, err := r.tlogProof()
	if err != nil {
		return out, err
	}
	if out.Checkpoint, err = v.Checkpoint(p.Checkpoint); err != nil {
		return out, err
	}
	out.Index = p.Index
	leaf := rfc6962.DefaultHasher.HashLeaf(r.Statement)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, out.Checkpoint.Size, leaf, path, out.Checkpoint.Root); err != nil {
		return out, fmt.Errorf("%w: index %d of %d", ErrInclusion, p.Index, out.Checkpoint.Size)
	}
	if out.Statement, err = Decode(r.Statement); err != nil {
		return out, err
	}
	if out.Statement.Kind == KindBatch {
		out.Batch = new(Batch)
		if err := Unmarshal(out.Statement.Body, out.Batch); err != nil {
			return out, err
		}
	}
	if r.Hidden == nil {
		return out, nil
	}
	if out.Batch == nil {
		return out, fmt.Errorf("%w: the statement is no batch but a %s", ErrSlot, out.Statement.Kind)
	}
	return out, out.slot(r)
}

// slot checks what is shown of a batch's slot.
func (out *Verified) slot(r *Receipt) error {
	h := r.Hidden
	if h.Slots != out.Batch.Slots {
		return fmt.Errorf("%w: the batch has %d slots, not %d", ErrSlot, out.Batch.Slots, h.Slots)
	}
	value, err := out.value(r)
	if err != nil {
		return err
	}
	root, err := RootOfSlot(value, h.Slot, h.Slots, h.Path)
	if err != nil {
		return err
	}
	if !bytes.Equal(root[:], out.Batch.Root) {
		return fmt.Errorf("%w: slot %d of batch %d", ErrSlot, h.Slot, out.Batch.N)
	}
	out.Slot = h.Slot
	return nil
}

// value is what must stand in the slot.
func (out *Verified) value(r *Receipt) ([32]byte, error) {
	h := r.Hidden
	if r.Head == nil {
		if h.Slot == 0 {
			return [32]byte{}, fmt.Errorf("%w: slot 0 holds the journals' heads", ErrSlot)
		}
		if len(h.Salt) != 32 {
			return [32]byte{}, fmt.Errorf("%w: a salt of %d bytes", ErrForm, len(h.Salt))
		}
		s, err := DecodeHidden(h.Body)
		if err != nil {
			return [32]byte{}, err
		}
		out.Hidden = &s
		return Commitment([32]byte(h.Salt), h.Body), nil
	}
	if h.Slot != 0 {
		return [32]byte{}, fmt.Errorf("%w: the journals' heads are in slot 0, not %d", ErrSlot, h.Slot)
	}
	if len(r.Head.Label) != 32 || len(r.Head.Head) != 32 {
		return [32]byte{}, fmt.Errorf("%w: a journal head's label and hash have 32 bytes each", ErrForm)
	}
	out.Head = &Head{Label: [32]byte(r.Head.Label), Seq: r.Head.Seq, Head: [32]byte(r.Head.Head)}
	return RootOfHead(*out.Head, r.Head.Path)
}
