package intake

import (
	"slices"
	"strconv"
	"strings"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/staff"
)

// pageSize is how many entries of the directory a page lists.
const pageSize = "50"

// shownVersions is how many versions of an entry its page lists.
const shownVersions = 50

var (
	// directoryKinds are what an entry of the directory may be.
	directoryKinds = []staff.Kind{staff.Judge, staff.Court, staff.InvestigatingJudge, staff.Prosecutor, staff.Police, staff.Agency, staff.Ministry, staff.CentralAuthority, staff.OtherKind}
	callSources    = []staff.Source{staff.FromRegister, staff.FromWebsite, staff.FromDirectory, staff.FromList, staff.FromMeeting}
	keyKinds       = []staff.KeyKind{staff.AgeKey, staff.X509Key, staff.ClientKey}
)

// authoritiesPage is a page of the directory.
type authoritiesPage struct {
	look
	List     []api.Authority
	Next     string
	Kinds    []staff.Kind
	Searched bool
	After    bool
	Problem  *api.Problem
}

// Verified counts the contacts that two people stand behind.
func (authoritiesPage) Verified(a api.Authority) (n int) {
	for _, c := range a.CallBacks {
		if c.VerifiedBy != "" {
			n++
		}
	}
	return n
}

// Usable counts the keys that can be used now.
func (authoritiesPage) Usable(a api.Authority) (n int) {
	for _, k := range a.Keys {
		if k.Usable {
			n++
		}
	}
	return n
}

// authorities lists the directory, or what is looked for in it.
func (r Rooms) authorities(v *page.Visit) error {
	p := authoritiesPage{Kinds: directoryKinds, After: v.Query("after") != ""}
	name, country, kind, status, key := v.Query("name"), strings.ToUpper(v.Query("country")), v.Query("kind"), v.Query("status"), v.Query("key")
	p.Searched = name+country+kind+status+key != ""
	var found api.AuthorityPage
	path := api.Asked("authorities", "name", name, "country", country, "kind", kind, "status", status, "key", key, "after", v.Query("after"), "limit", pageSize)
	err := r.Desk.Do(v.Context(), "GET", path, nil, &found)
	if problem, known := refused(err); known {
		p.Problem = problem
	} else if err != nil {
		return err
	}
	p.List, p.Next = found.Authorities, found.Next
	if v.Part() == "list" {
		return v.Fragment("authorities", "list", p)
	}
	return v.Render("authorities", p)
}

// authorityPage is one entry, or the form of one.
type authorityPage struct {
	look
	Entry    api.Authority
	Parent   *api.Authority
	Versions []api.Authority
	Older    int // versions that are not listed
	Kinds    []staff.Kind
	Sources  []staff.Source
	KeyKinds []staff.KeyKind
	Looks    []api.Lookalike
	Names    string
	Me       writ.Person
	New      bool
}

func (r Rooms) entry(v *page.Visit) (*authorityPage, error) {
	p := &authorityPage{Kinds: directoryKinds, Sources: callSources, KeyKinds: keyKinds, Me: v.Visitor.Person}
	if !authorityID(v.Path("authority")) {
		return nil, &api.Problem{Status: 404, Title: "Not Found", Code: "not-found", Detail: "no authority of the directory has this name"}
	}
	if err := r.Desk.Do(v.Context(), "GET", api.Below("authorities", v.Path("authority")), nil, &p.Entry); err != nil {
		return nil, err
	}
	p.Names = namesText(p.Entry.Names)
	return p, nil
}

// full adds what only the entry's own page shows.
func (r Rooms) full(v *page.Visit) (*authorityPage, error) {
	p, err := r.entry(v)
	if err != nil {
		return nil, err
	}
	id := string(p.Entry.ID)
	if err := r.Desk.Do(v.Context(), "GET", api.Below("authorities", id, "history"), nil, &p.Versions); err != nil {
		return nil, err
	}
	if n := len(p.Versions); n > shownVersions {
		p.Versions, p.Older = p.Versions[:shownVersions], n-shownVersions
	}
	err = r.Desk.Do(v.Context(), "GET", api.Asked("authorities/alike", "name", p.Entry.Name, "country", p.Entry.Country), nil, &p.Looks)
	if _, known := refused(err); err != nil && !known {
		return nil, err
	}
	p.Looks = slices.DeleteFunc(p.Looks, func(l api.Lookalike) bool { return l.Other == p.Entry.ID })
	if p.Entry.Parent != "" {
		var parent api.Authority
		if err := r.Desk.Do(v.Context(), "GET", api.Below("authorities", string(p.Entry.Parent)), nil, &parent); err == nil {
			p.Parent = &parent
		}
	}
	return p, nil
}

// authority shows an entry.
func (r Rooms) authority(v *page.Visit) error {
	p, err := r.full(v)
	if err != nil {
		return err
	}
	return v.Render("authority", p)
}

// newAuthority is an empty form; the name of a demand's authority may be in the
// address.
func (r Rooms) newAuthority(v *page.Visit) error {
	return v.Render("authority-form", &authorityPage{Kinds: directoryKinds, New: true})
}

// described is an entry as the form says it.
func (r *reading) described() api.AuthorityInput {
	return api.AuthorityInput{
		Name: r.text("name", 512), Names: r.names(), Country: strings.ToUpper(r.text("country", 16)), Kind: staff.Kind(r.text("kind", 64)),
		Parent: writ.AuthorityID(r.text("parent", 64)), Aliases: r.lines("aliases", 16<<10), Domains: r.lines("domains", 8<<10), Mails: r.lines("mails", 8<<10),
		Version: uint32(min(r.number("version"), 1<<31)),
	}
}

// names are those in other languages, a line each: "fr Tribunal de Valbrume".
func (r *reading) names() map[string]string {
	out := map[string]string{}
	for _, l := range r.lines("names", 16<<10) {
		lang, name, ok := strings.Cut(l, " ")
		if name = strings.TrimSpace(name); !ok || name == "" {
			r.fail("%q is no name in another language: write the language, a space and the name, such as fr Tribunal de Valbrume", l)
			return nil
		}
		out[lang] = name
	}
	return out
}

func namesText(names map[string]string) string {
	var lines []string
	for lang, name := range names {
		lines = append(lines, lang+" "+name)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// addAuthority takes an authority into the directory. What it looks like is on the
// page that comes next.
func (r Rooms) addAuthority(v *page.Visit) error {
	in, err := r.read(v)
	if err != nil {
		return err
	}
	entry := in.described()
	var a api.Authority
	if err = in.err; err == nil {
		err = r.Desk.Do(v.Context(), "POST", "authorities", entry, &a)
	}
	if err != nil {
		return v.Again("authority-form", &authorityPage{Kinds: directoryKinds, New: true}, err)
	}
	return v.See("/authorities/"+string(a.ID), "intake-authority-added")
}

func (r Rooms) editAuthority(v *page.Visit) error {
	p, err := r.entry(v)
	if err != nil {
		return err
	}
	return v.Render("authority-form", p)
}

// changeAuthority describes an entry anew.
func (r Rooms) changeAuthority(v *page.Visit) error {
	p, err := r.entry(v)
	if err != nil {
		return err
	}
	in, err := r.read(v)
	if err != nil {
		return err
	}
	entry := in.described()
	if err = in.err; err == nil {
		err = r.Desk.Do(v.Context(), "PUT", api.Below("authorities", string(p.Entry.ID)), entry, nil)
	}
	if err != nil {
		return v.Again("authority-form", p, err)
	}
	return v.See("/authorities/"+string(p.Entry.ID), "intake-authority-changed")
}

// done goes back to an entry, or shows it again with what was wrong.
func (r Rooms) done(v *page.Visit, what string, err error) error {
	if err == nil {
		return v.See("/authorities/"+v.Path("authority"), "intake-"+what)
	}
	if _, known := refused(err); !known {
		return err
	}
	p, wrong := r.full(v)
	if wrong != nil {
		return wrong
	}
	return v.Again("authority", p, err)
}

// ask posts to an entry's part of the interface.
func (r Rooms) ask(v *page.Visit, in any, path ...string) error {
	if !authorityID(v.Path("authority")) {
		return &api.Problem{Status: 404, Title: "Not Found", Code: "not-found", Detail: "no authority of the directory has this name"}
	}
	return r.Desk.Do(v.Context(), "POST", api.Below(append([]string{"authorities", v.Path("authority")}, path...)...), in, nil)
}

// mark suspends or resumes.
func (r Rooms) mark(verb string) func(*page.Visit) error {
	return func(v *page.Visit) error {
		in, err := r.read(v)
		if err != nil {
			return err
		}
		reason := in.text("reason", 4096)
		if err = in.err; err == nil {
			err = r.ask(v, api.ReasonInput{Reason: reason}, verb)
		}
		return r.done(v, "authority-"+verb, err)
	}
}

func (r Rooms) addCallBack(v *page.Visit) error {
	in, err := r.read(v)
	if err != nil {
		return err
	}
	c := api.CallBack{Phone: in.text("phone", 256), Where: in.text("where", 512), Source: staff.Source(in.text("source", 64)), Detail: in.text("detail", 4096)}
	if err = in.err; err == nil {
		err = r.ask(v, c, "call-backs")
	}
	return r.done(v, "call-back", err)
}

func (r Rooms) addKey(v *page.Visit) error {
	in, err := r.read(v)
	if err != nil {
		return err
	}
	k := map[string]string{"kind": in.text("keykind", 64), "text": in.text("key", 64<<10)}
	if err = in.err; err == nil {
		err = r.ask(v, k, "keys")
	}
	return r.done(v, "key", err)
}

// touch verifies, removes or revokes a contact or a key.
func (r Rooms) touch(what, verb string) func(*page.Visit) error {
	return func(v *page.Visit) error {
		in, err := r.read(v)
		if err != nil {
			return err
		}
		of := in.text("of", 128)
		if err = in.err; err == nil && of == "" {
			err = bad("the form names none: go back to the page and choose one")
		}
		if err == nil {
			err = r.ask(v, nil, what, of, verb)
		}
		return r.done(v, strings.TrimSuffix(what, "s")+"-"+verb, err)
	}
}

// Number is a version in the history.
func (p *authorityPage) Number(a api.Authority) string {
	return strconv.FormatUint(uint64(a.Version), 10)
}
