package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/policy"
	"writ/internal/printable"
	"writ/internal/proof"
)

// inbox is what lies in the clinic's inbox, oldest first or newest: as it comes.
func (s *story) inbox(ctx context.Context) ([]api.InboxItem, error) {
	var page api.InboxPage
	if err := s.desk("petra").Do(ctx, http.MethodGet, "customers/"+url.PathEscape(s.clinic.name)+"/inbox", nil, &page); err != nil {
		return nil, fmt.Errorf("couldn't look into the inbox: %w", err)
	}
	return page.Items, nil
}

// notice waits for a case's message in the clinic's inbox, and reads it.
func (s *story) notice(ctx context.Context, id writ.CaseID) (m api.InboxMessage, at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		items, err := s.inbox(ctx)
		if err != nil {
			return m, at, err
		}
		if i := slices.IndexFunc(items, func(i api.InboxItem) bool { return i.Case == id }); i >= 0 {
			path := "customers/" + url.PathEscape(s.clinic.name) + "/inbox/message?" + url.Values{"id": {items[i].ID}}.Encode()
			if err := s.desk("petra").Do(ctx, http.MethodGet, path, nil, &m); err != nil {
				return m, at, fmt.Errorf("couldn't read a message: %w", err)
			}
			return m, items[i].At, nil
		}
		select {
		case <-ctx.Done():
			return m, at, fmt.Errorf("no notice of the case came: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// reveal is the day on which secrecy lifts: the customer is told, with proof.
func (s *story) reveal(ctx context.Context) error {
	if _, err := s.moves(ctx, s.secret, step{"mira", "lift", api.ReasonInput{Reason: "the tribunal has told the person and released us in writing"}}); err != nil {
		return err
	}
	m, at, err := s.notice(ctx, s.secret)
	if err != nil {
		return err
	}
	var files []string
	for _, f := range m.Files {
		files = append(files, f.Name)
	}
	entry, err := s.journaled(ctx)
	if err != nil {
		return err
	}
	s.say("Secrecy lifts, and harbour-clinic learns of it: by itself, with proof",
		"in its inbox   "+s.when(at)+"  "+printable.Line(m.Subject),
		"with it        "+strings.Join(files, ", "),
		"in its journal "+entry,
	)
	return s.proven(ctx, m)
}

// moments are when the list of the case's opening was fixed, and when its package
// was finished.
func (s *story) moments(ctx context.Context) (fixed, finished time.Time, err error) {
	events, err := s.desk("mira").Events(ctx, string(s.secret))
	if err != nil {
		return fixed, finished, fmt.Errorf("couldn't read what happened in the case: %w", err)
	}
	for _, e := range events {
		switch e.Kind {
		case docket.Opened:
			fixed = e.At
		case docket.Produced:
			finished = e.At
		}
	}
	if fixed.IsZero() || finished.IsZero() {
		err = errors.New("nothing was opened in the case")
	}
	return fixed, finished, err
}

// journaled waits for the opening in the clinic's journal and returns its line.
func (s *story) journaled(ctx context.Context) (line string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for line == "" {
		_, err := s.admin.Journal(ctx, s.clinic.name, api.JournalQuery{}, func(e api.Entry) error {
			if e.Reason == writ.ReasonWrit && strings.Contains(e.Principal, string(s.secret)) {
				line = strings.TrimSpace(fmt.Sprintf("%d  %s  %s  %s  %s/%s  %s", e.Seq, e.Reason, e.Op, e.Principal, e.Bucket, e.Key, e.Request))
			}
			return nil
		})
		if err != nil {
			return "", fmt.Errorf("couldn't read the journal: %w", err)
		}
		if line != "" {
			break
		}
		select {
		case <-ctx.Done():
			return "", errors.New("the opening is not in the customer's journal although secrecy has lifted")
		case <-time.After(50 * time.Millisecond):
		}
	}
	return line, nil
}

// proven checks the receipts that came with the notice, as writ verify receipt
// does, and that the writ was committed to before anything opened.
func (s *story) proven(ctx context.Context, m api.InboxMessage) error {
	i := slices.IndexFunc(m.Files, func(f api.InboxFile) bool { return f.Name == "receipts.jsonl" })
	if i < 0 {
		return errors.New("the notice came without receipts")
	}
	verifier, err := s.verifier()
	if err != nil {
		return err
	}
	found := map[string]proof.Verified{}
	total := 0
	for line := range bytes.Lines(m.Files[i].Body) {
		receipt, err := proof.ParseReceipt(line)
		if err != nil {
			return err
		}
		got, err := verifier.Receipt(receipt)
		if err != nil {
			return err
		}
		if got.Hidden == nil {
			return errors.New("a receipt of the case is of no commitment")
		}
		total++
		found[got.Hidden.Kind] = got
		if err := s.keepReceipt(got.Hidden.Kind, line); err != nil {
			return err
		}
	}
	w, o := found[policy.KindWrit], found[policy.KindOpening]
	if w.Batch == nil || o.Batch == nil {
		return errors.New("the receipts lack the writ or its opening")
	}
	fixed, finished, err := s.moments(ctx)
	if err != nil {
		return err
	}
	if !w.Statement.At.Before(fixed) || !o.Statement.At.Before(finished) {
		return errors.New("something was opened before it was committed to")
	}
	s.say("",
		fmt.Sprintf("%d receipts verify offline, with the log's key and the witness's, as writ verify receipt does; among them", total),
		fmt.Sprintf("   the writ     slot %d of batch %d, published %s", w.Slot, w.Batch.N, s.when(w.Statement.At)),
		fmt.Sprintf("   the list     slot %d of batch %d, published %s", o.Slot, o.Batch.N, s.when(o.Statement.At)),
		"   the package  finished "+s.when(finished)+", after both: no key moves before they are published",
		"it reads "+printable.Line(cutLine(string(w.Hidden.Body), 150)))
	if s.Stay {
		s.say("", fmt.Sprintf("                  %s verify receipt %s --log-key %s --policy %s", s.Program, s.pin("writ.receipt.json"), s.pin("log.vkey"), s.pin("policy.txt")))
	}
	return nil
}

// keepReceipt leaves the receipts of writ and opening as files.
func (s *story) keepReceipt(kind string, receipt []byte) error {
	if kind != policy.KindWrit && kind != policy.KindOpening {
		return nil
	}
	if err := os.WriteFile(s.pin(kind+".receipt.json"), receipt, 0o600); err != nil {
		return fmt.Errorf("couldn't write the receipt: %w", err)
	}
	return nil
}

// cutLine shortens a line of ASCII.
func cutLine(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
