package pace_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// TestRefusals: a 429 that asks for the shortest wait holds back all requests only if more than
// one request in four is refused, or seven in a row. A longer wait does at once, and so does
// a 503.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status      int
		asked, want time.Duration
	}{
		{429, 0, 0},
		{429, time.Millisecond, 0},
		{429, time.Second, 0},
		{429, time.Second + 1, time.Second + 1},
		{503, time.Millisecond, time.Millisecond},
		{503, 0, 0},
		{500, time.Minute, 0},
		{200, time.Minute, 0},
	} {
		if got := new(pace.Refusals).Pause(tt.status, tt.asked); got != tt.want {
			t.Errorf("%d, %s: a pause of %s, want %s", tt.status, tt.asked, got, tt.want)
		}
	}
	for _, tt := range []struct {
		responses string // r is refused, a is accepted
		want      int    // pauses
	}{
		{strings.Repeat("r", 6), 0},
		{strings.Repeat("r", 7), 1},
		{strings.Repeat("r", 100), 94},
		{strings.Repeat("raaa", 1000), 0},
		{strings.Repeat("raa", 1000), 982},
		{strings.Repeat("a", 100) + strings.Repeat("r", 7), 1},
		{strings.Repeat("r", 100) + "aaar", 95},
		{strings.Repeat("r", 100) + "aaaar", 94},
	} {
		var r pace.Refusals
		got := 0
		for _, response := range tt.responses {
			if status := map[rune]int{'r': 429, 'a': 200}[response]; r.Pause(status, time.Second) > 0 {
				got++
			}
		}
		if got != tt.want {
			t.Errorf("%.20s, %d responses: %d pauses, want %d", tt.responses, len(tt.responses), got, tt.want)
		}
	}
}

// TestGateRefusals: a gate whose limiter does not learn goes on after a single 429, unless it
// asks for a longer wait than the shortest.
func TestGateRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewGate(rate.NewLimiter(rate.Inf, 0), time.Minute)
		for n, want := range []time.Duration{0, 0, 0, 0, 0, 0, time.Second} {
			prolonged := g.Answered("", time.Now(), 429, time.Second)
			if d, err := took(t.Context(), g); d != want || prolonged != want || err != nil {
				t.Errorf("after %d 429s: waited %s, a pause of %s (%v), want %s", n+1, d, prolonged, err, want)
			}
		}
	})
}
