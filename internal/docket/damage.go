package docket

import (
	"context"
	"slices"
	"strings"
	"time"

	"writ"
)

// Damage is what the store's last check found of preserved data. The check says
// nothing of it to whoever runs the store: only counsel learns that something is
// preserved at all.
type Damage struct {
	Checked  time.Time // when the check ended; zero if none ever did
	Versions int64     // preserved versions that were looked at: those gone for their owner
	Damaged  int64     // things that are not as they should be
	Cases    []DamagedCase
	Unknown  int64 // of those damaged, in preservations of no case that is here
}

// DamagedCase is a case some of whose preserved data are not whole.
type DamagedCase struct {
	Case  writ.CaseID
	Count int64
}

// Damage tells counsel what the last check found of preserved data, the cases
// with most damage first. One thing may be preserved in several cases.
func (d *Docket) Damage(ctx context.Context, who Actor) (out Damage, err error) {
	if !has(who.Roles, writ.RoleCounsel) {
		err := refuse(ErrRole, "this takes the role counsel")
		d.audit(ctx, who, "view-damage", "", err)
		return out, err
	}
	if err := d.audit(ctx, who, "view-damage", "", nil); err != nil {
		return out, err
	}
	check, ok, err := d.Vault.LastKeptCheck(ctx)
	if !ok || err != nil {
		return out, err
	}
	out = Damage{Checked: check.Ended, Versions: check.Versions, Damaged: check.Damaged}
	counts := map[writ.CaseID]int64{}
	for pin, n := range check.Pins {
		if id, ok := caseOf(pin); ok && d.index.has(id) {
			counts[id] += n
		} else {
			out.Unknown += n
		}
	}
	for id, n := range counts {
		out.Cases = append(out.Cases, DamagedCase{id, n})
	}
	slices.SortFunc(out.Cases, func(a, b DamagedCase) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return strings.Compare(string(a.Case), string(b.Case))
	})
	return out, nil
}
