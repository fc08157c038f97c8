package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"writ/internal/bag"
)

// packageCommand is the authority's: it needs no server, and runs wherever the
// private key is.
func packageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "package", Short: "Packages: what an authority gets, opened and checked where its key is",
		Long: `Package opens and checks what a provider produced. It needs no server and no network.
The same is done with age, openssl, tar and sha256sum, as docs/package.md shows.`,
		Example: "  writ package open 2026-7KQM-4ZT0 --into opened --identity key.txt",
	}
	cmd.AddCommand(packageCheck(), packageOpen(), packageVerify())
	return cmd
}

func packageCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check DIR", Short: "Check that a package is whole, as it was sent; no key is needed",
		Example: "  writ package check 2026-7KQM-4ZT0",
		Args:    exactly("DIR"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := bag.Check(args[0])
		if errors.Is(err, fs.ErrNotExist) {
			return withHint(err, "DIR is the folder with package.json and the sealed volumes")
		}
		if err != nil {
			return withHint(err, "ask the provider for the files again")
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), p)
		}
		var total int64
		for _, v := range p.Volumes {
			total += v.Size
		}
		fmt.Fprintln(cmd.OutOrStdout(), "this package is whole")
		return facts(cmd.OutOrStdout(), "case", string(p.Case), "volumes", fmt.Sprintf("%d, %s, sealed with %s", len(p.Volumes), size(total), shown(p.Sealing)),
			"sealed to", shownAll(p.Recipients), "objects", fmt.Sprintf("%d, %s", p.Objects, size(p.Bytes)), "manifest", shown(p.Manifest))
	}
	return cmd
}

func packageOpen() *cobra.Command {
	cmd := &cobra.Command{
		Use: "open DIR", Short: "Open a package with the authority's private key, and verify what is in it",
		Long: `Open checks the volumes, opens them with the private key (an age identity file, or
the PEM key of the certificate), unpacks them into a new folder and verifies the bag
there. What it writes is plaintext.`,
		Example: "  writ package open 2026-7KQM-4ZT0 --into opened --identity key.txt",
		Args:    exactly("DIR"),
	}
	asJSON := jsonFlag(cmd)
	into := cmd.Flags().String("into", "", "new folder, which becomes the bag")
	identity := cmd.Flags().String("identity", "", "file of the private key")
	most := cmd.Flags().String("max-bytes", "", "what may be written at most (50GiB)")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		in := bag.OpenInput{Package: args[0], Into: *into}
		if *into == "" || *identity == "" {
			return usageError(cmd.CommandPath(), "--into and --identity are needed")
		}
		if *most != "" {
			if in.MaxBytes, err = parseSize(*most); err != nil {
				return err
			}
		}
		key, err := readBounded(*identity, 1<<20)
		if err != nil {
			return err
		}
		in.Identity, err = bag.ParseIdentity(key)
		clear(key)
		if err != nil {
			return err
		}
		show, end := progressBar()
		if show != nil {
			in.Progress = func(done, total int64) { show("opening", done, total) }
		}
		r, err := bag.Open(cmd.Context(), in)
		end()
		if err != nil {
			return err
		}
		return tellBag(cmd.OutOrStdout(), *into, r, *asJSON)
	}
	return cmd
}

func packageVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify DIR", Short: "Verify an opened package: every file has the hash that its manifests say",
		Long: `Verify checks an unpacked bag by RFC 8493, whoever made it: that it is complete, and
that no file was added, changed or taken away. The manifest's hash is to be compared
with the one in package.json and in the provider's letter.`,
		Example: "  writ package verify opened",
		Args:    exactly("DIR"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := bag.Verify(args[0])
		if err != nil {
			return err
		}
		return tellBag(cmd.OutOrStdout(), args[0], r, *asJSON)
	}
	return cmd
}

// tellBag says what a bag is worth; one that is not valid is a failure.
func tellBag(w io.Writer, dir string, r bag.Report, asJSON bool) error {
	bad := withHint(fmt.Errorf("the bag %s is not valid", dir), "use nothing of it; ask the provider for the package again")
	if asJSON {
		if err := writeJSON(w, r); err != nil || r.Valid() {
			return err
		}
		return bad
	}
	if !r.Valid() {
		for _, p := range r.Problems {
			fmt.Fprintln(w, shown(p))
		}
		if r.More {
			fmt.Fprintln(w, "… and more")
		}
		return bad
	}
	fmt.Fprintln(w, "this bag is complete, and every hash fits")
	lines := []string{"folder", dir, "files", fmt.Sprintf("%d, %s", r.Objects, size(r.Bytes)), "manifest", r.Manifest}
	for _, pair := range r.Info {
		lines = append(lines, shown(pair[0]), shown(pair[1]))
	}
	return facts(w, lines...)
}
