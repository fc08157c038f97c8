//go:build unix

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

// bureau is where an authority's machine works from: at a provider's listener for
// deliveries, with the authority's client certificate.
type bureau struct {
	*seat
	cert, key string
}

// addOfficers adds the commands of authorities to the group of demands.
func addOfficers(s *seat, group *cobra.Command) {
	for _, make := range []func(*bureau) *cobra.Command{demandFile, demandList, demandShow, demandAttach, demandDocument} {
		b := &bureau{seat: s}
		cmd := make(b)
		cmd.Flags().StringVar(&b.cert, "cert", "", "file of the authority's client certificate, in PEM")
		cmd.Flags().StringVar(&b.key, "key", "", "file of its private key, in PEM")
		group.AddCommand(cmd)
	}
}

const forAuthorities = `It is for authorities: --server is the provider's address for deliveries, and
--cert and --key are a client certificate that the provider has enrolled.`

// officer connects to the provider.
func (b *bureau) officer(cmd *cobra.Command) (*api.OfficerDesk, error) {
	for name, value := range map[string]string{"server": b.server, "cert": b.cert, "key": b.key} {
		if value == "" {
			return nil, usageError(cmd.CommandPath(), "--%s is missing: it takes --server, --cert and --key", name)
		}
	}
	pair, err := tls.LoadX509KeyPair(b.cert, b.key)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the client certificate: %w", err)
	}
	var cas []byte
	if b.ca != "" {
		if cas, err = readBounded(b.ca, 1<<20); err != nil {
			return nil, err
		}
	}
	return api.OfficerRemote(b.server, pair, cas)
}

func demandFile(b *bureau) *cobra.Command {
	cmd := &cobra.Command{
		Use: "file", Short: "For authorities: file a demand with a provider, with your client certificate",
		Long: `File files a demand: it is received the moment it is there, from your authority,
and the provider's people review it. The demand is a file of JSON, flags, or both:
flags go over the file. ` + forAuthorities,
		Example: "  writ demand file --server https://writ.fjordhost.example:9446 --cert agency.pem --key agency.key --file demand.json --order epoc.pdf",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	var fields demandFields
	fields.add(cmd)
	f := cmd.Flags()
	portal := []string{"issuer", "country", "kind", "authority", "channel", "received"}
	for _, name := range portal {
		f.Lookup(name).Hidden = true
	}
	file := f.String("file", "", "file of the demand as JSON")
	orders := f.StringArray("order", nil, "file of the order itself; may be given again")
	forms := f.StringArray("form", nil, "file of an official form; may be given again")
	others := f.StringArray("correspondence", nil, "file of what else goes with it; may be given again")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range portal {
			if f.Changed(name) {
				return usageError(cmd.CommandPath(), "--%s is not yours to say: the demand is your authority's, and received when it is there", name)
			}
		}
		var in api.FileInput
		if *file != "" {
			if err := readJSON(*file, maxDemandFile, &in); err != nil {
				return err
			}
		}
		demand := in.Demand()
		if err := fields.over(cmd, &demand); err != nil {
			return err
		}
		var uploads []api.Enclosure
		for _, group := range []struct {
			kind  string
			names []string
		}{{"order", *orders}, {"form", *forms}, {"correspondence", *others}} {
			for _, name := range group.names {
				one, err := readIncoming(group.kind, name)
				if err != nil {
					return err
				}
				uploads = append(uploads, api.Enclosure{Kind: one.kind, Name: one.name, Body: one.body})
			}
		}
		return b.tellFiled(cmd, *asJSON, func(d *api.OfficerDesk) (api.FiledDemand, error) {
			filed, err := d.File(cmd.Context(), api.FilingOf(demand), uploads)
			if err != nil && filed.Case != "" {
				err = withHint(fmt.Errorf("the demand is filed as %s, but not all of its files: %w", filed.Case, err), "writ demand attach "+string(filed.Case)+" FILE")
			}
			return filed, err
		})
	}
	return cmd
}

func demandList(b *bureau) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "For authorities: the demands that you filed with a provider, and their state",
		Long:    "List shows what your authority filed, the newest first. " + forAuthorities,
		Example: "  writ demand list --server https://writ.fjordhost.example:9446 --cert agency.pem --key agency.key",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	after := cmd.Flags().String("after", "", "go on behind this case")
	limit := cmd.Flags().Int("limit", 25, "how many, at most 100")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := b.officer(cmd)
		if err != nil {
			return err
		}
		list, err := d.Demands(cmd.Context(), *after, *limit)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), list)
		}
		if err := table(cmd.OutOrStdout(), "CASE STATE RECEIVED DUE REFERENCE", rowsOf(list.Demands, func(one api.FiledDemand) []string {
			due := "-"
			if one.Due != nil {
				due = stamp(one.Due.Due)
			}
			return []string{string(one.Case), one.State, stamp(one.Received), due, shown(one.Demand.Reference)}
		})); err != nil {
			return err
		}
		if list.Next != "" {
			say(cmd, "more: --after %s", list.Next)
		}
		return nil
	}
	return cmd
}

func demandShow(b *bureau) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show CASE", Short: "For authorities: where a demand stands, and what was written to you",
		Long:    "Show says where a demand that you filed stands. " + forAuthorities,
		Example: "  writ demand show 2026-7KQM-4ZT0 --server https://writ.fjordhost.example:9446 --cert agency.pem --key agency.key",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return b.tellFiled(cmd, *asJSON, func(d *api.OfficerDesk) (api.FiledDemand, error) { return d.Demand(cmd.Context(), args[0]) })
	}
	return cmd
}

func demandAttach(b *bureau) *cobra.Command {
	cmd := &cobra.Command{
		Use: "attach CASE FILE", Short: "For authorities: send a file to a demand that you filed",
		Long:    "Attach sends a file. Once the provider works on the demand it is correspondence. " + forAuthorities,
		Example: "  writ demand attach 2026-7KQM-4ZT0 answer.pdf --server https://writ.fjordhost.example:9446 --cert agency.pem --key agency.key",
		Args:    exactly("CASE", "FILE"),
	}
	asJSON := jsonFlag(cmd)
	kind := cmd.Flags().String("kind", "correspondence", "order, form, certificate, correspondence or other")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := readBounded(args[1], maxUpload)
		if err != nil {
			return err
		}
		return b.tellFiled(cmd, *asJSON, func(d *api.OfficerDesk) (api.FiledDemand, error) {
			return d.Attach(cmd.Context(), args[0], api.Enclosure{Kind: *kind, Name: filepath.Base(args[1]), Body: body})
		})
	}
	return cmd
}

func demandDocument(b *bureau) *cobra.Command {
	cmd := &cobra.Command{
		Use: "document CASE DOCUMENT FILE", Short: "For authorities: download a letter, or what you filed",
		Long:    "Document writes a document of a demand that you filed into a new file. " + forAuthorities,
		Example: "  writ demand document 2026-7KQM-4ZT0 5f0c… letter.pdf --server https://writ.fjordhost.example:9446 --cert agency.pem --key agency.key",
		Args:    exactly("CASE", "DOCUMENT", "FILE"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := b.officer(cmd)
		if err != nil {
			return err
		}
		body, err := d.Document(cmd.Context(), args[0], args[1])
		if err != nil {
			return err
		}
		defer body.Close()
		f, err := os.OpenFile(args[2], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("couldn't write: %w", err)
		}
		if _, err = io.Copy(f, body); err != nil {
			err = errors.Join(fmt.Errorf("couldn't download the document: %w", err), os.Remove(args[2]))
		}
		return errors.Join(err, f.Close())
	}
	return cmd
}

// tellFiled asks a provider's portal something that it answers with a demand, and
// prints that.
func (b *bureau) tellFiled(cmd *cobra.Command, asJSON bool, ask func(*api.OfficerDesk) (api.FiledDemand, error)) error {
	d, err := b.officer(cmd)
	if err != nil {
		return err
	}
	filed, err := ask(d)
	if err != nil {
		return err
	}
	return printFiled(cmd, filed, asJSON)
}

// printFiled prints a demand as its authority sees it.
func printFiled(cmd *cobra.Command, d api.FiledDemand, asJSON bool) error {
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), d)
	}
	due, asked := "", ""
	if d.Due != nil {
		due = stamp(d.Due.Due) + ", " + shown(d.Due.Title) + " (" + shown(d.Due.Article) + ")"
	}
	if d.Asked {
		asked = "a letter asks you for something: read it, and send an answer"
	}
	if err := facts(cmd.OutOrStdout(),
		"case", string(d.Case), "reference", shown(d.Demand.Reference), "instrument", shown(d.Demand.Instrument), "state", d.State, "asked", asked,
		"received", stamp(d.Received), "the provider's deadline", due, "receipt confirmed", stamp(d.Confirmed)); err != nil {
		return err
	}
	for _, one := range d.Answers {
		say(cmd, "answer %s %s", one.Answer, stamp(one.At))
	}
	for _, one := range d.Deliveries {
		how := "by client certificate"
		if one.ByCode {
			how = "by one-time code"
		}
		if one.Means != "download" {
			how = ""
		}
		say(cmd, "delivery %s %s %s %s", one.Means, how, stamp(one.At), map[bool]string{true: "over", false: ""}[one.Over])
	}
	for _, list := range []struct {
		what  string
		files []api.FiledFile
	}{{"letter", d.Letters}, {"sent", d.Files}} {
		for _, f := range list.files {
			say(cmd, "%s %s %s %s, %s, SHA-256 %s", list.what, f.ID, shown(f.Kind), strconv.Quote(f.Name), size(f.Size), f.SHA256)
		}
	}
	return nil
}
