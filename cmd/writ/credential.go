//go:build unix

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func credentialCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "credential", Short: "Credentials: the S3 access keys of customers",
		Example: "  writ --data /srv/writ credential list --customer harbour-clinic",
	}
	cmd.AddCommand(credentialAdd(g), credentialList(g), credentialRemove(g))
	return cmd
}

// customerFlag gives a command --customer.
func customerFlag(cmd *cobra.Command, required bool) *string {
	name := cmd.Flags().String("customer", "", "name or id of the customer")
	if required {
		check := cmd.Args
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if *name == "" {
				return fmt.Errorf("--customer NAME is missing")
			}
			return check(cmd, args)
		}
	}
	return name
}

func credentialAdd(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add", Short: "Make an access key; its secret is told once",
		Long: `Add makes an access key for a customer and prints it with all that a client
needs. The secret is kept sealed and is never told again.`,
		Example: "  writ --data /srv/writ credential add --customer harbour-clinic --json",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	customer := customerFlag(cmd, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		made, err := c.AddCredential(cmd.Context(), *customer)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), made)
		}
		return facts(cmd.OutOrStdout(), "access key", string(made.AccessKey), "secret key", made.SecretKey,
			"endpoint", made.Endpoint, "region", made.Region, "ca file", made.CAFile)
	}
	return cmd
}

func credentialList(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List a customer's access keys, without secrets",
		Example: "  writ --data /srv/writ credential list --customer harbour-clinic",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	customer := customerFlag(cmd, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := c.Credentials(cmd.Context(), *customer)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), all)
		}
		rows := make([][]string, len(all))
		for i, one := range all {
			rows[i] = []string{string(one.AccessKey), when(one.Created)}
		}
		return table(cmd.OutOrStdout(), "ACCESS-KEY CREATED", rows)
	}
	return cmd
}

func credentialRemove(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "remove ACCESS-KEY", Short: "Remove an access key",
		Long:    "Remove ends an access key: no request that it signed is answered from then on.",
		Example: "  writ --data /srv/writ credential remove WRITAB12CD34EF56GH78",
		Args:    exactly("ACCESS-KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.RemoveCredential(cmd.Context(), args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "credential %s removed\n", args[0])
			return err
		},
	}
}
