package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"writ/internal/ledger"
	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/source"
)

// program is what runs, and what the public log says of it.
type program struct {
	release.Running
	standing release.Standing
	folder   *release.Folder // nil if the settings name none, or it is of another program
	source   *source.Site    // of that folder; nil without one
	datamap  []byte          // of that folder; nil without one
	book     *ledger.Book
}

// releaseID names the statement of a release.
func releaseID(version string) string { return "release/" + version }

// openProgram finds out what runs. A release build that is in no release of the
// log is refused ([release.ErrUnlogged]), unless it is told to run all the same.
func (s *Server) openProgram(ctx context.Context) (err error) {
	p := &program{book: s.ledger.Book}
	if p.Running, err = release.Self(s.version); err != nil {
		return err
	}
	known, err := p.logged(ctx)
	if err != nil {
		return err
	}
	if s.cfg.Release.Dir != "" {
		if p.folder, err = release.Load(s.cfg.Release.Dir); err != nil {
			return fmt.Errorf("couldn't read the release: %w", err)
		}
		known = append(known, p.folder.Release)
	}
	var named *proof.Release
	if p.standing, named, err = release.Decide(p.Running, known, s.cfg.Release.Unlogged); err != nil {
		return err
	}
	if p.folder != nil && (named == nil || named.Version != p.folder.Release.Version) {
		s.log.Warn("the release in release.dir is not this program's; it is not published", "release", p.folder.Release.Version, "sha256", p.SHA256)
		p.folder = nil
	}
	if p.folder != nil {
		if p.source, err = source.Open(p.folder.SourceFile(), p.folder.Release.Source); err != nil {
			return fmt.Errorf("couldn't read the release's source: %w", err)
		}
		if p.datamap, err = readDataMap(p.folder); err != nil {
			return err
		}
	}
	s.program = p
	return nil
}

// logged is the release of the program's version that the log has, if any.
func (p *program) logged(ctx context.Context) ([]proof.Release, error) {
	receipt, err := p.book.Receipt(ctx, releaseID(p.Version))
	if notYet(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't look for the program's release: %w", err)
	}
	statement, err := proof.Decode(receipt.Statement)
	if err != nil {
		return nil, err
	}
	r, err := release.Parse(statement.Body)
	if err != nil {
		return nil, err
	}
	return []proof.Release{r}, nil
}

// publish puts the release into the log, once.
func (p *program) publish(ctx context.Context) error {
	if p.folder == nil {
		return nil
	}
	_, err := p.book.Publish(ctx, releaseID(p.Version), proof.KindRelease, p.folder.Body())
	if err != nil && !errors.Is(err, ledger.ErrPending) {
		return fmt.Errorf("couldn't publish the release: %w", err)
	}
	return nil
}

// receipt is that of the program's release, nil as long as there is none.
func (p *program) receipt() []byte {
	r, err := p.book.Receipt(context.Background(), releaseID(p.Version))
	if err != nil {
		return nil
	}
	b, err := r.Marshal()
	if err != nil {
		return nil
	}
	return b
}

const (
	receiptPath = release.ServePrefix + release.ReceiptFile
	unlogged    = "unlogged"
)

// says is what the server tells of its release, in its own file.
func (p *program) says() string {
	if p.standing == release.Logged {
		return receiptPath
	}
	return unlogged
}

// pages serve the release and its source.
func (p *program) pages(mux *http.ServeMux) {
	switch {
	case p.folder != nil:
		mux.Handle(release.ServePrefix, p.folder.Handler(p.receipt))
		mux.Handle(source.Prefix, p.source)
	case p.standing == release.Logged: // what it was published from is elsewhere
		mux.Handle(receiptPath, new(release.Folder).Handler(p.receipt))
	}
}
