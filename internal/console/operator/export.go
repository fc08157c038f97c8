package operator

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/printable"
)

// exportPage is how many entries an export reads at once.
const exportPage = 1000

// writer writes entries of one form.
type writer interface {
	entry(api.AuditEntry) error
	flush() error
}

// export is the audit trail as a file, newest first, as it is filtered: CSV for
// spreadsheets, or a line of JSON for each entry. A file that was cut off ends the
// connection, so that nobody takes it for whole.
func (h *room) export(v *page.Visit) error {
	f, err := h.trail(v)
	if err != nil {
		return err
	}
	var media, name string
	var make func(io.Writer) writer
	switch v.Query("form") {
	case "csv":
		media, name, make = "text/csv; charset=utf-8; header=present", "audit.csv", newCSV
	case "ndjson":
		media, name, make = "application/x-ndjson", "audit.ndjson", newLines
	default:
		return unfit("an export is csv or ndjson", "")
	}
	var p api.AuditPage
	if err := h.get(v, f.path(0, exportPage), &p); err != nil {
		return err
	}
	head := v.W.Header()
	head.Set("Content-Type", media)
	head.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	head.Set("Cache-Control", "no-store")
	w := make(v.W)
	for {
		deadline(v)
		for _, e := range p.Entries {
			if err := w.entry(e); err != nil {
				panic(http.ErrAbortHandler) // the reader is gone
			}
		}
		if err := w.flush(); err != nil {
			panic(http.ErrAbortHandler)
		}
		before := p.Next
		if before == 0 {
			return nil
		}
		p = api.AuditPage{}
		if err := h.get(v, f.path(before, exportPage), &p); err != nil {
			panic(http.ErrAbortHandler) // what was sent is not the whole
		}
	}
}

type csvWriter struct{ *csv.Writer }

var columns = []string{"number", "time", "who", "by", "act", "object", "outcome", "why", "address", "erased"}

func newCSV(w io.Writer) writer {
	c := csvWriter{csv.NewWriter(w)}
	c.Write(columns) // kept until it is flushed
	return c
}

func (c csvWriter) entry(e api.AuditEntry) error {
	row := []string{strconv.FormatUint(e.Seq, 10), e.At.UTC().Format(time.RFC3339Nano), string(e.Who), e.By, e.Act, e.Object, string(e.Outcome), e.Why, e.Addr, strconv.FormatBool(e.Gone)}
	for i, cell := range row {
		row[i] = printable.Cell(cell)
	}
	return c.Write(row)
}

func (c csvWriter) flush() error {
	c.Flush()
	return c.Error()
}

type lineWriter struct{ *json.Encoder }

func newLines(w io.Writer) writer { return lineWriter{json.NewEncoder(w)} }

func (l lineWriter) entry(e api.AuditEntry) error { return l.Encode(e) }
func (l lineWriter) flush() error                 { return nil }
