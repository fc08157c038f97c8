package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ/internal/space"
	"writ/internal/vault"
)

// Machine is what a running server says of itself. Nothing in it depends on what
// is asked for, preserved or opened under law: what an operator sees is the same
// with and without.
type Machine struct {
	Server       Server        `json:"server"`
	Readiness    []Readiness   `json:"readiness" doc:"as /readyz says it"`
	Disk         space.Level   `json:"disk" enum:"ample,low,short,full,unknown" doc:"how much room the data folder's disk has, in a word"`
	Certificates []Certificate `json:"certificates"`
	Ledger       Ledger        `json:"ledger"`
	Channels     []Channel     `json:"channels" doc:"ways by which notices and pages leave"`
	Stalled      []string      `json:"stalled" doc:"what the server does by itself and has stopped doing: docket, notices, retention"`
}

// Readiness is one thing that the server needs, and what is wrong with it.
type Readiness struct {
	What    string `json:"what" enum:"server,ledger,law"`
	Trouble string `json:"trouble,omitempty"`
}

// Certificate is one by which the server is known.
type Certificate struct {
	For    string    `json:"for" enum:"listener,authority"`
	Source string    `json:"source" enum:"own,file,acme"`
	Names  []string  `json:"names"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
}

// Channel is how one way of telling people works. It tells what failed since the
// start, and not how much was or is to be sent: that would tell that there is
// something not to be told.
type Channel struct {
	Kind     string `json:"kind" enum:"mail,webhook,inbox"`
	Ready    bool   `json:"ready" doc:"whether it is set up"`
	Failed   uint64 `json:"failed" doc:"attempts that failed for now"`
	Refused  uint64 `json:"refused" doc:"attempts that failed for good"`
	Doubtful uint64 `json:"doubtful" doc:"attempts of which nobody knows how they ended"`
}

// Status is how the server is, at a glance.
type Status struct {
	Machine
	At       time.Time  `json:"at"`
	Bytes    int64      `json:"bytes" doc:"of plaintext that customers keep, over all versions"`
	Objects  int64      `json:"objects" doc:"versions and delete markers that customers keep"`
	Checked  *Run       `json:"checked,omitempty" doc:"the last check of everything"`
	Running  []Running  `json:"running"`
	Rotating []Rotating `json:"rotating" doc:"the first 100"`
}

// SettingState is a setting as it is. No setting is a secret; where one is kept in
// a file, the setting is the file's name.
type SettingState struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Default  string `json:"default,omitempty"`
	Place    string `json:"place" doc:"FILE:LINE, a variable, a flag, or default"`
	Changed  bool   `json:"changed" doc:"whether a place sets it"`
	Form     string `json:"form" doc:"what a value looks like"`
	Usage    string `json:"usage"`
	Variable string `json:"variable"`
	Flag     string `json:"flag"`
}

// maxRotating bounds the rotations that a status tells.
const maxRotating = 100

func (h office) status(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "status", Method: http.MethodGet, Path: "/api/v1/status", Summary: "How the server is: readiness, disk, certificates, log, upkeep"},
		func(ctx context.Context, _ *none) (*output[Status], error) {
			return answer(h.now(ctx))
		})
	huma.Register(a, huma.Operation{OperationID: "settings", Method: http.MethodGet, Path: "/api/v1/settings", Summary: "All settings as they are, and where each comes from"},
		func(context.Context, *none) (*output[[]SettingState], error) {
			out := []SettingState{}
			if h.Settings != nil {
				out = append(out, h.Settings()...)
			}
			return answer(out, nil)
		})
}

func (h office) now(ctx context.Context) (out Status, err error) {
	if h.Machine == nil {
		return out, errNoMachine
	}
	out = Status{Machine: h.Machine(ctx), At: h.Now().UTC(), Running: []Running{}, Rotating: []Rotating{}}
	u, err := h.Vault.Stored(ctx)
	if err != nil {
		return out, err
	}
	out.Bytes, out.Objects = u.Bytes, u.Objects
	check, ok, err := h.Vault.LastRun(ctx, vault.JobCheck)
	if err != nil {
		return out, err
	}
	if ok {
		run := runOf(check)
		out.Checked = &run
	}
	out.Running = h.running(ctx)
	out.Rotating, err = h.rotating(ctx)
	return out, err
}
