package public

import (
	"fmt"
	"html"
	"net/http"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
)

// Bounds of who is told of new heads: a reader's browser comes back by itself.
const (
	maxStreams  = 256
	streamLife  = 15 * time.Minute
	streamPulse = 25 * time.Second // keeps proxies from hanging up
)

// live tells of each new head of the log as it is published (server-sent events).
func (p *pages) live(v *page.Visit) error {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		v.W.Header().Set("Retry-After", "60")
		return &api.Problem{
			Status: http.StatusServiceUnavailable, Title: http.StatusText(http.StatusServiceUnavailable), Code: "busy",
			Detail: "too many readers follow the log at once", Hint: "load the page again in a while: it always shows the newest entries",
		}
	}
	control := http.NewResponseController(v.W)
	if err := control.SetReadDeadline(time.Time{}); err != nil { // nothing more is read, and nobody hung up
		return fmt.Errorf("couldn't follow the log: %w", err)
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	if v.R.Method == http.MethodHead {
		return nil
	}
	end, pulse := time.NewTimer(streamLife), time.NewTicker(streamPulse)
	defer end.Stop()
	defer pulse.Stop()
	for {
		size, newer := p.Index.wait()
		if newer == nil {
			return nil
		}
		if !p.tell(v, control, fmt.Sprintf("event: head\ndata: %s\n\n", html.EscapeString(p.newest(v, size)))) {
			return nil
		}
		for waiting := true; waiting; {
			select {
			case <-newer:
				waiting = false
			case <-pulse.C:
				if !p.tell(v, control, ":\n\n") {
					return nil
				}
			case <-end.C:
				return nil
			case <-v.Context().Done():
				return nil
			}
		}
	}
}

// tell sends some of the stream; false if the reader does not take it.
func (p *pages) tell(v *page.Visit, control *http.ResponseController, text string) bool {
	control.SetWriteDeadline(time.Now().Add(streamPulse)) // a writer without one has no reader who could stand still
	if _, err := v.W.Write([]byte(text)); err != nil {
		return false
	}
	return control.Flush() == nil
}

// newest says in one line where the log stands.
func (p *pages) newest(v *page.Visit, size uint64) string {
	l := p.Server.Ledger()
	if l.BatchAt == nil {
		return v.Words().Say("public.live.bare", "n", size)
	}
	return v.Words().Say("public.live.line", "n", size, "at", v.Words().Moment(*l.BatchAt))
}
