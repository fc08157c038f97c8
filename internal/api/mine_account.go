package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/gate"
	"writ/internal/vault"
)

// CustodyManaged says who holds a bucket's keys: the operator's keyring, behind
// the gate. It is the one mode that there is.
const CustodyManaged = "managed"

// MyStatus is who asks, and how the customer's account stands.
type MyStatus struct {
	Customer   writ.CustomerID `json:"customer"`
	Name       string          `json:"name"`
	By         string          `json:"by" doc:"who asks, as the journal names it"`
	Created    time.Time       `json:"created"`
	Shredded   *time.Time      `json:"shredded,omitempty" doc:"when the keys were destroyed"`
	Bytes      int64           `json:"bytes" doc:"of plaintext, over all versions"`
	Objects    int64           `json:"objects" doc:"versions and delete markers"`
	Quota      Quota           `json:"quota"`
	Custody    string          `json:"custody" enum:"managed"`
	KeyVersion uint32          `json:"key_version" doc:"of the newest key-encryption key; 0 once shredded"`
	Journal    *Head           `json:"journal,omitempty"`
	Endpoint   string          `json:"endpoint,omitempty" doc:"URL of S3"`
	Region     string          `json:"region,omitempty"`
}

// MyCredential is an S3 access key of the customer's.
type MyCredential struct {
	AccessKey writ.CredentialID `json:"access_key"`
	SecretKey string            `json:"secret_key,omitempty" doc:"told once, when it is made"`
	Created   time.Time         `json:"created"`
	Endpoint  string            `json:"endpoint,omitempty" doc:"URL of S3"`
	Region    string            `json:"region,omitempty"`
	Yours     bool              `json:"yours,omitempty" doc:"this request is signed with it"`
}

// MyKeys are the versions of the customer's key-encryption key.
type MyKeys struct {
	Version     uint32    `json:"version" doc:"of the newest; 0 once shredded"`
	Oldest      uint32    `json:"oldest" doc:"version that still opens; 0 once shredded"`
	Made        time.Time `json:"made" doc:"when the newest was made"`
	Shredded    bool      `json:"shredded,omitempty"`
	JournalSync bool      `json:"journal_sync" doc:"whether the journal is on disk before a key is released"`
	JournalKey  string    `json:"journal_key,omitempty" doc:"SHA-256, in hex, of your public key that the journal is sealed to"`
	Custody     string    `json:"custody" enum:"managed"`
	// Rotations are newest first.
	Rotations []MyRotation `json:"rotations" doc:"what changed the keys, as the journal has it"`
	Cut       bool         `json:"cut,omitempty" doc:"the journal goes back farther than was looked at, or is kept"`
}

// MyRotation is a change of the keys.
type MyRotation struct {
	At  time.Time `json:"at"`
	Op  string    `json:"op" doc:"add-customer, rotate or retire"`
	Seq uint64    `json:"seq" doc:"of its entry in the journal"`
}

// keyOps are the journal's entries of changes of keys.
var keyOps = []string{"add-customer", "rotate", "retire", "shred"}

func (h mine) account(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "my-status", Method: http.MethodGet, Path: "/v1/my/status", Summary: "Who you are, what you keep, and how much of it"},
		func(ctx context.Context, _ *none) (*output[MyStatus], error) {
			body, err := h.status(ctx)
			return own(h, ctx, body, err)
		})
}

func (h mine) status(ctx context.Context) (out MyStatus, err error) {
	o := ownerOf(ctx)
	c, err := h.Vault.Customer(ctx, string(o.Customer))
	if err != nil {
		return out, err
	}
	used, err := h.Vault.Usage(ctx, c.ID)
	if err != nil {
		return out, err
	}
	k, err := h.Gate.KEK(c.ID)
	if err != nil {
		return out, err
	}
	out = MyStatus{
		Customer: c.ID, Name: c.Name, By: o.By, Created: c.Created, Bytes: used.Bytes, Objects: used.Objects,
		Quota: Quota(c.Quota), Custody: CustodyManaged, KeyVersion: k.KEK.Version,
	}
	if !c.Shredded.IsZero() {
		out.Shredded = &c.Shredded
	}
	if head, err := h.Gate.JournalHead(c.ID); err == nil {
		out.Journal = &Head{head.Seq, hex.EncodeToString(head.Hash[:])}
	}
	out.Endpoint, out.Region = h.endpoint()
	return out, nil
}

func (h mine) endpoint() (url, region string) {
	if h.Server == nil {
		return "", ""
	}
	s := h.Server()
	return s.Endpoint, s.Region
}

// maxCredentials is how many access keys a customer makes for itself.
const maxCredentials = 100

func (h mine) credentials(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "my-credentials", Method: http.MethodGet, Path: "/v1/my/credentials", Summary: "Your S3 access keys, without secrets"},
		func(ctx context.Context, _ *none) (*output[[]MyCredential], error) {
			all, err := h.Vault.Credentials(ctx, ownerOf(ctx).Customer)
			out := []MyCredential{}
			for _, c := range all {
				out = append(out, h.credential(ctx, c))
			}
			return own(h, ctx, out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "my-add-credential", Method: http.MethodPost, Path: "/v1/my/credentials", Summary: "Make an S3 access key; its secret is told once", DefaultStatus: http.StatusCreated},
		func(ctx context.Context, _ *none) (*output[MyCredential], error) {
			customer := ownerOf(ctx).Customer
			all, err := h.Vault.Credentials(ctx, customer)
			if err != nil {
				return nil, h.fail(ctx, err)
			}
			if len(all) >= maxCredentials {
				return nil, &Problem{Status: http.StatusConflict, Title: "Conflict", Code: "credentials", Detail: "you have as many credentials as there may be", Hint: "remove one first"}
			}
			c, err := h.Vault.AddCredential(ctx, customer)
			return own(h, ctx, h.credential(ctx, c), err)
		})
	huma.Register(a, huma.Operation{OperationID: "my-remove-credential", Method: http.MethodDelete, Path: "/v1/my/credentials/{credential}", Summary: "Remove an S3 access key; what it signed is refused from now on", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Credential string `path:"credential" maxLength:"128"`
		}) (*none, error) {
			id, o := writ.CredentialID(in.Credential), ownerOf(ctx)
			if id == o.credential() {
				return nil, &Problem{
					Status: http.StatusConflict, Title: "Conflict", Code: "own-credential", Detail: "this request is signed with the credential that it would remove",
					Hint: "ask with another one of yours",
				}
			}
			all, err := h.Vault.Credentials(ctx, o.Customer)
			if err == nil && !slices.ContainsFunc(all, func(c vault.Credential) bool { return c.ID == id }) {
				err = vault.ErrNoCredential // or another customer's
			}
			if err == nil {
				err = h.Vault.RemoveCredential(ctx, id)
			}
			return nil, h.fail(ctx, err)
		})
}

func (h mine) credential(ctx context.Context, c vault.Credential) MyCredential {
	out := MyCredential{AccessKey: c.ID, SecretKey: c.Secret, Created: c.Created, Yours: c.ID == ownerOf(ctx).credential()}
	if c.Secret != "" {
		out.Endpoint, out.Region = h.endpoint()
	}
	return out
}

// rotateEvery is how often a customer rotates its keys at most. Each version is
// kept for ever.
const rotateEvery = time.Hour

func (h mine) keys(a huma.API) {
	huma.Register(a, huma.Operation{
		OperationID: "my-keys", Method: http.MethodGet, Path: "/v1/my/keys", Summary: "The versions of your key-encryption key, and what changed them",
		Description: "The reading of the journal that it takes is itself an entry of it.",
	}, func(ctx context.Context, _ *none) (*output[MyKeys], error) {
		body, err := h.keysOf(ctx)
		return own(h, ctx, body, err)
	})
	streamed(a, huma.Operation{
		OperationID: "my-rotate", Method: http.MethodPost, Path: "/v1/my/keys/rotate", Summary: "Make a new key-encryption key, and wrap every data key anew under it",
		Description: "Old versions stay, so that backups open. Once an hour at most.",
	}, func(ctx context.Context, _ *none, e *events) (out Rotated, err error) {
		id := ownerOf(ctx).Customer
		before, err := h.Gate.KEK(id)
		if err != nil {
			return out, h.fail(ctx, err)
		}
		if before.KEK.Version > 1 && h.Now().Sub(before.Made) < rotateEvery {
			return out, &Problem{Status: http.StatusTooManyRequests, Title: "Too Many Requests", Code: "rotated", Detail: "the key was rotated less than an hour ago", Hint: "wait for the rest of the hour"}
		}
		n, err := h.Vault.RotateCustomer(ctx, id, vault.RotateOptions{Progress: e.progress})
		if err != nil {
			return out, h.fail(ctx, err)
		}
		after, err := h.Gate.KEK(id)
		return Rotated{Rewrapped: n, KeyVersion: after.KEK.Version}, h.fail(ctx, err)
	})
}

func (h mine) keysOf(ctx context.Context) (out MyKeys, err error) {
	k, err := h.Gate.KEK(ownerOf(ctx).Customer)
	if err != nil {
		return out, err
	}
	out = MyKeys{
		Version: k.KEK.Version, Oldest: k.Oldest, Made: k.Made, Shredded: k.Shredded, JournalSync: k.JournalSync,
		Custody: CustodyManaged, Rotations: []MyRotation{},
	}
	if k.JournalKey != [32]byte{} {
		out.JournalKey = hex.EncodeToString(k.JournalKey[:])
	}
	if k.Shredded {
		return out, nil
	}
	behind, err := h.scan(ctx, 0, maxScan, time.Time{}, func(e gate.Entry, err error) {
		switch {
		case err != nil:
			out.Cut = true
		case slices.Contains(keyOps, e.Op):
			out.Rotations = append(out.Rotations, MyRotation{At: e.Time, Op: e.Op, Seq: e.Seq})
		}
	})
	out.Cut = out.Cut || behind > 0
	slices.Reverse(out.Rotations)
	return out, err
}
