package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/bundle"
	"writ/internal/monitor"
	"writ/internal/proof"
)

const secrecy = `What a court or a law forbids the operator to tell you yet is not in this journal:
an opening under an order with secrecy joins it, with its proof, when secrecy
lifts. It is committed to in the public log already, before any key was used; the
log doesn't show whether there is one, to you or to anybody.`

func verifyJournal() *cobra.Command {
	cmd := &cobra.Command{
		Use: "journal BUNDLE|URL", Short: "Check that your access history is whole, and list it",
		Long: `Journal checks a customer's journal against the public log: that its entries are
one unbroken chain, that every batch of the log shows where the chain stood, under
your label, and that no batch is left out. Then it lists the entries. With a state
file it goes on where the last visit ended, and notices if history is another.

BUNDLE is a file that a server wrote; URL is the server's S3 endpoint, which is
asked with your own credential: WRIT_ACCESS_KEY and WRIT_SECRET_KEY, or
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A bundle holds your label key and
your journal: keep it as secret as they are.`,
		Example: `  writ verify journal https://s3.quayside.example --log https://quayside.example --state quayside.state
  writ verify journal harbour-clinic.bundle --log https://quayside.example --log-key log.vkey --policy witnesses.txt
  writ verify journal harbour-clinic.bundle --log /srv/mirror/quayside --log-key log.vkey --since 1200 --json`,
		Args: exactly("BUNDLE"),
	}
	asJSON := jsonFlag(cmd)
	p := pinFlags(cmd, 0)
	log := cmd.Flags().String("log", "", "the log: a server, the log itself, or a folder with a copy")
	customer := cmd.Flags().String("customer", "", "your id (c-…), if the bundle must be yours")
	since := cmd.Flags().Uint64("since", 0, "the chain must be unbroken after this entry (default where the last visit ended, else the first that is kept)")
	lost := cmd.Flags().Bool("lost", false, "accept batches of which the server says that it has lost what they committed to")
	keyFile := cmd.Flags().String("journal-key", "", "file of the private key that the journal is sealed to, if it is (writ journal keygen)")
	region := cmd.Flags().String("region", "", "region to sign for (default AWS_REGION, else us-east-1)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *log == "" {
			return usageError(cmd.CommandPath(), "--log URL is missing: a journal is proven by the public log")
		}
		j := &journalCheck{asked: monitor.Asked{Customer: writ.CustomerID(*customer)}, region: *region, patience: stall, most: maxOnline}
		if *customer != "" {
			if _, err := writ.ParseCustomerID(*customer); err != nil {
				return usageError(cmd.CommandPath(), "%q is not a customer's id", *customer)
			}
		}
		if cmd.Flags().Changed("since") {
			j.asked.Since = since
		}
		j.asked.Lost = *lost
		if *keyFile != "" {
			var err error
			if j.asked.Key, err = readIdentity(*keyFile); err != nil {
				return err
			}
		}
		v, err := p.visit(cmd.Context(), *log)
		if err != nil {
			return err
		}
		j.visit = v
		if err := j.run(cmd.Context(), args[0]); err != nil {
			return refusal(err)
		}
		defer j.done()
		if err := v.save(); err != nil {
			return err
		}
		return j.tell(cmd.OutOrStdout(), *asJSON)
	}
	return cmd
}

// journalCheck is one look at a journal.
type journalCheck struct {
	*visit
	asked  monitor.Asked
	region string

	patience time.Duration // with a server that sends nothing
	most     int64         // bytes of a server's bundle

	bundle  *os.File // that was checked, to be listed
	scratch bool     // bundle is ours
	found   *monitor.Checked
}

// run checks the bundle at a path or URL. The log is visited first, so that
// every batch that it has published must be in what is asked for then.
func (j *journalCheck) run(ctx context.Context, where string) error {
	log, err := j.Visit(ctx)
	if err != nil {
		return err
	}
	j.asked.Newer = func(ctx context.Context) (*monitor.Log, error) { return j.Visit(ctx) }
	if strings.Contains(where, "://") {
		err = j.online(ctx, log, where)
	} else {
		err = j.file(ctx, log, where)
	}
	if err != nil {
		j.done()
		return err
	}
	if age := j.pins.maxAge; age > 0 && j.found.Batches > 0 && j.Now.Sub(j.found.At) > age {
		j.done()
		return fmt.Errorf("%w: the last batch that the bundle shows is of %s", proof.ErrStale, when(j.found.At))
	}
	journals := map[writ.CustomerID]*monitor.Journal{j.found.Customer: j.found.Remember}
	for c, seen := range j.State.Journals {
		if c != j.found.Customer {
			journals[c] = seen
		}
	}
	j.State.Journals = journals
	return nil
}

// file checks a bundle that is a file: batches may have been published since.
func (j *journalCheck) file(ctx context.Context, log *monitor.Log, name string) (err error) {
	if j.bundle, err = os.Open(name); err != nil {
		return fmt.Errorf("couldn't read the bundle: %w", err)
	}
	r, err := bundle.NewReader(j.bundle)
	if err != nil {
		return err
	}
	j.asked.Before = j.State.Journals[r.Header().Customer]
	if _, err := j.bundle.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("couldn't read the bundle: %w", err)
	}
	j.found, err = log.Journal(ctx, j.bundle, j.asked)
	return err
}

// done closes the bundle, and removes it if it is ours.
func (j *journalCheck) done() {
	if j.bundle == nil {
		return
	}
	j.bundle.Close()
	if j.scratch {
		os.Remove(j.bundle.Name())
	}
	j.bundle = nil
}

// tell lists the bundle that was checked, and says what was proven.
func (j *journalCheck) tell(w io.Writer, asJSON bool) error {
	if _, err := j.bundle.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("couldn't read the bundle: %w", err)
	}
	r, err := bundle.NewReader(j.bundle)
	if err != nil {
		return err
	}
	if j.asked.Key != nil {
		r.Unseal(j.asked.Key)
	}
	list := &entryList{out: w, json: asJSON}
	if err := list.begin(); err != nil {
		return err
	}
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && item.Entry != nil {
			err = list.entry(item.Entry)
		}
		if err != nil {
			return err
		}
	}
	if r.Head() != j.found.Head() {
		return errors.New("the bundle was changed while it was checked: what is listed is not what was proven")
	}
	if asJSON {
		return list.end(j.found)
	}
	return j.sum(w)
}

// sum says what was proven, for a person.
func (j *journalCheck) sum(w io.Writer) error {
	c := j.found
	if c.Entries > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "this journal holds")
	chain := fmt.Sprintf("unbroken after entry %d, up to entry %d; %d are listed", c.Since, c.Seq, c.Entries)
	dropped := ""
	if c.Gap != nil {
		dropped = fmt.Sprintf("entries %d to %d, which are no longer kept", c.Gap.From, c.Gap.To)
	}
	batches := "none yet"
	if c.Batches > 0 {
		batches = fmt.Sprintf("%d to %d, none left out, the last of %s", c.FromBatch, c.Batch, when(c.At))
	}
	if c.Late > 0 {
		batches += fmt.Sprintf("; %d were published late", c.Late)
	}
	lost := ""
	if c.Lost > 0 {
		lost = fmt.Sprintf("%d batches: nothing says that they didn't show another history", c.Lost)
	}
	behind := ""
	if c.Behind > 0 {
		behind = fmt.Sprintf("the log has published %d batches since, of which this bundle says nothing", c.Behind)
	}
	open := ""
	if c.Seq > c.Committed {
		open = fmt.Sprintf("entries after %d: the next batch commits to them", c.Committed)
	}
	err := facts(w, "customer", string(c.Customer), "chain", chain, "dropped", dropped, "batches", batches, "lost", lost, "since then", behind, "not committed to yet", open)
	if err != nil {
		return err
	}
	return tellAll(w, append([]string{secrecy}, j.told()...))
}
