package blob

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// refs draws Refs as a store returns them.
var refs = rapid.Custom(func(t *rapid.T) Ref {
	volume := rapid.Uint64Range(1, math.MaxUint64).Draw(t, "volume")
	if rapid.Bool().Draw(t, "file") {
		return Ref{Kind: File, Volume: volume, Length: rapid.Int64Range(0, math.MaxInt64).Draw(t, "length")}
	}
	return Ref{Kind: Segment, Volume: volume, Offset: rapid.Int64Range(0, 1<<62).Draw(t, "offset"),
		Length: rapid.Int64Range(1, MaxPut).Draw(t, "length")}
})

func TestRefRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ref, tail := refs.Draw(t, "ref"), rapid.SliceOf(rapid.Byte()).Draw(t, "tail")
		b, err := ref.AppendBinary([]byte("front"))
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := DecodeRef(append(b[5:], tail...))
		if err != nil || got != ref || !bytes.Equal(rest, tail) {
			t.Fatalf("%v became %v, rest %x, %v", ref, got, rest, err)
		}
	})
}

// Each Ref has one form, or two records could name one blob in two ways.
func TestRefOneForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		if len(b) > 0 && rapid.Bool().Draw(t, "kind") {
			b[0] = 1 + b[0]%2
		}
		var ref Ref
		if err := ref.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, ErrRef) {
				t.Fatalf("error %v is not ErrRef", err)
			}
			return
		}
		if again, err := ref.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x decodes to %v, which encodes to %x, %v", b, ref, again, err)
		}
	})
}

func TestRefKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := refs.Draw(t, "a"), refs.Draw(t, "b")
		ka, kb := a.AppendKey(nil), b.AppendKey(nil)
		if len(ka) != KeySize || bytes.Compare(ka, kb) != compareRefs(a, b) {
			t.Fatalf("keys of %v and %v are in another order", a, b)
		}
	})
}

func TestRefInvalid(t *testing.T) {
	for _, ref := range []Ref{
		{},
		{Kind: Segment, Length: 1},
		{Kind: Segment, Volume: 1},
		{Kind: Segment, Volume: 1, Offset: -1, Length: 1},
		{Kind: Segment, Volume: 1, Length: MaxPut + 1},
		{Kind: File, Volume: 1, Offset: 1, Length: 1},
		{Kind: File, Volume: 1, Length: -1},
		{Kind: 3, Volume: 1, Length: 1},
	} {
		if b, err := ref.AppendBinary(nil); !errors.Is(err, ErrRef) || len(b) != 0 {
			t.Errorf("%+v was encoded: %v", ref, err)
		}
	}
}

func TestFileName(t *testing.T) {
	ref := Ref{Kind: File, Volume: 0xabc, Length: 300}
	if got, ok := parseFileName(fileName(ref)); !ok || got != ref {
		t.Fatalf("%s became %v", fileName(ref), got)
	}
	for _, name := range []string{
		"", "-", "0000000000000abc", "0000000000000abc-", "abc-12c", "0000000000000ABC-12c",
		"0000000000000abc-012c", "0000000000000abc--1", "0000000000000000-1", "0000000000000abc-8000000000000000",
	} {
		if ref, ok := parseFileName(name); ok {
			t.Errorf("%q was taken for %v", name, ref)
		}
	}
}
