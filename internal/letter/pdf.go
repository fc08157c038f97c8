package letter

import (
	"bytes"
	"fmt"

	"codeberg.org/go-pdf/fpdf"
)

// The sheet, in millimetres: A4 with the margins of a business letter, the
// addressee where the window of an envelope is (DIN 5008, form B).
const (
	sheetWidth, sheetHeight = 210.0, 297.0
	left, right             = 25.0, 190.0
	top                     = 22.0 // of pages after the first
	window                  = 50.0 // where the addressee begins
	body                    = 98.0 // where a letter's title begins
	infoColumn              = 122.0
	footLine                = 7.5 // points
	pageEnd                 = 284.0
)

// PDF is the document as PDF 1.x on A4, with its fonts embedded, its language
// set and nothing active in it. The same document gives the same bytes.
func (d Document) PDF() ([]byte, error) {
	n, _, err := d.draw(0)
	if err != nil {
		return nil, err
	}
	_, out, err := d.draw(n) // now that the number of pages is known
	return out, err
}

// draw lays the document out. It returns the number of pages; and the file,
// unless that number was not known before.
func (d Document) draw(pages int) (int, []byte, error) {
	known, err := coverage()
	if err != nil {
		return 0, nil, err
	}
	p := &painter{pdf: fpdf.New("P", "mm", "A4", ""), doc: d, glyphs: known, pages: pages, widths: map[face]map[rune]float64{}}
	p.begin()
	p.letterhead()
	for i, b := range d.Blocks {
		if i+1 < len(d.Blocks) {
			p.together(b, d.Blocks[i+1])
		}
		p.block(b, i+1 < len(d.Blocks))
	}
	if err := p.pdf.Error(); err != nil {
		return 0, nil, fmt.Errorf("couldn't lay out the PDF: %w", err)
	}
	n := p.pdf.PageNo()
	if pages == 0 {
		return n, nil, nil
	}
	var out bytes.Buffer
	if err := p.pdf.Output(&out); err != nil {
		return 0, nil, fmt.Errorf("couldn't write the PDF: %w", err)
	}
	return n, out.Bytes(), nil
}

// painter draws from top to bottom.
type painter struct {
	pdf     *fpdf.Fpdf
	doc     Document
	glyphs  map[face]*glyphs
	widths  map[face]map[rune]float64 // of a rune, in millimetres at 1 point
	pages   int
	y       float64 // the top of what comes next
	end     float64 // above the foot
	foot    []string
	running string // before the page's, at the foot
}

func (p *painter) begin() {
	pdf, d := p.pdf, p.doc
	for _, f := range faces {
		family, style := f.face.family()
		pdf.AddUTF8FontFromBytes(family, style, bytes.Clone(f.ttf)) // fpdf writes into what it is given
		p.widths[f.face] = map[rune]float64{}
	}
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(d.Date.UTC())
	pdf.SetModificationDate(d.Date.UTC())
	pdf.SetTitle(shown(d.Title), true)
	pdf.SetAuthor(shown(d.Sender.Name), true)
	pdf.SetCreator("Writ", false)
	pdf.SetProducer("Writ", false)
	pdf.SetLang(d.Lang)
	pdf.SetMargins(0, 0, 0)
	pdf.SetAutoPageBreak(false, 0)
	if d.Footer != "" {
		p.foot = p.wrap(regular, footLine, right-left, d.Footer)
	}
	p.running = p.cut(regular, footLine, 140, d.Running)
	p.end = pageEnd - 6 - float64(len(p.foot))*lineHeight(footLine)
	p.newPage()
}

// newPage starts a page and draws its foot first.
func (p *painter) newPage() {
	p.pdf.AddPage()
	p.y = top
	y := p.end + 3.5
	p.rule(y, 0.2, 170)
	y += 1.2
	p.ink(110)
	for _, l := range p.foot {
		p.text(regular, footLine, left, y, l)
		y += lineHeight(footLine)
	}
	p.text(regular, footLine, left, y, p.running)
	count := fmt.Sprintf("%d / %d", p.pdf.PageNo(), max(p.pages, p.pdf.PageNo()))
	p.text(regular, footLine, right-p.measure(regular, footLine, count), y, count)
	p.ink(0)
}

// room makes sure that so much height is left on the page.
func (p *painter) room(height float64) {
	if p.y+height > p.end && p.y > top {
		p.newPage()
	}
}

func (f face) family() (family, style string) {
	if f == mono {
		return "mono", ""
	}
	return "go", string(f)
}

func lineHeight(points float64) float64 { return points * 0.3528 * 1.36 }

func (p *painter) ink(gray int) { p.pdf.SetTextColor(gray, gray, gray) }

func (p *painter) rule(y, thickness float64, gray int) {
	p.pdf.SetDrawColor(gray, gray, gray)
	p.pdf.SetLineWidth(thickness)
	p.pdf.Line(left, y, right, y)
}

// text draws one line whose top is y.
func (p *painter) text(f face, points, x, y float64, s string) {
	family, style := f.family()
	p.pdf.SetFont(family, style, points)
	if s != "" {
		p.pdf.Text(x, y+points*0.3528*1.02, s)
	}
}

// size measures runes of a face.
func (p *painter) size(f face, points float64) func(rune) float64 {
	family, style := f.family()
	known := p.widths[f]
	return func(r rune) float64 {
		w, ok := known[r]
		if !ok {
			if r == nbsp {
				r = ' '
			}
			p.pdf.SetFont(family, style, 100)
			w = p.pdf.GetStringWidth(string(r)) / 100
			known[r] = w
		}
		return w * points
	}
}

func (p *painter) measure(f face, points float64, s string) (w float64) {
	size := p.size(f, points)
	for _, r := range s {
		w += size(r)
	}
	return w
}

// wrap makes lines of what may be hostile: what the face lacks is shown as
// its number.
func (p *painter) wrap(f face, points, width float64, s string) []string {
	return wrap(p.drawable(f, s), width, p.size(f, points))
}

func (p *painter) drawable(f face, s string) string {
	g := p.glyphs[f]
	return show(shown(s), func(r rune) bool { return r == nbsp || g.has(r) })
}

// cut is the first line of s.
func (p *painter) cut(f face, points, width float64, s string) string {
	lines := p.wrap(f, points, width, s)
	if len(lines) > 1 {
		return lines[0] + " …"
	}
	return lines[0]
}

// lines draws lines one below the other, over pages if need be, never leaving
// the first alone at the foot of a page.
func (p *painter) lines(f face, points, x float64, lines []string) {
	h := lineHeight(points)
	for i, l := range lines {
		need := h
		if i == 0 && len(lines) > 1 || i == len(lines)-2 {
			need = 2 * h
		}
		p.room(need)
		p.text(f, points, x, p.y, l)
		p.y += h
	}
}
