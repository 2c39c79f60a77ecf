package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/fleet"
)

const (
	processes  = 8
	goroutines = 16
)

// run is what some processes did, each with a limiter of its own and some goroutines that
// make one request after another.
type run struct {
	mu   sync.Mutex // guards sent
	sent [][]time.Time
	errs atomic.Int64

	limiters []fleet.Shared
	stop     context.CancelFunc
	all      sync.WaitGroup
}

// start starts the processes. A request takes this long.
func start(t *testing.T, s fleet.Store, n int, o fleet.Options, takes time.Duration) *run {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &run{sent: make([][]time.Time, n), stop: stop}
	for p := range n {
		l := fleet.New(s, o)
		r.limiters = append(r.limiters, l)
		for range goroutines {
			r.all.Go(func() {
				for ctx.Err() == nil {
					switch err := l.Wait(ctx); {
					case err == nil:
						r.mu.Lock()
						r.sent[p] = append(r.sent[p], time.Now())
						r.mu.Unlock()
						time.Sleep(takes)
					case ctx.Err() == nil:
						r.errs.Add(1)
						time.Sleep(50 * time.Millisecond)
					}
				}
			})
		}
	}
	return r
}

// end ends the processes and returns when they sent requests, in order.
func (r *run) end() []time.Time {
	r.stop()
	r.all.Wait()
	all := slices.Concat(r.sent...)
	time.Sleep(time.Second) // the last calls of the store end
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// most returns the most requests in any second.
func most(sent []time.Time) int {
	n, first := 0, 0
	for i, at := range sent {
		for at.Sub(sent[first]) > time.Second {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

// between returns how many requests were sent in a time.
func between(sent []time.Time, from, to time.Time) int {
	n := 0
	for _, at := range sent {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// fairness returns how many requests the process with the fewest sent, by those of the one
// with the most.
func (r *run) fairness() float64 {
	least, most := len(r.sent[0]), 0
	for _, sent := range r.sent {
		least, most = min(least, len(sent)), max(most, len(sent))
	}
	return float64(least) / float64(most)
}

// TestBudget: processes that share a budget never send more than it and the burst in any
// second, use at least 95% of it, take turns, and call the store about once per request.
// That holds through the loss of the store's memory.
func TestBudget(t *testing.T) {
	t.Parallel()
	for _, trip := range []time.Duration{0, 5 * time.Millisecond, 30 * time.Millisecond} {
		for _, rate := range []float64{5, 50, 300} {
			for _, n := range []int{1, processes} {
				if n == 1 && rate*trip.Seconds() > 8 {
					continue // more turns than fit into the time that they are confirmed ahead
				}
				t.Run(fmt.Sprintf("%d at %v with %s", n, rate, trip), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { budget(t, n, rate, trip) })
				})
			}
		}
	}
}

// TestFairness: a process with a long way to the store gets no more turns than the others,
// and no fewer.
func TestFairness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{trip: time.Millisecond}
		o := fleet.Options{PerSecond: 50, Burst: 5}
		near, far := start(t, m, 4, o, 10*time.Millisecond), start(t, farther{m}, 4, o, 10*time.Millisecond)
		time.Sleep(20 * time.Second)
		near.stop()
		far.stop()
		a, b := float64(len(near.end())), float64(len(far.end()))
		if min(a, b)/max(a, b) < .9 {
			t.Errorf("%v requests near the store, %v far from it", a, b)
		}
	})
}

// farther is a store that is farther away.
type farther struct{ fleet.Store }

func (f farther) Turn(ctx context.Context, q fleet.Request) (fleet.Reply, error) {
	time.Sleep(10 * time.Millisecond)
	defer time.Sleep(10 * time.Millisecond)
	return f.Store.Turn(ctx, q)
}

func budget(t *testing.T, n int, rate float64, trip time.Duration) {
	const burst = 5
	long := max(20*time.Second, time.Duration(1000/rate)*time.Second)
	m := &memory{trip: trip}
	begun := time.Now()
	r := start(t, m, n, fleet.Options{PerSecond: rate, Burst: burst}, 10*time.Millisecond)
	time.Sleep(long / 2)
	m.set(func() { m.state = fleet.State{} })
	time.Sleep(long / 2)
	sent := r.end()
	if got := most(sent); got > int(rate)+burst {
		t.Errorf("%d requests in a second", got)
	}
	calls := float64(m.calls()) / float64(len(sent))
	use := float64(between(sent, begun.Add(time.Second), begun.Add(long/2))) / (rate * (long/2 - time.Second).Seconds())
	after := float64(between(sent, begun.Add(long/2+time.Second), begun.Add(long))) / (rate * (long/2 - time.Second).Seconds())
	t.Logf("%d requests, use %.3f and %.3f, %.3f calls for each, fairness %.3f, at most %d", len(sent), use, after, calls, r.fairness(), most(sent))
	if use < .95 || after < .95 {
		t.Errorf("%.2f of the budget were used, and %.2f after the loss", use, after)
	}
	if calls > 1.1 {
		t.Errorf("%.2f calls of the store for each request", calls)
	}
	if f := r.fairness(); f < .9 {
		t.Errorf("fairness %.2f", f)
	}
	if errs := r.errs.Load(); errs != 0 {
		t.Errorf("%d errors", errs)
	}
}

// TestLoss: the budget and the burst are also kept if the store loses its memory after a
// quiet time, if it comes back with an old copy of its memory, and if its clock goes back.
func TestLoss(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(m *memory, old fleet.State){
		"all":        func(m *memory, _ fleet.State) { m.state = fleet.State{} },
		"an old one": func(m *memory, old fleet.State) { m.state = old },
		"a clock":    func(m *memory, _ fleet.State) { m.skew = -time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &memory{trip: time.Millisecond}
				r := start(t, m, processes, fleet.Options{PerSecond: 50, Burst: 5}, 10*time.Millisecond)
				time.Sleep(time.Second)
				var old fleet.State
				m.set(func() { old = m.state })
				time.Sleep(2 * time.Second)
				m.set(func() { lose(m, old) })
				lost := time.Now()
				time.Sleep(2 * time.Second)
				sent := r.end()
				if got := most(sent); got > 55 {
					t.Errorf("%d requests in a second", got)
				}
				if n := between(sent, lost, lost.Add(2*time.Second)); n < 80 {
					t.Errorf("%d requests in the 2 s after the loss", n)
				}
			})
		})
	}
}

// TestBurst: after a quiet time a burst may be sent at once, and no more.
func TestBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{trip: time.Millisecond}
		l := fleet.New(m, fleet.Options{PerSecond: 10, Burst: 5})
		if err := l.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		begun := time.Now()
		var at []time.Duration
		for range 7 {
			if err := l.Wait(t.Context()); err != nil {
				t.Error(err)
			}
			at = append(at, time.Since(begun).Round(time.Millisecond))
		}
		if at[4] > 10*time.Millisecond || at[5] < 100*time.Millisecond || at[6]-at[5] < 100*time.Millisecond || at[6] > 220*time.Millisecond {
			t.Errorf("sent at %s", at)
		}
		time.Sleep(time.Second)
	})
}

// TestPause: a pause that one process was asked for holds back all within 50 ms and a round
// trip, until it is over. A pause of more than a minute does not.
func TestPause(t *testing.T) {
	t.Parallel()
	for asked, pauses := range map[time.Duration]bool{3 * time.Second: true, 0: false, time.Minute + 1: false} {
		for _, rate := range []float64{5, 50, 200} {
			t.Run(fmt.Sprintf("%s at %v", asked, rate), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					const trip = 10 * time.Millisecond
					m := &memory{trip: trip}
					r := start(t, m, processes, fleet.Options{PerSecond: rate, Burst: 5}, 10*time.Millisecond)
					time.Sleep(2*time.Second + 7*time.Millisecond)
					told := time.Now()
					r.limiters[3].Pause(asked)
					time.Sleep(time.Second)
					for i, l := range r.limiters {
						_, until := l.State() // at 5 a second, most have not called the store yet
						if late := until.Sub(told.Add(3*time.Second)).Abs() > 50*time.Millisecond+trip; late == pauses && (rate > 5 || i == 3) {
							t.Errorf("process %d: a pause until %s after it was asked for", i, until.Sub(told))
						}
					}
					time.Sleep(4 * time.Second)
					sent := r.end()
					held := between(sent, told.Add(50*time.Millisecond+trip), told.Add(3*time.Second)) == 0
					if held != pauses {
						t.Errorf("held back: %t", held)
					}
					if n := between(sent, told.Add(3*time.Second), told.Add(5*time.Second)); float64(n) < 1.8*rate {
						t.Errorf("%d requests in the 2 s after the pause", n)
					}
					if got := most(sent); got > int(rate)+5 {
						t.Errorf("%d requests in a second", got)
					}
				})
			})
		}
	}
}

// TestPauseWhileIdle: a process that sends nothing itself reports a pause as well. Without
// a store that responds the report ends with the last request that waits.
func TestPauseWhileIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{away: true}
		told, other := fleet.New(m, fleet.Options{PerSecond: 50}), fleet.New(m, fleet.Options{PerSecond: 50})
		told.Pause(30 * time.Second)
		synctest.Wait() // the dispatcher has given up, or the end of the bubble would find it
		m.set(func() { m.away = false })
		told.Pause(10 * time.Second) // ends before the other
		synctest.Wait()
		told.Pause(40 * time.Second)
		begun := time.Now()
		if err := other.Wait(t.Context()); err != nil || time.Since(begun) != 40*time.Second {
			t.Errorf("waited %s: %v", time.Since(begun), err)
		}
	})
}

// TestDeadline: a request whose deadline is before the end of a pause does not wait for it.
func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := fleet.New(&memory{trip: time.Millisecond}, fleet.Options{PerSecond: 50})
		l.Pause(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begun := time.Now()
		for range 2 {
			const want = "the wait of 30s would pass the context's deadline (context deadline exceeded)"
			err := l.Wait(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || err.Error() != want || time.Since(begun) > 2*time.Millisecond {
				t.Errorf("after %s: %v", time.Since(begun), err)
			}
		}
		time.Sleep(time.Second)
	})
}

// TestContext: a wait ends with its context, whatever the store does, and takes no turn
// from the others.
func TestContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{trip: time.Millisecond}
		l := fleet.New(m, fleet.Options{PerSecond: 1})
		done, stop := context.WithCancel(t.Context())
		stop()
		if err := l.Wait(done); !errors.Is(err, context.Canceled) || m.calls() != 0 {
			t.Errorf("canceled before: %v, %d calls", err, m.calls())
		}
		begun := time.Now()
		var all sync.WaitGroup
		short, end := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer end()
		for i := range 10 {
			ctx := short
			if i == 0 {
				ctx = t.Context()
			}
			all.Go(func() {
				err := l.Wait(ctx)
				if took := time.Since(begun); i > 0 && (!errors.Is(err, context.DeadlineExceeded) || took != 500*time.Millisecond) {
					t.Errorf("after %s: %v", took, err)
				} else if i == 0 && (err != nil || took > 1100*time.Millisecond) {
					t.Errorf("the one that remained waited %s: %v", took, err)
				}
			})
		}
		all.Wait()
		m.set(func() { m.hangs = true })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		begun = time.Now()
		if err := l.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 10*time.Millisecond {
			t.Errorf("a store that hangs: after %s: %v", time.Since(begun), err)
		}
		time.Sleep(2 * time.Second) // the call of the store ends
	})
}

// TestAway: without a store, waits return its error at once, or in a second if it hangs.
// Once it responds they go on.
func TestAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{trip: time.Millisecond, away: true}
		l := fleet.New(m, fleet.Options{PerSecond: 50, Burst: 5})
		begun := time.Now()
		err := l.Wait(t.Context())
		const want = "the store of the shared limiter: connection refused"
		if !errors.Is(err, errAway) || err.Error() != want || time.Since(begun) > time.Millisecond {
			t.Errorf("away: after %s: %v", time.Since(begun), err)
		}
		m.set(func() { m.away, m.hangs = false, true })
		begun = time.Now()
		if err := l.Wait(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 1001*time.Millisecond {
			t.Errorf("hanging: after %s: %v", time.Since(begun), err)
		}
		m.set(func() { m.hangs = false })
		if err := l.Wait(t.Context()); err != nil {
			t.Errorf("back: %v", err)
		}
		time.Sleep(time.Second)
	})
}

// TestAlone: with a share, each process goes on with it while the store is away, or hangs,
// and shares the budget again soon after the store responds, without a burst.
func TestAlone(t *testing.T) {
	t.Parallel()
	for _, hangs := range []bool{false, true} {
		t.Run(fmt.Sprintf("hangs: %t", hangs), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &memory{trip: time.Millisecond}
				r := start(t, m, processes, fleet.Options{PerSecond: 50, Burst: 5, Alone: .1}, 10*time.Millisecond)
				time.Sleep(2 * time.Second)
				m.set(func() { m.away, m.hangs = true, hangs })
				gone := time.Now()
				time.Sleep(10 * time.Second)
				m.set(func() { m.away, m.hangs = false, false })
				back := time.Now()
				time.Sleep(2 * time.Second)
				sent := r.end()
				n := between(sent, gone.Add(2*time.Second), back) // a call that hangs takes a second at first
				if least := 8 * 8 * 5; n > least || n < least*8/10 {
					t.Errorf("%d requests in 8 s while the store was away, want %d", n, least)
				}
				if n := between(sent, back.Add(150*time.Millisecond), back.Add(1150*time.Millisecond)); n < 48 {
					t.Errorf("%d requests in a second after it was back", n)
				}
				if got := most(sent); got > 55 {
					t.Errorf("%d requests in a second", got)
				}
				if errs := r.errs.Load(); errs != 0 {
					t.Errorf("%d errors", errs)
				}
			})
		})
	}
}

// TestOptions: options that are not valid fail each wait.
func TestOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		o    fleet.Options
		want string
	}{
		{fleet.Options{PerSecond: -1}, "the shared limiter: -1 requests a second are not between 0.001 and 10000"},
		{fleet.Options{PerSecond: math.NaN()}, "the shared limiter: NaN requests a second are not between 0.001 and 10000"},
		{fleet.Options{PerSecond: 20_000}, "the shared limiter: 20000 requests a second are not between 0.001 and 10000"},
		{fleet.Options{PerSecond: 1, Burst: -1}, "the shared limiter: a burst of -1"},
		{fleet.Options{PerSecond: 1, Alone: 1.5}, "the shared limiter: a share of 1.5 is not between 0 and 1"},
	} {
		m := &memory{}
		l := fleet.New(m, tt.o)
		l.Pause(time.Second)
		if err := l.Wait(t.Context()); err == nil || err.Error() != tt.want || m.calls() != 0 {
			t.Errorf("%+v: %v, %d calls", tt.o, err, m.calls())
		}
	}
}
