package notice

import "sync/atomic"

// Stats counts what was tried since the start, for metrics. It says nothing of
// what waits: that would tell that there is something not to be told.
type Stats struct {
	Mail, Webhook, Inbox ChannelStats
	Alarms               uint64 // that were raised
}

// ChannelStats counts the attempts of one way.
type ChannelStats struct {
	Accepted uint64
	Failed   uint64 // for now
	Refused  uint64 // for good
	Doubtful uint64 // ended in the dark; sent again under the same name
}

type channelCounters struct{ accepted, failed, refused, doubtful atomic.Uint64 }

type counters struct {
	mail, webhook, inbox channelCounters
	alarms               atomic.Uint64
}

func (c *counters) of(kind ContactKind) *channelCounters {
	switch kind {
	case ByMail:
		return &c.mail
	case ByWebhook:
		return &c.webhook
	}
	return &c.inbox
}

func (c *counters) count(kind ContactKind, out outcome) {
	of := c.of(kind)
	switch {
	case out.stopped || out.broken != nil:
	case out.accepted:
		of.accepted.Add(1)
	case out.doubtful:
		of.doubtful.Add(1)
	case out.permanent:
		of.refused.Add(1)
	default:
		of.failed.Add(1)
	}
}

func (c *channelCounters) read() ChannelStats {
	return ChannelStats{Accepted: c.accepted.Load(), Failed: c.failed.Load(), Refused: c.refused.Load(), Doubtful: c.doubtful.Load()}
}

// Stats returns the counts.
func (q *Queue) Stats() Stats {
	return Stats{Mail: q.counts.mail.read(), Webhook: q.counts.webhook.read(), Inbox: q.counts.inbox.read(), Alarms: q.counts.alarms.Load()}
}
