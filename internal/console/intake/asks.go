package intake

import (
	"net/url"
	"strings"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

// query is a path of the interface with what is asked; empty values are left out.
func query(path string, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// below joins names to one path, each as one segment.
func below(names ...string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = url.PathEscape(name)
		if strings.Trim(name, ".") == "" {
			out[i] = strings.ReplaceAll(name, ".", "%2E")
		}
	}
	return strings.Join(out, "/")
}

// authorityID says whether a text is an entry's name: "a-" and 20 digits in hex.
func authorityID(s string) bool {
	rest, ok := strings.CutPrefix(s, "a-")
	return ok && len(rest) == 20 && strings.Trim(rest, "0123456789abcdef") == ""
}

// caseAt is the case that an address names, and its path here.
func (r Rooms) caseAt(v *page.Visit) (api.Case, string, error) {
	id, err := api.CaseOf(v.Path("case"))
	if err != nil {
		return api.Case{}, "", &api.Problem{Status: 404, Title: "Not Found", Code: "not-found", Detail: "there is no such case"}
	}
	c, err := r.Desk.Case(v.Context(), string(id))
	return c, "/docket/" + string(id), err
}

// isOf says whether a case is of an instrument's family.
func isOf(id writ.Instrument, family string) bool {
	return strings.HasPrefix(string(id), family+".")
}
