//go:build unix

package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func bucketCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "bucket", Short: "Buckets, as their customers made them",
		Example: "  writ --data /srv/writ bucket list",
	}
	cmd.AddCommand(bucketList(g), bucketShow(g))
	return cmd
}

func bucketList(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the buckets, all or of one customer",
		Example: "  writ --data /srv/writ bucket list --customer harbour-clinic",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	customer := customerFlag(cmd, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := c.Buckets(cmd.Context(), *customer)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), all)
		}
		rows := make([][]string, len(all))
		for i, one := range all {
			rows[i] = []string{string(one.Name), string(one.Customer), one.Versioning, when(one.Created)}
		}
		return table(cmd.OutOrStdout(), "NAME CUSTOMER VERSIONING CREATED", rows)
	}
	return cmd
}

func bucketShow(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show one bucket",
		Example: "  writ --data /srv/writ bucket show ward-seven",
		Args:    exactly("NAME"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := g.client(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		one, err := c.Bucket(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), one)
		}
		lock := "off"
		if one.ObjectLock {
			lock = "on"
		}
		return facts(cmd.OutOrStdout(), "name", string(one.Name), "customer", string(one.Customer), "created", when(one.Created),
			"versioning", one.Versioning, "object lock", lock, "settings", strings.Join(one.Settings, ", "))
	}
	return cmd
}
