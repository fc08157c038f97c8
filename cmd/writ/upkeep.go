//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func reclaimCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reclaim", Short: "Bring back the space of what was deleted",
		Long: `Reclaim brings back the space of deleted objects now. A running server does so
by itself from time to time; traffic goes on meanwhile.

Without a running server it opens the data folder itself.`,
		Example: "  writ --data /srv/writ reclaim",
		Args:    noArguments,
	}
	settingFlags(cmd, "key_file")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, done, err := g.clientOrOpen(cmd)
		if err != nil {
			return err
		}
		show, end := progress()
		r, err := c.Reclaim(cmd.Context(), show)
		end()
		if e := done(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), r)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "the space of what was deleted is brought back")
		return err
	}
	return cmd
}

const defaultKeysExpire = 30 * 24 * time.Hour

func backupCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup FOLDER", Short: "Copy everything, sealed as it lies, while traffic goes on",
		Long: `Backup writes a consistent copy of the store to a folder that is missing or
empty. It is sealed as it lies: without keys/ nobody opens it.

The keys go to a folder of their own (--keys), which expires: until then they
open whatever the customers' keys opened when the copy was made, also what is
shredded later. Keep the two apart, and let the keys expire soon.

Without a running server it opens the data folder itself.`,
		Example: "  writ --data /srv/writ backup /backup/2027-03-01 --keys /safe/keys-2027-03-01 --keys-expire 720h",
		Args:    exactly("FOLDER"),
	}
	settingFlags(cmd, "key_file")
	asJSON := jsonFlag(cmd)
	keys := cmd.Flags().String("keys", "", "folder for a copy of keys/, apart from the backup; none without it")
	expire := cmd.Flags().Duration("keys-expire", defaultKeysExpire, "how long the copy of keys/ is of use")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := backupInput(args[0], *keys, *expire)
		if err != nil {
			return err
		}
		c, done, err := g.clientOrOpen(cmd)
		if err != nil {
			return err
		}
		show, end := progress()
		b, err := c.Backup(cmd.Context(), in, show)
		end()
		if e := done(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), b)
		}
		out := cmd.OutOrStdout()
		fmt.Fprintf(out, "backup of %s: %d files, %s, in %s\n", when(b.Made), b.Files, size(b.Bytes), b.Dir)
		if b.Keys != "" {
			fmt.Fprintf(out, "keys in %s, until %s; keep them apart from the backup\n", b.Keys, when(*b.KeysExpire))
		} else {
			fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: keys/ is not in the backup, and without it nothing opens; --keys FOLDER makes a copy that expires\n")
		}
		return nil
	}
	return cmd
}

func backupInput(dir, keys string, expire time.Duration) (in api.BackupInput, err error) {
	if in.Dir, err = filepath.Abs(dir); err != nil {
		return in, err
	}
	if keys == "" {
		return in, nil
	}
	if expire <= 0 {
		return in, fmt.Errorf("--keys-expire is %s: it must be longer", expire)
	}
	in.KeysExpire = time.Now().Add(expire).UTC().Truncate(time.Second)
	in.Keys, err = filepath.Abs(keys)
	return in, err
}
