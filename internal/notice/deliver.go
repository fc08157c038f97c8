package notice

import (
	"context"
	"errors"
	"slices"
	"time"

	"writ/internal/records"
)

// job is one delivery on its way: what it was when its turn came.
type job struct {
	ref
	message messageRecord
	contact Contact
	name    string
	repeat  bool // it isn't known whether it was accepted before
}

// errStopped: a message was cancelled, held or moved between its turn and the
// first byte.
var errStopped = errors.New("the message was stopped")

// deliver makes one attempt and writes down how it ended.
func (q *Queue) deliver(ctx context.Context, r ref) {
	j, err := q.begin(ctx, r)
	if errors.Is(err, errStopped) {
		return
	}
	if err == nil && j.contact.Kind == ByInbox {
		err = q.toInbox(ctx, j)
		if err == nil {
			poke(q.wakes[lanes])
		}
	}
	if err != nil {
		if !errors.Is(err, errStopped) {
			q.trouble(ctx, "a notice couldn't be delivered", err)
			q.cool(r)
		}
		return
	}
	if j.contact.Kind == ByInbox {
		return
	}
	out := q.send(ctx, j)
	if ctx.Err() != nil && !out.accepted && !out.doubtful {
		out = outcome{stopped: true} // our end, not the receiver's
	}
	q.settle(ctx, j, out)
}

// begin reads a delivery whose turn has come. One that is "sending" was in the
// hands of a process that ended before it knew.
func (q *Queue) begin(ctx context.Context, r ref) (j job, err error) {
	interrupted := false
	err = q.one(ctx, r, func(m *messageRecord, p *progressRecord, d *deliveryRecord) error {
		interrupted = false
		if now := q.clock.Now().UnixMilli(); !d.open() || p.Held || now < max(d.Due, m.NotBefore) {
			return errStopped
		}
		if d.Step == stepSending {
			interrupted = true
			d.Step, d.Class, d.Code, d.Detail = stepWaiting, Restarted, 0, "the process ended while the message was being sent"
			d.Doubts++
		}
		j = job{ref: r, message: *m, contact: m.Contacts[r.n], name: q.nameOf(r.id, m.Contacts[r.n]), repeat: d.Doubts > 0}
		return nil
	})
	if err == nil && interrupted {
		q.counts.of(j.contact.Kind).doubtful.Add(1)
		q.log.Warn("the process ended while a notice was being sent; it is sent again under the same name", "by", string(j.contact.Kind), "name", j.name)
	}
	return j, err
}

// one changes one delivery in a transaction of its own.
func (q *Queue) one(ctx context.Context, r ref, fn func(*messageRecord, *progressRecord, *deliveryRecord) error) error {
	return records.Retry(ctx, q.store, func(tx records.Tx) error { return q.oneTx(ctx, tx, r, fn) })
}

func (q *Queue) oneTx(ctx context.Context, tx records.Tx, r ref, fn func(*messageRecord, *progressRecord, *deliveryRecord) error) error {
	return q.change(ctx, tx, r.id, func(m *messageRecord, p *progressRecord) error {
		if r.n >= len(p.Deliveries) || r.n >= len(m.Contacts) { // erased since
			return errStopped
		}
		return fn(m, p, &p.Deliveries[r.n])
	})
}

// toInbox delivers into the inbox: in one transaction, and so exactly once.
func (q *Queue) toInbox(ctx context.Context, j job) error {
	err := records.Retry(ctx, q.store, func(tx records.Tx) error {
		return q.oneTx(ctx, tx, j.ref, func(m *messageRecord, p *progressRecord, d *deliveryRecord) error {
			if d.Step != stepWaiting || p.Held || m.Contacts[j.n] != j.contact {
				return errStopped
			}
			now := q.clock.Now().UnixMilli()
			d.begun(now)
			q.accept(d, now)
			tx.Put(inboxKey(m.Customer, now, j.id), encodeRecord(inboxRecord{}))
			return nil
		})
	})
	if err == nil {
		q.counts.of(ByInbox).accepted.Add(1)
	}
	return err
}

// mark writes down that the first byte of a delivery's content is about to
// leave. It is durable when mark returns; on an error nothing may leave.
func (q *Queue) mark(ctx context.Context, j job) error {
	return q.one(ctx, j.ref, func(m *messageRecord, p *progressRecord, d *deliveryRecord) error {
		now := q.clock.Now().UnixMilli()
		if d.Step != stepWaiting || p.Held || m.Contacts[j.n] != j.contact || now < m.NotBefore {
			return errStopped
		}
		d.begun(now)
		d.Step = stepSending
		return nil
	})
}

func (d *deliveryRecord) begun(now int64) {
	d.Attempts++
	if d.First == 0 {
		d.First = now
	}
}

func (q *Queue) accept(d *deliveryRecord, now int64) {
	d.Step, d.Stuck, d.Settled, d.Last = stepAccepted, false, now, now
	d.Class, d.Code, d.Detail = "", 0, ""
	if q.config.Accepted != nil {
		d.Owed = append(d.Owed, owedAccepted)
	}
}

// settle writes down how an attempt ended. It doesn't give up while the process
// lives: what was accepted and isn't written down would be sent again.
func (q *Queue) settle(ctx context.Context, j job, out outcome) {
	q.counts.count(j.contact.Kind, out)
	q.tell(j, out)
	if out.broken != nil {
		q.trouble(ctx, "a notice couldn't be sent", out.broken)
		q.cool(j.ref)
	}
	for {
		err := q.one(context.WithoutCancel(ctx), j.ref, func(m *messageRecord, _ *progressRecord, d *deliveryRecord) error {
			if !d.open() || m.Contacts[j.n] != j.contact {
				return errStopped
			}
			q.conclude(d, m.Priority.lane(), out)
			return nil
		})
		if err == nil {
			poke(q.wakes[lanes])
			return
		}
		if errors.Is(err, errStopped) || errors.Is(err, ErrUnknown) || errors.Is(err, records.ErrClosed) {
			return
		}
		q.trouble(ctx, "how the sending of a notice ended couldn't be written down; it is tried again", err)
		select {
		case <-ctx.Done():
			return
		case <-q.clock.After(time.Second):
		}
	}
}

// conclude changes a delivery by how an attempt ended.
func (q *Queue) conclude(d *deliveryRecord, lane int, out outcome) {
	now := q.clock.Now().UnixMilli()
	marked := d.Step == stepSending
	d.Step = stepWaiting
	if out.stopped || out.broken != nil {
		return
	}
	if !marked {
		d.begun(now)
	}
	if out.accepted {
		q.accept(d, now)
		return
	}
	// The clock may have jumped: no step counts for more than two paces.
	if d.Last != 0 {
		d.Waited += min(max(now-d.Last, 0), 2*longestPace(lane).Milliseconds())
	}
	d.Last = now
	d.Failures++
	if out.doubtful {
		d.Doubts++
	}
	d.Class, d.Code, d.Detail = out.class, out.code, out.detail
	if out.permanent || d.Waited >= q.patience(lane).Milliseconds() {
		d.Stuck = true
	}
	if d.Stuck && !d.Alarmed {
		d.Alarmed = true
		d.Owed = append(d.Owed, owedAlarm)
	}
	wait := pace(lane, d.Failures, d.Stuck)
	if out.after > 0 {
		wait = min(max(out.after, firstPace), longestPace(lane))
	}
	d.Due = now + wait.Milliseconds()
}

func (q *Queue) patience(lane int) time.Duration {
	if lane == Urgent.lane() {
		return q.config.UrgentPatience
	}
	return q.config.Patience
}

// tell logs an attempt. The name says nothing of whom it is for, and is what
// the operator finds in the log of its mail server.
func (q *Queue) tell(j job, out outcome) {
	log := q.log.With("by", string(j.contact.Kind), "name", j.name)
	switch {
	case out.stopped || out.broken != nil:
	case out.accepted && j.repeat:
		log.Warn("a notice was accepted that may have been accepted before under the same name")
	case out.accepted:
		log.Info("a notice was accepted")
	case out.doubtful:
		log.Warn("a notice may have been accepted, and is sent again under the same name", "why", string(out.class))
	default:
		log.Warn("a notice was not accepted", "why", string(out.class), "code", out.code)
	}
}

// runReports tells the hooks what is owed to them, until ctx ends.
func (q *Queue) runReports(ctx context.Context) {
	rest := map[string]time.Time{} // failed: not before then
	for {
		if err := q.report(ctx, rest); err != nil {
			q.trouble(ctx, "the reports that notices owe couldn't be read", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-q.wakes[lanes]:
		case <-q.clock.After(lookEvery):
		}
	}
}

// report tries all reports that are owed and don't rest.
func (q *Queue) report(ctx context.Context, rest map[string]time.Time) error {
	page := records.Prefix(key(tagOwed, ""))
	page.KeysOnly = true
	for {
		entries, more, err := q.store.Scan(ctx, page)
		if err != nil {
			return err
		}
		for _, e := range entries {
			now := q.clock.Now()
			if wait := rest[string(e.Key)].Sub(now); wait > 0 && wait <= coolDown {
				continue
			}
			delete(rest, string(e.Key))
			r, what, err := owedIn(e.Key)
			if err != nil {
				return err
			}
			if err := q.reportOne(ctx, r, what); err != nil && ctx.Err() == nil {
				q.trouble(ctx, "a report of a notice failed and is repeated", err)
				rest[string(e.Key)] = now.Add(coolDown)
			}
		}
		if !more || ctx.Err() != nil {
			return nil
		}
		page.Start = append(entries[len(entries)-1].Key, 0)
	}
}

// reportOne tells a hook, in the transaction that ticks it off.
func (q *Queue) reportOne(ctx context.Context, r ref, what byte) error {
	told := false
	err := records.Retry(ctx, q.store, func(tx records.Tx) error {
		told = false
		return q.change(ctx, tx, r.id, func(m *messageRecord, p *progressRecord) error {
			if r.n >= len(p.Deliveries) || !slices.Contains(p.Deliveries[r.n].Owed, what) {
				return nil
			}
			hook := q.config.Alarm
			if what == owedAccepted {
				hook = q.config.Accepted
			}
			d := q.delivery(r.id, *m, *p, r.n)
			owed := &p.Deliveries[r.n].Owed
			*owed = slices.DeleteFunc(slices.Clone(*owed), func(b byte) bool { return b == what })
			if hook == nil { // it was set when the delivery was accepted, and is no more
				return nil
			}
			told = true
			return hook(ctx, tx, m.head(r.id), d)
		})
	})
	if err == nil && told && what == owedAlarm {
		q.counts.alarms.Add(1)
	}
	return err
}
