package public_test

import (
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/console/public"
	"writ/internal/proof"
	"writ/internal/release"
)

// dress makes everything there that a page may show: a release with its map, a
// policy that changed, witnesses in each state.
func (h *house) dress() {
	h.T.Helper()
	rel := proof.Release{
		Version: "0.9.0", Source: proof.Artifact{Name: "writ-0.9.0-source.tar.gz", SHA256: strings.Repeat("01", 32), Size: 1 << 20},
		Binaries: []proof.Binary{{Target: "linux/amd64", SHA256: strings.Repeat("cd", 32), Size: 60 << 20}},
		SBOM:     strings.Repeat("02", 32), Provenance: strings.Repeat("03", 32), DataMap: strings.Repeat("04", 32), Go: "go1.26.4",
	}
	_, err := h.Book.Publish(h.Ctx, "release/0.9.0", proof.KindRelease, rel)
	h.Must(err)
	fresh, old := h.Now(), h.Now().Add(-time.Hour)
	h.mu.Lock()
	h.program = public.Program{
		Version: "0.9.0", SHA256: rel.Binaries[0].SHA256, Target: "linux/amd64", Standing: release.Logged, Release: &rel, Receipt: true, Source: true,
		Files: release.Artifacts(rel)[:1], DataMap: []byte(aMap),
	}
	h.witness = []api.Witness{{Name: "witness.falkenmoor.example", Cosigned: &fresh}, {Name: "witness.quayside.example", Cosigned: &old}, {Name: "witness.new-arden.example", Error: "dial 192.0.2.9"}}
	h.policy.Outside = []string{"witness.falkenmoor.example"}
	h.policy.Interval = "2m0s"
	h.mu.Unlock()
	h.state()
}

const aMap = `{"format":"writ/datamap/v1","command":"cmd/writ","declared":"00","classes":[
{"name":"keys","title":"Keys","what":"The root key, epoch keys, customers' keys.","rooms":[{"room":"internal/gate","why":"the keyring unwraps them","functions":65}],
"functions":[{"function":"f","at":"a.go:1","how":"opens"}],"paths":[{"listener":"s3","entry":"serves internal/s3.adapter","steps":[{"function":"internal/gate.release","at":"internal/gate/use.go:126"}],"checks":["gate","journal"]}]},
{"name":"later","title":"Later data","what":"None.","absent":true,"rooms":[],"functions":[],"paths":[]}],
"listeners":[{"name":"web","title":"The web page, over TLS","who":"Anyone on the network.","entries":[{"entry":"a"},{"entry":"b"}]}],
"checks":[{"name":"gate","what":"the only way to a key","functions":["f"]}],"granted":[],"findings":[]}`

var raw = regexp.MustCompile(`public\.[a-z]|ZgotmplZ|%!|&lt;nil&gt;`)

// TestPagesInEachLanguage: every page is there in each language, bare and dressed,
// with one heading, no message's bare key, no cookie, and is small.
func TestPagesInEachLanguage(t *testing.T) {
	h := open(t)
	h.demands(2024)
	look := func(report proof.Report) {
		seen := map[string]string{}
		for _, lang := range page.Languages {
			for _, path := range h.paths(report) {
				got := h.Get("", path, "Accept-Language", lang)
				if got.Status != 200 || !strings.Contains(got.Body, `<html lang="`+lang+`"`) {
					t.Errorf("%s in %s: %d", path, lang, got.Status)
					continue
				}
				if found := raw.FindString(strings.ReplaceAll(got.Body, h.Server.URL, "")); found != "" {
					t.Errorf("%s in %s shows %q", path, lang, found)
				}
				if n := strings.Count(got.Body, "<h1"); n != 1 {
					t.Errorf("%s has %d first headings", path, n)
				}
				if strings.Contains(got.Body, " style=") || strings.Contains(got.Body, "<style") || strings.Contains(got.Body, "onclick") {
					t.Errorf("%s has style or script inside", path)
				}
				if got.Head.Get("Set-Cookie") != "" {
					t.Errorf("%s sets a cookie", path)
				}
				main := got.Body[strings.Index(got.Body, "<h1"):strings.Index(got.Body, "</h1>")]
				if lang != "en" && main == seen[path] && !strings.HasPrefix(path, "/ledger/") {
					t.Errorf("%s is the same in %s as in English: %s", path, lang, main)
				}
				if lang == "en" {
					seen[path] = main
				}
				if packed := h.Get("", path, "Accept-Language", lang, "Accept-Encoding", "gzip"); len(packed.Body) > 30<<10 {
					t.Errorf("%s has %d bytes, squeezed", path, len(packed.Body))
				}
			}
		}
	}
	look(h.publish(2024, ""))
	h.dress()
	look(h.publish(2023, ""))
}

// TestFront: the front page says who runs the server, how the log stands, who opens
// under law, and what is not withstood.
func TestFront(t *testing.T) {
	h := open(t)
	front := func() string { return h.Get("", "/").Body }
	for _, want := range []string{
		"Fjordhost keeps its customers", "ledger.quayside.example", h.Docket.LogKey, "No witness outside of the operator watches this log",
		"2 of these 3 sign exactly whose data", "ada.okafor, outside of the operator, a key kept off line", "jun.park, the operator’s own, a key kept off line",
		"root on the live machine", "opens under a writ", "writ verify log " + h.Server.URL, "writ verify server", "writ verify release",
		"a development build, in no release", "legal@fjordhost.example", "Falkenmoor", "Data go in and out through S3",
	} {
		if !strings.Contains(strings.ReplaceAll(front(), "&#43;", "+"), want) {
			t.Errorf("the front page doesn't say %q", want)
		}
	}
	if strings.Contains(front(), "mira.lindqvist") {
		t.Error("counsel is shown as a custodian")
	}
	h.dress()
	for _, want := range []string{"fresh", "did not cosign", "each 2 min", "a release that is in this log"} {
		if !strings.Contains(front(), want) {
			t.Errorf("the front page doesn't say %q", want)
		}
	}
	if strings.Contains(front(), "No witness outside of the operator") {
		t.Error("it warns though a witness is outside")
	}
	if strings.Contains(front(), "192.0.2.9") {
		t.Error("it tells strangers how a witness is reached")
	}
	h.mu.Lock()
	h.policy.Custodians, h.policy.Threshold, h.trouble = []string{}, 0, "the witnesses are away"
	h.mu.Unlock()
	for _, want := range []string{"no custodians are pinned here", "Nothing is published at the moment:", "the witnesses are away"} {
		if !strings.Contains(front(), want) {
			t.Errorf("the front page doesn't say %q", want)
		}
	}
	h.mu.Lock()
	h.policy.Custodians = []string{"jun.park custodian 0a offline", "jun.park custodian 0b passkey https://fjordhost.example", "lena.virtanen custodian 0c"}
	h.mu.Unlock()
	for _, want := range []string{"No custodian is outside of the operator", "jun.park, the operator’s own, a key kept off line, a passkey in a browser<", "lena.virtanen, the operator’s own, a key on line<"} {
		if !strings.Contains(front(), want) {
			t.Errorf("the front page doesn't say %q", want)
		}
	}
}

// TestCustodyIsHonest: only the mode that exists is shown as available, and nothing
// is promised of others.
func TestCustodyIsHonest(t *testing.T) {
	h := open(t)
	body := h.Get("", "/custody").Body
	if n := strings.Count(body, ">available here<"); n != 1 {
		t.Errorf("%d modes are available", n)
	}
	if strings.Count(body, ">not available here<") != 2 || strings.Count(body, ">withstood<") != 3 {
		t.Error("modes that aren't here withstand something")
	}
}

// TestHiddenStaysHidden: what waits, and what batches commit to, leaves nothing on
// any page: the pages of a busy office differ from those of an idle one only by the
// log's own growth.
func TestHiddenStaysHidden(t *testing.T) {
	h := open(t)
	h.demands(2024)
	report := h.publish(2024, "")
	numbers := regexp.MustCompile(`[A-Za-z0-9+/]{40,}=*|[0-9][0-9,.:]*`)
	shape := func() string {
		var b strings.Builder
		for _, path := range []string{"/", "/ledger?kind=policy", "/ledger?kind=report", "/ledger?kind=release", "/policy", "/custody", "/reports", "/reports/" + report.Digest} {
			got := h.Get("", path)
			b.WriteString(path + "\n" + numbers.ReplaceAllString(html.UnescapeString(got.Body), "#") + "\n")
		}
		return b.String()
	}
	h.Put("letters/1.txt", "Dear Ward Seven")
	before := shape()
	c := h.Produced("7 Gs 412/26")
	was := strings.Split(before, "\n")
	for i, line := range strings.Split(shape(), "\n") {
		if i >= len(was) || line != was[i] {
			t.Errorf("a case left a trace on the pages: %s", line)
			break
		}
	}
	for _, path := range h.paths(report) {
		body := h.Get("", path).Body
		for _, not := range []string{string(c.Case), "harbour-clinic", "7 Gs 412/26", "Valbrume", "4711", "4,711"} {
			if strings.Contains(body, not) {
				t.Errorf("%s shows %q", path, not)
			}
		}
	}
}

// TestHostile: whatever stands in a statement, a witness's name, the operator's
// name or the host that a browser names: it is text, and its tricks are visible.
func TestHostile(t *testing.T) {
	h := open(t)
	const evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202eexe\x07"
	h.mu.Lock()
	h.policy.Witnesses, h.policy.Outside = "quorum none # "+evil, []string{evil}
	h.policy.Packs = append(h.policy.Packs, evil)
	h.policy.Custodians = []string{evil + " custodian " + evil, evil}
	h.policy.TLSMin = evil
	h.witness = []api.Witness{{Name: evil}}
	h.operator = public.Operator{Name: evil, Country: evil, Contact: evil + strings.Repeat("x", 20_000), Address: []string{evil}}
	h.program.Version = evil
	h.trouble = evil
	h.mu.Unlock()
	at := h.state()
	h.mu.Lock()
	h.policy.Witnesses = "quorum none"
	h.mu.Unlock()
	h.state()
	_, err := h.Book.Publish(h.Ctx, "release/evil", proof.KindRelease, proof.Release{Version: evil, Go: evil, Source: proof.Artifact{Name: evil}, Binaries: []proof.Binary{{Target: evil}}})
	h.Must(err)
	_, err = h.Book.Publish(h.Ctx, "report/evil", proof.KindReport, proof.Report{Digest: evil, From: evil, To: evil, Structure: evil, Corrects: evil})
	h.Must(err)
	_, err = h.Book.Publish(h.Ctx, "report/other", proof.KindReport, json.RawMessage(`{"surprise":"<script>"}`))
	h.Must(err)
	newest := h.Book.Status().Size
	paths := []string{"/", "/ledger", "/policy", "/releases", "/reports", "/custody", fmt.Sprintf("/ledger/%d", at)}
	for i := range newest {
		if i >= at {
			paths = append(paths, fmt.Sprintf("/ledger/%d", i))
		}
	}
	for _, path := range paths[:min(len(paths), 60)] {
		got := h.Get("", path)
		if got.Status != 200 {
			t.Errorf("%s: %d", path, got.Status)
		}
		for _, not := range []string{"<script>alert", "<img", "\"'>", "\x07", "\u202e"} {
			if strings.Contains(got.Body, not) {
				t.Errorf("%s has %q", path, not)
			}
		}
	}
	if got := h.Get("", "/", "Host", "x"); strings.Contains(got.Body, evil) {
		t.Error("the host is shown as it came")
	}
}

// TestEverybody: who is signed in, as whatever, sees the same pages.
func TestEverybody(t *testing.T) {
	h := open(t)
	h.demands(2024)
	report := h.publish(2024, "")
	for _, who := range []string{"", "mira", "noor", "ada", "esi", "jun operator", "customer", "officer"} {
		for _, path := range append(h.paths(report), "/robots.txt", "/reports/"+report.Digest+"/report.json", "/ledger/0/receipt.json") {
			if got := h.Get(who, path); got.Status != 200 {
				t.Errorf("%s for %q: %d", path, who, got.Status)
			}
		}
	}
	if got := h.Get("", "/robots.txt"); got.Body != "User-agent: *\nAllow: /\n" {
		t.Errorf("robots: %q", got.Body)
	}
	for _, r := range h.Console.Routes() {
		if r.Room == "public" && (r.Method != "GET" || !r.For.Anybody) {
			t.Errorf("%s %s is for %s", r.Method, r.Path, r.For)
		}
	}
}

// TestNowhere: addresses that name nothing say so, and no more.
func TestNowhere(t *testing.T) {
	h := open(t)
	for _, path := range []string{
		"/ledger/999999999", "/ledger/-1", "/ledger/007", "/ledger/0x1", "/ledger/18446744073709551616", "/ledger/1e3", "/ledger/%2e%2e", "/ledger?kind=opening",
		"/ledger?before=x", "/ledger?before=-1", "/ledger/999999999/receipt.json", "/reports/" + strings.Repeat("00", 32), "/reports/x", "/reports/" + strings.Repeat("0", 5000),
		"/reports/" + strings.Repeat("00", 32) + "/report.json", "/ledger/0/other",
	} {
		if got := h.Get("", path); got.Status != 404 {
			t.Errorf("%.80s: %d", path, got.Status)
		}
	}
	for _, path := range []string{"/ledger?before=0", "/policy?before=x", "/policy?before=99999999999999999999", "/reports?before=-5", "/ledger?kind=policy&before=0"} {
		if got := h.Get("", path); got.Status != 200 {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
}
