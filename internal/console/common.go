package console

import (
	"net/http"
	"slices"
	"time"

	"writ/internal/console/page"
)

// common are the routes that are no room's.
func (c *Console) common() []page.Route {
	choices := page.Post("/preferences", "preferences", page.Public, c.prefer)
	if c.cfg.Bare {
		return []page.Route{choices}
	}
	return []page.Route{page.Get("/style", "style", page.Public, (*page.Visit).Sample), choices}
}

// prefer keeps a reader's language and theme in cookies for a year.
func (c *Console) prefer(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	set := func(name, value string, known []string) {
		cookie := &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()), HttpOnly: true, Secure: !c.cfg.Plain, SameSite: http.SameSiteLaxMode}
		if !slices.Contains(known, value) {
			cookie.Value, cookie.MaxAge = "", -1
		}
		http.SetCookie(v.W, cookie)
	}
	set("lang", form.Get("lang"), page.Languages)
	set("theme", form.Get("theme"), page.Themes)
	return v.See(page.Back(form.Get("back"), "/"), "")
}
