package gate

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
	"writ/internal/gate/internal/register"
	"writ/internal/gate/internal/warrant"
	"writ/internal/policy"
	"writ/internal/seal"
)

// Why nothing, or not this, opens under law. Each refusal is in the docket's
// journal, op "refused".
var (
	// ErrNoSet: no set of custodians is in force.
	ErrNoSet = errors.New("no custodians are enrolled: nothing opens under law")
	// ErrRolledBack: keys/custodians lacks a set that was in force. It was put
	// back from a copy, or replaced. Bring back the newest, or give the missing
	// sets to [Gate.SetCustodians] again.
	ErrRolledBack = errors.New("keys/custodians is older than what was in force")
	// ErrBusy: the writ is being used already.
	ErrBusy = errors.New("another opening under this writ is under way")
	// ErrOver: the opening was closed, or the function that was to read has
	// returned.
	ErrOver = errors.New("the opening is over")
	// ErrNotPinned: the key was not pinned. Only what was pinned before opens
	// under a writ.
	ErrNotPinned = errors.New("not pinned: pin it before it is opened under a writ")

	ErrNotCommitted = warrant.ErrNotCommitted // writ or list is not shown to be in the ledger
	ErrBudget       = warrant.ErrBudget       // more than the writ's limits, or what is left of them
	ErrOutOfScope   = warrant.ErrScope        // a version is not in the writ's scope
	ErrCase         = warrant.ErrCase         // the writ is for another case
	ErrList         = warrant.ErrList         // the list is not the one that was authorised or registered

	ErrQuorum      = policy.ErrQuorum      // too few custodians signed, or, of a waiver, not those who must
	ErrWritExpired = policy.ErrExpired     // the writ's time, or the waiver's, is over
	ErrPayloadType = policy.ErrPayloadType // what was signed is something else
	ErrSet         = policy.ErrSet         // what was signed is for another set of custodians
	ErrWaiver      = policy.ErrWaiver      // the waiver is for something else
)

// law is what the gate knows of custodians and writs.
type law struct {
	telling sync.Mutex // held by who reveals; taken before mu

	mu       sync.Mutex // guards below; held over what is written to the register
	register *register.Register
	err      error // why nothing opens under law; nil if something may
	active   map[[32]byte]bool

	current atomic.Pointer[inForce] // nil: no set is in force
}

type inForce struct {
	set    policy.Set
	digest [32]byte
}

const (
	opCustodians = "custodians"
	opBegin      = "begin"
	opResume     = "resume"
	opRefused    = "refused"
	opOpened     = "opened"
	opReveal     = "reveal"
)

// openLaw reads the register and holds it against the docket's journal. What
// is damaged there stops nothing but openings under law.
func (g *Gate) openLaw(ctx context.Context, keys string) {
	g.law.active = map[[32]byte]bool{}
	r, err := register.Open(keys, func(room string) *seal.Key { return g.keys.StoreKey("register/" + room) })
	if register.IsDamaged(err) {
		err = fmt.Errorf("%w: %w; bring the file back from a copy of the keys", ErrCorrupt, err)
	}
	if err == nil {
		err = g.catchUp(ctx, r)
	}
	if err != nil {
		g.log.Error("nothing opens under law", "error", err)
		g.law.err = err
		return
	}
	g.law.register = r
	g.inForce()
	if err := g.noteSet(ctx, r); err != nil {
		g.log.Error("the docket's journal couldn't be written", "error", err)
	}
}

// inForce makes the newest set the one in force, unless it is not. The caller
// holds law.mu, or is alone.
func (g *Gate) inForce() {
	r := g.law.register
	s, ok := r.Set()
	if !ok || r.Behind() {
		g.law.current.Store(nil)
		return
	}
	g.law.current.Store(&inForce{s, s.Digest()})
}

// catchUp reads in the docket's journal what was begun or changed since the
// register was complete: after a crash, or when a file was put back from a copy.
// What was begun is registered again; a set that is missing is remembered.
func (g *Gate) catchUp(ctx context.Context, r *register.Register) error {
	head, err := g.journal.Head(keyring.Docket)
	if err != nil {
		return fmt.Errorf("couldn't read the docket's journal: %w", err)
	}
	whole := true
	if head.Seq > r.Seq() {
		for e, err := range g.journal.Read(ctx, keyring.Docket, JournalQuery{AfterSeq: r.Seq()}) {
			if err != nil {
				g.log.Error("entries of the docket's journal can't be read: what was begun in them is not known", "error", err)
				whole = false
				continue
			}
			if err := g.catch(r, e); err != nil {
				return err
			}
		}
	}
	if r.Behind() {
		g.log.Error("nothing opens under law", "error", ErrRolledBack)
	}
	switch {
	case !r.Begun() || !whole || head.Seq == r.Seq() && r.Marked():
		return nil
	case head.Seq < r.Seq():
		g.log.Warn("the docket's journal is older than keys/writs: it was put back from a copy, or the machine crashed", "journal", head.Seq, "writs", r.Seq())
	}
	return r.Mark(head.Seq, g.now())
}

// catch takes one entry of the docket's journal into the register.
func (g *Gate) catch(r *register.Register, e Entry) error {
	var number uint64
	switch e.Op {
	case opCustodians:
		if _, err := fmt.Sscanf(e.Request, setText, &number); err == nil {
			r.Knows(register.Known{Number: number, Digest: e.Policy})
		}
	case opBegin:
		var list string
		var objects, bytes int64
		_, err := fmt.Sscanf(e.Request, listText, &list, &objects, &bytes)
		digest, hexErr := hex.DecodeString(list)
		c, caseErr := writ.ParseCaseID(caseIn(e.Principal))
		if errors.Join(err, hexErr, caseErr) != nil || len(digest) != 32 {
			return fmt.Errorf("%w: entry %d of the docket's journal", ErrJournal, e.Seq)
		}
		if err := r.AddList(e.Policy, [32]byte(digest), c, objects, bytes, e.Seq, e.Time); err != nil {
			return err
		}
	}
	return nil
}

// The texts in the docket's journal that are read again.
const (
	setText  = "set %d"
	listText = "list %s objects %d bytes %d"
)

// principal names a case, and whose it is where the journal is not that
// customer's.
func principal(c writ.CaseID, customer writ.CustomerID) string {
	if customer == "" {
		return "case " + string(c)
	}
	return "case " + string(c) + " of " + string(customer)
}

func caseIn(principal string) string {
	f := strings.Fields(principal)
	if len(f) < 2 {
		return ""
	}
	return f[1]
}

// docket writes an entry of the law's to the docket's journal, on the disk when
// it returns.
func (g *Gate) docket(ctx context.Context, e journal.Entry) (uint64, error) {
	e.Reason = writ.ReasonWrit
	if _, err := g.journal.Append(ctx, keyring.Docket, &e, true); err != nil {
		return 0, err
	}
	return e.Seq, nil
}

// refuse journals a refusal with the docket, and returns it.
func (g *Gate) refuse(ctx context.Context, who string, digest [32]byte, why error) error {
	_, err := g.docket(context.WithoutCancel(ctx), journal.Entry{
		Op: opRefused, Principal: cut(who, 200), Policy: digest, Request: cut(why.Error(), 1000),
	})
	if err != nil {
		return errors.Join(why, fmt.Errorf("couldn't journal the refusal: %w", err))
	}
	return why
}

// cut bounds a text.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "?")
}

// Custodians is the set of custodians in force; false if there is none, see
// [Gate.Lawful]. It is a copy: who changes it changes nothing here.
func (g *Gate) Custodians() (policy.Set, bool) {
	now := g.law.current.Load()
	if now == nil {
		return policy.Set{}, false
	}
	return now.set.Clone(), true
}

// Lawful says why nothing opens under law: [ErrNoSet], [ErrRolledBack],
// [ErrCorrupt], [ErrJournal]; nil if something may. Owners are not concerned.
func (g *Gate) Lawful() error {
	g.law.mu.Lock()
	defer g.law.mu.Unlock()
	return g.lawful()
}

// lawful is Lawful for who holds law.mu.
func (g *Gate) lawful() error {
	switch {
	case g.law.err != nil:
		return g.law.err
	case g.law.register.Behind():
		return ErrRolledBack
	case g.law.current.Load() == nil:
		return ErrNoSet
	}
	return nil
}

// SetCustodians puts a set of custodians in force: the first if it is signed by
// every key in it, each later one if the quorum of the one before signed it.
// The envelope is durable on return, and the change is in the docket's journal.
// Writs that were signed for the set before open nothing more, except what is
// being opened while its signers still are a quorum.
//
// Errors: those of [policy.VerifyChange], [ErrRolledBack], [ErrCorrupt],
// [ErrNoSpace].
func (g *Gate) SetCustodians(ctx context.Context, envelope []byte) (policy.Set, error) {
	g.law.mu.Lock()
	defer g.law.mu.Unlock()
	s, err := g.setCustodians(ctx, envelope)
	if err != nil {
		return policy.Set{}, g.refuse(ctx, opCustodians, [32]byte{}, err)
	}
	return s, nil
}

func (g *Gate) setCustodians(ctx context.Context, envelope []byte) (policy.Set, error) {
	if g.law.err != nil {
		return policy.Set{}, g.law.err
	}
	r := g.law.register
	s, err := r.AddSet(envelope)
	if err != nil {
		return policy.Set{}, err
	}
	g.inForce()
	if r.Behind() {
		return policy.Set{}, fmt.Errorf("%w: set %d is kept, and a later or another one was in force: give that too", ErrRolledBack, s.Number)
	}
	if err := g.noteSet(ctx, r); err != nil {
		return policy.Set{}, fmt.Errorf("set %d is in force, and the journal couldn't be written: %w", s.Number, err)
	}
	return s, nil
}

// noteSet journals the newest set, if it is not known yet. The set is in force
// before that, so that a crash in between leaves no journal that knows more
// than the register; the next start makes up for it.
func (g *Gate) noteSet(ctx context.Context, r *register.Register) error {
	s, ok := r.Set()
	known := register.Known{Number: s.Number, Digest: s.Digest()}
	if !ok || r.Behind() || r.KnowsSet(known.Number) {
		return nil
	}
	seq, err := g.docket(ctx, journal.Entry{Op: opCustodians, Principal: opCustodians, Policy: known.Digest, Request: fmt.Sprintf(setText, s.Number)})
	if err != nil {
		return err
	}
	r.Knows(known)
	return r.Mark(seq, g.now())
}

// closeLaw makes it durable up to where the register is complete, so that the
// next start has little to read.
func (g *Gate) closeLaw() error {
	g.law.mu.Lock()
	defer g.law.mu.Unlock()
	r := g.law.register
	if r == nil || !r.Begun() || g.law.err != nil {
		return nil
	}
	g.law.err = ErrClosed
	head, err := g.journal.Head(keyring.Docket)
	if err != nil || head.Seq <= r.Seq() && r.Marked() {
		return err
	}
	return r.Mark(head.Seq, g.now())
}
