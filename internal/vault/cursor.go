package vault

import (
	"bytes"
	"context"
	"fmt"

	"writ/internal/records"
)

// pageSize is how many entries a page gets of which max were asked.
func pageSize(max int) int {
	if max < 1 || max > MaxList {
		return MaxList
	}
	return max
}

// Pages of a cursor, in records.
const (
	firstPage = 32
	leastPage = 4
)

// A cursor goes through a range of records in order, forward only. It reads
// them in pages that grow as long as they are used up, and shrink when most
// of a page is jumped over: so that a listing that skips from one common
// prefix to the next reads little more than what it shows.
type cursor struct {
	ctx  context.Context
	from records.Reader
	next []byte // where the page after this one begins
	end  []byte
	page []records.Entry
	size int // of the next page
	done bool
}

// newCursor starts at the front of a range. want is how many entries will do,
// if none is jumped over.
func newCursor(ctx context.Context, from records.Reader, r records.Range, want int) *cursor {
	return &cursor{ctx: ctx, from: from, next: r.Start, end: r.End, size: want}
}

// peek returns the entry that the cursor is at, nil behind the last one.
func (c *cursor) peek() (*records.Entry, error) {
	for len(c.page) == 0 {
		if c.done || c.end != nil && bytes.Compare(c.next, c.end) >= 0 {
			return nil, nil
		}
		page, more, err := c.from.Scan(c.ctx, records.Range{Start: c.next, End: c.end, Limit: c.size})
		if err != nil {
			return nil, fmt.Errorf("couldn't list: %w", recordsError(err))
		}
		c.page, c.done = page, !more
		if len(page) > 0 {
			c.next = after(page[len(page)-1].Key)
		}
		c.size = min(2*c.size, MaxList)
	}
	return &c.page[0], nil
}

// skip goes to the next entry.
func (c *cursor) skip() { c.page = c.page[1:] }

// seek goes to the first entry at to or behind it.
func (c *cursor) seek(to []byte) {
	for i := range c.page {
		if bytes.Compare(c.page[i].Key, to) >= 0 {
			c.page = c.page[i:]
			return
		}
	}
	c.page = nil
	c.size = max(leastPage, c.size/4)
	if bytes.Compare(to, c.next) > 0 {
		c.next = to
	}
}
