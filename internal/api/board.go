package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ/internal/docket"
)

// BoardInput asks for the board, at once or when the docket is another than the
// one that somebody has seen.
type BoardInput struct {
	Each  int    `query:"each" minimum:"0" maximum:"50" doc:"cases of each lane; 0 is 8"`
	After uint64 `query:"after" doc:"a revision: the answer waits until it is another"`
	Wait  int    `query:"wait" minimum:"0" maximum:"50" doc:"so many seconds at most"`
}

// Board is the docket at a glance.
type Board struct {
	Revision uint64      `json:"revision" doc:"another one means that something changed"`
	Open     int         `json:"open" doc:"cases that are not closed"`
	Late     int         `json:"late" doc:"of them, those with a deadline that is over"`
	Today    int         `json:"today" doc:"those that are due later today, where the operator's deadlines are read"`
	Mine     int         `json:"mine" doc:"those that wait for a role of whoever asks"`
	Lanes    []BoardLane `json:"lanes"`
}

// BoardLane is what waits for the same.
type BoardLane struct {
	Lane  docket.Lane `json:"lane" doc:"intake, counsel, custodian, production, witnesses, authority: for whom an open case waits; silent, closed: of closed ones"`
	Count int         `json:"count"`
	Cases []CaseRow   `json:"cases" doc:"the first of them: by deadline; silent ones by when that is looked at again; closed ones the latest first"`
}

// Revision is which state the docket is in.
type Revision struct {
	Revision uint64 `json:"revision"`
}

func (h office) board(a huma.API) {
	// waits returns when the docket is another than the one that was seen, or the
	// time is over.
	waits := func(ctx context.Context, seen uint64, seconds int) uint64 {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
		defer cancel()
		return h.Docket.Changed(ctx, seen)
	}
	huma.Register(a, huma.Operation{OperationID: "board", Method: http.MethodGet, Path: "/api/v1/board", Summary: "The docket at a glance: what waits for whom, what is late"},
		func(ctx context.Context, in *BoardInput) (*output[Board], error) {
			if in.Each == 0 {
				in.Each = 8
			}
			if in.After != 0 {
				waits(ctx, in.After, in.Wait)
			}
			b, err := h.Docket.Board(ctx, actor(ctx), in.Each)
			return answer(boardOf(b), err)
		})
	huma.Register(a, huma.Operation{OperationID: "revision", Method: http.MethodGet, Path: "/api/v1/board/revision", Summary: "The docket's revision, when it is another than the one that was seen"},
		func(ctx context.Context, in *struct {
			After uint64 `query:"after"`
			Wait  int    `query:"wait" minimum:"0" maximum:"50" doc:"seconds at most"`
		}) (*output[Revision], error) {
			return answer(Revision{waits(ctx, in.After, in.Wait)}, nil)
		})
}

func boardOf(b docket.Board) Board {
	out := Board{Revision: b.Revision, Open: b.Open, Late: b.Late, Today: b.Today, Mine: b.Mine}
	for _, l := range b.Lanes {
		lane := BoardLane{Lane: l.Lane, Count: l.Count, Cases: []CaseRow{}}
		for _, r := range l.Rows {
			lane.Cases = append(lane.Cases, rowOf(r))
		}
		out.Lanes = append(out.Lanes, lane)
	}
	return out
}
