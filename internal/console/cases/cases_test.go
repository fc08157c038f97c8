package cases

import (
	"bufio"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/console/consoletest"
	"writ/internal/console/page"
	"writ/internal/docket"
)

// rig is the docket's pages over a real office.
type rig struct{ *consoletest.Rig }

func newRig(t testing.TB, change ...func(*Rooms)) *rig {
	t.Helper()
	return &rig{consoletest.New(t, func(r *consoletest.Rig) []page.Room {
		rooms := Rooms{Desk: r.Desk}
		for _, c := range change {
			c(&rooms)
		}
		return []page.Room{Room(rooms)}
	})}
}

// received enters a demand.
func (r *rig) received(reference string, change ...func(*docket.Demand)) string {
	r.T.Helper()
	d := r.EPOC(reference)
	for _, c := range change {
		c(&d)
	}
	c, err := r.House.Desk("noor").Receive(r.Ctx, api.DemandInput{Demand: d})
	r.Must(err)
	return string(c.Case)
}

// form posts a move's form, and follows to where it leads.
func (r *rig) form(as, id, move string, values ...string) (status int, body string) {
	r.T.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(values); i += 2 {
		form.Add(values[i], values[i+1])
	}
	got := r.Post(as, "/docket/"+id+"/"+move, form)
	return got.Status, got.Body
}

// does posts a form that must work.
func (r *rig) does(as, id, move string, values ...string) {
	r.T.Helper()
	if status, body := r.form(as, id, move, values...); status != 303 {
		r.T.Fatalf("%s does %s: %d %s", as, move, status, note(body))
	}
}

// note is what a page says was wrong.
func note(body string) string {
	_, rest, found := strings.Cut(body, `role="alert"`)
	if !found {
		return ""
	}
	text, _, _ := strings.Cut(rest, "</div>")
	return text
}

func (r *rig) state(id string) api.Case {
	r.T.Helper()
	c, err := r.House.Desk("mira").Case(r.Ctx, id)
	r.Must(err)
	return c
}

// story brings cases into many states.
func (r *rig) story() (ids map[string]string) {
	r.T.Helper()
	r.Put("letters/0001", "she may go home")
	r.Put("letters/0002", "the fever is gone")
	ids = map[string]string{}
	c := r.Produced("7 Gs 412/26")
	ids["produced"] = string(c.Case)
	ids["new"] = r.received("38 Js 1187/26")
	ids["late"] = r.received("7 Gs 98/26", func(d *docket.Demand) {
		d.Received, d.Emergency = d.Received.Add(-30*time.Hour), true
		d.Signed = d.Received.Add(-time.Hour)
	})
	ids["today"] = r.received("11 Qs 5/26", func(d *docket.Demand) { d.Emergency, d.Issuer.Name = true, "Landgericht Falkenmoor" })
	mid := r.received("2 BJs 77/26", func(d *docket.Demand) {
		d.Issuer = docket.Issuer{Name: "Juzgado de Puertolindo", Country: "ES", Kind: "court"}
	})
	ids["review"] = mid
	noor, mira := r.House.Desk("noor"), r.House.Desk("mira")
	move := func(d *api.Desk, id, name string, in any) {
		r.T.Helper()
		_, err := d.Move(r.Ctx, id, name, in)
		r.Must(err)
	}
	attach := func(id string) {
		_, err := noor.Attach(r.Ctx, id, "order", "epoc "+id+".pdf", "", "", append(slices.Clone(pdf), id...))
		r.Must(err)
		move(noor, id, "authenticate", api.AuthenticateInput{Means: "national-system", Note: "seal verified by the system", Genuine: true})
	}
	attach(mid)
	move(mira, mid, "identify", api.IdentifyInput{Customer: "harbour-clinic", How: "the account's name"})
	attach(ids["today"])
	gone := r.received("9 Gs 1/26")
	attach(gone)
	move(mira, gone, "secrecy", api.SecrecyInput{})
	move(mira, gone, "reply", api.ReplyInput{Answer: "withdrawn", Reason: "taken back by the court", Final: true})
	move(mira, gone, "close", api.CloseInput{})
	ids["closed"] = gone
	for name, body := range map[string]string{"notes.txt": "Read over the telephone.\nTurned \u202eround\u202c.\n", "page.html": "<script>alert(1)</script>", "seal.png": png} {
		_, err := noor.Attach(r.Ctx, ids["today"], "correspondence", name, "", "", []byte(body))
		r.Must(err)
	}
	drill, err := noor.Receive(r.Ctx, api.DemandInput{Drill: true, Demand: func() docket.Demand {
		d := r.EPOC("DRILL 2026-11-24 09:00")
		d.Emergency, d.Issuer.Name, d.Issuer.Country = true, "drill", "DE"
		return d
	}()})
	r.Must(err)
	ids["drill"] = string(drill.Case)
	move(noor, ids["drill"], "authenticate", api.AuthenticateInput{Means: "national-system", Note: "rehearsed", Genuine: true})
	return ids
}

// png is a red square.
var png = func() string {
	b, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mP8z8BQz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC")
	if err != nil {
		panic(err) // a constant
	}
	return string(b)
}()

var pdf = []byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj\n4 0 obj<</Length 68>>stream\nBT /F1 18 Tf 40 220 Td (European Production Order Certificate) Tj ET\nendstream endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\nxref\n0 6\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n0000000105 00000 n \n0000000213 00000 n \n0000000329 00000 n \ntrailer<</Size 6/Root 1 0 R>>\nstartxref\n391\n%%EOF\n")

type pageVisitor = page.Visitor

// regexpFields are the fields of forms with what is in them.
var regexpFields = regexp.MustCompile(`(?s)<(input|option)\b[^>]*>|<textarea.*?</textarea>`)

// listen gives the lines of a stream, until it ends.
func (r *rig) listen(ctx context.Context, as, path string) <-chan string {
	r.T.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.Server.URL+path, nil)
	r.Must(err)
	req.Header.Set(consoletest.AsHeader, as)
	resp, err := r.Server.Client().Do(req)
	r.Must(err)
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(got, "text/event-stream") {
		r.T.Fatalf("%d %s", resp.StatusCode, got)
	}
	lines := make(chan string, 100)
	go func() {
		defer resp.Body.Close()
		defer close(lines)
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}
