package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// serve serves /healthz and /metrics until the function that it returns is called.
func serve(ctx context.Context, addr string, healthy func(context.Context) error, metrics http.Handler) (stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("-listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := healthy(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", metrics)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// telemetry is what a process measures: what the clients of the API do, and the jobs.
type telemetry struct {
	provider metric.MeterProvider
	handler  http.Handler              // serves it to Prometheus
	jobs     metric.Int64Counter       // attempts that have ended, by kind and result
	running  metric.Int64UpDownCounter // jobs that run, by kind
}

// newTelemetry makes the instruments. left returns how many jobs have not ended yet.
func newTelemetry(left func(context.Context) (int, error)) (*telemetry, error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	meter := provider.Meter("fleet")
	jobs, err1 := meter.Int64Counter("fleet.jobs", metric.WithDescription("Attempts at jobs: done, snoozed, retried or given_up."))
	running, err2 := meter.Int64UpDownCounter("fleet.jobs.running", metric.WithDescription("Jobs that this process runs."))
	_, err3 := meter.Int64ObservableGauge("fleet.jobs.left", metric.WithDescription("Jobs of all processes that have not ended yet."),
		metric.WithInt64Callback(func(ctx context.Context, to metric.Int64Observer) error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			if open, err := left(ctx); err == nil { // otherwise the database is away, and the metric is missing
				to.Observe(int64(open))
			}
			return nil
		}))
	return &telemetry{provider, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), jobs, running}, errors.Join(err1, err2, err3)
}
