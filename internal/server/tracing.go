package server

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"writ/internal/config"
)

// tracing sends spans to an OpenTelemetry receiver, if one is configured. A
// span has the operation, the status and the time; no name of a customer,
// bucket or object.
type tracing struct {
	provider *sdktrace.TracerProvider // nil when nothing is sent
	tracer   trace.Tracer
}

func openTracing(cfg config.Trace, version string) (*tracing, error) {
	if cfg.Endpoint == "" {
		return &tracing{tracer: noop.NewTracerProvider().Tracer("writ")}, nil
	}
	at, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the address of the receiver of traces: %w", err)
	}
	if at.Path == "" || at.Path == "/" {
		at.Path = "/v1/traces" // OTLP/HTTP's own
	}
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(at.String()))
	if err != nil {
		return nil, fmt.Errorf("couldn't open the receiver of traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Ratio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "writ"), attribute.String("service.version", version))),
	)
	return &tracing{provider, provider.Tracer("writ")}, nil
}

// span records one answered request.
func (t *tracing) span(name string, status int, took time.Duration) {
	if t.provider == nil {
		return
	}
	end := time.Now()
	_, span := t.tracer.Start(context.Background(), name, trace.WithTimestamp(end.Add(-took)),
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.Int("http.response.status_code", status)))
	if status >= 500 {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(end))
}

// close sends what is left, for a few seconds at most.
func (t *tracing) close() error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("couldn't send the last traces: %w", err)
	}
	return nil
}
