package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"writ/internal/config"
)

// global is what every command can be told.
type global struct{ configFile string }

func newRoot() *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:   "writ",
		Short: "A store whose keys open only through the gate",
		Long: `Writ keeps other people's data so that it opens only for its owner, or for due
process of law, and leaves evidence of every opening. It speaks S3.`,
		Example: `  writ demo                                    see all of it, on this machine
  writ serve --data /srv/writ --key-file /etc/writ/root.key
  writ --data /srv/writ customer add harbour-clinic
  writ --data /srv/writ credential add --customer harbour-clinic`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(cmd.CommandPath(), "%w", err)
	})
	flags := root.PersistentFlags()
	flags.StringVar(&g.configFile, "config", "", "settings file (default DIR/writ.yaml; or WRIT_CONFIG)")
	config.AddFlags(flags, except("data")...)
	root.AddCommand(
		serveCommand(g), demoCommand(),
		customerCommand(g), credentialCommand(g), bucketCommand(g), journalCommand(g),
		fsckCommand(g), reclaimCommand(g), backupCommand(g), restoreCommand(g),
		caCommand(g), passphraseCommand(g), verifyCommand(), witnessCommand(), versionCommand(),
	)
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

// except is every setting but those named.
func except(keep ...string) (others []string) {
next:
	for _, s := range config.Settings() {
		for _, key := range keep {
			if s.Key == key {
				continue next
			}
		}
		others = append(others, s.Key)
	}
	return others
}

// settingFlags gives a command the flags of settings.
func settingFlags(cmd *cobra.Command, keys ...string) {
	config.AddFlags(cmd.Flags(), except(keys...)...)
}

// load reads the settings for a command.
func (g *global) load(cmd *cobra.Command) (*config.Config, error) {
	file := g.configFile
	if file == "" {
		file = os.Getenv("WRIT_CONFIG")
	}
	cfg, err := config.Load(config.Sources{File: file, Environ: os.Environ(), Flags: cmd.Flags()})
	if err != nil {
		return nil, err
	}
	cfg.Data, err = filepath.Abs(cfg.Data) // what is printed is of use in any folder
	return cfg, err
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
