package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/vault"
)

// Checked is the result of a check.
type Checked struct {
	Clean    bool     `json:"clean"`
	Versions int64    `json:"versions" doc:"with data"`
	Uploads  int64    `json:"uploads"`
	Parts    int64    `json:"parts"`
	Blobs    int64    `json:"blobs"`
	Bytes    int64    `json:"bytes" doc:"of sealed data that were opened"`
	Unopened int64    `json:"unopened" doc:"versions whose key the store has not any more"`
	Damage   Findings `json:"damage" doc:"what was stored and is not whole"`
	Orphans  Findings `json:"orphans" doc:"what is stored and nothing names"`
	Removed  int64    `json:"removed" doc:"orphans removed"`
}

// Findings are what was found of one kind.
type Findings struct {
	Count int64     `json:"count"`
	List  []Finding `json:"list" doc:"the first 1,000"`
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Problem  string          `json:"problem"`
	Customer writ.CustomerID `json:"customer,omitempty"`
	Bucket   writ.BucketName `json:"bucket,omitempty"`
	Key      writ.ObjectKey  `json:"key,omitempty"`
	Version  writ.VersionID  `json:"version,omitempty"`
	Upload   string          `json:"upload,omitempty"`
	Part     int             `json:"part,omitempty"`
	Blob     string          `json:"blob,omitempty" doc:"where it lies"`
	Detail   string          `json:"detail,omitempty"`
}

func (h handlers) fsck(a huma.API) {
	streamed(a, huma.Operation{
		OperationID: "fsck", Method: http.MethodPost, Path: "/v1/fsck",
		Summary:     "Check that every record has its blob, every blob its record, and every chunk opens",
		Description: "It may run while traffic does and changes nothing, unless to remove orphans.",
	}, func(ctx context.Context, in *struct {
		Repair  bool `query:"repair" doc:"remove orphans, and nothing else"`
		Shallow bool `query:"shallow" doc:"leave out the opening of chunks"`
	}, e *events) (Checked, error) {
		r, err := h.Vault.Fsck(ctx, vault.FsckOptions{Repair: in.Repair, Shallow: in.Shallow, Progress: e.progress})
		return checkedOf(r), err
	})
}

// checkedOf leaves out what is the docket's to know.
func checkedOf(r vault.Report) Checked {
	return Checked{
		Clean: r.Clean(), Versions: r.Versions, Uploads: r.Uploads, Parts: r.Parts, Blobs: r.Blobs, Bytes: r.Bytes,
		Unopened: r.Unopened, Removed: r.Removed,
		Damage: findingsOf(r.Damage), Orphans: findingsOf(r.Orphans),
	}
}

func findingsOf(f vault.Findings) Findings {
	out := Findings{Count: f.Count, List: make([]Finding, len(f.List))}
	for i, one := range f.List {
		out.List[i] = Finding{
			Problem: string(one.Problem), Customer: one.Customer, Bucket: one.Bucket, Key: one.Key, Version: one.Version,
			Upload: one.Upload, Part: one.Part, Blob: one.Blob, Detail: one.Detail,
		}
	}
	return out
}

// CheckOptions says how to check.
type CheckOptions struct{ Repair, Shallow bool }

// Fsck checks everything.
func (c *Client) Fsck(ctx context.Context, o CheckOptions, progress func(Progress)) (out Checked, err error) {
	query := url.Values{}
	if o.Repair {
		query.Set("repair", "true")
	}
	if o.Shallow {
		query.Set("shallow", "true")
	}
	err = c.stream(ctx, http.MethodPost, "/v1/fsck?"+query.Encode(), nil, &out, progress, nil)
	return out, err
}
