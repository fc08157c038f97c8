//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/staff"
)

func tokenCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "API tokens: by what a person is known",
		Long: `A token belongs to one person and carries some of that person's roles. Its owner
makes it (writ token new), an operator registers its hash (writ token register)
and another operator confirms it (writ token confirm), so that neither of them
can act as its owner. Who has a token makes more of them (writ token issue).`,
		Example: "  writ --data /srv/writ token list mira.lindqvist",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(tokenNew(), tokenRegister(s), tokenIssue(s), tokenList(s),
		tokenEnd(s, "confirm", "POST", "/confirm", "Confirm a token that another operator registered", "confirmed"),
		tokenEnd(s, "revoke", "DELETE", "", "Revoke a token, and all that were issued with it", "revoked"))
	return cmd
}

// writeToken writes a token into a file that nobody else can read, or prints
// it. A file that is there is never written over: it may be a token in use.
func writeToken(cmd *cobra.Command, file, token string) error {
	if file == "" {
		say(cmd, "%s", token)
		return nil
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return withHint(fmt.Errorf("%s is there already", file), "name another file")
	}
	if err != nil {
		return fmt.Errorf("couldn't write the token: %w", err)
	}
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("couldn't write the token: %w", err)
	}
	return nil
}

func tokenNew() *cobra.Command {
	cmd := &cobra.Command{
		Use: "new", Short: "Make a token, on its owner's machine",
		Long: `New makes a token and keeps it in a file. It prints what an operator needs to
register it: the token's id and its hash, from which nobody makes the token.`,
		Example: "  writ token new --out ~/.writ-token",
		Args:    noArguments,
	}
	out := cmd.Flags().String("out", "", "file to make for the token, mode 0600")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *out == "" {
			return usageError(cmd.CommandPath(), "--out FILE is missing")
		}
		token, reg := staff.NewToken()
		if err := writeToken(cmd, *out, token); err != nil {
			return err
		}
		say(cmd, "%s", reg)
		fmt.Fprintln(cmd.ErrOrStderr(), "writ: hint: give this line to an operator, who registers it with writ token register, and the token to nobody")
		return nil
	}
	return cmd
}

// tokenFlags say what a token is able to do.
type tokenFlags struct {
	person, label *string
	roles, from   *[]string
	days          *int
}

func newTokenFlags(cmd *cobra.Command) tokenFlags {
	f := cmd.Flags()
	return tokenFlags{
		person: f.String("person", "", "whose it is"), label: f.String("label", "", "what it is for"),
		roles: f.StringSlice("role", nil, "roles that it carries"), from: f.StringSlice("from", nil, "address ranges from which it is taken (192.0.2.0/24)"),
		days: f.Int("days", 0, "for how many days (default 90, at most 365)"),
	}
}

func (f tokenFlags) input(cmd *cobra.Command) (api.TokenInput, error) {
	in := api.TokenInput{Person: writ.Person(*f.person), Label: *f.label, Days: *f.days, From: *f.from}
	for _, r := range *f.roles {
		in.Roles = append(in.Roles, writ.Role(r))
	}
	switch {
	case in.Person == "":
		return in, usageError(cmd.CommandPath(), "--person PERSON is missing")
	case len(in.Roles) == 0:
		return in, usageError(cmd.CommandPath(), "--role ROLE is missing")
	}
	return in, nil
}

func tellToken(cmd *cobra.Command, t api.Token) error {
	state := ""
	if t.Waits {
		state = "waits: another operator confirms it with writ token confirm " + shown(t.ID)
	}
	return facts(cmd.ErrOrStderr(), "token", shown(t.ID), "person", shown(t.Person), "roles", shownAll(t.Roles), "until", stamp(t.Expires),
		"from", shownAll(t.From), "state", state)
}

func tokenRegister(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "register REGISTRATION", Short: "Register a token that its owner made: another operator confirms it",
		Example: "  writ --data /srv/writ token register 3kTz…:9f2c… --person mira.lindqvist --role counsel",
		Args:    exactly("REGISTRATION"),
	}
	asJSON := jsonFlag(cmd)
	flags := newTokenFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := flags.input(cmd)
		if err != nil {
			return err
		}
		if _, err := staff.ParseRegistration(args[0]); err != nil { // before a token goes over the line
			return err
		}
		return consult(s, cmd, *asJSON, "POST", "tokens/register", api.RegisterInput{TokenInput: in, Registration: args[0]}, func(_ *desk, t api.Token) error { return tellToken(cmd, t) })
	}
	return cmd
}

func tokenIssue(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "issue", Short: "Make a token, for yourself or where you name the first persons",
		Long: `Issue makes another token for the one who asks, never wider than the token at
hand. For somebody else it makes a token here and registers it: so the first
operators of a fresh server come to theirs. Later the owner should make it on a
machine of their own (writ token new), for whoever made it could act as them;
another operator confirms it either way.

The token is told once: on standard output, or in a file of mode 0600.`,
		Example: `  writ --data /srv/writ token issue --person jun.park --role operator --out jun.token
  writ --data /srv/writ token issue --person mira.lindqvist --role counsel --days 7 --from 192.0.2.0/24`,
		Args: noArguments,
	}
	flags := newTokenFlags(cmd)
	out := cmd.Flags().String("out", "", "file to make for the token, mode 0600 (default: print it)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in, err := flags.input(cmd)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(*out); *out != "" && !errors.Is(err, fs.ErrNotExist) {
			return withHint(fmt.Errorf("%s is there already", *out), "name another file")
		}
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		var me api.Me
		if err := d.Do(cmd.Context(), "GET", "me", nil, &me); err != nil {
			return err
		}
		var t api.Token
		if me.Person == in.Person {
			if err := d.Do(cmd.Context(), "POST", "tokens", in, &t); err != nil {
				return err
			}
			if err := writeToken(cmd, *out, t.Secret); err != nil {
				return err
			}
			return tellToken(cmd, t)
		}
		token, reg := staff.NewToken()
		if err := d.Do(cmd.Context(), "POST", "tokens/register", api.RegisterInput{TokenInput: in, Registration: reg.String()}, &t); err != nil {
			return err
		}
		if err := writeToken(cmd, *out, token); err != nil {
			return err
		}
		return tellToken(cmd, t)
	}
	return cmd
}

func tokenList(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [PERSON]", Short: "List a person's tokens, or your own; never a secret",
		Example: "  writ --data /srv/writ token list mira.lindqvist",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%q is one argument too many", args[1])
			}
			return nil
		},
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		if len(args) == 0 {
			var me api.Me
			if err := d.Do(cmd.Context(), "GET", "me", nil, &me); err != nil {
				return err
			}
			args = []string{string(me.Person)}
		}
		var all []api.Token
		if err := d.Do(cmd.Context(), "GET", "persons/"+api.Below(args[0], "tokens"), nil, &all); err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), all)
		}
		return table(cmd.OutOrStdout(), "TOKEN ROLES STATE UNTIL USED FROM LABEL", rowsOf(all, func(t api.Token) []string {
			state := "in force"
			switch {
			case !t.Revoked.IsZero():
				state = "revoked " + stamp(t.Revoked)
			case t.Waits:
				state = "waits for another operator"
			}
			return []string{shown(t.ID), shownAll(t.Roles), state, stamp(t.Expires), dash(stamp(t.LastUsed)), dash(shownAll(t.From)), shown(t.Label)}
		}))
	}
	return cmd
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// tokenEnd confirms or revokes a token.
func tokenEnd(s *seat, verb, method, rest, short, done string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " TOKEN", Short: short,
		Example: "  writ --data /srv/writ token " + verb + " 3kTz9QmX2bLp",
		Args:    exactly("TOKEN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.HasPrefix(args[0], staff.TokenPrefix) {
				return withHint(errors.New("that is a token itself, not its id: nobody must be given it"), "writ token list shows the ids; revoke it if others could read it here")
			}
			return tellNothing(s, cmd, method, "tokens/"+api.Below(args[0])+rest, nil, "token "+shown(args[0])+" "+done)
		},
	}
}

func whoamiCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "whoami", Short: "Who the token at hand is, and in which roles",
		Example: "  writ --data /srv/writ whoami --token-file mira.token",
		Args:    noArguments,
	}
	s := newSeat(g, cmd)
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", "me", nil, func(_ *desk, me api.Me) error {
			person := shown(me.Person)
			if person == "" {
				person = "nobody yet: the account that runs a server without operators"
			}
			return facts(cmd.OutOrStdout(), "person", person, "roles", shownAll(me.Roles), "token", shown(me.Token), "account", shown(me.Account))
		})
	}
	return cmd
}
