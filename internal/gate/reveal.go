package gate

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/register"
	"writ/internal/policy"
)

// revealText is what Request says in an entry that secrecy deferred: when the
// version was opened, in which list, and which one of it.
const revealText = "opened %s list %s version %d"

// revealStep is how many entries lie between two steps that are made durable.
const revealStep = 64

// Reveal tells the customer, in its own journal, what was opened in secret: one
// entry for each version of the list for which openedAt has a time, op
// "opened", with the writ's digest as Policy and the time of opening in
// Request. The list must have been begun under that writ. What the writ said
// about telling at once was told then, and nothing is told twice.
//
// It can be called again after a crash, and after it has succeeded: entries
// that are there are not written again. If the customer's journal is sealed to
// its own key, and was closed between the crash and the next call, up to 64 of
// them may be: the gate cannot read them any more.
//
// Errors: [ErrList], [ErrCase], [ErrShredded], [ErrNoSpace], [ErrJournal].
func (g *Gate) Reveal(ctx context.Context, ev Evidence, c writ.CaseID, list []policy.Item, openedAt func(n int) time.Time) error {
	g.law.telling.Lock()
	defer g.law.telling.Unlock()
	a, e, err := policy.OpenAuthorisation(ev.Envelope)
	if err != nil {
		return err
	}
	r := revealing{g: g, authorisation: a, digest: e.Digest(), list: policy.ListDigest(list), items: list, openedAt: openedAt}
	state, err := r.registered(c)
	if err != nil || a.Secrecy.Told || state.Told == int64(len(list)) {
		return err
	}
	s, err := g.KEK(a.Customer)
	switch {
	case err != nil:
		return err
	case s.Shredded:
		return ErrShredded
	}
	if _, err := g.docket(ctx, journal.Entry{Op: opReveal, Principal: principal(c, a.Customer), Policy: r.digest, Request: "list " + hex.EncodeToString(r.list[:])}); err != nil {
		return err
	}
	return r.run(ctx, state)
}

// revealing is one list that is told.
type revealing struct {
	g             *Gate
	authorisation policy.Authorisation
	digest, list  [32]byte
	items         []policy.Item
	openedAt      func(int) time.Time
}

// registered is the list as it was registered, under that writ and case.
func (r revealing) registered(c writ.CaseID) (register.List, error) {
	r.g.law.mu.Lock()
	defer r.g.law.mu.Unlock()
	if r.g.law.err != nil {
		return register.List{}, r.g.law.err
	}
	w := r.g.law.register.Writ(r.digest)
	switch {
	case w == nil || w.Lists[r.list] == nil:
		return register.List{}, fmt.Errorf("%w: nothing was begun", ErrList)
	case w.Case != c:
		return register.List{}, fmt.Errorf("%w, %s", ErrCase, w.Case)
	}
	return *w.Lists[r.list], nil
}

// run appends what is missing, step by step.
func (r revealing) run(ctx context.Context, state register.List) error {
	there, err := r.there(ctx, state)
	if err != nil {
		return err
	}
	for n := int(state.Told); n < len(r.items); {
		if err := r.tell(int64(n)); err != nil {
			return err
		}
		for end := min(n+revealStep, len(r.items)); n < end; n++ {
			if there[n] {
				continue
			}
			if err := r.append(ctx, n); err != nil {
				return err
			}
		}
	}
	return r.tell(int64(len(r.items)))
}

// there are the versions whose entries were appended and not counted before a
// crash.
func (r revealing) there(ctx context.Context, state register.List) (map[int]bool, error) {
	there := map[int]bool{}
	if state.Told == 0 && state.After == 0 {
		return there, nil
	}
	for e, err := range r.g.journal.Read(ctx, r.authorisation.Customer, JournalQuery{AfterSeq: state.After}) {
		var at, list string
		var n int
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil || e.Op != opOpened || e.Policy != r.digest:
			continue
		}
		if _, err := fmt.Sscanf(e.Request, revealText, &at, &list, &n); err == nil && list == r.name() {
			there[n] = true
		}
	}
	return there, nil
}

func (r revealing) name() string { return hex.EncodeToString(r.list[:8]) }

// tell makes it durable how many versions are told, before more are; the
// entries of those come first.
func (r revealing) tell(n int64) error {
	if err := r.g.journal.Sync(r.authorisation.Customer); err != nil {
		return err
	}
	head, err := r.g.journal.Head(r.authorisation.Customer)
	if err != nil {
		return err
	}
	r.g.law.mu.Lock()
	defer r.g.law.mu.Unlock()
	if r.g.law.err != nil {
		return r.g.law.err
	}
	return r.g.law.register.Tell(r.digest, r.list, n, head.Seq, r.g.now())
}

func (r revealing) append(ctx context.Context, n int) error {
	at, i := r.openedAt(n), r.items[n]
	if at.IsZero() {
		return nil
	}
	_, err := r.g.journal.Append(ctx, r.authorisation.Customer, &journal.Entry{
		Reason: writ.ReasonWrit, Principal: principal(r.authorisation.Case, ""), Policy: r.digest, Op: opOpened,
		Bucket: i.Bucket, Key: i.Key, Version: i.Version, Blob: i.Blob,
		Request: fmt.Sprintf(revealText, at.UTC().Format(time.RFC3339), r.name(), n),
	}, false)
	return err
}
