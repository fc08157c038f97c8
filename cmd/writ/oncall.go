//go:build unix

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
)

func onCallCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "on-call", Short: "Who is paged when a clock passes half",
		Example: "  writ --data /srv/writ on-call show counsel",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(onCallShow(s), onCallSet(s), onCallShift(s))
	return cmd
}

// rotaInput is a rota as it is set.
type rotaInput struct {
	Standing []writ.Person `json:"standing"`
	Shifts   []api.Shift   `json:"shifts,omitempty"`
}

func tellRota(cmd *cobra.Command, r api.Rota) error {
	now := shownAll(r.Now)
	if now == "" {
		now = "nobody"
	}
	if err := facts(cmd.OutOrStdout(), "paged now, in this order", now, "standing order", shownAll(r.Standing)); err != nil {
		return err
	}
	for _, sh := range r.Shifts {
		say(cmd, "first from %s to %s: %s", stamp(sh.From), stamp(sh.Until), shown(sh.Person))
	}
	for _, gap := range r.Gaps {
		say(cmd, "nobody from %s to %s", stamp(gap.From), stamp(gap.Until))
	}
	return nil
}

func onCallShow(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ROLE", Short: "Show who is paged for a role, and when nobody would be",
		Example: "  writ --data /srv/writ on-call show counsel",
		Args:    exactly("ROLE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "GET", "on-call/"+api.Below(args[0]), nil, func(_ *desk, r api.Rota) error { return tellRota(cmd, r) })
	}
	return cmd
}

// onCallChange reads a rota, changes it, and sets it.
func onCallChange(s *seat, cmd *cobra.Command, role string, asJSON bool, change func(*rotaInput)) error {
	d, err := s.desk(cmd)
	if err != nil {
		return err
	}
	defer d.Close()
	var r api.Rota
	path := "on-call/" + api.Below(role)
	if err := d.Do(cmd.Context(), "GET", path, nil, &r); err != nil {
		return err
	}
	in := rotaInput{r.Standing, r.Shifts}
	change(&in)
	if err := d.Do(cmd.Context(), "PUT", path, in, &r); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), r)
	}
	return tellRota(cmd, r)
}

func onCallSet(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "set ROLE PERSON…", Short: "Set the standing order in which holders of a role are paged",
		Example: "  writ --data /srv/writ on-call set counsel mira.lindqvist theo.brandt",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return errors.New("ROLE and at least one PERSON are needed")
			}
			return nil
		},
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return onCallChange(s, cmd, args[0], *asJSON, func(in *rotaInput) {
			in.Standing = nil
			for _, p := range args[1:] {
				in.Standing = append(in.Standing, writ.Person(p))
			}
		})
	}
	return cmd
}

func onCallShift(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "shift ROLE PERSON", Short: "Let somebody be paged first, for a time",
		Example: "  writ --data /srv/writ on-call shift counsel theo.brandt --from 2026-12-24 --until 2026-12-27",
		Args:    exactly("ROLE", "PERSON"),
	}
	asJSON := jsonFlag(cmd)
	from := cmd.Flags().String("from", "", "from when")
	until := cmd.Flags().String("until", "", "until when, within 31 days")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *from == "" || *until == "" {
			return usageError(cmd.CommandPath(), "--from TIME and --until TIME are needed")
		}
		sh := api.Shift{Person: writ.Person(args[1])}
		var err error
		if sh.From, err = parseMoment("--from", *from); err != nil {
			return err
		}
		if sh.Until, err = parseMoment("--until", *until); err != nil {
			return err
		}
		return onCallChange(s, cmd, args[0], *asJSON, func(in *rotaInput) { in.Shifts = append(in.Shifts, sh) })
	}
	return cmd
}
