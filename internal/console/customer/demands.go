package customer

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
)

// maxObjection is the largest body of an objection: its files, its text, and what
// is between them.
const maxObjection = docket.MaxObjectionFiles*docket.MaxObjectionFile + 1<<20

// demandView is a demand as pages show it.
type demandView struct {
	Case, Link, Subject string
	First               time.Time
	Count               int
	Notices             []noticeView
	Objections          []objectionView
	Text                string // of an objection that was not taken
	MaxText, MaxFiles   int
	MaxFile             int64
}

type objectionView struct {
	Number, Files int
	At            time.Time
	By, Text      string
}

func demandOf(m api.MyDemand) demandView {
	d := demandView{
		Case: string(m.Case), Link: "/my/demands/" + url.PathEscape(string(m.Case)), Subject: shown(m.Subject), First: m.First, Count: m.Count,
		MaxText: docket.MaxObjection, MaxFiles: docket.MaxObjectionFiles, MaxFile: docket.MaxObjectionFile,
	}
	for _, n := range slices.Backward(m.Notices) {
		d.Notices = append(d.Notices, noticeOf(n))
	}
	for i, o := range m.Objections { // counted here: the case counts its own events
		d.Objections = append(d.Objections, objectionView{i + 1, o.Files, o.At, shown(o.By), lines(o.Text)})
	}
	return d
}

// allDemands are those that the customer was told of, the newest first.
func (p *pages) allDemands(v *page.Visit) (all []demandView, err error) {
	list, err := p.Own(v).Demands(v.Context())
	for _, m := range slices.Backward(list) {
		all = append(all, demandOf(m))
	}
	return all, err
}

func (p *pages) demands(v *page.Visit) error {
	all, err := p.allDemands(v)
	if err != nil {
		return err
	}
	d := struct {
		Demands     []demandView
		First, Next string
	}{}
	d.Demands, d.First, d.Next = cut(v, "/my/demands", all)
	return v.Render("demands", d)
}

func (p *pages) demand(v *page.Visit) error {
	m, err := p.Own(v).Demand(v.Context(), writ.CaseID(v.Path("case")))
	if err != nil {
		return err
	}
	return v.Render("demand", demandOf(m))
}

// objectTo sends an objection. A refused one is shown again with its text; a
// browser doesn't let files be filled in.
func (p *pages) objectTo(v *page.Visit) error {
	own, id := p.Own(v), writ.CaseID(v.Path("case"))
	m, err := own.Demand(v.Context(), id)
	if err != nil {
		return err
	}
	d := demandOf(m)
	select {
	case p.forms <- struct{}{}:
		defer func() { <-p.forms }()
	default:
		return refusal(http.StatusServiceUnavailable, "busy", "too many objections are being sent at once; nothing was kept", "go back and send it again in a moment")
	}
	var sent []api.ObjectionFile
	if d.Text, sent, err = readObjection(v); err != nil {
		return v.Again("demand", d, err)
	}
	if _, err = own.ObjectTo(v.Context(), id, d.Text, sent); err != nil {
		return v.Again("demand", d, err)
	}
	return v.See(d.Link, "my-objected")
}

// readObjection reads the form into memory.
func readObjection(v *page.Visit) (text string, sent []api.ObjectionFile, err error) {
	body := &bounded{r: v.R.Body}
	v.R.Body = body
	unread := func() error {
		if body.large {
			return refusal(http.StatusRequestEntityTooLarge, "too-large", "this is more than an objection takes; nothing was kept", "send fewer files, or smaller ones")
		}
		return refusal(http.StatusBadRequest, "form", page.ErrForm.Error(), "send it again; nothing was kept")
	}
	form, err := v.R.MultipartReader()
	if err != nil {
		return "", nil, unread()
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return text, sent, nil
		}
		if err != nil {
			return text, nil, unread()
		}
		most := int64(docket.MaxObjectionFile)
		if part.FormName() == "text" {
			most = 8 * docket.MaxObjection // line feeds are two bytes here
		}
		b, err := io.ReadAll(io.LimitReader(part, most+1))
		switch {
		case err != nil:
			return text, nil, unread()
		case part.FormName() == "text":
			if int64(len(b)) > most {
				return text, nil, refusal(http.StatusUnprocessableEntity, "bounds", "the objection has more than 20,000 characters", "put the rest into a file")
			}
			text = strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
		case part.FormName() != "file", part.FileName() == "":
		case int64(len(b)) > most:
			return text, nil, refusal(http.StatusUnprocessableEntity, "bounds", "a file of the objection has more than 8 MiB", "send less, or in parts")
		case len(sent) == docket.MaxObjectionFiles:
			return text, nil, refusal(http.StatusUnprocessableEntity, "bounds", fmt.Sprintf("more than %d files go with the objection", docket.MaxObjectionFiles), "send the others with another objection")
		default:
			sent = append(sent, api.ObjectionFile{Name: part.FileName(), Body: b})
		}
	}
}
