package letter

import "time"

// Document is a letter, a form or an internal paper, complete and in one
// language, ready to be rendered. Its strings may be hostile: rendering shows
// what it cannot print.
type Document struct {
	Kind      Kind
	Lang      string // one of Languages
	Date      time.Time
	Sender    Party
	Addressee Party  // without a name: a paper that is sent to nobody
	Marking   string // above the letter, as "Confidential"; may be empty
	Info      []Fact // date, case, references
	Title     string
	Blocks    []Block
	Footer    string // at the foot of each page
	Running   string // at the foot of each page, before the page number
}

// Party is who writes or is written to.
type Party struct {
	Name  string
	Lines []string // the address, a line each
}

// Block is a part of a document: [Paragraph], [Heading], [List], [Facts],
// [Table] or [Signature].
type Block interface{ block() }

// Paragraph is running text.
type Paragraph string

// Heading stands above what belongs together.
type Heading string

// List is points, numbered from 1 or dashed.
type List struct {
	Numbered bool
	Items    []string
}

// Fact is a value with its name.
type Fact struct {
	Label, Value string
	Exact        bool // a digest, key or name to be copied as it stands
}

// Facts is a list of named values.
type Facts []Fact

// Table has rows of as many cells as columns.
type Table struct {
	Columns []Column
	Rows    [][]string
}

// Column is a table's.
type Column struct {
	Head  string
	Width int  // its share of the table's width
	Exact bool // cells are copied as they stand
	Right bool // aligned to the right, as numbers are
}

// Signature is the end of a letter: the closing phrase, and who signs.
type Signature struct {
	Closing, Name, Function string
}

func (Paragraph) block() {}
func (Heading) block()   {}
func (List) block()      {}
func (Facts) block()     {}
func (Table) block()     {}
func (Signature) block() {}
