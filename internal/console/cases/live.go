package cases

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
)

// Bounds of streams.
const (
	mostStreams   = 1000             // in all
	mostOfSession = 8                // of one session: windows of one browser
	streamLife    = 5 * time.Minute  // a browser then asks again, and is let in or not
	heartbeat     = 15 * time.Second // so that a dead line is found
	calm          = 2 * time.Second  // between two events: many moves are one
)

// streams counts who listens.
type streams struct {
	mu  *sync.Mutex // guards all below
	all map[string]int
	n   *int
}

func newStreams() streams { return streams{new(sync.Mutex), map[string]int{}, new(int)} }

// begin lets a session listen, if it may have one stream more.
func (s streams) begin(session string) (end func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.n >= mostStreams || s.all[session] >= mostOfSession {
		return nil, false
	}
	*s.n++
	s.all[session]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		*s.n--
		if s.all[session]--; s.all[session] == 0 {
			delete(s.all, session)
		}
	}, true
}

// live tells a browser, as server-sent events, that the docket is another than
// the one that it shows. An event has the revision and nothing else. Who holds a
// role in cases sees all cases, so there is one revision for all.
func (h *room) live(v *page.Visit) error {
	end, ok := h.streams.begin(string(v.Visitor.Kind) + "/" + v.Visitor.Name + "/" + v.Visitor.Session)
	if !ok {
		return &api.Problem{Status: http.StatusServiceUnavailable, Title: "Service Unavailable", Code: "too-many", Detail: "too many pages listen already; this one is as it was when it was opened"}
	}
	defer end()
	ctx, cancel := context.WithTimeout(v.Context(), streamLife)
	defer cancel()
	seen, err := h.seen(ctx, v)
	if err != nil {
		return err
	}
	head := v.W.Header()
	head.Set("Content-Type", "text/event-stream; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(v.W)
	send := func(format string, args ...any) bool {
		if !h.alive(v) {
			return false
		}
		out.SetWriteDeadline(time.Now().Add(heartbeat)) // a reader that stands still is given up
		_, err := fmt.Fprintf(v.W, format, args...)
		return err == nil && out.Flush() == nil
	}
	if !send("retry: 3000\nid: %d\n\n", seen) {
		return nil
	}
	for ctx.Err() == nil {
		now, err := h.Desk.Revision(ctx, seen, int(heartbeat/time.Second))
		switch {
		case err != nil:
			return nil // the answer has begun: the browser asks again
		case now == seen:
			if !send(": still here\n\n") {
				return nil
			}
			continue
		}
		// All who listen would ask for the board at once.
		wait(ctx, calm/2+rand.N(calm/2))
		if now, err = h.Desk.Revision(ctx, seen, 0); err != nil || !send("event: docket\nid: %d\ndata: %d\n\n", now, now) {
			return nil
		}
		seen = now
	}
	return nil
}

// seen is the revision that the browser has: from the page that it shows, from
// the last event that it got, or the present one.
func (h *room) seen(ctx context.Context, v *page.Visit) (uint64, error) {
	for _, text := range []string{v.R.Header.Get("Last-Event-ID"), v.Query("after")} {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return n, nil
		}
	}
	return h.Desk.Revision(ctx, 0, 0)
}

func (h *room) alive(v *page.Visit) bool { return h.Alive == nil || h.Alive(v.Visitor) }

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
