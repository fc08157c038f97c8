package check_test

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"go.yaml.in/yaml/v3"

	"writ/internal/console/assets/check"
	"writ/internal/testenv/browser"
)

func messages(t *testing.T) map[string]string {
	t.Helper()
	var m map[string]string
	if err := yaml.Unmarshal(read(t, "messages.en.yaml"), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// page is one that has the checker, as the console makes one.
func page(t *testing.T, key, policy string) *browser.Browser {
	t.Helper()
	words := messages(t)
	parts, err := template.New("").Funcs(template.FuncMap{"t": func(key string) string { return words[key] }}).ParseFS(check.Page, "checker.html")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Check</title><meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"><link rel="stylesheet" href="/check/checker.css"><script type="module" src="/check/checker.js"></script><main><h1>Check</h1><h2>Receipts</h2>`)
	if err := parts.ExecuteTemplate(&b, "checker", map[string]any{"logKey": key, "policy": policy, "words": words}); err != nil {
		t.Fatal(err)
	}
	br := open(t, map[string][]byte{"/page": b.Bytes(), "/style.css": read(t, "../../page/assets/style.css")})
	br.Open(strings.TrimSuffix(browser.Take(br, chromedp.Location()), "/") + "/page")
	br.Do(chromedp.WaitReady(chromedp.CSS("[data-live]")))
	return br
}

func ours(t *testing.T) *browser.Browser {
	return page(t, string(read(t, vectors+"log.vkey")), string(read(t, vectors+"policy.txt")))
}

// shows is what the page says after files were chosen: its verdict, then each item
// of a list with the sign and the word that it begins with.
func shows(t *testing.T, b *browser.Browser, field string, files ...string) string {
	t.Helper()
	browser.Eval[bool](b, `(document.querySelector("[data-result]").replaceChildren(), true)`)
	b.Do(chromedp.SetUploadFiles(chromedp.CSS(`[name="`+field+`"]`), files))
	return result(b)
}

func result(b *browser.Browser) string {
	return browser.Eval[string](b, `(async () => {
		const result = document.querySelector("[data-result]");
		while (result.childElementCount === 0 || result.ariaBusy === "true") await new Promise((r) => setTimeout(r, 20));
		return Array.from(result.querySelectorAll("h3, li, p.bad"), (e) => e.textContent).join("\n");
	})()`)
}

func fill(b *browser.Browser, field, value string) {
	browser.Eval[bool](b, fmt.Sprintf(`(document.querySelector('[name="%s"]').value = %q, true)`, field, value))
}

// TestChecker: the page shows each step of receipts of every kind, good and bad,
// with a sign and a word, where a screen reader is told of it.
func TestChecker(t *testing.T) {
	b := ours(t)
	for _, c := range []struct {
		name, from, to string
		says           []string
	}{
		{"policy", "", "", []string{"✓ Holds The receipt is valid.", "✓ Holds The log ledger.harbour-clinic.example signed a checkpoint of 72 entries.", "witness1.example (20", "kind policy"}},
		{"hidden", "", "", []string{"✓ Holds The receipt is valid.", "slot 5", `{"op":"rotate"}`}},
		{"head", "", "", []string{"✓ Holds The receipt is valid.", "a journal’s head: entry 7"}},
		{"head", `"seq": 7`, `"seq": 8`, []string{"✗ Wrong The receipt is not valid.", "✓ Holds The log", "✗ Wrong What is shown is not what the batch committed to"}},
		{"policy", `"v": 1`, `"v": 1, "<img src=x onerror=alert(1)>": 2`, []string{"✗ Wrong The receipt is not valid.", "✗ Wrong This is not what a receipt must look like"}},
		{"policy", "witness1", "witness9", []string{"✗ Wrong Fewer witnesses", "Of 3 there were: witness0.example."}},
	} {
		file := filepath.Join(t.TempDir(), "receipt.json")
		receipt := string(read(t, vectors+c.name+".receipt.json"))
		if c.from != "" {
			receipt = strings.ReplaceAll(receipt, c.from, c.to)
		}
		if err := os.WriteFile(file, []byte(receipt), 0o600); err != nil {
			t.Fatal(err)
		}
		got := shows(t, b, "receipt", file)
		for _, want := range c.says {
			if !strings.Contains(got, want) {
				t.Errorf("%s, %s for %s: %q isn't in\n%s", c.name, c.to, c.from, want, got)
			}
		}
		for line := range strings.Lines(got) {
			if !regexp.MustCompile(`^(✓ Holds|✗ Wrong|! Mind) \S`).MatchString(line) {
				t.Errorf("%s: %q has no sign and word", c.name, line)
			}
		}
	}
	if got := browser.Eval[string](b, `document.querySelector("[data-result]").ariaLive`); got != "polite" {
		t.Errorf("the result is told %q", got)
	}
	// The same file against no policy: valid, and the reader is told what that is worth.
	fill(b, "policy", "")
	got := shows(t, b, "receipt", abs(t, vectors+"policy.receipt.json"))
	if !strings.Contains(got, "✓ Holds The receipt is valid.") || !strings.Contains(got, "! Mind No witness is asked for") {
		t.Errorf("without a policy: %s", got)
	}
	fill(b, "key", "tidewater")
	b.Do(chromedp.Click(chromedp.CSS(`[name="again"]`)))
	if got := result(b); !strings.Contains(got, "The key or the policy can’t be used") {
		t.Errorf("with a key that is none: %s", got)
	}
	if asked := browser.Eval[[]string](b, `performance.getEntriesByType("resource").map((r) => r.name).filter((n) => !/\.(js|css)$/.test(n))`); len(asked) != 0 {
		t.Errorf("while it checked, the page asked for %q", asked)
	}
}

// TestPackages chooses folders as a person does: a package as it was sent and as
// it was opened, whole and broken, with the receipts in it.
func TestPackages(t *testing.T) {
	pack, opened := sealed(t)
	broken := maps.Clone(opened)
	broken["receipts.jsonl"] = strings.Replace(broken["receipts.jsonl"], "index 0", "index 3", 1)
	const evil = "data/<img src=x onerror=alert(1)>\u202e"
	broken[evil] = "x"
	lost := maps.Clone(pack)
	delete(lost, "2026-7KQM-4ZT0.000002.tar.age")
	manifest := sum256(opened["tagmanifest-sha256.txt"])
	b := ours(t)
	for _, c := range []struct {
		name, hash string
		f          folder
		says       []string
	}{
		{"opened", "", opened, []string{"✓ Holds The package is complete and unchanged.", "There are 3 files of 150000 bytes.", "! Mind The hash of tagmanifest-sha256.txt is " + manifest, "✓ Holds All 2 receipts are valid.", "✓ Holds Receipt 2"}},
		{"compared", strings.ToUpper(manifest) + " ", opened, []string{"✓ Holds The package is complete", "✓ Holds It is the hash from the letter."}},
		{"another", sum256("x"), opened, []string{"✗ Wrong The package is not what", "✗ Wrong It is another hash"}},
		{"broken", "", broken, []string{"✗ Wrong The package is not", `✗ Wrong data/<img src=x onerror=alert(1)>\u{202e} is in no line of manifest-sha256.txt`, "✗ Wrong receipts.jsonl isn’t what", "Of 2 receipts, 1 are not valid.", "✗ Wrong Receipt 1"}},
		{"sealed", manifest, pack, []string{"✓ Holds The sealed package is complete", "2026-7KQM-4ZT0.000001.tar.age, 2026-7KQM-4ZT0.000002.tar.age", "✓ Holds It is the hash from the letter."}},
		{"lost", "", lost, []string{"✗ Wrong The sealed package is not", "The volume 2026-7KQM-4ZT0.000002.tar.age is missing"}},
	} {
		fill(b, "hash", c.hash)
		got := shows(t, b, "folder", lay(t, c.f))
		for _, want := range c.says {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q isn't in\n%s", c.name, want, got)
			}
		}
	}
	if n := browser.Eval[int](b, `document.querySelectorAll("[data-result] img").length`); n != 0 {
		t.Errorf("a file's name became %d elements", n)
	}
}

// TestReach: nobody is kept out of the page with its results, on a telephone or a
// desk, in light or dark.
func TestReach(t *testing.T) {
	_, opened := sealed(t)
	opened["data/added"] = "x"
	b := ours(t)
	shows(t, b, "folder", lay(t, opened))
	browser.Eval[bool](b, `(document.querySelectorAll("details").forEach((d) => (d.open = true)), true)`)
	b.Inspect("checker")
}

// TestDropped drops a folder and a receipt onto the page, as from a file manager.
func TestDropped(t *testing.T) {
	_, opened := sealed(t)
	b := ours(t)
	for what, want := range map[string]string{lay(t, opened): "The package is complete and unchanged.", abs(t, vectors+"head.receipt.json"): "The receipt is valid."} {
		browser.Eval[bool](b, `(document.querySelector("[data-result]").replaceChildren(), document.querySelector("[data-drop]").scrollIntoView(), true)`)
		at := browser.Eval[[]float64](b, `(({x, y, width, height}) => [x + width / 2, y + height / 2])(document.querySelector("[data-drop]").getBoundingClientRect())`)
		for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
			_, err := chromedp.Call(b.Ctx, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at[0], Y: at[1], Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{what}, DragOperationsMask: 1}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := result(b); !strings.Contains(got, want) {
			t.Errorf("%q isn't in %s", want, got)
		}
	}
}

func abs(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMessages: every text that the modules can show has a message, and there is
// no message that they cannot show.
func TestMessages(t *testing.T) {
	used := map[string]bool{}
	use := func(keys ...string) {
		for _, k := range keys {
			used["check."+k] = true
		}
	}
	sources := map[string]string{}
	for _, name := range []string{"receipt.js", "note.js", "json.js", "merkle.js", "refusal.js", "package.js", "manifest.js", "checker.js", "checker.html"} {
		sources[name] = string(read(t, name))
	}
	find := func(prefix, pattern string, names ...string) {
		for _, name := range names {
			for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(sources[name], -1) {
				for _, code := range m[1:] {
					if code != "" {
						use(prefix + code)
					}
				}
			}
		}
	}
	find("", `\{\{t "check\.([^"]+)"`, "checker.html")
	find("", `say\("([^"]+)"`, "checker.js")
	find("step.", `step\("([^"]+)"`, "receipt.js")
	find("step.", `step\(must \? "([^"]+)" : "([^"]+)"`, "receipt.js")
	find("step.", `code: "([^"]+)", values`, "receipt.js")
	find("error.", `refuse\("([^"]+)"`, "receipt.js", "note.js", "json.js", "merkle.js")
	find("problem.", `problem\((?:report, )?"([^"]+)"`, "package.js")
	find("unchecked.", `new Damaged\("([^"]+)"`, "package.js", "manifest.js")
	use("problem.line-sum", "problem.line-path", "mark.good", "mark.bad", "mark.note", "verdict.unchecked")
	for _, what := range []string{"receipt", "receipts"} {
		use("verdict."+what+"-good", "verdict."+what+"-bad", "verdict."+what+"-unsupported")
	}
	use("verdict.bag-good", "verdict.bag-bad", "verdict.sealed-good", "verdict.sealed-bad")
	have := messages(t)
	if want, got := slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(have)); !slices.Equal(want, got) {
		for _, k := range want {
			if have[k] == "" {
				t.Errorf("there is no message %s", k)
			}
		}
		for _, k := range got {
			if !used[k] {
				t.Errorf("nothing shows the message %s", k)
			}
		}
	}
}

// TestAskNobody: no module can ask anybody, make code of text, or make markup of it.
func TestAskNobody(t *testing.T) {
	files, err := fs.Glob(check.Assets, "*.js")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := fs.ReadFile(check.Assets, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b(fetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|import\(|eval\(|Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|localStorage|https?:)`).FindAllString(string(b), -1) {
			t.Errorf("%s has %s", name, m)
		}
	}
}
