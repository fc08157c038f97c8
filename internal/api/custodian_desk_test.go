package api_test

import (
	"errors"
	"testing"

	"writ"
	"writ/internal/api"
)

// TestCustodianDesk: what waits for a custodian is told with its terms and how
// the person stands to it, and what the person did is told afterwards.
func TestCustodianDesk(t *testing.T) {
	h := newHouse(t)
	h.Put("letters/1.txt", "Ines Calder, ward seven: discharged")
	one, two := h.Drafted("7 Gs 431/26"), h.Drafted("7 Gs 432/26")
	waiting := func(who string, q api.DeskInput) (api.WaitingPage, map[string]api.Waiting) {
		t.Helper()
		page, err := h.Desk(who).Waiting(h.Ctx, q)
		h.Must(err)
		all := map[string]api.Waiting{}
		for _, w := range page.Waiting {
			all[string(w.Case)] = w
		}
		return page, all
	}
	_, all := waiting("ada", api.DeskInput{})
	w := all[one]
	if len(all) != 2 || w.Mine != api.MaySign || w.Threshold != 2 || len(w.Signed) != 0 || w.Offline || w.Name != "harbour-clinic" ||
		w.Terms == nil || w.Terms.Case != writ.CaseID(one) || w.Terms.Limits.Objects != 1 || w.Terms.Scope.Buckets[0].Prefixes[0] != "letters/" || w.Issuer != "Tribunal de Valbrume" {
		t.Fatalf("ada's desk: %+v", w)
	}
	// A page at a time, and nothing lost between pages.
	page, first := waiting("ada", api.DeskInput{Limit: 1})
	_, second := waiting("ada", api.DeskInput{Limit: 1, After: string(page.Next)})
	if len(first) != 1 || len(second) != 1 || page.Next == "" || page.Waiting[0].Case == "" {
		t.Fatalf("pages of one: %v, %v", first, second)
	}
	for id := range first {
		if _, twice := second[id]; twice {
			t.Error("a case is on both pages")
		}
	}

	sign := func(who string, p writ.Person, id string) {
		t.Helper()
		ask, err := h.Desk(who).ToSign(h.Ctx, id)
		h.Must(err)
		sig := h.Sign(p, ask.Type, ask.Payload)
		_, err = h.Desk(who).Move(h.Ctx, id, "sign", api.SignInput{Digest: ask.Digest, Key: sig.KeyID, Sig: sig.Sig})
		h.Must(err)
	}
	_, err := h.Desk("ada").Move(h.Ctx, one, "decline", api.DeclineInput{Digest: w.Digest, Reason: "the prefix covers other patients"})
	h.Must(err)
	sign("jun", "jun.park", one)
	if _, all = waiting("ada", api.DeskInput{}); all[one].Mine != api.Declined || len(all[one].Signed) != 1 || !all[one].Offline || all[one].Refused[0].Reason != "the prefix covers other patients" {
		t.Errorf("after jun signed: %+v", all[one])
	}
	if _, all = waiting("jun", api.DeskInput{}); all[one].Mine != api.Signed || all[two].Mine != api.MaySign {
		t.Errorf("jun's desk: %+v", all)
	}
	sign("lena", "lena.virtanen", one)
	if _, all = waiting("ada", api.DeskInput{}); len(all) != 1 {
		t.Errorf("a writ with its quorum still waits: %+v", all)
	}

	// What each did is theirs to read, and nobody else's.
	past := func(who string) []api.SignedCase {
		t.Helper()
		page, err := h.Desk(who).Signed(h.Ctx, api.DeskInput{})
		h.Must(err)
		return page.Cases
	}
	got := past("ada")
	if len(got) != 1 || string(got[0].Case) != one || len(got[0].Acts) != 1 || got[0].Acts[0].Did != api.Declined || got[0].Acts[0].Reason == "" || got[0].Acts[0].Digest != w.Digest {
		t.Errorf("ada's history: %+v", got)
	}
	if got = past("lena"); len(got) != 1 || got[0].Acts[0].Did != api.Signed || got[0].Acts[0].Key == "" || got[0].Stage != "minted" {
		t.Errorf("lena's history: %+v", got)
	}
	for _, who := range []string{"mira", "noor", "sam", "esi", "jun operator"} {
		var p *api.Problem
		if _, err := h.Desk(who).Waiting(h.Ctx, api.DeskInput{}); !errors.As(err, &p) || p.Status != 403 {
			t.Errorf("%s sees what waits: %v", who, err)
		}
		if _, err := h.Desk(who).Signed(h.Ctx, api.DeskInput{}); !errors.As(err, &p) || p.Status != 403 {
			t.Errorf("%s sees what was signed: %v", who, err)
		}
	}
	var p *api.Problem
	if _, err := h.Desk("ada").Waiting(h.Ctx, api.DeskInput{Limit: 51}); !errors.As(err, &p) || p.Status != 422 {
		t.Errorf("more than a page: %v", err)
	}

	// Who acted in the case as something else is barred, and told as what; who has
	// no key in the set is told that.
	for who, person := range map[string]writ.Person{"theo": "theo.brandt", "sam": "sam.ortiz"} {
		h.Hire(who, person, writ.RoleCustodian)
	}
	if _, all = waiting("theo", api.DeskInput{}); all[two].Mine != api.Barred || all[two].Acted != writ.RoleCounsel {
		t.Errorf("theo's desk: %+v", all[two])
	}
	if _, all = waiting("sam", api.DeskInput{}); all[two].Mine != api.NoKey {
		t.Errorf("sam's desk: %+v", all[two])
	}
}
