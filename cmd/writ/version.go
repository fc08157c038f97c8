package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version of this program", Example: "  writ version", Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]string{"version": programVersion()})
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "writ", programVersion())
		return err
	}
	return cmd
}
