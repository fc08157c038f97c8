package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/policy"
)

// elsewhere is an order for data that Writ does not keep.
func (s *story) elsewhere(ctx context.Context) error {
	export := []byte("ticket;opened;from\n4711;2026-11-02T08:15:00Z;harbour-clinic\n")
	id, err := s.ticketOrder(ctx, export)
	if err != nil {
		return err
	}
	for _, first := range []string{"lena", "ada"} {
		if _, err := s.signs(ctx, first, id); err != nil {
			return err
		}
	}
	c, stages, err := s.packed(ctx, id)
	if err != nil {
		return err
	}
	if c, err = s.handed(ctx, c, "uploaded to the national system"); err != nil {
		return err
	}
	dir, err := s.unpack(ctx, c, "court-elsewhere")
	if err != nil {
		return err
	}
	where, err := s.exported(dir, export)
	if err != nil {
		return err
	}
	if c, err = s.moves(ctx, id, step{"sam", "confirm", api.ConfirmInput{Note: "receipt of the national system"}}, step{"mira", "close", api.CloseInput{Affected: 1}}); err != nil {
		return err
	}
	if c.Opening == nil || c.Opening.Objects != 0 {
		return errors.New("an order for tickets opened something else")
	}
	s.say("An order for data in another system: tickets of the help desk, which Writ does not keep",
		"case           "+string(id)+": mira.lindqvist attaches the export of the ticket system; findings, approval, two of",
		"               three signatures, commitments and package are the same ("+stages+")",
		fmt.Sprintf("the gate       opens %d objects: nothing of the customer's store is in it", c.Opening.Objects),
		"in the package "+where+"; custody.json has it under \"not_enforced_by_the_gate\":",
		"               that these are the right rows is counsel's word, not the software's, and the package says so",
		"closed         as "+c.Outcome,
	)
	return nil
}

// ticketOrder brings an order for tickets to where custodians sign.
func (s *story) ticketOrder(ctx context.Context, export []byte) (writ.CaseID, error) {
	received := time.Now().Add(-20 * time.Minute).Truncate(time.Second)
	c, err := s.desk("noor").Receive(ctx, api.DemandInput{
		Demand: docket.Demand{
			Reference: "7 Gs 430/26", Instrument: "eu.epoc", Issuer: tribunal, Channel: docket.NationalSystem,
			Received: received, Signed: received.Add(-24 * time.Hour), Matter: "criminal", Offence: "fraud in an organised group",
			Classes: []writ.DataClass{writ.ClassTraffic}, Identifiers: []string{s.clinic.name + ", its tickets"}, Accounts: 1, Language: "fr",
		},
		Files: []api.File{file("order", "epoc-7-gs-430-26.pdf", paper("Tribunal de Valbrume", "European Production Order Certificate, 7 Gs 430/26", "When and how often harbour-clinic wrote to the help desk is to be produced."))},
	})
	if err != nil {
		return "", fmt.Errorf("couldn't enter the demand: %w", err)
	}
	scope := policy.Scope{Classes: []writ.DataClass{writ.ClassTraffic}, Elsewhere: true}
	facts := map[string]string{}
	for _, q := range c.Questions {
		facts[q.ID] = "yes"
	}
	id := c.Case
	if _, err := s.moves(ctx, id,
		step{"noor", "authenticate", api.AuthenticateInput{Means: "national-system", Note: "the system verified seal and sender", Genuine: true}},
		step{"mira", "identify", api.IdentifyInput{Customer: s.clinic.name, How: "the order names the account"}},
		step{"mira", "scope", api.ScopeInput{Scope: scope}},
		step{"mira", "secrecy", api.SecrecyInput{}},
		step{"mira", "facts", api.FactsInput{Facts: facts}},
	); err != nil {
		return id, err
	}
	if _, err := s.desk("mira").Attach(ctx, string(id), "export", "tickets.csv", "help desk", "rows of this customer, by counsel's query", export); err != nil {
		return id, fmt.Errorf("couldn't attach the export: %w", err)
	}
	_, err = s.moves(ctx, id, step{"mira", "review", nil}, step{"mira", "approve", api.ApproveInput{}}, step{"mira", "draft", nil})
	return id, err
}

// exported finds the export in a bag, and its label.
func (s *story) exported(dir string, export []byte) (string, error) {
	original := s.pin("tickets.csv")
	if err := os.WriteFile(original, export, 0o600); err != nil {
		return "", fmt.Errorf("couldn't write a file: %w", err)
	}
	where, err := s.inBag(dir, original)
	if err != nil {
		return "", err
	}
	custody, err := os.ReadFile(filepath.Join(dir, "custody.json"))
	if err != nil {
		return "", fmt.Errorf("couldn't read the chain of custody: %w", err)
	}
	if !bytes.Contains(custody, []byte(`"not_enforced_by_the_gate"`)) || !bytes.Contains(custody, []byte("tickets.csv")) {
		return "", errors.New("the package does not label what came from another system")
	}
	return where, nil
}
