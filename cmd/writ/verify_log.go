package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/monitor"
	"writ/internal/printable"
	"writ/internal/proof"
)

func verifyLog() *cobra.Command {
	cmd := &cobra.Command{
		Use: "log URL|FOLDER", Short: "Check that a log only ever appends",
		Long: `Log reads the newest checkpoint of a ledger, or of any log of C2SP's tlog-tiles,
and checks that it is signed by the key you pinned, cosigned by enough of your
policy's witnesses, and that the log merely appended since the last visit. A log
that was rolled back or shows another history is refused, and both checkpoints
are kept beside the state file, as evidence.

URL is a server, which says where its log is, or the log itself; FOLDER is a copy
of one. --full re-hashes every leaf as well, and checks what they say: that every
one is a statement, that batches are numbered without gaps, that times never go
back, and that policies follow each other.`,
		Example: `  writ verify log https://quayside.example --log-key log.vkey --policy witnesses.txt --state quayside.state
  writ verify log https://quayside.example --state quayside.state --full
  writ verify log /srv/mirror/quayside --log-key log.vkey --full --json`,
		Args: exactly("URL"),
	}
	asJSON := jsonFlag(cmd)
	p := pinFlags(cmd, 0)
	full := cmd.Flags().Bool("full", false, "re-hash every leaf and check what it says")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v, err := p.visit(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		log, err := v.Visit(cmd.Context())
		if err != nil {
			return refusal(err)
		}
		found := seenLog{Checkpoint: log.Checkpoint, LogKey: v.LogKey, TrustedFirst: v.trusted}
		if v.before.Checkpoint != "" {
			found.Before = &v.before.Seen
		}
		if *full {
			if found.Story, err = rehash(cmd.Context(), log, monitor.Story{}); err != nil {
				return refusal(err)
			}
			v.State.Story = found.Story
		}
		if err := v.save(); err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), found)
		}
		return found.tell(cmd.OutOrStdout(), v)
	}
	return cmd
}

// rehash goes on with a story to the end of the log, and shows how far it is.
func rehash(ctx context.Context, log *monitor.Log, from monitor.Story) (*monitor.Story, error) {
	bar, end := progressBar()
	defer end()
	var show func(done, of uint64)
	if bar != nil {
		show = func(done, of uint64) { bar("leaves", int64(done), int64(of)) }
	}
	if err := log.Scan(ctx, &from, show); err != nil {
		return nil, err
	}
	return &from, nil
}

// seenLog is what a visit saw.
type seenLog struct {
	proof.Checkpoint
	LogKey       string         `json:"log_key"`
	TrustedFirst bool           `json:"trusted_first"` // the keys came from the server itself
	Before       *time.Time     `json:"before,omitempty"`
	Story        *monitor.Story `json:"story,omitempty"`
}

func (s seenLog) tell(w io.Writer, v *visit) error {
	fmt.Fprintln(w, "this log holds")
	since := "this is the first visit"
	if s.Before != nil {
		since = "only appended to since the visit of " + when(*s.Before)
	}
	lines := []string{
		"log", s.Origin,
		"checkpoint", fmt.Sprintf("%d leaves, root %x", s.Size, s.Root),
		"cosigned by", cosignedBy(s.Checkpoint),
		"history", since,
	}
	if s.Story != nil {
		lines = append(lines, storyFacts(s.Story)...)
	}
	if err := facts(w, lines...); err != nil {
		return err
	}
	return tellAll(w, v.told())
}

// batchNames says which batches, and when.
func batchNames(batches []monitor.Late) string {
	all := make([]string, len(batches))
	for i, l := range batches {
		all[i] = fmt.Sprintf("%d of %s", l.N, when(l.At))
	}
	return strings.Join(all, ", ")
}

// storyFacts are what re-hashed leaves say.
func storyFacts(s *monitor.Story) []string {
	late := "none was late"
	if s.Late > 0 {
		late = fmt.Sprintf("%d late, lately %s", s.Late, batchNames(s.LateOnes))
	}
	lines := []string{
		"re-hashed", fmt.Sprintf("%d leaves, the last of %s", s.Leaves, when(s.At)),
		"batches", fmt.Sprintf("%d, up to number %d; %s", s.Batches, s.Batch, late),
		"others", fmt.Sprintf("%d policies, %d releases, %d reports", s.Policies, s.Releases, s.Reports),
	}
	if s.Unwitnessed > 0 {
		lines = append(lines, "unwitnessed", fmt.Sprintf("in %d batches: something was opened under law while witnesses were away; lately %s", s.Unwitnessed, batchNames(s.UnwitnessedOnes)))
	}
	if s.Back > 0 {
		lines = append(lines, "clock", fmt.Sprintf("went back %d times", s.Back))
	}
	if s.Break {
		b := s.Policy.Policy.Break
		if b == nil {
			return append(lines, "break", "this log goes on from another")
		}
		lines = append(lines, "break", fmt.Sprintf("this log goes on from %s at %d leaves: %s", printable.Line(b.Origin), b.Size, printable.Line(b.Reason)))
	}
	return lines
}

func tellAll(w io.Writer, sentences []string) error {
	for _, s := range sentences {
		if _, err := fmt.Fprintln(w, "\n"+s); err != nil {
			return err
		}
	}
	return nil
}
