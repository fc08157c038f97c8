//go:build unix

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/printable"
)

func fsckCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "fsck", Short: "Check that everything stored is whole and opens",
		Long: `Fsck checks that every record has its blob, that every blob has its record, and
that every chunk opens. It may run while traffic does. It changes nothing; its
exit status is 1 if anything is wrong.

With --repair it removes orphans: what is stored and nothing names. What is
damaged it cannot mend; a backup can.

Without a running server it opens the data folder itself.`,
		Example: `  writ --data /srv/writ fsck
  writ --data /srv/writ fsck --repair`,
		Args: noArguments,
	}
	settingFlags(cmd, "key_file")
	asJSON := jsonFlag(cmd)
	repair := cmd.Flags().Bool("repair", false, "remove orphans, and nothing else")
	shallow := cmd.Flags().Bool("shallow", false, "leave out the opening of chunks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, done, err := g.clientOrOpen(cmd)
		if err != nil {
			return err
		}
		show, end := progress()
		r, err := c.Fsck(cmd.Context(), api.CheckOptions{Repair: *repair, Shallow: *shallow}, show)
		end()
		if e := done(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		return tellChecked(cmd.OutOrStdout(), r, *asJSON)
	}
	return cmd
}

// tellChecked prints a report; what is wrong is an error, except orphans that
// were removed.
func tellChecked(w io.Writer, r api.Checked, asJSON bool) error {
	if asJSON {
		if err := writeJSON(w, r); err != nil {
			return err
		}
	} else {
		printChecked(w, r)
	}
	switch left := r.Orphans.Count - r.Removed; {
	case r.Damage.Count > 0:
		return withHint(fmt.Errorf("%d things are damaged", r.Damage.Count), "put them again, or restore them from a backup")
	case left > 0:
		return withHint(fmt.Errorf("%d things are stored that nothing names", left), "writ fsck --repair removes them")
	}
	return nil
}

func printChecked(w io.Writer, r api.Checked) {
	list := func(f api.Findings) {
		for _, one := range f.List {
			fmt.Fprintf(w, "  %s\n", describe(one))
		}
		if more := f.Count - int64(len(f.List)); more > 0 {
			fmt.Fprintf(w, "  and %d more\n", more)
		}
	}
	if r.Damage.Count > 0 {
		fmt.Fprintf(w, "damaged: %d\n", r.Damage.Count)
		list(r.Damage)
	}
	if r.Orphans.Count > 0 {
		fmt.Fprintf(w, "orphans: %d, removed: %d\n", r.Orphans.Count, r.Removed)
		list(r.Orphans)
	}
	fmt.Fprintf(w, "%d versions, %d uploads with %d parts, %d blobs looked at; %s opened\n", r.Versions, r.Uploads, r.Parts, r.Blobs, size(r.Bytes))
	if r.Unopened > 0 {
		fmt.Fprintf(w, "%d versions were not opened: their keys are destroyed\n", r.Unopened)
	}
	if r.Clean {
		fmt.Fprintln(w, "all is whole")
	}
}

// describe says in a line what is wrong with what.
func describe(f api.Finding) string {
	var where []string
	add := func(text string) { where = append(where, text) }
	if f.Bucket != "" {
		name := printable.Line(string(f.Bucket))
		if f.Key != "" {
			name += "/" + printable.Line(string(f.Key))
		}
		add(name)
	}
	if f.Version != "" && f.Version != "null" {
		add("version " + string(f.Version))
	}
	if f.Upload != "" {
		add("upload " + f.Upload)
	}
	if f.Part > 0 {
		add(fmt.Sprintf("part %d", f.Part))
	}
	if f.Customer != "" {
		add("of " + string(f.Customer))
	}
	if f.Blob != "" {
		add("in " + f.Blob)
	}
	text := strings.Join(append(where, f.Problem), ", ")
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	return text
}
