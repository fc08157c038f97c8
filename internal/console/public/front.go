package public

import (
	"slices"
	"strings"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/printable"
	"writ/internal/proof"
	"writ/internal/release"
)

// state is how the public log stands.
type state struct {
	api.Ledger
	Witnesses  []witness
	AnyOutside bool
	Every      time.Duration // between batches; 0 if that can't be read
	Minute     bool          // it is the usual interval
}

// witness is a witness of the policy, as a page shows it.
type witness struct {
	Name     string
	Outside  bool
	Cosigned time.Time // of the newest checkpoint; zero if it did not
	Fresh    bool
}

// stale is when a cosignature is old: after so many intervals, and not before the
// least.
const (
	staleIntervals = 3
	staleLeast     = 3 * time.Minute
)

// state is the log's, now.
func (p *pages) state(now time.Time) state {
	l := p.Server.Ledger()
	l.Waiting, l.Stopped = printable.Line(l.Waiting), printable.Line(l.Stopped)
	s := state{Ledger: l, AnyOutside: len(l.Outside) > 0, Every: duration(l.Interval)}
	s.Minute = s.Every == time.Minute
	old := now.Add(-max(staleIntervals*s.Every, staleLeast))
	for _, w := range l.Witnesses {
		one := witness{Name: printable.Line(w.Name), Outside: slices.Contains(l.Outside, w.Name)}
		if w.Cosigned != nil {
			one.Cosigned, one.Fresh = *w.Cosigned, w.Cosigned.After(old)
		}
		s.Witnesses = append(s.Witnesses, one)
	}
	return s
}

// duration reads how often there is a batch.
func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0
	}
	return d
}

// holder is a person of the custodians' set, with the keys that are theirs.
type holder struct {
	Person, Role string
	Outside      bool
	Keys         []heldKey
}

// heldKey is a key by its id: "offline", "passkey" or "online".
type heldKey struct{ ID, Kind string }

// Kinds are the kinds of the person's keys, each once.
func (h holder) Kinds() (all []string) {
	for _, k := range h.Keys {
		if !slices.Contains(all, k.Kind) {
			all = append(all, k.Kind)
		}
	}
	return all
}

// holdersOf reads the keys of a policy statement: "PERSON ROLE KEY", then what
// else is so of them.
func holdersOf(p proof.Policy) (all []holder) {
	for _, text := range p.Custodians {
		f := strings.Fields(text)
		if len(f) < 3 {
			continue
		}
		person, role, more := f[0], f[1], f[3:]
		i := slices.IndexFunc(all, func(h holder) bool { return h.Person == person && h.Role == role })
		if i < 0 {
			i = len(all)
			all = append(all, holder{Person: person, Role: role})
		}
		kind := "online"
		switch {
		case slices.Contains(more, "passkey"):
			kind = "passkey"
		case slices.Contains(more, "offline"):
			kind = "offline"
		}
		all[i].Outside = all[i].Outside || slices.Contains(more, "outside")
		all[i].Keys = append(all[i].Keys, heldKey{f[2], kind})
	}
	return all
}

// quorum is who opens under law.
type quorum struct {
	Threshold  int
	Custodians []holder
	AnyOutside bool
}

func quorumOf(p proof.Policy) quorum {
	q := quorum{Threshold: p.Threshold}
	for _, h := range holdersOf(p) {
		if h.Role == "custodian" {
			q.Custodians = append(q.Custodians, h)
			q.AnyOutside = q.AnyOutside || h.Outside
		}
	}
	return q
}

// frontPage is what / shows.
type frontPage struct {
	State    state
	Quorum   quorum
	Program  Program
	Operator Operator
	URL      string
	Reports  int
}

// Logged says that the log has the very program.
func (p Program) Logged() bool { return p.Standing == release.Logged }

func (p *pages) front(v *page.Visit) error {
	p.caughtUp(v)
	return v.Render("front", frontPage{
		State: p.state(v.Now()), Quorum: quorumOf(p.policyNow()), Program: p.program(), Operator: p.operator(),
		URL: address(v), Reports: p.Index.count(proof.KindReport),
	})
}

// soon is how many entries a page reads on, if the index is behind.
const soon = 4 * bundle

// caughtUp lets the index read what came since; if it is far behind, the page says
// so instead of waiting.
func (p *pages) caughtUp(v *page.Visit) (read, size uint64, err error) {
	return p.Index.upTo(v.Context(), soon)
}

// address is where the reader has reached this server, for commands that they can
// copy.
func address(v *page.Visit) string {
	scheme := "https://"
	if v.R.TLS == nil {
		scheme = "http://"
	}
	return scheme + printable.Line(v.R.Host)
}

// custodyPage is what /custody shows.
type custodyPage struct {
	Quorum quorum
}

func (p *pages) custody(v *page.Visit) error {
	return v.Render("custody", custodyPage{quorumOf(p.policyNow())})
}
