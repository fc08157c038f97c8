//go:build unix

package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/law"
)

// maxDemandFile bounds a file that holds a demand, in bytes.
const maxDemandFile = 1 << 20

// maxWithDemand is how many bytes of files go with a demand in one request;
// larger ones are attached after it.
const maxWithDemand = 8 << 20

func demandCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "demand", Short: "Demands: what authorities ask for",
		Example: "  writ --data /srv/writ demand receive --file demand.json --order order.pdf",
	}
	s := newSeat(g, cmd)
	cmd.AddCommand(demandReceive(s), demandTemplate(s), demandImport(s))
	addOfficers(s, cmd)
	return cmd
}

func demandReceive(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "receive", Short: "Enter a demand: its case begins",
		Long: `Receive enters a demand with the files that came with it. The time of receipt is
that of the channel, and starts the clock. The demand is a file of JSON (writ demand
template INSTRUMENT prints one to fill in), flags, or both: flags go over the file.

An EU order came through a national system as a form: attach the official files
with --form and --order, and enter the fields with the form beside you.`,
		Example: `  writ --data /srv/writ demand receive --file demand.json --order order.pdf --form epoc.xml
  writ --data /srv/writ demand receive --instrument us.subpoena --reference 26-SW-118 --issuer 'District Court of New Arden' --country US --kind court \
      --channel in-person --received 2026-11-24T15:00:00Z --matter criminal --class subscriber --identifier harbour-clinic --order subpoena.pdf`,
		Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	var fields demandFields
	fields.add(cmd)
	f := cmd.Flags()
	file := f.String("file", "", "file of the demand as JSON")
	orders := f.StringArray("order", nil, "file of the order itself; may be given again")
	forms := f.StringArray("form", nil, "file of an official form; may be given again")
	letters := f.StringArray("correspondence", nil, "file of what else came with it; may be given again")
	drill := f.Bool("drill", false, "a rehearsal: it opens nothing, tells nobody and counts nowhere")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in := api.DemandInput{Drill: *drill}
		if *file != "" {
			if err := readJSON(*file, maxDemandFile, &in.Demand); err != nil {
				return err
			}
		}
		if err := fields.over(cmd, &in.Demand); err != nil {
			return err
		}
		var all []incoming
		for kind, names := range map[string][]string{"order": *orders, "form": *forms, "correspondence": *letters} {
			for _, name := range names {
				one, err := readIncoming(kind, name)
				if err != nil {
					return err
				}
				all = append(all, one)
			}
		}
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		c, err := d.receive(cmd, in, all)
		if err != nil {
			return err
		}
		return d.stands(cmd, c, *asJSON)
	}
	return cmd
}

// incoming is a file that came with a demand.
type incoming struct {
	kind, name string
	body       []byte
}

// readIncoming reads a file; one that no case takes is refused before a case
// begins without it.
func readIncoming(kind, name string) (incoming, error) {
	body, err := readBounded(name, maxUpload)
	if err == nil && len(body) > docket.MaxDocument {
		err = withHint(fmt.Errorf("%s has %s, more than %s: no case takes it, and none was begun", name, size(int64(len(body))), size(docket.MaxDocument)), "attach it in parts")
	}
	return incoming{kind, filepath.Base(name), body}, err
}

// receive enters a demand: files that fit go with it, the others after it.
func (d *desk) receive(cmd *cobra.Command, in api.DemandInput, files []incoming) (api.Case, error) {
	var later []incoming
	room := maxWithDemand
	for _, f := range files {
		if len(f.body) > room {
			later = append(later, f)
			continue
		}
		room -= len(f.body)
		in.Files = append(in.Files, api.File{Kind: f.kind, Name: f.name, Body: base64.StdEncoding.EncodeToString(f.body)})
	}
	c, err := d.Receive(cmd.Context(), in)
	for _, f := range later {
		if err != nil {
			break
		}
		var after api.Case
		if after, err = d.Attach(cmd.Context(), string(c.Case), f.kind, f.name, "", "", f.body); err != nil {
			return c, withHint(fmt.Errorf("the case %s has begun, but %s could not be attached: %w", c.Case, f.name, err), "writ case attach "+string(c.Case)+" FILE")
		}
		c = after
	}
	return c, err
}

// demandFields are a demand's common fields as flags.
type demandFields struct {
	instrument, reference, issuer, country, kind, authority, channel, received, signed, matter, offence string
	validator, validatorCountry, validatorKind                                                          string
	classes, identifiers, harms, articles                                                               []string
	emergency                                                                                           bool
	accounts                                                                                            int
	from, until, secrecy, secrecyUntil, deadline, remedy, language, note                                string
}

func (d *demandFields) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.instrument, "instrument", "", "kind of the demand (eu.epoc, us.subpoena; writ law list)")
	f.StringVar(&d.reference, "reference", "", "the authority's own file number")
	f.StringVar(&d.issuer, "issuer", "", "name of the issuing authority")
	f.StringVar(&d.country, "country", "", "its country (FR)")
	f.StringVar(&d.kind, "kind", "", "what it is: judge, court, prosecutor, police, …")
	f.StringVar(&d.authority, "authority", "", "its entry in the directory, whose name, country and kind are taken if not given")
	f.StringVar(&d.validator, "validator", "", "name of the authority that validated it")
	f.StringVar(&d.validatorCountry, "validator-country", "", "the validating authority's country")
	f.StringVar(&d.validatorKind, "validator-kind", "", "what the validating authority is")
	f.StringVar(&d.channel, "channel", "", "national-system, portal, post, in-person, mail or phone")
	f.StringVar(&d.received, "received", "", "time of receipt as the channel has it (2026-11-24T09:30:00+01:00)")
	f.StringVar(&d.signed, "signed", "", "date of the order")
	f.StringVar(&d.matter, "matter", "", "criminal, civil or national-security")
	f.StringVar(&d.offence, "offence", "", "offence that it is about")
	f.StringSliceVar(&d.classes, "class", nil, "class of data: subscriber, identification, traffic, content; may be given again")
	f.BoolVar(&d.emergency, "emergency", false, "it is an emergency by its law")
	f.StringArrayVar(&d.identifiers, "identifier", nil, "what it names: an account, bucket, address, access key; may be given again")
	f.IntVar(&d.accounts, "accounts", 0, "how many accounts it specifies; as many as identifiers if not given")
	f.StringVar(&d.from, "from", "", "beginning of the time asked for")
	f.StringVar(&d.until, "until", "", "end of the time asked for")
	f.StringVar(&d.secrecy, "secrecy", "", "basis of secrecy that it asks for")
	f.StringVar(&d.secrecyUntil, "secrecy-until", "", "end of that secrecy")
	f.StringSliceVar(&d.harms, "harm", nil, "reason that it names for secrecy; may be given again")
	f.StringVar(&d.deadline, "deadline", "", "deadline that it sets itself")
	f.StringSliceVar(&d.articles, "article", nil, "article that it cites, where no pack knows them; may be given again")
	f.StringVar(&d.remedy, "remedy", "", "remedy that it names")
	f.StringVar(&d.language, "language", "", "language of the order and of answers (fr)")
	f.StringVar(&d.note, "note", "", "what else should be known")
}

// over puts the flags that were given over a demand.
func (d *demandFields) over(cmd *cobra.Command, m *docket.Demand) error {
	given := func(name string) bool { return cmd.Flags().Changed(name) }
	texts := []struct {
		flag, value string
		into        *string
	}{
		{"reference", d.reference, &m.Reference}, {"instrument", d.instrument, (*string)(&m.Instrument)}, {"issuer", d.issuer, &m.Issuer.Name},
		{"country", d.country, &m.Issuer.Country}, {"kind", d.kind, &m.Issuer.Kind}, {"authority", d.authority, (*string)(&m.Issuer.Authority)},
		{"channel", d.channel, (*string)(&m.Channel)}, {"matter", d.matter, &m.Matter}, {"offence", d.offence, &m.Offence},
		{"secrecy", d.secrecy, (*string)(&m.Secrecy)}, {"remedy", d.remedy, &m.Remedy}, {"language", d.language, &m.Language}, {"note", d.note, &m.Note},
	}
	for _, t := range texts {
		if given(t.flag) {
			*t.into = t.value
		}
	}
	times := []struct {
		flag, value string
		into        *time.Time
	}{
		{"received", d.received, &m.Received}, {"signed", d.signed, &m.Signed}, {"from", d.from, &m.From}, {"until", d.until, &m.Until},
		{"secrecy-until", d.secrecyUntil, &m.SecrecyUntil}, {"deadline", d.deadline, &m.Deadline},
	}
	for _, t := range times {
		if !given(t.flag) {
			continue
		}
		var err error
		if *t.into, err = parseMoment("--"+t.flag, t.value); err != nil {
			return err
		}
	}
	if given("class") {
		m.Classes = asClasses(d.classes)
	}
	if given("identifier") {
		m.Identifiers, m.Accounts = d.identifiers, len(d.identifiers)
	}
	if given("accounts") {
		m.Accounts = d.accounts
	}
	if given("harm") {
		m.Harms = d.harms
	}
	if given("article") {
		m.Articles = d.articles
	}
	if given("emergency") {
		m.Emergency = d.emergency
	}
	if given("validator") || given("validator-country") || given("validator-kind") {
		m.Validator = &docket.Issuer{Name: d.validator, Country: d.validatorCountry, Kind: d.validatorKind}
	}
	return nil
}

func demandTemplate(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "template INSTRUMENT", Short: "Print a demand to fill in, as JSON",
		Long: `Template prints the fields of a demand of one instrument, as far as its law pack
knows them; what is left empty must be filled in or taken out. The instruments of
the server: writ law list.`,
		Example: "  writ --data /srv/writ demand template eu.epoc > demand.json",
		Args:    exactly("INSTRUMENT"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		var state api.LawState
		if err := d.Do(cmd.Context(), "GET", "law", nil, &state); err != nil {
			return err
		}
		var known []string
		for i := range state.Instruments {
			if string(state.Instruments[i].ID) == args[0] {
				return writeJSON(cmd.OutOrStdout(), templateOf(&state.Instruments[i], time.Now()))
			}
			known = append(known, string(state.Instruments[i].ID))
		}
		return withHint(fmt.Errorf("no law pack knows the instrument %q", args[0]), "it is one of "+strings.Join(known, ", "))
	}
	return cmd
}

// templateOf is a demand of an instrument to fill in.
func templateOf(i *law.Instrument, now time.Time) docket.Demand {
	m := docket.Demand{
		Instrument: i.ID, Channel: docket.InPerson, Received: now.UTC().Truncate(time.Second), Signed: now.UTC().Truncate(24 * time.Hour),
		Identifiers: []string{""}, Accounts: 1, Language: "en", Offence: "…", Note: "…",
	}
	if strings.HasPrefix(string(i.ID), "eu.") {
		m.Channel = docket.NationalSystem
	}
	if len(i.Matters) > 0 {
		m.Matter = i.Matters[0]
	}
	for _, c := range i.Classes {
		m.Classes = append(m.Classes, c.Class)
	}
	if len(m.Classes) == 0 {
		m.Classes = []writ.DataClass{writ.ClassSubscriber}
	}
	if i.Issuers != nil {
		if len(i.Issuers.Kinds) > 0 {
			m.Issuer.Kind = i.Issuers.Kinds[0]
		}
	}
	return m
}

func demandImport(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import FILE.jsonl", Short: "Enter demands from a file of the import format",
		Long: `Import enters demands, one JSON object a line, as docs/reports.md describes them:
also cases that were closed before they came here, which are marked as historic,
count in reports and can never open anything. What is there already is left as it
is, so that the same file can be given again.`,
		Example: "  writ --data /srv/writ demand import demands-2025.jsonl",
		Args:    exactly("FILE.jsonl"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("couldn't read: %w", err)
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return errors.New(args[0] + " is a folder")
		}
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		got, err := d.Import(cmd.Context(), f)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), got)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d historic cases and %d open ones entered; %d were there already\n", got.Historic, got.Open, got.Known)
		return err
	}
	return cmd
}
