package public_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"writ/internal/console/public"
	"writ/internal/docket"
	"writ/internal/ledger"
	"writ/internal/proof"
	"writ/internal/records"
)

// filled is a log of so many leaves: batches, with a policy in front, a release
// after each hundredth, and marks on some. It is published.
func filled(t testing.TB, leaves int) *ledger.Memory {
	t.Helper()
	secret, _, err := note.GenerateKey(nil, "ledger.quayside.example")
	must(t, err)
	signer, err := note.NewSigner(secret)
	must(t, err)
	log, err := ledger.NewMemory(signer)
	must(t, err)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range leaves {
		kind, body := proof.KindBatch, any(proof.Batch{N: uint64(i), From: at, Slots: 64, Root: make([]byte, 32), Late: i%1000 == 7, Unwitnessed: i%1000 == 8})
		switch {
		case i == 0:
			kind, body = proof.KindPolicy, proof.Policy{Origin: "ledger.quayside.example"}
		case i%100 == 0:
			kind, body = proof.KindRelease, proof.Release{Version: fmt.Sprintf("0.%d.0", i)}
		}
		leaf, err := proof.Encode(kind, at.Add(time.Duration(i)*time.Minute), body)
		must(t, err)
		_, err = log.Add(context.Background(), leaf)
		must(t, err)
	}
	return log
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLedgerPages: from the newest to the first, page by page, every entry is shown
// once and none is left out, whole or narrowed to a kind, over borders of bundles.
func TestLedgerPages(t *testing.T) {
	const leaves = 2 * 256
	h := openOver(t, filled(t, leaves))
	for kind, want := range map[string]int{"": leaves, "policy": 1, "release": 5, "report": 0, "marked": 2} {
		seen, last := 0, leaves
		for at := "/ledger?kind=" + kind; at != ""; {
			got := h.Get("", at)
			if got.Status != 200 {
				t.Fatalf("%s: %d", at, got.Status)
			}
			for _, m := range entryLink.FindAllStringSubmatch(got.Body, -1) {
				var n int
				fmt.Sscan(m[1], &n)
				if n >= last {
					t.Fatalf("%q: entry %d comes after %d", kind, n, last)
				}
				seen, last = seen+1, n
			}
			at = ""
			if m := nextLink.FindStringSubmatch(got.Body); m != nil {
				at = strings.ReplaceAll(m[1], "&amp;", "&")
			}
		}
		if seen != want {
			t.Errorf("%q: %d entries, not %d", kind, seen, want)
		}
	}
	for path, want := range map[string]string{"/ledger/7": "published later than it should", "/ledger/8": "while the witnesses were away", "/ledger/300": "0.300.0", "/ledger/511": "Batch 511"} {
		if got := h.Get("", path); !strings.Contains(got.Body, want) {
			t.Errorf("%s doesn't say %q", path, want)
		}
	}
}

// TestReceipt: the receipt that a page gives proves its entry, and no other.
func TestReceipt(t *testing.T) {
	h := open(t)
	got := h.Get("", "/ledger/0/receipt.json")
	if got.Status != 200 || got.Head.Get("Content-Type") != "application/json" || got.Head.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("the receipt: %d %v", got.Status, got.Head)
	}
	r, err := proof.ParseReceipt([]byte(got.Body))
	must(t, err)
	v, err := proof.NewVerifier(proof.Trust{LogKey: h.Docket.LogKey})
	must(t, err)
	verified, err := v.Receipt(r)
	must(t, err)
	leaf, err := h.Log.Leaf(h.Ctx, 0)
	must(t, err)
	if string(r.Statement) != string(leaf) || verified.Statement.Kind == "" {
		t.Errorf("it is of %s", r.Statement)
	}
	sum := sha256.Sum256(append([]byte{0}, leaf...))
	if page := h.Get("", "/ledger/0"); !strings.Contains(page.Body, hex.EncodeToString(sum[:])) {
		t.Error("the page shows another hash")
	}
	r.Statement = []byte(strings.Replace(string(leaf), "1", "2", 1))
	if _, err := v.Receipt(r); err == nil {
		t.Error("it proves what is not there")
	}
}

// TestPolicyHistory: a change of the policy is listed with what changed.
func TestPolicyHistory(t *testing.T) {
	h := open(t)
	h.mu.Lock()
	h.policy.Outside, h.policy.Slots = []string{"witness.falkenmoor.example"}, 128
	h.policy.Custodians = []string{"ada.okafor custodian 0a outside offline"}
	h.mu.Unlock()
	at := h.state()
	got := h.Get("", "/policy")
	for _, want := range []string{
		fmt.Sprintf(`href="/ledger/%d"`, at), "Witness outside of the operator: added <code>witness.falkenmoor.example</code>", "Places of a batch: <code>64</code> → <code>128</code>",
		"Key: removed <code>jun.park custodian", "Key: added <code>ada.okafor custodian 0a outside offline</code>", "The first policy of this log", "Set of custodians",
	} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("the history doesn't say %q", want)
		}
	}
}

// TestLive: who watches the log is told of each new head, and of nothing else, and
// is let go when nobody follows the log any more.
func TestLive(t *testing.T) {
	h := open(t)
	req, err := http.NewRequestWithContext(t.Context(), "HEAD", h.Server.URL+"/ledger/live", nil)
	must(t, err)
	got, err := h.client().Do(req)
	must(t, err)
	if got.Body.Close(); got.StatusCode != 200 {
		t.Errorf("its head: %d", got.StatusCode)
	}
	resp := h.stream(t)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	var told []string
	for len(told) < 2 && lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			told = append(told, text)
		}
	}
	if len(told) != 2 || told[0] == told[1] || !strings.HasPrefix(told[1], "Now published: ") || strings.Contains(told[1], "4,711") {
		t.Fatalf("told %q: %v", told, lines.Err())
	}
	h.stop()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
}

// TestLiveIsBounded: more readers than there is room for are sent away, and places
// of those who left are given again.
func TestLiveIsBounded(t *testing.T) {
	h := open(t)
	var all []*http.Response
	for range public.MaxStreams {
		all = append(all, h.stream(t))
	}
	if got := h.Get("", "/ledger/live"); got.Status != 503 || got.Head.Get("Retry-After") == "" {
		t.Errorf("one more: %d", got.Status)
	}
	if got := h.Get("", "/ledger"); got.Status != 200 {
		t.Errorf("the page itself: %d", got.Status)
	}
	for _, r := range all {
		r.Body.Close()
	}
	until(t, "a place that is free again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", h.Server.URL+"/ledger/live", nil)
		must(t, err)
		resp, err := h.client().Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == 200
	})
}

func (h *house) client() *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(h.Server.Certificate())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	h.T.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// stream opens /ledger/live.
func (h *house) stream(t *testing.T) *http.Response {
	t.Helper()
	if h.watching == nil {
		h.watching = h.client()
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.Server.URL+"/ledger/live", nil)
	must(t, err)
	resp, err := h.watching.Do(req)
	must(t, err)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream: %d %v", resp.StatusCode, resp.Header)
	}
	return resp
}

// TestReports: a report is served byte for byte as it was published, its digest is
// the statement's, and neither later cases nor a correction change it.
func TestReports(t *testing.T) {
	h := open(t)
	if got := h.Get("", "/reports"); !strings.Contains(got.Body, "No report has been published yet") {
		t.Error("there are reports before there are any")
	}
	h.demands(2023)
	h.demands(2024)
	first, second := h.publish(2023, ""), h.publish(2024, "")
	h.demands(2022)
	_, err := h.Docket.Import(h.Ctx, docket.Actor{Person: "noor.adeyemi", Roles: intake, Via: "test"}, strings.NewReader(fmt.Sprintf(formerly, 1, "2024-05-05", "us.warrant", "2024-06-06", "content", "given", 1)))
	must(t, err)
	corrected := h.publish(2024, second.Digest)

	list := h.Get("", "/reports").Body
	for _, want := range []string{first.Digest, second.Digest, corrected.Digest, ">correction<", ">corrected since<", `class="chart"`, `data-col="Received">41<`, `data-col="Received">42<`} {
		if !strings.Contains(list, want) {
			t.Errorf("the list doesn't have %q", want)
		}
	}
	for _, one := range []proof.Report{first, second, corrected} {
		got := h.Get("", "/reports/"+one.Digest+"/report.json")
		sum := sha256.Sum256([]byte(got.Body))
		if got.Status != 200 || hex.EncodeToString(sum[:]) != one.Digest {
			t.Errorf("the report of %s: %d, %x", one.Digest, got.Status, sum)
		}
		table := h.Get("", "/reports/"+one.Digest+"/report.csv")
		if table.Status != 200 || !strings.HasPrefix(table.Body, "section,row,column,value\n") || !strings.Contains(table.Head.Get("Content-Disposition"), "transparency-"+one.From+"-"+one.To+".csv") {
			t.Errorf("the table of %s: %d %v", one.Digest, table.Status, table.Head)
		}
		page := h.Get("", "/reports/"+one.Digest).Body
		for _, want := range []string{"US search warrant", `class="chart"`, one.Digest, "sha256sum", "/receipt.json"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page of %s doesn't have %q", one.Digest, want)
			}
		}
		var doc struct{ Sections []struct{ Title string } }
		must(t, json.Unmarshal([]byte(got.Body), &doc))
		for _, s := range doc.Sections {
			if !strings.Contains(page, s.Title) {
				t.Errorf("the page of %s leaves %q out", one.Digest, s.Title)
			}
		}
	}
	if got := h.Get("", "/reports/"+first.Digest+"/report.pdf"); got.Status != 404 {
		t.Errorf("a file that there isn't: %d", got.Status)
	}
}

// TestReportsThatAreNot: what is kept and not in the log was not published; what is
// in the log and not kept, or was changed, is never served as the report.
func TestReportsThatAreNot(t *testing.T) {
	h := open(t)
	h.demands(2024)
	one := h.publish(2024, "")
	b, err := hex.DecodeString(one.Digest)
	must(t, err)
	place := append([]byte("Db"), b...)
	value, err := h.Store.Get(h.Ctx, place)
	must(t, err)

	unknown := sha256.Sum256([]byte("{}"))
	put(t, h.Store, append([]byte("Db"), unknown[:]...), value)
	if got := h.Get("", "/reports/"+hex.EncodeToString(unknown[:])); got.Status != 404 {
		t.Errorf("a report that the log doesn't have: %d", got.Status)
	}
	put(t, h.Store, place, []byte(strings.Replace(string(value), "received", "RECEIVED", 1)))
	for _, path := range []string{"", "/report.json", "/report.csv"} {
		if got := h.Get("", "/reports/"+one.Digest+path); got.Status != 500 || strings.Contains(got.Body, "RECEIVED") {
			t.Errorf("a changed report%s: %d", path, got.Status)
		}
	}
	var gone records.Batch
	gone.Delete(place)
	must(t, h.Store.Apply(h.Ctx, &gone))
	if got := h.Get("", "/reports/"+one.Digest); got.Status != 200 || !strings.Contains(got.Body, "not kept here") {
		t.Errorf("a report whose bytes are not here: %d", got.Status)
	}
	if got := h.Get("", "/reports/"+one.Digest+"/report.json"); got.Status != 404 {
		t.Errorf("its bytes: %d", got.Status)
	}
	if got := h.Get("", "/reports"); got.Status != 200 || !strings.Contains(got.Body, "not kept here") {
		t.Errorf("the list: %d", got.Status)
	}
}

func put(t *testing.T, store records.Store, key, value []byte) {
	t.Helper()
	var b records.Batch
	b.Put(key, value)
	must(t, store.Apply(t.Context(), &b))
}
