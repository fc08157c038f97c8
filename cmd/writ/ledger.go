//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/printable"
)

func ledgerCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ledger", Short: "The public log in which the server commits to what it does",
		Long: `The ledger is a transparency log that this server appends one batch to at each
interval, whatever happens, and that its witnesses cosign. docs/ledger.md says
what is in it; writ verify checks it, from any other machine.`,
		Example: "  writ --data /srv/writ ledger show",
	}
	cmd.AddCommand(ledgerShow(g), ledgerKey(g), ledgerPolicy(g), ledgerReceipts(g), ledgerRecover(g), ledgerBreak(g))
	return cmd
}

func ledgerShow(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Show how the public log stands, and who cosigns it",
		Example: "  writ --data /srv/writ ledger show --json",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := g.ledger(cmd)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), l)
		}
		batch, waiting := "none yet", ""
		if l.BatchAt != nil {
			batch = fmt.Sprintf("%d, of %s", l.Batch, when(*l.BatchAt))
		}
		if l.Waiting != "" {
			waiting = "since " + when(*l.Since) + ": " + l.Waiting
		}
		lines := []string{
			"log", l.Origin, "key", l.Key, "published", strconv.FormatUint(l.Size, 10) + " statements",
			"newest batch", batch, "a batch", fmt.Sprintf("each %s, of %d slots", l.Interval, l.Slots), "waits", waiting, "stopped", l.Stopped,
		}
		for _, w := range l.Witnesses {
			lines = append(lines, "witness", witnessLine(w, l.Outside))
		}
		if len(l.Witnesses) == 0 {
			lines = append(lines, "witness", "none: the log could show two people two histories")
		}
		return facts(cmd.OutOrStdout(), lines...)
	}
	return cmd
}

// witnessLine says what a witness did, and whose it is.
func witnessLine(w api.Witness, outside []string) string {
	whose := "the operator's own"
	for _, o := range outside {
		if o == w.Name {
			whose = "outside"
		}
	}
	if w.Error != "" {
		return fmt.Sprintf("%s (%s): %s", w.Name, whose, printable.Line(w.Error))
	}
	if w.Cosigned == nil {
		return fmt.Sprintf("%s (%s): not asked yet", w.Name, whose)
	}
	return fmt.Sprintf("%s (%s): cosigned %s", w.Name, whose, when(*w.Cosigned))
}

func (g *global) ledger(cmd *cobra.Command) (api.Ledger, error) {
	c, err := g.client(cmd)
	if err != nil {
		return api.Ledger{}, err
	}
	defer c.Close()
	return c.Ledger(cmd.Context())
}

func ledgerKey(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "key", Short: "Print the log's verifier key, to be given to who checks",
		Long: `Key prints the one line that customers, witnesses and auditors pin. Give it to
them by a way that they trust: in a contract, on paper, on a site of yours that
this server does not serve.`,
		Example: "  writ --data /srv/writ ledger key > quayside.vkey",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := g.ledger(cmd)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]string{"origin": l.Origin, "key": l.Key})
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), l.Key)
		return err
	}
	return cmd
}

func ledgerPolicy(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "Print the witness policy, to be given to who checks",
		Example: "  writ --data /srv/writ ledger policy > quayside.policy",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := g.ledger(cmd)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]any{"policy": l.Policy, "outside": l.Outside})
		}
		_, err = fmt.Fprint(cmd.OutOrStdout(), l.Policy)
		return err
	}
	return cmd
}

func ledgerReceipts(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "receipts DIR", Short: "Write a customer's receipts, for the customer to keep",
		Long: `Receipts writes one file for each change of a customer's keys, and one that
shows where its journal stood in the newest batch. Each verifies by itself, with
writ verify receipt and without this server. What is not published yet is left
out.`,
		Example: "  writ --data /srv/writ ledger receipts --customer harbour-clinic receipts",
		Args:    exactly("DIR"),
	}
	asJSON := jsonFlag(cmd)
	customer := customerFlag(cmd, true)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := c.Receipts(cmd.Context(), *customer)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(args[0], 0o700); err != nil {
			return fmt.Errorf("couldn't make a folder: %w", err)
		}
		files := make([]string, len(all))
		for i, r := range all {
			files[i] = filepath.Join(args[0], receiptName(r.ID))
			if err := os.WriteFile(files[i], append(r.Receipt, '\n'), 0o600); err != nil {
				return fmt.Errorf("couldn't write a receipt: %w", err)
			}
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), files)
		}
		for _, f := range files {
			fmt.Fprintln(cmd.OutOrStdout(), f)
		}
		return nil
	}
	return cmd
}

// receiptName makes a file's name of a statement's: "key/c-…/1" is
// key-1.receipt.json.
func receiptName(id string) string {
	parts := strings.Split(id, "/")
	return parts[0] + "-" + parts[len(parts)-1] + ".receipt.json"
}
