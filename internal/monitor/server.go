package monitor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"writ/internal/proof"
)

// ErrUnlogged: the server runs a build that is in no release of its log, and its
// policy says so.
var ErrUnlogged = errors.New("the server runs a build that is in no release of its log, and says so in its policy")

// Fresh is when the checkpoint was made, and whether a witness says so: in a log
// without witnesses it is by the log's own newest statement. Error:
// [proof.ErrStale] if that is longer ago than maxAge; 0 is any age.
func (l *Log) Fresh(s *Story, now time.Time, maxAge time.Duration) (at time.Time, witnessed bool, err error) {
	at, witnessed = l.Checkpoint.Newest(), true
	whose := "a witness's word"
	if at.IsZero() {
		at, witnessed, whose = s.At, false, "the log's own word only"
	}
	if maxAge > 0 && now.Sub(at) > maxAge {
		err = fmt.Errorf("%w: it is of %s, by %s", proof.ErrStale, at.UTC().Format("2006-01-02 15:04:05Z"), whose)
	}
	return at, witnessed, err
}

// Runs finds the release that a server says it runs: its receipt must be of this
// log, and what the server says must be what its policy says. Errors:
// [ErrUnlogged], those of [Release].
func Runs(ctx context.Context, site *Site, known *WellKnown, policy *proof.Policy, v *proof.Verifier) (proof.Verified, *proof.Release, error) {
	named := known.Release != "" && known.Release != Unlogged
	switch {
	case !named && !policy.Unlogged:
		return proof.Verified{}, nil, errors.New("the server names no release that it runs, and its policy doesn't say that it runs an unlogged build")
	case !named:
		return proof.Verified{}, nil, ErrUnlogged
	case policy.Unlogged:
		return proof.Verified{}, nil, errors.New("the server names a release, and its policy says that it runs an unlogged build")
	}
	got, r, err := Release(ctx, site, known.Release, v)
	if err != nil {
		return got, nil, fmt.Errorf("the release's receipt: %w", err)
	}
	return got, r, nil
}
