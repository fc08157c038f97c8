//go:build unix

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/server"
)

func serveCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a server",
		Long: `Serve runs a server on a data folder, which is made on the first start.

The root key is sealed by a passphrase (WRIT_PASSPHRASE, or typed) or by a key
file (--key-file, made on the first start). A key file lets the server start
without a person; whoever has both it and the folder has everything.

Each setting is a flag here, a variable WRIT_…, and a key of writ.yaml in the
data folder; flags override variables, variables the file. The server prints
one line when it is ready, with its addresses; port 0 picks a free one.`,
		Example: `  WRIT_PASSPHRASE=… writ serve --data /srv/writ
  writ serve --data /srv/writ --s3 0.0.0.0:9443 --key-file /etc/writ/root.key
  writ serve --data /srv/writ --s3 :443 --tls-domains s3.fernhill.example --key-file /etc/writ/root.key`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(g, cmd) },
	}
	config.AddFlags(cmd.Flags(), "data")
	return cmd
}

func serve(g *global, cmd *cobra.Command) error {
	if err := server.Harden(); err != nil {
		return err
	}
	cfg, err := g.load(cmd)
	if err != nil {
		return err
	}
	log := newLog(cfg.Log, cmd.ErrOrStderr())
	unseal, err := unsealer(cmd.Context(), cfg, true)
	if err != nil {
		return err
	}
	if cfg.KeyFile != "" {
		log.Warn("the root key is opened by a key file: whoever has that file and the data folder, or a copy of both, opens everything; keep them on different disks", "key_file", cfg.KeyFile)
	}
	err = server.Run(cmd.Context(), server.Options{Config: cfg, Unseal: unseal, Version: programVersion(), Log: log}, func(s api.Server) {
		fmt.Fprintln(cmd.OutOrStdout(), readyLine(s))
		log.Info("ready", "s3", s.S3, "web", s.Web, "metrics", s.Metrics, "version", s.Version)
	})
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// readyLine is what a script may wait for.
func readyLine(s api.Server) string {
	scheme := "https"
	if s.Plaintext {
		scheme = "http"
	}
	return fmt.Sprintf("writ: ready s3=%s://%s web=%s://%s metrics=http://%s data=%s", scheme, s.S3, scheme, s.Web, s.Metrics, s.Data)
}

func caCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "ca",
		Short: "Print the certificate that clients trust",
		Long: `Ca prints the certificate of the server's own authority (PEM), which the first
start made. Clients that trust it trust the server; it is no secret.`,
		Example: "  writ --data /srv/writ ca > writ-ca.pem",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := g.load(cmd)
			if err != nil {
				return err
			}
			return printCA(cmd.OutOrStdout(), cfg)
		},
	}
}

func printCA(w io.Writer, cfg *config.Config) error {
	dir := folder.Folder(cfg.Data)
	if err := dir.Check(); err != nil {
		return err
	}
	body, err := os.ReadFile(dir.CA())
	if os.IsNotExist(err) {
		return withHint(fmt.Errorf("%s has no authority of its own", dir), "the first writ serve makes it, unless certificates are the operator's own or come by ACME")
	}
	if err != nil {
		return fmt.Errorf("couldn't read the certificate: %w", err)
	}
	_, err = w.Write(body)
	return err
}
