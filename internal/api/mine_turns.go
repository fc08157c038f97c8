package api

import (
	"context"
	"net/http"
	"sync"

	"writ"
)

// turns bound how often something is done at once, by all customers and by each:
// one that is slow, on purpose or not, leaves room for the others.
type turns struct {
	all, each int

	mu   sync.Mutex // guards all below
	now  int
	busy map[writ.CustomerID]int
}

// take takes a turn for who asks, or says that it is busy: it waits for nothing.
func (t *turns) take(ctx context.Context) (give func(), err error) {
	who := ownerOf(ctx).Customer
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now >= t.all || t.busy[who] >= t.each {
		return nil, &Problem{
			Status: http.StatusServiceUnavailable, Title: "Service Unavailable", Code: "busy",
			Detail: "too much of this is being asked for at once", Hint: "try again in a moment",
		}
	}
	if t.busy == nil {
		t.busy = map[writ.CustomerID]int{}
	}
	t.now++
	t.busy[who]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.now--
		if t.busy[who]--; t.busy[who] == 0 {
			delete(t.busy, who)
		}
	}, nil
}
