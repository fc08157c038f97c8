package public_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/consoletest"
	"writ/internal/console/page"
	"writ/internal/console/public"
	"writ/internal/docket"
	"writ/internal/ledger"
	"writ/internal/policy"
	"writ/internal/proof"
	"writ/internal/release"
)

// house is a server over a real office and its log: what internal/server says of
// itself, this says of them.
type house struct {
	*consoletest.Rig
	index    *public.Index
	stop     func() // ends who follows the log
	watching *http.Client

	mu       sync.Mutex
	policy   proof.Policy // what is enforced, beside the custodians
	program  public.Program
	operator public.Operator
	witness  []api.Witness
	trouble  string
}

func (h *house) Ledger() api.Ledger {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.Book.Status()
	out := api.Ledger{
		Origin: "ledger.quayside.example", Key: h.Docket.LogKey, Policy: "log " + h.Docket.LogKey + "\nquorum none\n", Interval: h.policy.Interval, Slots: h.policy.Slots, Size: s.Size, Batch: s.Batch, Queued: 4711,
		Outside: h.policy.Outside, Witnesses: h.witness, Waiting: h.trouble,
	}
	if !s.BatchAt.IsZero() {
		out.BatchAt = &s.BatchAt
	}
	return out
}

func (h *house) Enforced() proof.Policy {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.policy
	if set, ok := h.Gate.Custodians(); ok && p.Custodians == nil {
		p.Threshold = set.Threshold
		for _, m := range set.Members {
			text := fmt.Sprintf("%s %s %s", m.Person, m.Role, policy.KeyID(m.Key))
			if m.Outside {
				text += " outside"
			}
			if m.Offline {
				text += " offline"
			}
			p.Custodians = append(p.Custodians, text)
		}
	}
	return p
}

func (h *house) Custodians() (policy.Set, bool) { return h.Gate.Custodians() }
func (h *house) Program() public.Program        { return h.program }
func (h *house) Operator() public.Operator      { return h.operator }
func (h *house) Paper(ctx context.Context, digest [32]byte) (docket.Paper, error) {
	return h.Docket.Paper(ctx, digest)
}

// open serves the public's pages over an office whose log has stated its policy.
func open(t *testing.T) *house {
	t.Helper()
	h := openOver(t, nil)
	h.state()
	return h
}

// openOver serves the pages of another log than the office's own, if one is given.
func openOver(t *testing.T, log *ledger.Memory) *house {
	t.Helper()
	h := &house{
		policy:   proof.Policy{Origin: "ledger.quayside.example", Interval: "1m0s", Slots: 64, Witnesses: "log KEY\nquorum none\n", Outside: []string{}, Packs: []string{"us 1.0.0 " + strings.Repeat("ab", 32)}, TLSMin: "1.2", Unlogged: true},
		program:  public.Program{Version: "devel", SHA256: strings.Repeat("cd", 32), Target: "linux/amd64", Standing: release.Development},
		operator: public.Operator{Name: "Fjordhost", Country: "DE", Contact: "legal@fjordhost.example", Address: []string{"Kai 7", "Falkenmoor"}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	consoletest.New(t, func(r *consoletest.Rig) []page.Room {
		h.Rig = r
		if log == nil {
			log = r.Log
		}
		h.index = public.NewIndex(log)
		rooms := public.Rooms{Server: h, Log: log, Index: h.index}
		checker, err := public.CheckRoom(rooms)
		r.Must(err)
		return []page.Room{public.Room(rooms), checker}
	})
	following.Go(func() { h.index.Follow(ctx) })
	h.stop = func() { cancel(); following.Wait() }
	t.Cleanup(h.stop)
	return h
}

// state states the policy in the log, and waits until it is there.
func (h *house) state() uint64 {
	h.T.Helper()
	p := h.Enforced()
	id, err := h.Book.PolicyNow(h.Ctx, p)
	h.Must(err)
	r, err := h.Book.Await(h.Ctx, id)
	h.Must(err)
	return indexOf(h.T, r)
}

var indexLine = regexp.MustCompile(`(?m)^index (\d+)$`)

func indexOf(t testing.TB, r *proof.Receipt) (n uint64) {
	t.Helper()
	m := indexLine.FindStringSubmatch(r.Proof)
	if m == nil {
		t.Fatal("the receipt has no index:", r.Proof)
	}
	fmt.Sscan(m[1], &n)
	return n
}

const formerly = `{"ref":"h-%d","received":"%s","agency":{"name":"District Court of New Arden","country":"US"},"instrument":"%s","matter":"criminal","accounts_specified":2,"closed":{"at":"%s","outcome":"%s","notice":"%s","accounts_affected":%d}}` + "\n"

var intake = []writ.Role{writ.RoleIntake}

var (
	entryLink = regexp.MustCompile(`<th scope="row" class="n"[^>]*><a href="/ledger/(\d+)"`)
	nextLink  = regexp.MustCompile(`rel="next" href="([^"]+)"`)
)

// demands enters historic cases of a year, enough of each kind to be printed.
func (h *house) demands(year int) {
	h.T.Helper()
	var b strings.Builder
	n := year * 1000
	for _, one := range []struct {
		instrument, outcome, notice string
		times, affected             int
	}{
		{"us.subpoena", "non-content", "given", 9, 1}, {"us.subpoena", "rejected", "none", 7, 0}, {"us.warrant", "content", "gagged", 8, 1},
		{"us.2703d", "non-content", "given", 6, 1}, {"foreign.direct", "referred", "none", 11, 0},
	} {
		for range one.times {
			n++
			fmt.Fprintf(&b, formerly, n, fmt.Sprintf("%d-03-01", year), one.instrument, fmt.Sprintf("%d-04-01", year), one.outcome, one.notice, one.affected)
		}
	}
	_, err := h.Docket.Import(h.Ctx, docket.Actor{Person: "noor.adeyemi", Roles: intake, Via: "test"}, strings.NewReader(b.String()))
	h.Must(err)
}

// publish publishes a year's report over the office's interface.
func (h *house) publish(year int, corrects string) proof.Report {
	h.T.Helper()
	out, err := h.Desk.PublishReport(h.As("mira"), api.ReportInput{From: fmt.Sprintf("%d-01-01", year), To: fmt.Sprintf("%d-12-31", year), Layout: "writ", Corrects: corrects})
	h.Must(err)
	return out
}

// paths are addresses of every page.
func (h *house) paths(report proof.Report) []string {
	return []string{"/", "/ledger", "/ledger?kind=policy", "/ledger?kind=report", "/ledger?kind=release", "/ledger?kind=marked", "/ledger/0", "/policy", "/custody", "/check", "/releases", "/data-map", "/reports", "/reports/" + report.Digest}
}

// until tries for as long as a page needs to catch up with the log.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("it never came to this:", what)
}
