//go:build unix

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/signin"
)

func passkeyCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "passkey", Short: "Passkeys: by what people sign in at a browser",
		Long: `A passkey is enrolled at a browser, by an invitation for one use. Who invites
themself with a token that carries all their roles is in at once. What one person
invites for another waits until a second has confirmed it (writ passkey confirm),
with the fingerprint that its owner reads out.

Accounts are persons of the staff (mira.lindqvist), users of a customer
(--customer NAME --name SHORT) and officers of an authority (--authority ID --name
SHORT). docs/signin.md is the manual.`,
		Example: "  writ --data /srv/writ passkey invite --token-file mira.token",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(passkeyInvite(s), passkeyList(s), passkeyConfirm(s), passkeyDecline(s), passkeyRemove(s))
	return cmd
}

// accountFlags say whose account it is.
type accountFlags struct{ customer, authority, name *string }

func newAccountFlags(cmd *cobra.Command) accountFlags {
	f := cmd.Flags()
	return accountFlags{
		customer: f.String("customer", "", "name or id of the customer whose user it is"), authority: f.String("authority", "", "id of the authority whose officer it is"),
		name: f.String("name", "", "the user's or officer's short name"),
	}
}

func (f accountFlags) check(cmd *cobra.Command, args []string) error {
	given := 0
	for _, on := range []bool{len(args) > 0, *f.customer != "", *f.authority != ""} {
		if on {
			given++
		}
	}
	if given > 1 {
		return usageError(cmd.CommandPath(), "a person, --customer and --authority exclude each other")
	}
	if (*f.customer != "" || *f.authority != "") != (*f.name != "") {
		return usageError(cmd.CommandPath(), "--name SHORT goes with --customer or --authority")
	}
	return nil
}

// atMostOne takes one argument or none.
func atMostOne(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%q is one argument too many", args[1])
	}
	return nil
}

// myself is the person of the token at hand.
func (d *desk) myself(ctx context.Context) (writ.Person, error) {
	var me api.Me
	err := d.Do(ctx, "GET", "me", nil, &me)
	return me.Person, err
}

func passkeyInvite(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "invite [PERSON]", Short: "Invite yourself, or somebody else, to enrol a passkey; the secret is told once",
		Long: `Invite makes an invitation: a secret that enrols one passkey, within 72 hours. A
new one for the same account voids the one before. Give it to the person on a way
that only they read; whoever has it can enrol a passkey in their name.

Without a token, on the server's own machine, it invites the first user of a
customer. On a fresh server it invites the first persons, too.

--recover is for somebody who lost their passkey: the new one, once another person
has confirmed it, takes the place of all that the account had.`,
		Example: `  writ --data /srv/writ passkey invite --token-file mira.token
  writ --data /srv/writ passkey invite mira.lindqvist --token-file jun.token
  writ --data /srv/writ passkey invite --customer harbour-clinic --name ines.calder`,
		Args: atMostOne,
	}
	asJSON := jsonFlag(cmd)
	flags := newAccountFlags(cmd)
	recovers := cmd.Flags().Bool("recover", false, "in place of a passkey that was lost")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flags.check(cmd, args); err != nil {
			return err
		}
		var inv api.Invited
		var err error
		if *flags.customer != "" && s.anonymous() {
			inv, err = s.inviteUser(cmd, *flags.customer, *flags.name, *recovers)
		} else {
			in := api.InviteInput{Customer: *flags.customer, Authority: writ.AuthorityID(*flags.authority), Name: *flags.name, Recover: *recovers}
			if len(args) > 0 {
				in.Person = writ.Person(args[0])
			}
			inv, err = s.invite(cmd, in)
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), inv)
		}
		say(cmd, "%s", inv.Secret)
		state := "counts at once"
		if inv.Waits {
			state = "waits: another person confirms it with writ passkey confirm"
		}
		return facts(cmd.ErrOrStderr(), "account", shown(inv.Account), "until", stamp(inv.Expires), "the passkey", state)
	}
	return cmd
}

// invite asks the office; nobody in particular is oneself.
func (s *seat) invite(cmd *cobra.Command, in api.InviteInput) (inv api.Invited, err error) {
	d, err := s.desk(cmd)
	if err != nil {
		return inv, err
	}
	defer d.Close()
	if in.Person == "" && in.Customer == "" && in.Authority == "" {
		if in.Person, err = d.myself(cmd.Context()); err != nil {
			return inv, err
		}
		if in.Person == "" {
			return inv, usageError(cmd.CommandPath(), "PERSON is missing: without a token nobody is oneself")
		}
	}
	err = d.Do(cmd.Context(), "POST", "invitations", in, &inv)
	return inv, err
}

// inviteUser asks the administration, for a customer's first user.
func (s *seat) inviteUser(cmd *cobra.Command, customer, name string, recovers bool) (inv api.Invited, err error) {
	c, err := s.client(cmd)
	if err != nil {
		return inv, err
	}
	defer c.Close()
	return c.InviteUser(cmd.Context(), customer, name, recovers)
}

// accountIn is the account's id that an argument means: a person, or an id as the lists
// show it.
func accountIn(args []string) string {
	switch {
	case len(args) == 0:
		return ""
	case strings.Contains(args[0], "/"):
		return args[0]
	}
	return signin.StaffAccount(writ.Person(args[0])).ID()
}

func passkeyList(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [ACCOUNT]", Short: "List your passkeys, or an account's, or those that wait for you to confirm them",
		Example: `  writ --data /srv/writ passkey list mira.lindqvist --token-file jun.token
  writ --data /srv/writ passkey list --waiting --token-file lena.token`,
		Args: atMostOne,
	}
	asJSON := jsonFlag(cmd)
	waiting := cmd.Flags().Bool("waiting", false, "those that wait for you to confirm them")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := api.Asked("passkeys", "account", accountIn(args))
		if *waiting {
			if len(args) > 0 {
				return usageError(cmd.CommandPath(), "--waiting takes no account")
			}
			path = "passkeys/waiting"
		}
		return consult(s, cmd, *asJSON, "GET", path, nil, func(_ *desk, all []api.AccountPasskey) error {
			return table(cmd.OutOrStdout(), "PASSKEY ACCOUNT STATE ADDED USED INVITED-BY FINGERPRINT LABEL", rowsOf(all, func(p api.AccountPasskey) []string {
				state := "in force"
				switch {
				case !p.Copied.IsZero():
					state = "copied: signs nobody in"
				case p.Waits && p.Recovers:
					state = "waits, to replace all others"
				case p.Waits:
					state = "waits for another person"
				}
				return []string{shown(p.ID), shown(p.Account), state, stamp(p.Added), dash(stamp(p.Used)), shown(p.InvitedBy), dash(strings.ReplaceAll(p.Fingerprint, " ", "-")), shown(p.Label)}
			}))
		})
	}
	return cmd
}

func passkeyConfirm(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "confirm PASSKEY FINGERPRINT", Short: "Confirm a passkey that another person invited",
		Long: `Confirm lets a waiting passkey sign its owner in. Speak to its owner in a way that
nobody else speaks for them, let them read the fingerprint out that their browser
shows, and type it in. You are not shown it: comparing is the point. After five
that are wrong the passkey is dropped.`,
		Example: "  writ --data /srv/writ passkey confirm 3KT5QLP7WZ2A 4711-0815-2342-1618 --token-file lena.token",
		Args:    exactly("PASSKEY", "FINGERPRINT"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in := map[string]string{"fingerprint": strings.ReplaceAll(args[1], "-", "")}
		return tellNothing(s, cmd, "POST", "passkeys/"+api.Below(args[0], "confirm"), in, "passkey "+shown(args[0])+" confirmed")
	}
	return cmd
}

func passkeyDecline(s *seat) *cobra.Command {
	return &cobra.Command{
		Use: "decline PASSKEY", Short: "Drop a passkey that waits",
		Example: "  writ --data /srv/writ passkey decline 3KT5QLP7WZ2A --token-file lena.token",
		Args:    exactly("PASSKEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return tellNothing(s, cmd, "POST", "passkeys/"+api.Below(args[0], "decline"), nil, "passkey "+shown(args[0])+" dropped")
		},
	}
}

func passkeyRemove(s *seat) *cobra.Command {
	return &cobra.Command{
		Use: "remove PASSKEY", Short: "Remove a passkey, and end the sessions that it began",
		Example: "  writ --data /srv/writ passkey remove 3KT5QLP7WZ2A --token-file mira.token",
		Args:    exactly("PASSKEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return tellNothing(s, cmd, "DELETE", "passkeys/"+api.Below(args[0]), nil, "passkey "+shown(args[0])+" removed")
		},
	}
}

func sessionCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "session", Short: "Sessions: who is signed in at which browser",
		Example: "  writ --data /srv/writ session list --token-file mira.token",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(sessionList(s), sessionRevoke(s))
	return cmd
}

func sessionList(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [ACCOUNT]", Short: "List where you are signed in, or an account is",
		Example: "  writ --data /srv/writ session list mira.lindqvist --token-file jun.token",
		Args:    atMostOne,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "GET", api.Asked("sessions", "account", accountIn(args)), nil, func(d *desk, all []api.SessionInfo) error {
			return table(cmd.OutOrStdout(), "SESSION ACCOUNT BEGAN SEEN ENDS BY FROM BROWSER", rowsOf(all, func(one api.SessionInfo) []string {
				return []string{shown(one.ID), shown(one.Account), stamp(one.Began), stamp(one.Seen), stamp(one.Ends), shown(one.By), dash(shown(one.Addr)), shown(one.Browser)}
			}))
		})
	}
	return cmd
}

func sessionRevoke(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke [SESSION]", Short: "End a session, or all of an account",
		Example: `  writ --data /srv/writ session revoke 7WZ2A3KT5QLP --token-file mira.token
  writ --data /srv/writ session revoke --all mira.lindqvist --token-file jun.token`,
		Args: atMostOne,
	}
	all := cmd.Flags().String("all", "", "the account all of whose sessions end")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case (*all == "") == (len(args) == 0):
			return usageError(cmd.CommandPath(), "either SESSION or --all ACCOUNT is wanted")
		case *all != "":
			id := accountIn([]string{*all})
			return tellNothing(s, cmd, "DELETE", api.Asked("sessions", "account", id), nil, "all sessions of "+shown(id)+" ended")
		}
		return tellNothing(s, cmd, "DELETE", "sessions/"+api.Below(args[0]), nil, "session "+shown(args[0])+" ended")
	}
	return cmd
}
