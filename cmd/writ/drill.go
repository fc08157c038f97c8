//go:build unix

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
)

func drillCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "drill", Short: "Rehearse an emergency order, and see how it went",
		Example: "  writ --data /srv/writ drill eight-hours\n  writ --data /srv/writ drill report 2026-7KQM-4ZT0",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(drillEightHours(s), drillReport(s))
	return cmd
}

func drillEightHours(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "eight-hours", Short: "Begin a drill: an emergency order for content",
		Long: `Eight-hours enters an emergency order for content on a case that is marked as a drill.
Its clock runs as a real one would, and whoever is on call is paged. It opens
nothing, tells nobody and counts in no report. It ends when it is approved or
answered; then close it, and read writ drill report CASE.`,
		Example: "  writ --data /srv/writ drill eight-hours --instrument eu.epoc",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	instrument := cmd.Flags().String("instrument", "eu.epoc", "kind of the demand that is rehearsed")
	country := cmd.Flags().String("country", "DE", "country of the court that is played")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		now := time.Now().UTC().Truncate(time.Second)
		c, err := d.Receive(cmd.Context(), api.DemandInput{Drill: true, Demand: docket.Demand{
			Reference: "DRILL " + now.Format("2006-01-02 15:04"), Instrument: writ.Instrument(*instrument),
			Issuer: docket.Issuer{Name: "drill", Country: *country, Kind: "court"}, Channel: docket.NationalSystem, Received: now, Signed: now,
			Matter: "criminal", Classes: []writ.DataClass{writ.ClassContent}, Emergency: true, Identifiers: []string{"drill"}, Accounts: 1,
			Note: "a rehearsal: nothing of it is real",
		}})
		if err != nil {
			return err
		}
		if !*asJSON {
			fmt.Fprintln(cmd.OutOrStdout(), "this is a drill: it opens nothing, tells nobody and counts nowhere")
		}
		return d.stands(cmd, c, *asJSON)
	}
	return cmd
}

func drillReport(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "report CASE", Short: "How a drill went: every step with its time",
		Example: "  writ --data /srv/writ drill report 2026-7KQM-4ZT0",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consultCase(s, cmd, *asJSON, args[0], "/drill", func(d *desk, r docket.Rehearsal) error { return d.printDrill(cmd, r) })
	}
	return cmd
}

func (d *desk) printDrill(cmd *cobra.Command, r docket.Rehearsal) error {
	w := cmd.OutOrStdout()
	verdict := "it runs: " + left(r.Due, time.Now())
	switch {
	case r.Kept:
		verdict = "kept, " + left(r.Due, r.Ended)
	case !r.Ended.IsZero():
		verdict = "missed, " + left(r.Due, r.Ended)
	}
	paged := "nobody was paged"
	if !r.PagedAt.IsZero() {
		paged = d.at(r.PagedAt)
		if r.Answered > 0 {
			paged += ", answered after " + pause(r.Answered)
		}
	}
	if err := facts(w, "drill", string(r.Case), "deadline", verdict, "began", d.at(r.Began), "due", d.at(r.Due)+" ("+r.Clock+")", "ended", d.at(r.Ended),
		"longest pause", pause(r.Longest), "first page", paged); err != nil {
		return err
	}
	rows := make([][]string, len(r.Steps))
	for i, s := range r.Steps {
		rows[i] = []string{"+" + pause(s.After), string(s.What), string(s.By), string(s.As)}
	}
	fmt.Fprintln(w)
	if err := table(w, "AFTER WHAT BY AS", rows); err != nil {
		return err
	}
	for _, n := range r.Missing {
		fmt.Fprintln(w, "missing: "+needLine(api.CaseNeed{What: n.What, Role: n.Role, How: n.How}))
	}
	return nil
}

// pause is a duration down to seconds, for drills.
func pause(d time.Duration) string { return d.Round(time.Second).String() }
