package server

import (
	"context"
	"math"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// measures are the server's metrics. None has a customer, bucket or object in
// a label: what is kept of whom is nobody's graph. None counts bytes on the
// disk either, among which are those that are preserved: what customers have
// is counted, and the disk is for the machine's own monitoring.
type measures struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMeasures(rooms *Rooms, l *Ledger, p *program) *measures {
	m := &measures{registry: prometheus.NewRegistry(), requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "writ_s3_request_seconds", Help: "Time from an S3 request's head to its answer.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9), // 0.5 ms to 33 s
	}, []string{"method", "status"})}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.registry.MustRegister(
		m.requests,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "writ_build_info", Help: "The program, and what the public log says of it.",
			ConstLabels: prometheus.Labels{"version": p.Version, "sha256": p.SHA256, "standing": string(p.standing)},
		}, func() float64 { return 1 }),
		gauge("writ_stored_bytes", "Bytes of plaintext that customers keep, over all versions and parts of uploads.", func() float64 { return stored(rooms).bytes }),
		gauge("writ_stored_objects", "Versions and delete markers that customers keep.", func() float64 { return stored(rooms).objects }),
		gauge("writ_records_log_bytes", "Bytes that a start would replay.", func() float64 { return float64(rooms.Records.Stats().LogBytes) }),
		gauge("writ_records_memory_bytes", "Bytes of memory that the records use.", func() float64 { return float64(rooms.Records.Stats().MemoryUsed) }),
	)
	l.measure(m.registry)
	return m
}

// sums are what customers keep; NaN if that cannot be read.
type sums struct{ bytes, objects float64 }

func stored(rooms *Rooms) sums {
	u, err := rooms.Vault.Stored(context.Background())
	if err != nil {
		return sums{math.NaN(), math.NaN()}
	}
	return sums{float64(u.Bytes), float64(u.Objects)}
}

// answered is told of every S3 answer, for metrics and traces.
func (s *Server) answered(method string, status int, took time.Duration) {
	s.measure.requests.WithLabelValues(known(method), strconv.Itoa(status)).Observe(took.Seconds())
	s.tracing.span("S3 "+known(method), status, took)
}

// known keeps what a stranger sends as a method from becoming a label.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// metricsPages is what the loopback listener serves.
func (s *Server) metricsPages() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.measure.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", healthy)
	mux.Handle("GET /readyz", &s.ready)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
