package proof

import "testing"

// FuzzReceipt: whatever a stranger hands over as a receipt, reading and
// verifying it ends, and proves nothing that the log did not sign.
func FuzzReceipt(f *testing.F) {
	r := newRig(f)
	policy, hidden, head := r.story()
	for _, receipt := range []*Receipt{policy, hidden, head} {
		file, err := receipt.Marshal()
		r.must(err)
		f.Add(file)
	}
	other := newRig(f)
	v := other.verifier()
	f.Fuzz(func(t *testing.T, file []byte) {
		receipt, err := ParseReceipt(file)
		if err != nil {
			return
		}
		if got, err := v.Receipt(receipt); err == nil {
			t.Fatalf("a log that signed nothing proves %+v", got)
		}
	})
}

// FuzzStatement: what Decode reads, it reads in one way.
func FuzzStatement(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"batch","at":"2026-11-23T12:00:00Z","body":{}}`))
	f.Fuzz(func(t *testing.T, leaf []byte) {
		s, err := Decode(leaf)
		if err == nil && (s.V != 1 || !public(s.Kind) || len(leaf) > MaxStatement) {
			t.Fatalf("%q is read as %+v", leaf, s)
		}
	})
}

// FuzzPolicy: no policy text makes a verifier fail but with an error.
func FuzzPolicy(f *testing.F) {
	r := newRig(f)
	f.Add(r.policy)
	signed := func() []byte { r.add([]byte("leaf")); return r.checkpoint(0) }()
	f.Fuzz(func(t *testing.T, policy string) {
		v, err := NewVerifier(Trust{LogKey: r.vkey, Policy: policy})
		if err == nil {
			_, _ = v.Checkpoint(signed)
		}
	})
}
