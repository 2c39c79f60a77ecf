package main

import (
	"context"
	"math"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// spread holds the median of a value over the rounds, and the quartiles.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	at := func(share float64) float64 {
		place := share * float64(len(sorted)-1)
		below := math.Floor(place)
		low, high := sorted[int(below)], sorted[int(math.Ceil(place))]
		return low + (place-below)*(high-low)
	}
	return spread{at(0.5), at(0.25), at(0.75)}
}

// sample holds what a contender took in a round, per call or record.
type sample struct{ seconds, cpu, allocs, bytes float64 }

func seconds(s sample) float64 { return s.seconds }
func cpu(s sample) float64     { return s.cpu }
func allocs(s sample) float64  { return s.allocs }
func size(s sample) float64    { return s.bytes }

// samples holds the samples of a contender, one for each round.
type samples []sample

func (all samples) spread(value func(sample) float64) spread {
	values := make([]float64, len(all))
	for i, s := range all {
		values[i] = value(s)
	}
	return spreadOf(values)
}

// over returns the ratios to another contender, round by round, because other load on the
// machine affects both of them in the same round.
func (all samples) over(other samples, value func(sample) float64) spread {
	values := make([]float64, len(all))
	for i, s := range all {
		if values[i] = 1; value(other[i]) > 0 { // the system's clock may be too coarse
			values[i] = value(s) / value(other[i])
		}
	}
	return spreadOf(values)
}

// interleave measures all contenders once per round. Each round starts with another one,
// and a first round is not counted.
func interleave(ctx context.Context, rounds, contenders int, run func(i int) (sample, error)) ([]samples, error) {
	all := make([]samples, contenders)
	for round := range rounds + 1 {
		for k := range contenders {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			i := (round + k) % contenders
			s, err := run(i)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], s)
			}
		}
	}
	return all, nil
}

// metered measures what run takes, divided by the number of things that it does.
func metered(things int, run func() error) (sample, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun, worked := time.Now(), cpuTime()
	err := run()
	took, work := time.Since(begun), cpuTime()-worked
	runtime.ReadMemStats(&after)
	n := float64(things)
	return sample{
		seconds: took.Seconds() / n,
		cpu:     work.Seconds() / n,
		allocs:  float64(after.Mallocs-before.Mallocs) / n,
		bytes:   float64(after.TotalAlloc-before.TotalAlloc) / n,
	}, err
}

// cpuTime returns the CPU time of this process, including the kernel. The server is
// another process.
func cpuTime() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// repeat makes calls, distributed over goroutines.
func repeat(ctx context.Context, c call, calls, goroutines int) error {
	var (
		left   atomic.Int64
		failed atomic.Pointer[error]
		all    sync.WaitGroup
	)
	left.Store(int64(calls))
	for range goroutines {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := c(ctx); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return ctx.Err()
}

// newTransport returns a transport with the settings of the SDK's own one, for the
// others.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.MaxIdleConns = 64, 256
	return t
}
