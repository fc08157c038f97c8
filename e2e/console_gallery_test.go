//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"writ/internal/testenv/browser"
)

// pageOf is an address that can be read, of the table of the console's routes.
type pageOf struct{ path, name, who string }

// readable are the addresses of the table that answer with something to read.
func readable(t *testing.T) (all []pageOf) {
	t.Helper()
	f, err := os.Open("../internal/server/testdata/routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		parts := strings.Fields(lines.Text())
		if len(parts) >= 4 && parts[0] == "GET" && !strings.HasSuffix(parts[2], "-live") {
			all = append(all, pageOf{parts[1], parts[2], strings.Join(parts[3:], " ")})
		}
	}
	if len(all) < 50 {
		t.Fatalf("the table has %d pages", len(all))
	}
	return all
}

var place = regexp.MustCompile(`\{([a-z]+)(\.\.\.)?\}`)

// gallery looks at every page of the console as those see it whose work it is: on
// a telephone and on a desk, in light and dark; nobody is kept out, nothing is
// broken, and a picture of each is kept. what fills places in addresses.
func (s *stage) gallery(what map[string]string, visitors map[string]*visitor) {
	s.t.Helper()
	seen, skipped := 0, []string{}
	for _, p := range readable(s.t) {
		v := visitors["stranger"]
		for _, role := range strings.Fields(strings.Split(p.who, "  ")[0]) {
			if one := visitors[role]; one != nil {
				v = one
				break
			}
		}
		lacks := ""
		path := place.ReplaceAllStringFunc(p.path, func(name string) string {
			value := what[strings.Trim(name, "{}.")]
			if value == "" {
				lacks = name
			}
			return value
		})
		if lacks != "" {
			skipped = append(skipped, p.name)
			continue
		}
		media := browser.Eval[string](v.Browser, fmt.Sprintf(`fetch(%q, {redirect: "manual"}).then((r) => r.ok ? r.headers.get("Content-Type") + " " + (r.headers.get("Content-Length") ?? "") : "no")`, path))
		if !strings.HasPrefix(media, "text/html") {
			v.Problems() // what is not there says so on the console
			skipped = append(skipped, p.name)
			continue
		}
		v.open(path)
		v.Inspect("page-" + p.name)
		if size := browser.Eval[int](v.Browser, weight); size > 100_000 {
			s.t.Errorf("%s has %d bytes over the wire", p.name, size)
		}
		seen++
	}
	s.t.Logf("%d pages were looked at; no page, or nothing there in this story: %s", seen, strings.Join(skipped, " "))
	if seen < 60 {
		s.t.Errorf("only %d pages were looked at", seen)
	}
}

// weight is what the page and all that it loads take over the wire, in bytes, as if
// nothing had been kept from before.
const weight = `(() => {
	const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
	return entries.reduce((sum, e) => sum + (e.encodedBodySize || 0), 0);
})()`
