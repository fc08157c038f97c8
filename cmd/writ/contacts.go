//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/notice"
)

func customerContacts(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "contacts NAME", Short: "How a customer is told of demands; with contacts given, set them",
		Long: `Contacts shows how a customer is told, or sets it: all contacts anew, those that
are given. A contact may have a language and the file of a key, an age recipient
or a certificate, to which everything is sealed. Without any contact notices lie
in the customer's inbox. The secret of a new webhook's signatures is told once.`,
		Example: `  writ --data /srv/writ customer contacts harbour-clinic
  writ --data /srv/writ customer contacts harbour-clinic --mail legal@clinic.example,lang=de,key=clinic.age --webhook https://hooks.clinic.example/writ --inbox`,
		Args: exactly("NAME"),
	}
	s := newSeat(g, cmd)
	asJSON := jsonFlag(cmd)
	given := contactFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := given()
		if err != nil {
			return err
		}
		method, in := "GET", any(nil)
		if len(list) > 0 {
			method, in = "PUT", map[string]any{"contacts": list}
		}
		return consult(s, cmd, *asJSON, method, "customers/"+api.Below(args[0], "contacts"), in, func(_ *desk, all []api.CustomerContact) error {
			return printContacts(cmd, all)
		})
	}
	return cmd
}

// contactFlags gives a command the flags by which contacts are given, and reads
// them.
func contactFlags(cmd *cobra.Command) func() ([]api.CustomerContact, error) {
	mails := cmd.Flags().StringArray("mail", nil, "ADDRESS[,lang=LANGUAGE][,key=FILE]")
	hooks := cmd.Flags().StringArray("webhook", nil, "URL[,lang=LANGUAGE][,key=FILE]")
	inbox := cmd.Flags().Bool("inbox", false, "the customer's inbox here")
	return func() (list []api.CustomerContact, err error) {
		for _, way := range []struct {
			kind  notice.ContactKind
			given []string
		}{{notice.ByMail, *mails}, {notice.ByWebhook, *hooks}} {
			for _, text := range way.given {
				c, err := parseContact(way.kind, text)
				if err != nil {
					return nil, err
				}
				list = append(list, c)
			}
		}
		if *inbox {
			list = append(list, api.CustomerContact{Kind: notice.ByInbox})
		}
		return list, nil
	}
}

func printContacts(cmd *cobra.Command, all []api.CustomerContact) error {
	return table(cmd.OutOrStdout(), "KIND ADDRESS LANGUAGE SEALED SECRET", rowsOf(all, func(c api.CustomerContact) []string {
		sealed := "no"
		if c.Key != "" {
			sealed = "to a key"
		}
		return []string{shown(c.Kind), dash(shown(c.Address)), dash(shown(c.Language)), sealed, dash(shown(c.Secret))}
	}))
}

// parseContact reads ADDRESS[,lang=…][,key=FILE].
func parseContact(kind notice.ContactKind, text string) (c api.CustomerContact, err error) {
	parts := strings.Split(text, ",")
	c = api.CustomerContact{Kind: kind, Address: parts[0]}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "lang":
			c.Language = value
		case "key":
			key, err := readBounded(value, 64<<10)
			if err != nil {
				return c, err
			}
			c.Key = strings.TrimSpace(string(key))
		default:
			return c, fmt.Errorf("%q is not part of a contact (ADDRESS[,lang=LANGUAGE][,key=FILE])", part)
		}
	}
	return c, nil
}

func customerInbox(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "inbox NAME [MESSAGE]", Short: "What lies in a customer's inbox, or one message of it",
		Long: `Inbox lists what a customer was told, or shows one message. With --save its text
and files are written into a new folder, to be verified (writ verify receipt).
That it was looked at is in the audit trail.`,
		Example: `  writ --data /srv/writ customer inbox harbour-clinic
  writ --data /srv/writ customer inbox harbour-clinic case/2026-7KQM-4ZT0/lifted --save told`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "" {
				return errors.New("NAME is missing")
			}
			if len(args) > 2 {
				return fmt.Errorf("%q is one argument too many", args[2])
			}
			return nil
		},
	}
	s := newSeat(g, cmd)
	asJSON := jsonFlag(cmd)
	save := cmd.Flags().String("save", "", "folder to make for the message's text and files")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := "customers/" + api.Below(args[0], "inbox")
		if len(args) == 1 {
			return listInbox(s, cmd, path, *asJSON)
		}
		return consult(s, cmd, *asJSON && *save == "", "GET", api.Asked(path+"/message", "id", args[1]), nil, func(_ *desk, m api.InboxMessage) error {
			if *save != "" {
				return saveMessage(cmd, m, *save)
			}
			say(cmd, "%s\n", shown(m.Subject))
			if err := printLines(cmd.OutOrStdout(), m.Text); err != nil {
				return err
			}
			for _, f := range m.Files {
				say(cmd, "with %s (%s, %s)", shown(f.Name), shown(f.MIME), size(int64(len(f.Body))))
			}
			return nil
		})
	}
	return cmd
}

func listInbox(s *seat, cmd *cobra.Command, path string, asJSON bool) error {
	d, err := s.desk(cmd)
	if err != nil {
		return err
	}
	defer d.Close()
	all := []api.InboxItem{}
	for after := ""; ; {
		var page api.InboxPage
		if err := d.Do(cmd.Context(), "GET", api.Asked(path, "after", after, "limit", "1000"), nil, &page); err != nil {
			return err
		}
		all = append(all, page.Items...)
		if after = page.Next; after == "" {
			break
		}
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), all)
	}
	return table(cmd.OutOrStdout(), "MESSAGE CASE TIME READ SUBJECT", rowsOf(all, func(i api.InboxItem) []string {
		return []string{shown(i.ID), dash(shown(i.Case)), stamp(i.At), dash(stamp(i.Read)), shown(i.Subject)}
	}))
}

// saveMessage writes a message into a folder that is not there yet. A file's
// name is the server's word: nothing of it leads out of the folder.
func saveMessage(cmd *cobra.Command, m api.InboxMessage, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make the folder: %w", err)
	}
	files := append([]api.InboxFile{{Name: "message.txt", Body: []byte(m.Text)}}, m.Files...)
	for _, f := range files {
		name := filepath.Base(filepath.Clean("/" + f.Name))
		if name != f.Name || strings.HasPrefix(name, ".") {
			return fmt.Errorf("a file of the message has a name that is none: %q", f.Name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), f.Body, 0o600); err != nil {
			return fmt.Errorf("couldn't save the message: %w", err)
		}
		say(cmd, "%s", filepath.Join(dir, name))
	}
	return nil
}
