package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/gate"
)

const (
	// maxScan is how many entries one page of a journal looks through, and
	// maxSummed one summary. Beyond that it says where it stopped.
	maxScan   = 20_000
	maxSummed = 200_000
)

// MyJournal is a page of a journal, newest entry first.
type MyJournal struct {
	Entries []Entry `json:"entries"`
	Next    uint64  `json:"next,omitempty" doc:"give it as before for what is older; absent when nothing is"`
	Cut     bool    `json:"cut,omitempty" doc:"the page is shorter because so many entries were looked through; ask on with next"`
}

// MyJournalQuery chooses entries of a journal. Zero fields choose all.
type MyJournalQuery struct {
	Before uint64    `query:"before" doc:"entries with a lower number; the newest if not given"`
	Limit  int       `query:"limit" minimum:"0" maximum:"1000" doc:"100 if not given"`
	From   time.Time `query:"from" doc:"entries at or after"`
	Until  time.Time `query:"until" doc:"entries before"`
	Right  string    `query:"right" enum:"owner,owner's grant,writ,upkeep" doc:"by which right"`
	Bucket string    `query:"bucket" maxLength:"63"`
	Prefix string    `query:"prefix" maxLength:"1024" doc:"of the object's key"`
}

func (q *MyJournalQuery) chooses(e gate.Entry) bool {
	return (q.Right == "" || string(e.Reason) == q.Right) && (q.Bucket == "" || string(e.Bucket) == q.Bucket) &&
		strings.HasPrefix(string(e.Key), q.Prefix) && (q.Until.IsZero() || e.Time.Before(q.Until)) && !e.Time.Before(q.From)
}

// MySummary counts uses of keys by day and by right, oldest day first.
type MySummary struct {
	Days []MyDay `json:"days"`
	// Whole is from when on the counts are complete, if not from the first day.
	Whole   time.Time `json:"whole_from,omitzero" doc:"older entries were too many to count"`
	Cut     bool      `json:"cut,omitempty" doc:"not all entries of the days were counted: see whole_from"`
	Sealed  uint64    `json:"sealed,omitempty" doc:"entries that only you can read, of no known day"`
	Damaged int       `json:"damaged,omitempty" doc:"places that could not be read"`
}

// MyDay is a day, UTC.
type MyDay struct {
	Day  string                `json:"day" doc:"as 2026-11-24"`
	Uses map[writ.Reason]int64 `json:"uses" doc:"by right"`
}

func (h mine) journal(a huma.API) {
	const itself = "The reading is itself an entry of the journal, with who asked."
	huma.Register(a, huma.Operation{OperationID: "my-journal", Method: http.MethodGet, Path: "/v1/my/journal", Summary: "Who used your keys, by which right, for what: newest first", Description: itself},
		func(ctx context.Context, in *MyJournalQuery) (*output[MyJournal], error) {
			page, err := h.page(ctx, in)
			return own(h, ctx, page, err)
		})
	huma.Register(a, huma.Operation{OperationID: "my-journal-summary", Method: http.MethodGet, Path: "/v1/my/journal/summary", Summary: "How often your keys were used, by day and right", Description: itself},
		func(ctx context.Context, in *struct {
			Days int `query:"days" minimum:"0" maximum:"90" doc:"up to today, UTC; 30 if not given"`
		}) (*output[MySummary], error) {
			days := in.Days
			if days == 0 {
				days = 30
			}
			sum, err := h.summary(ctx, days)
			return own(h, ctx, sum, err)
		})
}

// scan reads the owner's journal, oldest entry first, but no more than the most
// entries that lie before a number (0: all). Entries up to behind were not looked
// at. What cannot be read comes as a [gate.JournalSealed] or a [gate.ErrJournal];
// other errors end the scan.
func (h mine) scan(ctx context.Context, before, most uint64, since time.Time, fn func(gate.Entry, error)) (behind uint64, err error) {
	give, err := h.reading.take(ctx)
	if err != nil {
		return 0, err
	}
	defer give()
	o := ownerOf(ctx)
	head, err := h.Gate.JournalHead(o.Customer)
	if err != nil {
		return 0, err
	}
	if before == 0 || before > head.Seq {
		before = head.Seq + 1 // not what this reading itself adds
	}
	if before > most+1 {
		behind = before - 1 - most
	}
	for e, err := range h.Vault.Journal(ctx, o.session(), gate.JournalQuery{Since: since, AfterSeq: behind}) {
		var sealed *gate.JournalSealed
		var gap *gate.JournalGap
		switch {
		case errors.As(err, &sealed):
			if sealed.From >= before {
				return behind, nil
			}
			if sealed.To <= behind {
				continue
			}
		case errors.As(err, &gap):
			if gap.To <= behind || gap.From >= before {
				continue
			}
		case errors.Is(err, gate.ErrJournal):
		case err != nil:
			return behind, err
		case e.Seq >= before:
			return behind, nil
		}
		fn(e, err)
	}
	return behind, ctx.Err()
}

// page reads the newest entries that a query chooses.
func (h mine) page(ctx context.Context, q *MyJournalQuery) (out MyJournal, err error) {
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	var all []Entry // chosen, oldest first; its head is dropped as newer ones come
	dropped, last, seen := false, uint64(0), depth{}
	behind, err := h.scan(ctx, q.Before, maxScan, q.From, func(e gate.Entry, err error) {
		seen.note(e, err)
		one := entryOf(e)
		var sealed *gate.JournalSealed
		switch {
		case errors.As(err, &sealed):
			one = Entry{Seq: sealed.From, Sealed: &SealedEntries{sealed.From, sealed.To}}
		case err != nil:
			one = Entry{Seq: last + 1, Damage: "entries here cannot be read"}
		case !q.chooses(e):
			last = e.Seq
			return
		}
		last = one.Seq
		if all = append(all, one); len(all) >= 2*limit {
			all, dropped = append(all[:0], all[len(all)-limit:]...), true
		}
	})
	if len(all) > limit {
		all, dropped = all[len(all)-limit:], true
	}
	slices.Reverse(all)
	out.Entries = append([]Entry{}, all...)
	switch {
	case dropped:
		out.Next = out.Entries[len(out.Entries)-1].Seq
	case seen.older(behind):
		out.Next, out.Cut = behind+1, true
	}
	for i := range out.Entries {
		if e := &out.Entries[i]; e.Sealed != nil || e.Damage != "" {
			e.Seq = 0 // these have none of their own
		}
	}
	return out, err
}

// summary counts uses by day and right.
func (h mine) summary(ctx context.Context, days int) (out MySummary, err error) {
	today := h.Now().UTC().Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, 1-days)
	for d := range days {
		out.Days = append(out.Days, MyDay{Day: first.AddDate(0, 0, d).Format(time.DateOnly), Uses: map[writ.Reason]int64{}})
	}
	var oldest time.Time
	var seen depth
	behind, err := h.scan(ctx, 0, maxSummed, first, func(e gate.Entry, err error) {
		seen.note(e, err)
		var sealed *gate.JournalSealed
		switch {
		case errors.As(err, &sealed):
			out.Sealed += sealed.To - sealed.From + 1
			return
		case err != nil:
			out.Damaged++
			return
		}
		if oldest.IsZero() {
			oldest = e.Time
		}
		if d := int(e.Time.Sub(first) / (24 * time.Hour)); d >= 0 && d < days && !e.Time.Before(first) {
			out.Days[d].Uses[e.Reason]++
		}
	})
	if seen.older(behind) {
		out.Cut, out.Whole = true, oldest
	}
	return out, err
}

// depth is how far back a scan from a moment on found something.
type depth struct{ first uint64 }

func (r *depth) note(e gate.Entry, err error) {
	if r.first != 0 {
		return
	}
	var sealed *gate.JournalSealed
	switch {
	case errors.As(err, &sealed):
		r.first = sealed.From
	case err != nil:
		r.first = 1 // of no known place
	default:
		r.first = e.Seq
	}
}

// older says whether there may be more of that time among the entries up to
// behind, which were not looked at: not so if the first of the others was too
// old.
func (r *depth) older(behind uint64) bool { return behind > 0 && r.first != 0 && r.first <= behind+1 }
