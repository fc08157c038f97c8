package custodian

import (
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"writ"
	"writ/internal/policy"
)

// terms are what a writ would let open, as they may be shown.
type terms struct {
	Issuer, Country, Instrument, Order string
	Customer                           string
	Buckets                            []bucket
	More                               int // buckets that a list leaves out
	Elsewhere, Account                 bool
	From, Until                        time.Time
	Classes                            []string
	Objects, Bytes                     int64
	NotAfter, At                       time.Time
	Secrecy, Why                       string
	SecretTo                           time.Time
	Told                               bool
	List                               string // hex; the only list that it opens
}

// bucket is what of one bucket is in scope.
type bucket struct {
	Name                    string
	Prefixes, Objects, Tags []string
	Whole                   bool // neither prefix nor object
}

// termsOf reads them from what is signed.
func termsOf(a policy.Authorisation) terms {
	t := terms{
		Issuer: line(a.Issuer.Name), Country: line(a.Issuer.Country), Instrument: line(a.Instrument), Order: line(a.Order), Customer: line(a.Customer),
		Elsewhere: a.Scope.Elsewhere, Account: !a.Scope.Opens() && !a.Scope.Elsewhere, From: a.Scope.From, Until: a.Scope.Until,
		Classes: each(a.Scope.Classes, line[writ.DataClass]), Objects: a.Limits.Objects, Bytes: a.Limits.Bytes, NotAfter: a.Limits.NotAfter, At: a.At,
		Secrecy: line(a.Secrecy.Basis), Why: line(a.Secrecy.Why), SecretTo: a.Secrecy.Until, Told: a.Secrecy.Told, List: hex.EncodeToString(a.List),
	}
	for _, b := range a.Scope.Buckets {
		one := bucket{Name: line(b.Bucket), Prefixes: each(b.Prefixes, line[string]), Whole: len(b.Prefixes) == 0 && len(b.Objects) == 0}
		for _, o := range b.Objects {
			name := line(o.Key)
			if o.Version != "" {
				name += " (" + line(o.Version) + ")"
			}
			one.Objects = append(one.Objects, name)
		}
		for _, key := range slices.Sorted(maps.Keys(b.Tags)) {
			one.Tags = append(one.Tags, line(key)+" = "+line(b.Tags[key]))
		}
		t.Buckets = append(t.Buckets, one)
	}
	return t
}

// short are the terms as a list has room for them.
func (t terms) short() terms {
	const buckets, names = 3, 3
	t.Issuer, t.Why = brief(t.Issuer), brief(t.Why)
	t.More = max(0, len(t.Buckets)-buckets)
	t.Buckets = slices.Clone(t.Buckets[:min(buckets, len(t.Buckets))])
	cut := func(all []string) []string {
		if len(all) > names {
			return append(each(all[:names], brief[string]), "…")
		}
		return each(all, brief[string])
	}
	for i, b := range t.Buckets {
		t.Buckets[i] = bucket{Name: brief(b.Name), Prefixes: cut(b.Prefixes), Objects: cut(b.Objects), Tags: cut(b.Tags), Whole: b.Whole}
	}
	return t
}
