//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
)

// account is a customer's own, at a server elsewhere: every command below writ
// my asks there, signed with a credential of the customer.
type account struct{ endpoint, ca, region string }

func myCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "my", Short: "A customer's own account: buckets, keys, journal, demands",
		Long: `My is for customers. It asks a server's S3 endpoint (--endpoint, or AWS_ENDPOINT_URL)
with one of your own credentials: WRIT_ACCESS_KEY and WRIT_SECRET_KEY, or
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Every use of your keys by it is in
your journal, under that credential.`,
		Example: `  writ my status --endpoint https://s3.quayside.example
  writ my notices
  writ my object-to 2026-7KQM-4ZT0 --text objection.txt`,
	}
	a := &account{}
	f := cmd.PersistentFlags()
	f.StringVar(&a.endpoint, "endpoint", "", "the server's S3 endpoint, https://HOST:PORT (default AWS_ENDPOINT_URL)")
	f.StringVar(&a.ca, "ca", "", "file of the certificate authorities to trust, in PEM (default AWS_CA_BUNDLE, else the system's)")
	f.StringVar(&a.region, "region", "", "region to sign for (default AWS_REGION, else us-east-1)")
	cmd.AddCommand(
		myStatus(a), myBuckets(a), myObjects(a), myCredentials(a), myKeys(a), myRotate(a), myJournal(a),
		myNotices(a), myNotice(a), myDemands(a), myObjectTo(a), myProofs(a), myContacts(a),
	)
	return cmd
}

// maxCAs bounds a file of authorities, in bytes.
const maxCAs = 1 << 20

// own is the customer's account at the server.
func (a *account) own() (*api.Own, error) {
	endpoint := first(a.endpoint, os.Getenv("AWS_ENDPOINT_URL"))
	if endpoint == "" {
		return nil, withHint(errors.New("no server is named to ask"), "name its S3 endpoint with --endpoint https://HOST:PORT, or set AWS_ENDPOINT_URL")
	}
	access, secret, token, err := credential()
	if err != nil {
		return nil, withHint(errors.New("no credential is given to ask with"), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to one of your own")
	}
	var cas []byte
	if file := first(a.ca, os.Getenv("AWS_CA_BUNDLE")); file != "" {
		if cas, err = readBounded(file, maxCAs); err != nil {
			return nil, err
		}
	}
	region := first(a.region, os.Getenv("AWS_REGION"))
	return api.OwnRemote(endpoint, api.Credentials{AccessKey: access, SecretKey: secret, SessionToken: token, Region: region}, cas)
}

// first is the first that is not empty.
func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// query asks the account once, and prints the answer as JSON or in words.
func query[T any](a *account, cmd *cobra.Command, asJSON bool, fetch func(*api.Own) (T, error), tell func(T) error) error {
	o, err := a.own()
	if err != nil {
		return err
	}
	out, err := fetch(o)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), out)
	}
	return tell(out)
}

func myStatus(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Who you are, what you keep, and how much of it",
		Example: "  writ my status", Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyStatus, error) { return o.Status(cmd.Context()) }, func(s api.MyStatus) error {
			shredded, journal := "", ""
			if s.Shredded != nil {
				shredded = when(*s.Shredded)
			}
			if s.Journal != nil {
				journal = fmt.Sprintf("%d entries, %s", s.Journal.Seq, s.Journal.Hash)
			}
			return facts(cmd.OutOrStdout(), "customer", shown(s.Name), "id", string(s.Customer), "asks as", shown(s.By), "since", when(s.Created), "shredded", shredded,
				"kept", fmt.Sprintf("%s in %d objects and versions", size(s.Bytes), s.Objects),
				"quota", fmt.Sprintf("bytes %s, objects %s, requests a second %s", bound(s.Quota.Bytes, size(s.Quota.Bytes)), bound(s.Quota.Objects, fmt.Sprint(s.Quota.Objects)), bound(s.Quota.Requests, fmt.Sprint(s.Quota.Requests))),
				"custody", s.Custody+": the provider's keyring, behind the gate", "key", fmt.Sprintf("version %d", s.KeyVersion), "journal", journal, "endpoint", shown(s.Endpoint))
		})
	}
	return cmd
}

func myCredentials(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "credentials", Short: "Your S3 access keys", Example: "  writ my credentials list",
	}
	list := &cobra.Command{Use: "list", Short: "List your access keys, without secrets", Example: "  writ my credentials list", Args: noArguments}
	asJSON := jsonFlag(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) ([]api.MyCredential, error) { return o.Credentials(cmd.Context()) }, func(all []api.MyCredential) error {
			return table(cmd.OutOrStdout(), "ACCESS-KEY CREATED USED-NOW", rowsOf(all, func(c api.MyCredential) []string {
				return []string{shown(c.AccessKey), when(c.Created), yesNo(c.Yours)}
			}))
		})
	}
	add := &cobra.Command{Use: "add", Short: "Make an access key; its secret is told once", Example: "  writ my credentials add", Args: noArguments}
	addJSON := jsonFlag(add)
	add.RunE = func(cmd *cobra.Command, _ []string) error {
		return query(a, cmd, *addJSON, func(o *api.Own) (api.MyCredential, error) { return o.AddCredential(cmd.Context()) }, func(c api.MyCredential) error {
			return facts(cmd.OutOrStdout(), "access key", shown(c.AccessKey), "secret key", shown(c.SecretKey), "endpoint", shown(c.Endpoint), "region", shown(c.Region))
		})
	}
	remove := &cobra.Command{
		Use: "remove ACCESS-KEY", Short: "Remove an access key; what it signed is refused from now on",
		Example: "  writ my credentials remove WRIT0123456789ABCDEF", Args: exactly("ACCESS-KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.own()
			if err != nil {
				return err
			}
			if err := o.RemoveCredential(cmd.Context(), writ.CredentialID(args[0])); err != nil {
				return err
			}
			say(cmd, "removed: %s", shown(args[0]))
			return nil
		},
	}
	cmd.AddCommand(list, add, remove)
	return cmd
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func myKeys(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "The versions of your key, and what changed them",
		Example: "  writ my keys", Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyKeys, error) { return o.Keys(cmd.Context()) }, func(k api.MyKeys) error {
			if err := facts(cmd.OutOrStdout(), "version", fmt.Sprint(k.Version), "oldest that opens", fmt.Sprint(k.Oldest), "made", when(k.Made), "custody", k.Custody, "journal key", shown(k.JournalKey)); err != nil {
				return err
			}
			for _, r := range k.Rotations {
				say(cmd, "%s  %s, entry %d", when(r.At), shown(r.Op), r.Seq)
			}
			if k.Cut {
				say(cmd, "the journal was not looked through to its beginning")
			}
			return nil
		})
	}
	return cmd
}

func myRotate(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate", Short: "Make a new key, and wrap every data key anew under it",
		Long: `Rotate makes a new version of your key-encryption key, and wraps every data key
anew under it, while traffic goes on. Old versions stay, so that backups open.`,
		Example: "  writ my rotate", Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) (api.Rotated, error) { return o.Rotate(cmd.Context(), nil) }, func(r api.Rotated) error {
			say(cmd, "version %d; %d data keys wrapped anew", r.KeyVersion, r.Rewrapped)
			return nil
		})
	}
	return cmd
}

func myContacts(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "contacts", Short: "How you are told of demands; with contacts given, set them",
		Long: `Contacts shows how you are told, or sets it: all contacts anew, those that are given.
A contact may have a language and the file of a key, an age recipient or a
certificate, to which everything is sealed. Each contact that is left out is told
so, and your inbox too. The secret of a new webhook's signatures is told once.`,
		Example: `  writ my contacts
  writ my contacts --mail legal@clinic.example,lang=de,key=clinic.age --inbox`,
		Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	given := contactFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		list, err := given()
		if err != nil {
			return err
		}
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyContacts, error) {
			if len(list) > 0 {
				return o.SetContacts(cmd.Context(), list)
			}
			return o.Contacts(cmd.Context())
		}, func(c api.MyContacts) error { return printContacts(cmd, c.Contacts) })
	}
	return cmd
}
