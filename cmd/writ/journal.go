//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func journalCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "journal", Short: "Journals: every use of a customer's keys",
		Example: "  writ --data /srv/writ journal show --customer harbour-clinic",
	}
	cmd.AddCommand(journalShow(g), journalKeygen())
	return cmd
}

func journalShow(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Show who used a customer's keys, by which right, for what",
		Long: `Show prints a customer's journal, oldest entry first, and checks its chain as
far as it reads. The reading is itself an entry of the journal.

It needs no server: without one it opens the data folder itself.`,
		Example: `  writ --data /srv/writ journal show --customer harbour-clinic
  writ --data /srv/writ journal show --customer harbour-clinic --since 2027-03-01T00:00:00Z --json`,
		Args: noArguments,
	}
	settingFlags(cmd, "key_file")
	asJSON := jsonFlag(cmd)
	customer := customerFlag(cmd, true)
	since := cmd.Flags().String("since", "", "entries at or after this time (2027-03-01T00:00:00Z) or this long ago (36h)")
	until := cmd.Flags().String("until", "", "entries before this time, or this long ago")
	after := cmd.Flags().Uint64("after", 0, "entries with a higher number")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q := api.JournalQuery{After: *after}
		var err error
		if q.Since, err = moment(*since); err != nil {
			return err
		}
		if q.Until, err = moment(*until); err != nil {
			return err
		}
		c, done, err := g.clientOrOpen(cmd)
		if err != nil {
			return err
		}
		print := &entries{out: cmd.OutOrStdout(), json: *asJSON}
		end, err := c.Journal(cmd.Context(), *customer, q, print.entry)
		if e := print.end(); err == nil {
			err = e
		}
		if e := done(); err == nil {
			err = e
		}
		if err == nil && end.Damaged > 0 {
			err = withHint(fmt.Errorf("the journal is damaged in %d places", end.Damaged), "writ fsck tells what else is damaged; a backup may have the entries")
		}
		return err
	}
	return cmd
}

// moment reads a time, or how long ago it was.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return time.Now().Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is neither a time (2027-03-01T00:00:00Z) nor a duration (36h)", s)
	}
	return t, nil
}

// entries prints a journal as it comes: as an array of JSON, or as lines.
type entries struct {
	out   io.Writer
	json  bool
	count int
}

func (p *entries) entry(e api.Entry) error {
	p.count++
	if !p.json {
		return p.line(e)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	between := ",\n "
	if p.count == 1 {
		between = "["
	}
	_, err = fmt.Fprintf(p.out, "%s%s", between, body)
	return err
}

func (p *entries) end() error {
	text := ""
	switch {
	case p.json && p.count == 0:
		text = "[]\n"
	case p.json:
		text = "]\n"
	}
	_, err := io.WriteString(p.out, text)
	return err
}

func (p *entries) line(e api.Entry) error {
	if e.Sealed != nil {
		_, err := fmt.Fprintf(p.out, "%7s  entries %d to %d are sealed to the customer's own key\n", "sealed", e.Sealed.From, e.Sealed.To)
		return err
	}
	if e.Damage != "" {
		_, err := fmt.Fprintf(p.out, "      !  %s\n", e.Damage)
		return err
	}
	_, err := fmt.Fprintln(p.out, keyUse{
		Seq: e.Seq, Time: e.Time, Reason: e.Reason, Credential: e.Credential, Principal: e.Principal, Presigned: e.Presigned, Op: e.Op,
		Bucket: e.Bucket, Key: e.Key, Version: e.Version, Offset: e.Offset, Length: e.Length, Addr: e.Addr,
	}.line())
	return err
}
