//go:build unix

package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func auditCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "The operator's audit trail: who did what, and what was refused",
		Example: "  writ --data /srv/writ audit show --outcome refused",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(auditShow(s), auditVerify(s))
	return cmd
}

func auditShow(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Show the audit trail, newest first",
		Example: `  writ --data /srv/writ audit show --who sam.ortiz --from 2026-11-01
  writ --data /srv/writ audit show --object 2026-7KQM-4ZT0 --outcome refused`,
		Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	who, act, object := f.String("who", "", "of one person"), f.String("act", "", "of one kind of act"), f.String("object", "", "about one case, person, token, customer or authority")
	outcome, from, until := f.String("outcome", "", "ok or refused"), f.String("from", "", "from when"), f.String("until", "", "until when")
	limit := f.Int("limit", 100, "at most so many entries; 0 for all")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		start, err := parseMoment("--from", *from)
		if err != nil {
			return err
		}
		end, err := parseMoment("--until", *until)
		if err != nil {
			return err
		}
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		all := []api.AuditEntry{}
		for before := uint64(0); ; {
			path := api.Asked("audit", "who", *who, "act", *act, "object", *object, "outcome", *outcome, "from", stamp(start), "until", stamp(end), "limit", "1000")
			if before > 0 {
				path += "&before=" + strconv.FormatUint(before, 10)
			}
			var page api.AuditPage
			if err := d.Do(cmd.Context(), "GET", path, nil, &page); err != nil {
				return err
			}
			all, before = append(all, page.Entries...), page.Next
			if *limit > 0 && len(all) >= *limit {
				all = all[:*limit]
				break
			}
			if before == 0 {
				break
			}
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), all)
		}
		return table(cmd.OutOrStdout(), "NUMBER TIME WHO BY ACT OBJECT OUTCOME WHY", rowsOf(all, func(e api.AuditEntry) []string {
			if e.Gone {
				return []string{strconv.FormatUint(e.Seq, 10), stamp(e.At), "-", "-", "-", "-", "-", "erased when its time was over"}
			}
			by := e.By
			if e.Addr != "" {
				by += " " + e.Addr
			}
			return []string{strconv.FormatUint(e.Seq, 10), stamp(e.At), dash(shown(e.Who)), dash(shown(by)), shown(e.Act), dash(shown(e.Object)), shown(e.Outcome), shown(e.Why)}
		}))
	}
	return cmd
}

func auditVerify(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Hash the whole trail again: was an entry edited, dropped or reordered",
		Long: `Verify says whether the trail is as it was written, and where it stands. Keep
the hash elsewhere: a trail that was cut off or written anew is found by it.`,
		Example: "  writ --data /srv/writ audit verify",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", "audit/verify", nil, func(_ *desk, h api.Head) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "the trail is as it was written: %d entries, head %s\n", h.Seq, shown(h.Hash))
			return err
		})
	}
	return cmd
}
