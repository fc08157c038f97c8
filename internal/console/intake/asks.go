package intake

import (
	"strings"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

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
