package agency

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/printable"
)

// pageSize is how many demands a page lists: each is read whole.
const pageSize = 25

type demandsView struct {
	Me          api.OfficerState
	Demands     []api.FiledDemand
	Next, First string
}

func (r *room) demands(v *page.Visit) error {
	me, err := r.Desk.Me(v.Context())
	if err != nil {
		return err
	}
	after := v.Query("after")
	list, err := r.Desk.Demands(v.Context(), after, pageSize)
	if err != nil {
		return err
	}
	view := demandsView{Me: me}
	for _, d := range list.Demands {
		view.Demands = append(view.Demands, shownDemand(d))
	}
	if list.Next != "" {
		view.Next = "/agency?after=" + url.QueryEscape(string(list.Next))
	}
	if after != "" {
		view.First = "/agency"
	}
	return v.Render("demands", view)
}

func (r *room) demand(v *page.Visit) error {
	d, err := r.Desk.Demand(v.Context(), v.Path("case"))
	if err != nil {
		return err
	}
	return v.Render("demand", shownDemand(d))
}

// attach sends files to a demand, one after the other.
func (r *room) attach(v *page.Visit) error {
	id := v.Path("case")
	files, err := uploads(v, "file", "correspondence")
	if err == nil && len(files) == 0 {
		err = &api.Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "no-file", Detail: "no file was chosen"}
	}
	for _, f := range files {
		if err == nil {
			_, err = r.Desk.Attach(v.Context(), id, f)
		}
	}
	if err != nil {
		d, unseen := r.Desk.Demand(v.Context(), id)
		if unseen != nil {
			return unseen
		}
		return v.Again("demand", shownDemand(d), err)
	}
	return v.See("/agency/"+url.PathEscape(id), "agency-sent")
}

// uploads reads what was chosen in one field of a form.
func uploads(v *page.Visit, field, kind string) (out []api.Enclosure, err error) {
	list, err := v.Uploads(field)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		file, err := f.Open()
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(file) // the route has bounded it
		file.Close()
		if err != nil {
			return nil, err
		}
		out = append(out, api.Enclosure{Kind: kind, Name: f.Filename, Body: body})
	}
	return out, nil
}

// document downloads a letter, or what was filed.
func (r *room) document(v *page.Visit) error {
	d, err := r.Desk.Demand(v.Context(), v.Path("case"))
	if err != nil {
		return err
	}
	name := ""
	for _, f := range append(d.Files, d.Letters...) {
		if f.ID.String() == v.Path("document") {
			name = f.Name
		}
	}
	body, err := r.Desk.Document(v.Context(), string(d.Case), v.Path("document"))
	if err != nil {
		return err
	}
	defer body.Close()
	h := v.W.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+strings.ReplaceAll(url.QueryEscape(name), "+", "%20"))
	h.Set("Cache-Control", "no-store")
	if _, err := io.Copy(v.W, body); err != nil {
		panic(http.ErrAbortHandler) // half a file must not look like one
	}
	return nil
}

// shownDemand is a demand whose texts may be shown.
func shownDemand(d api.FiledDemand) api.FiledDemand {
	m := &d.Demand
	m.Reference, m.Offence, m.Note, m.Remedy, m.Language = printable.Text(m.Reference), printable.Text(m.Offence), printable.Text(m.Note), printable.Text(m.Remedy), printable.Text(m.Language)
	m.Identifiers, m.Articles = each(m.Identifiers), each(m.Articles)
	if m.Validator != nil {
		val := *m.Validator
		val.Name, val.Kind = printable.Text(val.Name), printable.Text(val.Kind)
		m.Validator = &val
	}
	for _, list := range [][]api.FiledFile{d.Files, d.Letters} {
		for i := range list {
			list[i].Name = printable.Text(list[i].Name)
		}
	}
	return d
}

func each(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = printable.Text(s)
	}
	return out
}

// classes are what a form asks.
var classes = []writ.DataClass{writ.ClassSubscriber, writ.ClassIdentification, writ.ClassTraffic, writ.ClassContent}
