package custodian

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/policy"
)

// maxEnvelope bounds the text of an envelope in a form.
const maxEnvelope = 32 << 10

// waiverPage is a waiver between its two signatures: it is in the form, and
// nothing of it is kept here.
type waiverPage struct {
	Case     writ.CaseID
	Minted   bool
	Clock    bool // a statutory clock runs
	Waived   bool
	Envelope string // empty before it is drawn up
	Terms    policy.Waiver
	Reason   string
	Signed   []string
	Counsel  bool // counsel has signed
	Mine     bool // the person has signed
	Ready    string
	Enough   bool
}

// drawn is a waiver of this case, as the form brings it.
func drawn(v *page.Visit, c string, text []byte) (policy.Envelope, policy.Waiver, error) {
	e, err := policy.ParseEnvelope(bytes.TrimSpace(text))
	var w policy.Waiver
	if err == nil && e.Type == policy.TypeWaiver {
		w, err = policy.ParseWaiver(e.Payload)
	}
	switch {
	case err != nil || e.Type != policy.TypeWaiver || len(text) > maxEnvelope:
		return e, w, unfit("this is no waiver", "it is the file of this page, or of writ custodian waiver make")
	case string(w.Case) != c:
		return e, w, unfit("the waiver is of the case "+line(w.Case)+", not of "+c, "")
	}
	return e, w, nil
}

// waiverPage gathers what the page shows; text may be empty.
func (h *room) waiverPage(v *page.Visit, text []byte) (*waiverPage, error) {
	c, err := id(v)
	if err != nil {
		return nil, err
	}
	kase, err := h.Desk.Case(v.Context(), c)
	if err != nil {
		return nil, err
	}
	_, err = kase.Waiver("x", time.Hour, v.Now())
	p := &waiverPage{
		Case: kase.Case, Minted: kase.Writ != nil && !kase.Writ.Minted.IsZero(), Clock: !errors.Is(err, api.ErrNoClock),
		Waived: kase.Writ != nil && kase.Writ.Waived,
	}
	if len(text) == 0 {
		return p, nil
	}
	e, w, err := drawn(v, c, text)
	if err != nil {
		return nil, err
	}
	now, err := h.Desk.Custodians(v.Context())
	if err != nil {
		return nil, err
	}
	p.Envelope, p.Terms, p.Reason = string(bytes.TrimSpace(text)), w, line(w.Reason)
	if now.Set == nil {
		return p, nil
	}
	for _, m := range now.Set.Signed(e) {
		if who := line(m.Person); !slices.Contains(p.Signed, who) {
			p.Signed = append(p.Signed, who)
		}
		p.Counsel, p.Mine = p.Counsel || m.Role == writ.RoleCounsel, p.Mine || m.Person == v.Visitor.Person
	}
	p.Enough = len(p.Signed) > 1 && p.Counsel
	rp, origin := h.where()
	if ids := passkeysOf(v.Visitor.Person, *now.Set, rp, origin); len(ids) > 0 && !p.Mine {
		challenge := policy.Challenge(e.Type, e.Payload)
		p.Ready = requestOptions(challenge[:], rp, ids)
	}
	return p, nil
}

// passkeysOf are the ids of a person's passkeys for pages of an origin.
func passkeysOf(who writ.Person, set policy.Set, rp, origin string) (ids [][]byte) {
	for _, m := range set.Members {
		if m.Person == who && m.Passkey != nil && origin != "" && m.Passkey.RP == rp && m.Passkey.Origin == origin {
			ids = append(ids, m.Passkey.ID)
		}
	}
	return ids
}

// waiver is the page on which a waiver begins, or is taken up again.
func (h *room) waiver(v *page.Visit) error { return h.showWaiver(v, nil, nil) }

// showWaiver shows a waiver as it is; one that can't be read is left out.
func (h *room) showWaiver(v *page.Visit, text []byte, problem error) error {
	p, err := h.waiverPage(v, text)
	if err != nil && text != nil {
		problem = firstOf(problem, err)
		p, err = h.waiverPage(v, nil)
	}
	switch {
	case err != nil:
		return errors.Join(problem, err)
	case problem != nil:
		return v.Again("waiver", p, problem)
	}
	return v.Render("waiver", p)
}

// firstOf is the error that was there first.
func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// drawWaiver writes a waiver for two persons to sign.
func (h *room) drawWaiver(v *page.Visit) error {
	c, err := id(v)
	if err != nil {
		return err
	}
	reason, err := v.Text("reason", policy.MaxWhy)
	if err != nil {
		return h.showWaiver(v, nil, err)
	}
	hours, err := v.Text("hours", 3)
	if err != nil {
		return h.showWaiver(v, nil, err)
	}
	n, err := strconv.Atoi(hours)
	if err != nil || n < 1 || n > int(policy.MaxWaiver/time.Hour) {
		return h.showWaiver(v, nil, unfit("a waiver holds for 1 to 24 hours", ""))
	}
	kase, err := h.Desk.Case(v.Context(), c)
	if err != nil {
		return err
	}
	w, err := kase.Waiver(reason, time.Duration(n)*time.Hour, v.Now())
	if errors.Is(err, api.ErrNoWrit) || errors.Is(err, api.ErrNoClock) {
		return h.showWaiver(v, nil, &api.Problem{Status: http.StatusConflict, Title: "Conflict", Code: "state", Detail: err.Error()})
	}
	if err != nil {
		return err
	}
	payload, err := w.Encode()
	if err != nil {
		return h.showWaiver(v, nil, unfit(line(err.Error()), ""))
	}
	text, err := policy.NewEnvelope(policy.TypeWaiver, payload).Encode()
	if err != nil {
		return err
	}
	return h.showWaiver(v, text, nil)
}

// openWaiver takes up a waiver that came as a file.
func (h *room) openWaiver(v *page.Visit) error {
	text, err := posted(v, unfit("choose the file of a waiver", ""))
	if err != nil {
		return h.showWaiver(v, nil, err)
	}
	if len(text) == 0 {
		return h.showWaiver(v, nil, unfit("this is no waiver", ""))
	}
	return h.showWaiver(v, text, nil)
}

// signWaiver adds what a passkey answered, if it is this person's signature.
func (h *room) signWaiver(v *page.Visit) error {
	c, err := id(v)
	if err != nil {
		return err
	}
	text, err := v.Text("envelope", maxEnvelope)
	if err != nil {
		return h.showWaiver(v, nil, err)
	}
	signed, err := h.waiverSigned(v, c, []byte(text))
	if err != nil {
		return h.showWaiver(v, []byte(text), err)
	}
	return h.showWaiver(v, signed, nil)
}

func (h *room) waiverSigned(v *page.Visit, c string, text []byte) ([]byte, error) {
	e, _, err := drawn(v, c, text)
	if err != nil {
		return nil, err
	}
	response, err := v.Text("response", maxAnswer)
	if err != nil {
		return nil, err
	}
	a, err := readAnswer(response)
	if err != nil {
		return nil, err
	}
	sig, err := a.signature()
	if err != nil {
		return nil, err
	}
	now, err := h.Desk.Custodians(v.Context())
	if err != nil {
		return nil, err
	}
	if now.Set != nil {
		for _, m := range now.Set.Members {
			if m.Person != v.Visitor.Person || m.Passkey == nil || !bytes.Equal(m.Passkey.ID, a.ID) {
				continue
			}
			if err := m.Passkey.Verify(e.Type, e.Payload, sig); err != nil {
				return nil, &api.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: "passkey", Detail: line(err.Error())}
			}
			e.Add(policy.Signature{KeyID: m.KeyID(), Sig: sig})
			return e.Encode()
		}
	}
	return nil, unfit("this passkey is none of yours in the set of custodians that is in force", "")
}

// broughtWaiver is the waiver that a form carries, of the case in the address. If
// it is none, the page has been shown again, with why, and given is false.
func (h *room) broughtWaiver(v *page.Visit) (c string, envelope []byte, given bool, err error) {
	if c, err = id(v); err != nil {
		return "", nil, false, err
	}
	text, err := v.Text("envelope", maxEnvelope)
	if err == nil {
		_, _, err = drawn(v, c, []byte(text))
	}
	if err != nil {
		return "", nil, false, h.showWaiver(v, nil, err)
	}
	return c, []byte(text), true, nil
}

// waiverFile answers with a waiver as a file, for who signs next.
func (h *room) waiverFile(v *page.Visit) error {
	_, envelope, given, err := h.broughtWaiver(v)
	if !given {
		return err
	}
	return download(v, "waiver.json", envelope)
}

// sendWaiver hands a waiver in that two persons signed.
func (h *room) sendWaiver(v *page.Visit) error {
	c, envelope, given, err := h.broughtWaiver(v)
	if !given {
		return err
	}
	if _, err := h.Desk.Move(v.Context(), c, "waive", api.WaiveInput{Envelope: envelope}); err != nil {
		return h.showWaiver(v, envelope, err)
	}
	return v.See("/custodian/"+c+"/waiver", "custodian-waived")
}
