package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/staff"
	"writ/internal/upkeep"
	"writ/internal/vault"
)

var errNoMachine = errors.New("no server is running here")

// Running is work on the store that runs, and how far it is.
type Running struct {
	Job      upkeep.Job      `json:"job" enum:"check,reclaim,rotate"`
	Customer writ.CustomerID `json:"customer,omitempty" doc:"of a rotation"`
	Name     string          `json:"name,omitempty" doc:"the customer's"`
	Since    time.Time       `json:"since"`
	Done     int64           `json:"done"`
	Total    int64           `json:"total" doc:"0 before it is known"`
}

// Run is how work on the store ended the last time.
type Run struct {
	Job       vault.Job     `json:"job" enum:"check,reclaim,lifecycle"`
	Ended     time.Time     `json:"ended"`
	Failed    string        `json:"failed,omitempty" doc:"the kind of fault, if it did not end well"`
	Shallow   bool          `json:"shallow,omitempty" doc:"a check that opened no chunk"`
	Check     *CheckRun     `json:"check,omitempty"`
	Lifecycle *LifecycleRun `json:"lifecycle,omitempty"`
}

// CheckRun is what a check found, without the names of objects: writ fsck, where
// the data folder is, tells those.
type CheckRun struct {
	Versions int64   `json:"versions"`
	Uploads  int64   `json:"uploads"`
	Parts    int64   `json:"parts"`
	Blobs    int64   `json:"blobs"`
	Bytes    int64   `json:"bytes"`
	Unopened int64   `json:"unopened"`
	Damage   int64   `json:"damage" doc:"things that are not whole"`
	Orphans  int64   `json:"orphans" doc:"things that nothing names"`
	Removed  int64   `json:"removed"`
	Found    []Found `json:"found" doc:"what is not whole, by customer, bucket and problem; of the first 100"`
}

// Found is how often one problem was found in one bucket.
type Found struct {
	Problem  vault.Problem   `json:"problem"`
	Customer writ.CustomerID `json:"customer,omitempty"`
	Bucket   writ.BucketName `json:"bucket,omitempty"`
	Count    int64           `json:"count"`
}

// LifecycleRun is what the rules of all buckets removed.
type LifecycleRun struct {
	Buckets    int   `json:"buckets" doc:"that have rules"`
	Expired    int64 `json:"expired"`
	Markers    int64 `json:"markers"`
	Noncurrent int64 `json:"noncurrent"`
	Uploads    int64 `json:"uploads"`
}

// Upkeep is the work on the store: what runs, how each ended, what customers kept
// by day.
type Upkeep struct {
	Running []Running  `json:"running"`
	Last    []Run      `json:"last"`
	Rotates []Rotating `json:"rotating"`
	Growth  []StoreDay `json:"growth" doc:"what customers kept, by day, the oldest first"`
}

// StoreDay is what customers kept on a day.
type StoreDay struct {
	Day     time.Time `json:"day"`
	Bytes   int64     `json:"bytes"`
	Objects int64     `json:"objects"`
}

// Damage is what the last check found of preserved data; for counsel.
type Damage struct {
	Checked  time.Time     `json:"checked,omitzero" doc:"when the check ended; absent if there was none"`
	Versions int64         `json:"versions" doc:"preserved versions that were looked at: those that their owner has not any more"`
	Damaged  int64         `json:"damaged" doc:"things that are not whole"`
	Cases    []DamagedCase `json:"cases" doc:"cases whose preserved data they are; one thing may be several cases'"`
	Unknown  int64         `json:"unknown,omitempty" doc:"of those, in preservations of no case that is here"`
}

// DamagedCase is a case some of whose preserved data are not whole.
type DamagedCase struct {
	Case  writ.CaseID `json:"case"`
	Count int64       `json:"count"`
}

func (h office) keeping(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "upkeep", Method: http.MethodGet, Path: "/api/v1/upkeep", Summary: "Work on the store: what runs, and how each ended the last time"},
		func(ctx context.Context, _ *none) (*output[Upkeep], error) {
			return answer(h.upkeepNow(ctx))
		})
	huma.Register(a, huma.Operation{OperationID: "begin-upkeep", Method: http.MethodPost, Path: "/api/v1/upkeep/{job}", Summary: "Begin a check of everything, or a reclaim; it goes on by itself", DefaultStatus: http.StatusAccepted},
		func(ctx context.Context, in *struct {
			Job string `path:"job" enum:"check,reclaim"`
		}) (*output[Upkeep], error) {
			if h.Keeper == nil {
				return nil, problem(errNoMachine)
			}
			if err := h.acted(ctx, "upkeep.begin", in.Job, h.Keeper.Begin(upkeep.Job(in.Job))); err != nil {
				return nil, problem(err)
			}
			return answer(h.upkeepNow(ctx))
		})
	huma.Register(a, huma.Operation{OperationID: "damage", Method: http.MethodGet, Path: "/api/v1/damage", Summary: "What the last check found of preserved data, and in which cases"},
		func(ctx context.Context, _ *none) (*output[Damage], error) {
			d, err := h.Docket.Damage(ctx, actor(ctx))
			out := Damage{d.Checked, d.Versions, d.Damaged, []DamagedCase{}, d.Unknown}
			for _, c := range d.Cases {
				out.Cases = append(out.Cases, DamagedCase{c.Case, c.Count})
			}
			return answer(out, err)
		})
}

// acted writes into the audit trail what an operator began, or why it was not.
func (h office) acted(ctx context.Context, act, object string, refused error) error {
	who := identity(ctx)
	e := staff.Entry{Who: who.Person, By: "token " + who.Token, Act: act, Object: object, Addr: who.Addr}
	if refused != nil {
		e.Outcome, e.Why = staff.Refused, refused.Error()
	}
	return errors.Join(refused, h.Staff.Append(ctx, e))
}

func (h office) upkeepNow(ctx context.Context) (out Upkeep, err error) {
	out = Upkeep{Running: h.running(ctx), Last: []Run{}, Growth: []StoreDay{}}
	for _, job := range vault.Jobs {
		run, ok, err := h.Vault.LastRun(ctx, job)
		if err != nil {
			return out, err
		}
		if ok {
			out.Last = append(out.Last, runOf(run))
		}
	}
	days, err := h.Vault.Growth(ctx)
	if err != nil {
		return out, err
	}
	for _, d := range days {
		out.Growth = append(out.Growth, StoreDay{d.Day, d.Bytes, d.Objects})
	}
	out.Rotates, err = h.rotating(ctx)
	return out, err
}

func (h office) running(ctx context.Context) []Running {
	out := []Running{}
	if h.Keeper == nil {
		return out
	}
	for _, r := range h.Keeper.Running() {
		one := Running{Job: r.Job, Customer: r.Customer, Since: r.Since, Done: r.Done, Total: r.Total}
		if r.Customer != "" {
			if c, err := h.Vault.Customer(ctx, string(r.Customer)); err == nil {
				one.Name = c.Name
			}
		}
		out = append(out, one)
	}
	return out
}

func runOf(r vault.Run) Run {
	out := Run{Job: r.Job, Ended: r.Ended, Failed: r.Failed, Shallow: r.Shallow}
	if l := r.Lifecycle; l != nil {
		out.Lifecycle = &LifecycleRun{l.Buckets, l.Expired, l.Markers, l.Noncurrent, l.Uploads}
	}
	if r.Job != vault.JobCheck {
		return out
	}
	c := r.Check
	out.Check = &CheckRun{
		Versions: c.Versions, Uploads: c.Uploads, Parts: c.Parts, Blobs: c.Blobs, Bytes: c.Bytes, Unopened: c.Unopened,
		Damage: c.Damage.Count, Orphans: c.Orphans.Count, Removed: c.Removed, Found: []Found{},
	}
	at := map[Found]int{}
	for _, f := range c.Damage.List {
		one := Found{Problem: f.Problem, Customer: f.Customer, Bucket: f.Bucket}
		i, there := at[one]
		if !there {
			i, at[one] = len(out.Check.Found), len(out.Check.Found)
			out.Check.Found = append(out.Check.Found, one)
		}
		out.Check.Found[i].Count++
	}
	return out
}
