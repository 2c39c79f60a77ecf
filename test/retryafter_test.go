package test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

const forever = time.Duration(1<<63 - 1)

// TestRetryAfter: the wait is exactly what the header says, in seconds or as a date, whatever
// the clocks say. An invalid value is ignored, and one that is too long ends the call.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const backoff = 10 * time.Millisecond
	server := time.Date(2024, 2, 29, 23, 59, 50, 0, time.UTC) // far from the bubble's clock
	date := server.Format(http.TimeFormat)
	for name, tt := range map[string]struct {
		after, date string
		wait        time.Duration // -1: the backoff
		stop        time.Duration // the RetryAfter of the error, if the call ends at once
	}{
		"1":                    {"1", date, time.Second, 0},
		"7":                    {"7", date, 7 * time.Second, 0},
		"0":                    {"0", date, -1, 0},
		"0060":                 {"0060", date, time.Minute, 0},
		"61":                   {"61", date, 0, 61 * time.Second},
		"3600":                 {"3600", date, 0, time.Hour},
		"9223372036854775807":  {"9223372036854775807", date, 0, forever},
		"9223372036":           {"9223372036", date, 0, 9223372036 * time.Second},
		"9223372037":           {"9223372037", date, 0, forever},
		"18446744073709551615": {"18446744073709551615", date, 0, forever},
		"beyond 64 bits":       {strings.Repeat("9", 40), date, 0, forever},
		"absent":               {"", date, -1, 0},
		"negative":             {"-5", date, -1, 0},
		"plus":                 {"+5", date, -1, 0},
		"fraction":             {"1.5", date, 1500 * time.Millisecond, 0},
		"exponent":             {"1e3", date, -1, 0},
		"hex":                  {"0x10", date, -1, 0},
		"words":                {"soon", date, -1, 0},
		"list":                 {"1, 2", date, -1, 0},
		"garbage":              {"\x00\xff", date, -1, 0},
		"date":                 {server.Add(20 * time.Second).Format(http.TimeFormat), date, 20 * time.Second, 0},
		"date, RFC 850":        {server.Add(20 * time.Second).Format("Monday, 02-Jan-06 15:04:05 GMT"), date, 20 * time.Second, 0},
		"date, asctime":        {server.Add(20 * time.Second).Format(time.ANSIC), date, 20 * time.Second, 0},
		"date that is now":     {date, date, -1, 0},
		"date that has passed": {server.Add(-time.Hour).Format(http.TimeFormat), date, -1, 0},
		"date next year":       {server.AddDate(1, 0, 0).Format(http.TimeFormat), date, 0, 366 * 24 * time.Hour},
		"date, own clock":      {"Sat, 01 Jan 2000 00:00:09 GMT", "", 9 * time.Second, 0},
		"date, odd Date":       {"Sat, 01 Jan 2000 00:00:09 GMT", "today", 9 * time.Second, 0},
		"date without a zone":  {"Sat, 01 Jan 2000 00:00:09", date, -1, 0},
	} {
		for _, status := range []int{429, 503} {
			for _, limit := range []growthgenius.Option{nil, growthgenius.WithRateLimit(1000, 1000)} {
				t.Run(fmt.Sprintf("%s, %d, limited %v", name, status, limit != nil), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						begun := time.Now()
						var second time.Duration
						c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
							if n == 2 {
								second = time.Since(begun)
								return testkit.Reply(200, `{"contact":{"id":1}}`), nil
							}
							res := testkit.Reply(status, "", "Retry-After", tt.after, "Date", tt.date)
							if tt.after == "" {
								res.Header.Del("Retry-After")
							}
							return res, nil
						}}, limit, growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: backoff, MaxBackoff: backoff}))
						_, err := c.Contacts.Get(t.Context(), "1")
						switch {
						case tt.stop > 0:
							e, ok := errors.AsType[*growthgenius.APIError](err)
							if !ok || e.RetryAfter != tt.stop || e.StatusCode != status || time.Since(begun) != 0 || !strings.Contains(err.Error(), "MaxRetryAfter") {
								t.Errorf("%v after %s", err, time.Since(begun))
							}
						case err != nil:
							t.Error(err)
						case tt.wait < 0 && second > backoff || tt.wait >= 0 && second != tt.wait:
							t.Errorf("waited %s, want %s", second, tt.wait)
						}
					})
				})
			}
		}
	}
}

// TestRetryAfterCap: RetryPolicy sets it. A create waits after a 429, too.
func TestRetryAfterCap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for after, ok := range map[string]bool{"3600": true, "3601": false} {
			posts := 0
			c := testkit.Scripted(t, &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
				posts++
				if posts == 1 {
					return testkit.Reply(429, "", "Retry-After", after), nil
				}
				return testkit.Reply(200, `{"contact":{"id":1,"email":"sjobs@apple.com"}}`), nil
			}}, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxRetryAfter: time.Hour}))
			begun := time.Now()
			_, err := c.Contacts.Create(t.Context(), testkit.Steve)
			if took := time.Since(begun); ok && (err != nil || took != time.Hour) || !ok && (!errors.Is(err, growthgenius.ErrRateLimited) || errors.Is(err, growthgenius.ErrOutcomeUnknown) || took != 0) {
				t.Errorf("%s: %v after %s", after, err, took)
			}
		}
	})
}

// TestRetryAfterPastTheDeadline: the call ends at once, and its error has the response with
// the wait that the server asked for.
func TestRetryAfterPastTheDeadline(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		synctest.Test(t, func(t *testing.T) {
			c := testkit.Scripted(t, &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
				return testkit.Reply(429, "", "Retry-After", "20"), nil
			}})
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err := k.do(ctx, c)
			e, ok := errors.AsType[*growthgenius.APIError](err)
			if !ok || e.RetryAfter != 20*time.Second || !errors.Is(err, growthgenius.ErrRateLimited) || time.Since(begun) != 0 || !strings.Contains(err.Error(), "deadline") {
				t.Errorf("%s: %v after %s", k.name, err, time.Since(begun))
			}
		})
	}
}

// TestRetryAfterPausesEverybody: all calls of the client pause, those that have not begun
// and those that wait for a retry, with whatever limiter, and no longer than asked for.
func TestRetryAfterPausesEverybody(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]func() growthgenius.Option{
		"adaptive": func() growthgenius.Option { return nil },
		"fixed":    func() growthgenius.Option { return growthgenius.WithRateLimit(1000, 1000) },
		"own":      func() growthgenius.Option { return growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0)) },
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					begun := time.Now()
					var mu sync.Mutex
					var arrived []time.Duration
					c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
						mu.Lock()
						defer mu.Unlock()
						arrived = append(arrived, time.Since(begun))
						if n == 1 {
							return testkit.Reply(status, "", "Retry-After", "5"), nil
						}
						return testkit.Reply(200, `{"contact":{"id":1}}`), nil
					}}, opt())
					var wg sync.WaitGroup
					for i := range 20 {
						wg.Go(func() {
							if i > 0 {
								time.Sleep(time.Duration(i) * 100 * time.Millisecond)
							}
							if _, err := c.ForUser(growthgenius.IntID(int64(i+1))).Contacts.Get(t.Context(), "1"); err != nil {
								t.Error(err)
							}
						})
					}
					wg.Wait()
					if len(arrived) != 21 || arrived[0] != 0 {
						t.Fatalf("requests arrived after %v", arrived)
					}
					if slices.Min(arrived[1:]) < 5*time.Second || slices.Max(arrived) > 6*time.Second {
						t.Errorf("requests arrived after %v", arrived)
					}
				})
			})
		}
	}
}
