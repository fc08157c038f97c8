package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"
)

// Report is a report that adds up. It holds what is printed and no more.
type Report struct {
	o        Options
	sections []section
	notes    []string // of the whole report
	crlf     bool     // ends of lines in CSV of the layout "github"
}

// section is one table.
type section struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Columns []column `json:"columns"` // the first is of the rows' names, unless text says more
	Rows    []row    `json:"rows"`
	Notes   []string `json:"notes,omitempty"`
	chart   int      // the column that the chart shows; 0: none
}

type column struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// row is one line: a figure, or text, for each column.
type row struct {
	Cells []figure `json:"cells"`
	Total bool     `json:"total,omitempty"`
}

// figure is what is printed in one cell.
type figure struct {
	text string // "" for a number
	n    int
}

func number(n int) figure   { return figure{n: n} }
func words(s string) figure { return figure{text: cmp.Or(s, " ")} }
func (f figure) bare() bool { return f.text == "" }
func (f figure) String() string {
	if f.bare() {
		return strconv.Itoa(f.n)
	}
	return f.text
}

// MarshalJSON writes a number as a number, all else as text.
func (f figure) MarshalJSON() ([]byte, error) {
	if f.bare() {
		return strconv.AppendInt(nil, int64(f.n), 10), nil
	}
	return json.Marshal(f.text)
}

// What is shown instead of a figure.
var (
	few      = words("<5") // 1 to 4
	some     = words("≥5") // 5 or more, hidden so that totals don't give a "<5" back
	withheld = words("–")  // any figure, zero too
)

// roomForRefs is room for the refs of a large docket, so that it needn't grow
// there: a megabyte for as long as the report is made.
const roomForRefs = 1 << 16

// Make counts cases and makes the report that o asks for. Cases of other times
// may be among them; order doesn't matter.
//
// Errors: [ErrOptions], or a [*Refusal].
func Make(cases iter.Seq[Case], o Options) (*Report, error) {
	o, err := o.whole()
	if err != nil {
		return nil, err
	}
	refusal := &Refusal{}
	look := &examiner{refs: make(map[string]struct{}, roomForRefs), r: refusal}
	var count tally
	if o.Layout == GitHub {
		count = newGitHubTally(&o)
	} else {
		count = newWritTally(&o)
	}
	nat := newNational(&o)
	var c Case // one for all: a docket has 100,000
	for c = range cases {
		// What closed in the period is looked at too: a case that was never
		// received, or received after its end, is in no other.
		in := o.covers(c.Received)
		if !in && !o.covers(c.Closed) {
			continue
		}
		kind := instrumentOf(c.Instrument)
		look.examine(&c, kind)
		switch {
		case kind.NationalSecurity:
			if in {
				nat.add(&c, refusal)
			}
		case in || c.Received == 0:
			count.add(&c, kind, refusal)
		}
	}
	count.check(refusal)
	r := &Report{o: o}
	count.write(r, nat, refusal)
	if err := refusal.orNil(); err != nil {
		return nil, err
	}
	return r, nil
}

// tally counts the cases of a layout.
type tally interface {
	add(c *Case, kind *instrument, r *Refusal)
	check(r *Refusal)
	write(to *Report, nat *national, r *Refusal)
}

// Correction returns the digest of the report that this one corrects.
func (r *Report) Correction() (first [32]byte, ok bool) {
	return r.o.Correction, r.o.Correction != [32]byte{}
}

// Publication returns what later reports have to know of this one.
func (r *Report) Publication() Publication {
	p := Publication{From: r.o.From, To: r.o.To}
	for _, s := range r.sections {
		if s.ID == NationalTable && len(s.Rows) > 0 {
			p.Structure = r.o.Structure
		}
	}
	return p
}

// Preliminary tells whether the report's period wasn't over when it was made.
func (r *Report) Preliminary() bool { return !r.o.Made.After(r.o.To) }

// Digest is SHA-256 of what Write writes as "json": the canonical form, and
// what a ledger is told.
func (r *Report) Digest() [32]byte { return sha256.Sum256(r.canonical()) }

// document is the canonical form.
type document struct {
	V           int       `json:"v"`
	Layout      Layout    `json:"layout"`
	Table       string    `json:"table,omitempty"`
	By          By        `json:"by,omitempty"`
	Operator    string    `json:"operator,omitempty"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	Preliminary bool      `json:"preliminary,omitempty"`
	Corrects    string    `json:"corrects,omitempty"` // SHA-256 of the first report of the period
	Rounding    Rounding  `json:"rounding"`
	Notes       []string  `json:"notes"`
	Sections    []section `json:"sections"`
}

func (r *Report) canonical() []byte {
	d := document{
		V: 1, Layout: r.o.Layout, Table: r.o.Table, By: r.o.By, Operator: r.o.Operator,
		From: r.o.From.Format(time.DateOnly), To: r.o.To.Format(time.DateOnly),
		Preliminary: r.Preliminary(), Rounding: r.o.Round, Notes: r.notes, Sections: r.sections,
	}
	d.Notes = append([]string{}, d.Notes...) // [] where there is nothing, never null
	d.Sections = slices.Clone(d.Sections)
	for i := range d.Sections {
		s := &d.Sections[i]
		s.Columns, s.Rows = append([]column{}, s.Columns...), append([]row{}, s.Rows...)
	}
	if first, ok := r.Correction(); ok {
		d.Corrects = hex.EncodeToString(first[:])
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil { // only text and numbers are in it
		panic(fmt.Sprintf("couldn't write a report as JSON: %v", err))
	}
	return b.Bytes()
}

// Formats are what Write can write.
func Formats() []string { return []string{"table", "csv", "json", "html"} }

// Write writes the report as "table" (for terminals), "csv", "json" (canonical)
// or "html". Errors: [ErrOptions] for another format, and w's.
func (r *Report) Write(w io.Writer, format string) error {
	var b bytes.Buffer
	switch format {
	case "table":
		r.table(&b)
	case "csv":
		r.csv(&b)
	case "json":
		b.Write(r.canonical())
	case "html":
		r.html(&b)
	default:
		return fmt.Errorf("%w: format %q; it is table, csv, json or html", ErrOptions, format)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("couldn't write the report: %w", err)
	}
	return nil
}
