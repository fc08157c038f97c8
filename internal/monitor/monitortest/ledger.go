// Package monitortest makes ledgers for tests of who checks them: a log with
// its tiles, written into a folder, that can be honest or not, and customers
// whose journals its batches show. The log is made of others' code (x/mod's
// tlog, transparency-dev's notes), not of what it tests.
package monitortest

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"writ/internal/proof"
)

// Origin is that of every log made here.
const Origin = "ledger.quayside.example"

// Ledger is a log and its witnesses' keys.
type Ledger struct {
	Key       string // the log's verifier key
	Witnesses string // policy: two of three

	signer    note.Signer
	cosigners []note.Signer
	leaves    [][]byte
	hashes    []tlog.Hash
	now       time.Time
	batches   uint64
	policy    [32]byte // hash of the newest policy statement
	policies  int
	customers []*Customer
}

// New makes an empty log.
func New(now time.Time) (*Ledger, error) {
	l := &Ledger{now: now.UTC().Truncate(time.Second)}
	secret, key, err := note.GenerateKey(rand.Reader, Origin)
	if err != nil {
		return nil, err
	}
	l.Key = key
	if l.signer, err = note.NewSigner(secret); err != nil {
		return nil, err
	}
	var policy strings.Builder
	fmt.Fprintf(&policy, "log %s\n", key)
	for i := range 3 {
		secret, plain, err := note.GenerateKey(rand.Reader, fmt.Sprintf("witness%d.example", i))
		if err != nil {
			return nil, err
		}
		w, err := tnote.NewSignerForCosignatureV1(secret)
		if err != nil {
			return nil, err
		}
		key, err := tnote.VKeyToCosignatureV1(plain)
		if err != nil {
			return nil, err
		}
		l.cosigners = append(l.cosigners, w)
		fmt.Fprintf(&policy, "witness w%d %s https://witness%d.example\n", i, key, i)
	}
	l.Witnesses = policy.String() + "group most 2 w0 w1 w2\nquorum most\n"
	return l, nil
}

// Size is the number of leaves.
func (l *Ledger) Size() uint64 { return uint64(len(l.leaves)) }

// Clone is the log as it is: what is added to one is not in the other.
func (l *Ledger) Clone() *Ledger {
	out := *l
	out.leaves, out.hashes = l.leaves[:len(l.leaves):len(l.leaves)], l.hashes[:len(l.hashes):len(l.hashes)]
	return &out
}

// Add appends a leaf, whatever it says.
func (l *Ledger) Add(leaf []byte) (index uint64, err error) {
	added, err := tlog.StoredHashes(int64(len(l.leaves)), leaf, l)
	if err != nil {
		return 0, err
	}
	l.leaves, l.hashes = append(l.leaves, leaf), append(l.hashes, added...)
	return uint64(len(l.leaves) - 1), nil
}

// Say appends a statement of the next second.
func (l *Ledger) Say(kind string, body any) (index uint64, err error) {
	l.now = l.now.Add(time.Second)
	leaf, err := proof.Encode(kind, l.now, body)
	if err != nil {
		return 0, err
	}
	return l.Add(leaf)
}

// Policy appends a policy that follows the one before.
func (l *Ledger) Policy(change func(*proof.Policy)) (index uint64, err error) {
	p := proof.Policy{
		Origin: Origin, Interval: "1m0s", Slots: 16, Witnesses: "quorum none", Outside: []string{}, Custodians: []string{}, Packs: []string{}, TLSMin: "1.2",
	}
	if l.policies > 0 {
		p.Previous = l.policy[:]
	}
	if change != nil {
		change(&p)
	}
	index, err = l.Say(proof.KindPolicy, p)
	if err == nil {
		l.policies++
		l.policy = sum(l.leaves[index])
	}
	return index, err
}

// Batch appends a batch that shows where all customers' journals stand.
func (l *Ledger) Batch(change func(*proof.Batch)) (index uint64, err error) {
	slots := make([][32]byte, 16)
	for i := range slots {
		rand.Read(slots[i][:])
	}
	var filler [32]byte
	rand.Read(filler[:])
	heads := []proof.Head{{Label: slots[1]}, {Label: slots[2], Seq: 7, Head: slots[3]}}
	for _, c := range l.customers {
		h := c.heads[len(c.heads)-1]
		heads = append(heads, proof.Head{Label: c.label(), Seq: h.Seq, Head: h.Hash})
	}
	m, err := proof.NewHeadMap(filler, heads)
	if err != nil {
		return 0, err
	}
	slots[0] = m.Root()
	root := proof.SlotRoot(slots)
	l.batches++
	b := proof.Batch{N: l.batches, From: l.now, Slots: len(slots), Root: root[:]}
	if change != nil {
		change(&b)
	}
	if index, err = l.Say(proof.KindBatch, b); err != nil {
		return 0, err
	}
	for _, c := range l.customers {
		c.shown(b.N, index, m, slots)
	}
	return index, nil
}

// Receipt makes the receipt of a leaf.
func (l *Ledger) Receipt(index uint64) ([]byte, error) {
	path, err := tlog.ProveRecord(int64(len(l.leaves)), int64(index), l)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(path))
	for i := range path {
		hashes[i] = path[i][:]
	}
	signed, err := l.Checkpoint(2)
	if err != nil {
		return nil, err
	}
	r, err := proof.NewReceipt(l.leaves[index], index, hashes, signed)
	if err != nil {
		return nil, err
	}
	return r.Marshal()
}

// Checkpoint is signed by the log, and by so many of the witnesses.
func (l *Ledger) Checkpoint(cosigned int) ([]byte, error) {
	root, err := tlog.TreeHash(int64(len(l.leaves)), l)
	if err != nil {
		return nil, err
	}
	text := string(log.Checkpoint{Origin: Origin, Size: uint64(len(l.leaves)), Hash: root[:]}.Marshal())
	return note.Sign(&note.Note{Text: text}, append([]note.Signer{l.signer}, l.cosigners[:cosigned]...)...)
}

// Signer is the log's own: for who serves what was published as a server does.
func (l *Ledger) Signer() note.Signer { return l.signer }

// Publish writes checkpoint, tiles and entry bundles into a folder, beside what
// is there.
func (l *Ledger) Publish(dir string) error {
	n := int64(len(l.leaves))
	for _, t := range tlog.NewTiles(8, 0, n) {
		data, err := tlog.ReadTileData(t, l)
		if err == nil {
			err = write(dir, "tile/"+strings.TrimPrefix(t.Path(), "tile/8/"), data)
		}
		if err != nil {
			return err
		}
	}
	for first := int64(0); first < n; first += 256 {
		t := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(min(256, n-first))}
		var data []byte
		for _, leaf := range l.leaves[first : first+int64(t.W)] {
			data = append(binary.BigEndian.AppendUint16(data, uint16(len(leaf))), leaf...)
		}
		if err := write(dir, "tile/entries/"+strings.TrimPrefix(t.Path(), "tile/8/0/"), data); err != nil {
			return err
		}
	}
	signed, err := l.Checkpoint(2)
	if err != nil {
		return err
	}
	return write(dir, "checkpoint", signed)
}

func write(dir, name string, data []byte) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// ReadHashes implements [tlog.HashReader].
func (l *Ledger) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = l.hashes[n]
	}
	return out, nil
}
