package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"writ/internal/custodian"
	"writ/internal/policy"
)

func custodianSetSign() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sign FILE", Short: "Sign a set of custodians with your own key",
		Long: `Sign shows the set that is in FILE, asks, and adds your signature. The first set is
signed by every key in it; each later one by the quorum of the set before. Of a passkey
compare the fingerprint with its person by voice: that it enrolled itself was checked,
whose it is was not.`,
		Example: "  writ custodian set sign next.json --key jun.key",
		Args:    exactly("FILE"),
	}
	key := cmd.Flags().String("key", "", "file of your own key")
	yes := cmd.Flags().Bool("yes", false, "sign without asking, after you have read it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return signSet(cmd, args[0], *key, *yes, false)
	}
	return cmd
}

func custodianEnrol() *cobra.Command {
	cmd := &cobra.Command{
		Use: "enrol", Short: "Enrol yourself: sign a set of custodians in which your key stands",
		Long: `Enrol shows the set that is in a file, checks that your own key is in it, under your
name, and adds your signature. The first set is in force when everybody in it has
enrolled (writ custodian set apply).`,
		Example: "  writ custodian enrol --set first.json --key ada.key",
		Args:    noArguments,
	}
	file := cmd.Flags().String("set", "", "file of the set")
	key := cmd.Flags().String("key", "", "file of your own key")
	yes := cmd.Flags().Bool("yes", false, "sign without asking, after you have read it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *file == "" {
			return usageError(cmd.CommandPath(), "--set is missing")
		}
		return signSet(cmd, *file, *key, *yes, true)
	}
	return cmd
}

func signSet(cmd *cobra.Command, file, key string, yes, within bool) error {
	if key == "" {
		return withHint(errNoKey, "writ custodian keygen FILE makes one")
	}
	public, err := custodian.ReadPublic(key)
	if err != nil {
		return err
	}
	return signEnvelope(cmd, file, key, yes, func(e policy.Envelope) (string, error) {
		set, err := setIn(file, e)
		if err != nil {
			return "", err
		}
		if within && !stands(set, public) {
			return "", withHint(fmt.Errorf("the key of %s is not in this set under that name", public.Person), "writ custodian set new --member FILE.pub puts it in")
		}
		return fmt.Sprint(set.Number), printSet(cmd.OutOrStdout(), set, &e)
	})
}

func stands(set policy.Set, p custodian.Public) bool {
	for _, m := range set.Members {
		if m.Person == p.Person && bytes.Equal(m.Key, p.Key) {
			return true
		}
	}
	return false
}

func setIn(file string, e policy.Envelope) (policy.Set, error) {
	if e.Type != policy.TypeSet {
		return policy.Set{}, fmt.Errorf("%s holds no set of custodians but %s", file, shown(e.Type))
	}
	set, err := policy.ParseSet(e.Payload)
	if err != nil {
		return set, fmt.Errorf("%s: %w", file, err)
	}
	return set, nil
}

func custodianSetShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show FILE", Short: "Show the set that is in a file, and who signed it",
		Example: "  writ custodian set show first.json",
		Args:    exactly("FILE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := readBounded(args[0], policy.MaxEnvelope)
		if err != nil {
			return err
		}
		e, err := policy.ParseEnvelope(b)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		set, err := setIn(args[0], e)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), set)
		}
		return printSet(cmd.OutOrStdout(), set, &e)
	}
	return cmd
}

// printSet shows a set; with an envelope also which of its keys signed that.
func printSet(w io.Writer, set policy.Set, e *policy.Envelope) error {
	digest := set.Digest()
	if err := facts(w, "set", fmt.Sprint(set.Number), "digest", fmt.Sprintf("%x", digest), "made", stamp(set.At),
		"a writ takes", fmt.Sprintf("%d persons of %d custodians", set.Threshold, len(set.Persons("custodian"))), "log", shown(set.Log),
		"witnesses", clip(shown(set.Witnesses), 200)); err != nil {
		return err
	}
	signed := map[string]bool{}
	if e != nil {
		for _, m := range set.Signed(*e) {
			signed[m.KeyID()] = true
		}
	}
	rows := make([][]string, len(set.Members))
	var passkeys [][]string
	outside := false
	for i, m := range set.Members {
		where, kept, has := "of the operator", "off line", "no"
		if m.Outside {
			where = "outside"
			outside = outside || m.Role == "custodian"
		}
		id := m.KeyID()
		switch {
		case m.Passkey != nil:
			kept = "in a browser"
			copies := "on one device"
			if m.Passkey.Synced() {
				copies = "synced"
			}
			passkeys = append(passkeys, []string{string(m.Person), m.Passkey.RP, m.Passkey.Origin, copies, id})
		case !m.Offline:
			kept = "on line"
		}
		if signed[id] {
			has = "yes"
		}
		rows[i] = []string{string(m.Person), string(m.Role), where, kept, id}
		if e != nil {
			rows[i] = append(rows[i], has)
		}
	}
	fmt.Fprintln(w)
	head := "PERSON ROLE WHERE KEPT KEY"
	if e != nil {
		head += " SIGNED"
	}
	if err := table(w, head, rows); err != nil {
		return err
	}
	if len(passkeys) > 0 {
		fmt.Fprintln(w, "\nPasskeys sign in a browser, for these pages only, and never count as off line.")
		if err := table(w, "PERSON RP ORIGIN COPIES FINGERPRINT", passkeys); err != nil {
			return err
		}
	}
	if !outside {
		fmt.Fprintln(w, "\nNo custodian is outside the operator: a compelled operator would be its own quorum.")
	}
	return nil
}
