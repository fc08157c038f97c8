package api_test

import (
	"errors"
	"testing"
	"time"

	"writ/internal/api"
)

// TestBoardOverTheInterface: the board says what waits for whoever asks, waits
// itself until something changed, and is for nobody without a role in cases.
func TestBoardOverTheInterface(t *testing.T) {
	h := newHouse(t)
	noor, mira := h.Desk("noor"), h.Desk("mira")
	empty, err := noor.Board(h.Ctx, api.BoardInput{})
	h.Must(err)
	heard := make(chan uint64, 1)
	go func() {
		r, err := h.Desk("mira").Revision(h.Ctx, empty.Revision, 20)
		if err == nil {
			heard <- r
		}
	}()
	c, err := noor.Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 412/26")})
	h.Must(err)
	select {
	case r := <-heard:
		if r == empty.Revision {
			t.Error("the revision is the one that was seen")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("who waited for a change heard of none")
	}
	b, err := noor.Board(h.Ctx, api.BoardInput{Each: 3, After: empty.Revision, Wait: 20})
	h.Must(err)
	if b.Open != 1 || b.Mine != 1 || len(b.Lanes[0].Cases) != 1 || b.Lanes[0].Cases[0].Case != c.Case {
		t.Errorf("intake's board: %+v", b)
	}
	if b, err := h.Desk("sam").Board(h.Ctx, api.BoardInput{}); err != nil || b.Mine != 0 {
		t.Errorf("something waits for production: %+v %v", b, err)
	}
	began := time.Now()
	if r, err := mira.Revision(h.Ctx, b.Revision, 0); err != nil || r != b.Revision || time.Since(began) > 5*time.Second {
		t.Errorf("nothing changed, and the answer is %d, %v", r, err)
	}
	for _, who := range []string{"esi", "jun operator"} {
		var p *api.Problem
		if _, err := h.Desk(who).Board(h.Ctx, api.BoardInput{}); !errors.As(err, &p) || p.Status != 403 {
			t.Errorf("%s sees the board: %v", who, err)
		}
		if _, err := h.Desk(who).Revision(h.Ctx, 0, 0); !errors.As(err, &p) || p.Status != 403 {
			t.Errorf("%s hears of changes: %v", who, err)
		}
	}
	// The register of silence, by when it is looked at again.
	_, err = noor.Move(h.Ctx, string(c.Case), "authenticate", api.AuthenticateInput{Means: "national-system", Note: "seal verified", Genuine: true})
	h.Must(err)
	page, err := mira.Cases(h.Ctx, api.ListInput{Order: "review", DueBy: h.Now().Add(1000 * time.Hour)})
	h.Must(err)
	if len(page.Cases) != 1 {
		t.Errorf("%d silent cases", len(page.Cases))
	}
}
