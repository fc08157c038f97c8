package vault

import (
	"testing"
	"time"

	"writ/internal/policy"
)

// TestGrowth: each day is noted once, a bounded number of them, and what is
// preserved is in none.
func TestGrowth(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	note := func() []Day {
		t.Helper()
		if err := r.NoteDay(r.ctx); err != nil {
			t.Fatal(err)
		}
		days, err := r.Growth(r.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return days
	}
	note()
	r.put(r.clinic, "ward-seven", "letters/1", "the fever is gone")
	if days := note(); len(days) != 1 || days[0].Objects != 0 {
		t.Errorf("the same day again: %+v", days)
	}
	r.clock.advance(24 * time.Hour)
	if days := note(); len(days) != 2 || days[1].Objects != 1 || days[1].Bytes != 17 || !days[1].Day.After(days[0].Day) {
		t.Errorf("the next day: %+v", days)
	}
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven"})
	r.removeAll(r.clinic, "ward-seven", "letters/1")
	r.clock.advance(24 * time.Hour)
	if days := note(); days[2].Objects != 0 || days[2].Bytes != 0 {
		t.Errorf("what is only preserved is counted: %+v", days[2])
	}
	for range maxDays {
		r.clock.advance(24 * time.Hour)
		note()
	}
	if days := note(); len(days) != maxDays {
		t.Errorf("%d days", len(days))
	}
}
