package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/danielgtaylor/huma/v2"

	"writ/internal/gate"
	"writ/internal/vault"
)

func (h handlers) upkeep(a huma.API) {
	streamed(a, huma.Operation{OperationID: "reclaim", Method: http.MethodPost, Path: "/v1/reclaim", Summary: "Bring back the space of what was deleted, while traffic goes on"},
		func(ctx context.Context, _ *none, e *events) (Reclaimed, error) {
			_, err := h.Vault.Reclaim(ctx, e.progress)
			return Reclaimed{Done: err == nil}, err
		})
	streamed(a, huma.Operation{OperationID: "backup", Method: http.MethodPost, Path: "/v1/backup", Summary: "Copy everything, sealed as it lies, while traffic goes on"},
		func(ctx context.Context, in *struct{ Body BackupInput }, e *events) (BackedUp, error) {
			return h.backup(ctx, in.Body, e)
		})
	huma.Register(a, huma.Operation{OperationID: "passphrase", Method: http.MethodPut, Path: "/v1/passphrase", Summary: "Seal the root key anew", DefaultStatus: http.StatusNoContent},
		func(_ context.Context, in *struct{ Body RootSecret }) (*none, error) {
			if err := h.reseal(in.Body); err != nil {
				return nil, problem(err)
			}
			return nil, nil
		})
}

// RootSecret is what the root key is to be sealed by: one of the two.
type RootSecret struct {
	Passphrase string `json:"passphrase,omitempty"`
	KeyFile    string `json:"key_file,omitempty" doc:"absolute path; made if it is missing"`
}

func (h handlers) reseal(s RootSecret) error {
	switch {
	case (s.Passphrase == "") == (s.KeyFile == ""):
		return &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Detail: "neither or both of passphrase and key file are given"}
	case s.KeyFile == "":
		return h.Gate.ChangePassphrase(gate.Passphrase(s.Passphrase))
	case !filepath.IsAbs(s.KeyFile):
		return fmt.Errorf("key file %s: %w", s.KeyFile, errRelative)
	default:
		return h.Gate.ChangePassphrase(gate.KeyFile(s.KeyFile))
	}
}

func (h handlers) backup(ctx context.Context, in BackupInput, e *events) (BackedUp, error) {
	for _, path := range []string{in.Dir, in.Keys} {
		if path != "" && !filepath.IsAbs(path) {
			return BackedUp{}, fmt.Errorf("%s: %w", path, errRelative)
		}
	}
	done, err := h.Vault.Backup(ctx, vault.BackupOptions{
		Dir: in.Dir, Keys: in.Keys, KeysExpire: in.KeysExpire, Files: h.Folder.Extras(), Progress: e.progress,
		Around: func(copyRecords func() error) error { return h.withLedger(ctx, in.Dir, copyRecords) },
	})
	if err != nil {
		return BackedUp{}, err
	}
	out := BackedUp{Made: done.Made, Dir: in.Dir, Files: done.Files, Bytes: done.Bytes}
	if done.Keys {
		out.Keys, out.KeysExpire = in.Keys, &in.KeysExpire
	}
	return out, nil
}

// withLedger copies the public log into a backup, as of the moment of its
// records.
func (h handlers) withLedger(ctx context.Context, dir string, copyRecords func() error) error {
	both := func() error {
		if err := copyRecords(); err != nil {
			return err
		}
		from := h.Folder.Ledger()
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := os.CopyFS(filepath.Join(dir, filepath.Base(from)), os.DirFS(from)); err != nil {
			return fmt.Errorf("couldn't copy the public log: %w", err)
		}
		return nil
	}
	if h.Ledger == nil {
		return both()
	}
	return h.Ledger.Still(ctx, both)
}

// Reclaim brings back the space of what was deleted.
func (c *Client) Reclaim(ctx context.Context, progress func(Progress)) (out Reclaimed, err error) {
	err = c.stream(ctx, http.MethodPost, "/v1/reclaim", nil, &out, progress, nil)
	return out, err
}

// Backup copies everything.
func (c *Client) Backup(ctx context.Context, in BackupInput, progress func(Progress)) (out BackedUp, err error) {
	err = c.stream(ctx, http.MethodPost, "/v1/backup", in, &out, progress, nil)
	return out, err
}

// Reseal seals the root key anew.
func (c *Client) Reseal(ctx context.Context, s RootSecret) error {
	return c.do(ctx, http.MethodPut, "/v1/passphrase", s, nil)
}
