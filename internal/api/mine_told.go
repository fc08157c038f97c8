package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/notice"
)

// MyNotice is a message that reached the customer. Nothing else of what a demand
// is about shows here: not before it was told, and not how it stands since.
type MyNotice struct {
	ID      string      `json:"id"`
	Case    writ.CaseID `json:"case,omitempty"`
	At      time.Time   `json:"at" doc:"when the first contact accepted it"`
	Read    time.Time   `json:"read,omitzero" doc:"when it was read in the inbox first"`
	Subject string      `json:"subject,omitempty"`
	Sealed  bool        `json:"sealed,omitempty" doc:"it went to contacts with a key only: whoever has that key reads it"`
	Ways    []MyWay     `json:"ways" doc:"the contacts that accepted it"`
	Files   []MyFile    `json:"files"`
	Text    string      `json:"text,omitempty" doc:"of one notice, not in lists"`
}

// MyWay is a contact by which a notice came.
type MyWay struct {
	Kind    notice.ContactKind `json:"kind"`
	Address string             `json:"address,omitempty"`
	At      time.Time          `json:"at"`
	Sealed  bool               `json:"sealed,omitempty"`
}

// MyFile is a file that came with a notice.
type MyFile struct {
	Name   string `json:"name"`
	MIME   string `json:"mime"`
	Size   int    `json:"size"`
	SHA256 string `json:"sha256" doc:"in hex"`
}

// MyNotices is a page of notices, oldest first.
type MyNotices struct {
	Notices []MyNotice `json:"notices"`
	Next    string     `json:"next,omitempty" doc:"give it as after for the next page"`
}

// MyProof is a file of receipts that came with a notice: each of its lines is
// verified offline by writ verify receipt.
type MyProof struct {
	Notice string      `json:"notice"`
	Case   writ.CaseID `json:"case"`
	At     time.Time   `json:"at"`
	File   MyFile      `json:"file"`
}

// PageQuery asks for a page.
type PageQuery struct {
	After string `query:"after" maxLength:"2000"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000"`
}

// proofEnding is what the name of a file of receipts ends in.
const proofEnding = ".jsonl"

func (h mine) told(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "my-notices", Method: http.MethodGet, Path: "/v1/my/notices", Summary: "What you were told, oldest first"},
		func(ctx context.Context, in *PageQuery) (*output[MyNotices], error) {
			list, next, err := h.Notices.WhatWasTold(ctx, ownerOf(ctx).Customer, in.After, in.Limit)
			out := MyNotices{Notices: []MyNotice{}, Next: next}
			for _, t := range list {
				out.Notices = append(out.Notices, myNotice(t))
			}
			return own(h, ctx, out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "my-notice", Method: http.MethodGet, Path: "/v1/my/notices/message", Summary: "A notice whole; in the inbox it counts as read from then on"},
		func(ctx context.Context, in *struct {
			ID string `query:"id" required:"true" maxLength:"200"`
		}) (*output[MyNotice], error) {
			customer := ownerOf(ctx).Customer
			t, text, err := h.Notices.ReadTold(ctx, customer, in.ID)
			if err != nil {
				return nil, h.fail(ctx, err)
			}
			for _, w := range t.Ways {
				if w.Kind == notice.ByInbox {
					err = h.Notices.MarkRead(ctx, customer, in.ID)
				}
			}
			out := myNotice(t)
			out.Text = text
			return own(h, ctx, out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "my-notice-file", Method: http.MethodGet, Path: "/v1/my/notices/file", Summary: "A file that came with a notice: the demand's copy, the letter, the receipts"},
		func(ctx context.Context, in *struct {
			ID   string `query:"id" required:"true" maxLength:"200"`
			Name string `query:"name" required:"true" maxLength:"200"`
		}) (*huma.StreamResponse, error) {
			f, err := h.Notices.ToldFile(ctx, ownerOf(ctx).Customer, in.ID, in.Name)
			if err != nil {
				return nil, h.fail(ctx, err)
			}
			return raw(f.Name, "application/octet-stream", io.NopCloser(bytes.NewReader(f.Body))), nil
		})
	huma.Register(a, huma.Operation{OperationID: "my-proofs", Method: http.MethodGet, Path: "/v1/my/proofs", Summary: "The receipts of what was opened under law, of all that you were told: files to verify offline"},
		func(ctx context.Context, _ *none) (*output[[]MyProof], error) {
			all, err := h.everythingTold(ctx)
			out := []MyProof{}
			for _, t := range all {
				for _, f := range t.Files {
					if path.Ext(f.Name) == proofEnding && strings.HasPrefix(f.MIME, "application/jsonl") {
						out = append(out, MyProof{Notice: t.ID, Case: t.Case, At: t.At, File: myFile(f)})
					}
				}
			}
			return own(h, ctx, out, err)
		})
}

// everythingTold is all that the owner was told. Telling somebody takes a person
// each time: it is never much.
func (h mine) everythingTold(ctx context.Context) (all []notice.Told, err error) {
	for after := ""; ; {
		page, next, err := h.Notices.WhatWasTold(ctx, ownerOf(ctx).Customer, after, 1000)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if after = next; after == "" {
			return all, nil
		}
	}
}

func myNotice(t notice.Told) MyNotice {
	out := MyNotice{ID: t.ID, Case: t.Case, At: t.At, Read: t.Read, Subject: t.Subject, Sealed: t.Sealed, Ways: []MyWay{}, Files: []MyFile{}}
	for _, w := range t.Ways {
		out.Ways = append(out.Ways, MyWay{w.Kind, w.Address, w.At, w.Sealed})
	}
	for _, f := range t.Files {
		out.Files = append(out.Files, myFile(f))
	}
	return out
}

func myFile(f notice.File) MyFile {
	return MyFile{f.Name, f.MIME, f.Size, hex.EncodeToString(f.SHA256[:])}
}
