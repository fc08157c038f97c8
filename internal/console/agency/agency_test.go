package agency_test

import (
	"bytes"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/agency"
	"writ/internal/console/consoletest"
	"writ/internal/console/page"
	"writ/internal/docket"
)

func rig(t *testing.T) *consoletest.Rig {
	t.Helper()
	return consoletest.New(t, func(r *consoletest.Rig) []page.Room {
		r.Authority = r.Enrolled("Tribunal de Valbrume")
		return []page.Room{agency.Room(agency.Rooms{Deliveries: api.Deliveries{Docket: r.Docket}, Desk: api.OfficerWithin(r.Officers()), Now: r.Now})}
	})
}

// multi is a form with files.
func multi(fields url.Values, files ...api.Enclosure) (media string, body *bytes.Buffer) {
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	for name, values := range fields {
		for _, v := range values {
			w.WriteField(name, v)
		}
	}
	for _, f := range files {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q; filename=%q", f.Kind, f.Name))
		part, _ := w.CreatePart(h)
		part.Write(f.Body)
	}
	w.Close()
	return w.FormDataContentType(), body
}

func demand(reference string) url.Values {
	return url.Values{
		"instrument": {"eu.epoc"}, "reference": {reference}, "signed": {"2026-11-20"}, "matter": {"criminal"}, "offence": {"fraud"}, "class": {"content", "traffic"},
		"identifiers": {"harbour-clinic\r\n\r\nward-seven"}, "until": {"2026-11-01"}, "secrecy": {"authority-tells"}, "language": {"fr"}, "note": {"as agreed"},
		"validator": {"Parquet de Valbrume"}, "validator_country": {"fr"}, "validator_kind": {"prosecutor"},
	}
}

var order = api.Enclosure{Kind: "order", Name: "epoc.pdf", Body: []byte("%PDF-1.7\n% an order\n")}

// file files a demand in the form, and returns its case.
func file(t *testing.T, r *consoletest.Rig, fields url.Values, files ...api.Enclosure) string {
	t.Helper()
	media, body := multi(fields, files...)
	got := r.Upload("officer", "/agency/new", media, body)
	at, _, _ := strings.Cut(got.Head.Get("Location"), "?")
	if got.Status != http.StatusSeeOther || !strings.HasPrefix(at, "/agency/20") {
		t.Fatalf("filing: %d to %q: %s", got.Status, at, got.Body)
	}
	return strings.TrimPrefix(at, "/agency/")
}

// TestDemands: what an officer says in the form is the demand, and its page shows
// where it stands and takes files.
func TestDemands(t *testing.T) {
	r := rig(t)
	if got := r.Get("officer", "/agency"); got.Status != 200 || !strings.Contains(got.Body, "Nothing has been filed here yet") {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	id := file(t, r, demand("7 Gs 412/26"), order)
	c, err := r.House.Desk("noor").Case(r.Ctx, id)
	r.Must(err)
	d := c.Demand
	if d.Reference != "7 Gs 412/26" || d.Channel != docket.Portal || len(d.Classes) != 2 || len(d.Identifiers) != 2 || d.Accounts != 2 || d.Validator == nil ||
		d.Validator.Country != "FR" || d.Secrecy != writ.AuthorityTells || d.Until.Format(time.DateOnly) != "2026-11-02" || len(c.Documents) != 1 || c.Documents[0].Kind != "order" {
		t.Fatalf("%+v", d)
	}
	got := r.Get("officer", "/agency/"+id)
	for _, want := range []string{"7 Gs 412/26", "received", "harbour-clinic", "epoc.pdf", "Parquet de Valbrume", "No letter has been written"} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("the page doesn't show %q", want)
		}
	}
	media, body := multi(nil, api.Enclosure{Kind: "file", Name: "more.txt", Body: []byte("more")})
	if got := r.Upload("officer", "/agency/"+id+"/documents", media, body); got.Status != 303 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	media, body = multi(url.Values{"x": {"y"}})
	if got := r.Upload("officer", "/agency/"+id+"/documents", media, body); got.Status != 422 || !strings.Contains(got.Body, "no file was chosen") {
		t.Errorf("no file: %d", got.Status)
	}
	page := r.Get("officer", "/agency/"+id).Body
	link := regexp.MustCompile(`/agency/[^"]*/documents/[^"]*`).FindString(page[strings.Index(page, "more.txt")-160:])
	if got := r.Get("officer", link); got.Body != "more" || !strings.HasPrefix(got.Head.Get("Content-Disposition"), "attachment") {
		t.Errorf("%s: %d %q", link, got.Status, got.Body)
	}
	if got := r.Get("officer", "/agency"); !strings.Contains(got.Body, `href="/agency/`+id+`"`) {
		t.Error("the list doesn't have it")
	}
	if got := r.Get("officer", "/agency/2026-0000-0000"); got.Status != 404 {
		t.Errorf("none: %d", got.Status)
	}
}

// TestRefusals: each refusal is shown with its reason, and the form as it was.
func TestRefusals(t *testing.T) {
	r := rig(t)
	for name, change := range map[string]struct {
		field, value, want string
	}{
		"no reference": {"reference", "", "reference is missing"}, "no such instrument": {"instrument", "us.nothing", "is not one that is taken here"},
		"no date": {"signed", "yesterday", "signed is no date"}, "no class": {"class", "", "no class of data"}, "no matter": {"matter", "other", "matter"},
		"nobody": {"identifiers", " \n", "names nothing by which"}, "number": {"accounts", "-1", "no number of accounts"},
		"long": {"note", strings.Repeat("x", 20_000), "note takes at most"}, "reverse": {"from", "2026-11-05", "ends before it begins"},
	} {
		form := demand("7 Gs 412/26")
		form.Set(change.field, change.value)
		media, body := multi(form)
		got := r.Upload("officer", "/agency/new", media, body)
		if text := html.UnescapeString(got.Body); got.Status < 400 || got.Status >= 500 || !strings.Contains(text, change.want) {
			t.Errorf("%s: %d without %q", name, got.Status, change.want)
		}
		if change.field != "offence" && !strings.Contains(got.Body, `value="fraud"`) {
			t.Errorf("%s: the form is empty", name)
		}
	}
	if got := r.Get("officer", "/agency"); !strings.Contains(got.Body, "Nothing has been filed") {
		t.Error("a refused demand was filed")
	}
	r.Must(r.House.Desk("noor").Do(r.Ctx, "POST", "authorities/"+string(r.Authority)+"/suspend", map[string]string{"reason": "its seal was stolen"}, nil))
	if got := r.Get("officer", "/agency"); got.Status != 403 || !strings.Contains(got.Body, "Your authority is suspended here") {
		t.Errorf("suspended: %d", got.Status)
	}
}

// TestHostile: what an officer writes is text on every page.
func TestHostile(t *testing.T) {
	r := rig(t)
	evil := `"'><script>alert(1)</script>` + "\u202e\u0007"
	form := demand("1 " + evil)
	for _, field := range []string{"offence", "identifiers", "note", "remedy", "validator", "validator_kind"} {
		form.Set(field, evil)
	}
	id := file(t, r, form, api.Enclosure{Kind: "order", Name: "x'<b>.pdf", Body: []byte("x")})
	for _, at := range []string{"/agency", "/agency/" + id} {
		got := r.Get("officer", at)
		if got.Status != 200 || strings.Contains(got.Body, "<script>alert") || strings.Contains(got.Body, "<b>") || strings.ContainsAny(got.Body, "\u202e\u0007") {
			t.Errorf("%s shows it as it is", at)
		}
		if !strings.Contains(got.Body, `\u202e`) {
			t.Errorf("%s hides that something was there", at)
		}
	}
	form.Set("reference", evil)
	form.Set("note", strings.Repeat(evil, 700))
	media, body := multi(form)
	if got := r.Upload("officer", "/agency/new", media, body); got.Status != 422 || strings.Contains(got.Body, "<script>alert") {
		t.Errorf("20,000 characters: %d", got.Status)
	}
}

// TestAudience: nobody but an officer gets into an officer's pages; the fetch pages
// are for anybody.
func TestAudience(t *testing.T) {
	r := rig(t)
	id := file(t, r, demand("1"), order)
	for _, who := range []string{"", "mira", "noor", "ada", "sam", "esi", "jun operator", "customer", "officer"} {
		for _, at := range []string{"/agency", "/agency/new", "/agency/" + id, "/agency/" + id + "/documents/x"} {
			got := r.Get(who, at)
			want := map[string]int{"": 303, "officer": 200}[who]
			switch {
			case who == "officer" && strings.HasSuffix(at, "/x"):
				want = 404
			case want == 0:
				want = 403
			}
			if got.Status != want {
				t.Errorf("%q at %s: %d, want %d", who, at, got.Status, want)
			}
		}
		if got := r.Get(who, "/agency/fetch"); got.Status != 200 {
			t.Errorf("%q at the fetch page: %d", who, got.Status)
		}
	}
}

// TestLanguages: each page in each language has no raw key.
func TestLanguages(t *testing.T) {
	r := rig(t)
	r.Put("letters/1.txt", "Ines Calder")
	id := file(t, r, demand("1"), order)
	c, code := delivered(r)
	cookie := ticket(t, r, c, code)
	raw := regexp.MustCompile(`[>" ]agency\.[a-z]`)
	for _, lang := range page.Languages {
		for _, at := range []string{"/agency", "/agency/new", "/agency/" + id, "/agency/fetch", "/agency/fetch/" + c} {
			got := r.Get("officer", at, "Cookie", "lang="+lang+"; "+cookie)
			if got.Status != 200 || raw.MatchString(got.Body) || !strings.Contains(got.Body, `lang="`+lang+`"`) {
				t.Errorf("%s in %s: %d, %q", at, lang, got.Status, raw.FindString(got.Body))
			}
		}
	}
}

// delivered is a package that waits for who has the code.
func delivered(r *consoletest.Rig) (id, code string) {
	r.T.Helper()
	c := r.Produced("7 Gs 412/26")
	h, err := r.House.Desk("sam").Deliver(r.Ctx, string(c.Case), api.DeliverInput{Means: "download", Times: 1})
	r.Must(err)
	return string(c.Case), h.Code
}

// ticket is the cookie that a code is good for.
func ticket(t *testing.T, r *consoletest.Rig, id, code string) string {
	t.Helper()
	got := r.Post("", "/agency/fetch", url.Values{"case": {strings.ToLower(id)}, "code": {" " + strings.ToUpper(code)}})
	set := got.Head.Get("Set-Cookie")
	if got.Status != 303 || got.Head.Get("Location") != "/agency/fetch/"+id {
		t.Fatalf("%d to %q: %s", got.Status, got.Head.Get("Location"), got.Body)
	}
	for _, want := range []string{"__Secure-writ-fetch=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/agency/fetch/" + id, "Max-Age=1800"} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie has no %s: %s", want, strings.ReplaceAll(set, code, "CODE"))
		}
	}
	if strings.Contains(strings.ToLower(set+got.Body), code) {
		t.Error("the code is in the answer")
	}
	cookie, _, _ := strings.Cut(set, ";")
	return cookie
}

// TestFetch: who has the code sees the files, downloads them as often as the
// delivery allows, and confirms. No address or page has the code.
func TestFetch(t *testing.T) {
	r := rig(t)
	r.Put("letters/1.txt", "Ines Calder, ward seven: discharged")
	id, code := delivered(r)
	if got := r.Get("", "/agency/fetch/"+id); got.Status != 404 || !strings.Contains(got.Body, `value="`+id+`"`) {
		t.Errorf("without a code: %d", got.Status)
	}
	cookie := ticket(t, r, id, code)
	got := r.Get("", "/agency/fetch/"+id, "Cookie", cookie)
	links := regexp.MustCompile(`href="(/agency/fetch/[^"]*/files/[^"]*)"`).FindAllStringSubmatch(got.Body, -1)
	if got.Status != 200 || len(links) != 4 || !strings.Contains(got.Body, "not confirmed yet") || strings.Contains(strings.ToLower(got.Body), code) || got.Head.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d, %d links: %s", got.Status, len(links), got.Body)
	}
	first := r.Get("", links[0][1], "Cookie", cookie, "Range", "bytes=0-9")
	if first.Status != 206 || len(first.Body) != 10 || !strings.HasPrefix(first.Head.Get("Content-Disposition"), "attachment") {
		t.Fatalf("a range: %d", first.Status)
	}
	whole := r.Get("", links[0][1], "Cookie", cookie, "Range", "bytes=10-")
	if whole.Status != 206 || !strings.HasPrefix(first.Body+whole.Body, "age-encryption.org/v1") {
		t.Fatalf("the rest: %d", whole.Status)
	}
	if once := r.Get("", links[0][1], "Cookie", cookie); once.Status != 404 {
		t.Errorf("once more than it is allowed: %d", once.Status)
	}
	if sums := r.Get("", links[3][1], "Cookie", cookie); sums.Status != 200 || !strings.Contains(sums.Body, id) {
		t.Errorf("SHA256SUMS: %d", sums.Status)
	}
	for name, at := range map[string]string{"another file": "/agency/fetch/" + id + "/files/production.state", "a way out": "/agency/fetch/" + id + "/files/..%2F..%2Fkey", "another case": "/agency/fetch/2026-0000-0000/files/package.json"} {
		if got := r.Get("", at, "Cookie", cookie); got.Status != 404 {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	if got := r.Post("", "/agency/fetch/"+id+"/receipt", url.Values{"note": {"<b>got it"}}); got.Status != 404 {
		t.Errorf("a receipt without a code: %d", got.Status)
	}
	if got := r.Post("", "/agency/fetch/"+id+"/receipt", url.Values{"note": {"<b>got it"}}, "Cookie", cookie); got.Status != 303 {
		t.Errorf("a receipt: %d", got.Status)
	}
	if c, err := r.House.Desk("noor").Case(r.Ctx, id); err != nil || c.Stage != "confirmed" {
		t.Errorf("the case is %s, %v", c.Stage, err)
	}
	if got := r.Get("", "/agency/fetch/"+id, "Cookie", cookie); !strings.Contains(got.Body, "The receipt is confirmed") {
		t.Error("the page doesn't say that it is confirmed")
	}
	if got := r.Post("", "/agency/fetch/"+id+"/end", nil, "Cookie", cookie); got.Status != 303 || !strings.Contains(got.Head.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("the end: %d", got.Status)
	}
	if got := r.Get("", "/agency/fetch/"+id, "Cookie", cookie); got.Status != 404 {
		t.Errorf("after the end: %d", got.Status)
	}
}

// TestTickets: a ticket ends after half an hour, with the delivery, and is no
// other delivery's; who guesses codes must wait.
func TestTickets(t *testing.T) {
	r := rig(t)
	r.Put("letters/1.txt", "Ines Calder")
	id, code := delivered(r)
	cookie := ticket(t, r, id, code)
	r.Pass(31 * time.Minute)
	if got := r.Get("", "/agency/fetch/"+id, "Cookie", cookie); got.Status != 404 {
		t.Errorf("after half an hour: %d", got.Status)
	}
	cookie = ticket(t, r, id, code)
	if got := r.Get("", "/agency/fetch/"+id, "Cookie", cookie[:len(cookie)-1]+"!"); got.Status != 404 {
		t.Errorf("a forged ticket: %d", got.Status)
	}
	other := file(t, r, demand("2"), order)
	if got := r.Get("", "/agency/fetch/"+other, "Cookie", cookie); got.Status != 404 {
		t.Errorf("a ticket of another delivery: %d", got.Status)
	}
	if got := r.Post("", "/agency/fetch", url.Values{"case": {id}, "code": {code}}, "Sec-Fetch-Site", "cross-site"); got.Status != 403 {
		t.Errorf("another site's form: %d", got.Status)
	}
	for i := range 12 {
		got := r.Post("", "/agency/fetch", url.Values{"case": {id}, "code": {"wrong"}})
		if want := 404; i < 10 && got.Status != want || i >= 10 && got.Status != 429 {
			t.Errorf("guess %d: %d", i, got.Status)
		}
		if strings.Contains(got.Body, `value="wrong"`) {
			t.Error("the code is in the page")
		}
	}
	if got := r.Post("", "/agency/fetch", url.Values{"case": {id}, "code": {code}}); got.Status != 429 {
		t.Errorf("the right code from a network that guesses: %d", got.Status)
	}
	r.Pass(6 * time.Minute)
	ticket(t, r, id, code)
}
