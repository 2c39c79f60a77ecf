package test

import (
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

var limiterTables = flag.Bool("limiters.tables", false, "print the tables of docs/rate-limits.md")

// way is a way to make calls to a server that accepts 50 requests a second and a burst.
type way struct {
	name string
	call func(t *testing.T, s *testkit.Script, burst int) func() error
}

// ways are the default limiter, and those that it is compared with.
var ways = []way{
	{"adaptive (the default)", sdk(func(int) growthgenius.Option { return nil })},
	{"fixed, told the limit", sdk(func(burst int) growthgenius.Option { return growthgenius.WithRateLimit(50, burst) })},
	{"none", sdk(func(int) growthgenius.Option { return growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0)) })},
	{"go-retryablehttp, its defaults", func(_ *testing.T, s *testkit.Script, _ int) func() error {
		c := retryablehttp.NewClient()
		c.Logger = nil
		c.HTTPClient = &http.Client{Transport: s}
		return func() error {
			res, err := c.Get("https://api.test/x")
			if err != nil {
				return err
			}
			return res.Body.Close()
		}
	}},
}

func sdk(option func(burst int) growthgenius.Option) func(*testing.T, *testkit.Script, int) func() error {
	return func(t *testing.T, s *testkit.Script, burst int) func() error {
		c := testkit.Scripted(t, s, option(burst))
		return func() error { return c.Do(t.Context(), "GET", "/x", nil, nil, nil) }
	}
}

// try makes a number of calls, or calls until an amount of time has passed. After a minute,
// the limit is set to changed.
func (w way) try(t *testing.T, burst, calls int, until time.Duration, changed float64) (h *hidden, failed int64, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h = newHidden(50, float64(burst))
		time.AfterFunc(time.Minute, func() { h.setRate(changed) })
		failed = drive(w.call(t, &testkit.Script{Respond: h.answer}, burst), calls, until)
		took = time.Since(h.begun)
	})
	return h, failed, took
}

// figures are the measurements of one way and one burst with a constant limit.
type figures struct {
	wall, goodput, throttled float64 // wall is the time of the short run, in ideal times
	failed                   int64
	row                      string
}

func (w way) measure(t *testing.T, burst, calls int, long time.Duration) (f figures) {
	t.Helper()
	h, failed, took := w.try(t, burst, calls, 0, 50)
	if taken := len(h.taken); taken+int(failed) != calls {
		t.Errorf("%d calls, %d failed, and %d requests were taken", calls, failed, taken)
	}
	f.wall = took.Seconds() / (float64(calls-burst) / 50)
	_, throttled := h.share(0, took)
	f.row = fmt.Sprintf("| %d | %s | %.2f | %s | %d |", burst, w.name, f.wall, percent(throttled), failed)

	h, f.failed, _ = w.try(t, burst, 0, long, 50)
	for _, to := range []time.Duration{time.Minute, long} {
		f.goodput, f.throttled = h.share(0, to)
		f.row += fmt.Sprintf(" %s | %s |", percent(f.goodput), percent(f.throttled))
	}
	f.row += fmt.Sprintf(" %d |\n", f.failed)
	f.failed += failed
	return f
}

// measureChanges returns the table row of a way for a limit that halves or doubles.
func (w way) measureChanges(t *testing.T, burst int) string {
	t.Helper()
	row := fmt.Sprintf("| %d | %s |", burst, w.name)
	for _, changed := range []float64{25, 100} {
		h, failed, _ := w.try(t, burst, 0, 2*time.Minute, changed)
		goodput, throttled := h.share(time.Minute, 2*time.Minute)
		row += fmt.Sprintf(" %s | %s | %s | %d |", settled(h), percent(goodput), percent(throttled), failed)
	}
	return row + "\n"
}

// settled returns how long after the change the first ten seconds begin in which 85% of the
// new limit is used.
func settled(h *hidden) string {
	const window = 10 * time.Second
	for at := time.Minute; at+window <= 2*time.Minute; at += window / 100 {
		if goodput, _ := h.share(at, at+window); goodput >= .85 {
			return fmt.Sprintf("%.1f s", (at - time.Minute).Seconds())
		}
	}
	return "never"
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// TestLimitersSideBySide compares the default limiter with its goals, and with others under
// the same limits. With -limiters.tables, it runs all of them longer, and prints the tables of
// docs/rate-limits.md.
func TestLimitersSideBySide(t *testing.T) { //nolint:tparallel // the runs end before they are compared
	t.Parallel()
	if testing.Short() {
		t.Skip("it is about rates")
	}
	bursts := []struct {
		burst, calls int
		most         float64 // of the ideal time
	}{{50, 1000, 1.10}, {5, 200, 1.35}}
	measured := make([][]figures, len(bursts))
	changes := make([][]string, len(bursts))
	t.Run("runs", func(t *testing.T) {
		for i, tt := range bursts {
			measured[i] = make([]figures, len(ways))
			changes[i] = make([]string, len(ways))
			for j, w := range ways {
				t.Run(fmt.Sprintf("burst %d, %s", tt.burst, w.name), func(t *testing.T) {
					t.Parallel()
					long := time.Minute
					if j == 0 || *limiterTables {
						long = 5 * time.Minute
					}
					measured[i][j] = w.measure(t, tt.burst, tt.calls, long)
					if *limiterTables {
						changes[i][j] = w.measureChanges(t, tt.burst)
					}
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	var tables [2]string
	for i, tt := range bursts {
		ours, told, none, plain := measured[i][0], measured[i][1], measured[i][2], measured[i][3]
		switch {
		case ours.failed != 0:
			t.Errorf("burst %d: %d failed", tt.burst, ours.failed)
		case ours.wall > tt.most || ours.wall > 1.4*told.wall:
			t.Errorf("burst %d: a short run takes %.3f of the ideal time, and %.3f with the limit known", tt.burst, ours.wall, told.wall)
		case ours.goodput < .95 || ours.throttled > .05:
			t.Errorf("burst %d: goodput %.3f, 429s %.3f", tt.burst, ours.goodput, ours.throttled)
		case none.throttled < 10*ours.throttled || plain.throttled < 10*ours.throttled:
			t.Errorf("burst %d: 429s %.3f, without a limiter %.3f, of go-retryablehttp %.3f", tt.burst, ours.throttled, none.throttled, plain.throttled)
		case told.failed != 0 || told.goodput < .95 || told.throttled > .05:
			t.Errorf("burst %d: told the limit, %d failed, goodput %.3f, 429s %.3f", tt.burst, told.failed, told.goodput, told.throttled)
		}
		for j := range ways {
			tables[0] += measured[i][j].row
			tables[1] += changes[i][j]
		}
	}
	if small := measured[1]; small[2].failed == 0 || small[3].failed == 0 {
		t.Errorf("at a burst of 5, %d calls fail without a limiter, %d of go-retryablehttp: this server is too kind", small[2].failed, small[3].failed)
	}
	if !*limiterTables {
		return
	}
	rule := strings.Repeat("|---", 10) + "|\n"
	t.Log("\n\n| burst | limiter | short run: of the ideal time | 429s | failed | 1 min: goodput | 429s | 5 min: goodput | 429s | failed |\n" + rule + tables[0] +
		"\n| burst | limiter | halved: settled after | goodput | 429s | failed | doubled: settled after | goodput | 429s | failed |\n" + rule + tables[1])
}
