//go:build unix

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/law"
)

func lawCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "law [INSTRUMENT]", Short: "The law packs in force, or one instrument in full",
		Long: `Law shows which packs are in force, with version, hash and how much of each was
read in a primary text; or one instrument: who may issue it, what it reaches,
deadlines, secrecy, answers, forms and questions. What nobody has read in a
primary text is marked.

With --packs a folder of packs is read here, without any server: what is wrong
in it is said, with file and place, which is what a lawyer needs who corrects one.`,
		Example: `  writ --data /srv/writ law
  writ --data /srv/writ law eu.epoc
  writ law --packs ./packs de.stpo`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%q is one argument too many", args[1])
			}
			return nil
		},
	}
	s := newSeat(g, cmd)
	asJSON := jsonFlag(cmd)
	dir := cmd.Flags().String("packs", "", "folder of law packs to read, instead of what a server has in force")
	rules := cmd.Flags().String("house", "", "with --packs: file of house rules")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *dir == "" {
			if *rules != "" {
				return usageError(cmd.CommandPath(), "--house is of use with --packs only")
			}
			if len(args) == 0 {
				return consult(s, cmd, *asJSON, "GET", "law", nil, func(_ *desk, l api.LawState) error { return tellLaw(cmd, l) })
			}
			return consult(s, cmd, *asJSON, "GET", "law/"+api.Below(args[0]), nil, func(_ *desk, i api.InstrumentState) error { return tellInstrument(cmd, i) })
		}
		l, err := lawFrom(*dir, *rules)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			state := api.LawState{Packs: l.Packs(), Instruments: l.Instruments(), Harms: l.Harms()}
			if *asJSON {
				return writeJSON(cmd.OutOrStdout(), state)
			}
			return tellLaw(cmd, state)
		}
		i, ok := api.InstrumentOf(l, writ.Instrument(args[0]), law.Provider{}, time.Now())
		if !ok {
			return withHint(fmt.Errorf("no pack of %s knows the instrument %q", *dir, args[0]), "writ law --packs "+*dir+" lists them")
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), i)
		}
		return tellInstrument(cmd, i)
	}
	return cmd
}

// lawFrom reads packs, and the house's rules over them.
func lawFrom(dir, rules string) (*law.Law, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the packs: %w", err)
	}
	if !info.IsDir() {
		return nil, withHint(fmt.Errorf("%s is no folder", dir), "give the folder that holds the packs (*.yaml) and data/")
	}
	var house []byte
	if rules != "" {
		if house, err = readBounded(rules, 1<<20); err != nil {
			return nil, err
		}
	}
	l, err := law.Load(os.DirFS(dir), house)
	if err != nil {
		return nil, withHint(fmt.Errorf("the packs of %s are not in order: %w", dir, err), "docs/law.md and schema.json, beside the packs, say what a pack must be")
	}
	return l, nil
}

// sure says how sure a cell of a pack is.
func sure(v law.Verified) string {
	switch v {
	case law.InPrimary:
		return "read in a primary text"
	case law.InSecondary:
		return "read in a secondary source only"
	}
	return "NOT VERIFIED"
}

func tellLaw(cmd *cobra.Command, l api.LawState) error {
	onOff := map[bool]string{true: "in force", false: "off"}
	if err := table(cmd.OutOrStdout(), "PACK VERSION STATE PRIMARY SECONDARY UNVERIFIED SHA-256 TITLE", rowsOf(l.Packs, func(p law.PackInfo) []string {
		return []string{shown(p.Name), shown(p.Version), onOff[p.Enabled], fmt.Sprint(p.Primary), fmt.Sprint(p.Secondary), fmt.Sprint(p.Unverified), shown(p.SHA256), shown(p.Title)}
	})); err != nil {
		return err
	}
	say(cmd, "")
	return table(cmd.OutOrStdout(), "INSTRUMENT PACK STATE BASIS TITLE", rowsOf(l.Instruments, func(i law.Instrument) []string {
		return []string{shown(i.ID), shown(i.Pack), onOff[i.Enabled], sure(i.Verified), shown(i.Title)}
	}))
}

// rests is what a cell rests on, and how sure that is.
func rests(b law.Basis) string { return shown(b.Article) + "; " + sure(b.Verified) }

func tellInstrument(cmd *cobra.Command, i api.InstrumentState) error {
	off := ""
	if !i.Enabled {
		off = "it is switched off"
	}
	if err := facts(cmd.OutOrStdout(), "instrument", shown(i.ID), "title", shown(i.Title), "pack", shown(i.Pack), "state", off, "basis", rests(i.Basis),
		"matters", shownAll(i.Matters), "answers", shownAll(i.Answers), "order on file", shown(i.Order.Need)+" ("+rests(i.Order.Basis)+")"); err != nil {
		return err
	}
	if i.Issuers != nil {
		say(cmd, "\nissued by %s (%s)", shownAll(i.Issuers.Kinds), rests(i.Issuers.Basis))
		if len(i.Issuers.Validators) > 0 {
			say(cmd, "validated by %s", shownAll(i.Issuers.Validators))
		}
	}
	say(cmd, "\nreaches")
	for _, c := range i.Classes {
		say(cmd, "  %s: %s (%s)", shown(c.Class), shown(c.Needs), rests(c.Basis))
		if c.Issuers != nil {
			say(cmd, "    only from %s", shownAll(c.Issuers.Kinds))
		}
	}
	pinned := "data are kept when counsel says so"
	if i.Pin.OnReceipt {
		pinned = "data in scope are kept from receipt"
	}
	say(cmd, "\n%s (%s)", pinned, rests(i.Pin.Basis))
	tellClocks(cmd, "deadlines, if it were received now", i.Clocks)
	tellClocks(cmd, "the same in an emergency", i.EmergencyClocks)
	say(cmd, "\nsecrecy: %s unless counsel says otherwise (%s)", shown(i.Secrecy.Default), rests(i.Secrecy.Basis))
	for _, c := range i.Secrecy.Allowed {
		say(cmd, "  %s needs %s (%s)", shown(c.Secrecy), shownAll(c.Needs), rests(c.Basis))
	}
	for _, f := range i.Forms {
		say(cmd, "form %s (%s): %s (%s)", shown(f.Name), shown(f.Annex), shown(f.For), rests(f.Basis))
	}
	if n := i.Notification; n != nil {
		say(cmd, "another authority: %s (%s)", shown(strings.TrimSpace(n.Text)), rests(n.Basis))
	}
	say(cmd, "\ncounsel is asked")
	for _, q := range i.Questions {
		say(cmd, "  %s: %s (%s)", shown(q.ID), shown(q.Ask), shown(q.Article))
	}
	for _, n := range i.Notes {
		say(cmd, "note: %s (%s)", shown(strings.TrimSpace(n.Text)), rests(n.Basis))
	}
	return nil
}

func tellClocks(cmd *cobra.Command, what string, clocks []law.Clock) {
	if len(clocks) == 0 {
		return
	}
	say(cmd, "\n%s", what)
	for _, c := range clocks {
		due := "open"
		if !c.Due.IsZero() {
			due = stamp(c.Due) + ", " + left(c.Due, c.Start)
		}
		say(cmd, "  %s: %s (%s)", shown(c.Title), due, rests(c.Basis))
	}
}
