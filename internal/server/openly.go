package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"writ/internal/api"
	"writ/internal/console/public"
	"writ/internal/docket"
	"writ/internal/policy"
	"writ/internal/proof"
	"writ/internal/release"
)

// openly is what the server says of itself to anybody ([public.Server]).
type openly struct{ *Server }

// Ledger implements [public.Server].
func (o openly) Ledger() api.Ledger { return o.ledger.Status() }

// Enforced implements [public.Server].
func (o openly) Enforced() proof.Policy { return o.enforced() }

// Custodians implements [public.Server].
func (o openly) Custodians() (policy.Set, bool) { return o.rooms.Gate.Custodians() }

// Operator implements [public.Server].
func (o openly) Operator() public.Operator {
	p := o.cfg.Provider
	return public.Operator{Name: p.Name, Country: p.Country, Contact: p.Contact, Address: p.Address}
}

// Program implements [public.Server].
func (o openly) Program() public.Program {
	p := o.program
	out := public.Program{Version: p.Version, SHA256: p.SHA256, Target: p.Target, Standing: p.standing, Source: p.source != nil, DataMap: p.datamap}
	out.Receipt = p.standing == release.Logged
	if p.folder != nil {
		out.Release, out.Files = &p.folder.Release, p.folder.Present()
	}
	return out
}

// Paper implements [public.Server].
func (o openly) Paper(ctx context.Context, digest [32]byte) (docket.Paper, error) {
	return o.office.docket.Paper(ctx, digest)
}

// readDataMap reads the data-handling map of a release, whose hash was checked when
// the folder was loaded; nil if the folder has none.
func readDataMap(f *release.Folder) ([]byte, error) {
	for _, a := range f.Present() {
		if a.Name != release.DataMapFile {
			continue
		}
		file := filepath.Join(f.Dir, a.Name)
		if err := a.Check(file); err != nil {
			return nil, fmt.Errorf("couldn't take the data-handling map: %w", err)
		}
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return b, err
	}
	return nil, nil
}
