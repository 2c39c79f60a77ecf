package test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestRetryBudget: there are few retries while the API is down, in whatever way, and as many
// as usual once it is up.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]func(*http.Request) (*http.Response, error){
		"refused": func(r *http.Request) (*http.Response, error) { return nil, refuse(r) },
		"reset":   func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset") },
		"503":     func(*http.Request) (*http.Response, error) { return testkit.Reply(503, ""), nil },
		"504 with Retry-After": func(*http.Request) (*http.Response, error) {
			return testkit.Reply(504, "", "Retry-After", "1"), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := int64(2_000)
				if name == "refused" && !testkit.Race {
					calls = 10_000
				}
				var up atomic.Bool
				s := &testkit.Script{}
				s.Respond = func(n int, r *http.Request) (*http.Response, error) {
					time.Sleep(time.Millisecond)
					if up.Load() {
						return testkit.Reply(200, "{}"), nil
					}
					return down(r)
				}
				c := testkit.Scripted(t, s)
				if failed := work(t, c, int(calls), 0); failed != calls {
					t.Errorf("%d failed", failed)
				}
				if sent := s.Sent.Load(); 5*sent > 6*calls || sent < calls+50 {
					t.Errorf("%d requests for %d calls", sent, calls)
				}
				// The error of a call says if the budget was empty.
				if err := c.Do(t.Context(), "GET", "/x", nil, nil, nil); err == nil || !strings.Contains(err.Error(), "budget") {
					t.Error(err)
				}

				up.Store(true)
				s.Sent.Store(0)
				if failed := work(t, c, 1000, 0); failed != 0 || s.Sent.Load() != 1000 {
					t.Errorf("up again: %d failed, %d requests", failed, s.Sent.Load())
				}
				// If one request in ten fails, it is retried as usual.
				s.Respond = func(n int, r *http.Request) (*http.Response, error) {
					time.Sleep(time.Millisecond)
					if n%10 == 0 {
						return down(r)
					}
					return testkit.Reply(200, "{}"), nil
				}
				for range 200 {
					if err := c.Do(t.Context(), "GET", "/x", nil, nil, nil); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

// TestRetryBudgetOfCreates: read-back uses the budget, too, so that creates during an outage
// do not cause many lists.
func TestRetryBudgetOfCreates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const goroutines, each = 32, 20
		var posts atomic.Int64
		s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
			time.Sleep(time.Millisecond)
			if r.Method == http.MethodPost {
				posts.Add(1)
			}
			return testkit.Reply(503, ""), nil
		}}
		c := testkit.Scripted(t, s)
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for range each {
					if _, err := c.Contacts.Create(t.Context(), testkit.Steve); !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := posts.Load(); n != goroutines*each {
			t.Errorf("%d POSTs for %d creates", n, goroutines*each)
		}
		if sent := s.Sent.Load(); float64(sent) > 1.5*goroutines*each {
			t.Errorf("%d requests for %d creates", sent, goroutines*each)
		}
	})
}

// Test429IsNotOnTheBudget: the limiter is responsible for them.
func Test429IsNotOnTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
			if n%4 != 0 {
				return testkit.Reply(429, "", "Retry-After", "1"), nil
			}
			return testkit.Reply(200, "{}"), nil
		}}
		c := testkit.Scripted(t, s)
		for range 200 {
			if err := c.Do(t.Context(), "GET", "/x", nil, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
}
