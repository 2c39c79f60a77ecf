package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// TestLog: a debug record for each attempt, a warning for each retry, as they are to be
// read by programs.
func TestLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{
			Level: slog.LevelDebug,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))
		s := &script{respond: func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(30 * time.Millisecond)
			switch n {
			case 1:
				return reply(503, "", "Retry-After", "7"), nil
			case 2:
				return nil, errReset
			default:
				return reply(200, "{}"), nil
			}
		}}
		c := call
		c.Sent = 1
		newEngine(t, s, withLogger(logger), withRetry(engine.Policy{MaxAttempts: 4, MaxRetryAfter: time.Minute})).Do(t.Context(), c)
		const want = `{"level":"DEBUG","msg":"growthgenius: attempt","method":"GET","route":"/contacts/{id}","attempt":2,"status":503,"duration":30000000}
{"level":"WARN","msg":"growthgenius: trying again","method":"GET","route":"/contacts/{id}","attempt":2,"status":503,"wait":7000000000}
{"level":"DEBUG","msg":"growthgenius: attempt","method":"GET","route":"/contacts/{id}","attempt":3,"error":"connection reset","duration":30000000}
{"level":"WARN","msg":"growthgenius: trying again","method":"GET","route":"/contacts/{id}","attempt":3,"error":"connection reset","wait":0}
{"level":"DEBUG","msg":"growthgenius: attempt","method":"GET","route":"/contacts/{id}","attempt":4,"status":200,"duration":30000000}
`
		if log.String() != want {
			t.Errorf("logged\n%swant\n%s", log.String(), want)
		}
	})
}

// noter is the handler of a logger that notes the contexts of its records.
type noter struct {
	slog.Handler

	note func(context.Context)
}

func (noter) Enabled(context.Context, slog.Level) bool { return true }

func (n noter) Handle(ctx context.Context, _ slog.Record) error {
	n.note(ctx)
	return nil
}

// TestRoute: the contexts that a transport, a limiter and a logger get have the route, and
// the values of the caller's context. Other contexts have no route.
func TestRoute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		seen := map[string]int{}
		note := func(who string) func(context.Context) {
			return func(ctx context.Context) {
				seen[who]++
				if route, ok := engine.Route(ctx); route != "/contacts/{id}" || !ok || ctx.Value(key{}) != "mine" {
					t.Errorf("%s: route %q, %t, value %v", who, route, ok, ctx.Value(key{}))
				}
			}
		}
		s := &script{respond: func(n int, r *http.Request) (*http.Response, error) {
			note("transport")(r.Context())
			return reply([]int{503, 200}[n-1], "{}"), nil
		}}
		logger := slog.New(noter{slog.DiscardHandler, note("logger")})
		limiter := waiter(func(ctx context.Context) error { note("limiter")(ctx); return nil })
		ctx := context.WithValue(t.Context(), key{}, "mine")
		newEngine(t, s, withLogger(logger), withLimiter(limiter)).Do(ctx, call)
		if seen["transport"] != 2 || seen["limiter"] != 2 || seen["logger"] != 3 {
			t.Errorf("%v", seen)
		}
		if route, ok := engine.Route(ctx); ok || route != "" {
			t.Errorf("the caller's context knows the route %q", route)
		}
	})
}

// TestLogOfATimeout: the context of a record has not ended with the attempt.
func TestLogOfATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		records := 0
		logger := slog.New(noter{
			slog.DiscardHandler,
			func(ctx context.Context) {
				records++
				if ctx.Err() != nil {
					t.Errorf("record %d: %v", records, ctx.Err())
				}
			},
		})
		newEngine(t, always(hang), withLogger(logger)).Do(t.Context(), call)
		if records < 4 {
			t.Errorf("%d records", records)
		}
	})
}

// TestContextIsPrinted: the contexts of a call can be printed: neither the key nor the
// query, nor a header or a body is in there.
func TestContextIsPrinted(t *testing.T) {
	t.Parallel()
	var printed strings.Builder
	note := func(ctx context.Context) { fmt.Fprintf(&printed, "%v %+v %#v\n", ctx, ctx, ctx) }
	s := always(func(r *http.Request) (*http.Response, error) {
		note(r.Context())
		return reply(200, "{}"), nil
	})
	c := post
	c.URL.RawQuery = "email=jane.doe"
	c.Header, c.Body = http.Header{"X-Tenant": {"private"}}, []byte("confidential")
	newEngine(t, s, withLimiter(waiter(func(ctx context.Context) error { note(ctx); return nil }))).Do(t.Context(), c)
	for _, secret := range []string{secretKey, "jane.doe", "private", "confidential"} {
		if strings.Contains(printed.String(), secret) {
			t.Errorf("%s is in %s", secret, printed.String())
		}
	}
	if printed.Len() == 0 {
		t.Error("nothing was printed")
	}
}

// TestRecheck: it is called before a retry once an attempt may have been carried out, with the
// time when the first such attempt began, and again if the retry then waits for a turn for over
// 250 ms. Its error ends the call, which takes no turn then.
func TestRecheck(t *testing.T) {
	t.Parallel()
	stop := errors.New("no need")
	for name, tt := range map[string]struct {
		endings []func(*http.Request) (*http.Response, error)
		first   int // the attempt that may have been carried out; 0 for none
		calls   int
		err     error // of the first call
		late    error // of the second one
	}{
		"a 429":             {[]func(*http.Request) (*http.Response, error){replies(429), replies(200)}, 0, 0, nil, nil},
		"refused":           {[]func(*http.Request) (*http.Response, error){refuse, replies(200)}, 0, 0, nil, nil},
		"a 502":             {[]func(*http.Request) (*http.Response, error){replies(502), replies(200)}, 1, 1, nil, nil},
		"a 429 before it":   {[]func(*http.Request) (*http.Response, error){replies(429), reset, replies(200)}, 2, 1, nil, nil},
		"a 429 after it":    {[]func(*http.Request) (*http.Response, error){reset, replies(429), replies(200)}, 1, 2, nil, nil},
		"an error":          {[]func(*http.Request) (*http.Response, error){replies(502)}, 1, 1, stop, nil},
		"an error later":    {[]func(*http.Request) (*http.Response, error){replies(502), replies(200)}, 1, 1, nil, stop},
		"the last attempt":  {[]func(*http.Request) (*http.Response, error){replies(502), replies(502), replies(502), replies(502)}, 1, 3, nil, nil},
		"nothing but a 200": {[]func(*http.Request) (*http.Response, error){replies(200)}, 0, 0, nil, nil},
	} {
		for _, turn := range []time.Duration{250 * time.Millisecond, 251 * time.Millisecond} {
			t.Run(fmt.Sprint(name, " ", turn), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var began []time.Time
					s := &script{respond: func(n int, r *http.Request) (*http.Response, error) {
						began = append(began, time.Now())
						return tt.endings[n-1](r)
					}}
					early, late, turns := 0, 0, 0
					c := call
					c.Recheck = func(since time.Time) error {
						if !since.Equal(began[tt.first-1]) {
							t.Errorf("since %s", since)
						}
						if turns == len(began) {
							early++
							return tt.err
						}
						late++
						return tt.late
					}
					limiter := waiter(func(ctx context.Context) error { turns++; return pace.Sleep(ctx, turn) })
					out := newEngine(t, s, withLimiter(limiter)).Do(t.Context(), c)
					again, attempts, err := tt.calls, len(tt.endings), tt.err
					switch {
					case turn <= 250*time.Millisecond || tt.err != nil:
						again = 0
					case tt.late != nil:
						attempts, err = 1, tt.late
					}
					if early != tt.calls || late != again || len(began) != attempts || turns-len(began) > 0 != (err == tt.late && err != nil) {
						t.Errorf("%d and %d calls, %d turns, %d attempts", early, late, turns, len(began))
					}
					if !errors.Is(out.Err, err) || err != nil && out.Err.Error() != err.Error() || out.Ambiguous != (tt.first > 0) {
						t.Errorf("%+v", out)
					}
				})
			})
		}
	}
}

// replies returns a function that returns a response with this status.
func replies(status int) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return reply(status, "{}"), nil }
}
