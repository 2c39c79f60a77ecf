package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// hidden is a server with a rate limit that it does not document. It responds in 1 ms of fake
// time, and records when it accepted requests and when it refused them.
type hidden struct {
	mu                  sync.Mutex
	rate, burst, tokens float64
	last                time.Time
	taken, refused      []time.Duration
	begun               time.Time
	after               string // the value of Retry-After
}

func newHidden(perSecond, burst float64) *hidden {
	return &hidden{rate: perSecond, burst: burst, tokens: burst, last: time.Now(), begun: time.Now(), after: "1"}
}

func (h *hidden) take() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.tokens = min(h.burst, h.tokens+now.Sub(h.last).Seconds()*h.rate)
	h.last = now
	if h.tokens < 1 {
		h.refused = append(h.refused, now.Sub(h.begun))
		return false
	}
	h.tokens--
	h.taken = append(h.taken, now.Sub(h.begun))
	return true
}

func (h *hidden) setRate(r float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens = min(h.burst, h.tokens+time.Since(h.last).Seconds()*h.rate)
	h.last, h.rate = time.Now(), r
}

func (h *hidden) answer(int, *http.Request) (*http.Response, error) {
	time.Sleep(500 * time.Microsecond)
	taken := h.take()
	time.Sleep(500 * time.Microsecond)
	if taken {
		return testkit.Reply(200, "{}"), nil
	}
	return testkit.Reply(429, "", "Retry-After", h.after), nil
}

// during returns how many of the instants, which are sorted, are in a period.
func during(at []time.Duration, from, to time.Duration) int {
	first, _ := slices.BinarySearch(at, from)
	end, _ := slices.BinarySearch(at, to)
	return end - first
}

// share returns how much of the limit was used in a period, and how many of the responses
// were 429s, both as a fraction.
func (h *hidden) share(from, to time.Duration) (goodput, throttled float64) {
	taken, refused := float64(during(h.taken, from, to)), float64(during(h.refused, from, to))
	return taken / (h.rate * (to - from).Seconds()), refused / (taken + refused)
}

// work makes calls from 32 goroutines, either a number of them or until an amount of time
// has passed, and returns how many failed.
func work(t *testing.T, c *growthgenius.Client, calls int, until time.Duration) (failed int64) {
	t.Helper()
	return drive(func() error { return c.Do(t.Context(), "GET", "/x", nil, nil, nil) }, calls, until)
}

// drive is work for any kind of call.
func drive(call func() error, calls int, until time.Duration) (failed int64) {
	var made, failures atomic.Int64
	begun := time.Now()
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for {
				if calls > 0 && made.Add(1) > int64(calls) || calls == 0 && time.Since(begun) >= until {
					return
				}
				if call() != nil {
					failures.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return failures.Load()
}

// TestAdaptiveChange: the limiter adapts to a limit that halves within 5 seconds, and to one
// that doubles within 20, or within 30 just after it has probed for more. The rate is
// measured over 20 seconds.
func TestAdaptiveChange(t *testing.T) {
	t.Parallel()
	bursts := []float64{50, 5}
	if testkit.Race {
		bursts = bursts[1:]
	}
	for _, burst := range bursts {
		for _, tt := range []struct {
			at     time.Duration
			rate   float64
			within time.Duration
		}{
			{10 * time.Second, 25, 5 * time.Second}, {20 * time.Second, 25, 5 * time.Second},
			{10 * time.Second, 100, 20 * time.Second}, {20 * time.Second, 100, 20 * time.Second},
			{69 * time.Second, 100, 30 * time.Second},
		} {
			t.Run(fmt.Sprintf("burst %v, %v from %s", burst, tt.rate, tt.at), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					h := newHidden(50, burst)
					time.AfterFunc(tt.at, func() { h.setRate(tt.rate) })
					from, to := tt.at+tt.within, tt.at+tt.within+20*time.Second
					failed := work(t, testkit.Scripted(t, &testkit.Script{Respond: h.answer}), 0, to)
					if goodput, _ := h.share(from, to); goodput < .75 || failed != 0 {
						t.Errorf("goodput %.3f, %d failed", goodput, failed)
					}
				})
			})
		}
	}
}

// TestAdaptiveWithoutLimits: requests to a server without a limit are not slowed down, nor
// are those to a server that responds with a 429 now and then.
func TestAdaptiveWithoutLimits(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(int, *http.Request) (*http.Response, error){
		"none": func(int, *http.Request) (*http.Response, error) { return testkit.Reply(200, "{}"), nil },
		"now and then": func(n int, _ *http.Request) (*http.Response, error) {
			if n%50 == 7 {
				return testkit.Reply(429, ""), nil
			}
			return testkit.Reply(200, "{}"), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
					time.Sleep(time.Millisecond)
					return answer(n, r)
				}}, growthgenius.WithRetry(testkit.Quick))
				if failed := work(t, c, 3200, 0); failed != 0 || time.Since(begun) > time.Second {
					t.Errorf("%d failed, %s", failed, time.Since(begun))
				}
			})
		})
	}
}

// TestFixedRate: no period of any length has more requests than its share and the burst.
func TestFixedRate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate  float64
		burst int
	}{{50, 5}, {50, 50}, {3, 1}, {.5, 2}} {
		t.Run(fmt.Sprintf("%v, %d", tt.rate, tt.burst), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHidden(1e6, 1e6)
				c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
					res, err := h.answer(n, r)
					if n%3 == 0 { // retries count
						res.StatusCode = 500 + n%2
					}
					return res, err
				}}, growthgenius.WithRateLimit(tt.rate, tt.burst), growthgenius.WithRetry(testkit.Quick))
				work(t, c, 300, 0)
				for i, from := range h.taken {
					for j, to := range h.taken[i:] {
						if most := tt.rate*(to-from).Seconds() + float64(tt.burst) + .001; float64(j+1) > most {
							t.Fatalf("%d requests in %s, at most %.1f", j+1, to-from, most)
						}
					}
				}
				if took, ideal := time.Since(h.begun).Seconds(), float64(len(h.taken)-tt.burst)/tt.rate; took > 1.02*ideal+1 {
					t.Errorf("%.1f s for what takes %.1f s", took, ideal)
				}
			})
		})
	}
}

// TestFixedRateBurst: requests with different latencies arrive closer together than they were
// sent, so a limiter that uses the whole burst runs into 429s. They do not hold back the other
// calls. A limiter that leaves part of the burst unused gets none.
func TestFixedRateBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, burst := range []int{1, 5} {
			h := newHidden(50, 5)
			c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
				time.Sleep(5*time.Millisecond + rand.N(5*time.Millisecond))
				return h.answer(n, r)
			}}, growthgenius.WithRateLimit(50, burst))
			failed := work(t, c, 0, time.Minute)
			goodput, throttled := h.share(0, time.Minute)
			t.Logf("burst %d: goodput %.4f, 429s %.4f, %d failed", burst, goodput, throttled, failed)
			if all := burst == 5; (throttled > 0) != all || goodput < .98 || failed != 0 {
				t.Errorf("burst %d: goodput %.4f, 429s %.4f, %d failed", burst, goodput, throttled, failed)
			}
		}
	})
}

// own is a limiter of the program.
type own struct {
	waits atomic.Int64
	mu    sync.Mutex
	told  []string
}

func (o *own) Wait(ctx context.Context) error {
	o.waits.Add(1)
	return ctx.Err()
}

type aware struct{ own }

func (a *aware) Responded(sent time.Time, status int, after time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, fmt.Sprintf("%d %s %s", status, after, time.Since(sent)))
}

// TestOwnLimiter: every request waits for it, those of read-back included, and it learns of
// every response if it is a ResponseAware.
func TestOwnLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var plain own
		var wise aware
		for _, limiter := range []growthgenius.Limiter{&plain, &wise} {
			s := &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
				switch {
				case n == 1:
					return testkit.Reply(429, "", "Retry-After", "3"), nil
				case n == 2:
					return testkit.Reply(429, ""), nil
				case n == 3:
					return testkit.Reply(429, "", "Retry-After", "7200"), nil
				case n == 4 || r.Method == http.MethodPost:
					return testkit.Reply(503, "", "Retry-After", "1"), nil
				case r.URL.Path == "/integrations/v1/contacts":
					return testkit.Reply(200, `{"contacts":[]}`), nil
				}
				return testkit.Reply(200, "{}"), nil
			}}
			c := testkit.Scripted(t, s, growthgenius.WithLimiter(limiter))
			for range 4 {
				_ = c.Do(t.Context(), "GET", "/x", nil, nil, nil)
			}
			testkit.Unknown(t, testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve)))
			waits := plain.waits.Load()
			if limiter == &wise {
				waits = wise.waits.Load()
			}
			// A turn that a pause made worthless is waited for again.
			if sent := s.Sent.Load(); waits < sent || sent < 8 || waits > sent+2 {
				t.Errorf("%d waits for %d requests", waits, sent)
			}
		}
		want := []string{"429 3s 0s", "429 0s 0s", "429 2h0m0s 0s", "503 1s 0s"}
		if len(wise.told) < 8 || !slices.Equal(wise.told[:4], want) || !slices.Contains(wise.told, "200 0s 0s") {
			t.Errorf("told %q", wise.told)
		}
	})
}

// TestLimiterThatRefuses: its error ends the call, with nothing sent, and errors.Is finds it.
func TestLimiterThatRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(200, "{}"), nil }}
		none := rate.NewLimiter(0, 0)
		for _, k := range kinds {
			if err := k.do(t.Context(), testkit.Scripted(t, s, growthgenius.WithLimiter(none))); err == nil || s.Sent.Load() != 0 {
				t.Errorf("%s: %v, %d requests", k.name, err, s.Sent.Load())
			}
		}
	})
}
