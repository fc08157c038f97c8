package docket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ"
	"writ/internal/records"
	"writ/internal/report"
)

// importStep is how many historic cases one transaction, and one commitment of
// the ledger, is about.
const importStep = 500

// ImportResult says what came of an import.
type ImportResult struct {
	Historic int // closed cases from before
	Open     int // demands that are now cases
	Known    int // lines that were imported before
}

// Import enters demands from a file of the import format (docs/reports.md):
// closed ones as historic cases, which count in reports and open nothing; open
// ones as cases that begin with their receipt. A file that was cut off may be
// imported again: what is there already is left as it is.
func (d *Docket) Import(ctx context.Context, who Actor, r io.Reader) (out ImportResult, err error) {
	if _, err := who.as(&Case{}, Imported); err != nil {
		d.refused(ctx, &who, "", err)
		return out, err
	}
	var waiting []report.Demand
	flush := func() error {
		n, err := d.importHistoric(ctx, who, waiting)
		out.Historic += n
		out.Known += len(waiting) - n
		waiting = waiting[:0]
		return err
	}
	err = report.ReadImport(r, func(line int, m report.Demand) error {
		if m.Closed != nil {
			if waiting = append(waiting, m); len(waiting) == importStep {
				return flush()
			}
			return nil
		}
		added, err := d.importOpen(ctx, who, m)
		switch {
		case err != nil:
			return fmt.Errorf("line %d: %w", line, err)
		case added:
			out.Open++
		default:
			out.Known++
		}
		return nil
	})
	if errFlush := flush(); err == nil {
		err = errFlush
	}
	return out, err
}

// importID is the case of an imported line, the same each time, so that a
// repeated import finds it; there says that it is there. Forty bits may meet in
// a large history: another line's case is passed by.
func importID(ctx context.Context, r records.Reader, m report.Demand) (id writ.CaseID, there bool, err error) {
	for try := byte(0); ; try++ {
		sum := sha256.Sum256(append([]byte("writ/import/v1\n"+m.Ref), try))
		id = writ.CaseIDFrom(m.Received.Year(), [5]byte(sum[:5]))
		value, err := r.Get(ctx, caseKey(id))
		if errors.Is(err, records.ErrNotFound) {
			return id, false, nil
		}
		if err != nil {
			return id, false, fmt.Errorf("couldn't read the docket: %w", err)
		}
		var s summary
		if err := cbor.Unmarshal(value, &s); err != nil {
			return id, false, fmt.Errorf("%w: a case's summary cannot be read", ErrDamaged)
		}
		if s.Reference == m.Ref {
			return id, true, nil
		}
	}
}

// demandOf is what an import says of a demand.
func demandOf(m report.Demand) Demand {
	d := Demand{
		Reference: m.Ref, Instrument: m.Instrument, Issuer: Issuer{Name: m.Agency.Name, Country: m.Agency.Country, Kind: "other"},
		Channel: Post, Received: m.Received.UTC(), Matter: string(m.Matter), Emergency: m.Emergency, Accounts: m.Specified,
		Classes: []writ.DataClass{}, Identifiers: []string{},
	}
	if m.Asked != "" {
		d.Classes = append(d.Classes, m.Asked)
	}
	return d
}

// importHistoric writes closed cases down, under one commitment.
func (d *Docket) importHistoric(ctx context.Context, who Actor, all []report.Demand) (added int, err error) {
	if len(all) == 0 {
		return 0, nil
	}
	var sums []summary
	err = records.Retry(ctx, d.Records, func(tx records.Tx) error {
		sums, added = sums[:0], 0
		h := sha256.New()
		h.Write([]byte("writ/import/v1"))
		for _, m := range all {
			id, there, err := importID(ctx, tx, m)
			if err != nil {
				return err
			}
			if there {
				continue
			}
			c := &Case{ID: id}
			body := importedCase{Demand: demandOf(m), Historic: historicOf(m)}
			sum, err := d.append(ctx, tx, &who, c, []draft{{kind: Imported, body: body}})
			if err != nil {
				return fmt.Errorf("%s: %w", m.Ref, err)
			}
			h.Write(c.Head[:])
			sums = append(sums, sum)
			added++
		}
		if added == 0 {
			return nil
		}
		digest := h.Sum(nil)
		return d.Book.CommitTx(ctx, tx, "import/"+hex.EncodeToString(digest), KindCase, struct {
			Event  string `json:"event"`
			Cases  int    `json:"cases"`
			Digest []byte `json:"digest"`
		}{"import", added, digest})
	})
	if err != nil {
		return 0, err
	}
	for _, s := range sums {
		d.index.put(s)
	}
	return added, nil
}

func historicOf(m report.Demand) historic {
	c, _ := m.Case()
	return historic{Outcome: string(m.Closed.Outcome), Notice: string(m.Closed.Notice), At: c.Closed.Time(), Affected: m.Closed.Affected}
}

// importOpen makes a case of a demand that is open.
func (d *Docket) importOpen(ctx context.Context, who Actor, m report.Demand) (added bool, err error) {
	demand := demandOf(m)
	if len(demand.Classes) == 0 {
		demand.Classes, demand.Note = []writ.DataClass{writ.ClassSubscriber}, "the import does not say which data are asked for: amend it"
	}
	if demand.Received.After(d.now()) {
		demand.Received = d.now().Truncate(time.Second)
	}
	if err := demand.check(d.now()); err != nil {
		return false, err
	}
	who.Via = "import"
	id, there, err := importID(ctx, d.Records, m)
	if err != nil || there {
		return false, err
	}
	_, err = d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if c.Events > 0 {
			return nil, nil
		}
		added = true
		return []draft{{kind: Received, body: received{Demand: demand, Via: who.Via}}}, nil
	})
	return added, err
}
