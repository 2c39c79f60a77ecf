package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// connectionsRow holds how many connections a client opens for bursts of requests with
// its default settings.
type connectionsRow struct {
	Client   string  `json:"client"`
	Opened   spread  `json:"opened"`
	Requests float64 `json:"requests"`
	Seconds  spread  `json:"seconds"`
	OfTime   spread  `json:"of_time"` // of hand-written code with net/http's default transport
}

// bursts is a server that responds to a burst of requests only when all of them have
// arrived, so that no request can reuse the connection of another one.
type bursts struct {
	*httptest.Server
	opened, requests atomic.Int64

	mu      sync.Mutex // guards the fields below
	waiting int
	all     chan struct{} // closed when the burst is complete
	size    int
}

func newBursts(size int) (*bursts, error) {
	handler, err := newHandler()
	if err != nil {
		return nil, err
	}
	b := &bursts{all: make(chan struct{}), size: size}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b.requests.Add(1)
		b.meet(req.Context())
		handler.ServeHTTP(w, req)
	}))
	b.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			b.opened.Add(1)
		}
	}
	b.Start()
	return b, nil
}

// begin sets the size of the next burst.
func (b *bursts) begin(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size = size
}

// meet waits for the rest of the burst, but not long if it stays incomplete.
func (b *bursts) meet(ctx context.Context) {
	b.mu.Lock()
	all := b.all
	b.waiting++
	if b.waiting == b.size {
		close(all)
		b.all, b.waiting = make(chan struct{}), 0
	}
	b.mu.Unlock()
	late := time.NewTimer(200 * time.Millisecond)
	defer late.Stop()
	select {
	case <-all:
	case <-late.C:
		b.leave(all)
	case <-ctx.Done():
		b.leave(all)
	}
}

// leave takes a request out of a burst that is still incomplete.
func (b *bursts) leave(all chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == all {
		b.waiting--
	}
}

// drive sends requests in bursts, one after the other.
func (b *bursts) drive(ctx context.Context, c call, requests int) error {
	for size := b.size; requests > 0; requests -= size {
		size = min(size, requests)
		b.begin(size)
		failures := make(chan error, size)
		for range size {
			go func() { failures <- c(ctx) }()
		}
		for range size {
			if err := <-failures; err != nil {
				return err
			}
		}
	}
	return nil
}

func measureConnections(ctx context.Context, s settings) ([]connectionsRow, error) {
	all := slices.DeleteFunc(slices.Clone(clients), func(c client) bool {
		return c.module == "" && c.name != ours && (c.name != handWritten || c.payload != ours)
	})
	opened, requests := make([][]float64, len(all)), make([]float64, len(all))
	taken, err := interleave(ctx, s.Bursts, len(all), func(i int) (sample, error) {
		b, err := newBursts(s.Burst)
		if err != nil {
			return sample{}, err
		}
		defer b.Close()
		c, err := all[i].connect(b.URL+"/"+all[i].payload, nil)
		if err != nil {
			return sample{}, err
		}
		taken, err := metered(1, func() error { return b.drive(ctx, c, s.Requests) })
		if err != nil {
			return taken, fmt.Errorf("%s: %w", all[i].name, err)
		}
		opened[i], requests[i] = append(opened[i], float64(b.opened.Load())), float64(b.requests.Load())
		return taken, nil
	})
	if err != nil {
		return nil, err
	}
	rows := make([]connectionsRow, len(all))
	for i, c := range all {
		rows[i] = connectionsRow{
			Client: c.name, Opened: spreadOf(opened[i][1:]), Requests: requests[i],
			Seconds: taken[i].spread(seconds), OfTime: taken[i].over(taken[0], seconds),
		}
	}
	return rows, nil
}
