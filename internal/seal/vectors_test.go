package seal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"writ"
	"writ/internal/seal"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorsFile = "testdata/vectors.json"

// bytesHex is bytes as hex in JSON.
type bytesHex []byte

func (b bytesHex) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

func (b *bytesHex) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type (
	goodVector struct {
		Name    string     `json:"name"`
		Key     bytesHex   `json:"data_key"`
		ID      bytesHex   `json:"blob_id"`
		Part    uint32     `json:"part"`
		Salt    bytesHex   `json:"salt"`
		Nonces  []bytesHex `json:"nonces"`
		Length  int        `json:"plaintext_length"`
		Pattern string     `json:"plaintext_pattern"` // byte i is (i*7+i/251) mod 256
		SHA256  bytesHex   `json:"plaintext_sha256"`
		Sealed  bytesHex   `json:"sealed,omitempty"`        // whole, when short
		Digest  bytesHex   `json:"sealed_sha256,omitempty"` // when long
	}
	badVector struct {
		Name   string   `json:"name"`
		Key    bytesHex `json:"data_key"`
		ID     bytesHex `json:"blob_id"`
		Part   uint32   `json:"part"`
		Sealed bytesHex `json:"sealed,omitempty"` // whole, when short
		Pieces []piece  `json:"pieces,omitempty"` // joined, when long
		Error  string   `json:"error"`            // truncated, format, key, or chunk N
	}
	// piece is the sealed bytes of a good vector, from one offset to another.
	piece struct {
		Of   string `json:"of"`
		From int    `json:"from"`
		To   int    `json:"to"`
	}
	wrapVector struct {
		Name    string   `json:"name"`
		KEK     bytesHex `json:"kek"`
		Context bytesHex `json:"context"`
		Key     bytesHex `json:"data_key,omitempty"`
		Wrapped bytesHex `json:"wrapped"`
		Error   string   `json:"error,omitempty"` // key
	}
	boxVector struct {
		Name  string   `json:"name"`
		Key   bytesHex `json:"key"`
		Data  bytesHex `json:"additional_data"`
		Value bytesHex `json:"value"`
		Box   bytesHex `json:"box"`
		Error string   `json:"error,omitempty"` // box
	}
	deriveVector struct {
		Key     bytesHex `json:"key"`
		Salt    bytesHex `json:"salt"`
		Info    string   `json:"info"`
		Derived bytesHex `json:"derived"`
	}
	tailVector struct {
		Name    string     `json:"name"`
		Key     bytesHex   `json:"data_key"`
		ID      bytesHex   `json:"blob_id"`
		Part    uint32     `json:"part"`
		Records []bytesHex `json:"records"` // those that are read before the end or error
		Tail    bytesHex   `json:"tail"`
		End     int64      `json:"end"`             // where the last of them ends
		Error   string     `json:"error,omitempty"` // truncated, format, key, or tail; a clean end when there is none
	}
	vectors struct {
		Comment string         `json:"comment"`
		Good    []goodVector   `json:"sealed_objects"`
		Bad     []badVector    `json:"broken_objects"`
		Wrap    []wrapVector   `json:"wrapped_keys"`
		Box     []boxVector    `json:"small_values"`
		Derive  []deriveVector `json:"derived_keys"`
		Tail    []tailVector   `json:"tails"`
	}
)

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i/251)
	}
	return b
}

func key(t testing.TB, b []byte) *seal.Key {
	t.Helper()
	k, err := seal.KeyFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// loadVectors reads what is in the tree, after writing it anew if asked to.
func loadVectors(t testing.TB) vectors {
	t.Helper()
	if *update {
		b, err := json.MarshalIndent(makeVectors(), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Good) < 11 || len(v.Bad) < 28 || len(v.Wrap) < 6 || len(v.Box) < 5 || len(v.Derive) < 3 || len(v.Tail) < 14 {
		t.Fatal("vectors are missing")
	}
	return v
}

// TestVectors: what the specification's own words seal, the package opens,
// and what they break, it refuses with the error that they name.
func TestVectors(t *testing.T) {
	v := loadVectors(t)
	for _, g := range v.Good {
		plain := pattern(g.Length)
		if sum := sha256.Sum256(plain); !bytes.Equal(sum[:], g.SHA256) {
			t.Errorf("%s: the plaintext is another", g.Name)
		}
		sealed := specSeal(g.Key, g.ID, g.Part, g.Salt, g.Nonces, plain)
		if digest := sha256.Sum256(sealed); g.Sealed != nil && !bytes.Equal(g.Sealed, sealed) || g.Digest != nil && !bytes.Equal(g.Digest, digest[:]) {
			t.Errorf("%s: the specification seals it otherwise", g.Name)
		}
		if got, err := readAll(t, key(t, g.Key), seal.Stream{ID: writ.BlobID(g.ID), Part: g.Part}, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %v", g.Name, err)
		}
	}
	for _, b := range v.Bad {
		_, err := readAll(t, key(t, b.Key), seal.Stream{ID: writ.BlobID(b.ID), Part: b.Part}, v.bytesOf(b))
		if got := errorName(err); got != b.Error {
			t.Errorf("%s: %q (%v), not %q", b.Name, got, err, b.Error)
		}
	}
	for _, w := range v.Wrap {
		k, err := seal.Unwrap(key(t, w.KEK), w.Context, w.Wrapped)
		if got := errorName(err); got != w.Error || err == nil && !k.Equal(key(t, w.Key)) {
			t.Errorf("wrapped key, %s: %q, not %q", w.Name, got, w.Error)
		}
	}
	for _, b := range v.Box {
		value, err := seal.NewBox(key(t, b.Key)).Open(nil, b.Box, b.Data)
		if got := errorName(err); got != b.Error || err == nil && !bytes.Equal(value, b.Value) {
			t.Errorf("small value, %s: %q, not %q", b.Name, got, b.Error)
		}
	}
	for _, d := range v.Derive {
		if !key(t, d.Key).Derive(d.Salt, d.Info).Equal(key(t, d.Derived)) {
			t.Errorf("derived key %q is another", d.Info)
		}
	}
	for _, tv := range v.Tail {
		records, end, err := readTail(tv.Tail, key(t, tv.Key), seal.Stream{ID: writ.BlobID(tv.ID), Part: tv.Part})
		if got := errorName(err); got != tv.Error || end != tv.End || !slices.EqualFunc(records, tv.Records, func(a []byte, b bytesHex) bool { return bytes.Equal(a, b) }) {
			t.Errorf("tail, %s: %d records to %d, %q; not %d to %d, %q", tv.Name, len(records), end, got, len(tv.Records), tv.End, tv.Error)
		}
	}
}

// readTail reads the records of a tail until its end or an error.
func readTail(b []byte, k *seal.Key, s seal.Stream) (records [][]byte, end int64, err error) {
	r, err := seal.OpenTail(bytes.NewReader(b), k, s)
	if err != nil {
		return nil, 0, err
	}
	for {
		record, err := r.Next()
		if err == io.EOF {
			return records, r.Offset(), nil
		}
		if err != nil {
			return records, r.Offset(), err
		}
		records = append(records, bytes.Clone(record))
	}
}

func errorName(err error) string {
	var chunk *seal.ChunkError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, seal.ErrTruncated):
		return "truncated"
	case errors.Is(err, seal.ErrFormat):
		return "format"
	case errors.Is(err, seal.ErrKey):
		return "key"
	case errors.Is(err, seal.ErrBox):
		return "box"
	case errors.Is(err, seal.ErrTail):
		return "tail"
	case errors.As(err, &chunk):
		return fmt.Sprintf("chunk %d", chunk.Index)
	}
	return err.Error()
}
