package page

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"writ"
	"writ/internal/api"
)

// Visitor is who looks at a page.
type Visitor struct {
	Kind      Kind
	Name      string // as it is shown
	Person    writ.Person
	Roles     []writ.Role
	Customer  writ.CustomerID
	Authority writ.AuthorityID
	Session   string    // public id of the session
	Fresh     time.Time // when a passkey last verified the person
	Addr      netip.Addr
}

// Has says whether the visitor holds a role.
func (v Visitor) Has(r writ.Role) bool { return slices.Contains(v.Roles, r) }

// Any says whether the visitor holds one of the roles; it is for templates.
func (v Visitor) Any(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return v.Has(writ.Role(r)) })
}

// Visit is one request to a page, and what it needs to answer. Its context
// carries who asks, so that the office's interface, asked with it, knows.
type Visit struct {
	W       http.ResponseWriter
	R       *http.Request
	Visitor Visitor
	Lang    string // one of Languages
	Theme   string // light, dark, or empty for the reader's own
	site    *Site
	route   *Route
	room    *room
	parsed  bool
	secret  bool // the page must not be compressed
}

// Context is the request's.
func (v *Visit) Context() context.Context { return v.R.Context() }

// Words are the reader's.
func (v *Visit) Words() *Words { return v.site.words[v.Lang] }

// Now is the time.
func (v *Visit) Now() time.Time { return v.site.now() }

// Path is a part of the request's path.
func (v *Visit) Path(name string) string { return v.R.PathValue(name) }

// Query is a value of the request's query, at most 1,100 bytes of it and valid
// UTF-8; else it is empty.
func (v *Visit) Query(name string) string { return bounded(v.R.URL.Query().Get(name), 1100) }

func bounded(s string, most int) string {
	if len(s) > most || !utf8.ValidString(s) {
		return ""
	}
	return strings.TrimSpace(s)
}

// Part says whether htmx asks for a part of the page, and which: the id of the
// element that it will replace.
func (v *Visit) Part() string {
	if v.R.Header.Get("HX-Request") != "true" || v.R.Header.Get("HX-Boosted") == "true" {
		return ""
	}
	return bounded(v.R.Header.Get("HX-Target"), 64)
}

// ErrForm is what was posted and can't be read; its text is for the visitor.
var ErrForm = errors.New("the form can't be read")

// parse reads the posted form, within the route's bound.
func (v *Visit) parse() error {
	if v.parsed {
		return nil
	}
	v.parsed = true
	media, _, err := mime.ParseMediaType(v.R.Header.Get("Content-Type"))
	switch {
	case err != nil:
	case media == "application/x-www-form-urlencoded":
		err = v.R.ParseForm()
	case media == "multipart/form-data":
		// All of it in memory, which the body's bound bounds: what is uploaded here
		// are orders, and those never lie on a disk in clear.
		err = v.R.ParseMultipartForm(UploadBody)
	default:
		err = errors.New("not a form")
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &api.Problem{
			Status: http.StatusRequestEntityTooLarge, Title: "Request Entity Too Large", Code: "too-large",
			Detail: fmt.Sprintf("this form takes at most %d bytes; nothing was kept", large.Limit),
		}
	}
	if err != nil {
		return &api.Problem{Status: http.StatusBadRequest, Title: "Bad Request", Code: "form", Detail: ErrForm.Error()}
	}
	return nil
}

// Form reads what was posted. Errors are [api.Problem] values.
func (v *Visit) Form() (url.Values, error) {
	if err := v.parse(); err != nil {
		return nil, err
	}
	return v.R.PostForm, nil
}

// Text is one posted value, trimmed, at most so many bytes. What is longer, or no
// UTF-8, is a problem rather than cut: nobody should sign what they didn't write.
func (v *Visit) Text(name string, most int) (string, error) {
	form, err := v.Form()
	if err != nil {
		return "", err
	}
	s := strings.ReplaceAll(form.Get(name), "\r\n", "\n")
	if len(s) > most || !utf8.ValidString(s) {
		return "", &api.Problem{
			Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "too-long",
			Detail: fmt.Sprintf("%s takes at most %d bytes of text", name, most),
		}
	}
	return strings.TrimSpace(s), nil
}

// Uploads are the files posted under a name; the caller closes what it opens.
func (v *Visit) Uploads(name string) ([]*multipart.FileHeader, error) {
	if err := v.parse(); err != nil {
		return nil, err
	}
	if v.R.MultipartForm == nil {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(v.R.MultipartForm.File[name]), func(f *multipart.FileHeader) bool { return f.Size == 0 && f.Filename == "" }), nil
}

// See sends the reader to another address of the console. With a message (a key
// below "done.") that page says what was done.
func (v *Visit) See(path, done string) error {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, "\\") {
		return fmt.Errorf("%q is no address of the console", path)
	}
	if done != "" {
		q := u.Query()
		q.Set("done", done)
		u.RawQuery = q.Encode()
	}
	http.Redirect(v.W, v.R, u.String(), http.StatusSeeOther)
	return nil
}

// Back is an address of this console out of a form or query, where somebody
// wanted to go before; anything else is the fallback.
func Back(to, fallback string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || len(to) > 1100 || !strings.HasPrefix(to, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return fallback
	}
	return to
}
