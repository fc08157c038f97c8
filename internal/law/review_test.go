package law_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/law"
)

var (
	kinds     = []string{"", "judge", "court", "investigating-judge", "prosecutor", "grand-jury", "agency", "police", "fbi", "central-authority", "secretary-of-state", "other", "<script>"}
	countries = []string{"", "DE", "FR", "DK", "US", "GB", "BR", "CH"}
	classes   = []writ.DataClass{writ.ClassSubscriber, writ.ClassIdentification, writ.ClassTraffic, writ.ClassContent, "odd"}
	bases     = []writ.Secrecy{"", writ.TellBefore, writ.TellAfter, writ.AuthorityTells, writ.DatedOrder, writ.Conditional, writ.Statutory, "odd"}
)

func genDemand(l *law.Law) *rapid.Generator[law.Demand] {
	var ids []writ.Instrument
	for _, i := range l.Instruments() {
		ids = append(ids, i.ID)
	}
	ids = append(ids, "nothing.known")
	return rapid.Custom(func(t *rapid.T) law.Demand {
		authority := func(name string) law.Authority {
			return law.Authority{Kind: rapid.SampledFrom(kinds).Draw(t, name), Country: rapid.SampledFrom(countries).Draw(t, name+" of")}
		}
		sometime := func(name string) time.Time {
			if rapid.Bool().Draw(t, name+"?") {
				return time.Time{}
			}
			return genTime.Draw(t, name)
		}
		return law.Demand{
			Instrument: rapid.SampledFrom(ids).Draw(t, "instrument"), Issuer: authority("issuer"), Validator: authority("validator"),
			Provider: law.Provider{Country: rapid.SampledFrom(countries).Draw(t, "provider"), TimeZone: genZone.Draw(t, "zone")},
			Received: sometime("received"), Matter: rapid.SampledFrom([]string{"", "criminal", "civil", "national-security", "odd"}).Draw(t, "matter"),
			Classes:   rapid.SliceOfN(rapid.SampledFrom(classes), 0, 4).Draw(t, "classes"),
			Emergency: rapid.Bool().Draw(t, "emergency"), Identifiers: rapid.IntRange(0, 2).Draw(t, "identifiers"), Order: rapid.Bool().Draw(t, "order"),
			Secrecy: rapid.SampledFrom(bases).Draw(t, "secrecy"), SecrecyUntil: sometime("secrecy until"),
			Harms:    rapid.SliceOfN(rapid.SampledFrom([]string{"us.flight", "us.evidence", "odd"}), 0, 2).Draw(t, "harms"),
			Deadline: sometime("deadline"), Conflict: rapid.SampledFrom(countries).Draw(t, "conflict"),
		}
	})
}

// TestUnknownNeverPasses: what passed, failed or didn't apply while facts were
// unknown stays so however they are answered; and nothing is open once all are.
func TestUnknownNeverPasses(t *testing.T) {
	l := load(t, "")
	rapid.Check(t, func(t *rapid.T) {
		d := genDemand(l).Draw(t, "demand")
		some, all := law.Facts{}, law.Facts{}
		for _, q := range l.Questions(d.Instrument) {
			all[q.ID] = rapid.SampledFrom([]law.Answer{law.Yes, law.No}).Draw(t, q.ID)
			if rapid.Bool().Draw(t, q.ID+"?") {
				some[q.ID] = all[q.ID]
			}
		}
		before, after := l.Review(d, some), l.Review(d, all)
		outcome := map[string]law.Outcome{}
		for _, f := range before {
			if _, twice := outcome[f.Rule]; twice {
				t.Fatalf("%s stands twice", f.Rule)
			}
			outcome[f.Rule] = f.Outcome
			if f.Outcome != law.Counsel && len(f.Open) > 0 {
				t.Fatalf("decided with open questions: %+v", f)
			}
			if f.Outcome != law.Pass && f.Settle == "" || f.Why == "" || f.Article == "" || f.Verified == "" {
				t.Fatalf("says too little: %+v", f)
			}
		}
		for _, f := range after {
			if len(f.Open) > 0 {
				t.Fatalf("open with every question answered: %+v", f)
			}
			switch was, applied := outcome[f.Rule]; {
			case !applied:
				t.Fatalf("%s was silent while its facts were unknown, and is %s", f.Rule, f.Outcome)
			case was != law.Counsel && was != f.Outcome:
				t.Fatalf("%s was %s while facts were unknown, and is %s", f.Rule, was, f.Outcome)
			}
		}
		if !reflect.DeepEqual(before, l.Review(d, some)) {
			t.Fatal("the same arguments gave other findings")
		}
	})
}

// TestNothingKnown: of an empty demand no rule of any pack passes that hangs on
// something, and the whole never looks clean.
func TestNothingKnown(t *testing.T) {
	l := load(t, "")
	for _, i := range l.Instruments() {
		found := l.Review(law.Demand{Instrument: i.ID}, nil)
		if len(l.NeedsDetermination(found))+len(l.Barred(found)) < 3 {
			t.Errorf("%s: an empty demand looks clean: %+v", i.ID, found)
		}
		if i.Order.Need == "required" && len(l.Barred(found)) == 0 {
			t.Errorf("%s: nothing bars a writ without an order", i.ID)
		}
	}
	found := l.Review(law.Demand{Instrument: "eu.epco"}, nil)
	if len(found) != 1 || found[0].Outcome != law.Fail || !found[0].Final {
		t.Errorf("an unknown instrument: %+v", found)
	}
	if _, ok := l.Secrecy(law.Demand{Instrument: "eu.epco"}); ok {
		t.Error("an unknown instrument has terms of secrecy")
	}
	if _, pinned := l.PinFrom(law.Demand{Instrument: "eu.epco", Received: time.Now()}); pinned || l.Answers(law.Demand{}) != nil || l.Clocks(law.Demand{}, nil, time.Now()) != nil {
		t.Error("an unknown instrument pins, answers or has clocks")
	}
}

// TestPacksHold checks of the shipped packs what docket, report and gate rely
// on.
func TestPacksHold(t *testing.T) {
	l := load(t, "")
	for _, id := range []writ.Instrument{"us.subpoena", "us.2703d", "us.warrant", "us.nsl", "us.fisa", "us.emergency", "us.preservation", "us.cloud-act",
		"eu.epoc", "eu.epoc-pr", "domestic", "mlat", "foreign.direct", "uk.copo", "uk.ipa", "budapest.art7"} {
		i, ok := l.Instrument(id)
		if !ok {
			t.Errorf("no pack has %s", id)
		}
		off := strings.HasPrefix(string(id), "uk.") || strings.HasPrefix(string(id), "budapest.")
		if i.Enabled == off {
			t.Errorf("%s: enabled %v", id, i.Enabled)
		}
	}
	for _, i := range l.Instruments() {
		eu := strings.HasPrefix(string(i.ID), "eu.")
		if eu && i.Rejectable() {
			t.Errorf("%s can be rejected", i.ID)
		}
		if eu != i.Pin.OnReceipt && i.ID != "us.preservation" {
			t.Errorf("%s: pinned on receipt: %v", i.ID, i.Pin.OnReceipt)
		}
		if (i.Order.Need != "required") != (i.ID == "us.emergency") {
			t.Errorf("%s: order %s", i.ID, i.Order.Need)
		}
		if i.Emergency.Voluntary && !i.Emergency.TwoPersons {
			t.Errorf("%s: a voluntary disclosure on one person's word", i.ID)
		}
		for _, c := range i.Secrecy.Allowed {
			if eu && c.Secrecy == writ.TellBefore {
				t.Errorf("%s: production would wait for notice", i.ID)
			}
			if strings.HasPrefix(string(i.ID), "us.") && c.Secrecy == writ.DatedOrder && !slices.Contains(c.Needs, "harm") {
				t.Errorf("%s: an order of silence without a harm of 2705(b)", i.ID)
			}
		}
	}
	if harms := l.Harms(); len(harms) != 5 || harms[0].ID != "us.life" || harms[0].Text == "" || harms[0].Verified != law.Unverified {
		t.Errorf("%+v", harms)
	}
	all := l.Packs()
	for _, p := range all {
		if len(p.SHA256) != 64 || p.Version == "" || p.Primary+p.Secondary+p.Unverified == 0 {
			t.Errorf("%+v", p)
		}
	}
	if len(all) != 11 {
		t.Errorf("%d packs", len(all))
	}
}

// TestJSON: what the API shows has lower-case names and leaves zero times out.
func TestJSON(t *testing.T) {
	l := load(t, "")
	d := epoc(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), "Europe/Berlin")
	body, err := json.Marshal(map[string]any{"findings": l.Review(d, nil), "clocks": l.Clocks(d, nil, d.Received), "instruments": l.Instruments(), "packs": l.Packs()})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"rule":"eu.epoc.order"`, `"article":"Art 10(5)-(8)"`, `"verified":"false"`, `"outcome":"counsel"`, `"due":"2026-11-12T23:00:00Z"`, `"two_persons":true`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("lacks %s", want)
		}
	}
	for _, never := range []string{"0001-01-01", `"Basis"`, `"Rule"`} {
		if strings.Contains(string(body), never) {
			t.Errorf("shows %s", never)
		}
	}
}

// TestMany: one Law serves many at once.
func TestMany(t *testing.T) {
	l := load(t, "")
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for _, i := range l.Instruments() {
				d := epoc(time.Now(), "Europe/Berlin")
				d.Instrument = i.ID
				l.Review(d, nil)
				l.Clocks(d, nil, time.Now())
				l.Secrecy(d)
			}
		})
	}
	wait.Wait()
}
