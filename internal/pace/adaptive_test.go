package pace_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// bucket is a server with a token bucket. It responds in 1 ms of fake time.
type bucket struct {
	mu                  sync.Mutex // guards all fields
	rate, burst, tokens float64
	last                time.Time
	taken, refused      int
}

func newBucket(perSecond, burst float64) *bucket {
	return &bucket{rate: perSecond, burst: burst, tokens: burst, last: time.Now()}
}

func (b *bucket) fill() {
	now := time.Now()
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	b.last = now
}

// take reports whether the server accepts a request.
func (b *bucket) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	if b.tokens < 1 {
		b.refused++
		return false
	}
	b.tokens--
	b.taken++
	return true
}

func (b *bucket) setRate(r float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	b.rate = r
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
				if err := g.Wait(t.Context()); err != nil {
					t.Error(err)
					return
				}
				sent := time.Now()
				time.Sleep(500 * time.Microsecond)
				taken := b.take()
				time.Sleep(500 * time.Microsecond)
				asked := time.Second
				if taken {
					asked = 0
				}
				g.Answered(sent, !taken, false, asked)
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
				b := newBucket(50, 5)
				g := pace.NewGate(pace.NewAdaptive(), time.Minute)
				load(t, g, b, 15*time.Second)
				b.counts()
				load(t, g, b, 20*time.Second)
				if taken, refused := b.counts(); float64(taken) < .75*50*20 || refused > taken/10 {
					t.Errorf("%d were accepted and %d refused in 20 s", taken, refused)
				}
				b.setRate(next)
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

// TestAdaptiveBegins: nothing is held back before the first 429 that is about the rate.
// After it requests are paced, a little over 44 a second if little is known.
func TestAdaptiveBegins(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer func(*pace.Gate)
		paced  bool
	}{
		"no response":  {func(*pace.Gate) {}, false},
		"200":          {func(g *pace.Gate) { g.Answered(time.Now(), false, false, 0) }, false},
		"503":          {func(g *pace.Gate) { g.Answered(time.Now(), false, true, time.Second) }, false},
		"429 and wait": {func(g *pace.Gate) { g.Answered(time.Now(), true, false, time.Second) }, true},
		"4 plain 429s": {func(g *pace.Gate) { answer(g, 4, 0) }, false},
		"5 plain 429s": {func(g *pace.Gate) { answer(g, 5, 0) }, true},
		"5 of 26":      {func(g *pace.Gate) { answer(g, 4, 21); answer(g, 1, 0) }, false},
		"5 of 25":      {func(g *pace.Gate) { answer(g, 4, 20); answer(g, 1, 0) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := pace.NewAdaptive()
				tt.answer(pace.NewGate(l, time.Minute))
				const requests = 441
				got := spend(t, l, requests)
				if !tt.paced && got != 0 || tt.paced && (got < 9*time.Second || got > 10*time.Second+time.Millisecond) {
					t.Errorf("%d requests waited %s", requests, got)
				}
			})
		})
	}
}

// answer reports some plain 429s and then some successes.
func answer(g *pace.Gate, throttled, fine int) {
	for range throttled {
		g.Answered(time.Now(), true, false, 0)
	}
	for range fine {
		g.Answered(time.Now(), false, false, 0)
	}
}

// TestAdaptiveInFlight: the 429s to requests that were in flight at the first one do not
// slow the pace down further, those to later requests do.
func TestAdaptiveInFlight(t *testing.T) {
	t.Parallel()
	pacedAfter := func(late bool) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			l := pace.NewAdaptive()
			g := pace.NewGate(l, time.Minute)
			sent := time.Now()
			time.Sleep(time.Second)
			for range 5 {
				if late {
					time.Sleep(2 * time.Second)
					sent = time.Now()
				}
				g.Answered(sent, true, false, time.Second)
			}
			took = spend(t, l, 45)
		})
		return took
	}
	if took := pacedAfter(false); took != time.Second {
		t.Errorf("45 requests waited %s after 429s in flight", took)
	}
	if took := pacedAfter(true); took < 2*time.Second {
		t.Errorf("45 requests waited %s after 429s to later requests", took)
	}
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
		pace.NewGate(l, time.Minute).Answered(time.Now(), true, false, time.Second)
		spend(t, l, 1) // the bucket is empty
		var all, canceled sync.WaitGroup
		begun := time.Now()
		all.Go(func() { // holds the turn
			if err := l.Wait(t.Context()); err != nil || time.Since(begun) < time.Second/45 {
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
		if took := spend(t, l, 1); took > time.Second/44+time.Millisecond {
			t.Errorf("the next one waited %s", took)
		}
	})
}
