package pace_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestAdaptiveSearch: a run whose ideal time is 5 seconds takes at most 1.35 times as long,
// at limits from 5 to 2,000 a second, with 128 goroutines and a latency of 50 ms. The
// median of three runs counts, since the order of goroutines is not fixed. Short runs leave
// out the higher limits, which take the most requests, and no other code.
func TestAdaptiveSearch(t *testing.T) {
	t.Parallel()
	limits := []int{5, 50, 300, 1000, 2000}
	if testing.Short() {
		limits = limits[:3]
	}
	for _, after := range []time.Duration{0, time.Second} {
		for _, limit := range limits {
			kinds := map[string]func() server{
				"window": func() server { return newFixed(limit, time.Second) },
				"log":    func() server { return newSliding(limit, time.Second) },
			}
			for _, burst := range []int{1, 5, 20, 100} {
				kinds[fmt.Sprint("burst ", burst)] = func() server { return newTokens(float64(limit), float64(burst)) }
			}
			for name, kind := range kinds {
				most := 1.35
				if limit >= 1000 && name == "burst 1" || limit == 2000 {
					most = 1.9 // most goroutines are needed, and those that were refused wait for a second
				}
				t.Run(fmt.Sprintf("%d a second, %s, Retry-After %s", limit, name, after), func(t *testing.T) {
					t.Parallel()
					burst := 0
					_, _ = fmt.Sscanf(name, "burst %d", &burst)
					var times []float64
					failed := 0
					for range 3 {
						r := (&run{calls: 5*limit + burst, goroutines: 128, latency: 50 * time.Millisecond, after: after, paused: true}).in(t, kind)
						times = append(times, r.took.Seconds()/5)
						failed += r.failed
					}
					slices.Sort(times)
					if times[1] > most || failed > 3*limit/100+15 {
						t.Errorf("took %.2f of the ideal time, %d failed", times, failed)
					}
				})
			}
		}
	}
}

// TestAdaptiveStrays: 429s that do not depend on the rate cost each call its Retry-After,
// and all calls together at most as much again.
func TestAdaptiveStrays(t *testing.T) {
	t.Parallel()
	all := []int{4, 32, 128}
	if testing.Short() {
		all = all[1:2]
	}
	for _, share := range []float64{.01, .03} {
		for _, goroutines := range all {
			var with, without time.Duration
			for range 8 {
				r := run{calls: 1000, goroutines: goroutines, latency: 50 * time.Millisecond, after: time.Second}
				without += r.in(t, func() server { return stray(share) }).took
				r.paused = true
				with += r.in(t, func() server { return stray(share) }).took
			}
			if with > 2*without {
				t.Errorf("%v of the requests, %d goroutines: %s, and %s without a limiter", share, goroutines, with/8, without/8)
			}
		}
	}
}

// TestAdaptiveWindow: no call fails if the server accepts 100 requests in any 10 seconds,
// and does not say how long to wait.
func TestAdaptiveWindow(t *testing.T) {
	t.Parallel()
	for _, latency := range []time.Duration{time.Millisecond, 50 * time.Millisecond} {
		for _, goroutines := range []int{1, 32, 128} {
			r := (&run{calls: 1000, goroutines: goroutines, latency: latency, paused: true}).in(t, func() server { return newSliding(100, 10*time.Second) })
			if r.failed != 0 || r.took > 150*time.Second {
				t.Errorf("latency %s, %d goroutines: %d failed in %s", latency, goroutines, r.failed, r.took)
			}
		}
	}
}
