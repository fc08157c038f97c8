package source

import (
	"go/scanner"
	"go/token"
	"html"
	"path"
	"strings"
)

// highlight is a file's text as HTML, with the same lines: no element goes
// from one line into the next. Comments, strings and keywords of Go have a
// class each, and so have comment lines of what begins them with #.
func highlight(name string, body []byte) string {
	switch {
	case strings.HasSuffix(name, ".go"):
		return highlightGo(body)
	case hashComments(name, body):
		var b strings.Builder
		for line := range strings.Lines(string(body)) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				mark(&b, "c", line)
			} else {
				b.WriteString(html.EscapeString(line))
			}
		}
		return b.String()
	}
	return html.EscapeString(string(body))
}

func hashComments(name string, body []byte) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".txtar", ".sh":
		return true
	}
	return path.Base(name) == "Makefile" || strings.HasPrefix(string(body), "#!")
}

// highlightGo walks over the tokens; what lies between them is copied, so that
// all of the text is there even where it is no Go.
func highlightGo(body []byte) string {
	var b strings.Builder
	var s scanner.Scanner
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(body))
	s.Init(file, body, func(token.Position, string) {}, scanner.ScanComments)
	done := 0
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			break
		}
		class := classOf(tok)
		at := file.Offset(pos)
		if class == "" || at < done {
			continue
		}
		// The scanner leaves carriage returns out of what it returns: the
		// end is found in the file itself.
		end := at + len(text)
		if end > len(body) || string(body[at:end]) != text {
			continue
		}
		b.WriteString(html.EscapeString(string(body[done:at])))
		mark(&b, class, text)
		done = end
	}
	b.WriteString(html.EscapeString(string(body[done:])))
	return b.String()
}

func classOf(tok token.Token) string {
	switch {
	case tok == token.COMMENT:
		return "c"
	case tok == token.STRING || tok == token.CHAR:
		return "s"
	case tok.IsKeyword():
		return "k"
	case tok == token.INT || tok == token.FLOAT || tok == token.IMAG:
		return "d"
	}
	return ""
}

// mark writes a text in a class, one element a line.
func mark(b *strings.Builder, class, text string) {
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if line != "" {
			b.WriteString(`<i class="` + class + `">` + html.EscapeString(line) + "</i>")
		}
	}
}
