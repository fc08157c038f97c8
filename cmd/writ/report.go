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
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
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
