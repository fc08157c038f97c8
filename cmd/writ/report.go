//go:build unix

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func reportCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "report", Short: "A transparency report of a period",
		Long: `Report counts the docket's cases of a period: what was received and what became of
it, by instrument and country. It is refused where it would not add up, and says
which case is to blame. The layout github prints one of the tables that GitHub
publishes (--table received-disclosed, accounts, notifications, cross-border or
national-security; --by year or half). docs/reports.md is the reference.

With --reconcile nothing is printed but what contradicts itself, with the case to
blame. With --published the reports whose digests are in the public log are listed.

With --publish the report's digest goes into the public log; a second report of a
period is a correction, which names the first by --corrects.`,
		Example: `  writ --data /srv/writ report --from 2026-01-01 --to 2026-06-30
  writ --data /srv/writ report --from 2026-01-01 --to 2026-12-31 --layout github --table received-disclosed --format csv
  writ --data /srv/writ report --from 2026-01-01 --to 2026-06-30 --publish`,
		Args: noArguments,
	}
	s := newSeat(g, cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON, for scripts: the same as --format json")
	f := cmd.Flags()
	var in api.ReportInput
	f.StringVar(&in.From, "from", "", "first day (2026-01-01)")
	f.StringVar(&in.To, "to", "", "last day")
	f.StringVar(&in.Layout, "layout", "", "writ or github")
	f.StringVar(&in.Format, "format", "", "table, csv, json or html")
	f.StringVar(&in.Table, "table", "", "of the layout github: which table")
	f.StringVar(&in.By, "by", "", "of the layout github: year or half")
	f.StringVar(&in.Structure, "structure", "", "of national-security numbers: 1 to 4, as 50 USC 1874(a) has them")
	f.StringVar(&in.Corrects, "corrects", "", "digest of the first report of the period, in hex")
	publish := f.Bool("publish", false, "put the report's digest into the public log")
	reconcile := f.Bool("reconcile", false, "say only what of the period does not add up")
	published := f.Bool("published", false, "list the reports whose digests are in the public log")
	cmd.MarkFlagsMutuallyExclusive("publish", "reconcile", "published")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *published {
			return consult(s, cmd, *asJSON, "GET", "report/published", nil, func(_ *desk, all []api.PublishedReport) error {
				return table(cmd.OutOrStdout(), "FROM TO PUBLISHED STRUCTURE DIGEST", rowsOf(all, func(p api.PublishedReport) []string {
					return []string{p.From, p.To, stamp(p.At), orDash(p.Structure), p.Digest}
				}))
			})
		}
		if in.From == "" || in.To == "" {
			return usageError(cmd.CommandPath(), "a period takes --from and --to")
		}
		if *asJSON && in.Format == "" {
			in.Format = "json"
		}
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		if *reconcile {
			return d.reconcile(cmd, in, *asJSON)
		}
		if *publish {
			return d.publish(cmd, in, *asJSON)
		}
		body, err := d.Report(cmd.Context(), in)
		if err != nil {
			return err
		}
		defer body.Close()
		if _, err = io.Copy(cmd.OutOrStdout(), body); err != nil {
			return fmt.Errorf("couldn't read the server's answer: %w", err)
		}
		return nil
	}
	return cmd
}

// reconcile lists what does not add up; that there is something is no failure of
// the command.
func (d *desk) reconcile(cmd *cobra.Command, in api.ReportInput, asJSON bool) error {
	r, err := d.Reconcile(cmd.Context(), in)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), r)
	}
	if len(r.Contradictions) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "everything adds up")
		return err
	}
	if err := table(cmd.OutOrStdout(), "CASE CONTRADICTION", rowsOf(r.Contradictions, func(c api.Contradiction) []string {
		return []string{orDash(shown(c.Ref)), shown(c.What)}
	})); err != nil || r.More == 0 {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "and %d more\n", r.More)
	return err
}

func (d *desk) publish(cmd *cobra.Command, in api.ReportInput, asJSON bool) error {
	p, err := d.PublishReport(cmd.Context(), in)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), p)
	}
	return facts(cmd.OutOrStdout(), "published", p.Digest, "period", p.From+" to "+p.To, "structure", p.Structure, "corrects", p.Corrects)
}
