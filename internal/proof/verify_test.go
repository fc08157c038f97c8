package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	tproof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func TestReceipts(t *testing.T) {
	r := newRig(t)
	policy, hidden, head := r.story()
	for name, receipt := range map[string]*Receipt{"policy": policy, "hidden": hidden, "head": head} {
		file, err := receipt.Marshal()
		r.must(err)
		again, err := ParseReceipt(file)
		r.must(err)
		if !reflect.DeepEqual(again, receipt) {
			t.Errorf("%s: the receipt reads otherwise than it was written", name)
		}
		got, err := r.verifier().Receipt(again)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Checkpoint.Origin != origin || got.Checkpoint.Size != 72 || len(got.Checkpoint.Witnesses) < 2 {
			t.Errorf("%s: proven under %+v", name, got.Checkpoint)
		}
		switch name {
		case "policy":
			if got.Statement.Kind != KindPolicy || got.Batch != nil {
				t.Errorf("%+v", got)
			}
		case "hidden":
			if got.Hidden == nil || got.Hidden.Kind != "key" || got.Slot != 5 || got.Batch.N != 1 {
				t.Errorf("%+v", got)
			}
		case "head":
			if got.Head == nil || got.Head.Seq != 7 || got.Hidden != nil {
				t.Errorf("%+v", got)
			}
		}
	}
}

// TestStranger verifies receipts with transparency-dev's and the Go project's
// code, and a page of docs/ledger.md: with nothing of this package.
func TestStranger(t *testing.T) {
	r := newRig(t)
	_, hidden, head := r.story()
	for _, receipt := range []*Receipt{hidden, head} {
		file, err := receipt.Marshal()
		r.must(err)
		var in struct {
			Statement []byte
			Proof     string
			Hidden    struct {
				Body, Salt  []byte
				Slot, Slots int64
				Path        [][]byte
			}
			Head struct {
				Label, Head []byte
				Seq         uint64
				Path        [][]byte
			}
		}
		r.must(json.Unmarshal(file, &in))
		var p tproof.TLogProof
		r.must(p.Unmarshal([]byte(in.Proof)))
		v, err := note.NewVerifier(r.vkey)
		r.must(err)
		n, err := note.Open(p.Checkpoint, note.VerifierList(v))
		r.must(err)
		tree, err := tlog.ParseTree([]byte(strings.Replace(n.Text, origin, "go.sum database tree", 1)))
		r.must(err)
		var path tlog.RecordProof
		for _, h := range p.Hashes {
			path = append(path, h)
		}
		r.must(tlog.CheckRecord(path, tree.N, tree.Hash, int64(p.Index), tlog.RecordHash(in.Statement)))

		var batch struct {
			Body struct {
				Slots int64
				Root  []byte
			}
		}
		r.must(json.Unmarshal(in.Statement, &batch))
		value := sha256.Sum256(append(append([]byte("writ/commitment/v1\n"), in.Hidden.Salt...), in.Hidden.Body...))
		if in.Head.Label != nil {
			leaf := append([]byte("\x00writ/journal-head/v1\n"), in.Head.Label...)
			leaf = append(binary.BigEndian.AppendUint64(leaf, in.Head.Seq), in.Head.Head...)
			value = sha256.Sum256(leaf)
			for i, sibling := range in.Head.Path {
				pair := [][]byte{{1}, value[:], sibling}
				if in.Head.Label[7-i/8]>>(i%8)&1 == 1 {
					pair[1], pair[2] = pair[2], pair[1]
				}
				value = sha256.Sum256(bytes.Join(pair, nil))
			}
		}
		path = nil
		for _, h := range in.Hidden.Path {
			path = append(path, tlog.Hash(h))
		}
		r.must(tlog.CheckRecord(path, batch.Body.Slots, tlog.Hash(batch.Body.Root), in.Hidden.Slot, tlog.RecordHash(value[:])))
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	policy, hidden, head := r.story()
	other := newRig(t)
	for name, c := range map[string]struct {
		trust  Trust
		change func() *Receipt
		want   error
	}{
		"another log's key":  {Trust{LogKey: other.vkey}, func() *Receipt { return policy }, ErrLog},
		"one witness of two": {Trust{}, func() *Receipt { return r.receipt(0, 1) }, ErrWitnesses},
		"other witnesses":    {Trust{Policy: other.policy}, func() *Receipt { return policy }, ErrWitnesses},
		"a day old":          {Trust{MaxAge: time.Hour, Now: time.Now().Add(24 * time.Hour)}, func() *Receipt { return policy }, ErrStale},
		"nobody says when":   {Trust{MaxAge: time.Hour, Now: time.Now(), Policy: "quorum none\n"}, func() *Receipt { return policy }, ErrStale},
		"wrong index": {Trust{}, func() *Receipt {
			c := *policy
			c.Proof = strings.Replace(c.Proof, "index 0\n", "index 2\n", 1)
			return &c
		}, ErrInclusion},
		"index beyond the log": {Trust{}, func() *Receipt {
			c := *policy
			c.Proof = strings.Replace(c.Proof, "index 0\n", "index 9000\n", 1)
			return &c
		}, ErrInclusion},
		"another statement": {Trust{}, func() *Receipt {
			c := *policy
			c.Statement = hidden.Statement
			return &c
		}, ErrInclusion},
		"tampered body": {Trust{}, func() *Receipt {
			c, h := *hidden, *hidden.Hidden
			h.Body = bytes.Replace(h.Body, []byte("rotate"), []byte("rotten"), 1)
			c.Hidden = &h
			return &c
		}, ErrSlot},
		"another slot": {Trust{}, func() *Receipt {
			c, h := *hidden, *hidden.Hidden
			h.Slot = 6
			c.Hidden = &h
			return &c
		}, ErrSlot},
		"fewer slots": {Trust{}, func() *Receipt {
			c, h := *hidden, *hidden.Hidden
			h.Slots = 8
			c.Hidden = &h
			return &c
		}, ErrSlot},
		"hidden in a policy": {Trust{}, func() *Receipt {
			c := *policy
			c.Hidden = hidden.Hidden
			return &c
		}, ErrSlot},
		"an earlier head": {Trust{}, func() *Receipt {
			c, h := *head, *head.Head
			h.Seq--
			c.Head = &h
			return &c
		}, ErrSlot},
		"a short head path": {Trust{}, func() *Receipt {
			c, h := *head, *head.Head
			h.Path = h.Path[1:]
			c.Head = &h
			return &c
		}, ErrForm},
		"a head that is not in slot 0": {Trust{}, func() *Receipt {
			c, h := *head, *head.Hidden
			h.Slot = 5
			c.Hidden = &h
			return &c
		}, ErrSlot},
	} {
		if c.trust.LogKey == "" {
			c.trust.LogKey = r.vkey
		}
		if c.trust.Policy == "" && c.trust.LogKey == r.vkey {
			c.trust.Policy = r.policy
		}
		v, err := NewVerifier(c.trust)
		r.must(err)
		if _, err := v.Receipt(c.change()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestTampered changes every byte of a receipt: it is refused, or says the same.
func TestTampered(t *testing.T) {
	r := newRig(t)
	_, hidden, head := r.story()
	v := r.verifier()
	for n, receipt := range []*Receipt{hidden, head} {
		want, err := v.Receipt(receipt)
		r.must(err)
		file, err := receipt.Marshal()
		r.must(err)
		for at := 0; at < len(file); at += 1 + 6*n {
			for _, bit := range []byte{1, 0x20} {
				bad := bytes.Clone(file)
				bad[at] ^= bit
				parsed, err := ParseReceipt(bad)
				if err != nil {
					continue
				}
				got, err := v.Receipt(parsed)
				if err != nil {
					continue
				}
				if got.Checkpoint.Witnesses = want.Checkpoint.Witnesses; !reflect.DeepEqual(got, want) { // a third witness more or less proves the same
					t.Fatalf("byte %d changed by %#x: %+v", at, bit, got)
				}
			}
		}
	}
}

func TestTrust(t *testing.T) {
	r := newRig(t)
	line := r.policy[strings.Index(r.policy, "witness w0"):]
	line = line[:strings.Index(line, "\n")+1]
	twice := strings.Replace(line, "witness w0", "witness w9", 1)
	// The same key as one of the plain kind, under another name.
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(strings.Fields(line)[2], "+", 3)[2])
	r.must(err)
	plain := base64.StdEncoding.EncodeToString(append([]byte{1}, raw[1:]...))
	w9, err := tnote.NewVerifierForCosignatureV1("other.example+00000000+" + plain)
	r.must(err)
	disguised := fmt.Sprintf("witness w9 other.example+%08x+%s https://other.example\n", w9.KeyHash(), plain)
	wrongHash := []byte(r.vkey)
	wrongHash[len(origin)+1] ^= 1
	for name, trust := range map[string]Trust{
		"no key":                  {},
		"a key that is none":      {LogKey: "tidewater-press"},
		"another key's hash":      {LogKey: string(wrongHash)},
		"one key for two":         {LogKey: r.vkey, Policy: line + twice + "group g 2 w0 w9\nquorum g\n"},
		"one key of two kinds":    {LogKey: r.vkey, Policy: line + disguised + "group g 2 w0 w9\nquorum g\n"},
		"a member twice":          {LogKey: r.vkey, Policy: line + "group g 2 w0 w0\nquorum g\n"},
		"a member of two groups":  {LogKey: r.vkey, Policy: line + "group a any w0\ngroup b 2 a w0\nquorum b\n"},
		"no quorum":               {LogKey: r.vkey, Policy: line},
		"an unknown member":       {LogKey: r.vkey, Policy: line + "group g 2 w0 w7\nquorum g\n"},
		"a policy of a megabyte":  {LogKey: r.vkey, Policy: strings.Repeat("# nothing\n", 100_000) + "quorum none\n"},
		"a witness's key is none": {LogKey: r.vkey, Policy: "witness w0 tidewater-press https://w.example\nquorum w0\n"},
		"an age without a time":   {LogKey: r.vkey, MaxAge: time.Hour},
	} {
		if _, err := NewVerifier(trust); !errors.Is(err, ErrTrust) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One key under two names is one witness all the same.
	w0, err := tnote.NewVerifierForCosignatureV1(strings.Fields(line)[2])
	r.must(err)
	if !hashed(strings.Fields(line)[2], w0) {
		t.Error("a good key's hash is not seen")
	}
}

func TestHostileReceipts(t *testing.T) {
	r := newRig(t)
	policy, _, _ := r.story()
	if _, err := ParseReceipt(make([]byte, 16<<20)); !errors.Is(err, ErrForm) {
		t.Errorf("16 MiB: %v", err)
	}
	many := *policy
	at := strings.Index(many.Proof, "\n\n")
	line := many.Proof[strings.Index(many.Proof, "index 0\n")+len("index 0\n"):][:45]
	many.Proof = many.Proof[:at+1] + strings.Repeat(line, 2000) + many.Proof[at+1:]
	if _, err := r.verifier().Receipt(&many); !errors.Is(err, ErrForm) {
		t.Errorf("2,000 hashes: %v", err)
	}
	for _, file := range []string{
		``, `{}`, `null`, `[]`, `{"v":2}`, `{"v":1,"v":1}`, `{"v":1,"V":1}`, `{"v":1} {}`, `{"v":1,"more":1}`,
		`{"v":1,"statement":"","proof":"","head":{"label":"","seq":1,"head":"","path":[]}}`,
		`{"v":1,"statement":"","proof":"","hidden":{"slot":0,"slots":1,"path":[]}}`,
		strings.Repeat(`{"a":`, 1000),
	} {
		if got, err := ParseReceipt([]byte(file)); err == nil {
			t.Errorf("%.60s is read as %+v", file, got)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	r := newRig(b)
	_, _, head := r.story()
	v := r.verifier()
	for b.Loop() {
		if _, err := v.Receipt(head); err != nil {
			b.Fatal(err)
		}
	}
}
