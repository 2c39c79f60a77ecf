package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"
)

// serve serves /healthz and /metrics until the function that it returns is called.
func serve(ctx context.Context, addr string, healthy func(context.Context) error, metrics func(context.Context) string) (stop func(), err error) {
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
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, metrics(r.Context()))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// metrics are what Prometheus reads.
func metrics(rows []*row, open int) (text string) {
	done, statuses, again := sum(rows)
	text = "# TYPE fleet_jobs_done_total counter\n"
	for _, kind := range slices.Sorted(maps.Keys(done)) {
		text += fmt.Sprintf("fleet_jobs_done_total{kind=%q} %d\n", kind, done[kind])
	}
	text += fmt.Sprintf("# TYPE fleet_jobs_again_total counter\nfleet_jobs_again_total %d\n", again)
	text += fmt.Sprintf("# TYPE fleet_jobs_left gauge\nfleet_jobs_left %d\n", open)
	text += "# HELP fleet_responses_total Responses of the API by their status, 0 for none.\n# TYPE fleet_responses_total counter\n"
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		text += fmt.Sprintf("fleet_responses_total{status=\"%d\"} %d\n", status, statuses[status])
	}
	return text
}
