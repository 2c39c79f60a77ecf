package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// streamRow holds what a way to read the long list takes.
type streamRow struct {
	Reader  string  `json:"reader"`
	Seconds spread  `json:"seconds"`
	OfTime  spread  `json:"of_time"`
	First   spread  `json:"first"` // seconds to the first contact; 0 if it does not decode contacts
	Peak    float64 `json:"peak"`  // bytes of live heap above the start
}

// reader is a way to read the list at url. It calls first after the first contact, and
// done at the end, before it releases memory. It returns the number of contacts.
type reader struct {
	name string
	read func(ctx context.Context, url string, hc *http.Client, first, done func()) (contacts int, err error)
}

const readAll = "io.ReadAll and json.Unmarshal"

var readers = []reader{
	{readAll, func(ctx context.Context, url string, hc *http.Client, first, done func()) (int, error) {
		body, err := open(ctx, hc, url)
		if err != nil {
			return 0, err
		}
		defer body.Close()
		text, err := io.ReadAll(body)
		if err != nil {
			return 0, err
		}
		var list plainList
		err = json.Unmarshal(text, &list)
		first()
		done()
		runtime.KeepAlive(text)
		return len(list.Contacts), err
	}},
	{"json.Decoder, token by token", func(ctx context.Context, url string, hc *http.Client, first, done func()) (int, error) {
		body, err := open(ctx, hc, url)
		if err != nil {
			return 0, err
		}
		defer body.Close()
		dec := json.NewDecoder(body)
		for range 3 { // {, "contacts", [
			if _, err := dec.Token(); err != nil {
				return 0, err
			}
		}
		n := 0
		for ; dec.More(); n++ {
			var c plainContact
			if err := dec.Decode(&c); err != nil {
				return n, err
			}
			if n == 0 {
				first()
			}
		}
		done()
		return n, nil
	}},
	{ours + ", Contacts.Stream", func(ctx context.Context, url string, _ *http.Client, first, done func()) (int, error) {
		client, err := growthgenius.NewClient(apiKey, growthgenius.WithBaseURL(url), growthgenius.WithUserID("1"))
		if err != nil {
			return 0, err
		}
		n := 0
		for _, err := range client.Contacts.Stream(ctx, growthgenius.ListOptions{}) {
			if err != nil {
				return n, err
			}
			if n == 0 {
				first()
			}
			n++
		}
		done()
		return n, nil
	}},
	{floor, func(ctx context.Context, url string, hc *http.Client, _, done func()) (int, error) {
		body, err := open(ctx, hc, url)
		if err != nil {
			return 0, err
		}
		defer body.Close()
		_, err = io.Copy(io.Discard, body)
		done()
		return 0, err
	}},
}

func open(ctx context.Context, hc *http.Client, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/contacts", http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := hc.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("unexpected status %s", res.Status)
	}
	return res.Body, nil
}

func measureStream(ctx context.Context, s settings) ([]streamRow, error) {
	root, stop, err := startServer(ctx, serveEnv+"=1")
	if err != nil {
		return nil, err
	}
	defer stop()
	transport := newTransport()
	defer transport.CloseIdleConnections()
	hc := &http.Client{Transport: transport}
	url := root + "/list/" + strconv.Itoa(s.Contacts)

	firsts := make([][]float64, len(readers))
	read := func(i int, first, done func()) error {
		n, err := readers[i].read(ctx, url, hc, first, done)
		if err == nil && n != s.Contacts && readers[i].name != floor {
			err = fmt.Errorf("got %d contacts, want %d", n, s.Contacts)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", readers[i].name, err)
		}
		return err
	}
	taken, err := interleave(ctx, s.Streams, len(readers), func(i int) (sample, error) {
		runtime.GC() // the garbage of the reader before must not be collected in this one's time
		begun := time.Now()
		return metered(1, func() error {
			return read(i, func() { firsts[i] = append(firsts[i], time.Since(begun).Seconds()) }, func() {})
		})
	})
	if err != nil {
		return nil, err
	}
	rows := make([]streamRow, len(readers))
	for i, r := range readers {
		rows[i] = streamRow{Reader: r.name, Seconds: taken[i].spread(seconds), OfTime: taken[i].over(taken[0], seconds)}
		if len(firsts[i]) > 0 {
			rows[i].First = spreadOf(firsts[i][1:])
		}
		if rows[i].Peak, err = peakHeap(func(sample func()) error { return read(i, sample, sample) }); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// peakHeap returns the largest live heap during run, above that at its start. It is
// sampled every few milliseconds, and when run calls sample.
func peakHeap(run func(sample func()) error) (float64, error) {
	start := liveHeap()
	peaks := make(chan uint64)
	stop := make(chan struct{})
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		var peak uint64
		for {
			select {
			case <-ticker.C:
				peak = max(peak, liveHeap())
			case <-stop:
				peaks <- peak
				return
			}
		}
	}()
	var own uint64
	err := run(func() { own = max(own, liveHeap()) })
	close(stop)
	return float64(max(own, <-peaks, start) - start), err
}

// liveHeap collects garbage and returns the bytes that are still in use.
func liveHeap() uint64 {
	runtime.GC()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}
