//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"writ"
	"writ/internal/api"
	"writ/internal/folder"
	"writ/internal/staff"
)

// The people of the stories of demands, each with a token of their own role.
var people = []struct {
	name writ.Person
	role writ.Role
}{
	{"noor.adeyemi", writ.RoleIntake}, {"mira.lindqvist", writ.RoleCounsel}, {"theo.brandt", writ.RoleCounsel},
	{"ada.okafor", writ.RoleCustodian}, {"jun.park", writ.RoleCustodian}, {"lena.virtanen", writ.RoleCustodian},
	{"sam.ortiz", writ.RoleProduction}, {"esi.mensah", writ.RoleAuditor},
	// The right of the socket ends with the second operator.
	{"rui.falk", writ.RoleOperator}, {"iva.holm", writ.RoleOperator},
}

// staffed DATA registers the people of the stories on a running server. The
// token of each is in FIRSTNAME.token.
func staffed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: staffed DATA")
	}
	ctx := context.Background()
	c, err := api.Dial(ctx, folder.Folder(ts.MkAbs(args[0])))
	ts.Check(err)
	defer c.Close()
	desk := c.At("")
	for _, one := range people {
		path := "persons/" + string(one.name)
		ts.Check(desk.Do(ctx, "PUT", path, api.PersonInput{Name: string(one.name), Company: staff.Employee}, nil))
		ts.Check(desk.Do(ctx, "POST", path+"/roles", api.RoleInput{Role: one.role}, nil))
	}
	for _, one := range people {
		secret, reg := staff.NewToken()
		in := api.RegisterInput{TokenInput: api.TokenInput{Person: one.name, Roles: []writ.Role{one.role}}, Registration: reg.String()}
		ts.Check(desk.Do(ctx, "POST", "tokens/register", in, nil))
		first, _, _ := strings.Cut(string(one.name), ".")
		ts.Check(os.WriteFile(ts.MkAbs(first+".token"), []byte(secret+"\n"), 0o600))
	}
}

// ageKey FILE makes the key of an authority: FILE is the private one, FILE.pub
// what it gives to providers.
func ageKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: agekey FILE")
	}
	key, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(key.String()+"\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), []byte(key.Recipient().String()+"\n"), 0o600))
}

// caseIs NAME sets a variable to the case that the last command told of.
func caseIs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: case NAME")
	}
	for word := range strings.FieldsFuncSeq(ts.ReadFile("stdout"), func(r rune) bool { return r == ' ' || r == ':' || r == '\n' || r == '"' || r == ',' }) {
		if id, err := writ.ParseCaseID(word); err == nil {
			ts.Setenv(args[0], string(id))
			return
		}
	}
	ts.Fatalf("no case is told of in %q", ts.ReadFile("stdout"))
}

// answerAll PERSON DATA CASE answers yes to every question that law asks of a
// case, as counsel who has read it.
func answerAll(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: answers PERSON DATA CASE")
	}
	ctx := context.Background()
	c, err := api.Dial(ctx, folder.Folder(ts.MkAbs(args[1])))
	ts.Check(err)
	defer c.Close()
	desk := c.At(strings.TrimSpace(ts.ReadFile(args[0] + ".token")))
	one, err := desk.Case(ctx, args[2])
	ts.Check(err)
	facts := map[string]string{}
	for _, q := range one.Questions {
		facts[q.ID] = "yes"
	}
	_, err = desk.Move(ctx, args[2], "facts", api.FactsInput{Facts: facts})
	ts.Check(err)
}

// rules PERSON DATA CASE sets STANDING to the rules of the findings that stand
// against a case.
func rules(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: standing PERSON DATA CASE")
	}
	ctx := context.Background()
	c, err := api.Dial(ctx, folder.Folder(ts.MkAbs(args[1])))
	ts.Check(err)
	defer c.Close()
	one, err := c.At(strings.TrimSpace(ts.ReadFile(args[0]+".token"))).Case(ctx, args[2])
	ts.Check(err)
	var all []string
	for _, f := range one.Findings {
		if f.Outcome != "pass" && !f.Determined {
			all = append(all, f.Rule)
		}
	}
	ts.Setenv("STANDING", strings.Join(all, ","))
}

// noticed DATA PERSON CASE waits until the customer has the notices of a case.
func noticed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: noticed PERSON DATA CASE")
	}
	ctx := context.Background()
	c, err := api.Dial(ctx, folder.Folder(ts.MkAbs(args[1])))
	ts.Check(err)
	defer c.Close()
	desk := c.At(strings.TrimSpace(ts.ReadFile(args[0] + ".token")))
	for range 1200 {
		one, err := desk.Case(ctx, args[2])
		ts.Check(err)
		done := len(one.Notices) > 0
		for _, n := range one.Notices {
			done = done && !n.Accepted.IsZero()
		}
		if done {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the customer was not told")
}

// inbox PERSON DATA CUSTOMER DIR saves the newest message of a customer's inbox
// into a new folder: message.txt, its files, and each receipt in one of its own.
func inbox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: inbox PERSON DATA CUSTOMER DIR")
	}
	ctx := context.Background()
	c, err := api.Dial(ctx, folder.Folder(ts.MkAbs(args[1])))
	ts.Check(err)
	defer c.Close()
	desk := c.At(strings.TrimSpace(ts.ReadFile(args[0] + ".token")))
	var page api.InboxPage
	ts.Check(desk.Do(ctx, "GET", "customers/"+args[2]+"/inbox", nil, &page))
	if len(page.Items) == 0 {
		ts.Fatalf("the inbox of %s is empty", args[2])
	}
	var m api.InboxMessage
	ts.Check(desk.Do(ctx, "GET", "customers/"+args[2]+"/inbox/message?"+url.Values{"id": {page.Items[0].ID}}.Encode(), nil, &m))
	dir := ts.MkAbs(args[3])
	ts.Check(os.Mkdir(dir, 0o700))
	ts.Check(os.WriteFile(filepath.Join(dir, "message.txt"), []byte(m.Subject+"\n\n"+m.Text), 0o600))
	for _, f := range m.Files {
		ts.Check(os.WriteFile(filepath.Join(dir, filepath.Base(f.Name)), f.Body, 0o600))
		if !strings.HasSuffix(f.Name, ".jsonl") {
			continue
		}
		for i, line := range strings.Split(strings.TrimSpace(string(f.Body)), "\n") {
			ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.receipt.json", i)), []byte(line), 0o600))
		}
	}
}

// escalate PERSON DATA ROLE: a token asks for one with a role that it does not
// carry, and for that role of its person; both must be refused.
func escalate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: escalate PERSON DATA ROLE")
	}
	ctx := context.Background()
	c, err := api.Dial(ctx, folder.Folder(ts.MkAbs(args[1])))
	ts.Check(err)
	defer c.Close()
	desk := c.At(strings.TrimSpace(ts.ReadFile(args[0] + ".token")))
	var me api.Me
	ts.Check(desk.Do(ctx, "GET", "me", nil, &me))
	var problem *api.Problem
	role := writ.Role(args[2])
	if err := desk.Do(ctx, "POST", "tokens", api.TokenInput{Person: me.Person, Roles: []writ.Role{role}}, nil); !errors.As(err, &problem) {
		ts.Fatalf("%s has a token of %s: %v", me.Person, role, err)
	}
	if err := desk.Do(ctx, "POST", "persons/"+string(me.Person)+"/roles", api.RoleInput{Role: role}, nil); !errors.As(err, &problem) {
		ts.Fatalf("%s proposed itself as %s: %v", me.Person, role, err)
	}
}

// audited PERSON DATA WHO [ACT]: refusals of somebody are in the audit trail.
func audited(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 && len(args) != 4 {
		ts.Fatalf("usage: audited PERSON DATA WHO [ACT]")
	}
	ctx := context.Background()
	c, err := api.Dial(ctx, folder.Folder(ts.MkAbs(args[1])))
	ts.Check(err)
	defer c.Close()
	desk := c.At(strings.TrimSpace(ts.ReadFile(args[0] + ".token")))
	var page api.AuditPage
	ts.Check(desk.Do(ctx, "GET", "audit?"+url.Values{"who": {args[2]}, "outcome": {"refused"}}.Encode(), nil, &page))
	found := false
	for _, e := range page.Entries {
		ts.Logf("%s %s %s: %s", e.Who, e.Act, e.Object, e.Why)
		found = found || len(args) == 3 || e.Act == args[3]
	}
	if !found {
		ts.Fatalf("no such refusal is in the audit trail: %q", args[2:])
	}
}

// TestTokensFile: a token that others can read is refused, so is one that is
// given twice.
func TestTokensFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "noor.token")
	if err := os.WriteFile(name, []byte("  writ_x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readToken(name); err != nil || got != "writ_x" {
		t.Errorf("%q %v", got, err)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := readToken(name); err == nil {
		t.Error("a token that a group can read is taken")
	}
	t.Setenv(tokenEnv, "writ_y")
	if _, err := (&seat{tokenFile: name}).token(); err == nil {
		t.Error("two tokens are taken for one")
	}
	if os.Getenv(tokenEnv) != "" {
		t.Error("the token stays in the environment")
	}
}

// TestLeft: what is left of a deadline, in words.
func TestLeft(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for want, d := range map[string]time.Duration{
		"6 h 12 min left": 6*time.Hour + 12*time.Minute + 40*time.Second, "9 d 23 h left": 10*24*time.Hour - time.Minute,
		"59 min left": time.Hour - time.Second, "late by 1 h 5 min": -65 * time.Minute, "0 min left": 0,
	} {
		if got := left(now.Add(d), now); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	if left(time.Time{}, now) != "" {
		t.Error("no deadline has something left")
	}
}

// TestScopeFlags: content takes a bucket, other data take none; a version is
// told from a key that has an @ of its own.
func TestScopeFlags(t *testing.T) {
	content, subscriber := []writ.DataClass{writ.ClassContent}, []writ.DataClass{writ.ClassSubscriber}
	if _, err := (&scopeFlags{}).scope(content); err == nil {
		t.Error("content without a bucket is a scope")
	}
	if s, err := (&scopeFlags{}).scope(subscriber); err != nil || len(s.Buckets) > 0 || s.Check() != nil {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := (&scopeFlags{prefixes: []string{"letters/"}}).scope(subscriber); err == nil {
		t.Error("a prefix without a bucket is a scope")
	}
	s, err := (&scopeFlags{bucket: "ward-seven", objects: []string{"a@b@v1", "c"}, tags: []string{"ward=7"}, from: "2026-01-01"}).scope(content)
	if err != nil || s.Check() != nil {
		t.Fatal(err, s.Check())
	}
	if o := s.Buckets[0].Objects; o[0].Key != "a@b" || o[0].Version != "v1" || o[1].Key != "c" || o[1].Version != "" {
		t.Errorf("%+v", o)
	}
	if _, err := (&scopeFlags{bucket: "ward-seven", file: "scope.json"}).scope(content); err == nil {
		t.Error("a file and flags are one scope")
	}
}

// TestHostileTextIsShown: what authorities write never reaches the terminal.
func TestHostileTextIsShown(t *testing.T) {
	for _, text := range []string{"\x1b]0;owned\x07", "a\nb", "\u202egnp.exe", "\x9b31m"} {
		if got := shown(text); strings.ContainsAny(got, "\x1b\x07\n\u202e") || strings.Contains(got, "\x9b") {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// random is so many bytes of nothing, for files that are too large.
func random(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: random FILE MIB")
	}
	var mib int
	if _, err := fmt.Sscan(args[1], &mib); err != nil {
		ts.Fatalf("%s is no number", args[1])
	}
	b := make([]byte, mib<<20)
	rand.Read(b)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}
