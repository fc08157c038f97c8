//go:build unix

package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"writ/internal/demo"
)

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "demo", Short: "See all of it, on this machine",
		Long: `Demo runs a real server in a scratch folder, puts and gets real files through a
third-party S3 client over TLS, and shows the bytes on disk, the journal, what
becomes of tampering and of a shredded customer. Then authorities come: a court's
order that is answered under secrecy and proven to the customer when that lifts, a
subpoena that is referred to the customer, an order for data of another system.
Each step says what to look at. Then everything is removed.

With --stay the server stays up for your own client, and for counsel's commands,
until ctrl-C.`,
		Example: "  writ demo\n  writ demo --stay",
		Args:    noArguments,
	}
	stay := cmd.Flags().Bool("stay", false, "keep the server up afterwards, for your own client")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		err := demo.Run(cmd.Context(), demo.Options{Out: cmd.OutOrStdout(), Version: programVersion(), Program: os.Args[0], Stay: *stay})
		if errors.Is(err, context.Canceled) {
			return nil // ctrl-C: nothing failed, and nothing is left
		}
		return err
	}
	return cmd
}
