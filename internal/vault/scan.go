package vault

import (
	"context"
	"slices"

	"writ/internal/records"
)

// eachPage calls fn with the entries of a range, a page at a time: at most
// r.Limit of them. Without a snapshot beneath, each page is of its own moment.
func eachPage(ctx context.Context, from records.Reader, r records.Range, fn func([]records.Entry) error) error {
	for {
		page, more, err := from.Scan(ctx, r)
		if err != nil {
			return recordsError(err)
		}
		if len(page) > 0 {
			if err := fn(page); err != nil {
				return err
			}
		}
		if !more || len(page) == 0 {
			return nil
		}
		r.Start = after(page[len(page)-1].Key)
	}
}

// eachRecord calls fn with every entry of a range.
func eachRecord(ctx context.Context, from records.Reader, r records.Range, fn func(records.Entry) error) error {
	return eachPage(ctx, from, r, func(page []records.Entry) error {
		for _, e := range page {
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// after returns the first key behind key.
func after(key []byte) []byte { return append(slices.Clip(key), 0) }
