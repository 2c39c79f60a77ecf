package readback

import (
	"testing"
	"testing/synctest"
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

// TestEarliestStamp: an update may be stamped as early as the clocks allow that responses have
// shown. One that is ahead is not believed.
func TestEarliestStamp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracker, since := New(Config{}), time.Now()
		expect := func(what string, want time.Duration) {
			t.Helper()
			if got := tracker.EarliestStamp(since).Sub(since); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		expect("nothing is known", -26*time.Hour)
		tracker.clock.Observe(since, since, since.Add(-time.Second))
		expect("a Date header", -time.Second-time.Minute)
		tracker.Stamped(time.Time{}, 0)
		tracker.Stamped(since.Add(-27*time.Hour), 0)
		tracker.Stamped(since, 2*time.Minute)
		expect("what shows nothing", -time.Second-time.Minute)
		tracker.Stamped(since.Add(time.Hour), 0)
		expect("a clock that is ahead", 0)
		tracker.Stamped(since.Add(-5*time.Hour), 0)
		expect("a zone", -5*time.Hour)
		tracker = New(Config{})
		tracker.records.learn(bounds{true, -time.Second, time.Second}, since)
		expect("a response to a create", -time.Second)
	})
}

// TestClockForgets: a clock that was seen once is forgotten when many samples of a minute
// have disagreed, and one that was seen often after ten minutes.
func TestClockForgets(t *testing.T) {
	t.Parallel()
	start := time.Date(2021, 1, 22, 10, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		strays  int           // responses a minute ahead, before all others
		others  int           // responses since
		every   time.Duration // from one of those to the next
		forgets bool
	}{
		"once, a burst":      {1, 200, time.Millisecond, false},
		"once, a few":        {1, 10, time.Minute, false},
		"once":               {1, 40, 2 * time.Second, true},
		"often, a burst":     {2, 500, time.Millisecond, false},
		"often, a minute":    {2, 120, time.Second, false},
		"often, a long time": {2, 120, 10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c Clock
			for range test.strays {
				c.Observe(start, start, start.Add(time.Minute))
			}
			at := start
			for range test.others {
				at = at.Add(test.every)
				c.Observe(at, at, at.Truncate(time.Second))
			}
			if b := c.bounds(); b.low > 0 || b.high < 0 || b.high < time.Minute != test.forgets {
				t.Errorf("%+v", b)
			}
		})
	}
}

// TestManyClocks: more clocks than are kept apart widen what is believed all the same.
func TestManyClocks(t *testing.T) {
	t.Parallel()
	start := time.Date(2021, 1, 22, 10, 0, 0, 0, time.UTC)
	var c Clock
	for i := range 3 * maxSources {
		c.Observe(start, start, start.Add(time.Duration(i)*time.Minute))
	}
	if b := c.bounds(); len(c.sources) != maxSources || b.low != 0 || b.high != (3*maxSources-1)*time.Minute+time.Second {
		t.Errorf("%d sources, %+v", len(c.sources), b)
	}
}

// TestTick: a request that is sent at the tick halves the bounds.
func TestTick(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, 300 * time.Millisecond, -700 * time.Millisecond, time.Hour + 950*time.Millisecond} {
		var c Clock
		at := time.Date(2021, 1, 22, 10, 0, 0, 123e6, time.UTC)
		for range 4 {
			before := c.bounds()
			c.Observe(at, at, at.Add(ahead).Truncate(time.Second))
			if after := c.bounds(); before.known && after.width() > before.width()/2+time.Millisecond {
				t.Errorf("%s ahead: %s wide, and then %s", ahead, before.width(), after.width())
			}
			at = at.Add(c.tick(at, 0))
		}
	}
}
