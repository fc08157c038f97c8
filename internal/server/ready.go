package server

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"writ/internal/api"
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

// all says of each thing that the server needs what is wrong with it.
func (r *readiness) all() []api.Readiness {
	why := "starting"
	if reason := r.reason.Load(); reason != nil {
		why = *reason
	}
	out := []api.Readiness{{What: "server", Trouble: why}}
	for _, beside := range []struct {
		what    string
		trouble func() string
	}{{"ledger", r.ledger}, {"law", r.law}} {
		if beside.trouble != nil {
			out = append(out, api.Readiness{What: beside.what, Trouble: beside.trouble()})
		}
	}
	return out
}

// ServeHTTP answers /readyz.
func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	all := r.all()
	if why := all[0].Trouble; why != "" {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
	for _, beside := range all[1:] {
		if beside.Trouble != "" {
			fmt.Fprintln(w, beside.What+": "+beside.Trouble)
		}
	}
}

// healthy answers /healthz: the process runs and answers.
func healthy(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
