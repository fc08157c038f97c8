//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
)

func myJournal(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "journal", Short: "Who used your keys, by which right, for what: newest first",
		Long: `Journal prints the newest entries of your journal that the flags choose, newest
first, and says where to go on. With --summary it counts uses by day and right;
--raw saves all entries, and --bundle what writ verify journal checks against the
public log. Each reading is itself an entry.`,
		Example: `  writ my journal --right writ
  writ my journal --bucket ward-seven --prefix letters/ --from 72h
  writ my journal --summary 30
  writ my journal --bundle harbour-clinic.bundle`,
		Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	var q api.MyJournalQuery
	f.IntVar(&q.Limit, "limit", 100, "at most so many, up to 1,000")
	f.Uint64Var(&q.Before, "before", 0, "entries with a lower number")
	f.StringVar(&q.Right, "right", "", "by which right: owner, owner's grant, writ, upkeep")
	f.StringVar(&q.Bucket, "bucket", "", "of one bucket")
	f.StringVar(&q.Prefix, "prefix", "", "of objects whose key begins with it")
	from, until := f.String("from", "", "entries at or after this time (2027-03-01T00:00:00Z) or this long ago (36h)"), f.String("until", "", "entries before this time, or this long ago")
	summary := f.Int("summary", 0, "count uses over so many days, up to 90")
	raw := f.String("raw", "", "new file for all entries, one JSON value a line")
	bundle := f.String("bundle", "", "new file for the journal with its proofs")
	cmd.MarkFlagsMutuallyExclusive("summary", "raw", "bundle")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if q.From, err = moment(*from); err != nil {
			return err
		}
		if q.Until, err = moment(*until); err != nil {
			return err
		}
		switch {
		case *raw != "":
			return saveJournal(a, cmd, *raw, func(o *api.Own) (io.ReadCloser, error) { return o.JournalRaw(cmd.Context()) })
		case *bundle != "":
			return saveJournal(a, cmd, *bundle, func(o *api.Own) (io.ReadCloser, error) { return o.JournalBundle(cmd.Context(), 0, 0) })
		case f.Changed("summary"):
			return query(a, cmd, *asJSON, func(o *api.Own) (api.MySummary, error) { return o.JournalSummary(cmd.Context(), *summary) }, func(s api.MySummary) error { return printSummary(cmd, s) })
		}
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyJournal, error) { return o.Journal(cmd.Context(), q) }, func(page api.MyJournal) error {
			print := &entries{out: cmd.OutOrStdout()}
			for _, e := range page.Entries {
				if err := print.line(e); err != nil {
					return err
				}
			}
			switch {
			case page.Cut:
				fmt.Fprintf(cmd.ErrOrStderr(), "looked back to entry %d: --before %d goes on\n", page.Next, page.Next)
			case page.Next > 0:
				fmt.Fprintf(cmd.ErrOrStderr(), "there is more: --before %d\n", page.Next)
			}
			return nil
		})
	}
	return cmd
}

func saveJournal(a *account, cmd *cobra.Command, name string, fetch func(*api.Own) (io.ReadCloser, error)) error {
	o, err := a.own()
	if err != nil {
		return err
	}
	body, err := fetch(o)
	if err != nil {
		return err
	}
	defer body.Close()
	n, err := save(name, body, 0o600)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return withHint(errors.New("the server went away in the middle of the journal: nothing was saved"), "ask again")
	}
	if err == nil {
		say(cmd, "%s: %s", name, size(n))
	}
	return err
}

// reasons are the rights, in the order of the columns.
var reasons = []writ.Reason{writ.ReasonOwner, writ.ReasonGrant, writ.ReasonWrit, writ.ReasonUpkeep}

func printSummary(cmd *cobra.Command, s api.MySummary) error {
	rows := rowsOf(s.Days, func(d api.MyDay) []string {
		row := []string{d.Day}
		for _, r := range reasons {
			row = append(row, fmt.Sprint(d.Uses[r]))
		}
		return row
	})
	rows = slices.DeleteFunc(rows, func(row []string) bool { return slices.Equal(row[1:], []string{"0", "0", "0", "0"}) })
	if err := table(cmd.OutOrStdout(), "DAY OWNER GRANT WRIT UPKEEP", rows); err != nil {
		return err
	}
	if s.Cut {
		fmt.Fprintf(cmd.ErrOrStderr(), "cut: there are more entries than were counted, which are those since %s\n", stamp(s.Whole))
	}
	if s.Sealed > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d entries are sealed to your own key, and not counted\n", s.Sealed)
	}
	return nil
}
