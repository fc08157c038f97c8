package operator

import (
	"net/http"
	"strconv"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
)

// trail is which entries of the audit trail are asked for.
type trail struct {
	Who, Act, Object, Outcome, From, Until string
	from, until                            time.Time
}

// trail reads the filter of the page's address. A last day counts whole.
func (h *room) trail(v *page.Visit) (f trail, err error) {
	f = trail{Who: v.Query("who"), Act: v.Query("act"), Object: v.Query("object"), Outcome: v.Query("outcome"), From: v.Query("from"), Until: v.Query("until")}
	if f.from, err = h.moment(f.From); err != nil {
		return f, err
	}
	if f.until, err = h.moment(f.Until); err == nil && !f.until.IsZero() && len(f.Until) == len(time.DateOnly) {
		f.until = f.until.AddDate(0, 0, 1)
	}
	return f, err
}

// Any says whether anything is asked for.
func (f trail) Any() bool {
	return f.Who+f.Act+f.Object+f.Outcome+f.From+f.Until != ""
}

// Export is the address of all of it as a file.
func (f trail) Export(form string) string {
	return "/operator/audit/" + api.Asked("export", "form", form, "who", f.Who, "act", f.Act, "object", f.Object, "outcome", f.Outcome, "from", f.From, "until", f.Until)
}

// path asks for a page of it.
func (f trail) path(before uint64, limit int) string {
	text := ""
	if before > 0 {
		text = strconv.FormatUint(before, 10)
	}
	return api.Asked("audit", "who", f.Who, "act", f.Act, "object", f.Object, "outcome", f.Outcome, "from", stamp(f.from), "until", stamp(f.until), "before", text, "limit", strconv.Itoa(limit))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

type auditPage struct {
	trail
	api.AuditPage
	First, More string
	Operator    bool      // sees the other pages of operators too
	Head        *api.Head // of a trail that was verified just now
}

// audit is the audit trail, newest first.
func (h *room) audit(v *page.Visit) error {
	d, err := h.auditNow(v)
	if err != nil && d == nil {
		return err
	}
	switch {
	case err != nil:
		return v.Again("audit", d, err)
	case v.Part() == "entries":
		return v.Fragment("audit", "entries", d)
	}
	return v.Render("audit", d)
}

func (h *room) auditNow(v *page.Visit) (*auditPage, error) {
	d := &auditPage{Operator: v.Visitor.Any("operator")}
	var err error
	if d.trail, err = h.trail(v); err != nil {
		return d, err
	}
	before, err := strconv.ParseUint(v.Query("before"), 10, 64)
	if err != nil {
		before = 0
	}
	if err := h.get(v, d.path(before, perPage), &d.AuditPage); err != nil {
		return d, err
	}
	page.Visible(&d.AuditPage)
	if before > 0 {
		d.First = "first"
	}
	if d.Next > 0 {
		d.More = strconv.FormatUint(d.Next, 10)
	}
	return d, nil
}

// verify hashes the whole trail again.
func (h *room) verify(v *page.Visit) error {
	d, err := h.auditNow(v)
	if err != nil {
		return err
	}
	var head api.Head
	if err := h.get(v, "audit/verify", &head); err != nil {
		return v.Again("audit", d, err)
	}
	d.Head = &head
	return v.Render("audit", d)
}

// keep is how long a reader of an export may take for a page of it.
const keep = time.Minute

// deadline gives the reader of a long answer time for its next part.
func deadline(v *page.Visit) {
	// What cannot be bounded so is no connection of a stranger's.
	http.NewResponseController(v.W).SetWriteDeadline(time.Now().Add(keep))
}

// At is the address of the trail with values of its filter changed; it begins
// anew, unless "before" is among them.
func (f trail) At(pairs ...string) string {
	all := []string{"who", f.Who, "act", f.Act, "object", f.Object, "outcome", f.Outcome, "from", f.From, "until", f.Until}
	for i := 0; i+1 < len(pairs); i += 2 {
		known := false
		for j := 0; j < len(all); j += 2 {
			if all[j] == pairs[i] {
				all[j+1], known = pairs[i+1], true
			}
		}
		if !known {
			all = append(all, pairs[i], pairs[i+1])
		}
	}
	return api.Asked("/operator/audit", all...)
}
