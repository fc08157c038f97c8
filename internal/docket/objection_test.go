package docket

import (
	"errors"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
)

// toldCase is a case that the clinic was told of before anything is produced.
func (r *rig) toldCase() writ.CaseID {
	r.t.Helper()
	d := r.epoc()
	d.Instrument, d.Issuer.Country, d.Classes = "us.subpoena", "US", []writ.DataClass{writ.ClassSubscriber}
	d.Channel, d.Validator = "in-person", nil
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d})
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), c.ID, Subject{Customer: r.clinic, How: "by name"})
	r.must(err)
	_, err = r.SetSecrecy(r.ctx, r.who("mira"), c.ID, SecrecySet{Basis: writ.TellBefore, Window: 240 * time.Hour, Reason: "nothing forbids it"})
	r.must(err)
	_, err = r.Notify(r.ctx, r.who("mira"), c.ID, noticeBefore)
	r.must(err)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if told, err := r.Notices.WasTold(r.ctx, r.clinic, c.ID); err != nil || time.Now().After(end) {
			r.t.Fatalf("the customer was not told: %v", err)
		} else if told {
			break
		}
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err = r.Case(r.ctx, c.ID); err == nil && !c.Notices[0].Accepted.IsZero() {
			return c.ID
		}
	}
	r.t.Fatal("the case does not know that the customer was told")
	return ""
}

func (r *rig) objection(text string) ObjectionInput {
	return ObjectionInput{Customer: r.clinic, By: "credential WRITTESTCREDENTIAL00", Text: text}
}

// TestObjection: what the customer says is in the case, committed to, and the
// first of what counsel is to do, until counsel has considered it. It moves no
// clock, stops no page, and changes nothing that was decided on.
func TestObjection(t *testing.T) {
	r := newRig(t)
	id := r.toldCase()
	before, err := r.Case(r.ctx, id)
	r.must(err)
	in := r.objection("The account was closed in March.")
	in.Files = []DocumentInput{{Name: "contract.pdf", Body: []byte("%PDF-1.7 a contract")}, {Name: "notes.txt", Body: []byte("notes")}}
	made, err := r.Object(r.ctx, id, in)
	r.must(err)
	c, err := r.Case(r.ctx, id)
	r.must(err)
	if len(c.Objections) != 1 || c.Objections[0].Text != in.Text || c.Objections[0].By != in.By || c.Objections[0].Customer != r.clinic || len(made.Documents) != 2 {
		t.Fatalf("the case has %+v", c.Objections)
	}
	if string(before.decided()) != string(c.decided()) || len(c.Clocks) != len(before.Clocks) || !c.handled.Equal(before.handled) {
		t.Error("the objection changed what was decided on, a clock, or who moved the case last")
	}
	if a, b := r.ClocksOf(before), r.ClocksOf(c); len(a) != len(b) || len(a) > 0 && (a[0].Due != b[0].Due || a[0].State != b[0].State) {
		t.Errorf("the clocks were %+v and are %+v", a, b)
	}
	doc, body, err := r.View(r.ctx, r.who("mira"), id, made.Documents[0])
	if err != nil || string(body) != "%PDF-1.7 a contract" || doc.Kind != kindObjection {
		t.Errorf("counsel sees %+v %q, %v", doc, body, err)
	}
	needs := r.Needs(c)
	if len(needs) < 2 || needs[0].Role != writ.RoleCounsel || !strings.Contains(needs[0].What, "the customer objected") {
		t.Errorf("the case needs %+v", needs)
	}
	if more := r.missing(c); len(more) != len(needs)-1 {
		t.Errorf("the case waits for %+v", more)
	}
	all, err := r.statements(r.ctx, c)
	r.must(err)
	if last := all[len(all)-1]; last.what != string(CustomerObjected) {
		t.Errorf("the newest commitment is %+v", last)
	}
	// Its own objections, without what counsel makes of them.
	_, err = r.Consider(r.ctx, r.who("noor"), id, made.Number, "mine")
	isRefused(t, err, ErrRole)
	_, err = r.Consider(r.ctx, r.who("mira"), id, made.Number, "")
	isRefused(t, err, ErrBounds)
	_, err = r.Consider(r.ctx, r.who("mira"), id, made.Number+7, "another")
	isRefused(t, err, ErrState)
	c, err = r.Consider(r.ctx, r.who("mira"), id, made.Number, "the scope is narrowed")
	r.must(err)
	if o := c.Objections[0]; o.ConsideredBy != "mira.lindqvist" || o.Considered.IsZero() || len(c.objections()) != 0 {
		t.Errorf("the objection is %+v", o)
	}
	_, err = r.Consider(r.ctx, r.who("mira"), id, made.Number, "again")
	isRefused(t, err, ErrState)
	own, err := r.ObjectionsOf(r.ctx, r.clinic, id)
	r.must(err)
	if len(own) != 1 || own[0].Note != "" || !own[0].Considered.IsZero() || own[0].ConsideredBy != "" {
		t.Errorf("the customer reads %+v", own)
	}
	if _, err := r.Verify(r.ctx, id); err != nil {
		t.Errorf("the case does not verify: %v", err)
	}
}

func isRefused(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// TestObjectionOfTheUntold: of a case that a customer was not told of, that is
// another's, or that there is not, the answer is one, and nothing is kept.
func TestObjectionOfTheUntold(t *testing.T) {
	r := newRig(t)
	told := r.toldCase()
	secret, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: r.epoc()})
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), secret.ID, Subject{Customer: r.clinic, How: "by name"})
	r.must(err)
	other, err := r.Vault.AddCustomer(r.ctx, "tidewater-press")
	r.must(err)
	in := r.objection("Not so.")
	in.Files = []DocumentInput{{Name: "a.txt", Body: []byte("a")}}
	theirs := in
	theirs.Customer = other.ID
	count := func() (n int) {
		rng := records.Prefix([]byte{tagDocket})
		for {
			page, more, err := r.records.Scan(r.ctx, rng)
			r.must(err)
			n += len(page)
			if !more {
				return n
			}
			rng.Start = append(page[len(page)-1].Key, 0)
		}
	}
	before := count()
	var texts []string
	for _, try := range []struct {
		id writ.CaseID
		in ObjectionInput
	}{{secret.ID, in}, {"2026-0000-0000", in}, {told, theirs}, {"", in}} {
		_, err := r.Object(r.ctx, try.id, try.in)
		isRefused(t, err, ErrUntold)
		texts = append(texts, err.Error())
		_, err = r.ObjectionsOf(r.ctx, try.in.Customer, try.id)
		isRefused(t, err, ErrUntold)
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("the answers differ: %q and %q", texts[0], text)
		}
	}
	if after := count(); after != before {
		t.Errorf("%d records more were kept of what was refused", after-before)
	}
}

// TestObjectionWhateverTheCaseBecame: once told, a customer is heard the same
// when the case has become secret since, or was closed: no answer tells which.
func TestObjectionWhateverTheCaseBecame(t *testing.T) {
	r := newRig(t)
	id := r.toldCase()
	_, err := r.Reply(r.ctx, r.who("mira"), id, Reply{Answer: "withdrawn", Reason: "the court took it back", Final: true})
	r.must(err)
	_, err = r.Close(r.ctx, r.who("mira"), id, 0, "")
	r.must(err)
	_, err = r.SetSecrecy(r.ctx, r.who("mira"), id, SecrecySet{Basis: writ.DatedOrder, Until: r.clock.now().Add(48 * time.Hour), Harms: []string{"flight"}, Reason: "an order that came later"})
	r.must(err)
	made, err := r.Object(r.ctx, id, r.objection("Still not mine."))
	r.must(err)
	c, err := r.Case(r.ctx, id)
	r.must(err)
	if needs := r.Needs(c); len(needs) == 0 || needs[0].Role != writ.RoleCounsel {
		t.Errorf("the closed case needs %+v", needs)
	}
	_, err = r.Consider(r.ctx, r.who("mira"), id, made.Number, "nothing follows")
	r.must(err)
}

// TestObjectionBounds: too much, of anything, is refused and kept nowhere.
func TestObjectionBounds(t *testing.T) {
	r := newRig(t)
	id := r.toldCase()
	file := DocumentInput{Name: "a.txt", Body: []byte("a")}
	for what, edit := range map[string]func(*ObjectionInput){
		"no text":        func(in *ObjectionInput) { in.Text = " \n" },
		"too long":       func(in *ObjectionInput) { in.Text = strings.Repeat("ä", MaxObjection+1) },
		"no text at all": func(in *ObjectionInput) { in.Text = "a\x00b" },
		"broken text":    func(in *ObjectionInput) { in.Text = "a\xffb" },
		"too many files": func(in *ObjectionInput) { in.Files = make([]DocumentInput, MaxObjectionFiles+1) },
		"a large file": func(in *ObjectionInput) {
			in.Files = []DocumentInput{{Name: "a", Body: make([]byte, MaxObjectionFile+1)}}
		},
		"an empty file":   func(in *ObjectionInput) { in.Files = []DocumentInput{file, {Name: "b"}} },
		"a nameless file": func(in *ObjectionInput) { in.Files = []DocumentInput{{Body: []byte("b")}} },
		"nobody":          func(in *ObjectionInput) { in.By = "" },
	} {
		in := r.objection("Not so.")
		edit(&in)
		if _, err := r.Object(r.ctx, id, in); !errors.Is(err, ErrBounds) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range maxObjections {
		text := "Not so."
		if n == 0 {
			text = "x" + strings.Repeat("\u2028", MaxObjection-1) // what needs most bytes as JSON
		}
		_, err := r.Object(r.ctx, id, r.objection(text))
		r.must(err)
	}
	_, err := r.Object(r.ctx, id, r.objection("Once more."))
	isRefused(t, err, ErrState)
	// The staff attaches nothing in a customer's name.
	_, err = r.Attach(r.ctx, r.who("mira"), id, DocumentInput{Kind: kindObjection, Name: "a.txt", Body: []byte("a")})
	isRefused(t, err, ErrBounds)
	_, err = r.Receive(r.ctx, r.who("noor"), Intake{Demand: r.epoc(), Documents: []DocumentInput{{Kind: kindObjection, Name: "a.txt", Body: []byte("a")}}})
	isRefused(t, err, ErrBounds)
	// Nor does a person object.
	_, err = r.move(r.ctx, r.who("mira"), id, func(records.Tx, *Case) ([]draft, error) {
		return []draft{{kind: CustomerObjected, body: objected{r.clinic, "credential X", "forged", nil}}}, nil
	})
	isRefused(t, err, ErrRole)
}
