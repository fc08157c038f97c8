package letter

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"writ"
)

const (
	maxLines    = 12      // of an address
	maxDocument = 4 << 20 // bytes of all texts of a letter, as they are shown
)

// Make writes one letter in one of [Languages]. Data that break a rule of
// their fields are refused with [ErrField].
func (s *Set) Make(lang string, head Head, data Data) (Document, error) {
	if !slices.Contains(languages, lang) {
		return Document{}, fmt.Errorf("%w: there are no letters in %q, only in %q", ErrField, lang, languages)
	}
	v := reflect.ValueOf(data)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return Document{}, fmt.Errorf("%w: there are no data", ErrField)
	}
	kind := data.Kind()
	w, shape := s.words[lang], s.shapes[kind]
	r := reader{words: w, zone: head.Zone}
	rec, err := r.record(v)
	if err != nil {
		return Document{}, err
	}
	if err := consistent(v.Interface()); err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrField, err)
	}
	doc, err := r.begin(head, shape)
	if err != nil {
		return Document{}, err
	}
	doc.Kind, doc.Lang = kind, lang
	t := s.texts[lang][kind]
	doc.Title = t.Title
	letter := !shape.Form
	if letter {
		doc.Blocks = append(doc.Blocks, Paragraph(w.Salutation))
	}
	for _, b := range shape.Blocks {
		if b.When != "" && !rec[b.When].set || b.Unless != "" && rec[b.Unless].set {
			continue
		}
		doc.Blocks = append(doc.Blocks, beside(t.Before[b.ID], rec)...)
		doc.Blocks = append(doc.Blocks, r.blocks(b, t.Text[b.ID], rec)...)
		doc.Blocks = append(doc.Blocks, beside(t.After[b.ID], rec)...)
	}
	sign := Signature{Name: prose(head.Signatory), Function: prose(head.Function)}
	if letter {
		sign.Closing = w.Closing
	}
	if sign != (Signature{}) {
		doc.Blocks = append(doc.Blocks, sign)
	}
	if n := length(doc.Blocks); n > maxDocument {
		return Document{}, fmt.Errorf("%w: it would have %d bytes of text, more than %d; list fewer objects", ErrField, n, maxDocument)
	}
	return doc, nil
}

// length is how much text blocks hold. Each string is bounded, but ten
// thousand names that are shown as numbers would still fill a book.
func length(blocks []Block) (n int) {
	for _, b := range blocks {
		switch b := b.(type) {
		case Paragraph:
			n += len(b)
		case List:
			for _, item := range b.Items {
				n += len(item)
			}
		case Table:
			for _, r := range b.Rows {
				for _, c := range r {
					n += len(c)
				}
			}
		}
	}
	return n
}

// begin makes what stands above and below a letter.
func (r reader) begin(h Head, s shape) (Document, error) {
	if err := checkHead(h, s); err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrField, err)
	}
	day := h.Date
	if r.zone != nil {
		day = day.In(r.zone)
	}
	info := []Fact{{Label: r.words.Labels["date"], Value: r.words.date(day)}, {Label: r.words.Labels["case"], Value: string(h.Case)}}
	if h.YourReference != "" {
		info = append(info, Fact{Label: r.words.Labels["your_reference"], Value: prose(h.YourReference)})
	}
	footer := r.words.Footer[s.Audience]
	if s.Audience == "authority" && s.Form {
		footer = r.words.Footer["form"]
	}
	if s.Brief {
		h.Sender.Lines, footer = nil, ""
	}
	return Document{
		Date: h.Date, Sender: party(h.Sender), Addressee: party(h.Addressee), Marking: r.words.Marking[s.Marking],
		Info: info, Footer: footer, Running: prose(h.Sender.Name) + " · " + string(h.Case),
	}, nil
}

func party(p Party) Party {
	out := Party{Name: oneLine(p.Name)}
	for _, l := range p.Lines {
		out.Lines = append(out.Lines, oneLine(l))
	}
	return out
}

// oneLine is prose whose line ends are shown.
func oneLine(s string) string { return shown(prose(s)) }

func checkHead(h Head, s shape) error {
	if _, err := writ.ParseCaseID(string(h.Case)); err != nil {
		return fmt.Errorf("case: %w", err)
	}
	if y := h.Date.UTC().Year(); y < 1900 || y > 9998 {
		return fmt.Errorf("date: the year %d is not one of a letter", y)
	}
	if h.Sender.Name == "" {
		return errors.New("sender: it is required")
	}
	if h.Addressee.Name == "" && s.Audience != "internal" {
		return errors.New("addressee: it is required")
	}
	if h.Signatory == "" && !s.Form {
		return errors.New("signatory: it is required")
	}
	for name, lines := range map[string][]string{
		"sender": append([]string{h.Sender.Name}, h.Sender.Lines...), "addressee": append([]string{h.Addressee.Name}, h.Addressee.Lines...),
		"your reference": {h.YourReference}, "signatory": {h.Signatory}, "function": {h.Function},
	} {
		if len(lines) > maxLines {
			return fmt.Errorf("%s: it has %d lines; at most %d go into a letter", name, len(lines), maxLines)
		}
		for _, l := range lines {
			if len(l) > maxLine {
				return fmt.Errorf("%s: it has %d bytes; at most %d go into a letter", name, len(l), maxLine)
			}
		}
	}
	return nil
}

// blocks makes one block of a kind.
func (r reader) blocks(b block, p phrase, rec record) []Block {
	switch {
	case b.Facts != nil:
		return r.facts(b, rec)
	case b.Table != "":
		return r.table(b, rec[b.Table].rows)
	case len(p) == 1 && p[0] == "": // left out by the house
		return nil
	case b.Heading:
		return []Block{Heading(oneLine(filled(p[0], rec)))}
	case b.List != "":
		return []Block{List{Numbered: b.Numbered, Items: listed(p[0], rec[b.List])}}
	case b.Steps > 0:
		list := List{Numbered: true}
		for _, s := range p {
			list.Items = append(list.Items, filled(s, rec))
		}
		return []Block{list}
	}
	return paragraphs(filled(p[0], rec))
}

func filled(s string, rec record) string {
	return fill(s, func(name string) string { return rec[name].text })
}

// listed makes the points of a list. Lines that people typed run on in them.
func listed(s string, v value) (items []string) {
	for _, rec := range v.rows {
		items = append(items, runOn(filled(s, rec)))
	}
	for _, item := range v.items {
		items = append(items, runOn(fill(s, func(string) string { return item })))
	}
	return items
}

// runOn is s on one line, its non-breaking spaces kept.
func runOn(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' }), " ")
}

func beside(s string, rec record) []Block {
	if s == "" {
		return nil
	}
	return paragraphs(filled(s, rec))
}

// paragraphs makes one of each line.
func paragraphs(s string) (out []Block) {
	for line := range strings.SplitSeq(s, "\n") {
		if strings.TrimSpace(line) != "" {
			out = append(out, Paragraph(strings.TrimSpace(line)))
		}
	}
	return out
}

func (r reader) facts(b block, rec record) []Block {
	var facts Facts
	for _, f := range b.Facts {
		field, label := alias(f)
		if v := rec[field]; v.set {
			facts = append(facts, Fact{Label: r.words.Labels[label], Value: runOn(v.text), Exact: v.exact})
		}
	}
	if facts == nil {
		return nil
	}
	return []Block{facts}
}

func (r reader) table(b block, rows []record) []Block {
	var t Table
	var fields []string
	for _, c := range b.Columns {
		field, label, width, _ := column(c) // checked when it was loaded
		fields = append(fields, field)
		t.Columns = append(t.Columns, Column{Head: r.words.Labels[label], Width: width})
	}
	for _, rec := range rows {
		var cells []string
		for i, f := range fields {
			v := rec[f]
			t.Columns[i].Exact, t.Columns[i].Right = v.exact, v.right
			if v.cell != "" {
				v.text = v.cell
			}
			cells = append(cells, runOn(v.text))
		}
		t.Rows = append(t.Rows, cells)
	}
	return []Block{t}
}
