package pace_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// server is a server with a limit. It reports whether it accepts a request.
type server interface{ accept(now time.Time) bool }

// tokens is a server with a token bucket.
type tokens struct {
	rate, burst, left float64
	last              time.Time
}

func newTokens(rate, burst float64) server {
	return &tokens{rate: rate, burst: burst, left: burst, last: time.Now()}
}

func (b *tokens) accept(now time.Time) bool {
	b.left = min(b.burst, b.left+now.Sub(b.last).Seconds()*b.rate)
	b.last = now
	if b.left < 1-1e-9 {
		return false
	}
	b.left--
	return true
}

// fixed is a server that counts the requests of each window.
type fixed struct {
	n, used int
	window  time.Duration
	start   time.Time
}

func newFixed(n int, window time.Duration) server {
	return &fixed{n: n, window: window, start: time.Now()}
}

func (f *fixed) accept(now time.Time) bool {
	for now.Sub(f.start) >= f.window {
		f.start, f.used = f.start.Add(f.window), 0
	}
	if f.used >= f.n {
		return false
	}
	f.used++
	return true
}

// sliding is a server that counts the requests of the last window, whenever that begins.
type sliding struct {
	n      int
	window time.Duration
	taken  []time.Time
}

func newSliding(n int, window time.Duration) server { return &sliding{n: n, window: window} }

func (s *sliding) accept(now time.Time) bool {
	for len(s.taken) > 0 && now.Sub(s.taken[0]) >= s.window {
		s.taken = s.taken[1:]
	}
	if len(s.taken) >= s.n {
		return false
	}
	s.taken = append(s.taken, now)
	return true
}

// stray is a server that refuses a share of all requests, whatever their rate.
type stray float64

func (s stray) accept(time.Time) bool { return rand.Float64() >= float64(s) }

// run is a number of calls from some goroutines, each with up to four attempts.
type run struct {
	calls, goroutines int
	latency           time.Duration
	after             time.Duration // the Retry-After of a 429; 0 for none
	paused            bool          // requests wait at a gate

	took            time.Duration
	failed, refused int
}

// do makes the calls. It must run in a bubble.
func (r *run) do(t *testing.T, s server) {
	t.Helper()
	begun := time.Now()
	var gate *pace.Gate
	if r.paused {
		gate = pace.NewGate(pace.NewAdaptive(), time.Minute)
	}
	var mu sync.Mutex
	made := 0
	next := func() bool {
		mu.Lock()
		defer mu.Unlock()
		made++
		return made <= r.calls
	}
	attempt := func() bool {
		if gate != nil && gate.Wait(t.Context(), "") != nil {
			t.Error("the gate refused")
		}
		sent := time.Now()
		time.Sleep(r.latency / 2)
		mu.Lock()
		accepted := s.accept(time.Now())
		if !accepted {
			r.refused++
		}
		mu.Unlock()
		time.Sleep(r.latency / 2)
		status, asked := 429, r.after
		if accepted {
			status, asked = 200, 0
		}
		if gate != nil {
			gate.Answered("", sent, status, asked)
		}
		return accepted
	}
	call := func() bool {
		for n := range 4 {
			if attempt() {
				return true
			}
			if n < 3 {
				time.Sleep(r.wait(n))
			}
		}
		return false
	}
	var all sync.WaitGroup
	for range r.goroutines {
		all.Go(func() {
			for next() {
				if !call() {
					mu.Lock()
					r.failed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	r.took = time.Since(begun)
}

// wait returns how long a call waits after its attempt number n.
func (r *run) wait(n int) time.Duration {
	if r.after > 0 {
		return r.after
	}
	return rand.N(250 * time.Millisecond << n)
}

// in runs a copy of it in a bubble of its own, against a server that is made there.
func (r *run) in(t *testing.T, newServer func() server) run {
	t.Helper()
	done := *r
	synctest.Test(t, func(t *testing.T) { done.do(t, newServer()) })
	return done
}
