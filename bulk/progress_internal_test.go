package bulk

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestTimeLeft: after a tenth of the work, the time that a job says is left is within 15% of
// what it takes: in steady runs, in one that the server pauses, and at a rate that is given or
// learned.
func TestTimeLeft(t *testing.T) {
	t.Parallel()
	const units, many = 300, 600
	slow := growthgeniustest.Fault{Delay: 100 * time.Millisecond}
	pause := growthgeniustest.Fault{Status: 503, RetryAfter: 30 * time.Second, Times: 1, Skip: many / 3}
	for name, test := range map[string]struct {
		units  int
		faults []growthgeniustest.Fault
		limit  float64 // of the server
		opts   []growthgenius.Option
		free   func(unit int) bool // of the units, those that need no request
		costly int                 // if the meter is told
		from   time.Duration       // only then can it be known
	}{
		"steady":                      {units: units, faults: []growthgeniustest.Fault{slow}},
		"some without a request":      {units: 1000, faults: []growthgeniustest.Fault{slow}, free: func(unit int) bool { return unit%3 > 0 }},
		"the first without a request": {units: many, faults: []growthgeniustest.Fault{slow}, free: func(unit int) bool { return unit < many/2 }, costly: many / 2},
		"the last without a request":  {units: many, faults: []growthgeniustest.Fault{slow}, free: func(unit int) bool { return unit >= many/2 }, costly: many / 2},
		"a pause after a third":       {units: many, faults: []growthgeniustest.Fault{pause, slow}, from: 6 * time.Second},
		"a given rate":                {units: units, opts: []growthgenius.Option{growthgenius.WithRateLimit(20, 20)}},
		"a learned rate": {
			units: 1000, limit: 10, opts: []growthgenius.Option{growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 10})},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				srv.Inject(test.faults...)
				srv.SetRateLimit(test.limit, 10, time.Second)
				c := srv.NewClient(test.opts...)
				m := newMeter(c)
				m.expect(test.units, true)
				if test.costly > 0 {
					m.cost(test.costly)
				}
				guesses := watch(m)
				work(t, m, test.units, func(unit int) bool { return test.free == nil || !test.free(unit) }, c)
				took, worst, checked := time.Since(m.known.Started), 0., 0
				for at, left := range guesses() {
					if truth := took - at; at >= max(test.from, took/10) && truth >= took/10 {
						worst = max(worst, math.Abs(left.Seconds()/truth.Seconds()-1))
						checked++
					}
				}
				if worst > .15 || checked < 10 {
					t.Errorf("of %s, what was said to be left was wrong by up to %.0f%%, in %d looks", took, worst*100, checked)
				}
				if p := m.progress(); p.Left != 0 || p.Done != test.units {
					t.Errorf("at the end: %+v", p)
				}
			})
		})
	}
}

// watch notes how long a job says that it will take, twice a second. The function that it returns
// stops it.
func watch(m *meter) (stop func() map[time.Duration]time.Duration) {
	guesses, end, ended := map[time.Duration]time.Duration{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(500 * time.Millisecond):
			}
			p := m.progress()
			guesses[time.Since(p.Started)] = p.Left
		}
	}()
	return func() map[time.Duration]time.Duration {
		close(end)
		<-ended
		return guesses
	}
}

// work does units in four goroutines, most of them with a request.
func work(t *testing.T, m *meter, units int, costs func(unit int) bool, c *growthgenius.Client) {
	t.Helper()
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 4 {
		wg.Go(func() {
			for unit := int(next.Add(1)); unit <= units; unit = int(next.Add(1)) {
				calls := 0
				if costs(unit) {
					calls = 1
					if _, err := c.Users.List(t.Context()); err != nil {
						t.Error(err)
						return
					}
				}
				m.done("done", calls)
			}
		})
	}
	wg.Wait()
}

// TestWaiting: a job says why it waits, and measures nothing meanwhile.
func TestWaiting(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithRateLimit(10, 1), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
		srv.Inject(growthgeniustest.Fault{Status: 429, RetryAfter: 50 * time.Second, Times: 1})
		_, err := c.Users.List(t.Context())
		testkit.OnlyIs(t, err, growthgenius.ErrRateLimited)
		time.Sleep(time.Minute) // before the job
		m := newMeter(c)
		check := func(want string) {
			t.Helper()
			if got := m.progress().String(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		check("0 of at least 0")
		if p := m.progress(); p.Rate != 0 || p.Left >= 0 {
			t.Errorf("at first: %+v", p)
		}
		m.during("reading the contacts")
		time.Sleep(time.Hour)
		m.expect(1500, false)
		check("0 of at least 1,500; reading the contacts")
		m.during("reading what has changed")
		time.Sleep(time.Hour)
		m.during("")
		m.expect(2000, true)
		check("0 of 2,000 (0%)")
		for range 200 {
			time.Sleep(10 * time.Millisecond)
			m.done("unchanged", 0)
		}
		check("200 of 2,000 (10%): 200 unchanged; 100/s; 18s left")
		m.progress().Counts["unchanged"] = 7
		m.cost(1000)
		check("200 of 2,000 (10%): 200 unchanged; 100/s")
		m.cost(0)
		if p := m.progress(); p.Left != 0 {
			t.Errorf("%s are left without any request", p.Left)
		}
		m.cost(1000)
		for range 5 {
			time.Sleep(time.Second)
			m.done("created", 1)
		}
		if left := m.progress().Left; left >= 0 {
			t.Errorf("5 requests tell that %s are left", left)
		}
		for range 95 {
			time.Sleep(time.Second)
			m.done("created", 1)
		}
		check("300 of 2,000 (15%): 100 created, 200 unchanged; 1/s; 15m0s left")
		for range 800 {
			time.Sleep(100 * time.Millisecond)
			m.done("created", 1)
		}
		check("1,100 of 2,000 (55%): 900 created, 200 unchanged; 10/s; 10s left; held to 10/s by the rate limit")
		srv.Inject(growthgeniustest.Fault{Status: 429, RetryAfter: 50 * time.Second, Times: 1})
		_, err = c.Users.List(t.Context())
		testkit.OnlyIs(t, err, growthgenius.ErrRateLimited)
		time.Sleep(30 * time.Second)
		until := time.Now().Add(20 * time.Second).Format(time.TimeOnly)
		check("1,100 of 2,000 (55%): 900 created, 200 unchanged; 10/s; 30s left; paused by the server until " + until)
		time.Sleep(20 * time.Second)
		check("1,100 of 2,000 (55%): 900 created, 200 unchanged; 10/s; 10s left; held to 10/s by the rate limit")
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			m.done("created", 1)
		}
		if p := m.progress(); p.Left != 0 {
			t.Errorf("%s are left of 800 units without a request", p.Left)
		}
		m.end()
		time.Sleep(time.Hour)
		check("1,200 of 2,000 (60%): 1,000 created, 200 unchanged; 10/s")
		m.progress().Counts["created"] = 7
		if n := m.progress().Counts["created"]; n != 1000 {
			t.Errorf("a caller has changed a count to %d", n)
		}
		if n := len(m.samples); n > maxSamples {
			t.Errorf("%d samples are kept", n)
		}
	})
}

// TestProgressText: a progress that says little is short.
func TestProgressText(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Progress{
		"0 of 0":                                {Final: true},
		"3 of 12 (25%); 0.12/s":                 {Total: 12, Final: true, Done: 3, Rate: .125},
		"1,234,567 of 9,999,999 (12%); 1s left": {Total: 9_999_999, Final: true, Done: 1_234_567, Left: time.Millisecond},
		"5 of 9 (55%): 1 created, 4 failed":     {Total: 9, Final: true, Done: 5, Counts: map[Outcome]int{"failed": 4, "created": 1}, Left: -1},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
