//go:build unix

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"writ/internal/config"
	"writ/internal/witness"
)

func witnessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "witness", Short: "Witness a log: Writ's or any other that speaks C2SP's tlog-witness",
		Long: `A witness remembers the newest checkpoint of each log that it serves, and
cosigns another only if the log proves that it merely appended. Run one for
somebody else: a log's own witnesses prove nothing.

docs/witness.md says what it promises, and how to move it to another machine.`,
		Example: `  writ witness init --dir /srv/witness --name witness.fernhill.example
  writ witness serve --dir /srv/witness --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem`,
	}
	cmd.AddCommand(witnessInit(), witnessServe(), witnessKey())
	return cmd
}

// witnessFlags gives a command --dir and --key.
func witnessFlags(cmd *cobra.Command) func() witness.Layout {
	dir := cmd.Flags().String("dir", "", "the witness's folder: state, evidence, and key and logs unless they are elsewhere")
	key := cmd.Flags().String("key", "", "file of the witness's key, mode 0600 (default DIR/key); the state is worth nothing without it")
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if *dir == "" {
			return fmt.Errorf("--dir DIR is missing")
		}
		return check(cmd, args)
	}
	return func() witness.Layout {
		layout := witness.In(*dir)
		if *key != "" {
			layout.Key = *key
		}
		return layout
	}
}

func witnessInit() *cobra.Command {
	cmd := &cobra.Command{
		Use: "init", Short: "Make a witness: its key, and an empty state",
		Long: `Init makes a key and a state that remembers nothing, and prints the verifier key
that logs and verifiers pin. It touches neither if one of them is there.

A witness whose state was lost has forgotten what it signed: somebody could have
it sign another history. It needs a new key, and so a new folder. Only where the
key has signed nothing yet, as after an interrupted init, --new-state gives it
an empty state.`,
		Example: "  writ witness init --dir /srv/witness --name witness.fernhill.example",
		Args:    noArguments,
	}
	layout := witnessFlags(cmd)
	name := cmd.Flags().String("name", "", "the witness's public name: a host name, or a URL without its scheme")
	newState := cmd.Flags().Bool("new-state", false, "make an empty state for the key that is there; only if it has signed nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		switch {
		case *newState && *name != "":
			return usageError(cmd.CommandPath(), "--name and --new-state exclude each other: the key has its name")
		case *newState:
			err = witness.NewState(layout())
		case *name == "":
			return usageError(cmd.CommandPath(), "--name NAME is missing")
		default:
			err = witness.Init(layout(), *name)
		}
		if err != nil {
			return witnessHint(err)
		}
		_, vkey, err := witness.VerifierKey(layout())
		if err != nil {
			return witnessHint(err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), vkey)
		fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: write the verifier keys of the logs to serve into %s, one a line, then writ witness serve\n", layout().Logs())
		return nil
	}
	return cmd
}

func witnessServe() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Run a witness",
		Long: `Serve answers POST /add-checkpoint, and GET /healthz. It prints one line when it
is ready, with its address; port 0 picks a free one.

Without a certificate it listens on loopback only, for a proxy on this machine.
The file of logs has one verifier key a line and, where the log's origin is not
the key's name, a space and the origin. It is read at the start.`,
		Example: `  writ witness serve --dir /srv/witness
  writ witness serve --dir /srv/witness --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem`,
		Args: noArguments,
	}
	layout := witnessFlags(cmd)
	flags := cmd.Flags()
	logs := flags.String("logs", "", "file of the logs' verifier keys (default DIR/logs)")
	listen := flags.String("listen", "127.0.0.1:9446", "where to listen")
	cert := flags.String("tls-cert", "", "certificate chain (PEM); read again when it changes")
	certKey := flags.String("tls-key", "", "private key (PEM) of that certificate")
	most := flags.Float64("rate", witness.DefaultRate, "how many checkpoints of one log are cosigned a second; logs make one or fewer")
	level := flags.String("log-level", "info", "debug, info, warn or error")
	format := flags.String("log-format", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if (*cert == "") != (*certKey == "") {
			return usageError(cmd.CommandPath(), "--tls-cert and --tls-key belong together")
		}
		if !(*most > 0) {
			return usageError(cmd.CommandPath(), "--rate must be more than 0")
		}
		if err := new(slog.Level).UnmarshalText([]byte(*level)); err != nil || *format != "text" && *format != "json" {
			return usageError(cmd.CommandPath(), "--log-level or --log-format is none of those that there are")
		}
		log := newLog(config.Log{Level: *level, Format: *format}, cmd.ErrOrStderr())
		file := *logs
		if file == "" {
			file = layout().Logs()
		}
		served, err := witness.ReadLogs(file)
		if err != nil {
			return witnessHint(err)
		}
		w, err := witness.Open(witness.Options{Layout: layout(), Logs: served, Rate: *most, Log: log})
		if err != nil {
			return witnessHint(err)
		}
		defer w.Close()
		l, err := witness.Listen(*listen, *cert, *certKey, log)
		if err != nil {
			return witnessHint(err)
		}
		scheme := "https"
		if *cert == "" {
			scheme = "http"
		}
		if len(served) == 0 {
			log.Warn("no logs are served: the file of logs is empty", "logs", file)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "writ: ready witness=%s://%s logs=%d key=%s\n", scheme, l.Addr(), len(served), w.VerifierKey())
		if err := w.Serve(cmd.Context(), l); err != nil {
			return err
		}
		log.Info("stopped")
		return nil
	}
	return cmd
}

func witnessKey() *cobra.Command {
	cmd := &cobra.Command{
		Use: "key", Short: "Print the witness's verifier key, and its line for a policy",
		Long: `Key prints what others need: the verifier key that they pin, and the line of a
witness policy that names this witness. Neither is a secret.`,
		Example: "  writ witness key --dir /srv/witness --url https://witness.fernhill.example",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	layout := witnessFlags(cmd)
	url := cmd.Flags().String("url", "", "where logs reach the witness (default https:// and its name)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		name, vkey, err := witness.VerifierKey(layout())
		if err != nil {
			return witnessHint(err)
		}
		if *url == "" {
			*url = "https://" + name
		}
		policy := fmt.Sprintf("witness %s %s %s", name, vkey, *url)
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]string{"name": name, "key": vkey, "url": *url, "policy": policy})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", vkey, policy)
		return err
	}
	return cmd
}

// witnessHints say what to do about the errors of a witness.
var witnessHints = []struct {
	err  error
	hint string
}{
	{witness.ErrNoKey, "writ witness init makes one; if there was one, put its file back"},
	{witness.ErrKey, "chmod 600 the key file if others could read it, and consider who did; a damaged one comes back from its copy only"},
	{witness.ErrNoState, "put the state back that was here last; if it is lost, the key must not sign any more: make a new witness in a new folder (writ witness init)"},
	{witness.ErrState, "an older copy would let it sign two histories: make a new witness with a new key in a new folder (writ witness init), and tell the logs"},
	{witness.ErrInUse, "stop the other process; two witnesses never share a folder or a key"},
	{witness.ErrExists, "writ witness serve runs it"},
	{witness.ErrLogs, "one verifier key a line (NAME+HASH+KEY), then a space and the origin if it is not the name"},
	{witness.ErrPlaintext, "give a certificate (--tls-cert, --tls-key), or listen on 127.0.0.1 behind a proxy"},
}

func witnessHint(err error) error {
	for _, h := range witnessHints {
		if errors.Is(err, h.err) {
			return withHint(err, h.hint)
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		return withHint(err, "name it, or make it: one verifier key of a log a line")
	}
	return err
}
