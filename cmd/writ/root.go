package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "writ",
		Short: "A store whose keys open only through the gate",
		Long: `Writ keeps other people's data so that it opens only for its owner, or for due
process of law, and leaves evidence of every opening. It speaks S3.`,
		Example:       rootExample,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(cmd.CommandPath(), "%w", err)
	})
	root.AddCommand(verifyCommand(), versionCommand())
	addServer(root)
	strict(root)
	return root
}

// strict makes mistyped subcommands errors with a hint, as everything else.
func strict(cmd *cobra.Command) {
	if cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(cmd.CommandPath(), "%s has no command %q", cmd.CommandPath(), args[0])
			}
			return nil
		}
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, sub := range cmd.Commands() {
			strict(sub)
		}
		return
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError(cmd.CommandPath(), "%w", err)
			}
			return nil
		}
	}
}

// exactly asks for arguments by their names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		if at := slices.Index(args, ""); at >= 0 {
			return fmt.Errorf("%s is empty", names[at])
		}
		return nil
	}
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("takes no arguments, got %s", strings.Join(args, " "))
	}
	return nil
}
