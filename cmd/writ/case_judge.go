//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/letter"
)

func caseAmend(s *seat) *cobra.Command {
	var file, reason string
	cmd := caseMove{
		use: "amend CASE", short: "Correct a demand", operation: "amend",
		long: `Amend puts another demand in place of what was entered, with the reason. What was
there stays in the case's history; a review or approval of before is out of date.
The present demand to start from: writ case show CASE --json, its "demand".`,
		example: "  writ --data /srv/writ case amend 2026-7KQM-4ZT0 --file demand.json --reason 'the order names two accounts'",
		input: func([]string) (any, error) {
			in := api.AmendInput{Reason: reason}
			if file == "" {
				return nil, errors.New("--file is missing: the demand as it should be")
			}
			err := readJSON(file, maxDemandFile, &in.Demand)
			return in, err
		},
	}.command(s)
	cmd.Flags().StringVar(&file, "file", "", "file of the whole demand as JSON")
	cmd.Flags().StringVar(&reason, "reason", "", "what was wrong")
	return cmd
}

func caseAuthenticate(s *seat) *cobra.Command {
	var means, note string
	var forged bool
	cmd := caseMove{
		use: "authenticate CASE", short: "Note how it was made sure that the demand is the authority's", operation: "authenticate",
		long: `Authenticate notes by which means the demand was found to be the authority's:
national-system, portal (an enrolled officer filed it here), call-back (to the
directory's contact, which a second person has verified; never to a number in the
demand), certificate, in-person or signature. An e-mail address is none. If it is not genuine, say --forged.`,
		example: "  writ --data /srv/writ case authenticate 2026-7KQM-4ZT0 --means national-system --note 'seal checked by the system'",
		input: func([]string) (any, error) {
			return api.AuthenticateInput{Means: means, Note: note, Genuine: !forged}, nil
		},
	}.command(s)
	cmd.Flags().StringVar(&means, "means", "", "national-system, portal, call-back, certificate, in-person or signature")
	cmd.Flags().StringVar(&note, "note", "", "what was done, and with what result")
	cmd.Flags().BoolVar(&forged, "forged", false, "it was found not to be genuine")
	return cmd
}

func caseIdentify(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "identify CASE", Short: "Say whose data it is",
		Long: `Identify notes which customer the demand is about, and by which identifier that
was found. With --find it changes nothing and lists the customers that a name, an
access key, a bucket or an address may mean.`,
		Example: `  writ --data /srv/writ case identify 2026-7KQM-4ZT0 --find ward-seven
  writ --data /srv/writ case identify 2026-7KQM-4ZT0 --customer harbour-clinic --how 'the bucket that the order names'`,
		Args: exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	find := f.String("find", "", "only list the customers that this may mean")
	var in api.IdentifyInput
	f.StringVar(&in.Customer, "customer", "", "the customer, by name or id")
	f.StringVar(&in.How, "how", "", "by which identifier it was found")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		if *find != "" {
			return d.find(cmd, *find, *asJSON)
		}
		if in.Customer == "" {
			return withHint(errors.New("--customer is missing"), "--find TEXT lists the customers that a text may mean")
		}
		c, err := d.Move(cmd.Context(), string(id), "identify", in)
		if err != nil {
			return err
		}
		return d.stands(cmd, c, *asJSON)
	}
	return cmd
}

func (d *desk) find(cmd *cobra.Command, text string, asJSON bool) error {
	all, err := d.Identify(cmd.Context(), text)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), all)
	}
	if len(all) == 0 {
		return withHint(fmt.Errorf("%s means no customer of this server", shown(text)), "writ case reply CASE --answer no-data says so to the authority, once counsel is sure")
	}
	rows := make([][]string, len(all))
	for i, one := range all {
		what := string(one.Credential)
		if one.Bucket != "" {
			what = strings.TrimSuffix(shown(one.Bucket)+"/"+shown(one.Path), "/")
		}
		rows[i] = []string{shown(one.Name), string(one.Customer), string(one.By), orDash(what)}
	}
	return table(cmd.OutOrStdout(), "NAME ID BY WHAT", rows)
}

func caseFact(s *seat) *cobra.Command {
	cmd := caseMove{
		use: "fact CASE QUESTION=yes|no|unknown …", short: "Answer questions that law asks", operation: "facts",
		long: `Fact notes counsel's answers to the questions of the demand's instrument (writ case
questions CASE). An answer can be given again; reviews before it are out of date.`,
		example:   "  writ --data /srv/writ case fact 2026-7KQM-4ZT0 order-complete=yes offence-listed=unknown",
		arguments: []string{"QUESTION=ANSWER"}, more: true,
		input: func(args []string) (any, error) {
			in := api.FactsInput{Facts: map[string]string{}}
			for _, a := range args {
				q, answer, ok := strings.Cut(a, "=")
				if !ok || answer != "yes" && answer != "no" && answer != "unknown" {
					return nil, fmt.Errorf("%q is not QUESTION=yes, =no or =unknown", a)
				}
				in.Facts[q] = answer
			}
			return in, nil
		},
	}.command(s)
	return cmd
}

func caseReview(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "review CASE", Short: "Hold the demand against law",
		Long: `Review holds the demand as it is entered, with the answers that counsel gave,
against the law packs that are in force, and prints each finding with its article.
What does not pass is answered (writ case fact), corrected, or determined on by two
persons (writ case determine).`,
		Example: "  writ --data /srv/writ case review 2026-7KQM-4ZT0",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		c, err := d.Move(cmd.Context(), string(id), "review", nil)
		if err != nil {
			return err
		}
		if !*asJSON {
			if err := printFindings(cmd.OutOrStdout(), c); err != nil {
				return err
			}
		}
		return d.stands(cmd, c, *asJSON)
	}
	return cmd
}

func caseDetermine(s *seat) *cobra.Command {
	var in api.ProposeInput
	cmd := caseMove{
		use: "determine CASE", short: "Propose a determination on findings: the first of two persons", operation: "determine",
		long: `Determine says that findings are overcome, and why. It holds when a second person
has seconded it; one of the two is counsel. It overcomes nothing of what the gate
checks itself, and no finding that is marked final.`,
		example: "  writ --data /srv/writ case determine 2026-7KQM-4ZT0 --rule house.velocity --reason 'called back; one inquiry with many orders'",
		input:   func([]string) (any, error) { return in, nil },
	}.command(s)
	cmd.Flags().StringSliceVar(&in.Rules, "rule", nil, "rule of a finding; may be given again")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why it is overcome")
	return cmd
}

func caseSecond(s *seat) *cobra.Command {
	var reason string
	cmd := caseMove{
		use: "second CASE N", short: "Second a determination: the other of two persons", operation: "second",
		example:   "  writ --data /srv/writ case second 2026-7KQM-4ZT0 9 --reason agreed",
		arguments: []string{"N"},
		input: func(args []string) (any, error) {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 {
				return nil, fmt.Errorf("%q is not the number of a determination", args[0])
			}
			return api.SecondInput{Proposal: n, Reason: reason}, nil
		},
	}.command(s)
	cmd.Flags().StringVar(&reason, "reason", "", "a reason of your own, if there is one")
	return cmd
}

func caseSecrecy(s *seat) *cobra.Command {
	var in api.SecrecyInput
	var basis, until, review string
	cmd := caseMove{
		use: "secrecy CASE", short: "Set the one basis on which the customer is told", operation: "secrecy",
		long: `Secrecy sets whether and when the customer is told: tell-before, tell-after,
authority-tells, dated-order (with --until), conditional or statutory. Without
--basis it is the default of the instrument. Another one takes what law asks for:
reasons, an end, named harms. An open end is looked at again at --review.`,
		example: `  writ --data /srv/writ case secrecy 2026-7KQM-4ZT0
  writ --data /srv/writ case secrecy 2026-7KQM-4ZT0 --basis dated-order --until 2027-02-01 --harm flight --reason 'the order of 3 November'`,
		input: func([]string) (_ any, err error) {
			in.Basis = writ.Secrecy(basis)
			if in.Until, err = parseMoment("--until", until); err != nil {
				return nil, err
			}
			in.Review, err = parseMoment("--review", review)
			return in, err
		},
	}.command(s)
	f := cmd.Flags()
	f.StringVar(&basis, "basis", "", "one of the bases; the instrument's default if not given")
	f.StringVar(&until, "until", "", "end of a dated order")
	f.StringSliceVar(&in.Harms, "harm", nil, "named harm of telling; may be given again")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.StringVar(&review, "review", "", "when an open end is looked at again")
	f.StringVar(&in.Window, "window", "", "how long a customer who is told before may object (240h)")
	return cmd
}

func caseLift(s *seat) *cobra.Command {
	var reason string
	cmd := caseMove{
		use: "lift CASE", short: "End secrecy: the customer is told, with proofs", operation: "lift",
		long: `Lift ends the case's secrecy. The customer gets a notice with what was committed to
in the public log, and when; what was opened joins its journal. It cannot be taken
back.`,
		example: "  writ --data /srv/writ case lift 2026-7KQM-4ZT0 --reason 'released by the court on 3 February'",
		input:   func([]string) (any, error) { return api.ReasonInput{Reason: reason}, nil },
	}.command(s)
	cmd.Flags().StringVar(&reason, "reason", "", "by whose word it ends")
	return cmd
}

func caseClock(s *seat) *cobra.Command {
	var at, note string
	cmd := caseMove{
		use: "clock CASE EVENT", short: "Note what starts, stops or extends a clock", operation: "clock",
		long: `Clock notes an event that moves the case's deadlines: clarification-asked, clarified,
objection-settled, authority-notified, authority-cleared, authority-refused,
suspended, resumed, extended, order-confirmed, secrecy-challenged, secrecy-settled
or released. --at is when it happened, which may be before it is entered.`,
		example:   "  writ --data /srv/writ case clock 2026-7KQM-4ZT0 clarification-asked --at 2026-11-24T09:30:00+01:00 --note 'which of the two accounts'",
		arguments: []string{"EVENT"},
		input: func(args []string) (any, error) {
			e := docket.ClockEvent{Event: args[0], Time: time.Now().UTC(), Note: note}
			if at == "" {
				return e, nil
			}
			var err error
			e.Time, err = parseMoment("--at", at)
			return e, err
		},
	}.command(s)
	cmd.Flags().StringVar(&at, "at", "", "when it happened; now if not given")
	cmd.Flags().StringVar(&note, "note", "", "what happened")
	return cmd
}

func caseReply(s *seat) *cobra.Command {
	var in api.ReplyInput
	cmd := caseMove{
		use: "reply CASE", short: "Note an answer to the authority other than data", operation: "reply",
		long: `Reply notes what was answered: answered, answered-in-part, objected, impossible,
referred, withdrawn, rejected or no-data, as far as the instrument knows it. The
letter or form that says so is named by --document (writ case letter makes it).
After a --final answer nothing is produced. A referral tells the customer at once
where law leaves room.`,
		example: "  writ --data /srv/writ case reply 2026-7KQM-4ZT0 --answer referred --reason 'the data are the customer’s to give' --final",
		input:   func([]string) (any, error) { return in, nil },
	}.command(s)
	f := cmd.Flags()
	f.StringVar(&in.Answer, "answer", "", "what is answered")
	f.StringSliceVar(&in.Grounds, "ground", nil, "article on which it rests; may be given again")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.StringSliceVar(&in.Documents, "document", nil, "id of a letter or form of the case; may be given again")
	f.BoolVar(&in.Final, "final", false, "it ends the case for the authority")
	return cmd
}

func caseConsider(s *seat) *cobra.Command {
	var text string
	cmd := caseMove{
		use: "consider CASE NUMBER", short: "Note that a customer's objection was considered", operation: "consider",
		long: `Consider notes that counsel has considered an objection of the customer's, and what
came of it. NUMBER is the objection's, as writ case show has it. The note is for the
file; the customer does not get it. An objection stops no clock: what follows from
it is answered, determined or approved as everything else.`,
		example:   "  writ --data /srv/writ case consider 2026-7KQM-4ZT0 9 --note 'the account is another person’s: the scope was narrowed'",
		arguments: []string{"NUMBER"},
		input: func(args []string) (any, error) {
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return nil, fmt.Errorf("%q is no number of an objection; writ case show has them", args[0])
			}
			return api.ConsiderInput{Objection: n, Note: text}, nil
		},
	}.command(s)
	cmd.Flags().StringVar(&text, "note", "", "what came of it")
	return cmd
}

func caseNotify(s *seat) *cobra.Command {
	return caseMove{
		use: "notify CASE before|after|referred|preservation", short: "Tell the customer", operation: "notify",
		long: `Notify queues a notice to the customer's contacts and inbox: before production, after
it, of a referral, or of a preservation. Under secrecy it is refused.`,
		example:   "  writ --data /srv/writ case notify 2026-7KQM-4ZT0 before",
		arguments: []string{"KIND"},
		input:     func(args []string) (any, error) { return api.NotifyInput{Kind: args[0]}, nil },
	}.command(s)
}

func caseClose(s *seat) *cobra.Command {
	var in api.CloseInput
	cmd := caseMove{
		use: "close CASE", short: "Close a case", operation: "close",
		long: `Close ends the case; its outcome is what the authority got. Where data were
disclosed, --affected says of how many accounts. What the customer is still owed
stays owed: secrecy goes on to be watched, notices go on to be sent.`,
		example: "  writ --data /srv/writ case close 2026-7KQM-4ZT0 --affected 1",
		input:   func([]string) (any, error) { return in, nil },
	}.command(s)
	cmd.Flags().IntVar(&in.Affected, "affected", 0, "accounts of which something was disclosed")
	cmd.Flags().StringVar(&in.Note, "note", "", "a note for later readers")
	return cmd
}

func caseLetter(s *seat) *cobra.Command {
	var in docket.LetterInput
	var fields []string
	var file string
	cmd := &cobra.Command{
		Use: "letter CASE KIND", Short: "Write a letter or form from a template, and attach it",
		Long: `Letter writes a letter or a form of the case from a template, prints its text and
attaches the PDF. What the case knows is filled in; docs/letters.md lists the kinds
and their fields, which come from --field NAME=VALUE or, where they are no plain
texts, from --fields FILE as JSON. With --draft it is only shown.`,
		Example: `  writ --data /srv/writ case letter 2026-7KQM-4ZT0 acknowledgement --language fr
  writ --data /srv/writ case letter 2026-7KQM-4ZT0 eu-impossibility --fields form.json --draft`,
		Args: exactly("CASE", "KIND"),
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&in.Language, "language", "", "language of the letter (en, de, fr, es); the demand's if not given")
	f.StringArrayVar(&in.To, "to", nil, "a line of the addressee's address; may be given again")
	f.BoolVar(&in.Draft, "draft", false, "show it, attach nothing")
	pdf := f.String("pdf", "", "with --draft: write its PDF to this new file")
	f.StringArrayVar(&fields, "field", nil, "NAME=VALUE of a field that is a text; may be given again")
	f.StringVar(&file, "fields", "", "file of the fields as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if in.Fields, err = letterFields(file, fields); err != nil {
			return err
		}
		if in.PDF = *pdf != ""; in.PDF && !in.Draft {
			return usageError(cmd.CommandPath(), "--pdf goes with --draft: what is attached is saved by writ case document")
		}
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		body := struct {
			docket.LetterInput
			Kind string `json:"kind"`
		}{in, args[1]}
		var out docket.Letter
		if err := d.Do(cmd.Context(), "POST", "cases/"+string(id)+"/letters", body, &out); err != nil {
			return err
		}
		if in.PDF {
			if _, err := save(*pdf, bytes.NewReader(out.PDF), 0o600); err != nil {
				return err
			}
			out.PDF = nil
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), out)
		}
		if err := printLines(cmd.OutOrStdout(), out.Text); err != nil {
			return err
		}
		if out.Document != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "attached as %s: %s\n", out.Document.ID, shown(out.Document.Name))
		}
		return nil
	}
	return cmd
}

func caseLetters(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "letters [KIND]", Short: "The kinds of letters and forms, or the fields of one",
		Long: `Letters lists the kinds of letters and forms that there are, and the fields that one
takes beside those of the demand, which the case fills in. A star marks what is
required; what rows have is in brackets.`,
		Example: `  writ --data /srv/writ case letters
  writ --data /srv/writ case letters objection`,
		Args: cobra.MaximumNArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "GET", "letters", nil, func(_ *desk, all api.LetterKinds) error {
			if len(args) == 0 {
				return table(cmd.OutOrStdout(), "KIND TO FIELDS", rowsOf(all.Kinds, func(k letter.Described) []string {
					return []string{string(k.Kind), k.Audience, fieldNames(k.Fields)}
				}))
			}
			for _, k := range all.Kinds {
				if string(k.Kind) == args[0] {
					return table(cmd.OutOrStdout(), "FIELD TYPE TAKES", rowsOf(k.Fields, func(f letter.Field) []string {
						var values []string
						for _, o := range f.Options {
							values = append(values, o.Value)
						}
						takes := strings.Join(values, ", ")
						if f.Type == "rows" {
							takes = fieldNames(f.Fields)
						}
						return []string{fieldNames([]letter.Field{f}), f.Type, orDash(takes)}
					}))
				}
			}
			return withHint(fmt.Errorf("no letter is called %q", args[0]), "writ case letters lists them")
		})
	}
	return cmd
}

// fieldNames are fields in one line; a star marks those that are required.
func fieldNames(all []letter.Field) string {
	names := make([]string, len(all))
	for i, f := range all {
		if names[i] = f.Name; f.Required {
			names[i] += "*"
		}
		if f.Type == "rows" {
			names[i] += " [" + fieldNames(f.Fields) + "]"
		}
	}
	return orDash(strings.Join(names, ", "))
}

// letterFields are a letter's own fields: those of a file, and texts over them.
func letterFields(file string, texts []string) (json.RawMessage, error) {
	if file == "" && len(texts) == 0 {
		return nil, nil
	}
	all := map[string]json.RawMessage{}
	if file != "" {
		if err := readJSON(file, maxDemandFile, &all); err != nil {
			return nil, err
		}
	}
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--field: %q is not NAME=VALUE", text)
		}
		b, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("--field %s: %w", name, err)
		}
		all[name] = b
	}
	return json.Marshal(all)
}
