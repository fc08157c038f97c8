package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// measure registers what can be seen of the public log from outside anyway,
// and whether it publishes. How many hidden statements wait is nobody's graph.
func (l *Ledger) measure(registry *prometheus.Registry) {
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("writ_ledger_size", "Published leaves of the public log.", func() float64 { return float64(l.Book.Status().Size) })
	gauge("writ_ledger_batch", "Number of the newest published batch.", func() float64 { return float64(l.Book.Status().Batch) })
	gauge("writ_ledger_batch_age_seconds", "Age of the newest published batch; 0 before the first.", func() float64 {
		at := l.Book.Status().BatchAt
		if at.IsZero() {
			return 0
		}
		return time.Since(at).Seconds()
	})
	gauge("writ_ledger_queued", "Leaves that wait to be published.", func() float64 { return float64(l.Book.Status().Queued) })
	gauge("writ_ledger_waiting", "1 if nothing can be published at the moment.", func() float64 { return truth(l.Book.Status().Waiting != nil) })
	gauge("writ_ledger_stopped", "1 if nothing is published any more until somebody acts.", func() float64 { return truth(l.Book.Status().Sticky != nil) })
	gauge("writ_ledger_cosigned", "Witnesses that cosigned the newest checkpoint.", func() float64 {
		n := 0
		for _, w := range l.Log.Status().Witnesses {
			if w.Err == nil {
				n++
			}
		}
		return float64(n)
	})
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
