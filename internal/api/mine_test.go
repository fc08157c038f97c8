package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/notice"
	"writ/internal/vault"
)

// calder stores a letter, if it is not there, and says how to read it.
func (a *accounts) calder() vault.GetInput {
	in := vault.GetInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: "letters/calder"}}
	if _, err := a.Vault.Head(a.Ctx, a.Owner, in); err != nil {
		a.Put("letters/calder", "the fever is gone")
	}
	return in
}

func (a *accounts) read(resp *http.Response, err error) string {
	a.T.Helper()
	a.Must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	a.Must(err)
	return string(b)
}

// TestMineObjects: a user of the console stores, lists, reads, and deletes, and
// the journal says that it was this user.
func TestMineObjects(t *testing.T) {
	a := newAccounts(t)
	o := a.own(a.user(0))
	a.Must(a.Vault.SetVersioning(a.Ctx, a.Owner, "ward-seven", vault.VersioningEnabled))
	large := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB: streams
	for key, body := range map[string][]byte{"letters/calder": []byte("the fever is gone"), "letters/calder.old": []byte("x"), "letters/naïve name+1": []byte("y"), "scans/a/b": large, "empty": {}} {
		v, err := o.Upload(a.Ctx, api.Upload{Bucket: "ward-seven", Key: key, ContentType: "text/plain", Body: bytes.NewReader(body), Size: int64(len(body))})
		a.Must(err)
		if string(v.Key) != key || v.Size != int64(len(body)) || v.Version == "" {
			t.Errorf("stored %+v", v)
		}
	}
	_, err := o.Upload(a.Ctx, api.Upload{Bucket: "ward-seven", Key: "letters/calder", New: true, Body: strings.NewReader("z"), Size: 1})
	isCode(t, err, 412, "precondition")
	long := strings.Repeat("of a length that nobody knows. ", 10_000)
	if v, err := o.Upload(a.Ctx, api.Upload{Bucket: "ward-seven", Key: "unknown", Body: strings.NewReader(long), Size: -1}); err != nil || v.Size != int64(len(long)) {
		t.Errorf("a length that is not known: %d, %v", v.Size, err)
	}
	if _, err := o.Upload(a.Ctx, api.Upload{Bucket: "ward-seven", Key: "broken", Body: io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)), Size: -1}); err == nil {
		t.Error("half a body of unknown length is taken for a whole one")
	}
	if _, err := o.Object(a.Ctx, "ward-seven", "broken", ""); err == nil {
		t.Error("half a body of unknown length was kept")
	}
	_, err = o.Delete(a.Ctx, "ward-seven", "unknown", "")
	a.Must(err)
	_, err = o.Upload(a.Ctx, api.Upload{Bucket: "ward-seven", Key: "cut", Body: strings.NewReader("short"), Size: 500})
	isCode(t, err, 400, "incomplete")
	page, err := o.Objects(a.Ctx, "ward-seven", api.ListObjects{Delimiter: "/"})
	a.Must(err)
	if len(page.Objects) != 1 || page.Objects[0].Key != "empty" || !slices.Equal(page.Prefixes, []string{"letters/", "scans/"}) || page.Next != "" {
		t.Errorf("the bucket lists %+v", page)
	}
	page, err = o.Objects(a.Ctx, "ward-seven", api.ListObjects{Prefix: "letters/", Limit: 2})
	a.Must(err)
	if len(page.Objects) != 2 || page.Next == "" {
		t.Fatalf("a page of two: %+v", page)
	}
	if page, err = o.Objects(a.Ctx, "ward-seven", api.ListObjects{Prefix: "letters/", After: page.Next}); err != nil || len(page.Objects) != 1 || page.Objects[0].Key != "letters/naïve name+1" {
		t.Errorf("the next page: %+v %v", page, err)
	}
	_, err = o.Objects(a.Ctx, "ward-seven", api.ListObjects{Limit: 1001})
	isCode(t, err, 422, "")
	if got := a.read(o.Download(a.Ctx, "ward-seven", "scans/a/b", "", "")); got != string(large) {
		t.Errorf("%d bytes came back", len(got))
	}
	for span, want := range map[string]string{"bytes=0-2": "the", "bytes=4-": "fever is gone", "bytes=-4": "gone", "bytes=0-99999": "the fever is gone"} {
		resp, err := o.Download(a.Ctx, "ward-seven", "letters/calder", "", span)
		if err != nil || resp.StatusCode != 206 {
			t.Errorf("%s: %v", span, err)
			continue
		}
		if got := a.read(resp, nil); got != want || resp.ContentLength != int64(len(want)) || !strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes ") {
			t.Errorf("%s: %q, %d bytes, %q", span, got, resp.ContentLength, resp.Header.Get("Content-Range"))
		}
		if h := resp.Header; !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("Content-Type") != "application/octet-stream" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("the content can be shown as a page: %v", h)
		}
	}
	for _, span := range []string{"bytes=99-", "bytes=5-2", "bytes=0-1,3-4", "bytes=-0", "bytes=x", "lines=0-1", "bytes=-"} {
		_, err := o.Download(a.Ctx, "ward-seven", "letters/calder", "", span)
		isCode(t, err, 416, "range")
	}
	head, err := o.Object(a.Ctx, "ward-seven", "letters/calder", "")
	if err != nil || head.ContentType != "text/plain" || head.Size != 17 || head.LegalHold || head.Retention != nil {
		t.Errorf("the object is %+v, %v", head, err)
	}
	deleted, err := o.Delete(a.Ctx, "ward-seven", "letters/calder", "")
	if err != nil || !deleted.Marker {
		t.Errorf("deleted %+v %v", deleted, err)
	}
	_, err = o.Object(a.Ctx, "ward-seven", "letters/calder", "")
	isCode(t, err, 404, "no-object")
	versions, err := o.Versions(a.Ctx, "ward-seven", "letters/calder", "", 1)
	a.Must(err)
	if len(versions.Versions) != 1 || !versions.Versions[0].Marker || versions.Next == "" {
		t.Fatalf("the versions are %+v", versions)
	}
	versions, err = o.Versions(a.Ctx, "ward-seven", "letters/calder", string(versions.Next), 1000)
	a.Must(err)
	if len(versions.Versions) != 1 || versions.Versions[0].Version != head.Version || versions.Next != "" {
		t.Errorf("the versions behind are %+v", versions)
	}
	if got := a.read(o.Download(a.Ctx, "ward-seven", "letters/calder", string(head.Version), "")); got != "the fever is gone" {
		t.Errorf("the version is %q", got)
	}
	journal, err := o.Journal(a.Ctx, api.MyJournalQuery{Bucket: "ward-seven", Prefix: "letters/", Right: string(writ.ReasonOwner)})
	a.Must(err)
	if len(journal.Entries) < 8 {
		t.Fatalf("the journal has %d entries", len(journal.Entries))
	}
	for _, e := range journal.Entries {
		if e.Credential != "console ines session s-1" {
			t.Errorf("the journal says that it was %q", e.Credential)
		}
	}
}

// TestMineAccount: the account, credentials, and keys.
func TestMineAccount(t *testing.T) {
	a := newAccounts(t)
	a.Put("letters/calder", "the fever is gone")
	a.Must(a.Vault.SetQuota(a.Ctx, a.Owner.Customer, vault.Quota{Bytes: 1 << 20}))
	mine, err := a.Vault.AddCredential(a.Ctx, a.Owner.Customer)
	a.Must(err)
	who := a.key()
	who.By = "credential " + string(mine.ID)
	o := a.own(who)
	s, err := o.Status(a.Ctx)
	a.Must(err)
	if s.Name != "harbour-clinic" || s.By != who.By || s.Bytes != 17 || s.Objects != 1 || s.Quota.Bytes != 1<<20 || s.Custody != "managed" || s.KeyVersion != 1 || s.Journal == nil {
		t.Errorf("the account is %+v", s)
	}
	_, err = o.Upload(a.Ctx, api.Upload{Bucket: "ward-seven", Key: "too much", Body: bytes.NewReader(make([]byte, 1<<20)), Size: 1 << 20})
	isCode(t, err, 403, "quota")
	buckets, err := o.Buckets(a.Ctx, "", "", 0)
	a.Must(err)
	if len(buckets.Buckets) != 1 || buckets.Buckets[0].Custody != "managed" || buckets.Buckets[0].Versioning != "off" {
		t.Errorf("the buckets are %+v", buckets)
	}
	// The secret is told once, opens, and stops opening.
	made, err := o.AddCredential(a.Ctx)
	a.Must(err)
	if made.SecretKey == "" || made.Endpoint == "" {
		t.Errorf("made %+v", made)
	}
	all, err := o.Credentials(a.Ctx)
	a.Must(err)
	if len(all) != 2 || all[0].SecretKey+all[1].SecretKey != "" || all[0].Yours == all[1].Yours {
		t.Errorf("the credentials are %+v", all)
	}
	isCode(t, o.RemoveCredential(a.Ctx, mine.ID), 409, "own-credential")
	a.Must(o.RemoveCredential(a.Ctx, made.AccessKey))
	isCode(t, o.RemoveCredential(a.Ctx, made.AccessKey), 404, "no-credential")
	a.Must(a.own(a.user(0)).RemoveCredential(a.Ctx, mine.ID)) // a user is signed in otherwise
	// Keys.
	done, err := o.Rotate(a.Ctx, nil)
	a.Must(err)
	if done.KeyVersion != 2 || done.Rewrapped != 1 {
		t.Errorf("rotated %+v", done)
	}
	_, err = o.Rotate(a.Ctx, nil)
	isCode(t, err, 429, "rotated")
	a.Pass(time.Hour + time.Minute)
	_, err = o.Rotate(a.Ctx, nil)
	a.Must(err)
	k, err := o.Keys(a.Ctx)
	a.Must(err)
	if k.Version != 3 || k.Oldest != 1 || k.Cut || len(k.Rotations) != 3 || k.Rotations[0].Op != "rotate" || k.Rotations[2].Op != "add-customer" || !k.Rotations[0].At.After(k.Rotations[1].At) {
		t.Errorf("the keys are %+v", k)
	}
	if got := a.read(o.Download(a.Ctx, "ward-seven", "letters/calder", "", "")); got != "the fever is gone" {
		t.Errorf("after two rotations: %q", got)
	}
}

// TestMineJournal: pages from the newest back, filters, days, the whole as a
// file, the bundle.
func TestMineJournal(t *testing.T) {
	a := newAccounts(t)
	for n := range 7 {
		a.Put(writ.ObjectKey(fmt.Sprintf("letters/%d", n)), "x")
	}
	middle := a.Now()
	a.Pass(25 * time.Hour)
	a.Put("scans/a", "y")
	o := a.own(a.key())
	var seqs []uint64
	q := api.MyJournalQuery{Limit: 3, Right: string(writ.ReasonOwner), Bucket: "ward-seven"}
	for range 10 {
		page, err := o.Journal(a.Ctx, q)
		a.Must(err)
		if len(page.Entries) > 3 || page.Cut {
			t.Fatalf("a page of three has %d, cut %v", len(page.Entries), page.Cut)
		}
		for _, e := range page.Entries {
			seqs = append(seqs, e.Seq)
		}
		if q.Before = page.Next; q.Before == 0 {
			break
		}
	}
	if len(seqs) != 8 || !slices.IsSortedFunc(seqs, func(x, y uint64) int { return int(y) - int(x) }) {
		t.Errorf("the pages hold %v", seqs)
	}
	for want, q := range map[int]api.MyJournalQuery{
		7: {Prefix: "letters/"}, 1: {Prefix: "scans/"}, 0: {Bucket: "ward-none"},
	} {
		if page, err := o.Journal(a.Ctx, q); err != nil || len(page.Entries) != want {
			t.Errorf("%+v: %d entries, %v", q, len(page.Entries), err)
		}
	}
	page, err := o.Journal(a.Ctx, api.MyJournalQuery{From: middle.Add(time.Hour), Bucket: "ward-seven"})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Key != "scans/a" {
		t.Errorf("from: %+v, %v", page, err)
	}
	page, err = o.Journal(a.Ctx, api.MyJournalQuery{Until: middle.Add(time.Hour), Bucket: "ward-seven"})
	if err != nil || len(page.Entries) != 7 {
		t.Errorf("until: %d, %v", len(page.Entries), err)
	}
	_, err = o.Journal(a.Ctx, api.MyJournalQuery{Right: "curiosity"})
	isCode(t, err, 422, "")
	sum, err := o.JournalSummary(a.Ctx, 3)
	a.Must(err)
	total := int64(0)
	for _, d := range sum.Days {
		total += d.Uses[writ.ReasonOwner]
	}
	if len(sum.Days) != 3 || sum.Cut || sum.Days[2].Day != a.Now().UTC().Format(time.DateOnly) || total < 8 || sum.Days[2].Uses[writ.ReasonOwner] == 0 {
		t.Errorf("the summary is %+v", sum)
	}
	_, err = o.JournalSummary(a.Ctx, 91)
	isCode(t, err, 422, "")
	raw, err := o.JournalRaw(a.Ctx)
	a.Must(err)
	b, err := io.ReadAll(raw)
	a.Must(err)
	if lines := strings.Count(string(b), "\n"); lines < 9 || strings.Count(string(b), `"op":"put"`) != 8 || !strings.Contains(string(b), `"op":"journal"`) {
		t.Errorf("the file has %d lines", lines)
	}
	bundle, err := o.JournalBundle(a.Ctx, 3, 12)
	a.Must(err)
	b, err = io.ReadAll(bundle)
	if err != nil || string(b) != fmt.Sprintf("%s WRITTESTCREDENTIAL00 3 12\n", a.Owner.Customer) {
		t.Errorf("the bundle is %q, %v", b, err)
	}
	_, err = o.JournalBundle(a.Ctx, 99, 0)
	isCode(t, err, 416, "not-kept")
}

// TestMineJournalIsBounded: a long journal is looked through in pieces, and each
// says where it stopped, so that a reader who asks on misses nothing.
func TestMineJournalIsBounded(t *testing.T) {
	a := newAccounts(t)
	a.Put("scans/old", "y")
	a.Put("letters/calder", "x")
	for range 41_000 {
		got, err := a.Vault.Get(a.Ctx, a.Owner, vault.GetInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: "letters/calder"}})
		a.Must(err)
		got.Body.Close()
	}
	o := a.own(a.key())
	q := api.MyJournalQuery{Prefix: "scans/"}
	var found []api.Entry
	pieces := 0
	for {
		start := time.Now()
		page, err := o.Journal(a.Ctx, q)
		a.Must(err)
		if pieces++; pieces > 5 {
			t.Fatal("it does not come to an end")
		}
		t.Logf("a piece took %v", time.Since(start))
		found = append(found, page.Entries...)
		if page.Next == 0 {
			break
		}
		if !page.Cut || page.Next >= q.Before && q.Before > 0 {
			t.Fatalf("it goes on at %d, and was at %d, without saying that it was cut", page.Next, q.Before)
		}
		q.Before = page.Next
	}
	if pieces < 3 || len(found) != 1 || found[0].Key != "scans/old" {
		t.Errorf("%d pieces found %+v", pieces, found)
	}
	if k, err := o.Keys(a.Ctx); err != nil || !k.Cut {
		t.Errorf("the keys are %+v, %v", k, err)
	}
	sum, err := o.JournalSummary(a.Ctx, 2)
	if err != nil || sum.Cut || sum.Days[0].Uses[writ.ReasonOwner]+sum.Days[1].Uses[writ.ReasonOwner] < 41_000 {
		t.Errorf("the summary is %+v, %v", sum, err)
	}
}

// TestMineTold: from a notice over its file to an objection, which counsel sees
// and considers.
func TestMineTold(t *testing.T) {
	a := newAccounts(t)
	id := a.told("26-SW-118")
	o := a.own(a.user(0))
	list, err := o.Notices(a.Ctx, "", 0)
	a.Must(err)
	if len(list.Notices) != 1 || list.Notices[0].Case != id || list.Notices[0].Text != "" || list.Notices[0].Sealed {
		t.Fatalf("the notices are %+v", list)
	}
	n, err := o.Notice(a.Ctx, list.Notices[0].ID)
	a.Must(err)
	if !strings.Contains(n.Text, "District Court of New Arden") || len(n.Files) != 2 {
		t.Errorf("the notice is %+v", n)
	}
	again, err := o.Notice(a.Ctx, n.ID)
	if err != nil || again.Read.IsZero() {
		t.Errorf("it does not count as read: %+v %v", again, err)
	}
	copied, err := o.NoticeFile(a.Ctx, n.ID, "demand.pdf")
	a.Must(err)
	b, err := io.ReadAll(copied)
	if err != nil || !strings.Contains(string(b), "a subpoena: 26-SW-118") {
		t.Errorf("the demand's copy is %q, %v", b, err)
	}
	text := "It is not mine.\nWhoever is meant is somebody else."
	made, err := o.ObjectTo(a.Ctx, id, text, []api.ObjectionFile{{Name: "Vertrag für alle.pdf", Body: []byte("%PDF-1.7 a contract")}})
	a.Must(err)
	d, err := o.Demand(a.Ctx, id)
	a.Must(err)
	if len(d.Objections) != 1 || d.Objections[0].Text != text || d.Objections[0].Files != 1 || d.Objections[0].By != "console ines session s-1" || len(d.Notices) != 1 {
		t.Errorf("the demand is %+v", d)
	}
	mira := a.Desk("mira")
	c, err := mira.Case(a.Ctx, string(id))
	a.Must(err)
	if made.Number != 1 || d.Objections[0].Number != 1 || c.Objections[0].Number == 1 {
		t.Errorf("the customer counts %d and %d, the case %d: its events must not be told", made.Number, d.Objections[0].Number, c.Objections[0].Number)
	}
	if len(c.Objections) != 1 || c.Objections[0].Text != text || len(c.Needs) == 0 || !strings.Contains(c.Needs[0].What, "objected") || !slices.Contains(c.Waits, writ.RoleCounsel) {
		t.Errorf("counsel sees %+v, and needs %+v", c.Objections, c.Needs)
	}
	file, err := mira.Document(a.Ctx, string(id), c.Objections[0].Documents[0].String())
	a.Must(err)
	b, err = io.ReadAll(file)
	if err != nil || string(b) != "%PDF-1.7 a contract" {
		t.Errorf("counsel reads %q, %v", b, err)
	}
	_, err = a.Desk("sam").Move(a.Ctx, string(id), "consider", api.ConsiderInput{Objection: c.Objections[0].Number, Note: "seen"})
	isCode(t, err, 403, "role")
	if c, err = mira.Move(a.Ctx, string(id), "consider", api.ConsiderInput{Objection: c.Objections[0].Number, Note: "somebody else is meant"}); err != nil || c.Objections[0].ConsideredBy != "mira.lindqvist" {
		t.Errorf("considered: %+v %v", c.Objections, err)
	}
	if again, err := o.Demand(a.Ctx, id); err != nil || fmt.Sprint(again.Objections) != fmt.Sprint(d.Objections) {
		t.Errorf("the customer sees what counsel makes of it: %+v", again.Objections)
	}
}

// TestMineObjectionForms: a form that is too much, or none, is refused before
// anything of it is kept.
func TestMineObjectionForms(t *testing.T) {
	a := newAccounts(t)
	id := a.told("26-SW-118")
	o, me := a.own(a.key()), a.key()
	big := make([]byte, docket.MaxObjectionFile+1)
	six := make([]api.ObjectionFile, 6)
	for i := range six {
		six[i] = api.ObjectionFile{Name: "a", Body: []byte("a")}
	}
	before := a.Kept()
	for what, try := range map[string]struct {
		text  string
		files []api.ObjectionFile
	}{"no text": {}, "too long": {strings.Repeat("ä", docket.MaxObjection+1), nil}, "far too long": {strings.Repeat("ä", 5*docket.MaxObjection), nil}, "a large file": {"x", []api.ObjectionFile{{Name: "a", Body: big}}}, "six files": {"x", six}} {
		_, err := o.ObjectTo(a.Ctx, id, try.text, try.files)
		var p *api.Problem
		if !errors.As(err, &p) || p.Status != 422 || p.Code != "bounds" {
			t.Errorf("%s: %v", what, err)
		}
	}
	part := func(name, body string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + body + "\r\n"
	}
	path := "/v1/my/demands/" + string(id) + "/objections"
	for what, try := range map[string]struct{ media, body string }{
		"JSON":         {"application/json", `{"text":"x"}`},
		"no boundary":  {"multipart/form-data", part("text", "x") + "--x--\r\n"},
		"cut":          {"multipart/form-data; boundary=x", part("text", "x") + "--x"},
		"two texts":    {"multipart/form-data; boundary=x", part("text", "x") + part("text", "y") + "--x--\r\n"},
		"other fields": {"multipart/form-data; boundary=x", part("text", "x") + part("by", "somebody else") + "--x--\r\n"},
	} {
		if status, text := a.raw(&me, "POST", path, try.media, try.body); status != 400 && status != 422 {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	a.Unchanged(before, "forms that were refused")
	if status, text := a.raw(&me, "POST", path, "multipart/form-data; boundary=x", part("text", strings.Repeat("ä", docket.MaxObjection))+"--x--\r\n"); status != 201 {
		t.Errorf("a text of 20,000 characters: %d %s", status, text)
	}
}

// TestMineContacts: a customer sets how it is told; whoever is left out is told.
func TestMineContacts(t *testing.T) {
	a := newAccounts(t)
	o := a.own(a.user(0))
	c, err := o.Contacts(a.Ctx)
	if err != nil || len(c.Contacts) != 1 || c.Contacts[0].Kind != notice.ByInbox || len(c.Languages) < 4 {
		t.Errorf("the contacts are %+v, %v", c, err)
	}
	c, err = o.SetContacts(a.Ctx, []api.CustomerContact{{Kind: notice.ByWebhook, Address: "https://hooks.harbour-clinic.example/writ"}, {Kind: notice.ByInbox, Language: "de"}})
	if err != nil || len(c.Contacts) != 2 || !strings.HasPrefix(c.Contacts[0].Secret, "whsec_") {
		t.Fatalf("the contacts are %+v, %v", c, err)
	}
	if c, err = o.Contacts(a.Ctx); err != nil || c.Contacts[0].Secret != "" {
		t.Errorf("the secret is told twice: %+v, %v", c, err)
	}
	_, err = o.SetContacts(a.Ctx, []api.CustomerContact{{Kind: notice.ByMail, Address: "no address"}})
	isCode(t, err, 422, "contact")
	_, err = o.SetContacts(a.Ctx, nil)
	a.Must(err)
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		list, err := o.Notices(a.Ctx, "", 0)
		a.Must(err)
		if len(list.Notices) == 1 {
			if n, err := o.Notice(a.Ctx, list.Notices[0].ID); err != nil || !strings.Contains(n.Text, "console ines session s-1") {
				t.Errorf("it is told %q, %v", n.Text, err)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("nobody is told that contacts were left out")
		}
	}
}

// TestMineBusy: a customer that leaves its downloads lying hinders itself, and
// nobody else.
func TestMineBusy(t *testing.T) {
	a := newAccounts(t)
	for range 3000 { // more than what lies ready in a pipe
		got, err := a.Vault.Get(a.Ctx, a.Owner, a.calder())
		a.Must(err)
		got.Body.Close()
	}
	o := a.own(a.key())
	var open []io.ReadCloser
	for range 2 {
		body, err := o.JournalRaw(a.Ctx)
		a.Must(err)
		open = append(open, body)
	}
	_, err := o.JournalRaw(a.Ctx)
	isCode(t, err, 503, "busy")
	_, err = o.Journal(a.Ctx, api.MyJournalQuery{})
	isCode(t, err, 503, "busy")
	press := a.own(api.Owner{Customer: a.press.Customer, By: "credential WRITOTHERCREDENTIAL0"})
	if _, err := press.Journal(a.Ctx, api.MyJournalQuery{}); err != nil {
		t.Errorf("another customer has to wait: %v", err)
	}
	for _, body := range open {
		body.Close()
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err = o.Journal(a.Ctx, api.MyJournalQuery{}); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("downloads that were given up still count: %v", err)
		}
	}
}

// TestDirect: a call within the process streams, is cut where a server would cut,
// ends when nobody reads on, and survives a handler that panics.
func TestDirect(t *testing.T) {
	ended := make(chan error, 1)
	h := http.NewServeMux()
	h.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				ended <- err
				return
			}
		}
	})
	h.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	})
	h.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("a customer's secret") })
	h.HandleFunc("/waits", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); ended <- r.Context().Err() })
	h.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
	call := func(ctx context.Context, path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://writ"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return api.Direct{Handler: h}.RoundTrip(r)
	}
	resp, err := call(t.Context(), "/endless")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 5000)); err != nil {
		t.Error(err)
	}
	resp.Body.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("a handler goes on to write what nobody reads")
	}
	resp, err = call(t.Context(), "/cut")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(b) != "half" {
		t.Errorf("half an answer is %q, %v", b, err)
	}
	if _, err := call(t.Context(), "/panic"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a panic is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := call(ctx, "/waits"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that is given up: %v", err)
	}
	<-ended
	if resp, err := call(t.Context(), "/silent"); err != nil || resp.StatusCode != 200 {
		t.Errorf("an empty answer: %v", err)
	}
}
