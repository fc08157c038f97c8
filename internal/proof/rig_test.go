package proof

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"
	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "ledger.harbour-clinic.example"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rig is a log in memory with two of three witnesses, made of others' code.
type rig struct {
	t         testing.TB
	leaves    [][]byte
	hashes    []tlog.Hash
	signer    note.Signer
	vkey      string
	witnesses []note.Signer
	policy    string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t}
	secret, vkey, err := note.GenerateKey(rand.Reader, origin)
	r.must(err)
	r.vkey = vkey
	r.signer, err = note.NewSigner(secret)
	r.must(err)
	var policy strings.Builder
	fmt.Fprintf(&policy, "log %s\n", vkey)
	for i := range 3 {
		secret, plain, err := note.GenerateKey(rand.Reader, fmt.Sprintf("witness%d.example", i))
		r.must(err)
		w, err := tnote.NewSignerForCosignatureV1(secret)
		r.must(err)
		r.witnesses = append(r.witnesses, w)
		vkey, err := tnote.VKeyToCosignatureV1(plain)
		r.must(err)
		fmt.Fprintf(&policy, "witness w%d %s https://witness%d.example\n", i, vkey, i)
	}
	r.policy = policy.String() + "group most 2 w0 w1 w2\nquorum most\n"
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = r.hashes[n]
	}
	return out, nil
}

func (r *rig) add(leaf []byte) (index uint64) {
	r.t.Helper()
	added, err := tlog.StoredHashes(int64(len(r.leaves)), leaf, tlog.HashReaderFunc(r.read))
	r.must(err)
	r.hashes = append(r.hashes, added...)
	r.leaves = append(r.leaves, leaf)
	return uint64(len(r.leaves) - 1)
}

// checkpoint is signed by the log and by so many witnesses.
func (r *rig) checkpoint(cosigned int) []byte {
	r.t.Helper()
	root, err := tlog.TreeHash(int64(len(r.leaves)), tlog.HashReaderFunc(r.read))
	r.must(err)
	signers := append([]note.Signer{r.signer}, r.witnesses[:cosigned]...)
	signed, err := note.Sign(&note.Note{Text: string(log.Checkpoint{Origin: origin, Size: uint64(len(r.leaves)), Hash: root[:]}.Marshal())}, signers...)
	r.must(err)
	return signed
}

func (r *rig) receipt(index uint64, cosigned int) *Receipt {
	r.t.Helper()
	hashes, err := tlog.ProveRecord(int64(len(r.leaves)), int64(index), tlog.HashReaderFunc(r.read))
	r.must(err)
	var path [][]byte
	for _, h := range hashes {
		path = append(path, h[:])
	}
	out, err := NewReceipt(r.leaves[index], index, path, r.checkpoint(cosigned))
	r.must(err)
	return out
}

func (r *rig) verifier() *Verifier {
	r.t.Helper()
	v, err := NewVerifier(Trust{LogKey: r.vkey, Policy: r.policy})
	r.must(err)
	return v
}

func random() (b [32]byte) {
	rand.Read(b[:])
	return b
}

// story puts a policy, a batch and more into the log, and returns receipts of
// each kind.
func (r *rig) story() (policy, hidden, head *Receipt) {
	r.t.Helper()
	leaf, err := Encode(KindPolicy, noon, Policy{Origin: origin, Interval: "1m0s", Slots: 16, Witnesses: r.policy, Outside: []string{}, Custodians: []string{}, Packs: []string{}, TLSMin: "1.2"})
	r.must(err)
	r.add(leaf)

	var heads []Head
	for i := range 40 {
		heads = append(heads, Head{Label: Label(random(), origin), Seq: uint64(i), Head: random()})
	}
	m, err := NewHeadMap(random(), heads)
	r.must(err)
	body, err := EncodeHidden("key", noon, map[string]string{"op": "rotate"})
	r.must(err)
	salt := random()
	slots := make([][32]byte, 16)
	for i := range slots {
		slots[i] = random()
	}
	slots[0], slots[5] = m.Root(), Commitment(salt, body)
	root := SlotRoot(slots)
	leaf, err = Encode(KindBatch, noon, Batch{N: 1, From: noon.Add(-time.Minute), Slots: 16, Root: root[:]})
	r.must(err)
	batch := r.add(leaf)
	for i := range 70 {
		leaf, err = Encode(KindBatch, noon, Batch{N: uint64(2 + i), From: noon, Slots: 16, Root: binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i))})
		r.must(err)
		r.add(leaf)
	}
	policy, hidden, head = r.receipt(0, 2), r.receipt(batch, 3), r.receipt(batch, 2)
	hidden.Hidden = &HiddenProof{Body: body, Salt: salt[:], Slot: 5, Slots: 16, Path: SlotPath(slots, 5)}
	h, path, ok := m.Path(heads[7].Label)
	if !ok {
		r.t.Fatal("a head that is in the map was not found")
	}
	head.Hidden = &HiddenProof{Slot: 0, Slots: 16, Path: SlotPath(slots, 0)}
	head.Head = &JournalProof{Label: h.Label[:], Seq: h.Seq, Head: h.Head[:], Path: path}
	return policy, hidden, head
}
