package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go/internal/fleet"
	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// bucket is a server with a limit that it does not tell.
type bucket struct {
	*rate.Limiter
	mu                sync.Mutex // guards the fields below
	accepted, refused int
}

func newBucket(perSecond rate.Limit, burst int) *bucket {
	return &bucket{Limiter: rate.NewLimiter(perSecond, burst)}
}

func (b *bucket) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.Allow() {
		b.refused++
		return false
	}
	b.accepted++
	return true
}

// count returns how many requests were accepted and refused since it was called last.
func (b *bucket) count() (accepted, refused int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	accepted, refused, b.accepted, b.refused = b.accepted, b.refused, 0, 0
	return accepted, refused
}

// shares returns the share of the limit that was used in a time, and the share of the
// requests that were refused.
func (b *bucket) shares(in time.Duration) (used, refused float64) {
	accepted, no := b.count()
	return float64(accepted) / (float64(b.Limit()) * in.Seconds()), float64(no) / float64(max(1, accepted+no))
}

// send sends requests through gates, 128 goroutines in all, until the context ends. A
// request that is refused is sent again after the wait that the server asks for.
func send(ctx context.Context, b *bucket, gates []*pace.Gate, latency, asked time.Duration) (wait func()) {
	var all sync.WaitGroup
	for i := range processes * goroutines {
		g := gates[i%len(gates)]
		all.Go(func() {
			for ctx.Err() == nil {
				if g.Wait(ctx, "") != nil {
					_ = pace.Sleep(ctx, 50*time.Millisecond)
					continue
				}
				sent := time.Now()
				time.Sleep(latency / 2)
				accepted := b.take()
				time.Sleep(latency / 2)
				if accepted {
					g.Answered("", sent, 200, 0)
					continue
				}
				g.Answered("", sent, 429, asked)
				_ = pace.Sleep(ctx, max(asked, 100*time.Millisecond))
			}
		})
	}
	return all.Wait
}

// TestLearning: processes that learn together get what one process with the default limiter
// gets: within 5 points of the share of the limit that it uses, and of the share of its
// requests that are refused.
func TestLearning(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		burst int
		asked time.Duration
	}{
		{5, time.Second}, {5, 0}, {50, time.Second},
	} {
		t.Run(fmt.Sprintf("burst %v, Retry-After %s", tt.burst, tt.asked), func(t *testing.T) {
			t.Parallel()
			const limit, long, runs = 50, time.Minute, 5
			used, refused := learn(t, limit, tt.burst, tt.asked, long, 0)
			var together, refusedTogether float64
			for range runs { // which process learns, and when, is a matter of chance
				u, r := learn(t, limit, tt.burst, tt.asked, long, processes)
				together += u / runs
				refusedTogether += r / runs
			}
			t.Logf("one: %.1f%% used, %.1f%% refused; %d together: %.1f%%, %.1f%%",
				100*used, 100*refused, processes, 100*together, 100*refusedTogether)
			if together < used-.05 || refusedTogether > refused+.05 {
				t.Error("together they get less")
			}
		})
	}
}

// learn sends requests from some processes that learn together, or from one with the
// default limiter. It returns the share of the limit that was used, and the share
// of the requests that were refused.
func learn(t *testing.T, limit rate.Limit, burst int, asked, long time.Duration, n int) (used, refused float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		gates := gates(&memory{trip: time.Millisecond}, n, fleet.Options{})
		if n == 0 {
			gates = []*pace.Gate{pace.NewGate(pace.NewAdaptive(), time.Minute)}
		}
		b := newBucket(limit, burst)
		ctx, stop := context.WithCancel(t.Context())
		wait := send(ctx, b, gates, 20*time.Millisecond, asked)
		time.Sleep(long)
		used, refused = b.shares(long)
		stop()
		wait()
		time.Sleep(time.Second)
	})
	return used, refused
}

// gates returns the gates of processes that share a limiter.
func gates(s fleet.Store, n int, o fleet.Options) []*pace.Gate {
	var gates []*pace.Gate
	for range n {
		gates = append(gates, pace.NewGate(fleet.New(s, o), time.Minute))
	}
	return gates
}

// TestLearningGoesOn: what was learned outlives the process that learned it, and the memory
// of the store.
func TestLearningGoesOn(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(m *memory, stop func()){
		"process": func(_ *memory, stop func()) { stop() },
		"memory":  func(m *memory, _ func()) { m.set(func() { m.state = fleet.State{} }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &memory{trip: time.Millisecond}
				b := newBucket(50, 5)
				first, stopFirst := context.WithCancel(t.Context())
				waitFirst := send(first, b, gates(m, 1, fleet.Options{}), 20*time.Millisecond, time.Second)
				time.Sleep(10 * time.Second) // it is the one that learns
				others, stopOthers := context.WithCancel(t.Context())
				waitOthers := send(others, b, gates(m, 7, fleet.Options{}), 20*time.Millisecond, time.Second)
				time.Sleep(10 * time.Second)
				b.count()
				lose(m, stopFirst)
				time.Sleep(20 * time.Second)
				if used, refused := b.shares(20 * time.Second); used < .85 || refused > .2 {
					t.Errorf("%.2f of the limit used, %.2f refused", used, refused)
				}
				stopFirst()
				stopOthers()
				waitFirst()
				waitOthers()
				time.Sleep(time.Second)
			})
		})
	}
}

// TestLearningBegins: nothing is held back until the first 429, and the store is called
// about once in 50 ms. A 429 that asks for a wait pauses all processes then, and a 503 does
// at any time. A dispatcher ends soon after the last request.
func TestLearningBegins(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{trip: time.Millisecond}
			b := newBucket(1e6, 1e6)
			all := gates(m, processes, fleet.Options{})
			ctx, stop := context.WithCancel(t.Context())
			wait := send(ctx, b, all, 100*time.Millisecond, 5*time.Second)
			time.Sleep(2 * time.Second)
			if sent, _ := b.count(); sent < processes*goroutines*2*9 { // a request takes 100 ms, and sometimes a round trip
				t.Errorf("%d requests in 2 s", sent)
			}
			if calls := m.calls(); calls > processes*2*25 {
				t.Errorf("%d calls of the store in 2 s", calls)
			}
			if status == 429 {
				b.SetBurst(0)
			} else {
				all[0].Answered("", time.Now(), status, 5*time.Second)
			}
			time.Sleep(160 * time.Millisecond) // with the time that a request takes
			b.count()
			time.Sleep(4700 * time.Millisecond)
			if accepted, refused := b.count(); accepted+refused > 0 {
				t.Errorf("%d requests during the pause of a %d", accepted+refused, status)
			}
			b.SetBurst(1e6)
			time.Sleep(5 * time.Second)
			if accepted, _ := b.count(); accepted == 0 {
				t.Errorf("no requests after the pause of a %d", status)
			}
			stop()
			wait()
			time.Sleep(300 * time.Millisecond)
			calls := m.calls()
			time.Sleep(10 * time.Second)
			if m.calls() != calls {
				t.Errorf("%d calls of the store while nothing was to be done", m.calls()-calls)
			}
		})
	}
}

// TestLearningForgives: 429s of one route, whose quota is its own, do not slow down the
// others for long.
func TestLearningForgives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{trip: time.Millisecond}
		b := newBucket(1e6, 1e6)
		all := gates(m, processes, fleet.Options{})
		ctx, stop := context.WithCancel(t.Context())
		wait := send(ctx, b, all, 100*time.Millisecond, time.Second)
		time.Sleep(time.Second)
		for range 3 {
			all[0].Answered("own", time.Now(), 429, time.Second)
		}
		time.Sleep(3 * time.Second)
		b.count()
		time.Sleep(time.Second)
		if accepted, _ := b.count(); accepted < processes*goroutines*9 {
			t.Errorf("%d requests in a second", accepted)
		}
		stop()
		wait()
		time.Sleep(time.Second)
	})
}

// TestLearningAlone: without a store that responds, processes that do not know a pace yet
// share what is allowed at a pace of 20 a second, or fail.
func TestLearningAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{away: true}
		if err := fleet.New(m, fleet.Options{}).Wait(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("away: %v", err)
		}
		l := fleet.New(m, fleet.Options{Alone: .5})
		begun := time.Now()
		for range 11 {
			if err := l.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begun); took < 900*time.Millisecond || took > 1100*time.Millisecond {
			t.Errorf("10 gaps took %s", took)
		}
		time.Sleep(time.Second)
	})
}

// TestLearningFromOthers: a 429 that asks for a wait pauses all processes at once, before it
// has been learned from. The process that learns asks for the responses of others also for a
// while after its own last request.
func TestLearningFromOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{trip: time.Millisecond}
		all := gates(m, 2, fleet.Options{})
		for _, g := range all { // the first one is the one that learns
			if err := g.Wait(t.Context(), ""); err != nil {
				t.Error(err)
			}
			g.Answered("", time.Now(), 200, 0)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(120 * time.Millisecond)
		all[1].Answered("", time.Now(), 429, 5*time.Second)
		time.Sleep(2 * time.Millisecond)
		m.set(func() {
			if left := m.state.Until - m.state.Now; left < 4_900_000 || left > 5_100_000 {
				t.Errorf("a pause of %d microseconds", left)
			}
		})
		time.Sleep(60 * time.Millisecond)
		m.set(func() {
			if m.state.Gap == 0 {
				t.Error("the pace was not learned")
			}
		})
		time.Sleep(time.Second)
	})
}

// TestMemoryIsPassedOn: the process that is the next to learn gets what the one before it knew,
// once, and no other process does.
func TestMemoryIsPassedOn(t *testing.T) {
	t.Parallel()
	var s fleet.State
	const begun = 1_000_000_000
	for i, step := range []struct {
		at, id  int64
		tells   string
		learner int64
		memory  string
	}{
		{begun, 1, "", 1, ""},
		{begun + 1000, 1, "known", 1, ""},
		{begun + 2000, 2, "", 1, ""},
		{begun + 1000 + fleet.Lease, 2, "", 1, ""},
		{begun + 1001 + fleet.Lease, 2, "", 2, "known"},
		{begun + 1002 + fleet.Lease, 2, "", 2, ""},
		{begun + 1003 + fleet.Lease, 1, "known before", 2, ""},
		{begun + 1003 + 2*fleet.Lease, 3, "", 3, "known"},
	} {
		r := s.Turn(step.at, fleet.Request{ID: step.id, Memory: step.tells})
		if r.Learner != step.learner || r.Memory != step.memory {
			t.Errorf("step %d: %d learns, and the caller gets %q", i, r.Learner, r.Memory)
		}
	}
}
