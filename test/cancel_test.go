package test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// Fake time is exact: a call that ends with its context takes no more time. A goroutine that
// outlives a bubble fails the test.

// stuck is a body that blocks after its first part until the context ends.
type stuck struct {
	io.Reader
	ctx context.Context
}

func (s stuck) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); n > 0 || err == nil {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (stuck) Close() error { return nil }

// refuse returns the error of a transport that shows that nothing was sent.
func refuse(r *http.Request) error {
	if trace := httptrace.ContextClientTrace(r.Context()); trace.GetConn != nil { // those of reads have none
		trace.GetConn("api.growthgenius.com:443")
	}
	return errors.New("connection refused")
}

// TestContextEndsEveryWait: whatever a call waits for, the end of its context ends it at
// once. A create is unknown only if a request may have been carried out.
func TestContextEndsEveryWait(t *testing.T) {
	t.Parallel()
	hold := func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	first := func(n int, _ *http.Request) (*http.Response, error) {
		if n == 1 {
			return testkit.Reply(200, `{"users":[]}`), nil
		}
		return nil, errors.New("a request too many")
	}
	patient := func() growthgenius.Option {
		return growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: 1000 * time.Hour, MaxBackoff: 1000 * time.Hour})
	}
	for name, tt := range map[string]struct {
		answer    func(int, *http.Request) (*http.Response, error)
		opt       func() growthgenius.Option
		ambiguous bool
		warm      bool // a call comes first
	}{
		"request": {answer: hold, ambiguous: true},
		"body": {answer: func(_ int, r *http.Request) (*http.Response, error) {
			res := testkit.Reply(200, "")
			res.Body = stuck{strings.NewReader(`{"contact":`), r.Context()}
			return res, nil
		}, ambiguous: true},
		"backoff after 429": {answer: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(429, ""), nil }, opt: patient},
		"backoff after a refused connection": {answer: func(_ int, r *http.Request) (*http.Response, error) {
			return nil, refuse(r)
		}, opt: patient},
		"backoff after 503": {answer: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(503, ""), nil }, opt: patient, ambiguous: true},
		"fixed limiter":     {answer: first, opt: func() growthgenius.Option { return growthgenius.WithRateLimit(.0001, 1) }, warm: true},
		"pause the API asked everybody for": {answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return testkit.Reply(429, "", "Retry-After", "50"), nil
			}
			return nil, errors.New("a request too many")
		}, warm: true},
		"own limiter": {answer: first, opt: func() growthgenius.Option { return growthgenius.WithLimiter(rate.NewLimiter(rate.Every(time.Hour), 1)) }, warm: true},
	} {
		for ending, ends := range testkit.Endings {
			for _, k := range kinds {
				t.Run(name+"/"+ending.Error()+"/"+k.name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						opts := []growthgenius.Option{growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: time.Hour})}
						if tt.opt != nil {
							opts = append(opts, tt.opt())
						}
						c := testkit.Scripted(t, &testkit.Script{Respond: tt.answer}, opts...)
						if tt.warm {
							_, _ = c.Users.List(t.Context(), growthgenius.NoRetry())
						}
						begun := time.Now()
						ctx, cancel := ends(t.Context())
						defer cancel()
						err := k.do(ctx, c)
						// A wait that would exceed the deadline does not begin, and a raw POST is not read back.
						took := time.Since(begun)
						atOnce := errors.Is(ending, context.DeadlineExceeded) || k.name == "raw POST" && name == "backoff after 503"
						if took > time.Second || took < time.Second && !atOnce {
							t.Errorf("it took %s", took)
						}
						if err == nil || !errors.Is(err, ending) && took == time.Second {
							t.Errorf("%v is not %v", err, ending)
						}
						if lost := k.create && tt.ambiguous; lost != errors.Is(err, growthgenius.ErrOutcomeUnknown) {
							t.Errorf("unknown is not %v: %v", lost, err)
						} else if lost {
							testkit.Unknown(t, err)
						}
					})
				})
			}
		}
	}
}

// TestContextEndsTheLimitersQueue: calls that wait for the default limiter end with their
// context, with nothing sent, however many wait. The others get their turn sooner.
func TestContextEndsTheLimitersQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &testkit.Script{}
		s.Respond = func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return testkit.Reply(429, "", "Retry-After", "5"), nil // all calls wait for that
			}
			return testkit.Reply(200, fmt.Sprintf(`{"contact":{"id":%d,"email":"sjobs@apple.com"}}`, n)), nil
		}
		c := testkit.Scripted(t, s)
		_ = c.Do(t.Context(), "GET", "/x", nil, nil, nil, growthgenius.NoRetry())
		impatient, cancel := context.WithCancel(t.Context())
		contexts := []context.Context{t.Context(), impatient, impatient, impatient}
		begun := time.Now()
		var wg sync.WaitGroup
		var served, left atomic.Int64
		for i := range 400 {
			wg.Go(func() {
				ctx := contexts[i%len(contexts)]
				_, err := c.Contacts.Create(ctx, testkit.Steve)
				switch took := time.Since(begun); {
				case err == nil:
					served.Add(1)
				case ctx.Err() == nil || !errors.Is(err, context.Canceled) || errors.Is(err, growthgenius.ErrOutcomeUnknown) || took != 3*time.Second:
					t.Errorf("%v after %s", err, took)
				default:
					left.Add(1)
				}
			})
		}
		time.Sleep(3 * time.Second)
		cancel()
		wg.Wait()
		if took := time.Since(begun); served.Load()+left.Load() != 400 || served.Load() != s.Sent.Load()-1 || left.Load() < 200 || took > 6*time.Second {
			t.Errorf("%d served and %d left in %s, %d requests", served.Load(), left.Load(), took, s.Sent.Load()-1)
		}
	})
}

// unheeding is a limiter that ignores the context.
type unheeding struct{ end context.CancelFunc }

func (d unheeding) Wait(context.Context) error { d.end(); return nil }

// TestContextThatEndsAtTheLimiter: nothing was sent, so nothing is unknown.
func TestContextThatEndsAtTheLimiter(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		ctx, cancel := context.WithCancel(t.Context())
		s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return nil, errors.New("a request too many") }}
		err := k.do(ctx, testkit.Scripted(t, s, growthgenius.WithLimiter(unheeding{cancel})))
		cancel()
		if !errors.Is(err, context.Canceled) || errors.Is(err, growthgenius.ErrOutcomeUnknown) || s.Sent.Load() != 0 {
			t.Errorf("%s: %v, %d requests", k.name, err, s.Sent.Load())
		}
	}
}

// TestContextThatHasEnded: nothing is sent, not even for a create, and no wait begins.
func TestContextThatHasEnded(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, opts := range [][]growthgenius.Option{nil, {growthgenius.WithRateLimit(1, 1)}} {
		for _, k := range kinds {
			if err := k.do(ctx, testkit.Live(t, srv, opts...)); !errors.Is(err, context.Canceled) || errors.Is(err, growthgenius.ErrOutcomeUnknown) {
				t.Errorf("%s: %v", k.name, err)
			}
		}
	}
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestAnswerThatHasArrived: a response that is complete is returned although the context
// ends before, while or after its body is read.
func TestAnswerThatHasArrived(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*http.Response, context.CancelFunc){
		"before the body": func(_ *http.Response, cancel context.CancelFunc) { cancel() },
		"in the body": func(res *http.Response, cancel context.CancelFunc) {
			body := res.Body
			res.Body = readCloser{readFunc(func(p []byte) (int, error) {
				cancel()
				return body.Read(p[:min(len(p), 5)])
			}), body.Close}
		},
		"as it is closed": func(res *http.Response, cancel context.CancelFunc) {
			res.Body = readCloser{res.Body, func() error { cancel(); return nil }}
		},
	} {
		for _, status := range []int{200, 201, 404, 422, 503} {
			for _, k := range kinds {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					c := testkit.Scripted(t, &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
						rec := &recorder{header: http.Header{}}
						genuine(rec, r)
						res := testkit.Reply(status, rec.String())
						end(res, cancel)
						return res, nil
					}})
					err := k.do(ctx, c)
					answer, answered := errors.AsType[*growthgenius.APIError](err)
					switch {
					case status < 300 && err != nil:
						t.Errorf("%s, %d, %s: %v", name, status, k.name, err)
					case status >= 500 && k.create:
						testkit.Unknown(t, err)
						if !errors.Is(err, context.Canceled) {
							t.Errorf("%s, %d, %s: %v", name, status, k.name, err)
						}
					case status >= 400 && (!answered || answer.StatusCode != status || errors.Is(err, context.Canceled) != (status >= 500)):
						t.Errorf("%s, %d, %s: %v", name, status, k.name, err)
					}
				})
			}
		}
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

type readCloser struct {
	io.Reader
	closer func() error
}

func (r readCloser) Close() error { return r.closer() }

// recorder is a ResponseWriter that keeps the body.
type recorder struct {
	strings.Builder
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }

func (*recorder) WriteHeader(int) {}

// TestCancelledReadBack: a create that is being read back ends at once, unknown and canceled.
// The lists that it shares with other creates continue for those.
func TestCancelledReadBack(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{time.Millisecond, 300 * time.Millisecond, 751 * time.Millisecond, 2 * time.Second, 4900 * time.Millisecond} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				c := srv.NewClient()
				srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 503, Times: 1}, growthgeniustest.Fault{Method: "POST", Status: 503, Commit: true, Times: 1})
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() {
					_, err := c.Contacts.Create(ctx, testkit.Steve)
					if late := time.Since(canceledAt(ctx)); late > 2*testkit.Latency {
						t.Errorf("it ended %s late", late)
					}
					if e := testkit.Unknown(t, err); !errors.Is(err, context.Canceled) || e.Last == nil {
						t.Error(err)
					}
					begun := time.Now()
					short, stop := context.WithTimeout(t.Context(), time.Second)
					defer stop()
					_, err = c.Contacts.Resolve(short, testkit.Unknown(t, err).Token) //nolint:contextcheck // the test's own
					if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, growthgenius.ErrNotFound) || took > time.Second {
						t.Errorf("%v after %s", err, took)
					}
				})
				time.Sleep(10 * time.Millisecond)
				wg.Go(func() {
					contact, err := c.Contacts.Create(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set("other@example.com")})
					if err != nil || contact.Email != "other@example.com" {
						t.Errorf("%+v %v", contact, err)
					}
				})
				time.Sleep(after)
				ended.Store(ctx, time.Now())
				cancel()
				wg.Wait()
			})
		})
	}
}

// ended has the times when contexts were canceled.
var ended sync.Map

func canceledAt(ctx context.Context) time.Time {
	at, _ := ended.Load(ctx)
	when, _ := at.(time.Time)
	return when
}

// TestNoConnectionIsLeaked: however a call ends, its connection is closed or free for the
// next call. One call at a time never needs more than one idle connection.
func TestNoConnectionIsLeaked(t *testing.T) {
	t.Parallel()
	for _, f := range failures {
		if f.slow || f.tls || f.dial != nil || f.warm || f.accept {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			holdsNone(t, func(w http.ResponseWriter, r *http.Request) {
				f.handle(w, r, func(w http.ResponseWriter) { genuine(w, r) })
			}, func(ctx context.Context, _ func(), k kind, c *growthgenius.Client) { _ = k.do(ctx, c) })
		})
	}
	for _, amid := range []bool{false, true} {
		t.Run(fmt.Sprintf("canceled, amid the body %v", amid), func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{}, 100)
			holdsNone(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if amid {
					genuine(w, r)
					_ = http.NewResponseController(w).Flush()
				}
				arrived <- struct{}{}
				<-r.Context().Done()
			}, func(ctx context.Context, cancel func(), k kind, c *growthgenius.Client) {
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := k.do(ctx, c); !errors.Is(err, context.Canceled) {
						t.Errorf("%s: %v", k.name, err)
					}
				})
				<-arrived
				cancel()
				wg.Wait()
			})
		})
	}
}

// holdsNone makes calls of each kind, and waits until the server has at most one connection
// left. With a leak, the test does not end.
func holdsNone(t *testing.T, h http.HandlerFunc, call func(ctx context.Context, cancel func(), k kind, c *growthgenius.Client)) {
	t.Helper()
	open, changed := map[net.Conn]bool{}, make(chan struct{}, 1)
	var mu sync.Mutex
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		open[conn] = true
		if state == http.StateClosed || state == http.StateHijacked {
			delete(open, conn)
		}
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	srv.Start()
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
	})
	c := testkit.NewClient(t, testkit.Secret,
		growthgenius.WithBaseURL(srv.URL), growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: transport}),
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 2, MinBackoff: 1, MaxBackoff: 1}), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}),
		growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0)), // the default one slows down for 429s
	)
	for _, k := range kinds {
		ctx, cancel := context.WithCancel(t.Context())
		call(ctx, cancel, k, c)
		cancel()
	}
	for {
		mu.Lock()
		n := len(open)
		mu.Unlock()
		if n <= 1 {
			return
		}
		<-changed
	}
}

// TestCancelOnARealConnection: the request ends, its connection is not kept, and no goroutine
// is left, which TestMain checks.
func TestCancelOnARealConnection(t *testing.T) {
	t.Parallel()
	for _, fault := range []growthgeniustest.Fault{{Effect: growthgeniustest.Hang}, {Effect: growthgeniustest.Hang, Commit: true}, {Drip: time.Minute}} {
		srv := growthgeniustest.NewServer(t)
		srv.Inject(fault)
		c := testkit.Live(t, srv)
		for _, k := range kinds {
			ctx, cancel := context.WithCancel(t.Context())
			n := len(srv.Requests())
			done := make(chan error, 1)
			go func() { done <- k.do(ctx, c) }()
			for len(srv.Requests()) == n {
				time.Sleep(time.Millisecond)
			}
			cancel()
			err := <-done
			if !errors.Is(err, context.Canceled) || errors.Is(err, growthgenius.ErrOutcomeUnknown) != k.create {
				t.Errorf("%s: %v", k.name, err)
			}
			if got := len(srv.Requests()); got != n+1 {
				t.Errorf("%s: %d requests", k.name, got-n)
			}
		}
	}
}
