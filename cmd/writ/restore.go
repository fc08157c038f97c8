//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/vault"
)

// restored is what a restore brought back, for scripts.
type restored struct {
	Made    time.Time     `json:"made"`
	Data    string        `json:"data"`
	Files   int64         `json:"files"`
	Bytes   int64         `json:"bytes"`
	Keys    bool          `json:"keys"`
	Damaged []fileProblem `json:"damaged"`
	Missing []fileProblem `json:"missing"`
	Extra   []string      `json:"extra"`
	Checked *api.Checked  `json:"checked,omitempty"`
}

type fileProblem struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func restoreCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore FOLDER", Short: "Bring a backup back, into a new data folder",
		Long: `Restore copies a backup into the data folder, which must be missing or empty,
and says file by file what it could not bring back. Then it opens the folder
and checks every object, as writ fsck does; for that it needs the passphrase or
the key file that sealed the root key when the copy of keys/ was made.

The backup itself is not changed. Its keys come from the folder that writ
backup --keys made, as long as that has not expired.`,
		Example: "  writ --data /srv/writ-new restore /backup/2027-03-01 --keys /safe/keys-2027-03-01",
		Args:    exactly("FOLDER"),
	}
	settingFlags(cmd, "key_file")
	asJSON := jsonFlag(cmd)
	keys := cmd.Flags().String("keys", "", "folder of the copy of keys/ that goes with the backup")
	unchecked := cmd.Flags().Bool("no-check", false, "do not open and check what was brought back")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := g.load(cmd)
		if err != nil {
			return err
		}
		r, err := restore(cmd.Context(), cfg, args[0], *keys)
		if err != nil {
			return err
		}
		if !*asJSON {
			printRestored(cmd.OutOrStdout(), r)
		}
		if !r.Keys {
			fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: keys/ was not brought back, and without it nothing opens; put a copy of it into %s\n", r.Data)
		}
		if r.Keys && !*unchecked {
			checked, err := checkHere(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			r.Checked = &checked
		}
		return tellRestored(cmd, r, *asJSON)
	}
	return cmd
}

func restore(ctx context.Context, cfg *config.Config, from, keys string) (restored, error) {
	show, end := progress()
	var report vault.Progress
	if show != nil {
		report = func(stage string, done, total int64) {
			show(api.Progress{Stage: stage, Done: done, Total: total})
		}
	}
	defer end()
	r, err := vault.Restore(ctx, vault.RestoreOptions{From: from, Keys: keys, To: cfg.Data, Progress: report})
	if err == nil {
		err = folder.Folder(cfg.Data).MarkRestored()
	}
	return restored{
		Made: r.Made, Data: cfg.Data, Files: r.Files, Bytes: r.Bytes, Keys: r.Keys,
		Damaged: fileProblems(r.Damaged), Missing: fileProblems(r.Missing), Extra: append([]string{}, r.Extra...),
	}, err
}

func fileProblems(from []vault.RestoredFile) []fileProblem {
	out := make([]fileProblem, len(from))
	for i, one := range from {
		out[i] = fileProblem{one.Path, one.Reason}
	}
	return out
}

// checkHere opens the restored folder and checks it.
func checkHere(ctx context.Context, cfg *config.Config) (r api.Checked, err error) {
	c, done, err := openHere(ctx, cfg)
	if err != nil {
		return r, fmt.Errorf("couldn't open what was brought back: %w", err)
	}
	show, end := progress()
	r, err = c.Fsck(ctx, api.CheckOptions{}, show)
	end()
	if e := done(); err == nil {
		err = e
	}
	return r, err
}

func printRestored(w io.Writer, r restored) {
	fmt.Fprintf(w, "backup of %s: %d files, %s, brought back into %s\n", when(r.Made), r.Files, size(r.Bytes), r.Data)
	for _, one := range r.Missing {
		fmt.Fprintf(w, "  not brought back: %s: %s\n", one.Path, one.Reason)
	}
	for _, one := range r.Damaged {
		fmt.Fprintf(w, "  brought back damaged: %s: %s\n", one.Path, one.Reason)
	}
	for _, one := range r.Extra {
		fmt.Fprintf(w, "  left out, not part of the backup: %s\n", one)
	}
}

func tellRestored(cmd *cobra.Command, r restored, asJSON bool) error {
	out := cmd.OutOrStdout()
	if asJSON {
		if err := writeJSON(out, r); err != nil {
			return err
		}
	}
	if marked, err := folder.Folder(r.Data).IsRestored(); err == nil && marked {
		fmt.Fprintln(cmd.ErrOrStderr(), "writ: hint: its public log may have gone on since: run writ ledger recover before writ serve")
	}
	var failed error
	if lost := len(r.Missing) + len(r.Damaged); lost > 0 {
		failed = withHint(fmt.Errorf("%d files did not come back whole", lost), "what they held is told object by object by writ fsck; another backup may have it")
	}
	if r.Checked != nil && !asJSON {
		if err := tellChecked(out, *r.Checked, false); err != nil && failed == nil {
			failed = err
		}
	} else if r.Checked != nil && r.Checked.Damage.Count > 0 && failed == nil {
		failed = fmt.Errorf("%d things are damaged", r.Checked.Damage.Count)
	}
	return failed
}
