package pace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// waiter is a limiter in one function.
type waiter func(context.Context) error

func (w waiter) Wait(ctx context.Context) error { return w(ctx) }

func unlimited(context.Context) error { return nil }

// took returns how long a wait at the gate takes, and its error.
func took(ctx context.Context, g *pace.Gate) (time.Duration, error) {
	begun := time.Now()
	err := g.Wait(ctx, "")
	return time.Since(begun), err
}

// TestGatePause: a 429 or 503 that asks for a wait stops all requests for so long, with
// whatever limiter. No other status does, and no wait that is too long.
func TestGatePause(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status      int
		asked, want time.Duration
	}{
		{429, 5 * time.Second, 5 * time.Second},
		{503, 5 * time.Second, 5 * time.Second},
		{200, 5 * time.Second, 0},
		{500, 5 * time.Second, 0},
		{429, time.Minute, time.Minute},
		{429, time.Minute + 1, 0},
		{503, time.Minute + 1, 0},
		{429, 1<<63 - 1, 0},
		{429, 0, 0},
	} {
		for name, limiter := range map[string]pace.Limiter{
			"own": waiter(unlimited), "fixed": rate.NewLimiter(rate.Inf, 0), "adaptive": nil,
		} {
			t.Run(fmt.Sprintf("%+v, %s", tt, name), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					if limiter == nil {
						limiter = pace.NewAdaptive()
					}
					g := pace.NewGate(limiter, time.Minute)
					g.Answered("", time.Now(), tt.status, tt.asked)
					for _, want := range []time.Duration{tt.want, 0} {
						if d, err := took(t.Context(), g); err != nil || d != want {
							t.Errorf("waited %s, want %s: %v", d, want, err)
						}
						time.Sleep(time.Second) // the adaptive limiter paces from now on
					}
				})
			})
		}
	}
}

// TestGatePauses: of two pauses the one that ends later counts.
func TestGatePauses(t *testing.T) {
	t.Parallel()
	for _, asked := range [][]time.Duration{{2 * time.Second, 5 * time.Second}, {5 * time.Second, 2 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			g := pace.NewGate(waiter(unlimited), time.Minute)
			for _, d := range asked {
				g.Answered("", time.Now(), 429, d)
			}
			if d, err := took(t.Context(), g); err != nil || d != 5*time.Second {
				t.Errorf("%v: waited %s: %v", asked, d, err)
			}
		})
	}
}

// TestGatePauseMeanwhile: a pause that begins while a request waits for the limiter is
// waited out, and then the limiter again.
func TestGatePauseMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		var g *pace.Gate
		g = pace.NewGate(waiter(func(context.Context) error {
			turns++
			if turns == 1 {
				g.Answered("", time.Now(), 503, 3*time.Second)
			}
			return nil
		}), time.Minute)
		if d, err := took(t.Context(), g); err != nil || d != 3*time.Second || turns != 2 {
			t.Errorf("waited %s and took %d turns: %v", d, turns, err)
		}
	})
}

// TestGateContext: a context that ends, or whose deadline is before the end of the pause,
// ends the wait.
func TestGateContext(t *testing.T) {
	t.Parallel()
	paused := func() *pace.Gate {
		g := pace.NewGate(waiter(unlimited), time.Minute)
		g.Answered("", time.Now(), 429, 10*time.Second)
		return g
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if d, err := took(ctx, paused()); !errors.Is(err, context.DeadlineExceeded) || d != 0 {
			t.Errorf("a deadline before the end: %v after %s", err, d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		if d, err := took(ctx, paused()); err != nil || d != 10*time.Second {
			t.Errorf("a deadline after the end: %v after %s", err, d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(4*time.Second, cancel)
		if d, err := took(ctx, paused()); !errors.Is(err, context.Canceled) || d != 4*time.Second {
			t.Errorf("canceled: %v after %s", err, d)
		}
	})
	// A limiter that does not check the context does not let a request through.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pace.NewGate(waiter(unlimited), time.Minute).Wait(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
}

// response is what a limiter learns of one.
type response struct {
	sent   time.Time
	status int
	asked  time.Duration
}

// aware is a limiter that learns of responses.
type aware struct {
	waiter
	told []response
}

func (a *aware) Responded(sent time.Time, status int, asked time.Duration) {
	a.told = append(a.told, response{sent, status, asked})
}

// TestResponseAware: such a limiter learns of every response: when the request was sent,
// the status, and the wait as the server asked for it, even if that is too long for a pause.
func TestResponseAware(t *testing.T) {
	t.Parallel()
	a := &aware{waiter: unlimited}
	g := pace.NewGate(a, time.Second)
	var want []response
	for i, d := range []time.Duration{time.Millisecond, 0, 2 * time.Hour} {
		for _, status := range []int{429, 503, 200, 404} {
			r := response{time.Now().Add(-time.Duration(i) * time.Minute), status, d}
			g.Answered("", r.sent, r.status, r.asked)
			want = append(want, r)
		}
	}
	if !slices.Equal(a.told, want) {
		t.Errorf("the limiter was told %v, want %v", a.told, want)
	}
}

// TestGatePaused: a gate tells when a pause ends, and how long all of them have lasted. None
// counts twice, or for longer than requests were held back.
func TestGatePaused(t *testing.T) {
	t.Parallel()
	for name, limiter := range map[string]pace.Limiter{"own": waiter(unlimited), "adaptive": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if limiter == nil {
					limiter = pace.NewAdaptive()
				}
				g := pace.NewGate(limiter, time.Minute)
				check := func(what string, left, paused time.Duration) {
					t.Helper()
					got := g.Pace()
					if d := max(0, time.Until(got.PausedUntil)); d != left || got.Paused != paused {
						t.Errorf("%s: %s are left of a pause, and %s have passed, want %s and %s", what, d, got.Paused, left, paused)
					}
				}
				check("at first", 0, 0)
				g.Answered("", time.Now(), 429, 5*time.Second)
				check("a pause has begun", 5*time.Second, 0)
				time.Sleep(2 * time.Second)
				g.Answered("", time.Now(), 503, 6*time.Second)
				check("a longer one has begun", 6*time.Second, 2*time.Second)
				time.Sleep(time.Minute)
				check("both are over", 0, 8*time.Second)
				g.Answered("", time.Now(), 200, 0)
				g.Answered("", time.Now(), 503, 2*time.Second)
				time.Sleep(time.Second)
				check("in another one", time.Second, 9*time.Second)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewGate(pace.NewAdaptive(), time.Minute)
		g.Answered("", time.Now(), 429, 5*time.Second)
		time.Sleep(2 * time.Second)
		for range 8 { // the limit was not of the rate
			g.Answered("", time.Now(), 200, 0)
		}
		time.Sleep(time.Second)
		if got := g.Pace(); got.PausedUntil.After(time.Now()) || got.Paused != 2*time.Second {
			t.Errorf("a pause that ended early: %+v", got)
		}
	})
}

// TestGateRate: a gate tells the rate of its limiter, if there is one.
func TestGateRate(t *testing.T) {
	t.Parallel()
	for limiter, want := range map[pace.Limiter]float64{
		rate.NewLimiter(10, 1): 10, rate.NewLimiter(rate.Inf, 0): 0, pace.NewAdaptive(): 0,
	} {
		if got := pace.NewGate(limiter, 0).Pace().PerSecond; got != want {
			t.Errorf("%T has a rate of %v, want %v", limiter, got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g, srv := pace.NewGate(pace.NewAdaptive(), time.Minute), newTokens(10, 1)
		g.Answered("", time.Now(), 429, time.Second)
		if got := g.Pace().PerSecond; got != 0 {
			t.Errorf("a pause alone shows a rate of %v", got)
		}
		for range 400 {
			if err := g.Wait(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			sent, status := time.Now(), 200
			if !srv.accept(sent) {
				status = 429
			}
			time.Sleep(20 * time.Millisecond)
			g.Answered("", sent, status, 0)
		}
		if got := g.Pace().PerSecond; got < 9 || got > 11 {
			t.Errorf("the rate that was learned is %v a second, want 10", got)
		}
	})
}

// TestGateMeasure: a wait is told apart by what it was for, and a response tells by how much
// it prolongs the pause.
func TestGateMeasure(t *testing.T) {
	t.Parallel()
	for name, limiter := range map[string]func() pace.Limiter{
		"fixed":    func() pace.Limiter { return rate.NewLimiter(1, 1) },
		"adaptive": func() pace.Limiter { return pace.NewAdaptive() },
		"slow": func() pace.Limiter {
			return waiter(func(ctx context.Context) error { return pace.Sleep(ctx, time.Second) })
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := pace.NewGate(limiter(), time.Minute)
			measure := func(want, limited time.Duration) {
				t.Helper()
				paused, rest, err := g.Measure(t.Context(), "/users")
				if err != nil || paused.Round(time.Second) != want || rest.Round(time.Second) != limited {
					t.Errorf("%s: paused for %s, limited for %s, %v; want %s and %s", name, paused, rest, err, want, limited)
				}
			}
			answered := func(asked, want time.Duration) {
				t.Helper()
				if got := g.Answered("/users", time.Now(), 503, asked); got != want {
					t.Errorf("%s: asked to wait %s, the pause is %s longer, want %s", name, asked, got, want)
				}
			}
			first := map[string]time.Duration{"slow": time.Second}[name]
			later := map[string]time.Duration{"slow": time.Second, "fixed": 0}[name]
			measure(0, first)
			answered(0, 0)
			answered(10*time.Second, 10*time.Second)
			time.Sleep(4 * time.Second)
			answered(3*time.Second, 0)
			answered(7*time.Second, time.Second)
			answered(2*time.Minute, 0)
			measure(7*time.Second, later)
		})
	}
}

// TestLate: a request is late if it took 25 ms more than twice the usual time to leave. A
// database that is always slow is usual after a while, whether or not others wait for it.
func TestLate(t *testing.T) {
	t.Parallel()
	for _, usual := range []time.Duration{time.Millisecond, 200 * time.Millisecond} {
		used := func() (g *pace.Gate, late int) {
			g = pace.NewGate(waiter(unlimited), time.Minute)
			for range 1500 {
				if g.Late(usual) {
					late++
				}
				if g.Late(time.Millisecond - 1) {
					t.Error("a request that waited for nothing is late")
				}
			}
			return g, late
		}
		g, late := used()
		if isFast := usual < 25*time.Millisecond; isFast && late != 0 || !isFast && (late < 50 || late > 150) {
			t.Errorf("%s each time: %d were late", usual, late)
		}
		bound := 2*usual + 25*time.Millisecond
		if g.Late(bound - usual/10) {
			t.Errorf("%s each time: %s is late", usual, bound-usual/10)
		}
		if g, _ = used(); !g.Late(bound + usual/10) {
			t.Errorf("%s each time: %s is not late", usual, bound+usual/10)
		}
		g, _ = used()
		for i := range 40 { // which a stall holds up together
			if !g.Late(4*usual + 150*time.Millisecond) {
				t.Errorf("%s each time: number %d is not late after a stall", usual, i)
			}
		}
	}
}
