package custodian

import (
	"encoding/json"
	"strings"
	"time"

	"writ"
	"writ/internal/console/page"
	"writ/internal/policy"
	"writ/internal/printable"
)

// member is one key of the set.
type member struct {
	Person      string
	Me          bool
	Role        writ.Role
	Outside     bool
	Kept        string // offline, online, browser
	Origin      string
	Synced      bool
	Fingerprint string
}

type setPage struct {
	There       bool
	Number      uint64
	Digest      string
	At          time.Time
	Threshold   int
	Custodians  int
	AnyOutside  bool
	Members     []member
	Log         string
	Witnesses   string
	Unwitnessed bool

	Me     string
	Mine   int    // my passkeys in the set
	Origin string // where a passkey would be made; empty if it can't be
	Ready  string // options of navigator.credentials.create
	Server string
}

// set is who signs writs now.
func (h *room) set(v *page.Visit) error {
	p, err := h.setPage(v)
	if err != nil {
		return err
	}
	return v.Render("set", p)
}

func (h *room) setPage(v *page.Visit) (*setPage, error) {
	now, err := h.Desk.Custodians(v.Context())
	if err != nil {
		return nil, err
	}
	me := v.Visitor.Person
	p := &setPage{Me: string(me), Digest: line(now.Digest), Log: line(now.Log), Witnesses: printable.Text(now.Policy), Unwitnessed: now.Policy == policy.NoWitnesses}
	rp, origin := h.where()
	var have [][]byte
	if set := now.Set; set != nil {
		p.There, p.Number, p.At, p.Threshold, p.Custodians = true, set.Number, set.At, set.Threshold, len(set.Persons(writ.RoleCustodian))
		for _, m := range set.Members {
			one := member{Person: line(m.Person), Me: m.Person == me, Role: m.Role, Outside: m.Outside, Kept: "online", Fingerprint: line(m.KeyID())}
			switch {
			case m.Passkey != nil:
				one.Kept, one.Origin, one.Synced = "browser", line(m.Passkey.Origin), m.Passkey.Synced()
				if m.Person == me {
					p.Mine++
					have = append(have, m.Passkey.ID)
				}
			case m.Offline:
				one.Kept = "offline"
			}
			p.AnyOutside = p.AnyOutside || m.Outside && m.Role == writ.RoleCustodian
			p.Members = append(p.Members, one)
		}
	}
	if p.Origin = origin; origin != "" {
		p.Ready = creationOptions(me, v.Words().Say("custodian.passkey.name", "name", v.Visitor.Name), rp, rp, have)
	}
	if p.Server = origin; origin == "" {
		p.Server = "https://" + v.R.Host
	}
	return p, nil
}

func (h *room) setAgain(v *page.Visit, problem error) error {
	p, err := h.setPage(v)
	if err != nil {
		return err
	}
	return v.Again("set", p, problem)
}

// cardPage is an enrolment: the passkey has been made, or has signed its card.
type cardPage struct {
	Card        string // JSON, for the next step; once proved as it is handed over
	Ready       string // options by which the passkey signs its card
	Fingerprint string
	Spoken      []string // the fingerprint in groups
	Person      string
	Origin      string
	Proved      bool
	Synced      bool
	File        string
}

// made takes the passkey that the browser has just made, and asks it to sign its
// card.
func (h *room) made(v *page.Visit) error {
	rp, origin := h.where()
	if origin == "" {
		return h.setAgain(v, unfit("passkeys can't be made here: this server has no name", "let the operator set its domain"))
	}
	response, err := v.Text("response", maxAnswer)
	if err != nil {
		return h.setAgain(v, err)
	}
	a, err := readAnswer(response)
	if err != nil {
		return h.setAgain(v, err)
	}
	card, err := a.begun(v.Visitor.Person, rp, origin)
	if err != nil {
		return h.setAgain(v, err)
	}
	return h.prove(v, card, nil)
}

// prove shows the step in which the passkey signs its card.
func (h *room) prove(v *page.Visit, card policy.PasskeyCard, problem error) error {
	challenge, err := card.Challenge()
	if err != nil {
		return h.setAgain(v, unfit(line(err.Error()), "make another"))
	}
	p := pageOf(card)
	p.Card, p.Ready = asJSON(card), requestOptions(challenge[:], card.Passkey.RP, [][]byte{card.Passkey.ID})
	if problem != nil {
		return v.Again("card", p, problem)
	}
	return v.Render("card", p)
}

// proved takes the passkey's signature of its card, and shows the card.
func (h *room) proved(v *page.Visit) error {
	card, err := h.carried(v)
	if err != nil {
		return h.setAgain(v, err)
	}
	response, err := v.Text("response", maxAnswer)
	if err != nil {
		return h.setAgain(v, err)
	}
	a, err := readAnswer(response)
	if err != nil {
		return h.prove(v, card, err)
	}
	sig, err := a.signature()
	if err != nil {
		return h.prove(v, card, err)
	}
	done, err := card.Prove(sig)
	if err != nil {
		return h.prove(v, card, unfit(line(err.Error()), "try once more, with the passkey that was just made"))
	}
	text, err := done.Encode()
	if err != nil {
		return h.prove(v, card, unfit(line(err.Error()), ""))
	}
	p := pageOf(done)
	p.Card, p.Proved, p.Synced = string(text), true, done.Passkey.Synced()
	return v.Render("card", p)
}

// card answers with a proved card as a file.
func (h *room) card(v *page.Visit) error {
	text, err := v.Text("card", policy.MaxCard)
	if err != nil {
		return h.setAgain(v, err)
	}
	card, err := policy.ParsePasskeyCard([]byte(text))
	if err != nil || card.Person != v.Visitor.Person {
		return h.setAgain(v, unfit("this is no card of a passkey of yours", "make another"))
	}
	return download(v, cardFile, append([]byte(text), '\n'))
}

// cardFile is the name under which a card is saved.
const cardFile = "passkey.json"

// carried is the card of the step before, of this person and these pages.
func (h *room) carried(v *page.Visit) (policy.PasskeyCard, error) {
	var card policy.PasskeyCard
	text, err := v.Text("card", policy.MaxCard)
	if err != nil {
		return card, err
	}
	rp, origin := h.where()
	if err := json.Unmarshal([]byte(text), &card); err != nil || card.Person != v.Visitor.Person || origin == "" || card.Passkey.RP != rp || card.Passkey.Origin != origin {
		return policy.PasskeyCard{}, unfit("this is no card of a passkey of yours", "make another")
	}
	return card, nil
}

func pageOf(c policy.PasskeyCard) cardPage {
	p := cardPage{Fingerprint: c.Fingerprint, Person: line(c.Person), Origin: line(c.Passkey.Origin), File: cardFile}
	for s := c.Fingerprint; s != ""; s = s[min(4, len(s)):] {
		p.Spoken = append(p.Spoken, strings.Clone(s[:min(4, len(s))]))
	}
	return p
}
