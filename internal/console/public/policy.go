package public

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"writ/internal/console/page"
	"writ/internal/policy"
	"writ/internal/proof"
)

// policiesPerPage is how many policies a page compares with the one before.
const policiesPerPage = 20

// policyPage is what /policy shows.
type policyPage struct {
	Now     proof.Policy
	Witness string // the witnesses' policy
	Holders []holder
	Quorum  quorum
	Set     *policy.Set // in force; nil if there is none
	Digest  string      // of the set
	Packs   []pack
	History []change
	First   bool
	Next    uint64
	Read    uint64
	URL     string
}

// pack is a law pack as a policy states it.
type pack struct{ Name, Version, SHA256 string }

// change is a policy statement, and what it says other than the one before.
type change struct {
	Index uint64
	At    time.Time
	First bool // nothing was before it in this log
	Break bool // this log goes on from another
	Lines []changed
}

// changed is one thing that a policy says otherwise.
type changed struct {
	What string // key of its message
	Sign string // "+", "−", or empty for one value that became another
	Was  string
	Is   string
}

func (p *pages) policy(v *page.Visit) error {
	now := p.policyNow()
	d := policyPage{Now: now, Witness: now.Witnesses, Holders: holdersOf(now), Quorum: quorumOf(now), First: true, URL: address(v)}
	if set, ok := p.Server.Custodians(); ok {
		digest := set.Digest()
		d.Set, d.Digest = &set, hexOf(digest[:])
	}
	for _, text := range now.Packs {
		if f := strings.Fields(text); len(f) == 3 {
			d.Packs = append(d.Packs, pack{f[0], f[1], f[2]})
		}
	}
	read, size, err := p.caughtUp(v)
	if err != nil {
		return err
	}
	if read < size {
		d.Read = read
	}
	before := size
	if n, err := strconv.ParseUint(v.Query("before"), 10, 63); err == nil && n < size {
		before, d.First = n, false
	}
	all, err := p.read(v, p.Index.before(proof.KindPolicy, before, policiesPerPage+1))
	if err != nil {
		return err
	}
	for i, e := range all {
		if i == policiesPerPage {
			d.Next = all[i-1].Index
			break
		}
		c := change{Index: e.Index, At: e.At, First: i+1 == len(all), Break: e.Policy.Break != nil}
		if !c.First {
			c.Lines = compare(*all[i+1].Policy, *e.Policy)
		}
		d.History = append(d.History, c)
	}
	return v.Render("policy", d)
}

// compare lists what one policy says other than the one before it.
func compare(was, is proof.Policy) (all []changed) {
	value := func(what, a, b string) {
		if a != b {
			all = append(all, changed{What: what, Was: a, Is: b})
		}
	}
	list := func(what string, a, b []string) {
		for _, one := range a {
			if !slices.Contains(b, one) {
				all = append(all, changed{What: what, Sign: "−", Is: one})
			}
		}
		for _, one := range b {
			if !slices.Contains(a, one) {
				all = append(all, changed{What: what, Sign: "+", Is: one})
			}
		}
	}
	value("threshold", strconv.Itoa(was.Threshold), strconv.Itoa(is.Threshold))
	list("custodians", was.Custodians, is.Custodians)
	list("witnesses", lines(was.Witnesses), lines(is.Witnesses))
	list("outside", was.Outside, is.Outside)
	value("interval", was.Interval, is.Interval)
	value("slots", strconv.Itoa(was.Slots), strconv.Itoa(is.Slots))
	list("packs", was.Packs, is.Packs)
	value("tls", was.TLSMin, is.TLSMin)
	value("unlogged", strconv.FormatBool(was.Unlogged), strconv.FormatBool(is.Unlogged))
	value("origin", was.Origin, is.Origin)
	return all
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }
