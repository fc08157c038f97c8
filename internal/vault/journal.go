package vault

import (
	"context"
	"iter"

	"writ/internal/gate"
)

// Journal gives the entries of the session's own journal that q chooses, as
// [gate.Gate.Journal] does. The reading is an entry of it.
func (v *Vault) Journal(ctx context.Context, s Session, q gate.JournalQuery) iter.Seq2[gate.Entry, error] {
	right := v.right(s, Bucket{Owner: s.Customer}) // a presigned one is a grant, which the gate denies
	return v.gate.Journal(ctx, right, gate.Use{Customer: s.Customer, Addr: s.Addr, Request: s.Request}, q)
}
