//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func customerShred(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "shred NAME", Short: "Destroy a customer's keys, for ever",
		Long: `Shred destroys the customer's keys. Nothing of it ever opens again: no object,
no version, no journal. Nobody can undo it, the operator neither.

Copies of keys/ that were made before open it until they expire and are
destroyed; writ backup says when each does.

It asks for the customer's name as a confirmation; scripts give --confirm NAME.`,
		Example: `  writ --data /srv/writ customer shred tidewater-press
  writ --data /srv/writ customer shred tidewater-press --confirm tidewater-press`,
		Args: exactly("NAME"),
	}
	asJSON := jsonFlag(cmd)
	confirm := cmd.Flags().String("confirm", "", "the customer's name, instead of typing it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		one, err := c.Customer(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		answer := *confirm
		if !cmd.Flags().Changed("confirm") {
			if !terminal() {
				return withHint(errors.New("shredding needs a confirmation"), fmt.Sprintf("--confirm %s, the customer's name", one.Name))
			}
			fmt.Fprintf(os.Stderr, "This destroys the keys of %s: %d objects, %s. Nothing of it ever opens again.\nType the customer's name to go on: ", one.Name, one.Objects, size(one.Bytes))
			line, err := answered(cmd.Context(), func() (string, error) { return bufio.NewReader(os.Stdin).ReadString('\n') })
			if err != nil {
				return fmt.Errorf("couldn't read the confirmation: %w", err)
			}
			answer = strings.TrimSpace(line)
		}
		gone, err := c.Shred(cmd.Context(), string(one.ID), answer)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), gone)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "the keys of %s are destroyed\n", gone.Name)
		return err
	}
	return cmd
}
