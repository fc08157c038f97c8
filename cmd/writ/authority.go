//go:build unix

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/staff"
)

func authorityCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "authority", Short: "The directory of authorities, with independent contacts and keys",
		Long: `Authority keeps who asks: country, kind, contacts to call back and keys. A
contact comes from an independent source, never from a demand, and counts once
another person has verified it. A mail address is a hint for a reader and never
authority. An EU order is taken from an authority that is not here.`,
		Example: "  writ --data /srv/writ authority list --country DE",
	}
	s := newSeat(g, cmd)
	callBack := &cobra.Command{Use: "call-back", Short: "Contacts by which a demand is checked", Example: "  writ --data /srv/writ authority call-back add a-0123456789abcdef0123 …"}
	callBack.AddCommand(callBackAdd(s),
		authorityOf(s, "call-back verify", "call-backs", "verify", "CONTACT", "Say that you found a contact again, in its source or another"),
		authorityOf(s, "call-back remove", "call-backs", "remove", "CONTACT", "Remove a contact"))
	key := &cobra.Command{Use: "key", Short: "Keys to which packages are sealed, or by which a client is known", Example: "  writ --data /srv/writ authority key add a-0123456789abcdef0123 …"}
	key.AddCommand(authorityKeyAdd(s),
		authorityOf(s, "key verify", "keys", "verify", "FINGERPRINT", "Say that you compared a key with the authority, over an independent contact"),
		authorityOf(s, "key revoke", "keys", "revoke", "FINGERPRINT", "End a key for good"))
	cmd.AddCommand(authorityList(s), authorityShow(s), authorityHistory(s), authorityAlike(s), authorityAdd(s), authorityChange(s),
		authorityMark(s, "suspend", "Mark an authority, so that nobody deals with it unawares"),
		authorityMark(s, "resume", "Take the mark away: counsel does"), callBack, key)
	return cmd
}

func authorityList(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List authorities, in order of name",
		Example: "  writ --data /srv/writ authority list --name Falkenmoor",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	name, country, kind, status := f.String("name", "", "how a word of the name begins"), f.String("country", "", "ISO 3166-1, or EU"), f.String("kind", "", "such as court or prosecutor"), f.String("status", "", "active or suspended")
	key := f.String("key", "", "fingerprint of a key, SHA-256 in hex: the one authority that has it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		all := []api.Authority{}
		for after := ""; ; {
			var page api.AuthorityPage
			path := api.Asked("authorities", "name", *name, "country", strings.ToUpper(*country), "kind", *kind, "status", *status, "key", *key, "after", after, "limit", "1000")
			if err := d.Do(cmd.Context(), "GET", path, nil, &page); err != nil {
				return err
			}
			all = append(all, page.Authorities...)
			if after = page.Next; after == "" {
				break
			}
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), all)
		}
		return table(cmd.OutOrStdout(), "AUTHORITY NAME COUNTRY KIND CONTACTS KEYS STATE", rowsOf(all, func(a api.Authority) []string {
			contacts, keys := 0, 0
			for _, c := range a.CallBacks {
				if c.VerifiedBy != "" {
					contacts++
				}
			}
			for _, k := range a.Keys {
				if k.Usable {
					keys++
				}
			}
			state := "active"
			if a.Suspended {
				state = "suspended"
			}
			return []string{shown(a.ID), shown(a.Name), shown(a.Country), shown(a.Kind), fmt.Sprintf("%d of %d verified", contacts, len(a.CallBacks)), fmt.Sprintf("%d of %d usable", keys, len(a.Keys)), state}
		}))
	}
	return cmd
}

func tellAuthority(cmd *cobra.Command, a api.Authority) error {
	suspended := ""
	if a.Suspended {
		suspended = "yes: do not deal with it before counsel says so"
	}
	if err := facts(cmd.OutOrStdout(), "authority", shown(a.ID), "name", shown(a.Name), "country", shown(a.Country), "kind", shown(a.Kind), "part of", shown(a.Parent),
		"also called", shownAll(a.Aliases), "mail comes from", shownAll(a.Domains), "mail addresses, hints only", shownAll(a.Mails),
		"suspended", suspended, "version", fmt.Sprintf("%d, of %s", a.Version, stamp(a.Changed))); err != nil {
		return err
	}
	for _, c := range a.CallBacks {
		state := "NOT VERIFIED: another person than " + shown(c.TakenBy) + " does"
		if c.VerifiedBy != "" {
			state = "verified by " + shown(c.VerifiedBy)
		}
		say(cmd, "call back %s %s (%s), from %s: %s; %s", shown(c.ID), shown(c.Phone), shown(c.Where), shown(c.Source), shown(c.Detail), state)
	}
	for _, k := range a.Keys {
		state := "NOT USABLE: another person than " + shown(k.AddedBy) + " compares it"
		switch {
		case k.Revoked:
			state = "revoked"
		case k.Usable:
			state = "verified by " + shown(k.VerifiedBy)
		case k.VerifiedBy != "":
			state = "past its end"
		}
		say(cmd, "key %s %s; %s", shown(k.Kind), shown(k.Fingerprint), state)
	}
	for _, w := range a.Warnings {
		say(cmd, "WARNING: %s: %q looks like %q of %s", shown(w.Kind), w.Mine, w.Hers, shown(w.Other))
	}
	return nil
}

func authorityShow(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show AUTHORITY", Short: "Show an authority: contacts, keys, who verified each",
		Example: "  writ --data /srv/writ authority show a-0123456789abcdef0123",
		Args:    exactly("AUTHORITY"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "GET", "authorities/"+api.Below(args[0]), nil, func(_ *desk, a api.Authority) error { return tellAuthority(cmd, a) })
	}
	return cmd
}

func authorityHistory(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "history AUTHORITY", Short: "All versions of an entry, the newest first",
		Example: "  writ --data /srv/writ authority history a-0123456789abcdef0123",
		Args:    exactly("AUTHORITY"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "GET", "authorities/"+api.Below(args[0], "history"), nil, func(_ *desk, all []api.Authority) error {
			return table(cmd.OutOrStdout(), "VERSION AT BY WHAT NAME STATE", rowsOf(all, func(a api.Authority) []string {
				state := "active"
				if a.Suspended {
					state = "suspended"
				}
				return []string{fmt.Sprint(a.Version), stamp(a.Changed), shown(a.By), shown(a.What), shown(a.Name), state}
			}))
		})
	}
	return cmd
}

func authorityAlike(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "alike NAME COUNTRY", Short: "Which entries a name looks like; nothing is kept",
		Example: `  writ --data /srv/writ authority alike "Landgericht Falkenmor" DE`,
		Args:    exactly("NAME", "COUNTRY"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := api.Asked("authorities/alike", "name", args[0], "country", strings.ToUpper(args[1]))
		return consult(s, cmd, *asJSON, "GET", path, nil, func(_ *desk, all []api.Lookalike) error {
			return table(cmd.OutOrStdout(), "KIND AUTHORITY THERE", rowsOf(all, func(w api.Lookalike) []string {
				return []string{shown(w.Kind), shown(w.Other), shown(w.Hers)}
			}))
		})
	}
	return cmd
}

// describeFlags give a command what an authority is called and where it
// belongs.
func describeFlags(cmd *cobra.Command) func(in api.AuthorityInput) api.AuthorityInput {
	f := cmd.Flags()
	name, country, kind, parent := f.String("name", "", "official name"), f.String("country", "", "ISO 3166-1, or EU"), f.String("kind", "", "judge, court, investigating-judge, prosecutor, police, agency, ministry, central-authority or other"), f.String("parent", "", "what it is part of")
	aliases, domains, mails := f.StringSlice("alias", nil, "short and former names"), f.StringSlice("domain", nil, "from which its mail comes"), f.StringSlice("mail", nil, "mail addresses, as hints")
	return func(in api.AuthorityInput) api.AuthorityInput {
		set := func(flag string, put func()) {
			if f.Changed(flag) {
				put()
			}
		}
		set("name", func() { in.Name = *name })
		set("country", func() { in.Country = strings.ToUpper(*country) })
		set("kind", func() { in.Kind = staff.Kind(*kind) })
		set("parent", func() { in.Parent = writ.AuthorityID(*parent) })
		set("alias", func() { in.Aliases = *aliases })
		set("domain", func() { in.Domains = *domains })
		set("mail", func() { in.Mails = *mails })
		return in
	}
}

func authorityAdd(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add", Short: "Add an authority: name, country and kind are all that it takes",
		Example: `  writ --data /srv/writ authority add --name "Landgericht Falkenmoor" --country DE --kind court`,
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	over := describeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "POST", "authorities", over(api.AuthorityInput{}), func(_ *desk, a api.Authority) error { return tellAuthority(cmd, a) })
	}
	return cmd
}

func authorityChange(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "change AUTHORITY", Short: "Change an entry; the one before stays on record",
		Example: "  writ --data /srv/writ authority change a-0123456789abcdef0123 --alias LG",
		Args:    exactly("AUTHORITY"),
	}
	asJSON := jsonFlag(cmd)
	over := describeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		var a api.Authority
		path := "authorities/" + api.Below(args[0])
		if err := d.Do(cmd.Context(), "GET", path, nil, &a); err != nil {
			return err
		}
		in := over(api.AuthorityInput{
			Name: a.Name, Names: a.Names, Country: a.Country, Kind: a.Kind, Parent: a.Parent, Aliases: a.Aliases, Domains: a.Domains, Mails: a.Mails, Version: a.Version,
		})
		if err := d.Do(cmd.Context(), "PUT", path, in, &a); err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), a)
		}
		return tellAuthority(cmd, a)
	}
	return cmd
}

// authorityMark suspends or resumes.
func authorityMark(s *seat, verb, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " AUTHORITY", Short: short,
		Example: "  writ --data /srv/writ authority " + verb + ` a-0123456789abcdef0123 --reason "its seal was stolen, says the ministry"`,
		Args:    exactly("AUTHORITY"),
	}
	asJSON := jsonFlag(cmd)
	reason := cmd.Flags().String("reason", "", "why, for the audit trail")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *reason == "" {
			return usageError(cmd.CommandPath(), "--reason TEXT is missing")
		}
		return consult(s, cmd, *asJSON, "POST", "authorities/"+api.Below(args[0], verb), api.ReasonInput{Reason: *reason}, func(_ *desk, a api.Authority) error { return tellAuthority(cmd, a) })
	}
	return cmd
}

func callBackAdd(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add AUTHORITY", Short: "Add a contact from an independent source, never from a demand",
		Example: `  writ --data /srv/writ authority call-back add a-0123456789abcdef0123 --phone "+49 30 555 0100" --source register --detail "Justizportal, read 2026-11-24"`,
		Args:    exactly("AUTHORITY"),
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	phone, where, source, detail := f.String("phone", "", "telephone number, with its country"), f.String("where", "", "switchboard or department"), f.String("source", "", "register, website, directory, list or meeting"), f.String("detail", "", "which register, which page, read when")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in := api.CallBack{Phone: *phone, Where: *where, Source: staff.Source(*source), Detail: *detail}
		return consult(s, cmd, *asJSON, "POST", "authorities/"+api.Below(args[0], "call-backs"), in, func(_ *desk, a api.Authority) error { return tellAuthority(cmd, a) })
	}
	return cmd
}

func authorityKeyAdd(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add AUTHORITY FILE", Short: "Add a key: an age recipient or a certificate, from a file",
		Long: `Add reads an age recipient, a certificate in PEM, or, with --kind tls-client,
the SHA-256 of a client certificate. It counts once another person has compared
its fingerprint with the authority, over an independent contact.`,
		Example: "  writ --data /srv/writ authority key add a-0123456789abcdef0123 falkenmoor.pem --kind x509",
		Args:    exactly("AUTHORITY", "FILE"),
	}
	asJSON := jsonFlag(cmd)
	kind := cmd.Flags().String("kind", "age", "age, x509 or tls-client")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := readBounded(args[1], 64<<10)
		if err != nil {
			return err
		}
		in := map[string]string{"kind": *kind, "text": strings.TrimSpace(string(text))}
		return consult(s, cmd, *asJSON, "POST", "authorities/"+api.Below(args[0], "keys"), in, func(_ *desk, a api.Authority) error { return tellAuthority(cmd, a) })
	}
	return cmd
}

// authorityOf verifies, removes or revokes a contact or a key.
func authorityOf(s *seat, command, what, verb, name, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " AUTHORITY " + name, Short: short,
		Example: "  writ --data /srv/writ authority " + command + " a-0123456789abcdef0123 " + name,
		Args:    exactly("AUTHORITY", name),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "POST", "authorities/"+api.Below(args[0], what, args[1], verb), nil, func(_ *desk, a api.Authority) error { return tellAuthority(cmd, a) })
	}
	return cmd
}
