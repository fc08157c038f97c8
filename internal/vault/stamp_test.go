package vault

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
)

func TestStampsAreULIDs(t *testing.T) {
	// The example of https://github.com/ulid/spec.
	const example writ.VersionID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	s, err := parseStamp(example)
	if err != nil || s.id() != example {
		t.Fatalf("%s became %s, error %v", example, s.id(), err)
	}
	if ms := int64(s[0])<<40 | int64(s[1])<<32 | int64(s[2])<<24 | int64(s[3])<<16 | int64(s[4])<<8 | int64(s[5]); ms != 1469922850259 {
		t.Fatalf("its time is %d", ms)
	}
	for _, id := range []writ.VersionID{"", "null", example[:25], example + "0", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav", "01ARZ3NDEKTSV4RRFFQ69G5FAU"} {
		_, err := parseStamp(id)
		wantError(t, err, ErrVersion)
	}
	rapid.Check(t, func(t *rapid.T) {
		var a, b stamp
		copy(a[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "a"))
		copy(b[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "b"))
		if back, err := parseStamp(a.id()); err != nil || back != a {
			t.Fatalf("%x became %x, error %v", a, back, err)
		}
		if a.after(b) != (a.id() > b.id()) {
			t.Fatalf("%x and %x are in another order as text", a, b)
		}
	})
}

// Stamps go up, also when the clock stands still or goes back.
func TestStampsGoUp(t *testing.T) {
	var g stamps
	at := time.UnixMilli(1_700_000_000_000)
	all := []stamp{g.make(at), g.make(at), g.make(at.Add(-time.Hour)), g.make(at.Add(time.Millisecond)), g.make(at)}
	if !slices.IsSortedFunc(all, func(a, b stamp) int {
		if b.after(a) {
			return -1
		}
		return 1
	}) {
		t.Fatalf("stamps are %x", all)
	}
	if last := (stamp{0: 1, 14: 0xff, 15: 0xff}).next(); last != (stamp{0: 1, 13: 1}) {
		t.Fatalf("next is %x", last)
	}
}
