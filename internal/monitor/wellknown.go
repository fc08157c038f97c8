package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"writ/internal/proof"
)

// WellKnown is what a server says of itself at /.well-known/writ.json. It is
// believed in nothing but where things are.
type WellKnown struct {
	V       int    `json:"v"`
	Origin  string `json:"origin"`
	LogKey  string `json:"log_key"`
	Policy  string `json:"policy"`            // witness policy
	Log     string `json:"log"`               // path of the log
	Release string `json:"release,omitempty"` // path of its release's receipt, or [Unlogged]
}

// Unlogged is what a server says that runs a build which is in no release.
const Unlogged = "unlogged"

const maxWellKnown = 256 << 10

// Discover reads what a server says of itself. Errors: [ErrSource].
func Discover(ctx context.Context, s *Site) (*WellKnown, error) {
	b, err := s.At("/.well-known").Read(ctx, "writ.json", maxWellKnown)
	if err != nil {
		return nil, err
	}
	w := new(WellKnown)
	if err := json.Unmarshal(b, w); err != nil || w.V != 1 || w.LogKey == "" || !onSite(w.Log) {
		return nil, fmt.Errorf("%w: /.well-known/writ.json is not of the form that docs/ledger.md gives", ErrSource)
	}
	return w, nil
}

// onSite says whether a text is a path on the server itself.
func onSite(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.Contains(path, "..") && !strings.ContainsAny(path, `?#\`)
}

// Release reads the receipt of the release that a server says it runs, and
// verifies it. Errors: [ErrSource], those of [proof.Verifier.Receipt].
func Release(ctx context.Context, s *Site, path string, v *proof.Verifier) (proof.Verified, *proof.Release, error) {
	if !onSite(path) {
		return proof.Verified{}, nil, fmt.Errorf("%w: %.100q is not a path on the server", ErrSource, path)
	}
	dir, file := path[:strings.LastIndex(path, "/")], path[strings.LastIndex(path, "/")+1:]
	b, err := s.At(dir).Read(ctx, file, proof.MaxReceipt)
	if err != nil {
		return proof.Verified{}, nil, err
	}
	receipt, err := proof.ParseReceipt(b)
	if err != nil {
		return proof.Verified{}, nil, err
	}
	got, err := v.Receipt(receipt)
	if err != nil {
		return got, nil, err
	}
	if got.Statement.Kind != proof.KindRelease {
		return got, nil, fmt.Errorf("%w: the receipt is of a %s, not of a release", proof.ErrForm, got.Statement.Kind)
	}
	out := new(proof.Release)
	return got, out, proof.Unmarshal(got.Statement.Body, out)
}
