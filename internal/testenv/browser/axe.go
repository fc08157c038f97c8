//go:build linux

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"writ/internal/testenv"
)

// Axe looks at the page for what keeps people out, by the rules of WCAG 2.2 up to
// AA and axe-core's best practices, and returns what is serious or critical.
//
// axe-core is not part of the tree: scripts/test-needs gets it, pinned by its
// digest in package-lock.json beside this file.
func (b *Browser) Axe() (findings []string) {
	b.t.Helper()
	if !Eval[bool](b, "typeof axe !== 'undefined'") {
		Eval[string](b, axe(b)+"\n'loaded'")
	}
	type finding struct {
		ID, Impact, Help string
		Nodes            []struct {
			HTML, FailureSummary string
		}
	}
	found := Eval[[]finding](b, `axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"],
	}).then((r) => r.violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => ({
		ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 3).map((n) => ({HTML: n.html.slice(0, 300), FailureSummary: n.failureSummary})),
	})))`)
	for _, f := range found {
		var at strings.Builder
		for _, n := range f.Nodes {
			fmt.Fprintf(&at, "\n  %s\n  %s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n  "))
		}
		findings = append(findings, fmt.Sprintf("%s, %s: %s%s", f.Impact, f.ID, f.Help, &at))
	}
	return findings
}

// axe is the text of axe-core.
func axe(b *Browser) string {
	b.t.Helper()
	_, file, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "node_modules", "axe-core", "axe.min.js"))
	if os.IsNotExist(err) {
		testenv.Skip(b.t, "no axe-core here (npm ci in internal/testenv/browser)")
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}
