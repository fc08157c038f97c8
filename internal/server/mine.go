package server

import (
	"context"
	"errors"
	"io"
	"net/http"

	"writ/internal/api"
	"writ/internal/s3"
	"writ/internal/vault"
)

// mineHandler serves customers, by whatever way they come in.
func (s *Server) mineHandler() http.Handler {
	return api.MineHandler(api.Mine{
		Vault: s.rooms.Vault, Gate: s.rooms.Gate, Docket: s.office.docket, Notices: s.office.notices, Server: s.Status,
		Bundle: func(ctx context.Context, session vault.Session, after, fromBatch uint64) (func(io.Writer) error, error) {
			write, err := s.ownJournal(ctx, session, s3.JournalAsk{After: after, FromBatch: fromBatch})
			if errors.Is(err, s3.ErrNotKept) {
				err = api.ErrNotKept
			}
			return write, err
		},
		Version: s.version, Now: s.rooms.now, Log: s.log,
	})
}

// signedMine answers what a customer asks on the S3 port, where its signature was
// checked.
func (s *Server) signedMine(h http.Handler) s3.My {
	direct := api.Direct{Handler: h}
	return func(ctx context.Context, session vault.Session, r *http.Request) (*http.Response, error) {
		o := api.Owner{Customer: session.Customer, By: "credential " + string(session.Credential), Addr: session.Addr, Request: session.Request}
		return direct.RoundTrip(r.WithContext(api.AsOwner(ctx, o)))
	}
}
