//go:build unix

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/law"
	"writ/internal/policy"
)

func caseShow(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show CASE", Short: "Show a case: findings, clocks, what is missing and who must do it",
		Long: `Show prints the case as it stands: the demand, what law finds with the article of
each finding and whether it was verified against a primary text, the deadlines
in UTC and in local time, who must do what next and by which command, other cases
that look alike, secrecy, preservation, the writ, deliveries and notices.

Who looks at a case is in the audit trail.`,
		Example: "  writ --data /srv/writ case show 2026-7KQM-4ZT0",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consultCase(s, cmd, *asJSON, args[0], "", func(d *desk, c api.Case) error { return d.printCase(cmd.OutOrStdout(), c) })
	}
	return cmd
}

// printCase prints a case, a section for each thing that there is.
func (d *desk) printCase(w io.Writer, c api.Case) error {
	if err := d.printDemand(w, c); err != nil {
		return err
	}
	sections := []struct {
		title string
		print func(io.Writer, api.Case) error
		there bool
	}{
		{"missing", printNeeds, len(c.Needs) > 0},
		{"clocks", d.printClocks, len(c.Clocks) > 0},
		{"findings" + staleReview(c), printFindings, len(c.Findings) > 0},
		{"determinations", d.printDeterminations, len(c.Determinations) > 0},
		{"look alike", printAlike, len(c.Alike) > 0},
		{"documents", printDocuments, len(c.Documents) > 0},
		{"data", d.printData, c.Subject != nil || len(c.Preservations) > 0},
		{"secrecy", d.printSecrecy, c.SecrecySet != nil || !c.Lifted.IsZero()},
		{"objections of the customer", d.printObjections, len(c.Objections) > 0},
		{"answers", d.printReplies, len(c.Replies) > 0},
		{"writ", d.printWrit, c.Approval != nil || c.Writ != nil},
		{"package", d.printPackage, c.Production != nil},
		{"notices", d.printNotices, len(c.Notices) > 0},
	}
	for _, part := range sections {
		if !part.there {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", part.title)
		if err := part.print(indented{w}, c); err != nil {
			return err
		}
	}
	return nil
}

func staleReview(c api.Case) string {
	if c.Stale {
		return " (the case changed since: review again)"
	}
	return ""
}

// indented writes each line two spaces to the right.
type indented struct{ w io.Writer }

func (i indented) Write(b []byte) (int, error) {
	text := strings.TrimSuffix(string(b), "\n")
	_, err := fmt.Fprintln(i.w, "  "+strings.ReplaceAll(text, "\n", "\n  "))
	return len(b), err
}

// whole gives a printer of several writes one, so that its lines are indented
// once each.
func whole(w io.Writer, print func(io.Writer) error) error {
	var b strings.Builder
	if err := print(&b); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (d *desk) printDemand(w io.Writer, c api.Case) error {
	m := c.Demand
	stage := c.Stage
	if c.Mark != "" {
		stage += ", " + string(c.Mark)
	}
	validator := ""
	if m.Validator != nil {
		validator = shown(m.Validator.Name) + ", " + shown(m.Validator.Country)
	}
	emergency := ""
	if m.Emergency {
		emergency = "yes"
	}
	due := ""
	if !c.Due.IsZero() && c.Closing == nil {
		due = d.at(c.Due) + ", " + left(c.Due, time.Now()) + " (" + c.Clock + ")"
	}
	closed := ""
	if c.Closing != nil {
		closed = fmt.Sprintf("%s: %s, %d accounts affected", d.at(c.Closing.At), c.Closing.Outcome, c.Closing.Affected)
		if c.Closing.At.IsZero() {
			closed = fmt.Sprintf("%s, %d accounts affected", c.Closing.Outcome, c.Closing.Affected)
		}
	}
	genuine := "not checked"
	if a := c.Authentication; a != nil {
		genuine = a.Means
		if a.Contact != "" {
			genuine += " " + shown(a.Contact)
		}
		if !a.Genuine {
			genuine = "NOT GENUINE (" + genuine + ")"
		}
		genuine += ": " + shown(a.Note)
	}
	return facts(w,
		"case", string(c.Case), "stage", stage, "due", due, "closed", closed,
		"reference", shown(m.Reference), "instrument", shown(m.Instrument), "issuer", shown(m.Issuer.Name)+", "+shown(m.Issuer.Country)+", "+shown(m.Issuer.Kind),
		"validated by", validator, "channel", shown(m.Channel), "received", d.at(m.Received), "signed", d.at(m.Signed), "matter", shown(m.Matter),
		"offence", shown(m.Offence), "classes", shownAll(m.Classes), "emergency", emergency,
		"names", shownAll(m.Identifiers), "data from", stamp(m.From), "data until", stamp(m.Until), "note", shown(m.Note), "genuine", genuine)
}

func printNeeds(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		for i, n := range c.Needs {
			fmt.Fprintf(w, "%d. %s\n", i+1, needLine(n))
		}
		return nil
	})
}

func (d *desk) printClocks(w io.Writer, c api.Case) error {
	now := time.Now()
	return whole(w, func(w io.Writer) error {
		rows := make([][]string, len(c.Clocks))
		for i, clock := range c.Clocks {
			remains := "-"
			if clock.State == law.Running {
				remains = left(clock.Due, now)
			}
			due := orDash(d.at(clock.Due))
			if !clock.NotBefore.IsZero() {
				due += ", not before " + d.at(clock.NotBefore)
			}
			rows[i] = []string{clock.ID, string(clock.State), due, orDash(remains), clock.Article, string(clock.Verified)}
		}
		return table(w, "CLOCK STATE DUE LEFT ARTICLE VERIFIED", rows)
	})
}

func printFindings(w io.Writer, c api.Case) error {
	order := map[string]int{"fail": 0, "counsel": 1, "pass": 2}
	all := slices.Clone(c.Findings)
	slices.SortStableFunc(all, func(a, b api.CaseFinding) int { return order[a.Outcome] - order[b.Outcome] })
	return whole(w, func(w io.Writer) error {
		for _, f := range all {
			basis := shown(f.Article) + ", verified: " + f.Verified
			switch {
			case f.Determined:
				basis += "; determined by two"
			case f.Final:
				basis += "; no determination passes it"
			}
			fmt.Fprintf(w, "%-8s %s: %s\n         %s\n", f.Outcome, f.Rule, shown(f.Text), basis)
			if f.Outcome != "pass" && !f.Determined && f.Settle != "" {
				fmt.Fprintf(w, "         settle: %s\n", shown(f.Settle))
			}
			if len(f.Open) > 0 && !f.Determined {
				fmt.Fprintf(w, "         unanswered: %s\n", strings.Join(f.Open, ", "))
			}
		}
		return nil
	})
}

func (d *desk) printDeterminations(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		for _, p := range c.Determinations {
			second := "waits for a second person: writ case second " + string(c.Case) + " " + fmt.Sprint(p.Number)
			if p.Second != "" {
				second = "seconded by " + string(p.Second)
			}
			fmt.Fprintf(w, "%d. %s by %s as %s; %s\n   %s\n", p.Number, strings.Join(p.Rules, ", "), p.By, p.As, second, shown(p.Reason))
		}
		return nil
	})
}

func printAlike(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		for _, a := range c.Alike {
			fmt.Fprintf(w, "%s  %s, of %s\n", a.Case, a.Why, shown(a.Issuer))
		}
		return nil
	})
}

func printDocuments(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		rows := make([][]string, len(c.Documents))
		for i, doc := range c.Documents {
			rows[i] = []string{doc.ID.String(), doc.Kind, shown(doc.Name), size(doc.Size), fmt.Sprintf("%x", doc.SHA256)}
		}
		return table(w, "DOCUMENT KIND NAME SIZE SHA-256", rows)
	})
}

func (d *desk) printData(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		if c.Subject != nil {
			fmt.Fprintf(w, "customer %s, by %s\n", c.Subject.Customer, shown(c.Subject.How))
		}
		if s := c.Scope; s != nil {
			narrow := ""
			if s.Narrow {
				narrow = ", narrower than asked: " + shown(s.Reason)
			}
			fmt.Fprintf(w, "scope    %s: %d objects, %s%s\n", scopeLine(s.Scope), s.Objects, size(s.Bytes), narrow)
		}
		for _, p := range c.Preservations {
			until := "until the case closes"
			if !p.Until.IsZero() {
				until = "until " + d.at(p.Until)
			}
			fmt.Fprintf(w, "kept     %s, %s (%s)\n", scopeLine(p.Scope), until, shown(p.Why))
		}
		return nil
	})
}

// scopeLine is a scope on one line.
func scopeLine(s policy.Scope) string {
	var parts []string
	for _, b := range s.Buckets {
		text := shown(b.Bucket)
		for _, p := range b.Prefixes {
			text += " " + shown(p) + "*"
		}
		for _, o := range b.Objects {
			text += " " + shown(o.Key)
			if o.Version != "" {
				text += "@" + shown(o.Version)
			}
		}
		for _, k := range sortedKeys(b.Tags) {
			text += " tag " + shown(k) + "=" + shown(b.Tags[k])
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, "; ")
	if !s.From.IsZero() {
		text += " from " + stamp(s.From)
	}
	if !s.Until.IsZero() {
		text += " until " + stamp(s.Until)
	}
	return text + " [" + shownAll(s.Classes) + "]"
}

func (d *desk) printSecrecy(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		if s := c.SecrecySet; s != nil {
			window := ""
			if s.Window > 0 {
				window = span(s.Window)
			}
			if err := facts(w, "basis", string(s.Basis), "until", d.at(s.Until), "harms", shownAll(s.Harms), "reason", shown(s.Reason),
				"look again", d.at(s.Review), "to object", window); err != nil {
				return err
			}
		}
		if !c.Lifted.IsZero() {
			fmt.Fprintln(w, "lifted "+d.at(c.Lifted))
		}
		return nil
	})
}

func (d *desk) printObjections(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		for _, o := range c.Objections {
			stands := "not considered yet: writ case consider " + string(c.Case) + " " + fmt.Sprint(o.Number)
			if !o.Considered.IsZero() {
				stands = "considered by " + shown(o.ConsideredBy) + " on " + d.at(o.Considered) + ": " + shown(o.Note)
			}
			fmt.Fprintf(w, "%d. %s, by %s\n", o.Number, d.at(o.At), shown(o.By))
			if err := printLines(indented{w}, o.Text); err != nil {
				return err
			}
			for _, id := range o.Documents {
				fmt.Fprintf(w, "  with document %s\n", id)
			}
			fmt.Fprintf(w, "  %s\n", stands)
		}
		return nil
	})
}

func (d *desk) printReplies(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		for _, r := range c.Replies {
			final := ""
			if r.Final {
				final = ", final"
			}
			fmt.Fprintf(w, "%s%s: %s %s\n", r.Answer, final, shown(r.Reason), shownAll(r.Grounds))
		}
		return nil
	})
}

func (d *desk) printWrit(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		if a := c.Approval; a != nil {
			stale := ""
			if a.Stale {
				stale = "; the case changed since: approve again"
			}
			fmt.Fprintf(w, "approved by %s: at most %d objects and %s, until %s%s\n", a.By, a.Objects, size(a.Bytes), d.at(a.Until), stale)
		}
		if c.Writ == nil {
			return nil
		}
		fmt.Fprintf(w, "digest to sign %s\nsigned by %s\n", c.Writ.Digest, orDash(shownAll(c.Writ.Signed)))
		for _, r := range c.Writ.Refused {
			fmt.Fprintf(w, "refused by %s at %s: %s\n", r.By, d.at(r.At), shown(r.Reason))
		}
		if !c.Writ.Minted.IsZero() {
			fmt.Fprintf(w, "in force since %s, committed to as %s\n", d.at(c.Writ.Minted), c.Writ.Statement)
		}
		if c.Writ.Waived {
			fmt.Fprintln(w, "used without witnesses, as two persons signed; the public log is marked")
		}
		return nil
	})
}

func (d *desk) printPackage(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		p := c.Production
		fmt.Fprintf(w, "%d objects, %s, in %d files; manifest %s\n", p.Objects, size(p.Bytes), len(p.Volumes), p.Manifest)
		for _, x := range c.Deliveries {
			bounds := ""
			if x.Times > 0 {
				bounds = fmt.Sprintf(", fetched %d times of %d, until %s", x.Fetched, x.Times, d.at(x.Until))
			}
			fmt.Fprintf(w, "delivered %s by %s%s %s\n", d.at(x.At), x.Means, bounds, shown(x.Note))
		}
		if !c.Confirmed.IsZero() {
			fmt.Fprintln(w, "the authority has it since "+d.at(c.Confirmed))
		}
		return nil
	})
}

func (d *desk) printNotices(w io.Writer, c api.Case) error {
	return whole(w, func(w io.Writer) error {
		for _, n := range c.Notices {
			state := "not accepted yet"
			switch {
			case !n.Accepted.IsZero():
				state = "accepted " + d.at(n.Accepted)
			case n.Trouble != "":
				state = "cannot be delivered: " + shown(n.Trouble)
			}
			fmt.Fprintf(w, "%s (%s), queued %s: %s\n", n.ID, n.Kind, d.at(n.Queued), state)
		}
		return nil
	})
}
