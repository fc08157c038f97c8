package docket

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/policy"
)

// TestRandomMovesNeverOpenUnlawfully lets random persons in random roles do
// random things to a case. Whatever they reach, an opening has all behind it
// that it must have, read from the events without the fold.
func TestRandomMovesNeverOpenUnlawfully(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone", "scans/calder": "a scan"})
	opened, sequences := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		sequences++
		c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: r.epoc()})
		r.must(err)
		id := c.ID
		// An honest sequence is one of the random ones often enough that
		// openings are reached, and disturbed often enough that they are not.
		honest := rapid.IntRange(0, 9).Draw(rt, "of ten steps honest")
		next := 0
		for range rapid.IntRange(10, 30).Draw(rt, "steps") {
			var who Actor
			step := next
			if rapid.IntRange(0, 9).Draw(rt, "honest") < honest {
				who = r.who(honestSteps[step].who)
				next = min(next+1, len(honestSteps)-1)
			} else {
				step = rapid.IntRange(0, len(honestSteps)-1).Draw(rt, "step")
				who = Actor{Person: writ.Person(rapid.SampledFrom(cast).Draw(rt, "person").name), Via: "test"}
				who.Roles = rapid.SliceOfNDistinct(rapid.SampledFrom(caseRoles), 1, 4, rapid.ID[writ.Role]).Draw(rt, "roles")
			}
			honestSteps[step].do(r, who, id)
			if violation := r.unlawful(id); violation != "" {
				rt.Fatal(violation)
			}
		}
		c, err = r.Case(r.ctx, id)
		r.must(err)
		if c.Opening != nil {
			opened++
		}
		for _, p := range c.Preservations { // or every later case would keep more
			r.must(r.Vault.Release(r.ctx, p.ID))
		}
	})
	t.Logf("%d of %d sequences reached an opening", opened, sequences)
}

// honestSteps are the way of a demand, step by step; what fails is part of the
// game.
var honestSteps = []struct {
	who string
	do  func(*rig, Actor, writ.CaseID)
}{
	{"noor", func(r *rig, w Actor, id writ.CaseID) {
		r.Attach(r.ctx, w, id, DocumentInput{Kind: "order", Name: "epoc.pdf", Body: append(slices.Clone(orderPDF), id...)})
	}},
	{"noor", func(r *rig, w Actor, id writ.CaseID) {
		r.Authenticate(r.ctx, w, id, Authentication{Means: "national-system", Note: "verified", Genuine: true})
	}},
	{"noor", func(r *rig, w Actor, id writ.CaseID) {
		r.Preserve(r.ctx, w, id, r.clinic, wards(), time.Time{}, "Article 10(1)")
	}},
	{"mira", func(r *rig, w Actor, id writ.CaseID) {
		r.Identify(r.ctx, w, id, Subject{Customer: r.clinic, How: "by name"})
	}},
	{"mira", func(r *rig, w Actor, id writ.CaseID) { r.Scope(r.ctx, w, id, wards(), false, "") }},
	{"mira", func(r *rig, w Actor, id writ.CaseID) { r.SetSecrecy(r.ctx, w, id, SecrecySet{}) }},
	{"mira", func(r *rig, w Actor, id writ.CaseID) { r.Review(r.ctx, w, id) }},
	{"mira", func(r *rig, w Actor, id writ.CaseID) {
		c, err := r.Case(r.ctx, id)
		r.must(err)
		var rules []string
		for _, f := range c.Standing() {
			rules = append(rules, f.Rule)
		}
		r.Propose(r.ctx, w, id, rules, "judged")
	}},
	{"theo", func(r *rig, w Actor, id writ.CaseID) {
		c, err := r.Case(r.ctx, id)
		r.must(err)
		for _, p := range c.Determinations {
			r.Second(r.ctx, w, id, p.Number, "agreed")
		}
	}},
	{"mira", func(r *rig, w Actor, id writ.CaseID) { r.Approve(r.ctx, w, id, Limits{}) }},
	{"mira", func(r *rig, w Actor, id writ.CaseID) { r.DraftWrit(r.ctx, w, id) }},
	{"ada", signStep}, {"jun", signStep},
	{"sam", func(r *rig, w Actor, id writ.CaseID) {
		r.Produce(r.ctx, w, id, ProduceInput{Recipients: []string{r.court.Recipient().String()}})
	}},
	{"sam", func(r *rig, w Actor, id writ.CaseID) {
		r.Deliver(r.ctx, w, id, DeliverInput{Means: "national-system"})
	}},
	{"mira", func(r *rig, w Actor, id writ.CaseID) { r.Close(r.ctx, w, id, 1, "") }},
	{"mira", func(r *rig, w Actor, id writ.CaseID) { r.Lift(r.ctx, w, id, "released") }},
	{"mira", func(r *rig, w Actor, id writ.CaseID) {
		d := r.epoc()
		d.Reference = "another"
		r.Amend(r.ctx, w, id, d, "a mistake")
	}},
	{"mira", func(r *rig, w Actor, id writ.CaseID) {
		r.Reply(r.ctx, w, id, Reply{Answer: "impossible", Reason: "no", Final: true})
	}},
}

func signStep(r *rig, w Actor, id writ.CaseID) {
	c, err := r.Case(r.ctx, id)
	r.must(err)
	if c.Draft == nil {
		return
	}
	for _, m := range r.people {
		if m.Person == w.Person {
			s := m.sign(policy.TypeAuthorisation, c.Draft.Payload)
			r.Sign(r.ctx, w, id, Signature{Key: s.KeyID, Sig: s.Sig, Digest: c.Draft.Digest})
		}
	}
}

// unlawful reads a case's events without the fold, and says what must not be.
func (r *rig) unlawful(id writ.CaseID) string {
	events, err := r.Docket.Events(r.ctx, id)
	r.must(err)
	roles := map[writ.Person]writ.Role{}
	signed := map[writ.Person]bool{}
	order, genuine, approved := false, false, false
	var review Review
	proposals := map[int]Event{}
	type determined struct {
		digest []byte
		rules  []string
	}
	var determinations []determined
	for _, e := range events {
		if e.By != "" && slices.Contains(caseRoles, e.As) {
			if before, ok := roles[e.By]; ok && before != e.As {
				return string(e.By) + " acted as " + string(before) + " and as " + string(e.As)
			}
			roles[e.By] = e.As
		}
		switch e.Kind {
		case Attached:
			order = true
		case Authenticated:
			genuine = true
		case Reviewed:
			review = Review{}
			r.must(json.Unmarshal(e.Body, &review))
		case Proposed:
			proposals[int(e.Seq)] = e
		case Seconded:
			var s second
			r.must(json.Unmarshal(e.Body, &s))
			p := proposals[s.Proposal]
			if p.By == e.By || p.As != writ.RoleCounsel && e.As != writ.RoleCounsel {
				return "a determination by one, or without counsel"
			}
			var body Proposal
			r.must(json.Unmarshal(p.Body, &body))
			determinations = append(determinations, determined{body.Digest, body.Rules})
		case Approved:
			approved = e.As == writ.RoleCounsel
			for _, f := range review.Findings {
				over := slices.ContainsFunc(determinations, func(d determined) bool {
					return slices.Equal(d.digest, review.Digest) && slices.Contains(d.rules, f.Rule)
				})
				if f.Outcome != "pass" && (f.Final || !over) {
					return "approved although " + f.Rule + " stands against it"
				}
			}
		case Drafted:
			signed = map[writ.Person]bool{}
		case Signed:
			if e.As != writ.RoleCustodian {
				return "signed by no custodian"
			}
			signed[e.By] = true
		case Opened, Produced:
			if !order || !genuine || !approved || len(signed) < 2 {
				return "opened without order, authentication, approval or quorum"
			}
		}
	}
	return ""
}
