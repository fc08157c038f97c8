package server

import (
	"fmt"
	"net/http"
	"sync/atomic"
)

// readiness says why the server is not ready; "" when it is. What keeps the
// ledger from publishing, and writs from opening anything, is said beside it:
// owners read and write all the same, so that nobody takes the server out of
// service for it.
type readiness struct {
	reason atomic.Pointer[string]
	ledger func() string // nil or "" when it publishes
	law    func() string // nil or "" when a writ would open
}

func (r *readiness) set(reason string) { r.reason.Store(&reason) }

// ServeHTTP answers /readyz.
func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if why := r.reason.Load(); why == nil || *why != "" {
		text := "starting"
		if why != nil {
			text = *why
		}
		http.Error(w, text, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
	for _, beside := range []struct {
		what    string
		trouble func() string
	}{{"ledger", r.ledger}, {"law", r.law}} {
		if beside.trouble == nil {
			continue
		}
		if trouble := beside.trouble(); trouble != "" {
			fmt.Fprintln(w, beside.what+": "+trouble)
		}
	}
}

// healthy answers /healthz: the process runs and answers.
func healthy(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
