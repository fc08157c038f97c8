package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/access"
	"writ/internal/bundle"
	"writ/internal/monitor"
	"writ/internal/proof"
)

// pins is what a command that looks at a log takes on nobody's word, and where
// it remembers what it saw.
type pins struct {
	logKey, policy, ca, state string
	maxAge                    time.Duration
	trustFirst                bool
}

// pinFlags gives a command the flags of pins.
func pinFlags(cmd *cobra.Command, maxAge time.Duration) *pins {
	p := &pins{}
	f := cmd.Flags()
	f.StringVar(&p.logKey, "log-key", "", "file with the log's verifier key")
	f.StringVar(&p.policy, "policy", "", "file with the witness policy")
	f.StringVar(&p.ca, "ca", "", "file with the certificate authority that the server's certificate is of (PEM)")
	f.StringVar(&p.state, "state", "", "file that remembers this visit for the next")
	f.DurationVar(&p.maxAge, "max-age", maxAge, "refuse a checkpoint that is older")
	f.BoolVar(&p.trustFirst, "trust-first", false, "at the first visit, take the keys from the server itself")
	return p
}

// visit is a look at a log.
type visit struct {
	monitor.Visitor
	pins    *pins
	site    *monitor.Site      // nil for a log in a folder
	known   *monitor.WellKnown // what the server says of itself; nil if it doesn't
	roots   *x509.CertPool     // nil is the system's
	before  monitor.State      // as it was remembered
	trusted bool               // the keys came from the server
}

// visit reads what is pinned and remembered, and finds the log: a folder, a
// server, or the URL of the log itself.
func (p *pins) visit(ctx context.Context, where string) (*visit, error) {
	v := &visit{pins: p}
	v.File, v.Now, v.State = p.state, time.Now(), &monitor.State{}
	var err error
	if p.state != "" {
		if v.State, err = monitor.LoadState(p.state); err != nil {
			return nil, refusal(err)
		}
	}
	v.before = *v.State
	if v.roots, err = readRoots(p.ca); err != nil {
		return nil, err
	}
	if err := v.find(ctx, where); err != nil {
		return nil, refusal(err)
	}
	return v, v.pin()
}

// find finds the log.
func (v *visit) find(ctx context.Context, where string) error {
	if !strings.Contains(where, "://") {
		info, err := os.Stat(where)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no folder", where)
		}
		v.Source = monitor.Folder(where)
		return err
	}
	site, err := monitor.NewSite(where, monitor.SiteOptions{Roots: v.roots})
	if err != nil {
		return err
	}
	v.site, v.Source = site, site
	if site.URL().Path != "/" {
		return nil
	}
	v.known, err = monitor.Discover(ctx, site)
	if errors.Is(err, fs.ErrNotExist) { // a log by itself
		return nil
	}
	if err == nil {
		v.Source = site.At(v.known.Log)
	}
	return err
}

// pin decides which keys are trusted: those of the files, else those of the
// state, else, if that was said, the server's own.
func (v *visit) pin() (err error) {
	p := v.pins
	key, policy := v.State.LogKey, v.State.Witnesses
	v.trusted = v.State.Trusted
	if p.logKey != "" {
		if key, err = readKey(p.logKey); err != nil {
			return err
		}
		if v.State.LogKey != "" && v.State.LogKey != key {
			return withHint(fmt.Errorf("%s is of a log with another key than %s", p.state, p.logKey), "use one state file for each log")
		}
		v.trusted = false
	}
	if p.policy != "" {
		if policy, err = readPolicy(p.policy); err != nil {
			return err
		}
	}
	if key == "" {
		if key, policy, err = v.first(policy); err != nil {
			return err
		}
	}
	v.LogKey, v.State.Witnesses, v.State.Trusted = key, policy, v.trusted
	v.Verifier, err = verifierOf(key, policy, p.maxAge)
	return err
}

// first takes the keys from the server, if that was said.
func (v *visit) first(policy string) (string, string, error) {
	switch {
	case !v.pins.trustFirst:
		return "", "", withHint(errors.New("no log key is pinned: without it nothing is proven"),
			"--log-key FILE pins it; --trust-first --state FILE takes the server's own at the first visit and holds it to that afterwards")
	case v.pins.state == "":
		return "", "", withHint(errors.New("--trust-first needs --state FILE: what is trusted first must be remembered"), "name a file that does not exist yet")
	case v.known == nil:
		return "", "", withHint(errors.New("nobody names keys to trust: there is no /.well-known/writ.json"), "--log-key FILE pins the log's key")
	}
	v.trusted = true
	if policy == "" {
		policy = v.known.Policy
	}
	return v.known.LogKey, policy, nil
}

// save remembers the visit.
func (v *visit) save() error {
	if v.File == "" {
		return nil
	}
	return v.State.Save(v.File)
}

// told are the sentences on what the visit is worth.
func (v *visit) told() (all []string) {
	if v.State.Witnesses == "" {
		all = append(all, noWitnesses)
	}
	if v.trusted {
		all = append(all, "The keys came from the server itself at the first visit: that it was honest then is on its word. Compare them with its operator's by another way:\n  "+v.LogKey)
	}
	if v.File == "" {
		all = append(all, "Nothing is remembered: a log that is rolled back before the next visit will not be noticed (--state FILE).")
	}
	return all
}

// readRoots reads a certificate authority; "" is the system's.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := readBounded(file, 1<<20)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	return roots, nil
}

// refusals say what to do about what a check finds.
var refusals = []struct {
	err  error
	hint string
}{
	{monitor.ErrFork, "this is proof that the log lies to somebody: publish the evidence, and tell its witnesses and its operator"},
	{monitor.ErrRollback, "ask again in a minute: if an older copy was served by mistake, it passes; if not, keep the evidence and ask the operator for writ ledger recover or a public break"},
	{monitor.ErrTile, "ask again; if it stays so, the log cannot show what it signed: keep what it serves as evidence"},
	{monitor.ErrState, "put the file back from a backup, or begin anew with another file and the keys pinned by --log-key and --policy"},
	{monitor.ErrPlaintext, "ask by https"},
	{monitor.ErrTLS, "somebody may stand between you and the server, or it is set up worse than it says; --ca FILE names its certificate authority"},
	{monitor.ErrBehind, "ask again in a minute; a server that goes on leaving out batches hides what they show"},
	{monitor.ErrUnlogged, "--unlogged accepts that"},
	{monitor.ErrSealed, "give the private key that writ journal keygen made: --journal-key FILE"},
	{monitor.ErrLost, "ask the operator why; --lost accepts it, and then nothing says that the batch didn't show another history"},
	{monitor.ErrJournal, "ask the server for the bundle of the right customer, from the right entry"},
	{monitor.ErrStory, "the log signed what it must not say: keep it as evidence, and ask its operator"},
	{bundle.ErrCut, "ask for it again"},
	{bundle.ErrHead, "the journal was changed after it was committed to: keep the bundle as evidence"},
	{access.ErrChain, "entries were left out or changed, or begin elsewhere than you asked: keep the bundle as evidence"},
	{proof.ErrSlot, "what the bundle shows is not what the log committed to: keep it as evidence"},
	{proof.ErrInclusion, "what is shown is not in the log where it is said to be: keep it as evidence"},
	{proof.ErrLog, "whoever serves this has not the log's key; if the log has a new one, its operator must tell you by another way"},
	{proof.ErrWitnesses, "do not believe what only the log itself has signed; ask again in a minute, and then its witnesses"},
	{proof.ErrStale, "the log stands still, or an old copy is served to you: ask again, and then its operator"},
	{monitor.ErrSource, "nothing is proven by what could not be read"},
}

// refusal gives an error its hint.
func refusal(err error) error {
	var own *hinted
	if err == nil || errors.As(err, &own) {
		return err
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return withHint(err, r.hint)
		}
	}
	return err
}
