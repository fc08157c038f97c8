package page

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template/parse"
)

//go:embed templates messages
var own embed.FS

// room is a part of the console, opened.
type room struct {
	site  *Site
	files fs.FS
	pages map[string]bool // by name, without ".html"
	uses  []use

	mu     sync.Mutex // guards parsed
	parsed map[string]*template.Template
}

// use is a message that a template asks for.
type use struct {
	file, key string
	family    bool
}

func openRoom(s *Site, r Room) (*room, error) {
	out := &room{site: s, files: r.Files, pages: map[string]bool{}, parsed: map[string]*template.Template{}}
	if r.Files == nil {
		return out, nil
	}
	names, err := fs.Glob(r.Files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if base := strings.TrimSuffix(path.Base(n), ".html"); !strings.HasPrefix(base, "_") && base != "layout" && base != "parts" {
			out.pages[base] = true
		}
	}
	for name := range out.pages {
		t, err := out.parse(name, Languages[0])
		if err != nil {
			return nil, err
		}
		for _, one := range t.Templates() {
			if one.Tree == nil { // the set's own name
				continue
			}
			out.collect(name, one.Tree.Root)
			for _, part := range parts(one.Tree.Root) {
				if t.Lookup(part) == nil {
					return nil, fmt.Errorf("the page %s has no template %q; a file that begins with _ is embedded by all:templates", name, part)
				}
			}
		}
	}
	return out, nil
}

// page is a page's templates in a language, parsed at its first use.
func (r *room) page(name, lang string) (*template.Template, error) {
	if !r.pages[name] {
		return nil, fmt.Errorf("there is no page %s", name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.parsed[lang+"/"+name]; t != nil {
		return t, nil
	}
	t, err := r.parse(name, lang)
	if err != nil {
		return nil, err
	}
	r.parsed[lang+"/"+name] = t
	return t, nil
}

// parse reads the layout, the components, what the room's pages share, and the
// page.
func (r *room) parse(name, lang string) (*template.Template, error) {
	t, err := template.New(name).Funcs(r.site.funcs(lang)).ParseFS(own, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	shared, err := fs.Glob(r.files, "templates/_*.html")
	if err != nil {
		return nil, err
	}
	if t, err = t.ParseFS(r.files, append(shared, "templates/"+name+".html")...); err != nil {
		return nil, err
	}
	for _, block := range []string{"title", "content"} {
		if t.Lookup(block) == nil {
			return nil, fmt.Errorf("the page %s defines no %q", name, block)
		}
	}
	return t, nil
}

// parts are the templates that a template calls.
func parts(root parse.Node) (names []string) {
	var look func(parse.Node)
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, n := range l.Nodes {
				look(n)
			}
		}
	}
	look = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.ListNode:
			list(n)
		case *parse.IfNode:
			list(n.List)
			list(n.ElseList)
		case *parse.RangeNode:
			list(n.List)
			list(n.ElseList)
		case *parse.WithNode:
			list(n.List)
			list(n.ElseList)
		case *parse.TemplateNode:
			names = append(names, n.Name)
		}
	}
	look(root)
	return names
}

// collect notes each message that a template names.
func (r *room) collect(file string, n parse.Node) {
	walk(n, func(c *parse.CommandNode) {
		if len(c.Args) < 2 {
			return
		}
		fn, ok := c.Args[0].(*parse.IdentifierNode)
		key, text := c.Args[1].(*parse.StringNode)
		if !ok || !text {
			return
		}
		switch fn.Ident {
		case "t", "th":
			r.uses = append(r.uses, use{file, key.Text, false})
		case "tf":
			r.uses = append(r.uses, use{file, key.Text, true})
		}
	})
}

// walk calls fn for every command of a template, wherever it stands.
func walk(n parse.Node, fn func(*parse.CommandNode)) {
	pipe := func(p *parse.PipeNode) {
		if p != nil {
			walk(p, fn)
		}
	}
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, one := range l.Nodes {
				walk(one, fn)
			}
		}
	}
	branch := func(b parse.BranchNode) { pipe(b.Pipe); list(b.List); list(b.ElseList) }
	switch n := n.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.ActionNode:
		pipe(n.Pipe)
	case *parse.IfNode:
		branch(n.BranchNode)
	case *parse.RangeNode:
		branch(n.BranchNode)
	case *parse.WithNode:
		branch(n.BranchNode)
	case *parse.TemplateNode:
		pipe(n.Pipe)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			walk(c, fn)
		}
	case *parse.CommandNode:
		fn(n)
		for _, a := range n.Args {
			walk(a, fn)
		}
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
