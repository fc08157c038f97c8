//go:build unix

package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"writ/internal/config"
)

const rootExample = `  writ demo                                    see all of it, on this machine
  writ serve --data /srv/writ --key-file /etc/writ/root.key
  writ --data /srv/writ customer add harbour-clinic
  writ --data /srv/writ credential add --customer harbour-clinic`

// global is what every command of a server can be told.
type global struct{ configFile string }

// addServer adds what runs and administers a server.
func addServer(root *cobra.Command) {
	g := &global{}
	flags := root.PersistentFlags()
	flags.StringVar(&g.configFile, "config", "", "settings file (default DIR/writ.yaml; or WRIT_CONFIG)")
	config.AddFlags(flags, except("data")...)
	root.AddCommand(
		serveCommand(g), demoCommand(),
		customerCommand(g), credentialCommand(g), bucketCommand(g), journalCommand(g), ledgerCommand(g),
		fsckCommand(g), reclaimCommand(g), backupCommand(g), restoreCommand(g),
		caCommand(g), passphraseCommand(g), witnessCommand(),
		demandCommand(g), caseCommand(g), custodianCommand(g), reportCommand(g), drillCommand(g), packageCommand(),
		staffCommand(g), tokenCommand(g), passkeyCommand(g), sessionCommand(g), whoamiCommand(g), onCallCommand(g), auditCommand(g), operatorCommand(g), authorityCommand(g), noticeCommand(g), lawCommand(g),
		myCommand(),
	)
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
