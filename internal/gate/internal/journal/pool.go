package journal

import (
	"container/list"

	"writ"
)

// take returns the customer's chain, which is neither dropped nor its file
// closed until [Journal.give].
func (j *Journal) take(customer writ.CustomerID) (*chain, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	c := j.chains[customer]
	if c == nil {
		c = &chain{j: j, customer: customer, label: j.keys.Label(customer)}
		c.place = j.recent.PushFront(c)
		j.chains[customer] = c
	} else {
		j.recent.MoveToFront(c.place)
	}
	c.users++
	return c, nil
}

// give ends what take began; appended says that there is something to sync.
func (j *Journal) give(c *chain, appended bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c.users--
	if appended {
		j.dirty[c] = struct{}{}
	}
	if j.files > j.opts.MaxFiles || len(j.chains) > j.opts.MaxStates {
		j.shrink()
	}
}

// shrink closes the files of the chains not used for longest, and drops
// chains when too many are remembered. It skips those in use, and drops none
// that are still to be synced: there are at most as many of those as are
// appended to within a second. The caller holds mu.
func (j *Journal) shrink() {
	var before *list.Element
	tries := 64 // give calls again soon
	for at := j.recent.Back(); at != nil && tries > 0; at = before {
		before = at.Prev()
		tries--
		if j.files <= j.opts.MaxFiles && len(j.chains) <= j.opts.MaxStates {
			return
		}
		c := at.Value.(*chain)
		if c.users > 0 || !c.mu.TryLock() {
			continue
		}
		if len(j.chains) > j.opts.MaxStates && !j.isDirty(c) {
			c.forgetLocked()
			j.recent.Remove(at)
			delete(j.chains, c.customer)
		} else {
			c.closeLocked()
		}
		c.mu.Unlock()
	}
}

func (j *Journal) isDirty(c *chain) bool {
	_, dirty := j.dirty[c]
	return dirty
}
