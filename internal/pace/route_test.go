package pace_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// TestRouteQuota: a route that is out of quota leaves the other routes at least 80% of what
// they get without it, and is paused alone.
func TestRouteQuota(t *testing.T) {
	t.Parallel()
	for _, goroutines := range []int{1, 8} {
		for _, after := range []time.Duration{0, time.Second, 5 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				g := pace.NewGate(pace.NewAdaptive(), time.Minute)
				begun, long := time.Now(), time.Minute
				var all sync.WaitGroup
				var mu sync.Mutex
				reads, lookups := 0, 0
				for range goroutines {
					all.Go(func() {
						for time.Since(begun) < long {
							send(t, g, "reads", 0, 200)
							mu.Lock()
							reads++
							mu.Unlock()
						}
					})
				}
				all.Go(func() {
					for time.Since(begun) < long {
						send(t, g, "lookups", after, 429)
						lookups++
						time.Sleep(after + time.Second)
					}
				})
				all.Wait()
				if want := int(.8 * long.Seconds() / .05 * float64(goroutines)); reads < want || lookups < 8 {
					t.Errorf("%d goroutines, Retry-After %s: %d reads, want %d; %d lookups", goroutines, after, reads, want, lookups)
				}
			})
		}
	}
}

// send sends a request of a route, which takes 50 ms.
func send(t *testing.T, g *pace.Gate, route string, after time.Duration, status int) {
	t.Helper()
	if err := g.Wait(t.Context(), route); err != nil {
		t.Error(err)
	}
	sent := time.Now()
	time.Sleep(50 * time.Millisecond)
	g.Answered(route, sent, status, after)
}

// TestRouteEvidence: eight accepted requests of other routes, sent since the first 429,
// settle that a route has a quota of its own, until it is accepted again. If several routes
// are refused, it may be the rate.
func TestRouteEvidence(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before func(g *pace.Gate, sent time.Time)
		others time.Duration // how long the other routes wait after one more 429
	}{
		"seven":         {func(g *pace.Gate, sent time.Time) { accept(g, "b", sent, 7) }, 5 * time.Second},
		"eight":         {func(g *pace.Gate, sent time.Time) { accept(g, "b", sent, 8) }, 0},
		"sent before":   {func(g *pace.Gate, sent time.Time) { accept(g, "b", sent.Add(-1), 8) }, 5 * time.Second},
		"of that route": {func(g *pace.Gate, sent time.Time) { accept(g, "a", sent, 8) }, 5 * time.Second},
		"accepted again": {func(g *pace.Gate, sent time.Time) {
			accept(g, "b", sent, 8)
			accept(g, "a", sent, 1)
		}, 5 * time.Second},
		"others refused": {func(g *pace.Gate, sent time.Time) {
			accept(g, "b", sent, 7)
			g.Answered("c", sent, 429, 0)
			accept(g, "b", sent, 1)
		}, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := pace.NewGate(waiter(unlimited), time.Minute) // it pauses after any other 429
				sent := time.Now()
				g.Answered("a", sent, 429, 0)
				tt.before(g, sent)
				g.Answered("a", sent, 429, 5*time.Second)
				begun := time.Now()
				if err := g.Wait(t.Context(), "b"); err != nil || time.Since(begun) != tt.others {
					t.Errorf("another route waited %s, want %s: %v", time.Since(begun), tt.others, err)
				}
				if err := g.Wait(t.Context(), "a"); err != nil || time.Since(begun) != 5*time.Second {
					t.Errorf("the route waited %s: %v", time.Since(begun), err)
				}
			})
		})
	}
}

// accept reports accepted requests.
func accept(g *pace.Gate, route string, sent time.Time, n int) {
	for range n {
		g.Answered(route, sent, 200, 0)
	}
}
