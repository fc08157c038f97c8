package letter

import "fmt"

const (
	textSize  = 10.0 // points
	factSize  = 9.5
	exactSize = 8.3 // so that a SHA-256 fits on a line
	tableSize = 8.5
	cellSize  = 7.5 // what is exact, in a table
	gap       = 2.6 // between blocks
)

// letterhead draws sender, addressee, references and title.
func (p *painter) letterhead() {
	d := p.doc
	p.y = 16
	p.lines(bold, 15, left, p.wrap(bold, 15, right-left, d.Sender.Name))
	p.ink(90)
	p.lines(regular, 8, left, p.wrap(regular, 8, right-left, joined(d.Sender.Lines)))
	p.ink(0)
	p.y += 1.5
	p.rule(p.y, 0.4, 60)
	p.y += 3
	if d.Marking != "" {
		p.lines(bold, 8.5, left, p.wrap(bold, 8.5, right-left, d.Marking))
	}
	if d.Addressee.Name == "" {
		p.y += 3
		p.block(Facts(d.Info), true)
		p.y += 3
	} else {
		p.addressed(max(p.y+2, window))
	}
	p.lines(bold, 12.5, left, p.wrap(bold, 12.5, right-left, d.Title))
	p.y += 3.5
}

// addressed draws the addressee on the left and the references on the right.
func (p *painter) addressed(y float64) {
	p.y = y
	for _, l := range append([]string{p.doc.Addressee.Name}, p.doc.Addressee.Lines...) {
		p.lines(regular, textSize, left, p.wrap(regular, textSize, infoColumn-left-6, l))
	}
	low := p.y
	if p.pdf.PageNo() > 1 { // an address longer than a page
		p.y += 8
		return
	}
	p.y = y
	for _, f := range p.doc.Info {
		p.ink(100)
		p.lines(regular, 7.5, infoColumn, p.wrap(regular, 7.5, right-infoColumn, f.Label))
		p.ink(0)
		p.lines(regular, 9, infoColumn, p.wrap(regular, 9, right-infoColumn, f.Value))
		p.y += 0.9
	}
	if p.pdf.PageNo() == 1 {
		p.y = max(low+8, p.y+6, body)
	}
}

// height is what a signature takes: with room to sign by hand below a closing
// phrase.
func (s Signature) height() float64 {
	if s.Closing == "" {
		return 14
	}
	return 32
}

// together keeps the last paragraph with the signature: no sheet has a
// signature and nothing else on it.
func (p *painter) together(b, next Block) {
	text, ok := b.(Paragraph)
	sign, last := next.(Signature)
	if !ok || !last {
		return
	}
	h := float64(len(p.wrap(regular, textSize, right-left, string(text)))) * lineHeight(textSize)
	if need := h + gap + sign.height(); need < p.end-top {
		p.room(need)
	}
}

func (p *painter) block(b Block, more bool) {
	switch b := b.(type) {
	case Paragraph:
		p.lines(regular, textSize, left, p.wrap(regular, textSize, right-left, string(b)))
	case Heading:
		p.y += 1.6
		p.room(3.5 * lineHeight(textSize)) // not alone at the foot of a page
		p.lines(bold, 10.5, left, p.wrap(bold, 10.5, right-left, string(b)))
		p.y -= gap - 1.2
	case List:
		p.list(b)
	case Facts:
		p.facts(b)
	case Table:
		p.table(b)
	case Signature:
		p.signature(b)
	}
	if more {
		p.y += gap
	}
}

func (p *painter) list(b List) {
	indent := 6.0
	if len(b.Items) > 99 {
		indent = 10
	}
	for i, item := range b.Items {
		mark := "–"
		if b.Numbered {
			mark = fmt.Sprintf("%d.", i+1)
		}
		lines := p.wrap(regular, textSize, right-left-indent, item)
		p.room(float64(min(2, len(lines))) * lineHeight(textSize))
		p.text(regular, textSize, left, p.y, mark)
		p.lines(regular, textSize, left+indent, lines)
		p.y += 1.2
	}
}

// facts draws names in a narrow column and values beside them, between thin
// rules.
func (p *painter) facts(b Facts) {
	const column = 52.0
	p.room(2 * lineHeight(factSize))
	p.rule(p.y, 0.15, 170)
	p.y += 1.3
	for _, f := range b {
		style, points := regular, factSize
		if f.Exact {
			style, points = mono, exactSize
		}
		label := p.wrap(regular, factSize, column-4, f.Label)
		value := p.wrap(style, points, right-left-column, f.Value)
		h := lineHeight(factSize)
		p.room(float64(max(len(label), min(len(value), 3))) * h)
		start, page := p.y, p.pdf.PageNo()
		p.ink(90)
		p.lines(regular, factSize, left, label)
		p.ink(0)
		after := p.y
		if p.pdf.PageNo() == page {
			p.y = start
		}
		for _, l := range value {
			p.room(h)
			p.text(style, points, left+column, p.y, l)
			p.y += h
		}
		if p.pdf.PageNo() == page {
			p.y = max(p.y, after)
		}
		p.y += 0.9
	}
	p.rule(p.y+0.2, 0.15, 170)
	p.y += 1.2
}

// table repeats its head on each page, and breaks a row only if it is higher
// than what a page has room for.
func (p *painter) table(b Table) {
	const between = 3.0
	total := right - left - between*float64(len(b.Columns)-1)
	sum := 0.0
	for _, c := range b.Columns {
		sum += float64(max(1, c.Width))
	}
	cols := make([]cell, len(b.Columns))
	x := left
	for i, c := range b.Columns {
		cols[i] = cell{x: x, width: total * float64(max(1, c.Width)) / sum, face: regular, points: tableSize, right: c.Right}
		if c.Exact {
			cols[i].face, cols[i].points = mono, cellSize
		}
		x += cols[i].width + between
	}
	h := lineHeight(tableSize)
	head := func() {
		lines := make([][]string, len(cols))
		height := 0
		for i, c := range cols {
			lines[i] = p.wrap(bold, 8, c.width, b.Columns[i].Head)
			height = max(height, len(lines[i]))
		}
		for y := range height {
			for i, c := range cols {
				c.face, c.points = bold, 8
				p.cell(c, lines[i], y)
			}
			p.y += h
		}
		p.y += 0.6
		p.rule(p.y, 0.3, 60)
		p.y += 1
	}
	p.room(6 * h)
	head()
	for _, r := range b.Rows {
		lines := make([][]string, len(cols))
		height := 0
		for i, c := range cols {
			if i < len(r) {
				lines[i] = p.wrap(c.face, c.points, c.width, r[i])
			}
			height = max(height, len(lines[i]))
		}
		need := float64(height)*h + 1.6
		if p.y+need > p.end && need < p.end-top-4*h {
			p.newPage()
			head()
		}
		for y := range height {
			if p.y+h > p.end {
				p.newPage()
				head()
			}
			for i, c := range cols {
				p.cell(c, lines[i], y)
			}
			p.y += h
		}
		p.y += 0.6
		p.rule(p.y, 0.1, 190)
		p.y += 1
	}
}

type cell struct {
	x, width, points float64
	face             face
	right            bool
}

// cell draws line y of a cell's.
func (p *painter) cell(c cell, lines []string, y int) {
	if y >= len(lines) {
		return
	}
	x := c.x
	if c.right {
		x += c.width - p.measure(c.face, c.points, lines[y])
	}
	p.text(c.face, c.points, x, p.y, lines[y])
}

func (p *painter) signature(s Signature) {
	p.y += 1
	p.room(s.height())
	if s.Closing != "" {
		p.lines(regular, textSize, left, p.wrap(regular, textSize, right-left, s.Closing))
		p.y += 13 // to sign by hand
	}
	if s.Name != "" {
		p.lines(regular, textSize, left, p.wrap(regular, textSize, right-left, s.Name))
	}
	if s.Function != "" {
		p.lines(italic, 9, left, p.wrap(italic, 9, right-left, s.Function))
	}
}

func joined(lines []string) (s string) {
	for i, l := range lines {
		if i > 0 {
			s += "  ·  "
		}
		s += l
	}
	return s
}
