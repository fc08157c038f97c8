package custodian

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/custodian"
	"writ/internal/policy"
	"writ/internal/printable"
)

// maxUpload bounds a form with a signed file, in bytes.
const maxUpload = custodian.MaxRequest + 64<<10

// freshFor is for how long after a passkey was asked who somebody is the pages
// offer to sign. The interface takes five minutes; the rest is for reading on.
const freshFor = 4 * time.Minute

// sheet is a writ as a custodian reads it.
type sheet struct {
	Case      writ.CaseID
	Due       time.Time
	Late      bool
	Emergency bool
	Name      string // of the customer
	Reference string
	Terms     terms
	Sheet     string
	Type      string
	Digest    string // hex, computed here
	Threshold int
	Custody   int // custodians of the set
	Set       uint64
	Signed    []string
	Offline   bool
	Refused   []refused
	Minted    time.Time
	Statement string
	OrderName string // of the document whose digest is signed
	OrderKind string

	Mine      string // as [api.Waiting] has it
	Acted     writ.Role
	Fresh     bool // verified just now
	Passkeys  []string
	Ready     string   // options of navigator.credentials.get; empty if no passkey of the person's is for this origin
	Elsewhere []string // origins of the person's other passkeys
	HasKey    bool     // a key in a file, in the set
	Server    string   // for the commands
}

type refused struct {
	By, Reason string
	At         time.Time
}

// id is the case that the address names.
func id(v *page.Visit) (string, error) {
	c, err := api.CaseOf(v.Path("case"))
	if err != nil {
		return "", &api.Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "no-case", Detail: "this names no case: " + line(err.Error())}
	}
	return string(c), nil
}

// asked is what the interface says is to be signed, and its terms, which are of
// this case.
func (h *room) asked(v *page.Visit, c string) (api.ToSign, policy.Authorisation, error) {
	ask, err := h.Desk.ToSign(v.Context(), c)
	if err != nil {
		return ask, policy.Authorisation{}, err
	}
	a, err := policy.ParseAuthorisation(ask.Payload)
	if err != nil {
		return ask, a, fmt.Errorf("couldn't read what is to be signed: %w", err)
	}
	sum := sha256.Sum256(ask.Payload)
	if ask.Type != policy.TypeAuthorisation || string(a.Case) != c || ask.Digest != hex.EncodeToString(sum[:]) {
		return ask, a, errors.New("what is to be signed is not the writ of the case that was asked for")
	}
	return ask, a, nil
}

// sheet gathers all that the page of a writ shows.
func (h *room) sheet(v *page.Visit) (*sheet, error) {
	c, err := id(v)
	if err != nil {
		return nil, err
	}
	ask, a, err := h.asked(v, c)
	if err != nil {
		return nil, err
	}
	kase, err := h.Desk.Case(v.Context(), c)
	if err != nil {
		return nil, err
	}
	now, err := h.Desk.Custodians(v.Context())
	if err != nil {
		return nil, err
	}
	p := &sheet{
		Case: ask.Case, Due: kase.Due, Late: kase.Late, Emergency: kase.Emergency, Name: line(ask.Name), Reference: line(kase.Reference), Terms: termsOf(a), Sheet: printable.Text(ask.Sheet),
		Type: ask.Type, Digest: ask.Digest, Threshold: ask.Threshold, Signed: each(ask.Signed, line[writ.Person]), Offline: ask.Offline,
		Fresh: !v.Visitor.Fresh.IsZero() && v.Now().Sub(v.Visitor.Fresh) <= freshFor,
	}
	for _, d := range kase.Documents {
		if hex.EncodeToString(d.SHA256) == a.Order {
			p.OrderName, p.OrderKind = line(d.Name), line(d.Kind)
		}
	}
	if w := kase.Writ; w != nil {
		p.Minted, p.Statement = w.Minted, line(w.Statement)
		for _, r := range w.Refused {
			p.Refused = append(p.Refused, refused{line(r.By), printable.Text(r.Reason), r.At})
		}
	}
	p.stands(v.Visitor.Person, kase, ask, now.Set)
	rp, origin := h.where()
	p.Ready = p.ready(ask, rp, origin)
	if p.Server = origin; origin == "" {
		p.Server = "https://" + v.R.Host
	}
	return p, nil
}

// stands says how the person stands to the writ.
func (p *sheet) stands(who writ.Person, kase api.Case, ask api.ToSign, set *policy.Set) {
	p.Mine = api.NoKey
	if set != nil {
		p.Set, p.Custody = set.Number, len(set.Persons(writ.RoleCustodian))
		for _, m := range set.Members {
			if m.Person == who && m.Role == writ.RoleCustodian {
				p.Mine = api.MaySign
				p.HasKey = p.HasKey || m.Passkey == nil
			}
		}
	}
	for _, r := range p.Refused {
		if r.By == string(who) {
			p.Mine = api.Declined
		}
	}
	if slices.Contains(ask.Signed, who) {
		p.Mine = api.Signed
	}
	if as := writ.Role(kase.Acted[who]); as != "" && as != writ.RoleCustodian {
		p.Mine, p.Acted = api.Barred, as
	}
}

// ready are the options by which a browser asks the person's passkeys for
// exactly this; empty if there is none for pages of this origin.
func (p *sheet) ready(ask api.ToSign, rp, origin string) string {
	var ids [][]byte
	for _, k := range ask.Passkeys {
		if origin != "" && k.RP == rp && k.Origin == origin {
			ids, p.Passkeys = append(ids, k.ID), append(p.Passkeys, line(k.Key))
		} else {
			p.Elsewhere = append(p.Elsewhere, line(k.Origin))
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return requestOptions(ask.Challenge, rp, ids)
}

// show is the page of a writ.
func (h *room) show(v *page.Visit) error {
	p, err := h.sheet(v)
	if err != nil {
		return err
	}
	return v.Render("case", p)
}

// again shows the page with what was wrong. What the interface says of the case
// itself comes before what the form said.
func (h *room) again(v *page.Visit, problem error) error {
	p, err := h.sheet(v)
	if err != nil {
		return errors.Join(problem, err)
	}
	return v.Again("case", p, problem)
}

// confirm is where a form ends that said who the person is: the console has
// verified it before this is called.
func (h *room) confirm(v *page.Visit) error {
	c, err := id(v)
	if err != nil {
		return err
	}
	return v.See("/custodian/"+c+"#sign", "")
}

// sign takes what a passkey answered to the page's challenge.
func (h *room) sign(v *page.Visit) error {
	c, err := id(v)
	if err != nil {
		return err
	}
	ask, _, err := h.asked(v, c)
	if err != nil {
		return err
	}
	in, err := h.assertion(v, ask)
	if err != nil {
		return h.again(v, err)
	}
	return h.send(v, c, in)
}

// assertion is the signature that the form brings. Its digest is of what the
// page showed: if something else waits by now, nothing is signed.
func (h *room) assertion(v *page.Visit, ask api.ToSign) (api.SignInput, error) {
	digest, err := v.Text("digest", 64)
	if err != nil {
		return api.SignInput{}, err
	}
	response, err := v.Text("response", maxAnswer)
	if err != nil {
		return api.SignInput{}, err
	}
	a, err := readAnswer(response)
	if err != nil {
		return api.SignInput{}, err
	}
	for _, k := range ask.Passkeys {
		if bytes.Equal(k.ID, a.ID) {
			return api.SignInput{Digest: digest, Key: k.Key, Assertion: &api.Assertion{
				AuthenticatorData: a.Response.AuthenticatorData, ClientData: a.Response.ClientDataJSON, Signature: a.Response.Signature,
			}}, nil
		}
	}
	return api.SignInput{}, unfit("this passkey is none of yours in the set of custodians that is in force", "the page of the set lists them; one that was just made signs once the next set is in force")
}

func (h *room) send(v *page.Visit, c string, in api.SignInput) error {
	now, err := h.Desk.Move(v.Context(), c, "sign", in)
	if err != nil {
		return h.again(v, err)
	}
	done := "custodian-signed"
	if now.Writ != nil && !now.Writ.Minted.IsZero() {
		done = "custodian-minted"
	}
	return v.See("/custodian/"+c, done)
}

// file is what is carried to a machine that is off line.
func (h *room) file(v *page.Visit) error {
	c, err := id(v)
	if err != nil {
		return err
	}
	ask, _, err := h.asked(v, c)
	if err != nil {
		return err
	}
	now, err := h.Desk.Custodians(v.Context())
	if err != nil {
		return err
	}
	if now.Set == nil {
		return errors.New("there are no custodians")
	}
	b, err := custodian.Request{V: 1, Case: ask.Case, Payload: ask.Payload, Set: *now.Set, Language: v.Lang}.Encode()
	if err != nil {
		return err
	}
	return download(v, c+".writ", b)
}

// download answers with a file; its name is made here, of no text of others'.
func download(v *page.Visit, name string, b []byte) error {
	h := v.W.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", fmt.Sprint(len(b)))
	_, err := v.W.Write(b)
	if err != nil {
		return nil // whoever is gone is gone
	}
	return nil
}

// offline takes the file that came back signed.
func (h *room) offline(v *page.Visit) error {
	c, err := id(v)
	if err != nil {
		return err
	}
	in, err := uploaded(v, c)
	if err != nil {
		return h.again(v, err)
	}
	return h.send(v, c, in)
}

// posted is the one file that a form brings.
func posted(v *page.Visit, missing error) ([]byte, error) {
	all, err := v.Uploads("signed")
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, missing
	}
	f, err := all[0].Open()
	if err != nil {
		return nil, fmt.Errorf("couldn't read the file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, custodian.MaxRequest+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the file: %w", err)
	}
	return b, nil
}

func uploaded(v *page.Visit, c string) (api.SignInput, error) {
	var in api.SignInput
	b, err := posted(v, unfit("choose the file that writ custodian sign has signed", ""))
	if err != nil {
		return in, err
	}
	r, err := custodian.ParseRequest(b)
	switch {
	case err != nil:
		return in, unfit(line(err.Error()), "it is the file of this page, after writ custodian sign has signed it")
	case string(r.Case) != c:
		return in, unfit(fmt.Sprintf("the file is of the case %s, not of %s", line(r.Case), c), "")
	case r.Signature == nil:
		return in, unfit("the file is not signed", "writ custodian sign "+c+".writ --key KEYFILE")
	}
	sum := sha256.Sum256(r.Payload)
	return api.SignInput{Digest: hex.EncodeToString(sum[:]), Key: r.Signature.KeyID, Sig: r.Signature.Sig}, nil
}

// decline notes that the person doesn't sign, and why.
func (h *room) decline(v *page.Visit) error {
	c, err := id(v)
	if err != nil {
		return err
	}
	digest, err := v.Text("digest", 64)
	if err != nil {
		return h.again(v, err)
	}
	reason, err := v.Text("reason", 4000)
	if err != nil {
		return h.again(v, err)
	}
	if _, err := h.Desk.Move(v.Context(), c, "decline", api.DeclineInput{Digest: digest, Reason: reason}); err != nil {
		return h.again(v, err)
	}
	return v.See("/custodian/"+c, "custodian-declined")
}
