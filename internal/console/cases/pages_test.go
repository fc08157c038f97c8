package cases

import (
	"regexp"
	"strings"
	"testing"

	"writ/internal/console/page"
)

// lost is what a page must not show: a message's key, and what templates write
// where something is missing.
var lost = regexp.MustCompile(`cases\.[a-z-]+\.[a-z-]+|done\.cases|ZgotmplZ|<no value>|%!`)

// TestPagesSpeakEveryLanguage: each page of each case, in each language, is whole
// and shows words.
func TestPagesSpeakEveryLanguage(t *testing.T) {
	r := newRig(t)
	ids := r.story()
	paths := []string{"/docket", "/docket?view=table", "/docket?view=table&state=all&order=newest", "/docket?view=table&text=nothing-like-it", "/docket/secrecy", "/docket/drills"}
	for name, id := range ids {
		for _, part := range parts {
			if name != "produced" && name != "review" && part != "overview" && part != "actions" {
				continue
			}
			paths = append(paths, "/docket/"+id+"?part="+part)
		}
	}
	for _, m := range moves {
		if holdsName(m, "counsel") {
			paths = append(paths, "/docket/"+ids["review"]+"/"+m.name)
		}
	}
	paths = append(paths, "/docket/"+ids["review"]+"/identify?find=harbour-clinic", "/docket/"+ids["review"]+"/identify?find=nobody")
	c := r.state(ids["produced"])
	paths = append(paths, "/docket/"+ids["produced"]+"/documents/"+c.Documents[0].ID.String())
	for _, path := range paths {
		for _, lang := range page.Languages {
			got := r.Get("mira", path, "Cookie", "lang="+lang)
			if got.Status != 200 || !strings.Contains(got.Body, `<html lang="`+lang+`"`) {
				t.Errorf("%s in %s: %d %s", path, lang, got.Status, note(got.Body))
				break
			}
			if bad := lost.FindString(got.Body); bad != "" {
				t.Errorf("%s in %s shows %q", path, lang, bad)
			}
			if n := strings.Count(got.Body, "<h1"); n != 1 {
				t.Errorf("%s has %d main headings", path, n)
			}
		}
	}
}

func holdsName(m move, role string) bool {
	for _, r := range m.roles {
		if string(r) == role {
			return true
		}
	}
	return false
}
