package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/law"
	"writ/internal/letter"
	"writ/internal/policy"
	"writ/internal/printable"
	"writ/internal/staff"
)

// provider is the operator of the demo, as law and letters see it.
var provider = []string{
	"WRIT_PROVIDER_NAME=Fjordhost", "WRIT_PROVIDER_COUNTRY=DE", "WRIT_PROVIDER_TIME_ZONE=Europe/Berlin",
	"WRIT_PROVIDER_CONTACT=legal@fjordhost.example", "WRIT_PROVIDER_SIGNATORY=Mira Lindqvist", "WRIT_PROVIDER_FUNCTION=Counsel",
}

// home is where its deadlines are read.
const home = "Europe/Berlin"

// colleague is who handles demands: a person with a role, an API token, and, of
// those who sign, a key in a file that a passphrase seals.
type colleague struct {
	person  writ.Person
	name    string
	role    writ.Role
	company staff.Company
	firm    string

	token  string
	secret string // passphrase of the key file
}

// bench is what the chapters of law share.
type bench struct {
	people map[string]*colleague // by first name
	court  *age.X25519Identity   // of the Tribunal de Valbrume
	zone   *time.Location
	// before is how the public log stood when the first demand came.
	before api.Ledger
	secret writ.CaseID // the case under secrecy
	scope  policy.Scope
}

// crew are the people of the demo; the two operators come last, because with
// their tokens the socket loses its right to name anybody.
func crew() []*colleague {
	return []*colleague{
		{person: "noor.adeyemi", name: "Noor Adeyemi", role: writ.RoleIntake},
		{person: "mira.lindqvist", name: "Mira Lindqvist", role: writ.RoleCounsel},
		{person: "theo.brandt", name: "Theo Brandt", role: writ.RoleCounsel},
		{person: "ada.okafor", name: "Ada Okafor", role: writ.RoleCustodian, company: staff.OutsideCustodian, firm: "Notaries of Falkenmoor"},
		{person: "jun.park", name: "Jun Park", role: writ.RoleCustodian},
		{person: "lena.virtanen", name: "Lena Virtanen", role: writ.RoleCustodian},
		{person: "sam.ortiz", name: "Sam Ortiz", role: writ.RoleProduction},
		{person: "petra.nowak", name: "Petra Nowak", role: writ.RoleOperator},
		{person: "olu.hartmann", name: "Olu Hartmann", role: writ.RoleOperator},
	}
}

// office names the people who handle demands.
func (s *story) office(ctx context.Context) (err error) {
	s.people = map[string]*colleague{}
	if s.zone, err = time.LoadLocation(home); err != nil {
		return fmt.Errorf("couldn't read the provider's time zone: %w", err)
	}
	if s.court, err = age.GenerateX25519Identity(); err != nil {
		return fmt.Errorf("couldn't make the court's key: %w", err)
	}
	socket := s.admin.At("")
	for _, p := range crew() {
		if err := p.join(ctx, socket); err != nil {
			return err
		}
		first, _, _ := strings.Cut(string(p.person), ".")
		s.people[first] = p
	}
	late := socket.Do(ctx, http.MethodPut, "persons/"+url.PathEscape("esi.mensah"), api.PersonInput{Name: "Esi Mensah"}, nil)
	if late == nil {
		return errors.New("the socket still names people although two operators can")
	}
	s.say("The office: who handles what authorities demand",
		"intake       noor.adeyemi       counsel     mira.lindqvist, theo.brandt",
		"production   sam.ortiz          custodians  ada.okafor, jun.park, lena.virtanen",
		"operators    petra.nowak and olu.hartmann: they name people, each change takes both, and they see no case",
		"whoever runs the machine named the first of them; now it may not: "+late.Error(),
		"in one case nobody acts in two of these roles, and the server refuses who tries",
	)
	return s.custodians(ctx)
}

// join enters a person with a role and a token that the person made.
func (p *colleague) join(ctx context.Context, by *api.Desk) error {
	path := "persons/" + url.PathEscape(string(p.person))
	token, registration := staff.NewToken()
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPut, path, api.PersonInput{Name: p.name, Company: p.company, Firm: p.firm}},
		{http.MethodPost, path + "/roles", api.RoleInput{Role: p.role}},
		{http.MethodPost, "tokens/register", api.RegisterInput{
			TokenInput: api.TokenInput{Person: p.person, Roles: []writ.Role{p.role}, Label: "demo"}, Registration: registration.String(),
		}},
	} {
		if err := by.Do(ctx, step.method, step.path, step.body, nil); err != nil {
			return fmt.Errorf("couldn't name %s: %w", p.person, err)
		}
	}
	p.token, p.secret = token, rand.Text()
	return nil
}

// desk is the office as a person sees it, by first name.
func (s *story) desk(first string) *api.Desk { return s.admin.At(s.people[first].token) }

// step is one move of a case by a person.
type step struct {
	who, move string
	in        any
}

// moves makes moves of a case one after the other and returns it as it is then.
func (s *story) moves(ctx context.Context, id writ.CaseID, steps ...step) (c api.Case, err error) {
	for _, m := range steps {
		if c, err = s.desk(m.who).Move(ctx, string(id), m.move, m.in); err != nil {
			return c, fmt.Errorf("couldn't move the case (%s, %s): %w", m.who, m.move, err)
		}
	}
	return c, nil
}

// refused makes a move that must be refused, and returns the sentence.
func (s *story) refused(ctx context.Context, id writ.CaseID, m step) (string, error) {
	_, err := s.desk(m.who).Move(ctx, string(id), m.move, m.in)
	if err == nil {
		return "", fmt.Errorf("%s was not refused: %s", m.who, m.move)
	}
	return err.Error(), nil
}

// letter has counsel write a letter or form of a case, which is attached to it.
func (s *story) letter(ctx context.Context, id writ.CaseID, kind letter.Kind, fields map[string]any) (l docket.Letter, err error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return l, fmt.Errorf("couldn't write the letter's fields: %w", err)
	}
	path := "cases/" + url.PathEscape(string(id)) + "/letters"
	if err := s.desk("mira").Do(ctx, http.MethodPost, path, docket.LetterInput{Kind: kind, Fields: text}, &l); err != nil {
		return l, fmt.Errorf("couldn't write the letter: %w", err)
	}
	if l.Document == nil {
		return l, errors.New("the letter is not attached to the case")
	}
	return l, nil
}

// when is a time in RFC 3339, with the local time beside it.
func (s *story) when(t time.Time) string {
	return t.UTC().Format(time.RFC3339) + " (" + t.In(s.zone).Format("Mon 2 Jan 15:04 MST") + ")"
}

// deadline is the case's first clock, in a line.
func (s *story) deadline(c api.Case) string {
	i := slices.IndexFunc(c.Clocks, func(k law.Clock) bool { return !k.Holds })
	if i < 0 {
		return "none: the demand names no day, and its law has none"
	}
	k := c.Clocks[i]
	return fmt.Sprintf("%s: by %s, %s; %s", k.Title, s.when(k.Due), k.Article, k.State)
}

// waitsFor says what a case waits for, and who must do it.
func waitsFor(c api.Case) string {
	if len(c.Needs) == 0 {
		return "nothing"
	}
	n := c.Needs[0]
	return fmt.Sprintf("%s (%s: %s)", printable.Line(n.What), n.Role, n.How)
}

// tribunal is the court whose orders the demo answers.
var tribunal = docket.Issuer{Name: "Tribunal de Valbrume", Country: "FR", Kind: "court"}
