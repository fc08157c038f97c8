//go:build linux

package customer_test

import (
	"net/url"
	"strings"
	"testing"

	"writ/internal/testenv/browser"
)

// TestInABrowser: every page, on a telephone and on a desk, in light and dark, keeps
// nobody out and breaks no rule of the console; the journal's chart and its filter
// come without another page.
func TestInABrowser(t *testing.T) {
	a := open(t)
	id := a.dress()
	list, err := a.own().Notices(a.Ctx, "", 0)
	a.Must(err)
	made, err := a.own().AddCredential(a.Ctx)
	a.Must(err)
	b := browser.New(t, a.Server.Certificate())
	at := func(path string) string {
		u, err := url.Parse(a.Server.URL + path)
		a.Must(err)
		q := u.Query()
		q.Set("as", "customer")
		u.RawQuery = q.Encode()
		return u.String()
	}
	b.Open(at("/style"))
	browser.Eval[string](b, `document.cookie = "as=customer; path=/; secure"`) // for what the pages themselves ask for
	for path, name := range map[string]string{
		"/my": "my", "/my/buckets": "my-buckets", "/my/buckets/ward-seven": "my-bucket", "/my/buckets/ward-seven/object?key=letters%2Fquince": "my-object",
		"/my/buckets/ward-seven/object?key=letters%2F" + strings.Repeat("n", 1000): "my-object-long", "/my/buckets/ward-seven?prefix=letters%2F": "my-folder",
		"/my/buckets/ward-seven/delete?key=letters%2Fquince": "my-delete", "/my/journal": "my-journal", "/my/journal/days": "my-days", "/my/notices": "my-notices",
		"/my/notices/" + url.PathEscape(list.Notices[0].ID): "my-notice", "/my/demands": "my-demands", "/my/demands/" + string(id): "my-demand", "/my/proofs": "my-proofs",
		"/my/credentials": "my-credentials", "/my/credentials/" + string(made.AccessKey) + "/remove": "my-remove", "/my/keys": "my-keys", "/my/contacts": "my-contacts",
	} {
		b.Open(at(path))
		b.Inspect(name)
	}
	b.Open(at("/my/journal"))
	browser.Eval[bool](b, `new Promise((done) => { const look = () => document.querySelector("#days svg") ? done(true) : setTimeout(look, 20); look() })`)
	browser.Eval[bool](b, `(() => { const f = document.querySelector(".filters"); f.elements.prefix.value = "letters/"; f.requestSubmit(); return true })()`)
	browser.Eval[bool](b, `new Promise((done) => { const look = () => { const t = document.getElementById("entries").textContent; t.includes("letters/quince") && !t.includes("odd/") ? done(true) : setTimeout(look, 20) }; look() })`)
	if broken := b.Problems(); len(broken) > 0 {
		t.Errorf("the browser complains: %q", broken)
	}
}
