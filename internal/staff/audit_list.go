package staff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// AuditFilter chooses entries; what is empty chooses all.
type AuditFilter struct {
	Who     writ.Person
	Act     string
	Object  string
	Outcome Outcome
	From    time.Time // inclusive
	Until   time.Time // exclusive
}

// MaxPage is the most that a list returns at once.
const MaxPage = 1000

// lookAt is how many records one page of a list looks at: a filter that hardly
// anything passes comes back with few or none, and goes on from there.
const lookAt = 10_000

// Audit returns entries, the newest first: at most limit (default 100), of those
// numbered below before (0: from the newest). next is where the following page
// begins, 0 when there is none; a page may be short, or empty, before the last.
func (s *Staff) Audit(ctx context.Context, f AuditFilter, before uint64, limit int) (list []Entry, next uint64, err error) {
	if err := s.settle(ctx); err != nil {
		return nil, 0, err
	}
	limit = pageLimit(limit)
	over, err := s.auditRange(ctx, f, before)
	if err != nil {
		return nil, 0, err
	}
	looked, last := 0, uint64(0)
	err = each(ctx, s.store, over, func(r records.Entry) (bool, error) {
		seq, err := seqIn(r.Key)
		if err != nil {
			return false, err
		}
		e, err := s.entryAt(ctx, r, seq)
		if err != nil {
			return false, err
		}
		if !f.From.IsZero() && e.At.Before(f.From) {
			last = 0
			return false, nil
		}
		if f.passes(e) {
			list = append(list, e)
		}
		looked, last = looked+1, seq
		return len(list) < limit && looked < lookAt, nil
	})
	if err != nil || len(list) < limit && looked < lookAt {
		return list, 0, err
	}
	return list, last, nil
}

func pageLimit(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, MaxPage)
}

// entryAt reads the entry that a record of the chain or of an index stands for.
func (s *Staff) entryAt(ctx context.Context, r records.Entry, seq uint64) (Entry, error) {
	v := r.Value
	if r.Key[1] != tagEntry {
		var err error
		if v, err = s.store.Get(ctx, entryKey(seq)); err != nil {
			return Entry{}, fmt.Errorf("couldn't read entry %d of the audit trail: %w", seq, err)
		}
	}
	var frame auditFrame
	if err := decodeRecord(v, &frame); err != nil {
		return Entry{}, err
	}
	return frame.entry()
}

// auditRange is the shortest range that holds all that a filter passes: an index
// if it names an object, a person or an act.
func (s *Staff) auditRange(ctx context.Context, f AuditFilter, before uint64) (records.Range, error) {
	if before == 0 {
		before = 1 << 63
	}
	if !f.Until.IsZero() {
		end, err := s.seqAt(ctx, f.Until)
		if err != nil {
			return records.Range{}, err
		}
		before = min(before, end)
	}
	over := records.Range{Start: entryKey(0), End: entryKey(before), Reverse: true}
	for _, i := range []struct {
		kind byte
		text string
	}{{indexObject, f.Object}, {indexWho, string(f.Who)}, {indexAct, f.Act}} {
		if i.text != "" {
			text := clip(i.text, maxObject)
			over.Start, over.End = indexKey(i.kind, text, 0), indexKey(i.kind, text, before)
			break
		}
	}
	// Most pages are short; an index costs a read for each hit besides.
	over.Limit = 200
	return over, nil
}

func (f *AuditFilter) passes(e Entry) bool {
	if e.Gone && (f.Who != "" || f.Act != "" || f.Object != "" || f.Outcome != "") {
		return false
	}
	return (f.Who == "" || e.Who == f.Who) && (f.Act == "" || e.Act == f.Act) && (f.Object == "" || e.Object == f.Object) &&
		(f.Outcome == "" || e.Outcome == f.Outcome) && (f.Until.IsZero() || e.At.Before(f.Until))
}

// seqAt returns the number of the first entry at or after a time, or one more than
// the last. Times never go back in the trail.
func (s *Staff) seqAt(ctx context.Context, at time.Time) (uint64, error) {
	head, err := readHead(ctx, s.store)
	if err != nil {
		return 0, err
	}
	low, high := uint64(1), head.Seq+1
	for low < high {
		mid := low + (high-low)/2
		var f auditFrame
		if err := get(ctx, s.store, entryKey(mid), fmt.Sprintf("entry %d of the audit trail", mid), &f); err != nil {
			if errors.Is(err, ErrNotFound) {
				err = fmt.Errorf("%w: entry %d is missing", ErrChain, mid)
			}
			return 0, err
		}
		if f.At < nano(at) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// auditFloor is the shortest time for which entries of a class are kept, whatever
// somebody who has something to hide would like. Erasures are kept for ever.
var auditFloor = map[Class]time.Duration{ClassAct: 365 * 24 * time.Hour, ClassRefusal: 90 * 24 * time.Hour}

// EraseAudit erases the text of all entries of a class from before a time, and
// writes down that it did, first. Their numbers, times, classes and hashes stay,
// so that the trail still verifies. It takes an operator, and returns how many
// entries were erased. An erasure that was interrupted is gone on with by the
// next of its class. Errors: [ErrForm] if the class must be kept longer: acts for
// 365 days, refusals for 90.
func (s *Staff) EraseAudit(ctx context.Context, by Identity, class Class, before time.Time) (int, error) {
	if err := s.Require(ctx, by, "audit.erase", string(class), writ.RoleOperator); err != nil {
		return 0, err
	}
	floor, ok := auditFloor[class]
	if !ok {
		return 0, fmt.Errorf("%w: entries of the class act or refusal can be erased", ErrForm)
	}
	if before.After(s.now().Add(-floor)) {
		return 0, fmt.Errorf("%w: entries of the class %s are kept for at least %d days", ErrForm, class, floor/(24*time.Hour))
	}
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	end, err := s.seqAt(ctx, before)
	if err != nil {
		return 0, err
	}
	doomed, err := s.doomed(ctx, class, end)
	if err != nil || len(doomed) == 0 {
		return 0, err
	}
	if err := s.Append(ctx, Entry{
		Who: by.Person, By: by.By(), Act: "audit.erase", Object: string(class), Addr: by.Addr,
		Why:         fmt.Sprintf("%d entries from before %s", len(doomed), before.UTC().Format(time.RFC3339)),
		ErasedClass: class, ErasedThrough: end - 1, ErasedCount: len(doomed),
	}); err != nil {
		return 0, err
	}
	for part := range slices.Chunk(doomed, chainAtOnce) {
		if err := records.Retry(ctx, s.store, func(tx records.Tx) error { return strip(ctx, tx, part) }); err != nil {
			return 0, fmt.Errorf("couldn't erase what the audit trail says is erased (try again): %w", err)
		}
	}
	return len(doomed), nil
}

// doomed lists the entries of a class below a number that have a text.
func (s *Staff) doomed(ctx context.Context, class Class, end uint64) (list []uint64, err error) {
	err = each(ctx, s.store, records.Range{Start: entryKey(0), End: entryKey(end)}, func(r records.Entry) (bool, error) {
		var f auditFrame
		if err := decodeRecord(r.Value, &f); err != nil {
			return false, err
		}
		if f.Class == class && len(f.Body) > 0 {
			list = append(list, f.Seq)
		}
		return true, nil
	})
	return list, err
}

// strip takes the text out of entries.
func strip(ctx context.Context, tx records.Tx, seqs []uint64) error {
	for _, seq := range seqs {
		var f auditFrame
		if err := get(ctx, tx, entryKey(seq), fmt.Sprintf("entry %d of the audit trail", seq), &f); err != nil {
			return err
		}
		if len(f.Body) == 0 {
			continue
		}
		var b auditBody
		if err := decodeRecord(f.Body, &b); err != nil {
			return err
		}
		for _, k := range b.indexes(seq) {
			tx.Delete(k)
		}
		f.Salt, f.Body = nil, nil
		tx.Put(entryKey(seq), encodeRecord(f))
	}
	return nil
}
