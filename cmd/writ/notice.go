//go:build unix

package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func noticeCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "notice", Short: "Messages to customers and staff, and how far each is",
		Example: "  writ --data /srv/writ notice list --state waiting",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(noticeList(s), noticeShow(s), noticeCancel(s), noticeReaddress(s), noticeGiveUp(s))
	return cmd
}

func noticeList(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List messages, in the order in which they were added",
		Example: "  writ --data /srv/writ notice list --case 2026-7KQM-4ZT0",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	ofCase, state := cmd.Flags().String("case", "", "of one case"), cmd.Flags().String("state", "", "in one state, such as waiting, accepted or undeliverable")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		all := []api.NoticeState{}
		for after := ""; ; {
			var page api.NoticePage
			if err := d.Do(cmd.Context(), "GET", api.Asked("notices", "case", *ofCase, "state", *state, "after", after, "limit", "1000"), nil, &page); err != nil {
				return err
			}
			all = append(all, page.Notices...)
			if after = page.Next; after == "" {
				break
			}
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), all)
		}
		return table(cmd.OutOrStdout(), "NOTICE CASE KIND STATE ADDED NOT-BEFORE SUBJECT", rowsOf(all, func(n api.NoticeState) []string {
			return []string{shown(n.ID), dash(shown(n.Case)), shown(n.Kind), shown(n.State), stamp(n.Added), dash(stamp(n.NotBefore)), shown(n.Subject)}
		}))
	}
	return cmd
}

func noticeShow(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NOTICE", Short: "Show a message whole, and how far it is with each contact",
		Example: "  writ --data /srv/writ notice show case/2026-7KQM-4ZT0/after",
		Args:    exactly("NOTICE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "GET", api.Asked("notices/message", "id", args[0]), nil, func(d *desk, n api.NoticeMessage) error {
			if err := facts(cmd.OutOrStdout(), "notice", shown(n.ID), "case", shown(n.Case), "customer", shown(n.Customer), "kind", shown(n.Kind), "state", shown(n.State),
				"added", d.at(n.Added), "not before", d.at(n.NotBefore), "subject", shown(n.Subject)); err != nil {
				return err
			}
			for _, one := range n.Deliveries {
				say(cmd, "%s", deliveryLine(d, one))
			}
			for _, f := range n.Files {
				say(cmd, "with %s (%s, %s)", shown(f.Name), shown(f.MIME), size(int64(f.Size)))
			}
			if n.Text == "" {
				return nil
			}
			say(cmd, "")
			return printLines(cmd.OutOrStdout(), n.Text)
		})
	}
	return cmd
}

// deliveryLine says how far a message is with one contact.
func deliveryLine(d *desk, one api.NoticeDelivery) string {
	text := fmt.Sprintf("contact %d, by %s %s: %s after %s attempts", one.Number, shown(one.Contact.Kind), shown(one.Contact.Address), shown(one.State), strconv.Itoa(one.Attempts))
	if !one.Settled.IsZero() {
		text += ", " + d.at(one.Settled)
	}
	if !one.Next.IsZero() {
		text += ", next " + d.at(one.Next)
	}
	if one.Trouble != "" {
		text += "; " + shown(one.Trouble)
	}
	if one.Alarmed {
		text += "; counsel was alarmed"
	}
	return text
}

func noticeCancel(s *seat) *cobra.Command {
	return &cobra.Command{
		Use: "cancel NOTICE", Short: "Take back a message that nobody has accepted yet: counsel does",
		Example: "  writ --data /srv/writ notice cancel case/2026-7KQM-4ZT0/after",
		Args:    exactly("NOTICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return tellNothing(s, cmd, "POST", "notices/cancel", map[string]string{"id": args[0]}, "cancelled: "+shown(args[0]))
		},
	}
}

func noticeReaddress(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "readdress NOTICE CONTACT", Short: "Send a message to another contact of its customer: counsel does",
		Long: `Readdress sends what could not be delivered to CONTACT (its number, as writ notice
show has it) to another address from now on: one that the customer has now, which
writ customer contacts sets, or its inbox.`,
		Example: "  writ --data /srv/writ notice readdress case/2026-7KQM-4ZT0/after 0 --to inbox",
		Args:    exactly("NOTICE", "CONTACT"),
	}
	to := cmd.Flags().String("to", "inbox", "address of one of the customer's contacts, or inbox")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		of, err := noticeContact(args)
		if err != nil {
			return err
		}
		return tellNothing(s, cmd, "POST", "notices/readdress", api.Readdressing{NoticeContact: of, To: *to}, "goes to "+shown(*to)+": "+shown(args[0]))
	}
	return cmd
}

func noticeGiveUp(s *seat) *cobra.Command {
	return &cobra.Command{
		Use: "give-up NOTICE CONTACT", Short: "Try one contact of a message no more: counsel does",
		Example: "  writ --data /srv/writ notice give-up case/2026-7KQM-4ZT0/after 1",
		Args:    exactly("NOTICE", "CONTACT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := noticeContact(args)
			if err != nil {
				return err
			}
			return tellNothing(s, cmd, "POST", "notices/give-up", of, "given up: contact "+args[1]+" of "+shown(args[0]))
		},
	}
}

// noticeContact is NOTICE and the number of its CONTACT.
func noticeContact(args []string) (api.NoticeContact, error) {
	n, err := strconv.ParseUint(args[1], 10, 7)
	if err != nil {
		return api.NoticeContact{}, fmt.Errorf("%q is no number of a contact; writ notice show has them", args[1])
	}
	return api.NoticeContact{ID: args[0], Contact: int(n)}, nil
}
