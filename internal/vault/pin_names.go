package vault

import (
	"context"

	"writ/internal/records"
)

// Preservations lists the names of all preservations, those that are being
// ended too, in order: for the docket, which holds its cases against them at a
// start.
func (v *Vault) Preservations(ctx context.Context) (ids []string, err error) {
	err = eachRecord(ctx, v.records, records.Prefix([]byte{tagPinName}), func(e records.Entry) error {
		ids = append(ids, string(e.Key[1:]))
		return nil
	})
	return ids, err
}
