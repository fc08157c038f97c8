package agency

import (
	"net/http"
	"strings"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

type fetchView struct {
	Certificate bool
	Case        writ.CaseID // of the address that was asked for, "" if none
}

// certified says whether the connection has proven a client's certificate.
func certified(v *page.Visit) bool { return v.R.TLS != nil && len(v.R.TLS.PeerCertificates) > 0 }

// fetch asks for the code.
func (r *room) fetch(v *page.Visit) error {
	return v.Render("fetch", fetchView{Certificate: certified(v)})
}

func notForYou() *api.Problem {
	return &api.Problem{
		Status: http.StatusNotFound, Title: "Not Found", Code: "no-delivery", Detail: "there is no such delivery for you, or its time is over",
		Hint: "look at the number and the code again, then ask the provider",
	}
}

// show takes the code and gives a ticket for it. Who has a certificate needs none.
func (r *room) show(v *page.Visit) error {
	view := fetchView{Certificate: certified(v)}
	number, err := v.Text("case", 64)
	if err != nil {
		return v.Again("fetch", view, err)
	}
	code, err := v.Text("code", 128)
	if err != nil {
		return v.Again("fetch", view, err)
	}
	code = strings.ToLower(strings.ReplaceAll(code, " ", ""))
	from, now := network(v.R), r.Now()
	if !r.tickets.wrong.Free(from, now) {
		return v.Again("fetch", view, &api.Problem{
			Status: http.StatusTooManyRequests, Title: "Too Many Requests", Code: "too-many", Detail: "too many wrong codes came from your network", Hint: "wait half a minute and try again",
		})
	}
	id, err := writ.ParseCaseID(strings.ToUpper(number))
	if err == nil && (code != "" || view.Certificate) {
		_, err = r.Deliveries.Offer(v.R, string(id), code)
	} else {
		err = notForYou()
	}
	if err != nil {
		r.tickets.wrong.Fail(from, now)
		return v.Again("fetch", view, notForYou())
	}
	if code != "" {
		http.SetCookie(v.W, r.cookie(id, r.tickets.add(id, code, now)))
	}
	return v.See("/agency/fetch/"+string(id), "")
}

// right is the case of a request's address, and the code by which it may be
// fetched, "" for a certificate. An offer that isn't there is [api.Problem].
func (r *room) right(v *page.Visit) (id writ.CaseID, code string, offer api.Offer, err error) {
	if id, err = writ.ParseCaseID(v.Path("case")); err != nil {
		return "", "", offer, notForYou()
	}
	if code = r.tickets.code(r.ticket(v), id, r.Now()); code == "" && !certified(v) {
		return id, "", offer, notForYou()
	}
	if offer, err = r.Deliveries.Offer(v.R, string(id), code); err != nil {
		err = notForYou()
	}
	return id, code, offer, err
}

type packageView struct {
	Case        writ.CaseID
	Offer       api.Offer
	CMS         bool // else age
	Total       int64
	Certificate bool
}

func (r *room) packaged(v *page.Visit) error {
	id, code, offer, err := r.right(v)
	if err != nil { // the form again, with the number of the case
		return v.Again("fetch", fetchView{certified(v), id}, err)
	}
	return v.Render("package", viewOf(id, code, offer))
}

func viewOf(id writ.CaseID, code string, offer api.Offer) packageView {
	out := packageView{Case: id, Offer: offer, Certificate: code == ""}
	for _, f := range offer.Files {
		out.Total += f.Size
		out.CMS = out.CMS || strings.HasSuffix(f.Name, ".p7m")
	}
	return out
}

// download sends a file, by the rules of every delivery.
func (r *room) download(v *page.Visit) error {
	id, code, _, err := r.right(v)
	if err != nil {
		return err
	}
	return r.Deliveries.Send(v.W, v.R, string(id), v.Path("file"), code)
}

// receipt takes the word that the package is there.
func (r *room) receipt(v *page.Visit) error {
	id, code, offer, err := r.right(v)
	if err != nil {
		return err
	}
	note, err := v.Text("note", 4096)
	if err == nil {
		err = r.Deliveries.Confirm(v.R, string(id), code, note)
	}
	if err != nil {
		return v.Again("package", viewOf(id, code, offer), err)
	}
	return v.See("/agency/fetch/"+string(id), "agency-receipt")
}

// end forgets the code, so that nobody who comes after at the same browser may
// fetch.
func (r *room) end(v *page.Visit) error {
	id, err := writ.ParseCaseID(v.Path("case"))
	if err != nil {
		return notForYou()
	}
	r.tickets.end(r.ticket(v))
	http.SetCookie(v.W, r.cookie(id, ""))
	return v.See("/agency/fetch", "agency-ended")
}
