package cases

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/printable"
)

// here is where the progress of a production comes into its page.
const here = `<li id="here"></li>`

// producing is the page of a production while it runs, or when it ended.
type producing struct {
	*casePage
	Problem *api.Problem
}

// produce opens and packs what the writ covers. The page comes bit by bit: its
// head, a line for each step, of which only the last is shown, and its end. So
// it needs no script, and whoever closes it stops the work, which goes on where
// it was when it is begun again.
func (h *room) produce(v *page.Visit) error {
	m, _ := moveOf("produce")
	f := h.fields(v)
	in := api.ProduceInput{Recipients: recipients(f.text("recipients", maxList)), MaxBytes: f.number("gibibytes", 1<<20) << 30}
	if f.err != nil {
		return h.again(v, m, f.err)
	}
	c, err := h.Desk.Case(v.Context(), v.Path("case"))
	if err != nil {
		return err
	}
	p, err := h.casePage(v, &c)
	if err != nil {
		return err
	}
	out := http.NewResponseController(v.W)
	begun := false
	var last time.Time
	before, after, err := halves(v, "producing", producing{casePage: p})
	if err != nil {
		return err
	}
	write := func(s string) {
		out.SetWriteDeadline(time.Now().Add(time.Minute))
		v.W.Write([]byte(s)) // whoever is gone is gone: the context ends
		out.Flush()
	}
	begin := func() {
		if !begun {
			begun = true
			head := v.W.Header()
			head.Set("Content-Type", "text/html; charset=utf-8")
			head.Set("Cache-Control", "no-store")
			head.Set("Content-Language", v.Lang)
			v.W.WriteHeader(http.StatusOK)
			write(before)
		}
	}
	_, err = h.Desk.Produce(v.Context(), string(c.Case), in, func(now api.Progress) {
		if time.Since(last) < 500*time.Millisecond {
			return
		}
		last = time.Now()
		begin()
		write("<li>" + template.HTMLEscapeString(stage(v.Words(), now)) + "</li>\n")
	})
	if err != nil && !begun {
		return h.again(v, m, err)
	}
	if !begun {
		return v.See("/docket/"+string(c.Case)+"?part=package", "cases-produce")
	}
	w := v.Words()
	if err != nil {
		detail := w.Say("cases.producing.broken")
		if p := problem(err); p != nil && p.Status < 500 {
			detail = printable.Text(p.Detail)
		}
		write(`<li class="bad"><strong>` + template.HTMLEscapeString(w.Say("cases.producing.stopped")) + `</strong> ` + template.HTMLEscapeString(detail) + `</li>`)
	} else {
		write(`<li class="good"><strong>` + template.HTMLEscapeString(w.Say("cases.producing.done")) + `</strong></li>`)
	}
	write(after)
	return nil
}

// stage is how far a production is.
func stage(w *page.Words, p api.Progress) string {
	name, _, _ := strings.Cut(p.Stage, " ")
	name = w.Of("cases.stage-of-work", name)
	if p.Total > 0 {
		return w.Say("cases.producing.of", "stage", name, "done", p.Done, "total", p.Total)
	}
	return w.Say("cases.producing.so-far", "stage", name, "done", p.Done)
}

// recipients are age recipients, one a line, and certificates in PEM.
func recipients(s string) (out []string) {
	for {
		before, rest, found := strings.Cut(s, "-----BEGIN ")
		for line := range strings.Lines(before) {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, line)
			}
		}
		if !found {
			return out
		}
		body, after, closed := strings.Cut(rest, "\n-----END ")
		if !closed {
			return append(out, "-----BEGIN "+rest)
		}
		label, tail, _ := strings.Cut(after, "\n")
		out = append(out, "-----BEGIN "+body+"\n-----END "+strings.TrimSpace(label)+"\n")
		s = tail
	}
}

// halves renders a page and cuts it where its progress comes.
func halves(v *page.Visit, name string, data any) (before, after string, err error) {
	aside := *v
	w := &aloud{head: http.Header{}}
	r := v.R.Clone(v.Context())
	r.Header.Del("Accept-Encoding")
	aside.W, aside.R = w, r
	if err := aside.Render(name, data); err != nil {
		return "", "", err
	}
	before, after, _ = strings.Cut(w.body.String(), here)
	return before, after, nil
}

// aloud keeps a page instead of sending it.
type aloud struct {
	head http.Header
	body bytes.Buffer
}

func (a *aloud) Header() http.Header         { return a.head }
func (a *aloud) Write(b []byte) (int, error) { return a.body.Write(b) }
func (a *aloud) WriteHeader(int)             {}

// handed is the page of a delivery.
type handed struct {
	*casePage
	Code string
	Path string // below this server's address
}

// deliver hands the package over. The one-time code is shown once, here.
func (h *room) deliver(v *page.Visit) error {
	m, _ := moveOf("deliver")
	f := h.fields(v)
	in := api.DeliverInput{
		Means: f.text("means", 40), Certificate: strings.ReplaceAll(f.text("certificate", 128), ":", ""), Times: int(f.number("times", 100)),
		Until: f.time("until"), Note: f.text("note", maxNote),
	}
	if f.err != nil {
		return h.again(v, m, f.err)
	}
	out, err := h.Desk.Deliver(v.Context(), v.Path("case"), in)
	if err != nil {
		return h.again(v, m, err)
	}
	id := string(out.Case.Case)
	if out.Code == "" {
		return v.See("/docket/"+id+"?part=package", "cases-deliver")
	}
	p, err := h.casePage(v, &out.Case)
	if err != nil {
		return err
	}
	v.Secret()
	return v.Render("delivered", handed{casePage: p, Code: out.Code, Path: api.DeliveryPath + id})
}
