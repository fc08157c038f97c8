//go:build unix

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func custodianWaiting(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "waiting", Short: "List the cases that wait for custodians",
		Long: `Waiting lists the cases whose writs are drawn up and have no quorum, by deadline. With
--terms it tells of each, to a custodian, what it would let open, who has signed, and
whether you may.`,
		Example: "  writ --data /srv/writ custodian waiting --terms",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	terms := cmd.Flags().Bool("terms", false, "tell what each would let open, and who has signed")
	after := cmd.Flags().String("after", "", "with --terms: the last case of the page before")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*terms {
			return listCases(s, cmd, *asJSON, api.ListInput{Waits: "custodian", Open: true, Limit: 1000})
		}
		return inquire(s, cmd, *asJSON, func(ctx context.Context, d *desk) (api.WaitingPage, error) {
			return d.Waiting(ctx, api.DeskInput{After: *after, Limit: api.MaxDesk})
		}, func(d *desk, page api.WaitingPage) error {
			for i, w := range page.Waiting {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if err := d.printWaiting(cmd, w); err != nil {
					return err
				}
			}
			if page.Next != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: there are more: --after %s shows the next page\n", page.Next)
			}
			return nil
		})
	}
	return cmd
}

// mine is how a custodian stands to a writ, in words.
var mine = map[string]string{
	api.MaySign: "waits for your signature", api.Signed: "you have signed", api.Declined: "you declined, and may still sign",
	api.NoKey: "you have no custodian's key in the set in force",
}

func (d *desk) printWaiting(cmd *cobra.Command, w api.Waiting) error {
	yours := mine[w.Mine]
	if w.Mine == api.Barred {
		yours = "another signs: you acted as " + shown(w.Acted)
	}
	offline := "one must still be made off line"
	if w.Offline {
		offline = "one was made off line"
	}
	whose := shown(w.Name)
	if whose == "" {
		whose = shown(w.Customer)
	}
	pairs := []string{"case", string(w.Case), "you", yours, "due", d.at(w.Due), "whose data", whose, "authority", shown(w.Issuer) + ", " + shown(w.Country), "order", w.Terms.Order}
	for _, b := range w.Terms.Scope.Buckets {
		pairs = append(pairs, "bucket", shown(b.Bucket)+" "+clip(shownAll(b.Prefixes), 200))
	}
	return facts(cmd.OutOrStdout(), append(pairs,
		"at most", fmt.Sprintf("%d objects, %d bytes, until %s", w.Terms.Limits.Objects, w.Terms.Limits.Bytes, d.at(w.Terms.Limits.NotAfter)),
		"signed", fmt.Sprintf("%d of %d; %s", len(w.Signed), w.Threshold, offline), "digest", w.Digest)...)
}

func custodianHistory(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "history", Short: "List what you signed and declined as a custodian, newest case first",
		Example: "  writ --data /srv/writ custodian history --token-file ada.token",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	after := cmd.Flags().String("after", "", "the last case of the page before")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return inquire(s, cmd, *asJSON, func(ctx context.Context, d *desk) (api.SignedPage, error) {
			return d.Signed(ctx, api.DeskInput{After: *after, Limit: api.MaxDesk})
		}, func(d *desk, page api.SignedPage) error {
			var rows [][]string
			for _, c := range page.Cases {
				for _, a := range c.Acts {
					rows = append(rows, []string{string(c.Case), d.at(a.At), a.Did, shown(c.Issuer) + ", " + shown(c.Country), c.Stage, clip(a.Digest, 13), orDash(clip(shown(a.Reason), 80))})
				}
			}
			if err := table(cmd.OutOrStdout(), "CASE AT DID ISSUER STAGE DIGEST REASON", rows); err != nil {
				return err
			}
			if page.Next != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: there are more: --after %s shows the next page\n", page.Next)
			}
			return nil
		})
	}
	return cmd
}
