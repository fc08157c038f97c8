package cases

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
)

// laws keeps which instruments there are: packs are read when the server starts,
// and stay as they are.
type laws struct {
	mu  sync.Mutex // guards all
	all []writ.Instrument
}

// instruments are all that the packs know.
func (h *room) instruments(ctx context.Context) ([]writ.Instrument, error) {
	h.laws.mu.Lock()
	defer h.laws.mu.Unlock()
	if h.laws.all != nil {
		return h.laws.all, nil
	}
	var state api.LawState
	if err := h.Desk.Do(ctx, http.MethodGet, "law", nil, &state); err != nil {
		return nil, err
	}
	for _, i := range state.Instruments {
		h.laws.all = append(h.laws.all, i.ID)
	}
	return h.laws.all, nil
}

// instrument is one in full; one that no pack knows any more has no rules.
func (h *room) instrument(ctx context.Context, id writ.Instrument) (out api.InstrumentState, err error) {
	err = h.Desk.Do(ctx, http.MethodGet, "law/"+url.PathEscape(string(id)), nil, &out)
	if p := problem(err); p != nil && p.Status == http.StatusNotFound {
		err = nil
	}
	return out, err
}

// verified holds a case against the public log.
func (h *room) verified(ctx context.Context, id string) (v docket.Verified, err error) {
	err = h.Desk.Do(ctx, http.MethodGet, "cases/"+url.PathEscape(id)+"/verify", nil, &v)
	return v, err
}
