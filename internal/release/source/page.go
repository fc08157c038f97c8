package source

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

//go:embed page.css
var style string

// policy lets a browser use the page's own style, known by its hash, and
// nothing else.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}()

// frame begins and ends a page; every page says where its text is from.
func (s *Site) frame(title, heading string, body func(*bytes.Buffer)) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s · Writ %s</title>
<style>%s</style>
<header>
<h1>%s</h1>
<p class="from">From <a href="%s">%s</a>, SHA-256 <code>%s</code></p>
</header>
<main>
`, html.EscapeString(title), html.EscapeString(s.tree.Version), style, heading, Prefix+s.about.Name, s.about.Name, s.about.SHA256)
	body(&b)
	b.WriteString("</main>\n</html>\n")
	return b.Bytes()
}

// indexPage lists all files, folder by folder.
func (s *Site) indexPage() []byte {
	folders := map[string][]string{}
	for _, f := range s.tree.Files() {
		folders[path.Dir(f.Name)] = append(folders[path.Dir(f.Name)], f.Name)
	}
	names := make([]string, 0, len(folders))
	for name := range folders {
		names = append(names, name)
	}
	slices.Sort(names)
	return s.frame("Source", "Source of Writ "+html.EscapeString(s.tree.Version), func(b *bytes.Buffer) {
		fmt.Fprintf(b, `<p>These are the %d files that the programs of this release are built from. The hash
above is the one that the release in this server&rsquo;s log names; its
<a href="/release/receipt.json">receipt</a> proves that. To check it, and that the
source makes the programs bit for bit, on a machine of your own:</p>
<pre class="do">writ verify release %s --receipt receipt.json \
    --log-key log.vkey --policy witnesses.txt</pre>
<p>It says what was published. It does not say what runs on a machine whose operator
has altered it.</p>
`, len(s.tree.Files()), s.about.Name)
		for _, folder := range names {
			title := folder + "/"
			if folder == "." {
				title = "./"
			}
			fmt.Fprintf(b, "<h2 id=\"%s\">%s</h2>\n<ul>\n", html.EscapeString(folder), html.EscapeString(title))
			for _, name := range folders[folder] {
				fmt.Fprintf(b, "<li><a href=\"%s\">%s</a></li>\n", link(name), html.EscapeString(path.Base(name)))
			}
			b.WriteString("</ul>\n")
		}
	})
}

func link(name string) string {
	return html.EscapeString((&url.URL{Path: filePrefix + name}).EscapedPath())
}

// filePage shows a file.
func (s *Site) filePage(name string, body []byte) []byte {
	folder := path.Dir(name)
	heading := fmt.Sprintf(`<a href="%s">source</a> / `, Prefix)
	if folder != "." {
		heading += fmt.Sprintf(`<a href="%s#%s">%s</a> / `, Prefix, html.EscapeString(url.PathEscape(folder)), html.EscapeString(folder))
	}
	return s.frame(name, heading+html.EscapeString(path.Base(name)), func(b *bytes.Buffer) {
		switch {
		case len(body) > MaxShown:
			fmt.Fprintf(b, "<p>This file has %d bytes, too many for a page; it is in the archive.</p>\n", len(body))
		case !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0:
			fmt.Fprintf(b, "<p>This file is not text: %d bytes, SHA-256 <code>%x</code>. It is in the archive.</p>\n", len(body), sha256.Sum256(body))
		default:
			b.WriteString("<pre>")
			number := 0
			for line := range strings.SplitSeq(strings.TrimSuffix(highlight(name, body), "\n"), "\n") {
				number++
				fmt.Fprintf(b, "<span class=\"l\" id=\"L%d\"><a href=\"#L%d\" data-n=\"%d\" aria-label=\"line %d\"></a>%s\n</span>", number, number, number, number, line)
			}
			b.WriteString("</pre>\n")
		}
	})
}

func (s *Site) missingPage() []byte {
	return s.frame("Not here", "Not here", func(b *bytes.Buffer) {
		fmt.Fprintf(b, "<p>The source of this release has no such file. <a href=\"%s\">All files</a></p>\n", Prefix)
	})
}
