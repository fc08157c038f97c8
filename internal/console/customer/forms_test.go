package customer_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/notice"
	"writ/internal/vault"
)

// TestUpload: a file goes from the form to the vault and back; what is there is
// replaced only if that was chosen; none of it is on the disk on the way.
func TestUpload(t *testing.T) {
	a := open(t)
	t.Setenv("TMPDIR", t.TempDir())
	const to = "/my/buckets/ward-seven/upload?prefix=letters%2F"
	content := strings.Repeat("dear calder ", 300_000) // more than what forms keep in memory
	send := func(parts ...[3]string) (int, string) {
		media, body := form(t, parts...)
		got := a.Upload("customer", to, media, body)
		return got.Status, got.Body + got.Head.Get("Location")
	}
	if status, text := send([3]string{"name", "", ""}, [3]string{"file", `C:\post\calder & co.txt`, content}); status != 303 || !strings.Contains(text, "done=my-object-stored") {
		t.Fatalf("%d %s", status, text)
	}
	got := a.Get("customer", "/my/buckets/ward-seven/download?key="+url.QueryEscape("letters/calder & co.txt"))
	if got.Status != 200 || got.Body != content || got.Head.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(got.Head.Get("Content-Disposition"), "attachment") || got.Head.Get("Cache-Control") != "no-store" {
		t.Errorf("the download: %d, %d bytes, %v", got.Status, len(got.Body), got.Head)
	}
	if got := a.Get("customer", "/my/buckets/ward-seven/download?key="+url.QueryEscape("letters/calder & co.txt"), "Range", "bytes=5-10"); got.Status != 206 || got.Body != "calder" {
		t.Errorf("a range: %d %q", got.Status, got.Body)
	}
	if status, text := send([3]string{"name", "", "calder & co.txt"}, [3]string{"file", "x", "other"}); status != 409 || !strings.Contains(text, "nothing was changed") {
		t.Errorf("over what is there: %d", status)
	}
	if status, _ := send([3]string{"name", "", "calder & co.txt"}, [3]string{"replace", "", "1"}, [3]string{"file", "x", "other"}); status != 303 {
		t.Errorf("replaced: %d", status)
	}
	if got := a.Get("customer", "/my/buckets/ward-seven/download?key="+url.QueryEscape("letters/calder & co.txt")); got.Body != "other" {
		t.Errorf("it was replaced by %.20q", got.Body)
	}
	if status, text := send([3]string{"name", "", "x"}, [3]string{"file", "", ""}); status != 422 || !strings.Contains(text, "no file was chosen") {
		t.Errorf("no file: %d", status)
	}
	if status, text := send([3]string{"name", "", strings.Repeat("x", 1025)}, [3]string{"file", "x", "y"}); status != 422 || !strings.Contains(text, "1,024 bytes") {
		t.Errorf("a long name: %d", status)
	}
	if status, text := send([3]string{"file", "big", strings.Repeat("x", page.UploadBody+1)}); status != 413 || !strings.Contains(text, "S3") {
		t.Errorf("a large file: %d %.200s", status, text)
	}
	media, body := form(t, [3]string{"file", "cut", content})
	body.Truncate(body.Len() / 2)
	if got := a.Upload("customer", to, media, body); got.Status != 400 {
		t.Errorf("half a form: %d", got.Status)
	}
	a.Post("customer", to, url.Values{"file": {"x"}})
	if list, err := a.own().Objects(a.Ctx, "ward-seven", api.ListObjects{}); err != nil || len(list.Objects) != 1 {
		t.Errorf("what was refused is there: %+v %v", list.Objects, err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left on the disk: %v %v", left, err)
	}
}

// TestOddKeys: an object of any name is found, shown, fetched and deleted by its
// own links.
func TestOddKeys(t *testing.T) {
	a := open(t)
	for _, key := range append([]string{" led and trailed ", "line\r\nfeed", "..", "a//b", "é" + strings.Repeat("x", 900)}, hostile...) {
		a.Put(writ.ObjectKey(key), "of "+key)
		q := "key=" + url.QueryEscape(key)
		if got := a.Get("customer", "/my/buckets/ward-seven/object?"+q); got.Status != 200 {
			t.Errorf("%q: %d", key, got.Status)
		}
		if got := a.Get("customer", "/my/buckets/ward-seven/download?"+q); got.Body != "of "+key {
			t.Errorf("%q: %q", key, got.Body)
		}
		if got := a.Post("customer", "/my/buckets/ward-seven/delete?"+q, nil); got.Status != 303 || !strings.Contains(got.Head.Get("Location"), "done=my-object-deleted") {
			t.Errorf("%q is not deleted: %d %s", key, got.Status, got.Head.Get("Location"))
		}
		if got := a.Get("customer", "/my/buckets/ward-seven/object?"+q); got.Status != 404 {
			t.Errorf("%q is still there: %d", key, got.Status)
		}
	}
}

// TestVersions: versions and a delete marker are shown and go one by one; what is
// kept is not deleted, and the page says why.
func TestVersions(t *testing.T) {
	a := open(t)
	_, err := a.Vault.CreateBucket(a.Ctx, a.Owner, vault.BucketOptions{Name: "ward-eight", ObjectLock: true})
	a.Must(err)
	put := func(body string, d vault.Draft) string {
		v, err := a.Vault.Put(a.Ctx, a.Owner, vault.PutInput{Bucket: "ward-eight", Key: "k", Body: strings.NewReader(body), Size: int64(len(body)), Draft: d})
		a.Must(err)
		return string(v.ObjectRef.Version)
	}
	one := put("one", vault.Draft{})
	two := put("two", vault.Draft{LegalHold: true, Retention: vault.Retention{Mode: vault.Compliance, Until: a.Now().Add(48 * time.Hour)}})
	got := a.Get("customer", "/my/buckets/ward-eight/object?key=k")
	for _, want := range []string{one, two, "compliance", "until", "held", "current"} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if got := a.Get("customer", "/my/buckets/ward-eight/object?key=k&version="+one); !strings.Contains(got.Body, "an older version") {
		t.Error("the older version does not say so")
	}
	if got := a.Post("customer", "/my/buckets/ward-eight/delete?key=k&version="+two, nil); got.Status != 409 || !strings.Contains(got.Body, "keeps it") {
		t.Errorf("a version that is kept: %d", got.Status)
	}
	if got := a.Get("customer", "/my/buckets/ward-eight/delete?key=k"); !strings.Contains(got.Body, "delete marker hides it") {
		t.Error("it does not say that a marker comes")
	}
	if got := a.Post("customer", "/my/buckets/ward-eight/delete?key=k", nil); got.Status != 303 {
		t.Errorf("deleted: %d", got.Status)
	}
	if got := a.Get("customer", "/my/buckets/ward-eight/object?key=k"); got.Status != 200 || !strings.Contains(got.Body, "hides this object") || !strings.Contains(got.Body, one) {
		t.Errorf("under a marker: %d", got.Status)
	}
	if got := a.Post("customer", "/my/buckets/ward-eight/delete?key=k&version="+one, nil); got.Status != 303 {
		t.Errorf("a version deleted: %d", got.Status)
	}
	if got := a.Get("customer", "/my/buckets/ward-eight/object?key=k"); strings.Contains(got.Body, one) {
		t.Error("the version is still there")
	}
}

// TestFolders: a bucket is browsed by folders and searched by prefix, page by page.
func TestFolders(t *testing.T) {
	a := open(t)
	for i := range 130 {
		a.Put(writ.ObjectKey(fmt.Sprintf("letters/%03d", i)), "x")
	}
	a.Put("bills/1", "x")
	got := a.Get("customer", "/my/buckets/ward-seven")
	if !strings.Contains(got.Body, "bills/") || !strings.Contains(got.Body, "prefix=letters%2F") || strings.Contains(got.Body, "letters/000") {
		t.Error("the folders are not there")
	}
	got = a.Get("customer", "/my/buckets/ward-seven?prefix=letters%2F")
	next := regexpNext.FindStringSubmatch(got.Body)
	if !strings.Contains(got.Body, ">099<") || strings.Contains(got.Body, ">100<") || next == nil {
		t.Fatal("the first page is another")
	}
	if got = a.Get("customer", strings.ReplaceAll(next[1], "&amp;", "&")); !strings.Contains(got.Body, ">129<") || strings.Contains(got.Body, ">099<") {
		t.Error("the second page is another")
	}
	if got = a.Get("customer", "/my/buckets/ward-seven?prefix=letters%2F12"); strings.Contains(got.Body, ">119<") || !strings.Contains(got.Body, ">121<") {
		t.Error("the search found something else")
	}
}

// TestJournal: what was not the owner stands out, by a word; filters choose; files
// are whole.
func TestJournal(t *testing.T) {
	a := open(t)
	a.Put("letters/calder", "dear calder")
	_, err := a.Vault.RotateCustomer(a.Ctx, a.Owner.Customer, vault.RotateOptions{})
	a.Must(err)
	got := a.Get("customer", "/my/journal")
	if !strings.Contains(got.Body, `class="stands-out"`) || !strings.Contains(got.Body, "upkeep") || !strings.Contains(got.Body, "ward-seven/letters/calder") {
		t.Error("the journal has no upkeep that stands out, or no object")
	}
	entries := func(query string) string {
		got := a.Get("customer", "/my/journal?"+query, "HX-Request", "true", "HX-Target", "entries")
		if got.Status != 200 || strings.Contains(got.Body, "<html") {
			t.Errorf("%s: %d", query, got.Status)
		}
		return got.Body
	}
	if own := entries("right=owner"); strings.Contains(own, "stands-out") || !strings.Contains(own, "calder") {
		t.Error("the owner's uses are others")
	}
	today := a.Now().UTC().Format(time.DateOnly)
	for query, there := range map[string]bool{
		"prefix=letters": true, "prefix=bills": false, "bucket=ward-seven": true, "bucket=ward-nine": false,
		"from=" + today + "&until=" + today: true, "until=2020-01-01": false, "from=2099-01-01": false, "right=writ": false,
	} {
		if strings.Contains(entries(query), "letters/calder") != there {
			t.Errorf("%s: the entry is there: %t", query, !there)
		}
	}
	if got := a.Get("customer", "/my/journal/journal.ndjson"); !strings.Contains(got.Body, `"letters/calder"`) || !strings.Contains(got.Head.Get("Content-Disposition"), "attachment") {
		t.Error("the raw journal is not there")
	}
	if got := a.Get("customer", "/my/journal/journal.bundle"); got.Body != "bundle of "+string(a.Owner.Customer)+"\n" {
		t.Errorf("the bundle is %q", got.Body)
	}
	if got := a.Get("customer", "/my/journal/days", "HX-Request", "true", "HX-Target", "days"); strings.Contains(got.Body, "<html") || !strings.Contains(got.Body, "<rect") {
		t.Error("the days have no chart")
	}
	// The reading is under the user's own name.
	if got := a.Get("customer", "/my/journal?right=owner"); !strings.Contains(got.Body, "console ines session TESTSESSION") {
		t.Error("the journal does not say who read it")
	}
}

// TestOpenedUnderLaw: an opening under a writ that may be told is the first thing of
// the overview, and stands out in the journal.
func TestOpenedUnderLaw(t *testing.T) {
	a := open(t)
	a.Put("letters/calder", "dear calder")
	if got := a.Get("customer", "/my"); strings.Contains(got.Body, "opened under law") {
		t.Error("an opening is told of that wasn't")
	}
	id := a.opened("26-SW-120")
	got := a.Get("customer", "/my")
	if !strings.Contains(got.Body, "Your data were opened under law") || !strings.Contains(got.Body, `class="stands-out"`) || !strings.Contains(got.Body, "ward-seven/letters/calder") ||
		!strings.Contains(got.Body, `<a href="/my/demands/`+string(id)+`">case `) {
		t.Error("the overview does not tell of the opening")
	}
	got = a.Get("customer", "/my/journal?right=writ")
	if !strings.Contains(got.Body, `class="stands-out"`) || !strings.Contains(got.Body, `<span class="badge bad">under law</span>`) {
		t.Error("the journal does not tell of the opening")
	}
	if got = a.Get("customer", "/my/journal?right=owner"); strings.Contains(got.Body, "stands-out") {
		t.Error("the owner's uses stand out")
	}
}

// TestGranted: what others opened by what the customer granted is told as that.
func TestGranted(t *testing.T) {
	a := open(t)
	a.Put("letters/calder", "dear calder")
	signed := a.Owner
	signed.Presigned = true
	got, err := a.Vault.Get(a.Ctx, signed, vault.GetInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: "letters/calder"}})
	a.Must(err)
	got.Body.Close()
	part := a.Get("customer", "/my/journal?right=grant", "HX-Request", "true", "HX-Target", "granted").Body
	if strings.Contains(part, "<html") || !strings.Contains(part, `class="stands-out"`) || !strings.Contains(part, "granted by you") || !strings.Contains(part, "by a signed address") {
		t.Errorf("the part is %.500s", part)
	}
}

// TestSecretIsSilent: of a case that the customer was not told of no page shows
// anything.
func TestSecretIsSilent(t *testing.T) {
	a := open(t)
	a.Put("letters/calder", "dear calder")
	id := string(a.Produced("24-SILENT").Case)
	for _, path := range []string{"/my", "/my/demands", "/my/notices", "/my/journal", "/my/proofs"} {
		if got := a.Get("customer", path); got.Status != 200 || strings.Contains(got.Body, id) || strings.Contains(got.Body, "SILENT") || strings.Contains(got.Body, "Valbrume") {
			t.Errorf("%s tells of what is secret", path)
		}
	}
	told, none := a.Get("customer", "/my/demands/"+id), a.Get("customer", "/my/demands/2026-0000-0000")
	if told.Status != 404 || strings.ReplaceAll(told.Body, id, "2026-0000-0000") != none.Body {
		t.Error("a case that was not told is answered otherwise than one that is not there")
	}
}

// TestObject: an objection reaches the case with its files; a refused one is shown
// again with its text.
func TestObject(t *testing.T) {
	a := open(t)
	id := a.told("26-SW-118")
	to := "/my/demands/" + string(id) + "/object"
	send := func(parts ...[3]string) (int, string) {
		media, body := form(t, parts...)
		got := a.Upload("customer", to, media, body)
		return got.Status, got.Body
	}
	text := "It is not mine.\r\n" + strings.Join(hostile, "\r\n")
	if status, body := send([3]string{"text", "", text}, [3]string{"file", "why.pdf", "%PDF-1.7"}, [3]string{"file", "", ""}); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	d, err := a.own().Demand(a.Ctx, id)
	a.Must(err)
	if len(d.Objections) != 1 || d.Objections[0].Files != 1 || d.Objections[0].Text != strings.ReplaceAll(text, "\r\n", "\n") {
		t.Fatalf("the case has %+v", d.Objections)
	}
	c, err := a.House.Desk("mira").Case(a.Ctx, string(id))
	if err != nil || len(c.Objections) != 1 {
		t.Errorf("counsel sees %+v, %v", c.Objections, err)
	}
	if got := a.Get("customer", "/my/demands/"+string(id)); raw.MatchString(got.Body) || !strings.Contains(got.Body, "It is not mine.") || !strings.Contains(got.Body, "in the case") {
		t.Errorf("the page shows %q", raw.FindString(got.Body))
	}
	long := strings.Repeat("ä", docket.MaxObjection+1)
	six := [][3]string{{"text", "", "six"}}
	for range 6 {
		six = append(six, [3]string{"file", "a", "b"})
	}
	for what, parts := range map[string][][3]string{
		"no text": {{"text", "", ""}}, "too long": {{"text", "", long}}, "far too long": {{"text", "", strings.Repeat("x", 200_000)}}, "six files": six,
		"a large file": {{"text", "", "large"}, {"file", "a", strings.Repeat("x", docket.MaxObjectionFile+1)}},
	} {
		status, body := send(parts...)
		if status != 422 || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s: %d", what, status)
		}
		if text := parts[0][2]; what != "far too long" && !strings.Contains(body, text) {
			t.Errorf("%s: the text is lost", what)
		}
	}
	if status, _ := send([3]string{"text", "", strings.Repeat("x", 42<<20)}); status != 422 {
		t.Errorf("a flood: %d", status)
	}
	if status, _ := send([3]string{"text", "", strings.Repeat("ä", docket.MaxObjection)}); status != 303 {
		t.Errorf("20,000 characters: %d", status)
	}
	if d, err = a.own().Demand(a.Ctx, id); err != nil || len(d.Objections) != 2 {
		t.Errorf("%d objections, %v", len(d.Objections), err)
	}
	if got := a.Get("customer", "/my/demands/"+string(id)); len(got.Body) > 100<<10 {
		t.Errorf("the page has %d bytes", len(got.Body))
	}
}

// TestNotices: a notice is new until it is read; its files come as they were sent.
func TestNotices(t *testing.T) {
	a := open(t)
	id := a.told("26-SW-119")
	if got := a.Get("customer", "/my"); !strings.Contains(got.Body, "1 notice is unread") || !strings.Contains(got.Body, string(id)) {
		t.Error("the overview has no new notice")
	}
	list, err := a.own().Notices(a.Ctx, "", 0)
	a.Must(err)
	n := list.Notices[0]
	page := "/my/notices/" + url.PathEscape(n.ID)
	got := a.Get("customer", page)
	if got.Status != 200 || !strings.Contains(got.Body, string(id)) || len(n.Files) == 0 {
		t.Fatalf("%d, %d files", got.Status, len(n.Files))
	}
	for _, f := range n.Files {
		if file := a.Get("customer", page+"/files/"+url.PathEscape(f.Name)); file.Status != 200 || len(file.Body) != f.Size || !strings.HasPrefix(file.Head.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %d, %d bytes of %d", f.Name, file.Status, len(file.Body), f.Size)
		}
	}
	if got := a.Get("customer", "/my"); strings.Contains(got.Body, "notice is unread") {
		t.Error("it is still new")
	}
}

// TestProofs: receipts are listed with where to check them, and come byte for byte.
func TestProofs(t *testing.T) {
	a := open(t)
	if got := a.Get("customer", "/my/proofs"); !strings.Contains(got.Body, "no receipts yet") {
		t.Error("there are receipts of nothing")
	}
	id := a.told("26-SW-121")
	a.notify(id)
	got := a.Get("customer", "/my/proofs")
	m := regexp.MustCompile(`href="(/my/notices/[^"]+/files/receipts\.jsonl)"`).FindStringSubmatch(got.Body)
	if m == nil || !strings.Contains(got.Body, `href="/check"`) || !strings.Contains(got.Body, string(id)) {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if file := a.Get("customer", m[1]); file.Body != receipts {
		t.Errorf("the file is %q", file.Body)
	}
}

// TestCredentials: one is made, its secret shown once and never compressed, and it
// is removed; both only by who was just verified.
func TestCredentials(t *testing.T) {
	a := open(t)
	a.stale = true
	if got := a.Post("customer", "/my/credentials", nil); got.Status != 403 || !strings.Contains(got.Body, "Confirm with your passkey first") {
		t.Errorf("made by who was not verified: %d", got.Status)
	}
	a.stale = false
	got := a.Post("customer", "/my/credentials", nil, "Accept-Encoding", "gzip")
	all, err := a.own().Credentials(a.Ctx)
	a.Must(err)
	if len(all) != 1 || got.Status != 200 || !strings.Contains(got.Body, string(all[0].AccessKey)) || !strings.Contains(got.Body, "shown once") {
		t.Fatalf("made: %d, %d of them, %.300s", got.Status, len(all), got.Body)
	}
	if got.Head.Get("Content-Encoding") != "" || got.Head.Get("Cache-Control") != "no-store" {
		t.Errorf("the secret's page is compressed or kept: %v", got.Head)
	}
	if again := a.Get("customer", "/my/credentials"); strings.Contains(again.Body, "Secret key") || !strings.Contains(again.Body, string(all[0].AccessKey)) {
		t.Error("the list shows a secret, or no credential")
	}
	remove := "/my/credentials/" + string(all[0].AccessKey) + "/remove"
	a.stale = true
	if got := a.Post("customer", remove, nil); got.Status != 403 {
		t.Errorf("removed by who was not verified: %d", got.Status)
	}
	a.stale = false
	if got := a.Post("customer", remove, nil); got.Status != 303 {
		t.Errorf("removed: %d", got.Status)
	}
	if all, err = a.own().Credentials(a.Ctx); err != nil || len(all) != 0 {
		t.Errorf("%d are left, %v", len(all), err)
	}
}

// TestRotate: the key is rotated by who was just verified, once an hour.
func TestRotate(t *testing.T) {
	a := open(t)
	a.stale = true
	if got := a.Post("customer", "/my/keys/rotate", nil); got.Status != 403 {
		t.Errorf("by who was not verified: %d", got.Status)
	}
	a.stale = false
	if got := a.Post("customer", "/my/keys/rotate", nil); got.Status != 303 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if k, err := a.own().Keys(a.Ctx); err != nil || k.Version != 2 {
		t.Errorf("%+v, %v", k, err)
	}
	if got := a.Post("customer", "/my/keys/rotate", nil); got.Status != 429 || !strings.Contains(got.Body, "less than an hour ago") {
		t.Errorf("twice: %d", got.Status)
	}
	if got := a.Get("customer", "/my/keys"); !strings.Contains(got.Body, "key rotated") {
		t.Error("the page does not show it")
	}
}

// TestContacts: contacts are set by who was just verified; a new webhook's secret is
// shown once; what is wrong is shown again as it was filled in.
func TestContacts(t *testing.T) {
	a := open(t)
	good := url.Values{"kind-0": {"inbox"}, "language-0": {"de"}, "kind-1": {"webhook"}, "address-1": {"https://hooks.harbour-clinic.example/writ"}, "kind-2": {""}, "address-2": {"left out"}}
	a.stale = true
	if got := a.Post("customer", "/my/contacts", good); got.Status != 403 || !strings.Contains(got.Body, "hooks.harbour-clinic.example") {
		t.Errorf("by who was not verified: %d", got.Status)
	}
	a.stale = false
	got := a.Post("customer", "/my/contacts", good, "Accept-Encoding", "gzip")
	if got.Status != 200 || !strings.Contains(got.Body, "whsec_") || got.Head.Get("Content-Encoding") != "" {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	c, err := a.own().Contacts(a.Ctx)
	if err != nil || len(c.Contacts) != 2 || c.Contacts[0].Language != "de" || c.Contacts[1].Kind != notice.ByWebhook {
		t.Errorf("%+v %v", c.Contacts, err)
	}
	if got := a.Get("customer", "/my/contacts"); strings.Contains(got.Body, "whsec_") || !strings.Contains(got.Body, `<option value="de" selected>`) {
		t.Error("the secret is shown twice, or the language is lost")
	}
	good.Set("address-1", hostile[1])
	if got := a.Post("customer", "/my/contacts", good); got.Status != 422 || !strings.Contains(got.Body, "&#34;&gt;&lt;img") || raw.MatchString(got.Body) {
		t.Errorf("a wrong address: %d", got.Status)
	}
	if got := a.Post("customer", "/my/contacts", url.Values{"kind-0": {"inbox"}}); got.Status != 303 {
		t.Errorf("a contact taken away: %d", got.Status)
	}
}
