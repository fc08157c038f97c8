//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/docket"
)

func myNotices(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "notices", Short: "List what you were told, oldest first",
		Example: "  writ my notices", Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) ([]api.MyNotice, error) {
			all := []api.MyNotice{}
			for after := ""; ; {
				page, err := o.Notices(cmd.Context(), after, 1000)
				if err != nil {
					return nil, err
				}
				all = append(all, page.Notices...)
				if after = page.Next; after == "" {
					return all, nil
				}
			}
		}, func(all []api.MyNotice) error {
			return table(cmd.OutOrStdout(), "NOTICE CASE TIME READ SUBJECT", rowsOf(all, func(n api.MyNotice) []string {
				subject := shown(n.Subject)
				if n.Sealed {
					subject = "(sealed to the key of a contact)"
				}
				return []string{shown(n.ID), dash(shown(n.Case)), stamp(n.At), dash(stamp(n.Read)), subject}
			}))
		})
	}
	return cmd
}

func myNotice(a *account) *cobra.Command {
	cmd := &cobra.Command{Use: "notice", Short: "One of your notices", Example: "  writ my notice show notice/2026-7KQM-4ZT0/before"}
	show := &cobra.Command{
		Use: "show NOTICE", Short: "Show a notice, or save it with its files",
		Long: `Show prints a notice. With --save its text and files are written into a new folder:
the letter, the copy of the demand, and the receipts, each of which writ verify
receipt verifies.`,
		Example: `  writ my notice show notice/2026-7KQM-4ZT0/before
  writ my notice show notice/2026-7KQM-4ZT0/late --save told`,
		Args: exactly("NOTICE"),
	}
	asJSON := jsonFlag(show)
	dir := show.Flags().String("save", "", "folder to make for the notice's text and files")
	show.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := a.own()
		if err != nil {
			return err
		}
		n, err := o.Notice(cmd.Context(), args[0])
		switch {
		case err != nil:
			return err
		case n.Sealed:
			return withHint(errors.New("the notice went to contacts with a key only, and opens nowhere else"), "open it where it came, with that key")
		case *dir != "":
			return saveNotice(cmd, o, n, *dir)
		case *asJSON:
			return writeJSON(cmd.OutOrStdout(), n)
		}
		say(cmd, "%s\n", shown(n.Subject))
		if err := printLines(cmd.OutOrStdout(), n.Text); err != nil {
			return err
		}
		for _, f := range n.Files {
			say(cmd, "with %s (%s, %s)", shown(f.Name), shown(f.MIME), size(int64(f.Size)))
		}
		return nil
	}
	cmd.AddCommand(show)
	return cmd
}

// plainName refuses a file's name, which is the server's word, if it leads
// anywhere.
func plainName(name string) error {
	if name == "" || filepath.Base(filepath.Clean("/"+name)) != name || strings.HasPrefix(name, ".") {
		return fmt.Errorf("a file has a name that is none: %q", name)
	}
	return nil
}

func saveNotice(cmd *cobra.Command, o *api.Own, n api.MyNotice, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make the folder: %w", err)
	}
	if err := saveBytes(filepath.Join(dir, "message.txt"), []byte(n.Text), 0o600); err != nil {
		return err
	}
	say(cmd, "%s", filepath.Join(dir, "message.txt"))
	for _, f := range n.Files {
		if err := saveNoticeFile(cmd, o, n.ID, f.Name, filepath.Join(dir, f.Name)); err != nil {
			return err
		}
	}
	return nil
}

func saveNoticeFile(cmd *cobra.Command, o *api.Own, id, name, to string) error {
	if err := plainName(name); err != nil {
		return err
	}
	body, err := o.NoticeFile(cmd.Context(), id, name)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := save(to, body, 0o600); err != nil {
		return err
	}
	say(cmd, "%s", to)
	return nil
}

func myDemands(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "demands", Short: "List the demands that you were told of",
		Long: `Demands lists what was demanded of you and told to you. What a court or a law
forbids the provider to tell you yet is not in it, and nothing here shows whether
there is any.`,
		Example: "  writ my demands", Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) ([]api.MyDemand, error) { return o.Demands(cmd.Context()) }, func(all []api.MyDemand) error {
			return table(cmd.OutOrStdout(), "CASE TOLD NOTICES SUBJECT", rowsOf(all, func(d api.MyDemand) []string {
				return []string{shown(d.Case), stamp(d.First), fmt.Sprint(d.Count), shown(d.Subject)}
			}))
		})
	}
	return cmd
}

// maxText bounds the file of an objection's text, in bytes.
const maxText = 4 * docket.MaxObjection

func myObjectTo(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "object-to CASE", Short: "Object to a demand that you were told of",
		Long: `Object-to puts what you have to say against a demand before the provider's counsel:
a text of up to 20,000 characters, from a file or with - from standard input, and
up to five files of 8 MiB each. It goes into the case.

It stops no deadline and is no appeal to a court. What the notice says of your
remedies is not done by it.`,
		Example: `  writ my object-to 2026-7KQM-4ZT0 --text objection.txt --file contract.pdf
  echo 'The account is not mine.' | writ my object-to 2026-7KQM-4ZT0 --text -`,
		Args: exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	text := cmd.Flags().String("text", "", "file of the objection's text, or - for standard input")
	files := cmd.Flags().StringArray("file", nil, "a file that goes with it; may be given again")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := caseArgument(args[0])
		if err != nil {
			return err
		}
		if *text == "" {
			return withHint(errors.New("--text is missing: the objection says nothing"), "--text FILE, or --text - for standard input")
		}
		said, err := readText(cmd.InOrStdin(), *text)
		if err != nil {
			return err
		}
		if len(*files) > docket.MaxObjectionFiles {
			return fmt.Errorf("%d files go with the objection, and %d may", len(*files), docket.MaxObjectionFiles)
		}
		var with []api.ObjectionFile
		for _, name := range *files {
			b, err := readBounded(name, docket.MaxObjectionFile)
			if err != nil {
				return err
			}
			with = append(with, api.ObjectionFile{Name: filepath.Base(name), Body: b})
		}
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyObjection, error) { return o.ObjectTo(cmd.Context(), id, string(said), with) }, func(o api.MyObjection) error {
			say(cmd, "objection %d is before counsel since %s; no deadline stops by it", o.Number, stamp(o.At))
			return nil
		})
	}
	return cmd
}

func readText(stdin io.Reader, name string) ([]byte, error) {
	if name != "-" {
		return readBounded(name, maxText)
	}
	b, err := io.ReadAll(io.LimitReader(stdin, maxText+1))
	if err == nil && len(b) > maxText {
		err = fmt.Errorf("it has more than %d bytes", maxText)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the text: %w", err)
	}
	return b, nil
}

func myProofs(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "proofs", Short: "List, or save, the receipts of what was opened under law",
		Long: `Proofs lists the files of receipts that came with notices, or saves them into a new
folder. Each line of such a file is a receipt: it proves off line, without the
server, what was committed to in the public log, and since when.`,
		Example: `  writ my proofs
  writ my proofs --save proofs`,
		Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	dir := cmd.Flags().String("save", "", "folder to make for the files")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o, err := a.own()
		if err != nil {
			return err
		}
		all, err := o.Proofs(cmd.Context())
		switch {
		case err != nil:
			return err
		case *dir != "":
			if err := os.Mkdir(*dir, 0o700); err != nil {
				return fmt.Errorf("couldn't make the folder: %w", err)
			}
			for n, p := range all {
				if err := saveNoticeFile(cmd, o, p.Notice, p.File.Name, filepath.Join(*dir, fmt.Sprintf("%d-%s", n+1, filepath.Base(p.File.Name)))); err != nil {
					return err
				}
			}
			return nil
		case *asJSON:
			return writeJSON(cmd.OutOrStdout(), all)
		}
		return table(cmd.OutOrStdout(), "CASE TOLD FILE SIZE SHA-256", rowsOf(all, func(p api.MyProof) []string {
			return []string{dash(shown(p.Case)), stamp(p.At), shown(p.File.Name), size(int64(p.File.Size)), shown(p.File.SHA256)}
		}))
	}
	return cmd
}
