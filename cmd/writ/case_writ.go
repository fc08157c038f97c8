//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/policy"
)

func caseApprove(s *seat) *cobra.Command {
	var in api.ApproveInput
	var bytes, until, second string
	cmd := caseMove{
		use: "approve CASE", short: "Approve what is produced, within limits", operation: "approve",
		long: `Approve is counsel's word that exactly the scope is produced: every finding passed,
or two persons determined on it. At most --objects and --bytes are opened, as many
as are in scope now if not given, and nothing after --until.`,
		example: "  writ --data /srv/writ case approve 2026-7KQM-4ZT0 --until 2026-12-24",
		input: func([]string) (_ any, err error) {
			if bytes != "" {
				if in.Bytes, err = parseSize(bytes); err != nil {
					return nil, err
				}
			}
			in.Second = writ.Person(second)
			in.Until, err = parseMoment("--until", until)
			return in, err
		},
	}.command(s)
	f := cmd.Flags()
	f.Int64Var(&in.Objects, "objects", 0, "objects at most")
	f.StringVar(&bytes, "bytes", "", "bytes at most (10GiB)")
	f.StringVar(&until, "until", "", "when the writ expires; as the house has it if not given")
	f.StringVar(&second, "second", "", "the second officer, where law takes one")
	return cmd
}

func caseDraft(s *seat) *cobra.Command {
	return caseMove{
		use: "draft CASE", short: "Draw the writ up for the custodians", operation: "draft",
		long: `Draft writes what was approved as the document that custodians sign (writ custodian
approve CASE). A new draft makes signatures under an older one worth nothing.`,
		example: "  writ --data /srv/writ case draft 2026-7KQM-4ZT0",
	}.command(s)
}

func caseWaive(s *seat) *cobra.Command {
	return caseMove{
		use: "waive CASE FILE", short: "Go on without witnesses, as two persons signed", operation: "waive",
		long: `Waive lets the writ be used on a commitment that is durable here and not witnessed
yet, while the witnesses fail and a statutory clock runs. FILE is a waiver that two
persons signed, one of them counsel (writ custodian waiver make). The public log is
marked for ever.`,
		example:   "  writ --data /srv/writ case waive 2026-7KQM-4ZT0 waiver.json",
		arguments: []string{"FILE"},
		input: func(args []string) (any, error) {
			b, err := readBounded(args[0], policy.MaxEnvelope)
			return api.WaiveInput{Envelope: json.RawMessage(b)}, err
		},
	}.command(s)
}

func caseProduce(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "produce CASE", Short: "Open exactly what the writ covers, and pack it sealed to the authority",
		Long: `Produce opens what the writ covers, through the gate, into a package that only the
authority can open: sealed to its age keys or X.509 certificates, which are those of
the directory or --recipient. The exact list is committed to in the public log
before anything opens. Interrupted, the same command goes on where it ended.`,
		Example: `  writ --data /srv/writ case produce 2026-7KQM-4ZT0
  writ --data /srv/writ case produce 2026-7KQM-4ZT0 --recipient-file court.pem`,
		Args: exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	var in api.ProduceInput
	f.StringArrayVar(&in.Recipients, "recipient", nil, "age recipient (age1…); may be given again")
	files := f.StringArray("recipient-file", nil, "file of one age recipient, or one certificate in PEM; may be given again")
	most := f.String("max-bytes", "", "what the package may take of the disk (50GiB)")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if *most != "" {
			if in.MaxBytes, err = parseSize(*most); err != nil {
				return err
			}
		}
		for _, name := range *files {
			b, err := readBounded(name, 64<<10)
			if err != nil {
				return err
			}
			in.Recipients = append(in.Recipients, string(b))
		}
		return s.moved(cmd, args[0], *asJSON, func(ctx context.Context, d *desk, id string) (api.Case, error) {
			show, end := progress()
			defer end()
			c, err := d.Produce(ctx, id, in, show)
			if err == nil && !*asJSON && c.Production != nil {
				end()
				fmt.Fprintf(cmd.OutOrStdout(), "produced %d objects, %s, in %d files\nmanifest %s\n", c.Production.Objects, size(c.Production.Bytes), len(c.Production.Volumes), c.Production.Manifest)
			}
			return c, err
		})
	}
	return cmd
}

func caseDeliver(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "deliver CASE", Short: "Hand the package over",
		Long: `Deliver notes how the package reaches the authority, and opens the way: national-system
and in-person (writ case package CASE DIR writes the files), or download, by a client
certificate that --certificate names, else by a one-time code, which is shown once
and goes to the authority by another way than the address.`,
		Example: `  writ --data /srv/writ case deliver 2026-7KQM-4ZT0 --means national-system
  writ --data /srv/writ case deliver 2026-7KQM-4ZT0 --means download --times 3 --until 2026-12-24`,
		Args: exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	var in api.DeliverInput
	var until string
	f.StringVar(&in.Means, "means", "", "national-system, download or in-person")
	f.StringVar(&in.Certificate, "certificate", "", "of a download: SHA-256 of the client's certificate, in hex")
	f.IntVar(&in.Times, "times", 0, "of a download: how often it may be fetched")
	f.StringVar(&until, "until", "", "of a download: when it ends")
	f.StringVar(&in.Note, "note", "", "to whom, by whom")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if in.Until, err = parseMoment("--until", until); err != nil {
			return err
		}
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		h, err := d.Deliver(cmd.Context(), string(id), in)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), h)
		}
		if h.Code != "" {
			fmt.Fprintf(cmd.OutOrStdout(), "one-time code  %s\naddress        %s%s\n", h.Code, api.DeliveryPath, id)
			fmt.Fprintln(cmd.ErrOrStderr(), "writ: hint: the code is not shown again; give it to the authority by another way than the address")
		}
		return d.stands(cmd, h.Case, false)
	}
	return cmd
}

func casePackage(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "package CASE DIR", Short: "Copy the files of the package, for the national system",
		Long: `Package writes all files of the case's package into a new folder: the sealed volumes,
package.json and SHA256SUMS. Nothing of it is plaintext; the authority opens it with
its key (writ package open, or age or openssl by docs/package.md).`,
		Example: "  writ --data /srv/writ case package 2026-7KQM-4ZT0 outgoing",
		Args:    exactly("CASE", "DIR"),
	}
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
		if c.Production == nil {
			return withHint(fmt.Errorf("the case %s has no package", id), "writ case show "+string(id)+" shows what is missing")
		}
		if err := os.Mkdir(args[1], 0o700); errors.Is(err, os.ErrExist) {
			return withHint(fmt.Errorf("%s is there already", args[1]), "name a folder that is not")
		} else if err != nil {
			return fmt.Errorf("couldn't make the folder: %w", err)
		}
		names := []string{"package.json", "SHA256SUMS"}
		for _, v := range c.Production.Volumes {
			names = append(names, v.Name)
		}
		var total int64
		for _, name := range names {
			n, err := d.savePart(cmd.Context(), string(id), name, args[1])
			if err != nil {
				return err
			}
			total += n
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d files, %s in %s\n", len(names), size(total), args[1])
		return err
	}
	return cmd
}

// savePart writes one file of a package. Its name is the server's: only a plain
// one leads into the folder.
func (d *desk) savePart(ctx context.Context, id, name, dir string) (int64, error) {
	if name != filepath.Base(name) || name == "." || name == ".." {
		return 0, fmt.Errorf("the server names a file %s, which is no plain name", shown(name))
	}
	body, err := d.Package(ctx, id, name)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return save(filepath.Join(dir, name), body, 0o600)
}

func caseConfirm(s *seat) *cobra.Command {
	var note string
	cmd := caseMove{
		use: "confirm CASE", short: "Note that the authority has the package", operation: "confirm",
		example: "  writ --data /srv/writ case confirm 2026-7KQM-4ZT0 --note 'receipt of the national system, 24 November'",
		input:   func([]string) (any, error) { return api.ConfirmInput{Note: note}, nil },
	}.command(s)
	cmd.Flags().StringVar(&note, "note", "", "whose word it is")
	return cmd
}
