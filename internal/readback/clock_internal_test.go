package readback

import (
	"testing"
	"time"
)

// TestClock: responses narrow what is known of the server's clock, and one that contradicts
// the others widens it.
func TestClock(t *testing.T) {
	t.Parallel()
	var c Clock
	if b := c.bounds(); b.known {
		t.Errorf("known before any response: %+v", b)
	}
	start := time.Date(2021, 1, 22, 10, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		sent, received, date time.Duration // since start
		low, high            time.Duration
	}{
		{0, 200 * time.Millisecond, 60 * time.Second, 59800 * time.Millisecond, 61 * time.Second},
		{900 * time.Millisecond, 1100 * time.Millisecond, 61 * time.Second, 59900 * time.Millisecond, 61 * time.Second},
		{1900 * time.Millisecond, 2000 * time.Millisecond, 62 * time.Second, 60 * time.Second, 61 * time.Second},
		{2700 * time.Millisecond, 2800 * time.Millisecond, 62 * time.Second, 60 * time.Second, 60300 * time.Millisecond},
		{3 * time.Second, 9 * time.Second, 65 * time.Second, 60 * time.Second, 60300 * time.Millisecond},  // a slow one changes nothing
		{10 * time.Second, 10 * time.Second, 5 * time.Second, -5 * time.Second, 60300 * time.Millisecond}, // another clock
		{11 * time.Second, 11 * time.Second, 71 * time.Second, -5 * time.Second, 60300 * time.Millisecond},
	} {
		c.Observe(start.Add(step.sent), start.Add(step.received), start.Add(step.date))
		if b := c.bounds(); !b.known || b.low != step.low || b.high != step.high {
			t.Errorf("after a response at %s: %+v, want %s to %s", step.received, b, step.low, step.high)
		}
	}
}
