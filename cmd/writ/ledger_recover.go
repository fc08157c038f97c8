//go:build unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/config"
	"writ/internal/gate"
	"writ/internal/server"
)

func ledgerRecover(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "recover", Short: "Let the public log of a restored data folder go on where it was",
		Long: `A data folder from a backup has a public log that is older than what witnesses
and customers have seen. To go on from there would show a second history. Recover
brings the log up to its newest published checkpoint, from a mirror (--mirror URL
or folder: any copy of what /log/ served, or ledger/ of a data folder), and checks that no witness of the
policy has seen more. Without --mirror the log in the folder is the newest, which
the witnesses must bear out. What was in batches that the records don't know is
lost, and the log says so where it is asked for.

No server may be running. If the log cannot be brought back: writ ledger break.`,
		Example: `  writ --data /srv/writ ledger recover --key-file /etc/writ/root.key
  writ --data /srv/writ ledger recover --mirror https://mirror.fernhill.example/quayside/`,
		Args: noArguments,
	}
	settingFlags(cmd, "key_file", "ledger.origin", "ledger.witnesses", "ledger.outside")
	asJSON := jsonFlag(cmd)
	mirror := cmd.Flags().String("mirror", "", "URL or folder of a copy of the public log (default: the log in the data folder)")
	without := cmd.Flags().StringSlice("without", nil, "name of a witness that is gone for good, and cannot be asked")
	ca := cmd.Flags().String("ca", "", "certificate of the authority that the mirror's is of (PEM)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, unseal, log, err := g.offline(cmd)
		if err != nil {
			return err
		}
		o := server.RecoverOptions{Mirror: *mirror, Without: *without}
		if *ca != "" {
			if o.HTTP, err = trusting(*ca); err != nil {
				return err
			}
		}
		r, err := server.RecoverLedger(cmd.Context(), cfg, unseal, o, log)
		if err != nil {
			return withHint(err, "where no copy of the log is left, writ ledger break ends it in public")
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]any{"size": r.Size, "root": fmt.Sprintf("%x", r.Root), "aside": r.Aside})
		}
		return facts(cmd.OutOrStdout(), "the log has", fmt.Sprintf("%d statements", r.Size), "root", fmt.Sprintf("%x", r.Root), "put aside", r.Aside)
	}
	return cmd
}

func ledgerBreak(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "break", Short: "End a public log that cannot go on, and begin another that names it",
		Long: `Break is for a log that is lost, or that has two histories. The new log has a key
and a name of its own (the old name and a number), its first statement names the
old log's head, and a note that both keys sign says why; it is served with the
log. Everybody who pinned the old key has to pin the new one. Nobody is deceived,
and that is what it is for.

No server may be running. Interrupted, it goes on when it is run again.`,
		Example: `  writ --data /srv/writ ledger break --reason 'The disk of 3 March was lost, and no mirror had its last day.'`,
		Args:    noArguments,
	}
	settingFlags(cmd, "key_file", "ledger.origin", "ledger.witnesses", "ledger.outside")
	asJSON := jsonFlag(cmd)
	reason := cmd.Flags().String("reason", "", "why, in one line; it is public for ever")
	oldKey := cmd.Flags().String("old-key", "", "file with the old log's verifier key, if its signing key is lost")
	checkpoint := cmd.Flags().String("checkpoint", "", "file with the old log's last checkpoint, if the folder's is lost")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *reason == "" {
			return usageError(cmd.CommandPath(), "--reason TEXT is missing: who pinned the log has a right to know")
		}
		cfg, unseal, log, err := g.offline(cmd)
		if err != nil {
			return err
		}
		o := server.BreakOptions{Reason: *reason}
		if *oldKey != "" {
			key, err := readBounded(*oldKey, 64<<10)
			if err != nil {
				return err
			}
			o.OldKey = strings.TrimSpace(string(key))
		}
		if *checkpoint != "" {
			if o.Checkpoint, err = readBounded(*checkpoint, 64<<10); err != nil {
				return err
			}
		}
		b, err := server.BreakLedger(cmd.Context(), cfg, unseal, o, log)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]string{"old": b.Old, "new": b.New, "explanation": string(b.Explanation)})
		}
		if err := facts(cmd.OutOrStdout(), "the log ended", b.Old, "goes on as", b.New); err != nil {
			return err
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "writ: hint: give the new key to everybody who pinned the old one, witnesses first; the server shows the explanation at /log/break")
		return nil
	}
	return cmd
}

// offline reads the settings and the root secret for a command that works on
// the folder itself.
func (g *global) offline(cmd *cobra.Command) (*config.Config, gate.Unsealer, *slog.Logger, error) {
	if err := server.Harden(); err != nil {
		return nil, nil, nil, err
	}
	cfg, err := g.load(cmd)
	if err != nil {
		return nil, nil, nil, err
	}
	unseal, err := unsealer(cmd.Context(), cfg, false)
	if err != nil {
		return nil, nil, nil, err
	}
	return cfg, unseal, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), nil
}

// trusting makes a client that trusts one authority.
func trusting(ca string) (*http.Client, error) {
	pem, err := readBounded(ca, 1<<20)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}, nil
}
