package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/printable"
	"writ/internal/staff"
)

// refer is a subpoena for a business customer's data: the authority is called
// back and sent to the customer, who is told at once.
func (s *story) refer(ctx context.Context) error {
	c, order, err := s.subpoena(ctx)
	if err != nil {
		return err
	}
	deadline := s.deadline(c)
	called := step{"noor", "authenticate", api.AuthenticateInput{Means: "call-back", Note: "called the clerk's office, who confirmed 26-SW-118", Genuine: true}}
	early, err := s.refused(ctx, c.Case, called)
	if err != nil {
		return err
	}
	if err := s.verifyCallBack(ctx, c.Demand.Issuer.Authority); err != nil {
		return err
	}
	if _, err = s.moves(ctx, c.Case,
		called,
		step{"mira", "identify", api.IdentifyInput{Customer: s.clinic.name, How: "the account's name"}},
		step{"mira", "secrecy", api.SecrecyInput{Basis: writ.TellBefore, Window: "240h"}},
	); err != nil {
		return err
	}
	letter, err := s.letter(ctx, c.Case, "referral", map[string]any{"customer": s.clinic.name, "customer_told": true})
	if err != nil {
		return err
	}
	begun := time.Now()
	if c, err = s.moves(ctx, c.Case,
		step{"mira", "reply", api.ReplyInput{Answer: "referred", Reason: "a business customer's data are the customer's to give", Documents: []string{letter.Document.ID.String()}, Final: true}},
		step{"mira", "close", api.CloseInput{}},
	); err != nil {
		return err
	}
	m, at, err := s.notice(ctx, c.Case)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(m.Files, func(f api.InboxFile) bool { return bytes.Equal(f.Body, order) }) {
		return errors.New("the notice came without a copy of the subpoena")
	}
	s.say("A subpoena comes by mail: the District Court of New Arden (US) wants subscriber data",
		"case         "+string(c.Case)+"; clock: "+deadline,
		"a call       to the court is no proof yet: "+early,
		"             theo.brandt verifies the number that noor.adeyemi took from the court's register; then it counts",
		"referred     to the customer, whose data it is, with a letter: "+printable.Line(letter.Title),
		fmt.Sprintf("told         %s, %d ms later, in its inbox: %s", s.when(at), time.Since(begun).Milliseconds(), printable.Line(m.Subject)),
		"             with a copy of the subpoena: no order of silence (18 USC 2705(b)) came with it",
		"closed       as "+c.Outcome+": nothing was disclosed, nothing was opened",
	)
	return nil
}

// subpoena enters the subpoena, and the court that it says it is from.
func (s *story) subpoena(ctx context.Context) (c api.Case, order []byte, err error) {
	court := docket.Issuer{Name: "District Court of New Arden", Country: "US", Kind: "court"}
	var entry api.Authority
	if err := s.desk("noor").Do(ctx, http.MethodPost, "authorities", api.AuthorityInput{Name: court.Name, Country: court.Country, Kind: staff.Kind(court.Kind)}, &entry); err != nil {
		return c, nil, fmt.Errorf("couldn't add the court to the directory: %w", err)
	}
	court.Authority = entry.ID
	number := api.CallBack{Phone: "+1 555 0134", Where: "clerk's office", Source: staff.FromRegister, Detail: "federal register of courts, page 12, read today"}
	if err := s.desk("noor").Do(ctx, http.MethodPost, "authorities/"+url.PathEscape(string(entry.ID))+"/call-backs", number, nil); err != nil {
		return c, nil, fmt.Errorf("couldn't add the court's number: %w", err)
	}
	received := time.Now().Add(-time.Hour).Truncate(time.Second)
	order = paper(court.Name, "Subpoena 26-SW-118", "Name and address of the subscriber harbour-clinic are to be produced.")
	c, err = s.desk("noor").Receive(ctx, api.DemandInput{
		Demand: docket.Demand{
			Reference: "26-SW-118", Instrument: "us.subpoena", Issuer: court, Channel: docket.Mail, Received: received, Signed: received.Add(-72 * time.Hour),
			Matter: "criminal", Classes: []writ.DataClass{writ.ClassSubscriber}, Identifiers: []string{s.clinic.name}, Accounts: 1,
			Deadline: received.Add(14 * 24 * time.Hour), Language: "en",
		},
		Files: []api.File{file("order", "subpoena.pdf", order)},
	})
	if err != nil {
		return c, nil, fmt.Errorf("couldn't enter the demand: %w", err)
	}
	return c, order, nil
}

// verifyCallBack is the second person, who looks the number up as well.
func (s *story) verifyCallBack(ctx context.Context, id writ.AuthorityID) error {
	path := "authorities/" + url.PathEscape(string(id))
	var entry api.Authority
	if err := s.desk("theo").Do(ctx, http.MethodGet, path, nil, &entry); err != nil {
		return fmt.Errorf("couldn't look into the directory: %w", err)
	}
	if err := s.desk("theo").Do(ctx, http.MethodPost, path+"/call-backs/"+url.PathEscape(entry.CallBacks[0].ID)+"/verify", struct{}{}, nil); err != nil {
		return fmt.Errorf("couldn't verify the number: %w", err)
	}
	return nil
}
