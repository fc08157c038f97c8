package intake

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
)

// TestReceive: what the form says is what the case has, every field of it, and the
// files are its documents.
func TestReceive(t *testing.T) {
	r := rig(t)
	form := epoc(r)
	for name, v := range map[string]string{
		"validator": "Cour d’appel de Valbrume", "validator_country": "fr", "validator_kind": "court", "deadline": "2026-12-20T17:00", "emergency": "yes", "accounts": "3",
		"secrecy": "authority-tells", "secrecy_until": "2027-03-01", "articles": "Art 5\nArt 8", "remedy": "appeal within a month", "from_time": "08:30", "signed": "2026-11-20",
	} {
		form.Set(name, v)
	}
	form["harms"] = []string{"us.flight"}
	got := send(r, "noor", "/intake/eu.epoc", form, chosen{"form", "epoc.pdf", "%PDF-1.7\n% a certificate"}, chosen{"order", "order.pdf", "%PDF-1.7\n% an order"}, chosen{"correspondence", "letter.txt", "with regards"})
	if got.Status != 303 || !strings.HasPrefix(got.Head.Get("Location"), "/intake/received/") || !strings.Contains(got.Head.Get("Location"), "done=intake-received") {
		t.Fatalf("%d %s %s", got.Status, got.Head.Get("Location"), excerpt(got.Body))
	}
	id := strings.TrimPrefix(strings.Split(got.Head.Get("Location"), "?")[0], "/intake/received/")
	c := caseNow(r, id)
	d := c.Demand
	local := func(text string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", text, berlin())
		r.Must(err)
		return at
	}
	for what, ok := range map[string]bool{
		"reference": d.Reference == "2026/114", "instrument": d.Instrument == "eu.epoc", "issuer": d.Issuer.Name == "Tribunal de Valbrume" && d.Issuer.Country == "FR" && d.Issuer.Kind == "court" && d.Issuer.Authority == "",
		"validator": d.Validator != nil && d.Validator.Country == "FR" && d.Validator.Kind == "court", "channel": d.Channel == "national-system",
		"signed": d.Signed.Equal(local("2026-11-20 00:00")), "matter": d.Matter == "criminal", "offence": d.Offence == "fraud", "classes": len(d.Classes) == 2, "emergency": d.Emergency,
		"identifiers": strings.Join(d.Identifiers, ",") == "harbour-clinic,ward-seven", "accounts": d.Accounts == 3, "from": d.From.Equal(local("2026-01-01 08:30")), "until, the last day in it": d.Until.Equal(local("2026-04-01 00:00")),
		"secrecy": d.Secrecy == writ.AuthorityTells, "its last day": d.SecrecyUntil.Equal(local("2027-03-02 00:00")), "harms": len(d.Harms) == 1, "deadline": d.Deadline.Equal(local("2026-12-20 17:00")),
		"articles": len(d.Articles) == 2, "remedy": d.Remedy != "", "language": d.Language == "fr", "note": d.Note == "two lines\nof it", "no drill": c.Mark == "",
		"received": d.Received.Before(r.Now()) && d.Received.After(r.Now().Add(-5*time.Minute)),
	} {
		if !ok {
			t.Errorf("%s is not what was entered: %+v", what, d)
		}
	}
	if len(c.Documents) != 3 || c.Documents[0].Kind != "form" || c.Documents[1].Kind != "order" || c.Documents[0].Name != "epoc.pdf" {
		t.Errorf("documents: %+v", c.Documents)
	}
	shows(t, "after it", r.Get("noor", got.Head.Get("Location")), 200, id, "epoc.pdf", "Produce what the emergency EPOC asks for", "has begun")
}

// TestReceiveForgetsNothing: after a mistake the form has all that was entered,
// nothing was kept, and the page says that files must be chosen again.
func TestReceiveForgetsNothing(t *testing.T) {
	r := rig(t)
	before := r.Kept()
	for name, c := range map[string]struct{ field, value, says string }{
		"no reference": {"reference", "", "the reference is missing"}, "no name": {"issuer", "", "the name of the issuing authority is missing"}, "country": {"country", "fra", "two capital letters"},
		"no class": {"classes", "", "is no class of data"}, "future": {"received", r.Now().In(berlin()).Add(26 * time.Hour).Format("2006-01-02T15:04"), "lies in the future"}, "zone": {"zone", "Mars/Olympus", "is no time zone"},
		"lost hour": {"received", "2026-03-29T02:30", "doesn&#39;t exist"}, "hour twice": {"received", "2026-10-25T02:30", "came twice"}, "channel": {"channel", "pigeon", "is no channel"},
		"hour without day": {"until", "", ""}, "number": {"accounts", "-1", "is no number"}, "authority": {"authority", "../cases", "no entry of the directory"}, "no time": {"received", "soon", "is no time"},
		"too long": {"reference", strings.Repeat("x", 600), "takes at most"}, "too many": {"identifiers", strings.Repeat("a\n", 300), "more than 256"}, "period": {"from", "2027-01-01", "ends before it begins"},
	} {
		form := epoc(r)
		form.Set(c.field, c.value)
		if name == "hour without day" {
			form.Set("until_time", "12:00")
			c.says = "an hour and no day"
		}
		got := send(r, "noor", "/intake/eu.epoc", form, chosen{"order", "order.pdf", "%PDF-1.7"})
		shows(t, name, got, 422, c.says, "Choose the files again", "two lines", `value="fraud"`, `value="traffic"`)
		if name != "period" && name != "no reference" && name != "too long" && name != "too many" && name != "no class" {
			shows(t, name, got, 422, `value="2026/114"`, `value="2026-01-01"`, "harbour-clinic", `value="content" checked`)
		}
	}
	for name, file := range map[string]chosen{"empty": {"order", "order.pdf", ""}, "too large": {"order", "order.pdf", strings.Repeat("x", 32<<20+1)}} {
		shows(t, name, send(r, "noor", "/intake/eu.epoc", epoc(r), file), 422, "order.pdf", `value="2026/114"`)
	}
	r.Unchanged(before, "mistakes")
}

// TestLargeFiles: files that don't go into one request with the demand are
// attached after it, and none is lost.
func TestLargeFiles(t *testing.T) {
	r := rig(t)
	large := strings.Repeat("a page of an order\n", 500_000) // 9.5 MB
	got := send(r, "noor", "/intake/eu.epoc", epoc(r), chosen{"order", "large.pdf", large}, chosen{"form", "small.pdf", "%PDF-1.7"})
	if got.Status != 303 || strings.Contains(got.Head.Get("Location"), "lost") {
		t.Fatalf("%d %s", got.Status, got.Head.Get("Location"))
	}
	c := caseNow(r, strings.TrimPrefix(strings.Split(got.Head.Get("Location"), "?")[0], "/intake/received/"))
	if len(c.Documents) != 2 || c.Documents[1].Name != "large.pdf" || c.Documents[1].Size != int64(len(large)) {
		t.Errorf("documents: %+v", c.Documents)
	}
}

// TestInstruments: each instrument's form has its own fields where they belong,
// and all others beneath; what it can't reach can be entered all the same.
func TestInstruments(t *testing.T) {
	r := rig(t)
	for path, texts := range map[string][]string{
		"/intake/eu.epoc":     {"Electronic evidence requested", "Details of the validating authority", "Eight hours from receipt"},
		"/intake/us.warrant":  {"Return date", "flight from prosecution", "Non-disclosure order"},
		"/intake/us.subpoena": {"does not reach", `value="content"`, `value="civil"`}, "/intake/us.emergency": {"may refuse"}, "/intake/us.nsl": {"National security letter"},
		"/intake/de.100j": {"Articles that it cites"}, "/intake/us.preservation": {"preservation"}, "/intake/uk.copo": {"drill only"}, "/intake/mlat": {"Remedy that it names"},
	} {
		got := r.Get("noor", path)
		shows(t, path, got, 200, texts...)
		for _, name := range []string{"find", "issuer", "country", "kind", "reference", "signed", "validator", "validator_country", "validator_kind", "channel", "received", "zone", "language", "drill", "deadline",
			"identifiers", "accounts", "from", "until", "classes", "matter", "offence", "articles", "secrecy", "secrecy_until", "remedy", "note"} {
			if strings.Count(got.Body, ` name="`+name+`"`) == 0 {
				t.Errorf("%s: %s can't be entered", path, name)
			}
		}
	}
	form := epoc(r)
	form.Set("identifiers", "harbour-clinic")
	got := send(r, "mira", "/intake/us.emergency", form)
	if got.Status != 303 {
		t.Fatalf("%d %s", got.Status, excerpt(got.Body))
	}
	if c := caseNow(r, strings.TrimPrefix(strings.Split(got.Head.Get("Location"), "?")[0], "/intake/received/")); !c.Demand.Emergency {
		t.Error("a voluntary disclosure in an emergency is none")
	}
	shows(t, "a disabled instrument", send(r, "noor", "/intake/uk.copo", epoc(r)), 422, "shipped disabled")
	form.Set("drill", "yes")
	if got := send(r, "noor", "/intake/uk.copo", form); got.Status != 303 {
		t.Errorf("as a drill: %d %s", got.Status, excerpt(got.Body))
	}
}

// TestDirectory: an authority is searched without losing the form, chosen, and the
// case has its entry; what the order says of itself goes before the entry.
func TestDirectory(t *testing.T) {
	r := rig(t)
	a := added1(r, "Landgericht Falkenmoor")
	form := epoc(r)
	form.Set("find", "falken")
	form.Set("do", "find")
	got := send(r, "noor", "/intake/eu.epoc", form, chosen{"order", "order.pdf", "%PDF"})
	shows(t, "the search", got, 200, "Landgericht Falkenmoor", string(a.ID), `value="2026/114"`, "Choose the files again")
	part := r.Get("noor", "/intake/eu.epoc?find=Landg&authority="+string(a.ID), "HX-Request", "true", "HX-Target", "found")
	shows(t, "its part", part, 200, `value="`+string(a.ID)+`" checked`)
	if strings.Contains(part.Body, "<html") || strings.Count(part.Body, string(a.ID)) != 1 {
		t.Error("the part is a page, or the entry is there twice")
	}
	form = epoc(r)
	form.Del("issuer")
	form.Del("country")
	form.Del("kind")
	form.Set("authority", string(a.ID))
	got = send(r, "noor", "/intake/eu.epoc", form)
	id := strings.TrimPrefix(strings.Split(got.Head.Get("Location"), "?")[0], "/intake/received/")
	if got.Status != 303 {
		t.Fatalf("%d %s", got.Status, excerpt(got.Body))
	}
	if i := caseNow(r, id).Demand.Issuer; i.Authority != a.ID || i.Name != "Landgericht Falkenmoor" || i.Country != "DE" || i.Kind != "court" {
		t.Errorf("the issuer: %+v", i)
	}
	form.Set("issuer", "Amtsgericht Falkenmoor")
	form.Set("reference", "2026/115")
	r.Must(r.House.Desk("mira").Do(r.Ctx, "POST", "authorities/"+string(a.ID)+"/suspend", api.ReasonInput{Reason: "its seal was stolen"}, nil))
	got = send(r, "noor", "/intake/eu.epoc", form)
	shows(t, "another name, suspended", r.Get("noor", got.Head.Get("Location")), 200, "This authority is suspended", "otherwise than the directory")
}

// TestWarnings: what the interface knows of a demand that looks like another is
// said once it is received.
func TestWarnings(t *testing.T) {
	r := rig(t)
	added1(r, "Landgericht Falkenmoor")
	first := send(r, "noor", "/intake/eu.epoc", epoc(r), chosen{"order", "order.pdf", "%PDF-1.7 the same"})
	form := epoc(r)
	form.Set("issuer", "Landgericht Falkenmo\u043er") // its r is before a Cyrillic o
	form.Set("country", "DE")
	form.Set("reference", "2026/200")
	second := send(r, "noor", "/intake/eu.epoc", form, chosen{"order", "order.pdf", "%PDF-1.7 the same"})
	if first.Status != 303 || second.Status != 303 {
		t.Fatal(first.Status, second.Status)
	}
	id := strings.TrimPrefix(strings.Split(first.Head.Get("Location"), "?")[0], "/intake/received/")
	shows(t, "the warnings", r.Get("noor", second.Head.Get("Location")), 200, "file is already that of another case", id, "looks the same, in other characters", "Landgericht Falkenmoor")
}

// TestHostileDemand: whatever an order says is shown as text, in every page that
// shows it, also where the form is shown again.
func TestHostileDemand(t *testing.T) {
	r := rig(t)
	form := epoc(r)
	for _, name := range []string{"issuer", "reference", "offence", "identifiers", "articles", "remedy", "note", "validator"} {
		form.Set(name, hostile)
	}
	form.Set("language", "<script>alert(1)</script>")
	form.Set("validator_country", "FR")
	form.Set("validator_kind", "court")
	form.Set("note", strings.Repeat(hostile+"\n", 130))
	got := send(r, "noor", "/intake/eu.epoc", form, chosen{"order", "<script>alert(1)<.pdf", "%PDF"})
	if got.Status != 303 {
		t.Fatalf("%d %s", got.Status, excerpt(got.Body))
	}
	id := strings.TrimPrefix(strings.Split(got.Head.Get("Location"), "?")[0], "/intake/received/")
	for path, as := range map[string]string{got.Head.Get("Location"): "noor", "/docket/" + id + "/scope": "mira", "/docket/" + id + "/letters": "mira", "/docket/" + id + "/letters/eu-impossibility": "mira"} {
		page := r.Get(as, path)
		shows(t, path, page, 200)
		_, main, _ := strings.Cut(page.Body, "<main")
		if path == "/docket/"+id+"/letters/eu-impossibility" { // a field of a form holds what was written, exactly
			main = strings.ReplaceAll(strings.ReplaceAll(main, "\u202e", ""), "\u200b", "")
		}
		unharmed(t, path, main)
	}
	again := epoc(r)
	again.Set("note", hostile)
	again.Set("reference", "")
	page := send(r, "noor", "/intake/eu.epoc", again)
	unharmed(t, "the form again", strings.ReplaceAll(strings.ReplaceAll(page.Body, "\u202e", ""), "\u200b", ""))
	again.Set("note", strings.Repeat("x", 20_000))
	shows(t, "20,000 characters", send(r, "noor", "/intake/eu.epoc", again), 422, "takes at most")
}

// TestPreviewPolicy: only the form may show files of the reader's own machine.
func TestPreviewPolicy(t *testing.T) {
	r := rig(t)
	if csp := r.Get("noor", "/intake/eu.epoc").Head.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-src 'self' blob:;") || !strings.Contains(csp, "img-src 'self' blob:;") || strings.Contains(csp, "script-src 'self' blob") {
		t.Error(csp)
	}
	if csp := r.Get("noor", "/intake").Head.Get("Content-Security-Policy"); strings.Contains(csp, "blob") {
		t.Error(csp)
	}
	shows(t, "one that nobody sent", r.Post("noor", "/intake/eu.epoc", url.Values{}), 422)
}

func TestLocalTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-24T09:30": "2026-11-24T08:30:00Z", "2026-07-01T09:30:15": "2026-07-01T07:30:15Z", "2026-03-29T01:59": "2026-03-29T00:59:00Z", "2026-03-29T03:00": "2026-03-29T01:00:00Z",
		"2026-10-25T01:59": "2026-10-24T23:59:00Z", "2026-10-25T03:00": "2026-10-25T02:00:00Z",
		"2026-03-29T02:00": "", "2026-03-29T02:59": "", "2026-10-25T02:00": "", "2026-10-25T02:59:59": "", "2026-02-30T10:00": "", "24.11.2026": "", "": "",
	} {
		got, err := localTime(text, berlin())
		if want == "" {
			if err == nil {
				t.Errorf("%q is %s", text, got)
			}
		} else if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %s (%v), want %s", text, got.UTC(), err, want)
		}
	}
}
