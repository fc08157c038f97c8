package vault

import (
	"slices"
	"strings"

	"writ"
	"writ/internal/policy"
	"writ/internal/records"
)

// A stretch is a run of names of objects in the order of records: from start
// (inclusive) to end (exclusive; "" means to the last).
type stretch struct{ start, end string }

// stretches are where the names lie that a scope covers in a bucket, in order,
// none of them twice: so that what is about three objects of ten million reads
// three.
func stretches(b policy.BucketScope) []stretch {
	if len(b.Prefixes) == 0 && len(b.Objects) == 0 {
		return []stretch{{}}
	}
	var all []stretch
	for _, p := range b.Prefixes {
		all = append(all, stretch{p, string(records.PrefixEnd([]byte(p)))})
	}
	for _, o := range b.Objects {
		// Names hold no NUL: nothing but the object's versions lies between.
		all = append(all, stretch{string(o.Key), string(o.Key) + "\x01"})
	}
	slices.SortFunc(all, func(a, b stretch) int { return strings.Compare(a.start, b.start) })
	merged := all[:1]
	for _, next := range all[1:] {
		last := &merged[len(merged)-1]
		switch {
		case last.end != "" && next.start >= last.end:
			merged = append(merged, next)
		case last.end != "" && (next.end == "" || next.end > last.end):
			last.end = next.end
		}
	}
	return merged
}

// of is the stretch among the records that begin with base.
func (s stretch) of(base []byte) records.Range {
	r := records.Prefix(base)
	r.Start = concat(base, s.start)
	if s.end != "" {
		r.End = concat(base, s.end)
	}
	return r
}

// scopes are the ranges in which versions under the pin lie. Of each bucket
// heads come first: one that is superseded after it was looked at was kept,
// and one that is superseded before is met among the older versions. An older
// version that becomes the head again is settled, as a new one is.
func (p *pinRecord) scopes(owner writ.CustomerID) (all []records.Range) {
	for _, b := range p.scope().Buckets {
		in := stretches(b)
		for _, base := range [][]byte{headsPrefix(owner, b.Bucket), versionsPrefix(owner, b.Bucket)} {
			for _, s := range in {
				all = append(all, s.of(base))
			}
		}
	}
	return all
}
