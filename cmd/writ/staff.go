//go:build unix

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/staff"
)

func staffCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "staff", Short: "Persons who work here, and their roles",
		Long: `Staff keeps who works here and in which roles. An operator proposes a role and
another operator confirms it. On a fresh server, where there is nobody yet, the
account that runs it names the first persons over the administration socket,
without a token; that ends when two operators can sign in.`,
		Example: "  writ --data /srv/writ staff list",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(staffList(s), staffAdd(s), staffChange(s), staffLeave(s), staffRole(s),
		staffDecide(s, "confirm", "Confirm a role that another operator proposed"),
		staffDecide(s, "decline", "Refuse a role that was proposed"),
		staffDecide(s, "end", "End a role now; what was done in it stays"))
	return cmd
}

func staffList(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List who works here, in which roles",
		Example: "  writ --data /srv/writ staff list --json",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", "persons", nil, func(_ *desk, all []api.Person) error {
			var rows [][]string
			for _, p := range all {
				rows = append(rows, staffRows(p)...)
			}
			return table(cmd.OutOrStdout(), "PERSON NAME ROLE STATE ASSIGNMENT", rows)
		})
	}
	return cmd
}

// staffRows are a person's, one for each role that did not end.
func staffRows(p api.Person) (rows [][]string) {
	if !p.Left.IsZero() {
		return [][]string{{shown(p.ID), shown(p.Name), "-", "left " + stamp(p.Left), "-"}}
	}
	for _, a := range p.Assignments {
		if !a.Ended.IsZero() && a.Ended.Before(time.Now()) || a.Refused {
			continue
		}
		role := shown(a.Role)
		if a.For != "" {
			role += " for " + shown(a.For)
		}
		rows = append(rows, []string{shown(p.ID), shown(p.Name), role, assignmentState(a), shown(a.ID)})
	}
	if rows == nil {
		rows = [][]string{{shown(p.ID), shown(p.Name), "-", "-", "-"}}
	}
	return rows
}

// assignmentState says how a role stands.
func assignmentState(a api.Assignment) string {
	switch {
	case a.Decided == "":
		return "proposed by " + shown(a.Proposed) + ": another operator confirms"
	case !a.Ended.IsZero():
		return "until " + stamp(a.Ended)
	case !a.Until.IsZero():
		return "until " + stamp(a.Until)
	case a.From.After(time.Now()):
		return "from " + stamp(a.From)
	}
	return "held"
}

func tellPerson(cmd *cobra.Command, p api.Person) error {
	if err := facts(cmd.OutOrStdout(), "person", shown(p.ID), "name", shown(p.Name), "works as", shown(p.Company), "firm", shown(p.Firm),
		"languages", shownAll(p.Languages), "left", stamp(p.Left)); err != nil {
		return err
	}
	for _, c := range p.Contacts {
		say(cmd, "paged by %s at %s", shown(c.Kind), shown(c.To))
	}
	var rows [][]string
	for _, row := range staffRows(p) {
		rows = append(rows, row[2:])
	}
	return table(cmd.OutOrStdout(), "ROLE STATE ASSIGNMENT", rows)
}

// profileFlags give a command what is known of a person.
type profileFlags struct {
	name, company, firm       *string
	languages, mail, webhooks *[]string
}

func newProfileFlags(cmd *cobra.Command) profileFlags {
	f := cmd.Flags()
	return profileFlags{
		name:      f.String("name", "", "name to show"),
		company:   f.String("company", "", "capacity: employee, outside-counsel, legal-representative, designated-establishment or outside-custodian"),
		firm:      f.String("firm", "", "whose, of outside counsel and custodians"),
		languages: f.StringSlice("language", nil, "languages, the preferred one first (de,fr-BE)"),
		mail:      f.StringSlice("mail", nil, "mail addresses at which the person is paged"),
		webhooks:  f.StringSlice("webhook", nil, "https URLs at which the person is paged"),
	}
}

// over puts what was given over what is known.
func (f profileFlags) over(cmd *cobra.Command, in api.PersonInput) api.PersonInput {
	changed := cmd.Flags().Changed
	if changed("name") {
		in.Name = *f.name
	}
	if changed("company") {
		in.Company = staff.Company(*f.company)
	}
	if changed("firm") {
		in.Firm = *f.firm
	}
	if changed("language") {
		in.Languages = *f.languages
	}
	replace := func(kind staff.ContactKind, flag string, given []string) {
		if !changed(flag) {
			return
		}
		in.Contacts = slices.DeleteFunc(in.Contacts, func(c api.StaffContact) bool { return c.Kind == kind })
		for _, to := range given {
			if to != "" {
				in.Contacts = append(in.Contacts, api.StaffContact{Kind: kind, To: to})
			}
		}
	}
	replace(staff.ContactMail, "mail", *f.mail)
	replace(staff.ContactWebhook, "webhook", *f.webhooks)
	return in
}

func staffAdd(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add PERSON", Short: "Name a person, who has no role yet",
		Long: `Add names a person: lower-case letters, digits, "-" and ".", once and for ever,
for it stands under signatures and in cases. A role is given by staff role.`,
		Example: `  writ --data /srv/writ staff add mira.lindqvist --name "Mira Lindqvist" --language de,en --mail mira@fjordhost.example`,
		Args:    exactly("PERSON"),
	}
	asJSON := jsonFlag(cmd)
	profile := newProfileFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in := profile.over(cmd, api.PersonInput{Name: args[0]})
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		_, found, err := findPerson(cmd, d, args[0])
		d.Close()
		if err != nil {
			return err
		}
		if found {
			return withHint(fmt.Errorf("%s is there already", args[0]), "writ staff change "+args[0]+" changes what is known of a person")
		}
		return consult(s, cmd, *asJSON, "PUT", "persons/"+api.Below(args[0]), in, func(_ *desk, p api.Person) error {
			fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: writ staff role %s ROLE gives a role\n", shown(p.ID))
			return tellPerson(cmd, p)
		})
	}
	return cmd
}

// findPerson finds one among all.
func findPerson(cmd *cobra.Command, d *desk, id string) (p api.Person, found bool, err error) {
	var all []api.Person
	if err := d.Do(cmd.Context(), "GET", "persons", nil, &all); err != nil {
		return p, false, err
	}
	i := slices.IndexFunc(all, func(p api.Person) bool { return p.ID == writ.Person(id) })
	if i < 0 {
		return p, false, nil
	}
	return all[i], true, nil
}

func staffChange(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "change PERSON", Short: "Change what is known of a person; the rest stays",
		Example: "  writ --data /srv/writ staff change mira.lindqvist --webhook https://pager.fjordhost.example/mira",
		Args:    exactly("PERSON"),
	}
	asJSON := jsonFlag(cmd)
	profile := newProfileFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		p, found, err := findPerson(cmd, d, args[0])
		if err != nil {
			return err
		}
		if !found {
			return withHint(fmt.Errorf("nobody is called %q", args[0]), "writ staff list shows everybody; writ staff add names a person")
		}
		in := profile.over(cmd, api.PersonInput{Name: p.Name, Languages: p.Languages, Contacts: p.Contacts, Company: p.Company, Firm: p.Firm})
		if err := d.Do(cmd.Context(), "PUT", "persons/"+api.Below(args[0]), in, &p); err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), p)
		}
		return tellPerson(cmd, p)
	}
	return cmd
}

func staffLeave(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "leave PERSON", Short: "A person leaves: all its roles and tokens end at once",
		Long: `Leave ends all roles and tokens of a person, for good, and drops where it was
paged. Its name stays: signatures and cases bear it.`,
		Example: "  writ --data /srv/writ staff leave sam.ortiz",
		Args:    exactly("PERSON"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "POST", "persons/"+api.Below(args[0], "leave"), nil, func(_ *desk, p api.Person) error { return tellPerson(cmd, p) })
	}
	return cmd
}

func staffRole(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "role PERSON ROLE", Short: "Propose a role for a person: another operator confirms it",
		Long: `Role proposes that a person be intake, counsel, custodian, production, operator
or auditor. It is in force when another operator has confirmed it. With --for
the person is somebody's deputy in that role, until a given time.`,
		Example: `  writ --data /srv/writ staff role mira.lindqvist counsel
  writ --data /srv/writ staff role theo.brandt counsel --for mira.lindqvist --until 2026-12-31`,
		Args: exactly("PERSON", "ROLE"),
	}
	asJSON := jsonFlag(cmd)
	whose := cmd.Flags().String("for", "", "whose deputy the person is")
	from := cmd.Flags().String("from", "", "from when (default: its confirmation)")
	until := cmd.Flags().String("until", "", "until when")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in := api.RoleInput{Role: writ.Role(args[1]), For: writ.Person(*whose)}
		var err error
		if in.From, err = parseMoment("--from", *from); err != nil {
			return err
		}
		if in.Until, err = parseMoment("--until", *until); err != nil {
			return err
		}
		return consult(s, cmd, *asJSON, "POST", "persons/"+api.Below(args[0], "roles"), in, func(_ *desk, p api.Person) error { return tellPerson(cmd, p) })
	}
	return cmd
}

// staffDecide confirms, declines or ends a role.
func staffDecide(s *seat, verb, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " PERSON ROLE|ASSIGNMENT", Short: short,
		Example: "  writ --data /srv/writ staff " + verb + " mira.lindqvist counsel",
		Args:    exactly("PERSON", "ROLE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		p, found, err := findPerson(cmd, d, args[0])
		if err != nil {
			return err
		}
		if !found {
			return withHint(fmt.Errorf("nobody is called %q", args[0]), "writ staff list shows everybody")
		}
		id, err := assignmentOf(p, args[1], verb != "end")
		if err != nil {
			return err
		}
		if err := d.Do(cmd.Context(), "POST", "persons/"+api.Below(args[0], "roles", id, verb), nil, &p); err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), p)
		}
		return tellPerson(cmd, p)
	}
	return cmd
}

// assignmentOf finds the one that a role means: of those that wait, or of those
// that are held.
func assignmentOf(p api.Person, named string, waits bool) (string, error) {
	var found []string
	for _, a := range p.Assignments {
		if a.ID == named {
			return a.ID, nil
		}
		if string(a.Role) == named && (a.Decided == "") == waits && a.Ended.IsZero() && !a.Refused {
			found = append(found, a.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		state := "holds no role"
		if waits {
			state = "has no proposed role"
		}
		return "", withHint(fmt.Errorf("%s %s %q", p.ID, state, named), "writ staff list shows the roles, and which wait")
	}
	return "", withHint(fmt.Errorf("%s is %s more than once", p.ID, named), "name one of the assignments: "+strings.Join(found, ", "))
}
