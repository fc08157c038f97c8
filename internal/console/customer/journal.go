package customer

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

// rights are those by which a key is used, in the order of a chart.
var rights = []writ.Reason{writ.ReasonOwner, writ.ReasonGrant, writ.ReasonWrit, writ.ReasonUpkeep}

// rightKeys name them in messages' keys and addresses, which have no quotes.
var rightKeys = map[writ.Reason]string{writ.ReasonOwner: "owner", writ.ReasonGrant: "grant", writ.ReasonWrit: "writ", writ.ReasonUpkeep: "upkeep"}

// rightOf is the right that a key names; "" if it names none.
func rightOf(key string) writ.Reason {
	for r, k := range rightKeys {
		if k == key {
			return r
		}
	}
	return ""
}

// perJournal is how many entries a page of the journal shows.
const perJournal = 50

// use is an entry of the journal as pages show it.
type use struct {
	Seq               uint64
	At                time.Time
	Right, Op         string // right: the key of its message
	What, Link        string
	By, Grantee, Addr string
	Case              string // address of the demand under which it was opened
	First, Last       int64  // the bytes of a range; Last is 0 for the whole
	Presigned         bool
	StandsOut         bool
	Sealed            *api.SealedEntries
	Damaged           bool
}

func useOf(e api.Entry) use {
	u := use{
		Seq: e.Seq, At: e.Time, Right: rightKeys[e.Reason], Op: e.Op, By: shown(e.Credential), Grantee: shown(e.Principal), Addr: shown(e.Addr),
		Presigned: e.Presigned, Sealed: e.Sealed, Damaged: e.Damage != "",
	}
	u.StandsOut = u.Sealed == nil && e.Reason != writ.ReasonOwner // damage too
	if id, is := strings.CutPrefix(e.Principal, "case "); is && e.Reason == writ.ReasonWrit {
		id, _, _ = strings.Cut(id, " ")
		u.Case = "/my/demands/" + url.PathEscape(id)
	}
	if e.Bucket != "" {
		u.What = shown(e.Bucket)
	}
	if e.Key != "" {
		u.What += "/" + shown(e.Key)
		u.Link = inBucket(string(e.Bucket), "/object", "key", string(e.Key))
	}
	if e.Op == "get" && e.Length > 0 {
		u.First, u.Last = e.Offset, e.Offset+e.Length-1
	}
	return u
}

func usesOf(all []api.Entry) (out []use) {
	for _, e := range all {
		out = append(out, useOf(e))
	}
	return out
}

// journalPage is what /my/journal shows.
type journalPage struct {
	Uses        []use
	Rights      []string
	First, Next string
	Cut         bool // asking on may find more, though the page is not full
	Filtered    bool
}

func (p *pages) journal(v *page.Visit) error {
	d := journalPage{}
	for _, r := range rights {
		d.Rights = append(d.Rights, rightKeys[r])
	}
	q, err := p.asked(v)
	if err != nil {
		return v.Again("journal", d, err)
	}
	if v.Part() == "granted" { // of the overview
		q.Limit, q.From = outMost, v.Now().AddDate(0, 0, -outDays)
	}
	list, err := p.Own(v).Journal(v.Context(), q)
	if err != nil {
		return v.Again("journal", d, err)
	}
	d.Uses, d.Cut = usesOf(list.Entries), list.Cut
	same := func(before string) string {
		return api.Asked("/my/journal", "right", v.Query("right"), "bucket", v.Query("bucket"), "prefix", exact(v, "prefix"), "from", v.Query("from"), "until", v.Query("until"), "before", before)
	}
	d.Filtered = same("") != "/my/journal"
	if list.Next > 0 {
		d.Next = same(strconv.FormatUint(list.Next, 10))
	}
	if q.Before > 0 {
		d.First = same("")
	}
	if part := v.Part(); part == "entries" || part == "granted" {
		return v.Fragment("journal", part, d)
	}
	return v.Render("journal", d)
}

// asked is what a filter chooses. Days begin where the operator's deadlines are
// read, as all times of the page.
func (p *pages) asked(v *page.Visit) (q api.MyJournalQuery, err error) {
	q = api.MyJournalQuery{Limit: perJournal, Bucket: strings.TrimSpace(v.Query("bucket")), Prefix: exact(v, "prefix")}
	bad := func(what string) error {
		return refusal(http.StatusUnprocessableEntity, "filter", "the filter's "+what+" can't be read", "correct it, or begin again without a filter")
	}
	if text := v.Query("right"); text != "" {
		if q.Right = string(rightOf(text)); q.Right == "" {
			return q, bad("right")
		}
	}
	if text := v.Query("before"); text != "" {
		if q.Before, err = strconv.ParseUint(text, 10, 63); err != nil {
			return q, bad("place")
		}
	}
	if len(q.Bucket) > 63 {
		return q, bad("bucket")
	}
	for _, day := range []struct {
		name string
		to   *time.Time
		add  int
	}{{"from", &q.From, 0}, {"until", &q.Until, 1}} { // the last day is one of them
		if text := v.Query(day.name); text != "" {
			t, err := time.ParseInLocation(time.DateOnly, text, p.Zone)
			if err != nil {
				return q, bad("day")
			}
			*day.to = t.AddDate(0, 0, day.add)
		}
	}
	return q, nil
}

// daysPage is the journal counted by day.
type daysPage struct {
	Chart   *page.Chart
	Spans   []int
	Span    int
	Cut     bool
	Whole   time.Time
	Sealed  uint64
	Damaged int
}

var spans = []int{7, 30, 90}

func (p *pages) days(v *page.Visit) error {
	d := daysPage{Spans: spans, Span: 30}
	for _, n := range spans {
		if v.Query("days") == strconv.Itoa(n) {
			d.Span = n
		}
	}
	sum, err := p.Own(v).JournalSummary(v.Context(), d.Span)
	if err != nil {
		return err
	}
	d.Cut, d.Whole, d.Sealed, d.Damaged = sum.Cut, sum.Whole, sum.Sealed, sum.Damaged
	w := v.Words()
	var series []string
	for _, r := range rights {
		series = append(series, w.Of("customer.right", rightKeys[r]))
	}
	var rows []page.ChartRow
	for _, day := range sum.Days {
		at, err := time.Parse(time.DateOnly, day.Day)
		if err != nil {
			continue
		}
		one := page.ChartRow{Label: w.Date(at.Add(12 * time.Hour))}
		for _, r := range rights {
			one.Values = append(one.Values, day.Uses[r])
		}
		rows = append(rows, one)
	}
	d.Chart = page.NewChart(w, w.Say("customer.days.chart", "n", d.Span), w.Say("customer.day"), series, []string{"calm", "warn", "bad", ""}, rows)
	if v.Part() == "days" {
		return v.Fragment("days", "figures", d)
	}
	return v.Render("days", d)
}

func (p *pages) journalRaw(v *page.Visit) error {
	body, err := p.Own(v).JournalRaw(v.Context())
	if err != nil {
		return err
	}
	defer body.Close()
	v.W.Header().Set("Content-Disposition", `attachment; filename="journal.ndjson"`)
	return stream(v, http.StatusOK, "application/x-ndjson", body)
}

func (p *pages) journalBundle(v *page.Visit) error {
	body, err := p.Own(v).JournalBundle(v.Context(), 0, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	v.W.Header().Set("Content-Disposition", `attachment; filename="journal.bundle"`)
	return stream(v, http.StatusOK, "application/jsonl", body)
}
