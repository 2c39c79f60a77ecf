package pace_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// TestRefusals: a 429 that asks to wait for up to a second holds back only its own call, unless
// more than a third of the last 64 requests were refused, or seven in a row.
func TestRefusals(t *testing.T) {
	t.Parallel()
	random := func(n int, share float64) string {
		r := rand.New(rand.NewPCG(1, 2))
		responses := make([]byte, n)
		for i := range responses {
			responses[i] = 'a'
			if r.Float64() < share {
				responses[i] = 'r'
			}
		}
		return string(responses)
	}
	for _, tt := range []struct {
		name, responses string // r is refused, a is accepted
		least, most     int    // pauses
	}{
		{"six in a row", strings.Repeat("r", 6), 0, 0},
		{"seven in a row", strings.Repeat("r", 7), 1, 1},
		{"six of seven", strings.Repeat("rrrrrra", 3), 0, 0},
		{"all", strings.Repeat("r", 100), 94, 94},
		{"less than a third", strings.Repeat("raaraaraaa", 1000), 0, 0},
		{"more than a third", strings.Repeat("raaraara", 1000), 2900, 3000},
		{"it was long ago", strings.Repeat("r", 22) + strings.Repeat("a", 43) + "r", 16, 16},
		{"it was lately", strings.Repeat("r", 22) + strings.Repeat("a", 42) + "r", 17, 17},
		{"15% at random", random(10_000, .15), 0, 5},
		{"20% at random", random(10_000, .2), 0, 40},
		{"half of them at random", random(10_000, .5), 4800, 10_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := pace.NewGate(rate.NewLimiter(rate.Inf, 0), time.Minute)
				pauses := 0
				for _, response := range tt.responses {
					status := map[rune]int{'r': 429, 'a': 200}[response]
					prolonged := g.Answered("", time.Now(), status, time.Second)
					if d, err := took(t.Context(), g); d != prolonged || err != nil {
						t.Fatalf("waited %s for a pause of %s: %v", d, prolonged, err)
					}
					if prolonged > 0 {
						pauses++
					}
				}
				if pauses < tt.least || pauses > tt.most {
					t.Errorf("%d responses: %d pauses, want %d to %d", len(tt.responses), pauses, tt.least, tt.most)
				}
			})
		})
	}
}

// TestLongRefusals: a longer wait holds back all requests, and so does that of a 503.
func TestLongRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status      int
		asked, want time.Duration
	}{
		{429, time.Second, 0},
		{429, time.Second + 1, time.Second + 1},
		{503, time.Millisecond, time.Millisecond},
		{500, time.Second, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := pace.NewGate(rate.NewLimiter(rate.Inf, 0), time.Minute)
			if got := g.Answered("", time.Now(), tt.status, tt.asked); got != tt.want {
				t.Errorf("%d, %s: a pause of %s, want %s", tt.status, tt.asked, got, tt.want)
			}
		})
	}
}

// shared is a limiter that passes pauses on to other processes.
type shared struct {
	waiter
	pauses []time.Duration
	until  time.Time
}

func (s *shared) Pause(d time.Duration)       { s.pauses = append(s.pauses, d) }
func (s *shared) State() (float64, time.Time) { return 0, s.until }

// TestShared: a shared limiter is told of the pauses that hold back all requests, and of no
// others.
func TestShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shared{waiter: unlimited}
		g := pace.NewGate(s, time.Minute)
		want := func(what string, pauses ...time.Duration) {
			t.Helper()
			if !slices.Equal(s.pauses, pauses) {
				t.Errorf("%s: told %s, want %s", what, s.pauses, pauses)
			}
			s.pauses = nil
		}
		g.Answered("/a", time.Now(), 503, 5*time.Second)
		g.Answered("/a", time.Now(), 429, 3*time.Second)
		want("pauses", 5*time.Second, 3*time.Second)
		g.Answered("/a", time.Now(), 429, time.Second)
		g.Answered("/a", time.Now(), 200, time.Second)
		g.Answered("/a", time.Now(), 503, time.Minute+1)
		want("no pauses")
		g.Answered("/b", time.Now(), 429, 0)
		for range 8 {
			g.Answered("/a", time.Now(), 200, 0)
		}
		g.Answered("/b", time.Now(), 429, 30*time.Second)
		want("a route with a quota of its own")
	})
}

// TestSharedPause: a pause that another process was asked for counts as one.
func TestSharedPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := new(shared)
		s.waiter = func(ctx context.Context) error {
			s.until = time.Now().Add(3 * time.Second)
			return pace.Sleep(ctx, 5*time.Second)
		}
		g := pace.NewGate(s, time.Minute)
		paused, limited, err := g.Measure(t.Context(), "")
		if paused != 3*time.Second || limited != 2*time.Second || err != nil {
			t.Errorf("paused for %s, limited for %s: %v", paused, limited, err)
		}
		s.until = time.Now().Add(time.Second)
		if got := g.Pace().PausedUntil; !got.Equal(s.until) {
			t.Errorf("paused until %s, want %s", got, s.until)
		}
	})
}
