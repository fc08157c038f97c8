//go:build unix

package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"writ/internal/docket"
)

// maxUpload bounds what the command line reads of a file that is to be
// attached, in bytes. What the docket takes is less; it refuses the rest, and
// keeps that somebody tried.
const maxUpload = 128 << 20

func caseAttach(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "attach CASE FILE", Short: "Attach a file: the order, a form, a letter, data of another system",
		Long: fmt.Sprintf(`Attach keeps a file with the case, sealed under the docket's own key, with its
SHA-256. Kinds are order, form, certificate, correspondence, export and other. An
export is data that another system holds (a database, mail, tickets): --system says
which, and everything later says that the gate did not enforce it. A file has up to
%s.`, size(docket.MaxDocument)),
		Example: `  writ --data /srv/writ case attach 2026-7KQM-4ZT0 order.pdf --kind order
  writ --data /srv/writ case attach 2026-7KQM-4ZT0 tickets.json --kind export --system 'ticket system' --note 'by support, 24 November'`,
		Args: exactly("CASE", "FILE"),
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	kind := f.String("kind", "other", "order, form, certificate, correspondence, export or other")
	name := f.String("name", "", "its name in the case; the file's if not given")
	system := f.String("system", "", "of an export: which system it is from")
	note := f.String("note", "", "of an export: who made it, and how")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := readBounded(args[1], maxUpload)
		if err != nil {
			return err
		}
		called := *name
		if called == "" {
			called = filepath.Base(args[1])
		}
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		c, err := d.Attach(cmd.Context(), string(id), *kind, called, *system, *note, body)
		if err != nil {
			return err
		}
		if !*asJSON && len(c.Documents) > 0 {
			doc := c.Documents[len(c.Documents)-1]
			fmt.Fprintf(cmd.OutOrStdout(), "attached %s as %s, SHA-256 %x\n", shown(doc.Name), doc.ID, doc.SHA256)
		}
		return d.stands(cmd, c, *asJSON)
	}
	return cmd
}

func caseDocument(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "document CASE DOCUMENT FILE", Short: "Save a document of a case to a new file",
		Long: `Document writes a document of the case to a file that is not there yet, mode 0600.
What authorities send is hostile until somebody looked at it: open it where it can
do no harm. Who looks at a document is in the audit trail.`,
		Example: "  writ --data /srv/writ case document 2026-7KQM-4ZT0 5f0c…e1 order.pdf",
		Args:    exactly("CASE", "DOCUMENT", "FILE"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		body, err := d.Document(cmd.Context(), string(id), args[1])
		if err != nil {
			return err
		}
		defer body.Close()
		n, err := save(args[2], body, 0o600)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[2], size(n))
		return err
	}
	return cmd
}
