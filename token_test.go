package growthgenius_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestOnAttemptComesFirst: BeforeCreate is called before anything is sent, once, and for
// creates only.
func TestOnAttemptComesFirst(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Status: 429, Times: 2})
	c := testkit.Live(t, srv)
	called := 0
	on := growthgenius.BeforeCreate(func(a growthgenius.CreateToken) error {
		called++
		if n := len(srv.Requests()); n != 0 {
			t.Errorf("%d requests were sent before BeforeCreate", n)
		}
		if text, err := json.Marshal(a); err != nil || strings.Contains(string(text), srv.APIKey()) || !strings.Contains(string(text), "sjobs@apple.com") {
			t.Errorf("%s %v", text, err)
		}
		return nil
	})
	if _, err := c.Contacts.Create(t.Context(), testkit.Steve, on); err != nil || called != 1 || testkit.Count(srv, "POST", "/contacts") != 3 {
		t.Errorf("%v, called %d times, %d POSTs", err, called, testkit.Count(srv, "POST", "/contacts"))
	}
	id, other := srv.Contacts()[0].ID, srv.AddContacts(growthgenius.Contact{Name: "x"})[0].ID
	for name, call := range map[string]func() error{
		"get":    func() error { return testkit.Err(c.Contacts.Get(t.Context(), id, on)) },
		"update": func() error { return testkit.Err(c.Contacts.Update(t.Context(), id, testkit.Steve, on)) },
		"raw":    func() error { return c.Do(t.Context(), "POST", "/contacts/search", nil, struct{}{}, nil, on) },
		"delete": func() error { return c.Contacts.Delete(t.Context(), other, on) },
	} {
		if err := call(); err != nil && name != "raw" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if called != 1 {
		t.Error("BeforeCreate is called by calls that create nothing")
	}
}

// TestOnAttemptStopsTheCall: if BeforeCreate fails, or the process ends, nothing is sent.
func TestOnAttemptStopsTheCall(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	c := testkit.Live(t, srv)
	full := errors.New("the disk is full")
	for name, create := range map[string]func(context.Context, ...growthgenius.RequestOption) error{
		"contact": func(ctx context.Context, o ...growthgenius.RequestOption) error {
			return testkit.Err(c.Contacts.Create(ctx, testkit.Steve, o...))
		},
		"message": func(ctx context.Context, o ...growthgenius.RequestOption) error {
			return testkit.Err(c.Messages.Create(ctx, testkit.Louis, o...))
		},
	} {
		err := create(t.Context(), growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { return full }))
		if !errors.Is(err, full) || errors.Is(err, growthgenius.ErrOutcomeUnknown) {
			t.Errorf("%s: %v", name, err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a panic of BeforeCreate got lost", name)
				}
			}()
			_ = create(t.Context(), growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { panic("power cut") }))
		}()
		// A call that is refused has no token.
		for _, o := range []growthgenius.RequestOption{growthgenius.AsUser(""), growthgenius.WithHeader("Authorization", "x")} {
			err := create(t.Context(), o, growthgenius.BeforeCreate(func(growthgenius.CreateToken) error {
				t.Errorf("%s: an attempt of a refused call", name)
				return nil
			}))
			if !errors.Is(err, growthgenius.ErrInvalidInput) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestResolve: the token finds out whether the record was created, with this client or
// another one that has only its JSON, at once or on another day.
func TestResolve(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]time.Duration{"at once": 0, "in an hour": time.Hour, "another day": 50 * time.Hour} {
		for _, created := range []bool{true, false} {
			for _, same := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, created %v, same client %v", name, created, same), func(t *testing.T) {
					t.Parallel()
					testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
						srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: created, Times: 2})
						c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
						var contact, message []byte
						_, err := c.Contacts.Create(t.Context(), testkit.Steve, testkit.KeepToken(t, &contact))
						testkit.Unknown(t, err)
						testkit.Unknown(t, testkit.Err(c.Messages.Create(t.Context(), testkit.Louis, testkit.KeepToken(t, &message))))
						time.Sleep(later)
						if !same {
							c = srv.NewClient().ForUser("7") // the token has its own user
						}
						begun := time.Now()
						found, err := c.Contacts.Resolve(t.Context(), testkit.ReadToken(t, contact))
						if created && (err != nil || found.ID != srv.Contacts()[0].ID) {
							t.Errorf("%+v %v", found, err)
						}
						if !created && (!errors.Is(err, growthgenius.ErrNotFound) || errors.Is(err, growthgenius.ErrOutcomeUnknown)) {
							t.Error(err)
						}
						if waited := time.Since(begun); !created && later == 0 && waited < 4*time.Second || later > 0 && waited > 10*time.Second {
							t.Errorf("resolved after %s", waited)
						}
						got, err := c.Messages.Resolve(t.Context(), testkit.ReadToken(t, message))
						if created && (err != nil || got.ID != srv.Messages()[0].ID) || !created && !errors.Is(err, growthgenius.ErrNotFound) {
							t.Errorf("%+v %v", got, err)
						}
						if n := testkit.Count(srv.Server, "POST", "/contacts") + testkit.Count(srv.Server, "POST", "/messages"); n != 2 {
							t.Errorf("%d POSTs", n)
						}
					})
				})
			}
		}
	}
}

// TestResolveOfACallUnderWay: while the call waits for its response or for a list, Resolve
// cannot decide. It can later.
func TestResolveOfACallUnderWay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		slow   int // the POST whose response is held back
		faults int
		at     time.Duration // when Resolve is called
	}{
		"waiting for an answer":    {1, 0, time.Second},
		"waiting for a list":       {0, 1, time.Second},
		"waiting to send it again": {2, 1, 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: 5 * time.Second}),
					growthgenius.WithHTTPClient(&http.Client{Transport: &testkit.Slowly{RoundTripper: srv, Nth: tt.slow, By: 20 * time.Second}}))
				if tt.faults > 0 {
					srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Times: tt.faults})
				}
				tokens := make(chan growthgenius.CreateToken, 1)
				var contact *growthgenius.Contact
				var err error
				var wg sync.WaitGroup
				wg.Go(func() {
					contact, err = c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.BeforeCreate(func(a growthgenius.CreateToken) error { tokens <- a; return nil }))
				})
				time.Sleep(tt.at)
				begun, token := time.Now(), <-tokens
				e := testkit.Unknown(t, testkit.Err(c.Contacts.Resolve(t.Context(), token)))
				if took := time.Since(begun); took != 0 || e.Token.String() != token.String() {
					t.Errorf("%v after %s", e, took)
				}
				wg.Wait()
				if err != nil || len(srv.Ledger()) != 1 || contact.ID != srv.Ledger()[0].ID {
					t.Errorf("%+v %v, %d rows", contact, err, len(srv.Ledger()))
				}
				if found, err := c.Contacts.Resolve(t.Context(), e.Token); err != nil || found.ID != contact.ID {
					t.Errorf("%+v %v", found, err)
				}
			})
		})
	}
}

// panicking is a transport that panics on the way back.
type panicking struct{ http.RoundTripper }

func (p panicking) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := p.RoundTripper.RoundTrip(r)
	if r.Method == http.MethodPost {
		if err == nil {
			_ = res.Body.Close()
		}
		panic("a bug")
	}
	return res, err
}

// TestPanicsAreSurvived: a program that recovers from a panic of its code can go on creating
// and resolving, equal records included.
func TestPanicsAreSurvived(t *testing.T) {
	t.Parallel()
	recovered := func(t *testing.T, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		f()
	}
	t.Run("BeforeCreate", func(t *testing.T) {
		t.Parallel()
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient()
			recovered(t, func() {
				_, _ = c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { panic("a bug") }))
			})
			srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true})
			if contact, err := c.Contacts.Create(t.Context(), testkit.Steve); err != nil || contact.ID != srv.Contacts()[0].ID {
				t.Errorf("%+v %v", contact, err)
			}
		})
	})
	t.Run("transport", func(t *testing.T) {
		t.Parallel()
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient(growthgenius.WithHTTPClient(&http.Client{Transport: panicking{srv}}))
			var token []byte
			recovered(t, func() { _, _ = c.Contacts.Create(t.Context(), testkit.Steve, testkit.KeepToken(t, &token)) })
			if contact, err := c.Contacts.Resolve(t.Context(), testkit.ReadToken(t, token)); err != nil || contact.ID != srv.Contacts()[0].ID {
				t.Errorf("%+v %v", contact, err)
			}
		})
	})
}

// TestPanicsReachTheCaller: those of goroutines that work for several calls, too.
func TestPanicsReachTheCaller(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *growthgenius.Client) error{
		"get": func(ctx context.Context, c *growthgenius.Client) error { return testkit.Err(c.Contacts.Get(ctx, "1")) },
		"cache": func(ctx context.Context, c *growthgenius.Client) error {
			return testkit.Err(c.Enrichment.Company(ctx, "tesla.com"))
		},
		"read-back": func(ctx context.Context, c *growthgenius.Client) error {
			return testkit.Err(c.Contacts.Create(ctx, testkit.Steve))
		},
		"prefetch": func(ctx context.Context, c *growthgenius.Client) (err error) {
			for _, err = range c.Contacts.SearchAll(ctx, growthgenius.SearchOptions{}) {
				time.Sleep(time.Second)
			}
			return err
		},
	} {
		for _, exits := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, Goexit %v", name, exits), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
						switch {
						case name == "read-back" && n == 1:
							return nil, errors.New("connection reset")
						case name == "prefetch" && n == 1:
							return testkit.Reply(200, `{"contacts":[{"id":1}],"pagination":{"per_page":1,"total_entries":5,"total_pages":5}}`), nil
						case exits && name != "get":
							runtime.Goexit()
						}
						panic("a bug in " + r.URL.Path)
					}}, growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(0)))
					defer func() {
						if p := recover(); (p == nil) != (exits && name != "get") {
							t.Errorf("recovered %v", p)
						}
					}()
					if err := call(t.Context(), c); err == nil {
						t.Error("no error and no panic")
					}
				})
			})
		}
	}
}

// TestHeadersOfReadBack: a list is read with the headers of the create, which may decide
// whose records it has.
func TestHeadersOfReadBack(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 503, Commit: true, Times: 2})
		c := srv.NewClient(growthgenius.WithHTTPClient(&http.Client{Transport: testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Tenant") != "b" {
				return testkit.Reply(200, `{"contacts":[]}`, "Date", time.Now().UTC().Format(http.TimeFormat)), nil
			}
			return srv.RoundTrip(r)
		})}))
		tenant := growthgenius.WithHeader("X-Tenant", "b")
		if contact, err := c.Contacts.Create(t.Context(), testkit.Steve, tenant); err != nil || contact.ID != srv.Contacts()[0].ID {
			t.Errorf("%+v %v", contact, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*testkit.Latency)
		defer cancel()
		e := testkit.Unknown(t, testkit.Err(c.Contacts.Create(ctx, ada("Countess"), tenant)))
		if contact, err := srv.NewClient().Contacts.Resolve(t.Context(), testkit.ThroughJSON(t, e.Token), tenant); err != nil || contact.ID != srv.Contacts()[1].ID {
			t.Errorf("%+v %v", contact, err)
		}
	})
}

// TestResolveOfTheErrorsToken: the token of an OutcomeUnknownError finds the same record,
// also after it was JSON.
func TestResolveOfTheErrorsToken(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 504, Commit: true, Times: 1}, growthgeniustest.Fault{Method: "GET", Status: 500})
		c := srv.NewClient()
		token := testkit.Unknown(t, testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve))).Token
		// While the list cannot be read, the outcome is unknown, and the new error has a token, too.
		again := testkit.Unknown(t, testkit.Err(c.Contacts.Resolve(t.Context(), token))).Token
		text, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		srv.ClearFaults()
		for _, c := range []*growthgenius.Client{c, srv.NewClient()} {
			got, err := c.Contacts.Resolve(t.Context(), testkit.ReadToken(t, text))
			if err != nil || got.ID != srv.Contacts()[0].ID {
				t.Errorf("%+v %v", got, err)
			}
		}
	})
}

// TestResolveWhatIsKnown: if this client knows that the create happened, Resolve reads the
// record by its id. No error of that means that it may be created again.
func TestResolveWhatIsKnown(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient()
		var journal []byte
		contact, err := c.Contacts.Create(t.Context(), testkit.Steve, testkit.KeepToken(t, &journal))
		if err != nil {
			t.Fatal(err)
		}
		if found, err := c.Contacts.Resolve(t.Context(), testkit.ReadToken(t, journal)); err != nil || found.ID != contact.ID {
			t.Errorf("%+v %v", found, err)
		}
		srv.Inject(growthgeniustest.Fault{Method: "GET", Status: 500})
		testkit.Unknown(t, testkit.Err(c.Contacts.Resolve(t.Context(), testkit.ReadToken(t, journal))))
		srv.ClearFaults()
		if err := srv.NewClient().Contacts.Delete(t.Context(), contact.ID); err != nil {
			t.Fatal(err)
		}
		e := testkit.Unknown(t, testkit.Err(c.Contacts.Resolve(t.Context(), testkit.ReadToken(t, journal))))
		if errors.Is(e, growthgenius.ErrNotFound) || !errors.Is(e.Last, growthgenius.ErrNotFound) {
			t.Errorf("%v", e)
		}
	})
}

// TestResolveCannotTell: the outcome stays unknown if the list cannot be read, has no clock
// or cannot be trusted.
func TestResolveCannotTell(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault growthgeniustest.Fault
		opts  []growthgeniustest.ServerOption
	}{
		"list fails":        {growthgeniustest.Fault{Method: "GET", Status: 500}, nil},
		"list is cut short": {growthgeniustest.Fault{Method: "GET", Effect: growthgeniustest.Truncate}, nil},
		"list is HTML":      {growthgeniustest.Fault{Method: "GET", Effect: growthgeniustest.HTMLPage}, nil},
		"list is forbidden": {growthgeniustest.Fault{Method: "GET", Status: 403}, nil},
		"list is an error":  {growthgeniustest.Fault{Method: "GET", Status: 200, Body: `{"error":"busy"}`}, nil},
		"throttled":         {growthgeniustest.Fault{Method: "GET", Status: 429}, nil},
		"no clock":          {growthgeniustest.Fault{Method: "DELETE"}, []growthgeniustest.ServerOption{growthgeniustest.WithNoDate()}},
	} {
		for _, created := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, created %v", name, created), func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					srv.Inject(tt.fault, growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: created, Times: 1})
					var journal []byte
					c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: time.Second}))
					testkit.Unknown(t, testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve, testkit.KeepToken(t, &journal))))
					testkit.Unknown(t, testkit.Err(c.Contacts.Resolve(t.Context(), testkit.ReadToken(t, journal))))
					testkit.Unknown(t, testkit.Err(srv.NewClient().Contacts.Resolve(t.Context(), testkit.ReadToken(t, journal))))
					if n := testkit.Count(srv.Server, "POST", "/contacts"); n != 1 {
						t.Errorf("%d POSTs", n)
					}
				}, tt.opts...)
			})
		}
	}
}

// TestResolveRefuses: an empty token and one of the other resource, with nothing sent.
func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	c := testkit.Live(t, srv)
	stop := errors.New("stop")
	token := func(create func(growthgenius.RequestOption) error) (a growthgenius.CreateToken) {
		_ = create(growthgenius.BeforeCreate(func(got growthgenius.CreateToken) error { a = got; return stop }))
		return a
	}
	contact := token(func(o growthgenius.RequestOption) error {
		return testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve, o))
	})
	message := token(func(o growthgenius.RequestOption) error {
		return testkit.Err(c.Messages.Create(t.Context(), testkit.Louis, o))
	})
	for name, err := range map[string]error{
		"message to Contacts": testkit.Err(c.Contacts.Resolve(t.Context(), message)),
		"contact to Messages": testkit.Err(c.Messages.Resolve(t.Context(), contact)),
		"empty to Contacts":   testkit.Err(c.Contacts.Resolve(t.Context(), growthgenius.CreateToken{})),
		"empty to Messages":   testkit.Err(c.Messages.Resolve(t.Context(), growthgenius.CreateToken{})),
		"a bad option":        testkit.Err(c.Contacts.Resolve(t.Context(), contact, growthgenius.WithHeader("Host", "x"))),
	} {
		if !errors.Is(err, growthgenius.ErrInvalidInput) || errors.Is(err, growthgenius.ErrOutcomeUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if _, err := json.Marshal(growthgenius.CreateToken{}); err == nil {
		t.Error("an empty token was written")
	}
}

// TestTokensThatAreNone: UnmarshalJSON refuses other versions and damaged tokens.
func TestTokensThatAreNone(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	var journal []byte
	if _, err := testkit.Live(t, srv).Contacts.Create(t.Context(), testkit.Steve, testkit.KeepToken(t, &journal)); err != nil {
		t.Fatal(err)
	}
	damage := func(field string, value any) string {
		var doc map[string]any
		if err := json.Unmarshal(journal, &doc); err != nil {
			t.Fatal(err)
		}
		if doc[field] = value; value == nil {
			delete(doc, field)
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, text := range map[string]string{
		"version 2": damage("version", 2), "version 0": damage("version", 0), "no version": damage("version", nil), "odd version": damage("version", "x"),
		"no resource": damage("resource", nil), "no user": damage("user_id", nil), "no content": damage("content", nil), "odd content": damage("content", "x"),
		"no time": damage("started", nil), "null": "null", "empty": "{}", "array": "[]", "cut short": string(journal[:len(journal)-2]),
	} {
		var a growthgenius.CreateToken
		if err := json.Unmarshal([]byte(text), &a); err == nil {
			t.Errorf("%s was read: %s", name, text)
		}
	}
	if a := testkit.ReadToken(t, []byte(damage("resource", "invoice"))); !errors.Is(testkit.Err(testkit.Live(t, srv).Contacts.Resolve(t.Context(), a)), growthgenius.ErrInvalidInput) {
		t.Error("a resource of the future was resolved")
	}
	// Fields that a later version adds are ignored.
	if a := testkit.ReadToken(t, []byte(damage("colour", "red"))); !strings.Contains(a.String(), "contact") {
		t.Error(a)
	}
}

// TestTokensShowNothing: a token does not print its content, alone or in an error. The key is
// not even in its JSON.
func TestTokensShowNothing(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset})
	c := testkit.Live(t, srv, growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}), growthgenius.WithMarkerField("custom9"))
	failed := testkit.Unknown(t, testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve)))
	a := failed.Token
	var log bytes.Buffer
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)))
	logger.InfoContext(t.Context(), "x", slog.Any("attempt", a), slog.Any("pointer", &a), slog.Any("error", failed))
	for _, text := range []string{
		fmt.Sprintf("%v|%+v|%#v|%s|%q", a, a, a, a, a), fmt.Sprintf("%v|%+v|%#v", &a, &a, &a), fmt.Sprintf("%v %+v %s", failed, failed, failed),
		fmt.Sprintf("%+v %#v", struct{ A growthgenius.CreateToken }{a}, []growthgenius.CreateToken{a}), log.String(),
	} {
		for _, private := range []string{"sjobs", "Steve", "CEO", "gg-", "user_id", srv.APIKey()} {
			if strings.Contains(text, private) {
				t.Errorf("%q is shown in %s", private, text)
			}
		}
	}
	year := fmt.Sprint(time.Now().UTC().Year())
	if text := a.String(); !strings.Contains(text, "contact") || !strings.Contains(text, year) {
		t.Error(text)
	}
	if strings.Count(log.String(), "growthgenius.CreateToken(contact, "+year) < 4 {
		t.Error(log.String())
	}
	stored, err := json.Marshal(a)
	if err != nil || strings.Contains(string(stored), srv.APIKey()) || !strings.Contains(string(stored), "sjobs@apple.com") {
		t.Errorf("%s %v", stored, err)
	}
}
