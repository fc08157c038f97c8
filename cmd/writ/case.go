//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
)

func caseCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "case", Short: "Cases: what becomes of demands",
		Long: `Case shows the docket's cases and moves them. Each move takes a role that the
person of the token holds, and nobody acts in two roles in one case. What a case
waits for, who must do it and by which command: writ case show CASE.

The token comes from WRIT_TOKEN or --token-file. A server elsewhere is reached
with --server and --ca.`,
		Example: "  writ --data /srv/writ case list --open\n  writ --data /srv/writ case show 2026-7KQM-4ZT0",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(
		caseList(s), caseBoard(s), caseShow(s), caseEvents(s), caseVerify(s), caseQuestions(s), caseDamage(s),
		caseAttach(s), caseDocument(s), caseAmend(s), caseAuthenticate(s), caseIdentify(s), caseLocate(s), caseScope(s),
		casePreserve(s), caseExtend(s), caseUnpreserve(s),
		caseFact(s), caseReview(s), caseDetermine(s), caseSecond(s), caseSecrecy(s), caseLift(s), caseClock(s),
		caseReply(s), caseLetter(s), caseLetters(s), caseNotify(s), caseConsider(s),
		caseApprove(s), caseDraft(s), caseWaive(s), caseProduce(s), caseDeliver(s), casePackage(s), caseConfirm(s), caseClose(s),
	)
	return cmd
}

// caseArgument reads the name of a case, in whatever letters.
func caseArgument(text string) (writ.CaseID, error) {
	id, err := api.CaseOf(text)
	if err != nil {
		return "", withHint(err, "writ case list shows the cases")
	}
	return id, nil
}

func caseList(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List cases, the most urgent first",
		Long: `List shows cases by their first deadline that runs, or by receipt with --newest.
Filters narrow it; all that are given must hold. A page has up to --limit cases;
the end of a page names the --after that begins the next.`,
		Example: `  writ --data /srv/writ case list --open --waits counsel
  writ --data /srv/writ case list --from 2026-01-01 --country FR --json`,
		Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	var q api.ListInput
	var from, to, dueBy string
	f := cmd.Flags()
	f.BoolVar(&q.Open, "open", false, "only those that are not closed")
	f.BoolVar(&q.Late, "late", false, "only those with a deadline that is over")
	f.BoolVar(&q.Silent, "silent", false, "only those of which the customer must not know")
	f.BoolVar(&q.Mine, "mine", false, "only those in which I acted")
	f.BoolVar(&q.Newest, "newest", false, "the newest first, instead of the most urgent")
	f.StringVar(&q.Stage, "stage", "", "where the case stands (received, reviewed, signing, delivered, closed, …)")
	f.StringVar(&q.Mark, "mark", "", "ordinary, drill or historic")
	f.StringVar(&q.Instrument, "instrument", "", "of this instrument (eu.epoc)")
	f.StringVar(&q.Country, "country", "", "of authorities of this country (FR)")
	f.StringVar(&q.Authority, "authority", "", "of this authority of the directory")
	f.StringVar(&q.Customer, "customer", "", "about this customer")
	f.StringVar(&q.Waits, "waits", "", "that wait for this role (counsel)")
	f.StringVar(&q.Text, "text", "", "whose reference, issuer or id has this text")
	f.StringVar(&q.Order, "order", "", "deadline, newest, or review: silent ones by when that ends or is looked at again")
	f.StringVar(&dueBy, "due-by", "", "whose first deadline is at or before this time or day")
	f.StringVar(&from, "from", "", "received at or after this time or day")
	f.StringVar(&to, "to", "", "received before this time or day")
	f.StringVar(&q.After, "after", "", "the case after which the page begins")
	f.IntVar(&q.Limit, "limit", 100, "cases of a page, up to 1,000")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if q.From, err = parseMoment("--from", from); err != nil {
			return err
		}
		if q.To, err = parseMoment("--to", to); err != nil {
			return err
		}
		if q.DueBy, err = parseMoment("--due-by", dueBy); err != nil {
			return err
		}
		return listCases(s, cmd, *asJSON, q)
	}
	return cmd
}

// listCases prints a page of cases.
func listCases(s *seat, cmd *cobra.Command, asJSON bool, q api.ListInput) error {
	return inquire(s, cmd, asJSON, func(ctx context.Context, d *desk) (api.CasePage, error) { return d.Cases(ctx, q) }, func(d *desk, page api.CasePage) error {
		return d.printList(cmd.OutOrStdout(), cmd.ErrOrStderr(), page)
	})
}

func (d *desk) printList(out, aside io.Writer, page api.CasePage) error {
	now := time.Now()
	rows := make([][]string, 0, len(page.Cases))
	for _, c := range page.Cases {
		stage := c.Stage
		if c.Mark != "" {
			stage += " (" + string(c.Mark) + ")"
		}
		due := d.at(c.Due)
		if due == "" {
			due = "-"
		}
		remains := left(c.Due, now)
		if remains == "" || c.Outcome != "" {
			remains = "-"
		}
		rows = append(rows, []string{string(c.Case), stage, due, remains, string(c.Instrument), shown(c.Issuer) + ", " + shown(c.Country), orDash(shownAll(c.Waits))})
	}
	if err := table(out, "CASE STAGE DUE LEFT INSTRUMENT ISSUER WAITS-FOR", rows); err != nil {
		return err
	}
	if page.Next != "" {
		fmt.Fprintf(aside, "writ: hint: there are more: --after %s shows the next page\n", page.Next)
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func caseEvents(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "events CASE", Short: "All that happened in a case, in order",
		Example: "  writ --data /srv/writ case events 2026-7KQM-4ZT0",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consultCase(s, cmd, *asJSON, args[0], "/events", func(_ *desk, all []docket.Event) error {
			rows := make([][]string, len(all))
			for i, e := range all {
				by := "the docket itself"
				if e.By != "" {
					by = string(e.By) + " as " + string(e.As)
				}
				rows[i] = []string{fmt.Sprint(e.Seq), stamp(e.At), string(e.Kind), by, clip(shown(string(e.Body)), 160)}
			}
			return table(cmd.OutOrStdout(), "N AT WHAT BY BODY", rows)
		})
	}
	return cmd
}

func caseVerify(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify CASE", Short: "Hold a case's events against what the public log committed to",
		Example: "  writ --data /srv/writ case verify 2026-7KQM-4ZT0",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		var v docket.Verified
		if err := d.Do(cmd.Context(), "GET", "cases/"+string(id)+"/verify", nil, &v); err != nil {
			return err
		}
		if *asJSON {
			err = writeJSON(cmd.OutOrStdout(), v)
		} else {
			err = facts(cmd.OutOrStdout(), "events", fmt.Sprint(v.Events), "in the public log", fmt.Sprint(v.Proven), "not published yet", fmt.Sprint(v.Waiting))
			for _, c := range v.Complaint {
				fmt.Fprintln(cmd.OutOrStdout(), "does not fit:", shown(c))
			}
		}
		if err == nil && len(v.Complaint) > 0 {
			err = withHint(fmt.Errorf("the case %s is not what the public log committed to", id), "keep the data folder as it is, and look who had access to it")
		}
		return err
	}
	return cmd
}

func caseQuestions(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "questions CASE", Short: "What law asks counsel in a case, and what was answered",
		Example: "  writ --data /srv/writ case questions 2026-7KQM-4ZT0",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		c, err := d.Case(cmd.Context(), string(id))
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), struct {
				Questions any               `json:"questions"`
				Facts     map[string]string `json:"facts"`
			}{c.Questions, c.Facts})
		}
		rows := make([][]string, len(c.Questions))
		for i, q := range c.Questions {
			rows[i] = []string{q.ID, orDash(c.Facts[q.ID]), q.Ask, q.Article}
		}
		return table(cmd.OutOrStdout(), "QUESTION ANSWER ASKS ARTICLE", rows)
	}
	return cmd
}

// consultCase asks the office for what a case has at path, and prints it: as
// JSON, or as tell does.
func consultCase[T any](s *seat, cmd *cobra.Command, asJSON bool, text, path string, tell func(d *desk, out T) error) error {
	id, err := caseArgument(text)
	if err != nil {
		return err
	}
	return consult(s, cmd, asJSON, "GET", "cases/"+string(id)+path, nil, tell)
}

// inCase reads a case's name and connects to the office.
func (s *seat) inCase(cmd *cobra.Command, text string) (writ.CaseID, *desk, error) {
	id, err := caseArgument(text)
	if err != nil {
		return "", nil, err
	}
	d, err := s.desk(cmd)
	return id, d, err
}

// A caseMove is a command that moves a case by one operation of the office.
type caseMove struct {
	use, short, long, example string
	operation                 string
	arguments                 []string // after CASE
	more                      bool     // any number of them, at least one
	// input makes the operation's body of the arguments after CASE.
	input func(args []string) (any, error)
}

// command is the move as a command; flags are given to what it returns.
func (m caseMove) command(s *seat) *cobra.Command {
	cmd := &cobra.Command{Use: m.use, Short: m.short, Long: m.long, Example: m.example, Args: exactly(append([]string{"CASE"}, m.arguments...)...)}
	if m.more {
		cmd.Args = atLeast(append([]string{"CASE"}, m.arguments...)...)
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var in any
		if m.input != nil {
			var err error
			if in, err = m.input(args[1:]); err != nil {
				return err
			}
		}
		return s.moved(cmd, args[0], *asJSON, func(ctx context.Context, d *desk, id string) (api.Case, error) {
			return d.Move(ctx, id, m.operation, in)
		})
	}
	return cmd
}

// moved makes a move and says where the case stands then.
func (s *seat) moved(cmd *cobra.Command, name string, asJSON bool, do func(ctx context.Context, d *desk, id string) (api.Case, error)) error {
	id, d, err := s.inCase(cmd, name)
	if err != nil {
		return err
	}
	defer d.Close()
	c, err := do(cmd.Context(), d, string(id))
	if err != nil {
		return err
	}
	return d.stands(cmd, c, asJSON)
}

// stands says where a case stands, and what is next.
func (d *desk) stands(cmd *cobra.Command, c api.Case, asJSON bool) error {
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), c)
	}
	text := fmt.Sprintf("case %s: %s", c.Case, c.Stage)
	if !c.Due.IsZero() && c.Closing == nil {
		text += fmt.Sprintf("; due %s, %s", d.at(c.Due), left(c.Due, time.Now()))
	}
	fmt.Fprintln(cmd.OutOrStdout(), text)
	for _, n := range c.Needs {
		fmt.Fprintln(cmd.OutOrStdout(), "next: "+needLine(n))
	}
	return nil
}

// needLine says what is missing, who must do it, and how.
func needLine(n api.CaseNeed) string {
	who := ""
	if n.Role != "" {
		who = " (" + string(n.Role) + ")"
	}
	return shown(n.What) + who + ": " + n.How
}

// atLeast asks for arguments by their names; the last may come several times.
func atLeast(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return exactly(names...)(cmd, args)
		}
		if at := slices.Index(args, ""); at >= 0 {
			return fmt.Errorf("%s is empty", names[min(at, len(names)-1)])
		}
		return nil
	}
}
