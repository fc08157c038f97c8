//go:build unix

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func passphraseCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "passphrase", Short: "Change what seals the root key",
		Long: `Passphrase seals the root key by a new passphrase (WRIT_NEW_PASSPHRASE, or
typed twice), or by a key file with --new-key-file, which is made if it is
missing. Nothing else is sealed again, and the server goes on.

Copies of keys/ made before still open by what sealed them then. If the old
passphrase was seen by others, make a new backup of keys/ and destroy the old.

Without a running server it opens the data folder itself, by the old secret.`,
		Example: `  writ --data /srv/writ passphrase
  writ --data /srv/writ passphrase --new-key-file /etc/writ/root.key`,
		Args: noArguments,
	}
	settingFlags(cmd, "key_file")
	file := cmd.Flags().String("new-key-file", "", "seal by this key file instead of a passphrase")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, done, err := g.clientOrOpen(cmd)
		if err != nil {
			return err
		}
		var secret api.RootSecret
		if *file != "" {
			secret.KeyFile, err = absolute(*file)
		} else {
			secret.Passphrase, err = newPassphrase(cmd.Context())
		}
		if err == nil {
			err = c.Reseal(cmd.Context(), secret)
		}
		if e := done(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "the root key is sealed anew; the next start needs the new secret")
		return err
	}
	return cmd
}
