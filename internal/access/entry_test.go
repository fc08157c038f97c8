package access

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"writ"
)

var update = flag.Bool("update", false, "make the vectors anew")

const clinic writ.CustomerID = "c-3f6c0d8a41b7e2950c1d"

// story is a short journal of all that an entry can say.
func story() []Entry {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	entries := []Entry{
		{Reason: writ.ReasonUpkeep, Op: "add-customer"},
		{Reason: writ.ReasonOwner, Credential: "HARBOURCLINIC0000001", Op: "put", Bucket: "scans", Key: "2026/knee.dcm", Version: "01JDBK2Y7E5T9Q3M",
			Blob: writ.BlobID{1, 2, 3}, Length: 70_000, Addr: netip.MustParseAddr("192.0.2.7"), Request: "req-1"},
		{Reason: writ.ReasonGrant, Principal: "anonymous", Policy: sha256.Sum256([]byte("terms")), Presigned: true, Op: "get", Bucket: "scans",
			Key: "2026/knee.dcm", Version: "null", Blob: writ.BlobID{4}, Offset: 65536, Length: 1, Addr: netip.MustParseAddr("2001:db8::1"), Request: "req-2"},
		{Reason: writ.ReasonOwner, Credential: "HARBOURCLINIC0000001", Op: "get", Bucket: "scans", Key: "å/ß", Addr: netip.MustParseAddr("fe80::1%eth0")},
		{Reason: writ.ReasonUpkeep, Op: "rotate"},
	}
	h := Genesis(clinic)
	for i := range entries {
		entries[i].Seq, entries[i].Previous, entries[i].Time = h.Seq+1, h.Hash, at.Add(time.Duration(i)*time.Second+7)
		if _, err := h.Follow(entries[i].Append(nil)); err != nil {
			panic(err)
		}
	}
	return entries
}

// vectors are for other implementations; docs/ledger.md says what they are.
type vectors struct {
	Customer writ.CustomerID `json:"customer"`
	Genesis  string          `json:"genesis"`
	Entries  []vector        `json:"entries"`
	Refused  []refusal       `json:"refused"`
}

type vector struct {
	Says   Entry  `json:"says"`
	Stored string `json:"stored"`
	Hash   string `json:"hash"`
}

type refusal struct {
	Why    string `json:"why"`
	Stored string `json:"stored"`
}

func newVectors() (v vectors) {
	h := Genesis(clinic)
	v.Customer, v.Genesis = clinic, hex.EncodeToString(h.Hash[:])
	for _, e := range story() {
		b := e.Append(nil)
		h.Follow(b)
		v.Entries = append(v.Entries, vector{e, hex.EncodeToString(b), hex.EncodeToString(h.Hash[:])})
	}
	whole := v.Entries[0].Stored
	v.Refused = []refusal{
		{"cut", whole[:len(whole)-2]},
		{"something behind it", whole + "00"},
		{"an integer that is not in its shortest form", "a5" + "011801" + whole[len("a50101"):]},
		{"an unknown field", "a6" + whole[len("a5"):] + "1201"},
		{"a field twice", "a6" + "0101" + whole[len("a5"):]},
		{"fields in another order", "a5" + whole[len("a50101"):] + "0101"},
		{"a map without an end", "bf" + whole[len("a5"):] + "ff"},
		{"an empty text that must be left out", "a6" + strings.Replace(whole[len("a5"):], "086c", "0460086c", 1)},
	}
	return v
}

func TestVectors(t *testing.T) {
	name := filepath.Join("testdata", "entries.json")
	if *update {
		b, err := json.MarshalIndent(newVectors(), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if want := newVectors(); !reflect.DeepEqual(v, want) {
		t.Errorf("the stored form is not what it was; the vectors say %+v", v)
	}
	h := Genesis(v.Customer)
	if hex.EncodeToString(h.Hash[:]) != v.Genesis {
		t.Error("the chain begins elsewhere")
	}
	for _, e := range v.Entries {
		stored, err := hex.DecodeString(e.Stored)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(stored)
		if err != nil || got != e.Says {
			t.Errorf("%s is read as %+v: %v", e.Stored, got, err)
		}
		if at, err := h.Follow(stored); err != nil || !at.Equal(e.Says.Time) || hex.EncodeToString(h.Hash[:]) != e.Hash {
			t.Errorf("entry %d: %v", e.Says.Seq, err)
		}
	}
	for _, r := range v.Refused {
		stored, err := hex.DecodeString(r.Stored)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := Decode(stored); !errors.Is(err, ErrForm) {
			t.Errorf("%s is read as %+v: %v", r.Why, e, err)
		}
	}
}

// TestChain: an entry that is dropped, repeated, swapped or changed breaks it.
func TestChain(t *testing.T) {
	var stored [][]byte
	for _, e := range story() {
		stored = append(stored, e.Append(nil))
	}
	follow := func(entries ...[]byte) error {
		h := Genesis(clinic)
		for _, b := range entries {
			if _, err := h.Follow(b); err != nil {
				return err
			}
		}
		return nil
	}
	if err := follow(stored...); err != nil {
		t.Fatal(err)
	}
	changed := append([]byte(nil), stored[1]...)
	changed[len(changed)-40] ^= 1 // in the request's id
	for name, c := range map[string]struct {
		entries [][]byte
		want    error
	}{
		"dropped":       {[][]byte{stored[0], stored[2]}, ErrChain},
		"first dropped": {stored[1:], ErrChain},
		"repeated":      {[][]byte{stored[0], stored[0]}, ErrChain},
		"swapped":       {[][]byte{stored[1], stored[0]}, ErrChain},
		"changed":       {[][]byte{stored[0], changed, stored[2]}, ErrChain},
		"no entry":      {[][]byte{stored[0], []byte("tidewater-press")}, ErrForm},
	} {
		if err := follow(c.entries...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := Genesis("c-00000000000000000000")
	if _, err := h.Follow(stored[0]); !errors.Is(err, ErrChain) {
		t.Errorf("another customer's entry: %v", err)
	}
	long := Entry{Key: writ.ObjectKey(strings.Repeat("k", 1025))}
	if err := long.Check(); !errors.Is(err, ErrEntry) {
		t.Errorf("a text of 1,025 bytes: %v", err)
	}
	if _, err := Decode(make([]byte, 1<<20)); !errors.Is(err, ErrForm) {
		t.Errorf("1 MiB: %v", err)
	}
}

func TestStoredFormIsCBOR(t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return rapid.StringN(0, 40, 200).Draw(t, name) }
		e := Entry{
			Seq: rapid.Uint64Range(1, 1<<62).Draw(t, "seq"), Time: time.Unix(0, rapid.Int64Range(-1<<60, 1<<60).Draw(t, "time")).UTC(),
			Reason: writ.Reason(text("reason")), Credential: writ.CredentialID(text("credential")), Principal: text("principal"),
			Presigned: rapid.Bool().Draw(t, "presigned"), Op: text("op"), Bucket: writ.BucketName(text("bucket")),
			Key: writ.ObjectKey(text("key")), Version: writ.VersionID(text("version")), Offset: rapid.Int64().Draw(t, "offset"),
			Length: rapid.Int64().Draw(t, "length"), Request: text("request"),
		}
		copy(e.Previous[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "previous"))
		if rapid.Bool().Draw(t, "full") {
			e.Policy, e.Blob = sha256.Sum256(e.Previous[:]), writ.BlobID(e.Previous[:16])
			e.Addr = rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1%eth0")}).Draw(t, "addr")
		}
		b := e.Append(nil)
		back, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if back != e {
			t.Fatalf("%+v came back as %+v", e, back)
		}
		if l, ok := LinkOf(b); !ok || l.Seq != e.Seq || !l.At.Equal(e.Time) || l.Previous != e.Previous {
			t.Fatalf("link of %+v is %+v", e, l)
		}
		s := stored{
			Seq: e.Seq, Time: e.Time.UnixNano(), Reason: string(e.Reason), Credential: string(e.Credential), Principal: e.Principal,
			Presigned: e.Presigned, Op: e.Op, Bucket: string(e.Bucket), Key: string(e.Key), Version: string(e.Version),
			Offset: e.Offset, Length: e.Length, Request: e.Request, Previous: e.Previous[:],
		}
		if e.Addr.IsValid() {
			s.Policy, s.Blob = e.Policy[:], e.Blob[:]
			s.Addr, _ = e.Addr.MarshalBinary()
		}
		want, err := mode.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		// The library orders keys bytewise as they are encoded, so do we.
		if string(b) != string(want) {
			t.Fatalf("stored form\n%x is not the library's\n%x", b, want)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, e := range story() {
		f.Add(e.Append(nil))
	}
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, ok := LinkOf(b)
		e, err := Decode(b)
		if err != nil {
			return
		}
		if string(e.Append(nil)) != string(b) {
			t.Fatalf("%x is read as %+v, which is written otherwise", b, e)
		}
		if e.Seq <= math.MaxInt64 && (!ok || l != Link{e.Seq, e.Time, e.Previous}) {
			t.Fatalf("%+v has the link %+v", e, l)
		}
	})
}
