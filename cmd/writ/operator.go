//go:build unix

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func operatorCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "operator", Short: "A running server as its operators see it, from wherever they are",
		Long: `What operators see and begin with their own API token, over the socket or with
--server from elsewhere. Nothing here tells what is asked for or preserved.`,
		Example: "  writ operator status --server https://writ.fjordhost.example:9444 --token-file jun.token",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(operatorStatus(s), operatorCustomers(s), operatorCustomer(s), operatorBuckets(s), operatorRotate(s), operatorUpkeep(s), operatorBegin(s),
		operatorSettings(s), operatorInboxes(s))
	return cmd
}

func operatorStatus(s *seat) *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "How the server is, at a glance", Example: "  writ operator status --token-file jun.token", Args: noArguments}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", "status", nil, func(_ *desk, st api.Status) error {
			pairs := []string{"version", shown(st.Server.Version) + " " + shown(st.Server.Standing), "keeps", fmt.Sprintf("%s in %d objects", size(st.Bytes), st.Objects), "disk", string(st.Disk)}
			if st.Server.Started != nil {
				pairs = append(pairs, "since", when(*st.Server.Started))
			}
			for _, r := range st.Readiness {
				pairs = append(pairs, r.What, orReady(shown(r.Trouble)))
			}
			for _, c := range st.Certificates {
				pairs = append(pairs, "certificate", fmt.Sprintf("%s until %s", shown(strings.Join(c.Names, " ")), when(c.Until)))
			}
			pairs = append(pairs, "log", fmt.Sprintf("%d leaves published, %d wait", st.Ledger.Size, st.Ledger.Queued), "stalled", strings.Join(st.Stalled, ", "))
			if st.Checked != nil {
				pairs = append(pairs, "checked", runText(*st.Checked))
			}
			return facts(cmd.OutOrStdout(), pairs...)
		})
	}
	return cmd
}

func orReady(trouble string) string {
	if trouble == "" {
		return "ready"
	}
	return trouble
}

func operatorCustomers(s *seat) *cobra.Command {
	cmd := &cobra.Command{Use: "customers", Short: "Customers in order of name, a page at a time", Example: "  writ operator customers --after harbour-clinic --token-file jun.token", Args: noArguments}
	asJSON := jsonFlag(cmd)
	after, limit := pageFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", api.Asked("customers", "after", *after, "limit", strconv.Itoa(*limit)), nil, func(_ *desk, p api.CustomerPage) error {
			if err := table(cmd.OutOrStdout(), "NAME ID BUCKETS OBJECTS SIZE KEY STATE", rowsOf(p.Customers, func(c api.KeptCustomer) []string {
				return []string{shown(c.Name), string(c.ID), counted(c.Buckets, c.MoreBuckets), strconv.FormatInt(c.Objects, 10), size(c.Bytes), strconv.FormatUint(uint64(c.KeyVersion), 10), keptState(c)}
			})); err != nil {
				return err
			}
			return hintNext(cmd, p.Next)
		})
	}
	return cmd
}

// pageFlags are where a page begins, and how long it is.
func pageFlags(cmd *cobra.Command) (after *string, limit *int) {
	return cmd.Flags().String("after", "", "begin behind this name"), cmd.Flags().Int("limit", 100, "at most so many, 1,000 at the most")
}

func hintNext(cmd *cobra.Command, next string) error {
	if next != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: there are more: --after %s\n", shown(next))
	}
	return nil
}

func counted(n int, more bool) string {
	if more {
		return strconv.Itoa(n) + "+"
	}
	return strconv.Itoa(n)
}

func keptState(c api.KeptCustomer) string {
	switch {
	case c.Shredded != nil:
		return "shredded"
	case c.Rotation != nil:
		return "rotating"
	}
	return "active"
}

func operatorCustomer(s *seat) *cobra.Command {
	cmd := &cobra.Command{Use: "customer NAME", Short: "A customer: what it keeps, its keys, a rotation under way", Example: "  writ operator customer harbour-clinic --token-file jun.token", Args: exactly("NAME")}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "GET", "customers/"+api.Below(args[0]), nil, func(_ *desk, c api.KeptCustomer) error { return tellKept(cmd, c) })
	}
	return cmd
}

func tellKept(cmd *cobra.Command, c api.KeptCustomer) error {
	rotation := ""
	if r := c.Rotation; r != nil {
		rotation = fmt.Sprintf("to version %d, %d of about %d", r.KeyVersion, r.Rewrapped, r.Objects)
	}
	return facts(cmd.OutOrStdout(), "name", shown(c.Name), "id", string(c.ID), "created", when(c.Created), "state", keptState(c),
		"keeps", fmt.Sprintf("%s in %d objects, %s buckets", size(c.Bytes), c.Objects, counted(c.Buckets, c.MoreBuckets)),
		"key", fmt.Sprintf("version %d, made %s; the oldest that opens is %d", c.KeyVersion, when(c.KeyMade), c.OldestKey), "rotation", rotation)
}

func operatorBuckets(s *seat) *cobra.Command {
	cmd := &cobra.Command{Use: "buckets NAME", Short: "A customer's buckets", Example: "  writ operator buckets harbour-clinic --token-file jun.token", Args: exactly("NAME")}
	asJSON := jsonFlag(cmd)
	after, limit := pageFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := api.Asked("customers/"+api.Below(args[0], "buckets"), "after", *after, "limit", strconv.Itoa(*limit))
		return consult(s, cmd, *asJSON, "GET", path, nil, func(_ *desk, p api.BucketPage) error {
			if err := table(cmd.OutOrStdout(), "NAME CREATED VERSIONING LOCK", rowsOf(p.Buckets, func(b api.Bucket) []string {
				return []string{shown(b.Name), when(b.Created), b.Versioning, strconv.FormatBool(b.ObjectLock)}
			})); err != nil {
				return err
			}
			return hintNext(cmd, string(p.Next))
		})
	}
	return cmd
}

func operatorRotate(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate NAME", Short: "Begin the rotation of a customer's keys",
		Long:    "Rotate makes a new key for a customer and re-wraps its data keys in the background.\nOld versions stay; writ customer rotate --retire, where the data folder is, destroys them.",
		Example: "  writ operator rotate harbour-clinic --token-file jun.token", Args: exactly("NAME"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "POST", "customers/"+api.Below(args[0], "rotate"), nil, func(_ *desk, c api.KeptCustomer) error {
			say(cmd, "the rotation of %s's keys has begun", shown(c.Name))
			return nil
		})
	}
	return cmd
}

func operatorUpkeep(s *seat) *cobra.Command {
	cmd := &cobra.Command{Use: "upkeep", Short: "Work on the store: what runs, and how each ended", Example: "  writ operator upkeep --token-file jun.token", Args: noArguments}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", "upkeep", nil, func(_ *desk, u api.Upkeep) error { return tellUpkeep(cmd, u) })
	}
	return cmd
}

func tellUpkeep(cmd *cobra.Command, u api.Upkeep) error {
	var rows [][]string
	for _, r := range u.Running {
		rows = append(rows, []string{string(r.Job), dash(shown(r.Name)), fmt.Sprintf("runs since %s, %d of %d", when(r.Since), r.Done, r.Total)})
	}
	for _, r := range u.Last {
		rows = append(rows, []string{string(r.Job), "-", runText(r)})
	}
	return table(cmd.OutOrStdout(), "JOB CUSTOMER STATE", rows)
}

func runText(r api.Run) string {
	text := "ended " + r.Ended.Format(time.RFC3339)
	if r.Failed != "" {
		return text + ": " + shown(r.Failed)
	}
	if c := r.Check; c != nil {
		text += fmt.Sprintf(": %d versions, %d damaged, %d orphans", c.Versions, c.Damage, c.Orphans)
	}
	return text
}

func operatorBegin(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "begin JOB", Short: "Begin a check of everything (check), or a reclaim (reclaim)",
		Example: "  writ operator begin check --token-file jun.token", Args: exactly("JOB"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return consult(s, cmd, *asJSON, "POST", "upkeep/"+api.Below(args[0]), nil, func(_ *desk, u api.Upkeep) error { return tellUpkeep(cmd, u) })
	}
	return cmd
}

func operatorSettings(s *seat) *cobra.Command {
	cmd := &cobra.Command{Use: "settings", Short: "All settings as they are, and where each comes from", Example: "  writ operator settings --token-file jun.token", Args: noArguments}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", "settings", nil, func(_ *desk, all []api.SettingState) error {
			return table(cmd.OutOrStdout(), "SETTING VALUE DEFAULT FROM", rowsOf(all, func(o api.SettingState) []string {
				return []string{o.Key, dash(shown(o.Value)), dash(shown(o.Default)), shown(o.Place)}
			}))
		})
	}
	return cmd
}

func operatorInboxes(s *seat) *cobra.Command {
	cmd := &cobra.Command{Use: "inboxes", Short: "How customers are told, and what they have not read", Example: "  writ operator inboxes --token-file jun.token", Args: noArguments}
	asJSON := jsonFlag(cmd)
	after, limit := pageFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", api.Asked("inboxes", "after", *after, "limit", strconv.Itoa(*limit)), nil, func(_ *desk, p api.InboxStatePage) error {
			if err := table(cmd.OutOrStdout(), "CUSTOMER MAIL WEBHOOK INBOX MESSAGES UNREAD", rowsOf(p.Inboxes, func(i api.InboxState) []string {
				return []string{shown(i.Name), strconv.Itoa(i.Mail), strconv.Itoa(i.Webhook), strconv.FormatBool(i.Inbox), counted(i.Messages, i.More), strconv.Itoa(i.Unread)}
			})); err != nil {
				return err
			}
			return hintNext(cmd, p.Next)
		})
	}
	return cmd
}

func caseDamage(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "damage", Short: "What the last check found of preserved data, and in which cases",
		Long:    "Damage tells counsel whether what is preserved is still whole. The check is the one\nof writ fsck, which says nothing of it to whoever runs the server.",
		Example: "  writ case damage --token-file mira.token", Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", "damage", nil, func(d *desk, out api.Damage) error {
			if out.Checked.IsZero() {
				say(cmd, "nothing was checked yet")
				return nil
			}
			say(cmd, "checked %s: %d preserved versions, %d things not whole", d.at(out.Checked), out.Versions, out.Damaged)
			return table(cmd.OutOrStdout(), "CASE DAMAGED", rowsOf(out.Cases, func(c api.DamagedCase) []string {
				return []string{string(c.Case), strconv.FormatInt(c.Count, 10)}
			}))
		})
	}
	return cmd
}
