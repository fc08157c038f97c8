package datamap

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

//go:embed page.md.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"cell": cell, "join": strings.Join,
	"words": words,
}).Parse(pageText))

// words are the verbs of datamap.json's words.
func words(how string) string {
	for s := opens; s <= mayAsk; s++ {
		if s.String() == how {
			return s.verb()
		}
	}
	return how
}

// cell keeps text from ending a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}

// roomOfName is the package in a function's name: "(*internal/s3.adapter).Get".
func roomOfName(fn string) string {
	fn = strings.TrimLeft(fn, "(*")
	slash := strings.LastIndex(fn, "/") + 1
	if bracket := strings.Index(fn, "["); bracket >= 0 && bracket < slash {
		slash = strings.LastIndex(fn[:bracket], "/") + 1
	}
	pkg, _, _ := strings.Cut(fn[slash:], ".")
	return fn[:slash] + pkg
}

// Page is datamap.md, for a person to read. previous, if there is one, is the
// map of the release before, and sums are of the two files.
func (m *Map) Page(sum string, previous *Map, previousSum string) (string, error) {
	data := struct {
		*Map
		Sum, PreviousSum string
		Previous         bool
		Changes          []string
	}{Map: m, Sum: sum, PreviousSum: previousSum, Previous: previous != nil}
	if previous != nil {
		data.Changes = m.Changes(previous)
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, data); err != nil {
		return "", fmt.Errorf("couldn't write the page: %w", err)
	}
	return out.String(), nil
}

// ByRoom groups a class's functions by package, in order.
func (c MappedClass) ByRoom() (groups []RoomGroup) {
	at := map[string]int{}
	for _, fn := range c.Functions {
		room := roomOfName(fn.Function)
		i, ok := at[room]
		if !ok {
			i = len(groups)
			at[room] = i
			groups = append(groups, RoomGroup{Room: room})
		}
		groups[i].Functions = append(groups[i].Functions, fn)
	}
	slices.SortFunc(groups, func(a, b RoomGroup) int { return strings.Compare(a.Room, b.Room) })
	return groups
}

// RoomGroup is the functions of one package that see a class.
type RoomGroup struct {
	Room      string
	Functions []MappedFunction
}
