package growthgenius_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// watched notes what an Observer is told, a line each, indented by how deep the context is.
type watched struct {
	mu    sync.Mutex // guards lines
	lines []string
}

type depthKey struct{}

func (w *watched) note(ctx context.Context, format string, args ...any) context.Context {
	depth, _ := ctx.Value(depthKey{}).(int)
	line := strings.Repeat("  ", depth) + fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, strings.TrimRight(line, " "))
	return context.WithValue(ctx, depthKey{}, depth+1)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n") + "\n"
}

// option returns the option that makes w the observer. Random waits are noted without their
// length.
func (w *watched) option() growthgenius.Option {
	return growthgenius.WithObserver(growthgenius.Observer{
		Call: func(ctx context.Context, c growthgenius.CallStart) (context.Context, func(growthgenius.CallEnd)) {
			purpose := ""
			if c.ReadBack {
				purpose = " to find creates"
			}
			outer := ctx
			ctx = w.note(ctx, "%s %s%s", c.Method, c.Route, purpose)
			return ctx, func(e growthgenius.CallEnd) {
				w.note(outer, "end of %s %s: %d attempts %s", c.Method, c.Route, e.Attempts, e.ErrorType)
			}
		},
		Attempt: func(ctx context.Context, a growthgenius.AttemptStart) (context.Context, func(growthgenius.AttemptEnd)) {
			outer := ctx
			return w.note(ctx, "attempt %d", a.Number), func(e growthgenius.AttemptEnd) {
				w.note(outer, "%d %s %s retry=%t", e.Status, e.ErrorType, e.Duration, e.Retry)
			}
		},
		Event: func(ctx context.Context, e growthgenius.Event) {
			took := e.Duration.Round(time.Second / 4).String()
			if e.Result == "backoff" {
				took = ""
			}
			w.note(ctx, "%s %s of %s %s: %s", e.Kind, e.Result, e.Method, e.Route, took)
		},
	})
}

// TestObserver: what an Observer is told of calls, in order, and within which context.
func TestObserver(t *testing.T) {
	t.Parallel()
	var (
		lost      = growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Reset, Times: 1}
		committed = growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Reset, Times: 1, Commit: true}
	)
	for _, tt := range []struct {
		name   string
		faults []growthgeniustest.Fault
		opts   []growthgenius.Option
		call   func(context.Context, *growthgenius.Client)
		want   string
	}{
		{"a retry", []growthgeniustest.Fault{{Status: 503, Times: 1}}, nil, getUsers, `
GET /users
  attempt 1
  503 503 4ms retry=true
  wait backoff of GET /users:
  attempt 2
  200  4ms retry=false
end of GET /users: 2 attempts
`},
		{"a pause", []growthgeniustest.Fault{{Status: 429, RetryAfter: 20 * time.Second, Times: 1}}, nil, getUsers, `
GET /users
  attempt 1
  pause 429 of GET /users: 20s
  429 429 4ms retry=true
  wait pause of GET /users: 20s
  attempt 2
  200  4ms retry=false
end of GET /users: 2 attempts
`},
		{"a pause after a 403", []growthgeniustest.Fault{{Status: 403, RetryAfter: 20 * time.Second, Times: 1}}, nil, getUsers, `
GET /users
  attempt 1
  pause 429 of GET /users: 20s
  403 403 4ms retry=true
  wait pause of GET /users: 20s
  attempt 2
  200  4ms retry=false
end of GET /users: 2 attempts
`},
		{"a retry without a response", []growthgeniustest.Fault{{Status: 503, Times: 1}, {Effect: growthgeniustest.Hang, Times: 1}}, nil, getUsers, `
GET /users
  attempt 1
  503 503 4ms retry=true
  wait backoff of GET /users:
  attempt 2
  0 timeout 30.002s retry=true
  wait backoff of GET /users:
  attempt 3
  200  4ms retry=false
end of GET /users: 3 attempts
`},
		{"a page in place of JSON", []growthgeniustest.Fault{{Effect: growthgeniustest.HTMLPage}}, []growthgenius.Option{growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1})}, getUsers, `
GET /users
  attempt 1
  200 without_json 4ms retry=false
end of GET /users: 1 attempts unexpected_response
`},
		{"the limiter", nil, []growthgenius.Option{growthgenius.WithRateLimit(1, 1)}, func(ctx context.Context, c *growthgenius.Client) {
			getUsers(ctx, c)
			getUsers(ctx, c)
		}, `
GET /users
  attempt 1
  200  4ms retry=false
end of GET /users: 1 attempts
GET /users
  wait limiter of GET /users: 1s
  attempt 1
  200  4ms retry=false
end of GET /users: 1 attempts
`},
		{"a create that is found", []growthgeniustest.Fault{committed}, nil, createSteve, `
POST /contacts
  attempt 1
  0 no_response 4ms retry=false
  GET /contacts to find creates
    attempt 1
    200  4ms retry=false
  end of GET /contacts: 1 attempts
  wait settle of POST /contacts: 500ms
  GET /contacts to find creates
    attempt 1
    200  4ms retry=false
  end of GET /contacts: 1 attempts
  wait settle of POST /contacts: 250ms
  GET /contacts to find creates
    attempt 1
    200  4ms retry=false
  end of GET /contacts: 1 attempts
  read_back found of POST /contacts: 750ms
end of POST /contacts: 1 attempts
`},
		{"a create of unknown outcome", []growthgeniustest.Fault{lost}, []growthgenius.Option{noReadBack}, createSteve, `
POST /contacts
  attempt 1
  0 no_response 4ms retry=false
  read_back unknown of POST /contacts: 0s
end of POST /contacts: 1 attempts outcome_unknown
`},
		{"Client.Do", []growthgeniustest.Fault{lost}, nil, func(ctx context.Context, c *growthgenius.Client) {
			_ = c.Do(ctx, "POST", "/contacts", nil, testkit.Steve, nil)
			_ = c.Do(ctx, "GET", "/contacts/1102755", nil, nil, nil)
			_ = c.Do(ctx, "GET", "/contacts/a b", nil, nil, nil)
		}, `
POST other
  attempt 1
  0 no_response 4ms retry=false
  read_back unknown of POST other: 0s
end of POST other: 1 attempts outcome_unknown
GET other
  attempt 1
  404 404 4ms retry=false
end of GET other: 1 attempts not_found
`},
		{"a stream", nil, nil, func(ctx context.Context, c *growthgenius.Client) {
			for range 2 {
				createSteve(ctx, c)
			}
			for range c.Contacts.Stream(ctx, growthgenius.ListOptions{}) {
				time.Sleep(time.Second)
			}
			for range c.Contacts.Stream(ctx, growthgenius.ListOptions{}) {
				time.Sleep(time.Second)
				break
			}
		}, strings.Repeat(`
POST /contacts
  attempt 1
  200  4ms retry=false
end of POST /contacts: 1 attempts`, 2) + `
GET /contacts
  attempt 1
  200  2.004s retry=false
end of GET /contacts: 1 attempts
GET /contacts
  attempt 1
  200  1.004s retry=false
end of GET /contacts: 1 attempts
`},
		{"a response that breaks off", []growthgeniustest.Fault{{Effect: growthgeniustest.Truncate, Times: 1}}, nil, getUsers, `
GET /users
  attempt 1
  200 no_response 4ms retry=true
  wait backoff of GET /users:
  attempt 2
  200  4ms retry=false
end of GET /users: 2 attempts
`},
		{"an update that is read before it is sent again", []growthgeniustest.Fault{{Method: "PATCH", Status: 500, Times: 1}}, nil, func(ctx context.Context, c *growthgenius.Client) {
			created, _ := c.Contacts.Create(ctx, testkit.Steve)
			_, _ = c.Contacts.Update(ctx, created.ID, growthgenius.ContactInput{Title: growthgenius.Set("gardener")})
		}, `
POST /contacts
  attempt 1
  200  4ms retry=false
end of POST /contacts: 1 attempts
PATCH /contacts/{id}
  attempt 1
  500 500 4ms retry=true
  wait backoff of PATCH /contacts/{id}:
  GET /contacts/{id}
    attempt 1
    200  4ms retry=false
  end of GET /contacts/{id}: 1 attempts
  attempt 2
  200  4ms retry=false
end of PATCH /contacts/{id}: 2 attempts
`},
		{"a lookup without a cache", nil, nil, func(ctx context.Context, c *growthgenius.Client) {
			_, _ = c.Enrichment.Company(ctx, "tesla.com")
			_, _ = c.ForUser("2").Enrichment.Company(ctx, "n/a")
		}, `
GET /companies/find
  lookup sent of GET /companies/find: 0s
  attempt 1
  200  4ms retry=false
end of GET /companies/find: 1 attempts
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				srv.Inject(tt.faults...)
				w := new(watched)
				tt.call(t.Context(), srv.NewClient(append(tt.opts, w.option())...))
				synctest.Wait()
				if got := w.String(); got != strings.TrimPrefix(tt.want, "\n") {
					t.Errorf("it was told\n%s", got)
				}
			})
		})
	}
}

// counts returns an observer that counts the results of events of a kind, and the counts.
func counts(kind growthgenius.EventKind) (growthgenius.Option, *sync.Map) {
	n := new(sync.Map)
	return growthgenius.WithObserver(growthgenius.Observer{Event: func(_ context.Context, e growthgenius.Event) {
		if e.Kind == kind {
			counter, _ := n.LoadOrStore(e.Result, new(atomic.Int64))
			counter.(*atomic.Int64).Add(1)
		}
	}}), n
}

// checkCounts fails unless the counts are these, as in "cached 2, sent 1".
func checkCounts(t *testing.T, n *sync.Map, want string) {
	t.Helper()
	var got []string
	n.Range(func(result, counter any) bool {
		got = append(got, fmt.Sprintf("%s %d", result, counter.(*atomic.Int64).Load()))
		return true
	})
	slices.Sort(got)
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("counted %s, want %s", text, want)
	}
}

// TestObserverOfLookups: each lookup is counted once, by where its result is from.
func TestObserverOfLookups(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddCompany("tesla.com", growthgenius.Company{ID: "1", Name: "Tesla"})
		observed, n := counts(growthgenius.EventLookup)
		c := srv.NewClient(observed, growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(0)))
		look := func(domain string, opts ...growthgenius.RequestOption) {
			_, _ = c.Enrichment.Company(t.Context(), domain, opts...)
		}
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() { look("tesla.com") })
		}
		calls.Wait()
		checkCounts(t, n, "sent 1, shared 2")
		look("www.tesla.com")
		look("tesla.com", growthgenius.OnlyIfCached())
		look("unheard.example")
		look("unheard.example")
		checkCounts(t, n, "cached 3, sent 2, shared 2")
		look("tesla.com", growthgenius.Refresh())
		look("other.example", growthgenius.OnlyIfCached())
		look("not a domain")
		checkCounts(t, n, "cached 3, sent 3, shared 2")
	})
}

// TestObserverOfOnce: a create under a key is counted by what Once made of it.
func TestObserverOfOnce(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		observed, n := counts(growthgenius.EventOnce)
		c := srv.NewClient(observed, noReadBack, growthgenius.WithLedger(ledger.NewMemory()))
		create := func(key string) { _, _ = c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.Once(key)) }
		srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1})
		create("1")
		checkCounts(t, n, "")
		create("1")
		create("1")
		create("2")
		checkCounts(t, n, "created 1, resolved 1, stored 1")
		_, _ = c.Contacts.Create(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set("b@example.com")}, growthgenius.Once("2"))
		for _, contact := range srv.Contacts() {
			if err := c.Contacts.Delete(t.Context(), contact.ID); err != nil {
				t.Fatal(err)
			}
		}
		create("2")
		checkCounts(t, n, "created 1, deleted 1, resolved 1, reused 1, stored 1")
		createUnstored(t.Context(), srv.NewClient(observed, growthgenius.WithLedger(unstoring(ledger.NewMemory()))))
		checkCounts(t, n, "created 1, deleted 1, resolved 1, reused 1, stored 1, unknown 1")
	})
}

func createUnstored(ctx context.Context, c *growthgenius.Client) {
	_, _ = c.Contacts.Create(ctx, testkit.Steve, growthgenius.Once("steve@example.com"))
}

// TestObserverOfPanics: a call that panics has not succeeded, and panics with the same value.
func TestObserverOfPanics(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		w := new(watched)
		c := srv.NewClient(w.option())
		for range 2 {
			createSteve(t.Context(), c)
		}
		w.lines = nil
		for name, call := range map[string]func(){
			"before a create": func() {
				_, _ = c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { panic("mine") }))
			},
			"in the loop over a stream": func() {
				for range c.Contacts.Stream(t.Context(), growthgenius.ListOptions{}) {
					panic("mine")
				}
			},
		} {
			func() {
				defer func() {
					if p := recover(); p != "mine" {
						t.Errorf("%s: recovered %v", name, p)
					}
				}()
				call()
			}()
			if end := w.lines[len(w.lines)-1]; !strings.HasSuffix(end, " panic") {
				t.Errorf("%s: the last line is %q", name, end)
			}
		}
	})
}

// TestObserverOfReadBacks: what became of each create without a response is counted once.
func TestObserverOfReadBacks(t *testing.T) {
	t.Parallel()
	lost := growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Times: 1}
	for want, tt := range map[string]struct {
		commit bool
		opt    growthgenius.Option
		call   func(context.Context, *growthgenius.Client)
	}{
		"found 1":             {true, nil, createSteve},
		"unknown 1":           {false, nil, createSteve},
		"repeated 1":          {false, growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: time.Second}), createSteve},
		"absent 1, unknown 2": {false, noReadBack, resolveSteve}, // it resolves during the call and after it
		"found 1, unknown 2":  {true, noReadBack, resolveSteve},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			fault := lost
			fault.Commit = tt.commit
			srv.Inject(fault)
			observed, n := counts(growthgenius.EventReadBack)
			tt.call(t.Context(), srv.NewClient(observed, tt.opt))
			checkCounts(t, n, want)
		})
	}
}

// TestObserverSeesAllCalls: each method is one call with one attempt, also of a client of
// ForUser, and no text of it has an id, a query or the key.
func TestObserverSeesAllCalls(t *testing.T) {
	t.Parallel()
	for _, call := range testkit.Calls {
		t.Run(call.Name, func(t *testing.T) {
			t.Parallel()
			srv := growthgeniustest.NewServer(t, growthgeniustest.WithAPIKey(testkit.Secret))
			var begun, attempts, ended int
			c := srv.Client(growthgenius.WithObserver(growthgenius.Observer{
				Call: func(ctx context.Context, s growthgenius.CallStart) (context.Context, func(growthgenius.CallEnd)) {
					begun++
					if s != (growthgenius.CallStart{Method: call.Method, Route: call.Route}) {
						t.Errorf("%+v begins", s)
					}
					return ctx, func(e growthgenius.CallEnd) {
						ended++
						if e.Attempts != 1 || e.ErrorType != "" && e.ErrorType != "not_found" && e.ErrorType != "validation_failed" {
							t.Errorf("the call ended with %+v", e)
						}
					}
				},
				Attempt: func(ctx context.Context, s growthgenius.AttemptStart) (context.Context, func(growthgenius.AttemptEnd)) {
					attempts++
					if want := (growthgenius.AttemptStart{Method: call.Method, Route: call.Route, URL: srv.URL() + call.Route, Number: 1}); s != want {
						t.Errorf("%+v begins, want %+v", s, want)
					}
					return ctx, nil
				},
			}))
			_, _ = call.Do(t.Context(), c.ForUser("2"))
			if begun != 1 || attempts != 1 || ended != 1 {
				t.Errorf("%d calls begun, %d attempts, %d calls ended", begun, attempts, ended)
			}
		})
	}
}

// TestObserverContexts: the context of a call becomes that of its attempts, and the context of
// an attempt that of its request.
func TestObserverContexts(t *testing.T) {
	t.Parallel()
	type key string
	script := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		if r.Context().Value(key("call")) != "GET" || r.Context().Value(key("attempt")) != 1 {
			t.Error("the request has not the context of the attempt")
		}
		return testkit.Reply(200, `{"users":[]}`), nil
	}}
	c := testkit.Scripted(t, script, growthgenius.WithObserver(growthgenius.Observer{
		Call: func(ctx context.Context, c growthgenius.CallStart) (context.Context, func(growthgenius.CallEnd)) {
			return context.WithValue(ctx, key("call"), c.Method), nil
		},
		Attempt: func(ctx context.Context, a growthgenius.AttemptStart) (context.Context, func(growthgenius.AttemptEnd)) {
			return context.WithValue(ctx, key("attempt"), a.Number), nil
		},
	}))
	if _, err := c.Users.List(t.Context()); err != nil || script.Sent.Load() != 1 {
		t.Error(err)
	}
}

// TestObserverPanics: a panic of an observer is one of the call, and the client goes on.
func TestObserverPanics(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		panics := true
		bad := func() {
			if panics {
				panic("the observer")
			}
		}
		for name, o := range map[string]growthgenius.Observer{
			"Call": {Call: func(ctx context.Context, _ growthgenius.CallStart) (context.Context, func(growthgenius.CallEnd)) {
				bad()
				return ctx, nil
			}},
			"its end": {Call: func(ctx context.Context, _ growthgenius.CallStart) (context.Context, func(growthgenius.CallEnd)) {
				return ctx, func(growthgenius.CallEnd) { bad() }
			}},
			"Attempt": {Attempt: func(ctx context.Context, _ growthgenius.AttemptStart) (context.Context, func(growthgenius.AttemptEnd)) {
				bad()
				return ctx, nil
			}},
			"the end of an attempt": {Attempt: func(ctx context.Context, _ growthgenius.AttemptStart) (context.Context, func(growthgenius.AttemptEnd)) {
				return ctx, func(growthgenius.AttemptEnd) { bad() }
			}},
			"Event": {Event: func(context.Context, growthgenius.Event) { bad() }},
		} {
			c := srv.NewClient(growthgenius.WithObserver(o), growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(0)))
			panics = true
			func() {
				defer func() {
					if p := recover(); p != "the observer" {
						t.Errorf("%s: recovered %v", name, p)
					}
				}()
				_, _ = c.Enrichment.Company(t.Context(), "tesla.com")
			}()
			panics = false
			if _, err := c.Enrichment.Company(t.Context(), "tesla.com"); err != nil {
				t.Errorf("%s: after a panic, %v", name, err)
			}
		}
	})
}

// TestObserverErrorTypes: the error types of calls are the sentinels of this package.
func TestObserverErrorTypes(t *testing.T) {
	t.Parallel()
	for want, respond := range map[string]func(context.CancelFunc) (*http.Response, error){
		"":                    func(context.CancelFunc) (*http.Response, error) { return testkit.Reply(200, `{"users":[]}`), nil },
		"unauthorized":        func(context.CancelFunc) (*http.Response, error) { return testkit.Reply(401, `{}`), nil },
		"rate_limited":        func(context.CancelFunc) (*http.Response, error) { return testkit.Reply(429, `{}`), nil },
		"server_error":        func(context.CancelFunc) (*http.Response, error) { return testkit.Reply(502, `{}`), nil },
		"other":               func(context.CancelFunc) (*http.Response, error) { return testkit.Reply(418, `{}`), nil },
		"unexpected_response": func(context.CancelFunc) (*http.Response, error) { return testkit.Reply(200, `[1]`), nil },
		"no_response":         func(context.CancelFunc) (*http.Response, error) { return nil, errors.New("gone") },
		"timeout":             func(context.CancelFunc) (*http.Response, error) { return nil, context.DeadlineExceeded },
		"canceled": func(cancel context.CancelFunc) (*http.Response, error) {
			cancel()
			return nil, context.Canceled
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		script := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return respond(cancel) }}
		var got string
		c := testkit.Scripted(t, script, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}), growthgenius.WithObserver(growthgenius.Observer{
			Call: func(ctx context.Context, _ growthgenius.CallStart) (context.Context, func(growthgenius.CallEnd)) {
				return ctx, func(e growthgenius.CallEnd) { got = e.ErrorType }
			},
		}))
		if _, err := c.Users.List(ctx); got != want {
			t.Errorf("%v: the type is %q, want %q", err, got, want)
		}
		cancel()
	}
}

// TestWithoutObserver: a client without an Observer allocates nothing for one.
func TestWithoutObserver(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	allocations := func(opts ...growthgenius.Option) float64 {
		script := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
			return testkit.Reply(200, `{"users":[]}`), nil
		}}
		c := testkit.Scripted(t, script, opts...)
		return testing.AllocsPerRun(200, func() { _, _ = c.Users.List(t.Context()) })
	}
	without, with := allocations(), allocations(growthgenius.WithObserver(growthgenius.Observer{}))
	if spent := with - without; spent < 2 { // what is known of the call, and its URL
		t.Errorf("%.0f allocations without an observer, %.0f with one that does nothing", without, with)
	}
}
