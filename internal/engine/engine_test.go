package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// TestDo: a response comes with its status, header and body, whatever the status.
func TestDo(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 422} {
		s := always(func(*http.Request) (*http.Response, error) { return reply(status, `{"a":1}`, "X-Odd", "yes"), nil })
		out := newEngine(t, s).Do(t.Context(), call)
		if out.Err != nil || out.Ended != nil || out.GaveUp != "" || out.Sent != 1 || out.Ambiguous != (status == 301) {
			t.Errorf("%d: %+v", status, out)
		}
		if r := out.Response; r.Status != status || r.Header.Get("X-Odd") != "yes" || string(r.Body) != `{"a":1}` {
			t.Errorf("%d: %+v", status, out.Response)
		}
	}
}

// TestRedirectsAreNotFollowed: to another path of the same server neither.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := always(func(*http.Request) (*http.Response, error) { return reply(status, "", "Location", "/elsewhere"), nil })
		for _, c := range []engine.Call{call, post} {
			sent := s.n.Load()
			if out := newEngine(t, s).Do(t.Context(), c); out.Response == nil || out.Response.Status != status || s.n.Load() != sent+1 {
				t.Errorf("%d: %+v after %d requests", status, out, s.n.Load()-sent)
			}
		}
	}
}

// TestSent: the requests of the call that were sent before count: for the attempts that it
// may make, and in the outcome.
func TestSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for before, want := range map[int]int{0: 4, 1: 4, 3: 4, 4: 5, 7: 8} {
			c := call
			c.Sent = before
			s := statuses(503)
			if out := newEngine(t, s).Do(t.Context(), c); out.Sent != want || int(s.n.Load()) != want-before {
				t.Errorf("after %d: sent %d, %d requests", before, out.Sent, s.n.Load())
			}
		}
	})
}

// TestLimiterBeforeEveryAttempt: the limiter is waited for before each request, with the
// context of the call.
func TestLimiterBeforeEveryAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		s := always(func(*http.Request) (*http.Response, error) {
			order = append(order, "request")
			return reply(503, ""), nil
		})
		limiter := waiter(func(ctx context.Context) error {
			route, ok := engine.Route(ctx)
			order = append(order, fmt.Sprintf("wait %s %t", route, ok))
			return nil
		})
		newEngine(t, s, withLimiter(limiter)).Do(t.Context(), call)
		if want := slices.Repeat([]string{"wait /contacts/{id} true", "request"}, 4); !slices.Equal(order, want) {
			t.Errorf("%q", order)
		}
	})
}

// TestLimiterThatRefuses: its error is the outcome, and nothing is sent.
func TestLimiterThatRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("redis: connection refused")
	empty := rate.NewLimiter(rate.Every(24*time.Hour), 1)
	empty.Allow()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for name, tt := range map[string]struct {
		limiter  pace.Limiter
		is       error
		text     string
		deadline bool
	}{
		"broken": {waiter(func(context.Context) error { return broken }), broken, "waiting for the rate limiter: redis: connection refused", false},
		"past the deadline": {
			empty, context.DeadlineExceeded, "waiting for the rate limiter: the wait would pass the context's deadline (context deadline exceeded)", true,
		},
	} {
		s := statuses(200)
		c := call
		c.Sent = 2
		out := newEngine(t, s, withLimiter(tt.limiter)).Do(ctx, c)
		if out.Response != nil || !errors.Is(out.Err, tt.is) || out.Err.Error() != tt.text || out.GaveUp != "" ||
			out.Sent != 2 || out.Ambiguous || s.n.Load() != 0 || errors.Is(out.Err, context.DeadlineExceeded) != tt.deadline {
			t.Errorf("%s: %+v after %d requests", name, out, s.n.Load())
		}
	}
}

// TestCanceledBefore: nothing is sent if the context has ended.
func TestCanceledBefore(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := statuses(200)
	if out := newEngine(t, s).Do(ctx, call); !errors.Is(out.Err, context.Canceled) || out.Sent != 0 || s.n.Load() != 0 {
		t.Errorf("%+v after %d requests", out, s.n.Load())
	}
}

// TestWaitCutShort: a context that ends, or a limiter that fails, while the call waits to be
// retried. The error includes the attempt before.
func TestWaitCutShort(t *testing.T) {
	t.Parallel()
	broken := errors.New("redis: no " + secretKey)
	for name, tt := range map[string]struct {
		s    *script
		text string
		is   error
		ends bool // the context does, while the call waits
	}{
		"canceled after a status": {
			statuses(503), "waiting to try again after 503 Service Unavailable: context canceled", context.Canceled, true,
		},
		"canceled after an error": {
			failing(errReset), "waiting to try again after connection reset: context canceled", context.Canceled, true,
		},
		"the limiter": {
			statuses(429), "waiting to try again after 429 Too Many Requests: waiting for the rate limiter: redis: no [redacted]", nil, false,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			turns := 0
			limiter := waiter(func(context.Context) error {
				turns++
				if turns > 1 && !tt.ends {
					return broken
				}
				return nil
			})
			p := policy
			if tt.ends {
				p.MinBackoff, p.MaxBackoff = time.Hour, time.Hour
				time.AfterFunc(time.Microsecond, cancel)
			}
			out := newEngine(t, tt.s, withRetry(p), withLimiter(limiter)).Do(ctx, call)
			if out.Response != nil || out.Err == nil || out.Err.Error() != tt.text || (tt.is != nil && !errors.Is(out.Err, tt.is)) {
				t.Errorf("%s: %v", name, out.Err)
			}
			if out.GaveUp != "" || out.Sent != 1 || !out.Ambiguous == strings.HasPrefix(name, "canceled") {
				t.Errorf("%s: %+v", name, out)
			}
		})
	}
}

// TestPauseForAll: a response that asks for a wait stops the other calls too.
func TestPauseForAll(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			s := &script{respond: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return reply(status, "", "Retry-After", "5"), nil
				}
				if took := time.Since(begun); took != 5*time.Second {
					t.Errorf("%d: request %d was sent after %s", status, n, took)
				}
				return reply(200, "{}"), nil
			}}
			e := newEngine(t, s)
			once := call
			once.Once = true
			e.Do(t.Context(), once)
			if out := e.Do(t.Context(), call); out.Err != nil {
				t.Error(out.Err)
			}
		})
	}
}

// TestPauseIsReported: the gate learns of the status and of the wait, and the clock of the
// Date header before that.
func TestPauseIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		begun := time.Now()
		s := &script{respond: func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if n == 1 {
				return reply(429, "", "Retry-After", "7", "Date", "today"), nil
			}
			return reply(200, "{}"), nil
		}}
		e := newEngine(t, s, withLimiter(aware(func(sent time.Time, status int, asked time.Duration) {
			order = append(order, fmt.Sprintf("%d %s %s", status, sent.Sub(begun), asked))
		})),
			func(c *engine.Config) {
				c.Date = func(sent, received time.Time, res *engine.Response) {
					order = append(order, fmt.Sprintf("date %q %s %s", res.Header.Get("Date"), sent.Sub(begun), received.Sub(begun)))
				}
			})
		e.Do(t.Context(), call)
		want := []string{"429 0s 7s", `date "today" 0s 1s`, `date "" 8s 9s`, "200 8s 0s"}
		if !slices.Equal(order, want) {
			t.Errorf("%q, want %q", order, want)
		}
	})
}

// TestLeave: Leave is called right before each request, after the waits for the limiter and
// for a retry. If it fails, or the context has ended by then, nothing is sent.
func TestLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var left []time.Duration
		s := statuses(429, 200)
		e := newEngine(t, s, withLimiter(rate.NewLimiter(rate.Every(10*time.Second), 1)))
		e.Do(t.Context(), call) // uses up the burst
		post := engine.Call{Method: http.MethodPost, URL: call.URL, Leave: func() error {
			left = append(left, time.Since(begun))
			return nil
		}}
		s.n.Store(0)
		if out := e.Do(t.Context(), post); out.Err != nil || out.Sent != 2 {
			t.Errorf("%+v", out)
		}
		if len(left) != 2 || left[0] < 10*time.Second || left[1] < left[0]+9*time.Second {
			t.Errorf("left at %v", left)
		}
		s.n.Store(0)
		refused := errors.New("refused")
		post.Leave = func() error { return refused }
		if out := e.Do(t.Context(), post); !errors.Is(out.Err, refused) || out.Sent != 0 || out.Ambiguous || s.n.Load() != 0 {
			t.Errorf("%+v, %d requests", out, s.n.Load())
		}
		ctx, cancel := context.WithCancel(t.Context())
		post.Leave = func() error { cancel(); return nil }
		if out := e.Do(ctx, post); !errors.Is(out.Err, context.Canceled) || out.Sent != 0 || out.Ambiguous || s.n.Load() != 0 {
			t.Errorf("%+v, %d requests", out, s.n.Load())
		}
	})
}

// TestLeaveLate: a request that a stall held up after its turn waits for another one, and asks
// again whether it may leave. One that is always held up as long does not.
func TestLeaveLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		waits, left := 0, 0
		var waitError error
		limiter := waiter(func(context.Context) error { waits++; return waitError })
		e := newEngine(t, statuses(200), withLimiter(limiter))
		slow := time.Millisecond
		post := engine.Call{Method: http.MethodPost, URL: address, Leave: func() error {
			left++
			if waits == left { // the first time for this turn
				time.Sleep(slow)
			}
			return nil
		}}
		for range 10 {
			if out := e.Do(t.Context(), post); out.Err != nil || out.Sent != 1 {
				t.Errorf("%+v", out)
			}
		}
		if waits != 10 || left != 10 {
			t.Errorf("%d turns and %d checks for 10 requests", waits, left)
		}
		slow = 150 * time.Millisecond
		post.Leave = func() error {
			left++
			if left == 11 {
				time.Sleep(slow)
			}
			return nil
		}
		if out := e.Do(t.Context(), post); out.Err != nil || waits != 12 || left != 12 {
			t.Errorf("%+v, %d turns and %d checks", out, waits, left)
		}
		again := post // a retry of an update must not wait after it has read the record
		again.Recheck = func(time.Time) error { return nil }
		again.Leave = func() error { time.Sleep(slow); return nil }
		if out := e.Do(t.Context(), again); out.Err != nil || waits != 13 {
			t.Errorf("%+v, %d turns", out, waits)
		}
		refused := errors.New("refused")
		post.Leave = func() error {
			left++
			waitError = refused
			time.Sleep(slow)
			return nil
		}
		if out := e.Do(t.Context(), post); !errors.Is(out.Err, refused) || out.Sent != 0 || left != 13 {
			t.Errorf("%+v, %d checks", out, left)
		}
	})
}

// TestLeaveRefusesRetry: a retry that may not leave ends the call.
func TestLeaveRefusesRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		left := 0
		refused := errors.New("refused")
		c := call
		c.Leave = func() error {
			left++
			if left == 2 {
				return refused
			}
			return nil
		}
		if out := newEngine(t, statuses(503)).Do(t.Context(), c); !errors.Is(out.Err, refused) || out.Sent != 1 || !out.Ambiguous || left != 2 {
			t.Errorf("%+v, %d checks", out, left)
		}
	})
}

// aware is a limiter that learns of responses.
type aware func(sent time.Time, status int, asked time.Duration)

func (aware) Wait(context.Context) error                                  { return nil }
func (a aware) Responded(sent time.Time, status int, asked time.Duration) { a(sent, status, asked) }
