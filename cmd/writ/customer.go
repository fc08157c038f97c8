//go:build unix

package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/seal"
)

func customerCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "customer", Short: "Customers: whose data it is",
		Example: "  writ --data /srv/writ customer list",
	}
	cmd.AddCommand(customerAdd(g), customerList(g), customerShow(g), customerQuota(g), customerRotate(g), customerShred(g), customerContacts(g), customerInbox(g))
	return cmd
}

func customerAdd(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a customer, with keys of its own",
		Long: `Add makes a customer and its keys. Unless the customer gives a public key of its
own (--journal-key, from writ journal keygen), its journal lies under a key of
the server's, and the operator can read it, which the journal then shows.`,
		Example: `  writ --data /srv/writ customer add harbour-clinic
  writ --data /srv/writ customer add harbour-clinic --journal-key harbour-clinic.journal-key.pub`,
		Args: exactly("NAME"),
	}
	asJSON := jsonFlag(cmd)
	sync := cmd.Flags().Bool("journal-sync", false, "have each use of its keys on the disk before the key is released")
	keyFile := cmd.Flags().String("journal-key", "", "file of the public key that the customer's journal is sealed to, for ever")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		journalKey := ""
		if *keyFile != "" {
			var err error
			if journalKey, err = readJournalKey(*keyFile); err != nil {
				return err
			}
		}
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		made, err := c.AddCustomerWith(cmd.Context(), args[0], journalKey)
		if err == nil && *sync {
			made, err = c.SetJournalSync(cmd.Context(), string(made.ID), true)
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), made)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "customer %s added: %s\n", made.Name, made.ID)
		fmt.Fprintf(cmd.OutOrStdout(), "its journal lies %s\n", journalUnder(made))
		fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: writ credential add --customer %s gives it an access key\n", made.Name)
		return nil
	}
	return cmd
}

func customerList(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the customers, in order of name",
		Example: "  writ --data /srv/writ customer list --json",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := c.Customers(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), all)
		}
		rows := make([][]string, len(all))
		for i, one := range all {
			rows[i] = []string{one.Name, string(one.ID), strconv.FormatInt(one.Objects, 10), size(one.Bytes), state(one)}
		}
		return table(cmd.OutOrStdout(), "NAME ID OBJECTS SIZE STATE", rows)
	}
	return cmd
}

// journalUnder says who can read a customer's journal.
func journalUnder(c api.Customer) string {
	if c.JournalKey != "" {
		return "sealed to its own key, SHA-256 " + c.JournalKey
	}
	return "under a key of this server's"
}

func state(c api.Customer) string {
	if c.Shredded != nil {
		return "shredded"
	}
	return "active"
}

func customerShow(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show one customer: what it keeps, its keys, its journal",
		Example: "  writ --data /srv/writ customer show harbour-clinic",
		Args:    exactly("NAME"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		one, err := c.Customer(cmd.Context(), args[0])
		return printCustomer(cmd, one, err, *asJSON)
	}
	return cmd
}

func printCustomer(cmd *cobra.Command, c api.Customer, err error, asJSON bool) error {
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), c)
	}
	key, shredded := fmt.Sprintf("version %d, made %s", c.KeyVersion, when(c.KeyMade)), ""
	if c.Shredded != nil {
		key, shredded = "none", when(*c.Shredded)
	}
	synced, head := "within a second of the key's release", ""
	if c.JournalSync {
		synced = "before the key is released"
	}
	if c.Journal != nil {
		head = fmt.Sprintf("%d entries, head %s", c.Journal.Seq, c.Journal.Hash)
	}
	return facts(cmd.OutOrStdout(),
		"name", c.Name, "id", string(c.ID), "created", when(c.Created), "shredded", shredded,
		"keeps", fmt.Sprintf("%s in %d objects", size(c.Bytes), c.Objects),
		"quota", fmt.Sprintf("bytes %s, objects %s, requests %s",
			bound(c.Quota.Bytes, size(c.Quota.Bytes)), bound(c.Quota.Objects, strconv.FormatInt(c.Quota.Objects, 10)),
			bound(c.Quota.Requests, fmt.Sprintf("%d/s", c.Quota.Requests))),
		"key", key, "journal", head, "it lies", journalUnder(c), "on disk", synced)
}

func customerQuota(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "quota NAME", Short: "Bound what a customer may keep and ask",
		Long: `Quota sets the bounds that are given and leaves the others; 0 takes a bound
away. What the customer keeps already beyond a bound stays.`,
		Example: "  writ --data /srv/writ customer quota harbour-clinic --bytes 2TiB --objects 0 --requests 500",
		Args:    exactly("NAME"),
	}
	asJSON := jsonFlag(cmd)
	flags := cmd.Flags()
	bytes := flags.String("bytes", "", "bytes over all versions (10GiB)")
	objects := flags.Int64("objects", 0, "versions and delete markers")
	requests := flags.Int64("requests", 0, "requests per second")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !flags.Changed("bytes") && !flags.Changed("objects") && !flags.Changed("requests") {
			return usageError(cmd.CommandPath(), "no bound is given")
		}
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		now, err := c.Customer(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		q := now.Quota
		if flags.Changed("bytes") {
			if q.Bytes, err = parseSize(*bytes); err != nil {
				return err
			}
		}
		if flags.Changed("objects") {
			q.Objects = *objects
		}
		if flags.Changed("requests") {
			q.Requests = *requests
		}
		if q.Objects < 0 || q.Requests < 0 {
			return errors.New("a bound is not negative")
		}
		now, err = c.SetQuota(cmd.Context(), args[0], q)
		return printCustomer(cmd, now, err, *asJSON)
	}
	return cmd
}

func customerRotate(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate NAME", Short: "Make a new key and re-wrap the customer's data keys under it",
		Long: `Rotate makes a new version of the customer's key-encryption key and re-wraps
every data key under it, while traffic goes on. Objects are not sealed again.
An interrupted rotation goes on where it stood, also after a restart.

With --retire the old versions are destroyed afterwards. Backups of the store
made before then open only with a copy of keys/ that is as old as they are.`,
		Example: "  writ --data /srv/writ customer rotate harbour-clinic",
		Args:    exactly("NAME"),
	}
	asJSON := jsonFlag(cmd)
	retire := cmd.Flags().Bool("retire", false, "destroy the old versions of the key afterwards")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		show, end := progress()
		done, err := c.Rotate(cmd.Context(), args[0], *retire, show)
		end()
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), done)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "key version %d; %d data keys re-wrapped\n", done.KeyVersion, done.Rewrapped)
		return err
	}
	return cmd
}

// readJournalKey reads a public key's file and returns its text.
func readJournalKey(name string) (string, error) {
	b, err := readBounded(name, 8<<10)
	if err != nil {
		return "", err
	}
	r, err := seal.ParseRecipient(string(b))
	if err != nil {
		if _, e := seal.ParseIdentity(string(b)); e == nil {
			return "", withHint(fmt.Errorf("%s is a private key, which the customer keeps for itself", name), "give the public one, FILE.pub")
		}
		return "", withHint(fmt.Errorf("%s: %w", name, err), "writ journal keygen FILE makes FILE and FILE.pub")
	}
	return r.String(), nil
}
