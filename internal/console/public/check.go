package public

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"writ/internal/console/assets/check"
	"writ/internal/console/page"
	"writ/internal/printable"
)

// checkFiles are the page around the checker, and the checker's texts in the
// languages that it doesn't have itself.
//
//go:embed check
var checkFiles embed.FS

// CheckRoom makes the page that checks receipts and packages in the reader's own
// browser (package check). Its texts are a room of their own, since they are the
// checker's.
func CheckRoom(r Rooms) (page.Room, error) {
	keys, err := checkKeys()
	if err != nil {
		return page.Room{}, err
	}
	o := overlay{
		"templates/check.html":    {checkFiles, "check/templates/check.html"},
		"templates/_shared.html":  {files, "templates/_shared.html"},
		"templates/_checker.html": {check.Page, "checker.html"},
		"messages/en.yaml":        {check.Page, "messages.en.yaml"},
	}
	for _, l := range page.Languages[1:] {
		o["messages/"+l+".yaml"] = placed{checkFiles, "check/messages/" + l + ".yaml"}
	}
	return page.Room{
		Name: "check", Files: o, Assets: check.Assets,
		Routes: []page.Route{{Method: http.MethodGet, Path: "/check", Name: "public-check", For: page.Public, Do: func(v *page.Visit) error {
			l := r.Server.Ledger()
			d := checkPage{Key: l.Key, Policy: printable.Text(strings.TrimSpace(l.Policy)), Words: map[string]string{}}
			for _, k := range keys {
				d.Words[k] = v.Words().Say(k)
			}
			return v.Render("check", d)
		}}},
	}, nil
}

// checkPage is what /check shows.
type checkPage struct {
	Key, Policy string
	Words       map[string]string // the checker's texts, with their places
}

// checkKeys are the keys of the checker's texts.
func checkKeys() ([]string, error) {
	b, err := fs.ReadFile(check.Page, "messages.en.yaml")
	if err != nil {
		return nil, fmt.Errorf("couldn't read the checker's texts: %w", err)
	}
	var all map[string]string
	if err := yaml.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("couldn't read the checker's texts: %w", err)
	}
	var keys []string
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys, nil
}

// overlay puts files of several places under names of its own.
type overlay map[string]placed

type placed struct {
	from fs.FS
	name string
}

// Open implements [fs.FS].
func (o overlay) Open(name string) (fs.File, error) {
	at, ok := o[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return at.from.Open(at.name)
}

// Glob implements [fs.GlobFS].
func (o overlay) Glob(pattern string) (all []string, err error) {
	for name := range o {
		matches, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if matches {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all, nil
}
