package vault

import (
	"context"
	"time"

	"writ/internal/records"
)

// A Day is what all customers kept at a moment of a day (UTC).
type Day struct {
	Day     time.Time
	Bytes   int64
	Objects int64
}

// maxDays is for how many days that is kept: a year, and the month before it.
const maxDays = 400

type dayRecord struct {
	_       struct{} `cbor:",toarray"`
	Day     int64    // Unix days
	Bytes   int64
	Objects int64
}

// NoteDay writes down what customers keep, once a day. It counts what they have,
// as [Vault.Stored] does, and nothing that lies on the disk beside it.
func (v *Vault) NoteDay(ctx context.Context) error {
	today := v.now().Unix() / (24 * 3600)
	var days []dayRecord
	if _, err := v.readNote(ctx, growthKey(), &days); err != nil {
		return err
	}
	if n := len(days); n > 0 && days[n-1].Day >= today {
		return nil
	}
	u, err := v.Stored(ctx)
	if err != nil {
		return err
	}
	days = append(days, dayRecord{Day: today, Bytes: u.Bytes, Objects: u.Objects})
	var b records.Batch
	b.Put(growthKey(), encode(days[max(0, len(days)-maxDays):]))
	return recordsError(v.records.Apply(ctx, &b))
}

// Growth is what customers kept on past days, the oldest first; days on which no
// server ran are left out.
func (v *Vault) Growth(ctx context.Context) (out []Day, err error) {
	var days []dayRecord
	if _, err := v.readNote(ctx, growthKey(), &days); err != nil {
		return nil, err
	}
	for _, d := range days {
		out = append(out, Day{time.Unix(d.Day*24*3600, 0).UTC(), d.Bytes, d.Objects})
	}
	return out, nil
}
