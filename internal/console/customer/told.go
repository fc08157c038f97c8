package customer

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/notice"
)

// noticeView is a notice as pages show it.
type noticeView struct {
	ID, Case, Link string
	CaseLink       string
	At, Read       time.Time
	Subject, Text  string
	Sealed         bool
	New            bool // it lies in the inbox unread
	Ways           []wayView
	Files          []fileView
}

type wayView struct {
	Kind, Address string
	At            time.Time
	Sealed        bool
}

type fileView struct {
	Name, Link, SHA256 string
	Size               int
}

func noticeOf(n api.MyNotice) noticeView {
	out := noticeView{
		ID: n.ID, Case: string(n.Case), Link: "/my/notices/" + url.PathEscape(n.ID), At: n.At, Read: n.Read, Subject: shown(n.Subject), Sealed: n.Sealed,
		Text: lines(n.Text),
	}
	if n.Case != "" {
		out.CaseLink = "/my/demands/" + url.PathEscape(string(n.Case))
	}
	for _, w := range n.Ways {
		out.Ways = append(out.Ways, wayView{string(w.Kind), shown(w.Address), w.At, w.Sealed})
		out.New = out.New || w.Kind == notice.ByInbox && n.Read.IsZero()
	}
	for _, f := range n.Files {
		out.Files = append(out.Files, fileOf(n.ID, f))
	}
	return out
}

func fileOf(id string, f api.MyFile) fileView {
	return fileView{shown(f.Name), "/my/notices/" + url.PathEscape(id) + "/files/" + url.PathEscape(f.Name), f.SHA256, f.Size}
}

// told are the newest notices of all that were told, which is never much: telling
// somebody takes a person each time. They come oldest first.
func (p *pages) told(v *page.Visit) (all []noticeView, err error) {
	for after := ""; ; {
		list, err := p.Own(v).Notices(v.Context(), after, 1000)
		if err != nil {
			return nil, err
		}
		for _, n := range list.Notices {
			all = append(all, noticeOf(n))
		}
		if after = list.Next; after == "" {
			break
		}
	}
	slices.Reverse(all)
	return all, nil
}

// perNotices is how many notices, demands or proofs a page shows.
const perNotices = 50

// cut is one page of a list that is there whole, and the addresses of the others.
func cut[T any](v *page.Visit, path string, all []T) (some []T, first, next string) {
	skip, err := strconv.Atoi(v.Query("skip"))
	if err != nil || skip < 0 || skip > len(all) {
		skip = 0
	}
	some = all[skip:]
	if len(some) > perNotices {
		some, next = some[:perNotices], api.Asked(path, "skip", strconv.Itoa(skip+perNotices))
	}
	if skip > 0 {
		first = path
	}
	return some, first, next
}

func (p *pages) notices(v *page.Visit) error {
	all, err := p.told(v)
	if err != nil {
		return err
	}
	d := struct {
		Notices     []noticeView
		First, Next string
	}{}
	d.Notices, d.First, d.Next = cut(v, "/my/notices", all)
	return v.Render("notices", d)
}

func (p *pages) notice(v *page.Visit) error {
	n, err := p.Own(v).Notice(v.Context(), v.Path("id"))
	if err != nil {
		return err
	}
	return v.Render("notice", noticeOf(n))
}

func (p *pages) noticeFile(v *page.Visit) error {
	name := v.Path("name")
	body, err := p.Own(v).NoticeFile(v.Context(), v.Path("id"), name)
	if err != nil {
		return err
	}
	defer body.Close()
	v.W.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+strings.ReplaceAll(url.QueryEscape(name), "+", "%20"))
	return stream(v, http.StatusOK, "application/octet-stream", body)
}

func (p *pages) proofs(v *page.Visit) error {
	all, err := p.Own(v).Proofs(v.Context())
	if err != nil {
		return err
	}
	type proof struct {
		Case, CaseLink, Notice string
		At                     time.Time
		File                   fileView
	}
	var proofs []proof
	for _, one := range slices.Backward(all) {
		proofs = append(proofs, proof{
			string(one.Case), "/my/demands/" + url.PathEscape(string(one.Case)), "/my/notices/" + url.PathEscape(one.Notice), one.At, fileOf(one.Notice, one.File),
		})
	}
	d := struct {
		Proofs      []proof
		First, Next string
	}{}
	d.Proofs, d.First, d.Next = cut(v, "/my/proofs", proofs)
	return v.Render("proofs", d)
}
