//go:build unix

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func caseBoard(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "board", Short: "The docket at a glance: what waits for whom, what is late",
		Long: `Board shows the open cases by what they wait for, the most urgent first, and the
closed ones that are silent or were closed lately. With --after it waits until the
docket is another than the revision that was seen, so that a script hears of each
change.`,
		Example: `  writ --data /srv/writ case board
  writ --data /srv/writ case board --after 4711 --wait 50 --json`,
		Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	in := api.BoardInput{Each: 8, Wait: 50}
	f := cmd.Flags()
	f.IntVar(&in.Each, "each", in.Each, "cases of each lane, up to 50")
	f.Uint64Var(&in.After, "after", 0, "the revision that was seen: wait until it is another")
	f.IntVar(&in.Wait, "wait", in.Wait, "seconds to wait at most, up to 50")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return inquire(s, cmd, *asJSON, func(ctx context.Context, d *desk) (api.Board, error) { return d.Board(ctx, in) }, func(d *desk, b api.Board) error {
			out := cmd.OutOrStdout()
			err := facts(out, "open", fmt.Sprint(b.Open), "late", fmt.Sprint(b.Late), "due today", fmt.Sprint(b.Today), "waiting for me", fmt.Sprint(b.Mine), "revision", fmt.Sprint(b.Revision))
			for _, l := range b.Lanes {
				if err != nil || l.Count == 0 {
					continue
				}
				fmt.Fprintf(out, "\n%s: %d\n", l.Lane, l.Count)
				err = whole(indented{out}, func(w io.Writer) error { return d.printList(w, cmd.ErrOrStderr(), api.CasePage{Cases: l.Cases}) })
			}
			return err
		})
	}
	return cmd
}
