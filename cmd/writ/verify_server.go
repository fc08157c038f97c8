package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/monitor"
	"writ/internal/printable"
	"writ/internal/proof"
)

func verifyServer() *cobra.Command {
	cmd := &cobra.Command{
		Use: "server URL", Short: "Check that a server keeps what it promises in public",
		Long: `Server checks a running server from outside: that it speaks TLS 1.3 with
X25519MLKEM768 and never less than its policy says; that its log's checkpoint is
fresh, cosigned, and goes on from the last visit; that the release it says it runs
is in the log; and whether its policy is what it was, or what has changed.

It re-hashes the leaves that are new since the last visit, at the first all of
them. A server that runs a build which is in no release, and says so in its
policy, is accepted with --unlogged only. What a machine really runs cannot be
seen from outside: the release is what the server says.`,
		Example: `  writ verify server https://quayside.example --log-key log.vkey --policy witnesses.txt --state quayside.state
  writ verify server https://quayside.example --state quayside.state --trust-first
  writ verify server https://quayside.example --state quayside.state --max-age 2m --json`,
		Args: exactly("URL"),
	}
	asJSON := jsonFlag(cmd)
	p := pinFlags(cmd, 10*time.Minute)
	unlogged := cmd.Flags().Bool("unlogged", false, "accept a build that is in no release, if the policy says so")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		maxAge := p.maxAge
		p.maxAge = 0 // looked at below: also a log without witnesses has an age
		v, err := p.visit(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if v.known == nil {
			return withHint(fmt.Errorf("%s is no server of writ: it has no /.well-known/writ.json", args[0]), "name the server's web address; writ verify log checks any other log")
		}
		s := &serverCheck{visit: v, unlogged: *unlogged, maxAge: maxAge}
		s.run(cmd.Context())
		if s.failed == nil {
			if err := v.save(); err != nil {
				return err
			}
		}
		if err := s.tell(cmd.OutOrStdout(), *asJSON); err != nil {
			return err
		}
		return refusal(s.failed)
	}
	return cmd
}

// serverCheck is one look at a server.
type serverCheck struct {
	*visit
	unlogged bool
	maxAge   time.Duration

	Server  []looked `json:"checks"`
	Changes []change `json:"policy_changes"` // since the last visit
	failed  error    // the first check that failed
}

// looked is one thing that was looked at.
type looked struct {
	What  string `json:"check"`
	Holds bool   `json:"holds"`
	Says  string `json:"says"`
}

// found notes how a check ended.
func (s *serverCheck) found(what, says string, err error) {
	if err != nil {
		says = oneLine(err.Error())
		if s.failed == nil {
			s.failed = err
		}
	}
	s.Server = append(s.Server, looked{what, err == nil, says})
}

func (s *serverCheck) run(ctx context.Context) {
	if s.known.LogKey != s.LogKey {
		s.found("log key", "", fmt.Errorf("%w: the server names another log key than the one that is pinned", proof.ErrLog))
	}
	log, err := s.Visit(ctx)
	if err != nil {
		s.found("log", "", err)
		s.tls(ctx, "")
		return
	}
	s.found("log", s.history(log), nil)
	var from monitor.Story
	if s.before.Story != nil {
		from = *s.before.Story
	}
	story, err := rehash(ctx, log, from)
	if err != nil {
		s.found("leaves", "", err)
		s.tls(ctx, "")
		return
	}
	s.State.Story = story
	s.found("leaves", fmt.Sprintf("%d in order, %d of them since the last visit", story.Leaves, story.Leaves-from.Leaves), nil)
	says, err := s.fresh(log, story)
	s.found("fresh", says, err)
	if story.Policy == nil {
		s.found("policy", "", errors.New("the log holds no policy: the server promises nothing"))
		s.tls(ctx, "")
		return
	}
	says, err = s.policy(from.Policy, story.Policy)
	s.found("policy", says, err)
	s.tls(ctx, story.Policy.Policy.TLSMin)
	says, err = s.release(ctx, &story.Policy.Policy)
	s.found("release", says, err)
}

// history says who cosigned, and since when the log is known.
func (s *serverCheck) history(log *monitor.Log) string {
	since := "seen for the first time"
	if s.before.Checkpoint != "" {
		since = "only appended to since " + when(s.before.Seen)
	}
	return fmt.Sprintf("%s, %d leaves, cosigned by %s, %s", log.Checkpoint.Origin, log.Checkpoint.Size, cosignedBy(log.Checkpoint), since)
}

// fresh looks at how old the checkpoint is: by its witnesses, or, if there are
// none, by the log's own newest statement.
func (s *serverCheck) fresh(log *monitor.Log, story *monitor.Story) (string, error) {
	at, witnessed, err := log.Fresh(story, s.Now, s.maxAge)
	if err != nil {
		return "", err
	}
	if !witnessed {
		return fmt.Sprintf("of %s, by the log's own word only", when(at)), nil
	}
	return fmt.Sprintf("of %s, by a witness's word", when(at)), nil
}

// policy says whether the policy is what it was.
func (s *serverCheck) policy(before, now *monitor.InForce) (string, error) {
	if now.Policy.Origin != s.known.Origin {
		return "", fmt.Errorf("the policy is of the log %s, and the server names %s", printable.Line(now.Policy.Origin), printable.Line(s.known.Origin))
	}
	since := fmt.Sprintf("leaf %d, of %s", now.Index, when(now.Since))
	switch {
	case before == nil:
		return since + ", seen for the first time", nil
	case before.Index == now.Index:
		return since + ", unchanged since the last visit", nil
	}
	s.Changes = policyChanges(&before.Policy, &now.Policy)
	return fmt.Sprintf("%s, CHANGED since the last visit in %d fields", since, len(s.Changes)), nil
}

// tls looks at the server's TLS, against what its policy promises.
func (s *serverCheck) tls(ctx context.Context, atLeast string) {
	u := s.site.URL()
	if u.Scheme != "https" {
		s.found("tls", "", fmt.Errorf("%w: it was asked in plaintext, at %s", monitor.ErrTLS, u.Host))
		return
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	got, err := monitor.CheckTLS(ctx, net.JoinHostPort(u.Hostname(), port), u.Hostname(), s.roots, atLeast)
	if err != nil {
		s.found("tls", "", err)
		return
	}
	s.found("tls", fmt.Sprintf("%s with %s and %s; an offer of 1.2 yields %s, of less nothing", got.Version, got.Group, got.Cipher, got.Offer12), nil)
}

// release looks for the release that the server says it runs.
func (s *serverCheck) release(ctx context.Context, policy *proof.Policy) (string, error) {
	got, r, err := monitor.Runs(ctx, s.site, s.known, policy, s.Verifier)
	if errors.Is(err, monitor.ErrUnlogged) && s.unlogged {
		return "UNLOGGED: the build is in no release, as the policy says", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, leaf %d of %s, source %s with SHA-256 %s", printable.Line(r.Version), got.Index, when(got.Statement.At), printable.Line(r.Source.Name), printable.Line(r.Source.SHA256)), nil
}

func (s *serverCheck) tell(w io.Writer, asJSON bool) error {
	if asJSON {
		if s.Changes == nil {
			s.Changes = []change{}
		}
		return writeJSON(w, struct {
			Server       string   `json:"server"`
			Holds        bool     `json:"holds"`
			TrustedFirst bool     `json:"trusted_first"`
			Checks       []looked `json:"checks"`
			Changes      []change `json:"policy_changes"`
		}{s.site.URL().String(), s.failed == nil, s.trusted, s.Server, s.Changes})
	}
	if s.failed == nil {
		fmt.Fprintln(w, "this server keeps what it promises in public")
	}
	var lines []string
	for _, c := range s.Server {
		mark := "holds: "
		if !c.Holds {
			mark = "FAILS: "
		}
		lines = append(lines, c.What, mark+c.Says)
	}
	for _, c := range s.Changes {
		lines = append(lines, "changed", fmt.Sprintf("%s: %s -> %s", c.Field, visible(c.Before), visible(c.Now)))
	}
	if err := facts(w, lines...); err != nil {
		return err
	}
	if s.known.Policy != "" && strings.TrimSpace(s.known.Policy) != strings.TrimSpace(s.State.Witnesses) {
		fmt.Fprintln(w, "\nThe server names another witness policy than the one that is pinned; the pinned one was asked for.")
	}
	return tellAll(w, s.told())
}
