package api

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ/internal/law"
	"writ/internal/policy"
	"writ/internal/printable"
)

// Why a case has no waiver.
var (
	// ErrNoWrit: no quorum has signed.
	ErrNoWrit = errors.New("the case has no writ that could be used")
	// ErrNoClock: no statutory deadline runs, and the witnesses can be waited for.
	ErrNoClock = errors.New("no statutory clock runs: wait for the witnesses")
)

// Waiver is one for the case's writ, for two persons to sign, while the first of
// the case's clocks runs. Errors: [ErrNoWrit], [ErrNoClock].
func (c Case) Waiver(reason string, holds time.Duration, now time.Time) (policy.Waiver, error) {
	if c.Writ == nil || c.Writ.Minted.IsZero() {
		return policy.Waiver{}, ErrNoWrit
	}
	digest, err := hex.DecodeString(c.Writ.Digest)
	if err != nil {
		return policy.Waiver{}, fmt.Errorf("the server names the writ %s, which is no digest", printable.Line(c.Writ.Digest))
	}
	running := slices.DeleteFunc(slices.Clone(c.Clocks), func(k law.Clock) bool { return k.State != law.Running || k.Holds || k.Due.IsZero() })
	if len(running) == 0 {
		return policy.Waiver{}, ErrNoClock
	}
	first := slices.MinFunc(running, func(a, b law.Clock) int { return a.Due.Compare(b.Due) })
	second := func(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
	now = second(now)
	return policy.Waiver{V: 1, Case: c.Case, Writ: digest, Reason: reason, Deadline: second(first.Due), At: now, NotAfter: now.Add(holds)}, nil
}
