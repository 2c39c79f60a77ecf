package pace_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// bucket is a server with a token bucket. It responds in 1 ms of fake time.
type bucket struct {
	*rate.Limiter
	mu             sync.Mutex // guards the fields below
	taken, refused int
}

// take reports whether the server accepts a request.
func (b *bucket) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.Allow() {
		b.refused++
		return false
	}
	b.taken++
	return true
}

// counts returns how many requests were accepted and refused since it was called last.
func (b *bucket) counts() (taken, refused int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken, refused, b.taken, b.refused = b.taken, b.refused, 0, 0
	return taken, refused
}

// load sends requests through a gate from 32 goroutines for so long.
func load(t *testing.T, g *pace.Gate, b *bucket, long time.Duration) {
	t.Helper()
	begun := time.Now()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for time.Since(begun) < long {
				if err := g.Wait(t.Context(), ""); err != nil {
					t.Error(err)
					return
				}
				sent := time.Now()
				time.Sleep(500 * time.Microsecond)
				taken := b.take()
				time.Sleep(500 * time.Microsecond)
				status, asked := 429, time.Second
				if taken {
					status, asked = 200, 0
				}
				g.Answered("", sent, status, asked)
			}
		})
	}
	all.Wait()
}

// TestAdaptiveFinds: the rate that the server accepts is found, also after it has changed.
func TestAdaptiveFinds(t *testing.T) {
	t.Parallel()
	for _, next := range []float64{25, 50, 100} {
		t.Run(fmt.Sprintf("50, then %v", next), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &bucket{Limiter: rate.NewLimiter(50, 5)}
				g := pace.NewGate(pace.NewAdaptive(), time.Minute)
				load(t, g, b, 15*time.Second)
				b.counts()
				load(t, g, b, 20*time.Second)
				if taken, refused := b.counts(); float64(taken) < .75*50*20 || refused > taken/10 {
					t.Errorf("%d were accepted and %d refused in 20 s", taken, refused)
				}
				b.SetLimit(rate.Limit(next))
				load(t, g, b, 30*time.Second)
				b.counts()
				load(t, g, b, 20*time.Second)
				if taken, refused := b.counts(); float64(taken) < .75*next*20 || refused > taken/10 {
					t.Errorf("%d were accepted and %d refused in 20 s at %v a second", taken, refused, next)
				}
			})
		})
	}
}

// spend makes n requests at once, one after another, and returns how long they waited.
func spend(t *testing.T, l pace.Limiter, n int) time.Duration {
	t.Helper()
	begun := time.Now()
	for range n {
		if err := l.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(begun)
}

// TestAdaptiveBegins: nothing is held back before the first 429 that may be about the rate:
// one that asks for a wait, the third in a row, or the second if nothing was sent since. If
// seven requests that were sent later are accepted, it was not, and nothing is held back
// any more.
func TestAdaptiveBegins(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer func(g *pace.Gate, l *pace.Adaptive)
		paced  bool
	}{
		"no response":  {func(*pace.Gate, *pace.Adaptive) {}, false},
		"200":          {func(g *pace.Gate, _ *pace.Adaptive) { accept(g, "", time.Now(), 1) }, false},
		"503":          {func(g *pace.Gate, _ *pace.Adaptive) { g.Answered("", time.Now(), 503, time.Second) }, false},
		"429 and wait": {func(g *pace.Gate, _ *pace.Adaptive) { throttle(g, 1, time.Second) }, true},
		"a plain 429":  {func(g *pace.Gate, _ *pace.Adaptive) { throttle(g, 1, 0) }, false},
		"2 plain 429s": {func(g *pace.Gate, _ *pace.Adaptive) { throttle(g, 2, 0) }, true},
		"2, others in flight": {func(g *pace.Gate, l *pace.Adaptive) {
			sent := time.Now()
			time.Sleep(time.Millisecond)
			_ = l.Wait(t.Context())
			g.Answered("", sent, 429, 0)
			g.Answered("", sent, 429, 0)
		}, false},
		"3, others in flight": {func(g *pace.Gate, l *pace.Adaptive) {
			sent := time.Now()
			time.Sleep(time.Millisecond)
			_ = l.Wait(t.Context())
			for range 3 {
				g.Answered("", sent, 429, 0)
			}
		}, true},
		"6 accepted later": {func(g *pace.Gate, _ *pace.Adaptive) {
			throttle(g, 1, time.Second)
			accept(g, "", time.Now(), 6)
		}, true},
		"7 accepted later": {func(g *pace.Gate, _ *pace.Adaptive) {
			throttle(g, 1, time.Second)
			accept(g, "", time.Now(), 7)
		}, false},
		"7 sent before": {func(g *pace.Gate, _ *pace.Adaptive) {
			throttle(g, 1, time.Second)
			accept(g, "", time.Now().Add(-1), 7)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := pace.NewAdaptive()
				tt.answer(pace.NewGate(l, time.Minute), l)
				if took := spend(t, l, 3); (took > 0) != tt.paced {
					t.Errorf("3 requests waited %s", took)
				}
			})
		})
	}
}

// throttle reports 429s to requests that are sent now.
func throttle(g *pace.Gate, n int, asked time.Duration) {
	for range n {
		g.Answered("", time.Now(), 429, asked)
	}
}

// TestAdaptivePause: a wait of more than a second holds all requests back while nothing
// that was sent later is accepted. One of a second only does so before requests are paced.
func TestAdaptivePause(t *testing.T) {
	t.Parallel()
	for asked, want := range map[time.Duration]bool{time.Second: false, 2 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			l := pace.NewAdaptive()
			g := pace.NewGate(l, time.Minute)
			throttle(g, 1, asked)
			if took := spend(t, l, 1); took != asked {
				t.Errorf("the first pause of %s took %s", asked, took)
			}
			accept(g, "", time.Now(), 1)
			spend(t, l, 1)
			sent := time.Now()
			throttle(g, 1, asked)
			if took := spend(t, l, 1); (took == asked) != want {
				t.Errorf("another pause of %s took %s", asked, took)
			}
			throttle(g, 1, asked)
			g.Answered("", sent.Add(time.Millisecond), 200, 0)
			if took := spend(t, l, 1); took >= asked {
				t.Errorf("a pause of %s took %s although a later request was accepted", asked, took)
			}
		})
	}
}

// TestAdaptiveDeadline: a pause past the deadline is not begun, also by those whose turn it
// is not.
func TestAdaptiveDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := pace.NewAdaptive()
		g := pace.NewGate(l, time.Minute)
		throttle(g, 1, 10*time.Second)
		var all sync.WaitGroup
		all.Go(func() { spend(t, l, 1) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		begun := time.Now()
		const text = "waiting as long as the API asked to: the wait of 10s would pass the context's deadline (context deadline exceeded)"
		if err := g.Wait(ctx, ""); err == nil || err.Error() != text || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 0 {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		all.Wait()
	})
}

// TestAdaptiveContext: a request that waits for its turn, or for the one before, gives up
// when its context ends, and does not hold up the others.
func TestAdaptiveContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := pace.NewAdaptive()
		done, stop := context.WithCancel(t.Context())
		stop()
		if err := l.Wait(done); !errors.Is(err, context.Canceled) {
			t.Errorf("before the first 429: %v", err)
		}
		pace.NewGate(l, time.Minute).Answered("", time.Now(), 429, time.Second)
		spend(t, l, 1) // the bucket is empty
		var all, canceled sync.WaitGroup
		begun := time.Now()
		all.Go(func() { // holds the turn
			if err := l.Wait(t.Context()); err != nil || time.Since(begun) < 50*time.Millisecond {
				t.Errorf("the first one waited %s: %v", time.Since(begun), err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		for range 10 {
			canceled.Go(func() {
				if err := l.Wait(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("canceled: %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		canceled.Wait()
		if took := time.Since(begun); took != 0 {
			t.Errorf("the canceled ones waited %s", took)
		}
		all.Wait()
		if took := spend(t, l, 1); took > 50*time.Millisecond {
			t.Errorf("the next one waited %s", took)
		}
	})
}
