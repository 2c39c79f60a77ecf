package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// getRow holds what a client takes for one GET of one record, and the ratio to what
// hand-written code takes for the same bytes.
type getRow struct {
	Client     string  `json:"client"`
	Payload    string  `json:"payload"`
	Serial     spread  `json:"serial"`   // seconds per call
	Parallel   spread  `json:"parallel"` // seconds per call, with 16 goroutines
	Allocs     float64 `json:"allocs"`
	Bytes      float64 `json:"bytes"`
	OfSerial   spread  `json:"of_serial"`
	OfParallel spread  `json:"of_parallel"`
	OfCPU      spread  `json:"of_cpu"` // of this process, with 16 goroutines
	OfAllocs   float64 `json:"of_allocs"`
	OfBytes    float64 `json:"of_bytes"`
}

func measureGet(ctx context.Context, s settings) ([]getRow, error) {
	root, stop, err := startServer(ctx, serveEnv+"=1")
	if err != nil {
		return nil, err
	}
	defer stop()
	transport := newTransport()
	defer transport.CloseIdleConnections()
	calls := make([]call, len(clients))
	for i, c := range clients {
		hc := &http.Client{Transport: transport}
		if c.name == ours {
			hc = nil // the SDK's own transport is part of the measurement
		}
		if calls[i], err = c.connect(root+"/"+c.payload, hc); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	run := func(calling, goroutines int) ([]samples, error) {
		return interleave(ctx, s.Rounds, len(calls), func(i int) (sample, error) {
			sample, err := metered(calling, func() error { return repeat(ctx, calls[i], calling, goroutines) })
			if err != nil {
				err = fmt.Errorf("%s: %w", clients[i].name, err)
			}
			return sample, err
		})
	}
	serial, err := run(s.Calls, 1)
	if err != nil {
		return nil, err
	}
	parallel, err := run(4*s.Calls, s.Parallel)
	if err != nil {
		return nil, err
	}
	rows := make([]getRow, len(clients))
	for i, c := range clients {
		base := slices.IndexFunc(clients, func(b client) bool { return b.name == handWritten && b.payload == c.payload })
		rows[i] = getRow{
			Client: c.name, Payload: c.payload,
			Serial: serial[i].spread(seconds), Parallel: parallel[i].spread(seconds),
			Allocs: serial[i].spread(allocs).Median, Bytes: serial[i].spread(size).Median,
			OfSerial: serial[i].over(serial[base], seconds), OfParallel: parallel[i].over(parallel[base], seconds),
			OfCPU:    parallel[i].over(parallel[base], cpu),
			OfAllocs: serial[i].over(serial[base], allocs).Median, OfBytes: serial[i].over(serial[base], size).Median,
		}
	}
	return rows, nil
}
