package api_test

import (
	"bufio"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/vault"
)

// TestMinePowers holds every operation against the table: nobody, a credential,
// a session, a session of long ago, and one of the future.
func TestMinePowers(t *testing.T) {
	a := newAccounts(t)
	f, err := os.Open("testdata/mine-powers.txt")
	a.Must(err)
	defer f.Close()
	table := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) == 2 && words[0] != "#" {
			table[words[0]] = words[1]
		}
	}
	all := a.operations()
	for _, op := range all {
		want, known := table[op.ID]
		if !known || want != "fresh" && want != "session" {
			t.Errorf("%s is not in testdata/mine-powers.txt", op.ID)
			continue
		}
		delete(table, op.ID)
		if op.Summary == "" || !strings.Contains(op.Description, "Takes: credential") {
			t.Errorf("%s is not described: %q %q", op.ID, op.Summary, op.Description)
		}
		if status, text := a.tried(nil, op); status != 401 || !strings.Contains(text, `"owner"`) {
			t.Errorf("%s by nobody: %d %s", op.ID, status, text)
		}
		for what, o := range map[string]api.Owner{"long ago": a.user(6 * time.Minute), "never": {Customer: a.Owner.Customer, By: "console ines session s-1", Session: "s-1"}, "in the future": a.user(-time.Hour)} {
			before := a.Kept()
			status, text := a.tried(&o, op)
			if refused := status == 403 && strings.Contains(text, `"step-up"`); refused != (want == "fresh") {
				t.Errorf("%s by a session verified %s: %d %s", op.ID, what, status, text)
			}
			if want == "fresh" && !maps.Equal(before, a.Kept()) {
				t.Errorf("%s by a session verified %s was refused, and changed the records", op.ID, what)
			}
		}
		for what, o := range map[string]api.Owner{"a credential": a.key(), "a session": a.user(4 * time.Minute)} {
			if status, text := a.tried(&o, op); status == 401 || status == 403 || status >= 500 {
				t.Errorf("%s by %s: %d %s", op.ID, what, status, text)
			}
		}
	}
	for id := range table {
		t.Errorf("testdata/mine-powers.txt has %s, which is no operation", id)
	}
}

// TestMineOwnerForms: who does not say properly who it is, is nobody; no header
// or path says it.
func TestMineOwnerForms(t *testing.T) {
	a := newAccounts(t)
	id := a.Owner.Customer
	for what, o := range map[string]api.Owner{
		"nothing": {}, "no customer": {By: byKey}, "no id": {Customer: "harbour-clinic", By: byKey}, "nobody": {Customer: id},
		"no key": {Customer: id, By: "credential "}, "a user without a session": {Customer: id, By: "console ines session s-1"},
		"a session that is a key": {Customer: id, By: byKey, Session: "s-1"}, "a line feed": {Customer: id, By: "console ines\n session s-1", Session: "s-1"},
		"a name without end": {Customer: id, By: "console " + strings.Repeat("x", 1000), Session: "s-1"},
		"a key with a space": {Customer: id, By: "credential console ines"},
	} {
		if status, text := a.raw(&o, "GET", "/v1/my/status", "", ""); status != 401 {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	for _, path := range []string{"/v1/my/openapi.json", "/v1/my/status?customer=" + string(id)} {
		if status, _ := a.raw(nil, "GET", path, "", ""); status != 401 {
			t.Errorf("%s by nobody: %d", path, status)
		}
	}
}

// TestMineOfOthers: another customer's bucket, object, credential, notice, file,
// demand are answered as what is not there, byte for byte.
func TestMineOfOthers(t *testing.T) {
	a := newAccounts(t)
	a.Put("letters/calder", "the fever is gone")
	id := a.told("26-SW-118")
	made, err := a.Vault.AddCredential(a.Ctx, a.Owner.Customer)
	a.Must(err)
	notice := "notice/" + string(id) + "/before"
	press := api.Owner{Customer: a.press.Customer, By: "credential WRITOTHERCREDENTIAL0", Addr: netip.MustParseAddr("192.0.2.8")}
	form := "--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nNot so.\r\n--x--\r\n"
	for _, try := range []struct{ method, path, theirs, none, media, body string }{
		{"GET", "/v1/my/buckets/*/objects", "ward-seven", "ward-none", "", ""},
		{"GET", "/v1/my/buckets/*/versions?key=letters%2Fcalder", "ward-seven", "ward-none", "", ""},
		{"GET", "/v1/my/buckets/*/object?key=letters%2Fcalder", "ward-seven", "ward-none", "", ""},
		{"GET", "/v1/my/buckets/*/content?key=letters%2Fcalder", "ward-seven", "ward-none", "", ""},
		{"PUT", "/v1/my/buckets/*/content?key=letters%2Fcalder", "ward-seven", "ward-none", "text/plain", "forged"},
		{"DELETE", "/v1/my/buckets/*/object?key=letters%2Fcalder", "ward-seven", "ward-none", "", ""},
		{"DELETE", "/v1/my/credentials/*", string(made.ID), "WRIT0000000000000000", "", ""},
		{"GET", "/v1/my/notices/message?id=*", notice, "notice/2026-0000-0000/before", "", ""},
		{"GET", "/v1/my/notices/file?name=demand.pdf&id=*", notice, "notice/2026-0000-0000/before", "", ""},
		{"GET", "/v1/my/demands/*", string(id), "2026-0000-0000", "", ""},
		{"POST", "/v1/my/demands/*/objections", string(id), "2026-0000-0000", "multipart/form-data; boundary=x", form},
		{"POST", "/v1/my/demands/*/objections", string(id), "no-case-at-all", "multipart/form-data; boundary=x", form},
	} {
		before := a.Kept()
		s1, t1 := a.raw(&press, try.method, strings.Replace(try.path, "*", try.theirs, 1), try.media, try.body)
		s2, t2 := a.raw(&press, try.method, strings.Replace(try.path, "*", try.none, 1), try.media, try.body)
		if s1 != 404 || s1 != s2 || t1 != t2 {
			t.Errorf("%s %s: another's is %d %s, and none is %d %s", try.method, try.path, s1, t1, s2, t2)
		}
		if !maps.Equal(before, a.Kept()) {
			t.Errorf("%s %s changed the records", try.method, try.path)
		}
	}
	own := a.own(press)
	notices, err := own.Notices(a.Ctx, "", 0)
	a.Must(err)
	demands, err := own.Demands(a.Ctx)
	a.Must(err)
	buckets, err := own.Buckets(a.Ctx, "", "", 0)
	a.Must(err)
	if len(notices.Notices)+len(demands) != 0 || len(buckets.Buckets) != 1 || buckets.Buckets[0].Name != "proofs" {
		t.Errorf("another customer sees %+v %+v %+v", notices, demands, buckets)
	}
	if all, err := a.Vault.Credentials(a.Ctx, a.Owner.Customer); err != nil || !slices.ContainsFunc(all, func(c vault.Credential) bool { return c.ID == made.ID }) {
		t.Errorf("the credential is gone: %+v %v", all, err)
	}
}

// TestMineIsSilent: what a customer gets to see is the same, byte for byte, with
// a secret case that has preserved, opened and produced its data, and without.
func TestMineIsSilent(t *testing.T) {
	a := newAccounts(t)
	a.Put("letters/calder", "the fever is gone")
	seen := func() map[string]string {
		t.Helper()
		out := map[string]string{}
		o := a.key()
		for _, op := range a.operations() {
			if op.Method != "GET" || strings.HasPrefix(op.ID, "my-journal") || op.ID == "my-keys" || op.ID == "my-status" {
				continue // what the reading itself moves is compared below
			}
			op.Path = strings.ReplaceAll(op.Path, "{bucket}", "ward-seven")
			status, text := a.tried(&o, op)
			out[op.ID] = string(rune(status)) + text
		}
		s, err := a.own(o).Status(a.Ctx)
		a.Must(err)
		s.Journal = nil
		out["my-status"] = s.By + s.Name + string(rune(s.Bytes)) + string(rune(s.Objects)) + string(rune(s.KeyVersion))
		j, err := a.own(o).Journal(a.Ctx, api.MyJournalQuery{})
		a.Must(err)
		for _, e := range j.Entries {
			if e.Request != "r1" { // not what is asked here
				out["my-journal"] += e.Op + string(e.Reason) + string(e.Key) + "\n"
			}
		}
		k, err := a.own(o).Keys(a.Ctx)
		a.Must(err)
		out["my-keys"] = string(rune(k.Version)) + k.Made.String() + string(rune(len(k.Rotations)))
		return out
	}
	before := seen()
	c := a.Produced("7 Gs 412/26") // statutory secrecy
	after := seen()
	if len(before) < 12 {
		t.Fatalf("only %d answers are compared", len(before))
	}
	for op, was := range before {
		if after[op] != was {
			t.Errorf("%s tells of it: %q, and before %q", op, after[op], was)
		}
	}
	if _, err := a.own(a.key()).ObjectTo(a.Ctx, c.Case, "I know of it", nil); err == nil {
		t.Error("a secret case takes an objection")
	} else {
		isCode(t, err, 404, "no-demand")
	}
	// Then secrecy lifts, and all of it is told, with proofs.
	_, err := a.Desk("mira").Move(a.Ctx, string(c.Case), "lift", api.ReasonInput{Reason: "released"})
	a.Must(err)
	var proofs []api.MyProof
	for end := time.Now().Add(time.Minute); len(proofs) == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		proofs, err = a.own(a.key()).Proofs(a.Ctx)
		a.Must(err)
	}
	if len(proofs) != 1 || proofs[0].Case != c.Case || proofs[0].File.Size == 0 {
		t.Fatalf("the proofs are %+v", proofs)
	}
	var found bool
	for end := time.Now().Add(time.Minute); !found && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		j, err := a.own(a.key()).Journal(a.Ctx, api.MyJournalQuery{Right: string(writ.ReasonWrit)})
		a.Must(err)
		found = len(j.Entries) > 0
	}
	if !found {
		t.Error("the opening did not join the journal")
	}
}
