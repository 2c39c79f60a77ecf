package test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestLog: a debug record for each attempt, a warning for each retry.
func TestLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log testkit.Logs
		c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(30 * time.Millisecond)
			switch n {
			case 1:
				return testkit.Reply(503, "", "Retry-After", "7"), nil
			case 2:
				return nil, &url.Error{Op: "Get", URL: "https://api.growthgenius.com/contacts/424242?user_id=987", Err: errors.New("connection reset")}
			default:
				return testkit.Reply(200, `{"contact":{"id":424242}}`), nil
			}
		}}, log.Option(), growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}))
		if _, err := c.Contacts.Get(t.Context(), "424242", growthgenius.AsUser("987")); err != nil {
			t.Fatal(err)
		}
		const ms = time.Millisecond
		want := []testkit.Line{
			{Level: "DEBUG", Msg: "attempt", Attempt: 1, Status: 503, Duration: 30 * ms},
			{Level: "WARN", Msg: "trying again", Attempt: 1, Status: 503, Wait: 7 * time.Second},
			{Level: "DEBUG", Msg: "attempt", Attempt: 2, Error: "x", Duration: 30 * ms},
			{Level: "WARN", Msg: "trying again", Attempt: 2, Error: "x"},
			{Level: "DEBUG", Msg: "attempt", Attempt: 3, Status: 200, Duration: 30 * ms},
		}
		got := log.Lines(t)
		if len(got) != len(want) {
			t.Fatalf("%+v", got)
		}
		for i, w := range want {
			g := got[i]
			if w.Method, w.Route = "GET", "/contacts/{id}"; w.Error != "" {
				w.Error, w.Wait = g.Error, g.Wait // it is random
				if !strings.Contains(g.Error, "connection reset") || strings.Contains(g.Error, "424242") || g.Wait > ms {
					t.Errorf("%+v", g)
				}
			}
			if g != w {
				t.Errorf("got %+v, want %+v", g, w)
			}
		}
	})
}

// TestLogOfGivingUp: the last failure of a call is a warning, with the reason if there is
// one. A response that is not retried is none, nor is a call that its caller canceled.
func TestLogOfGivingUp(t *testing.T) {
	t.Parallel()
	down := growthgeniustest.Fault{Method: "GET", Status: 503, Header: http.Header{"Retry-After": {"2"}}, Times: 9}
	for name, tt := range map[string]struct {
		fault growthgeniustest.Fault
		opts  []growthgenius.RequestOption
		until time.Duration // of the context; 0 for none
		want  testkit.Line
	}{
		"after the last attempt": {down, nil, 0, testkit.Line{Attempt: 4, Status: 503, RequestID: "req-000004", Duration: 6*time.Second + 8*testkit.Latency}},
		"sent once":              {down, []growthgenius.RequestOption{growthgenius.NoRetry()}, 0, testkit.Line{Attempt: 1, Status: 503, RequestID: "req-000001", Duration: 2 * testkit.Latency}},
		"past the deadline": {down, nil, time.Second, testkit.Line{
			Attempt: 1, Status: 503, RequestID: "req-000001", Duration: 2 * testkit.Latency,
			Reason: "not tried again: the wait of 2s would pass the context's deadline",
		}},
		"a final response": {growthgeniustest.Fault{Method: "GET", Status: 403, Times: 9}, nil, 0, testkit.Line{}},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(tt.fault)
			ctx := t.Context()
			if tt.until > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.until)
				defer cancel()
			}
			var log testkit.Logs
			if _, err := srv.NewClient(log.Option()).Contacts.Get(ctx, "1", tt.opts...); err == nil {
				t.Fatal("no error")
			}
			var got testkit.Line
			for _, l := range log.Lines(t) {
				if l.Msg == "giving up" {
					got = l
				}
			}
			want := tt.want
			if want.Attempt > 0 {
				want.Level, want.Msg, want.Method, want.Route = "WARN", "giving up", "GET", "/contacts/{id}"
			}
			if got != want {
				t.Errorf("%s: logged %+v, want %+v", name, got, want)
			}
		})
	}
}

// TestLogOfCreates: read-back and unknown outcomes are warnings.
func TestLogOfCreates(t *testing.T) {
	t.Parallel()
	for _, created := range []bool{true, false} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			var log testkit.Logs
			c := srv.NewClient(log.Option())
			srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 503, Commit: created})
			_, err := c.Contacts.Create(t.Context(), testkit.Steve)
			if (err == nil) != created {
				t.Fatal(err)
			}
			var posts, lists, reads int
			var course []string
			for _, l := range log.Lines(t) {
				switch {
				case l.Route != "/contacts" || l.Method == "":
					t.Errorf("%+v", l)
				case l.Level == "DEBUG" && l.Method == "POST" && l.Status == 503 && l.Attempt == 1 && l.Duration == 2*testkit.Latency:
					posts++
				case l.Level == "DEBUG" && l.Method == "GET" && l.Status == 200:
					lists++
				case l.Level == "DEBUG" && l.Method == "GET" && l.Msg == "read the list to find creates" && l.Creates == 1:
					reads++
				case l.Method == "POST":
					course = append(course, fmt.Sprintf("%s %s: %s%s %t", l.Level, l.Msg, l.Error, l.Reason, l.Duration > 0))
				default:
					t.Errorf("%+v", l)
				}
			}
			want := []string{
				"WARN no usable response to a create, looking for its record: 503 Service Unavailable [request req-000001] false",
				"INFO found the record of a create: 503 Service Unavailable [request req-000001] true",
			}
			if !created {
				want[1] = "WARN outcome unknown: 503 Service Unavailable [request req-000001] true"
			}
			if posts != 1 || lists < 1 || reads != lists || !slices.Equal(course, want) {
				t.Errorf("%d POSTs, %d lists, %d reads, and %q", posts, lists, reads, course)
			}
		})
	}
}

// TestLogOfRawPosts: there is no list to read, so a lost response is an unknown outcome at
// once.
func TestLogOfRawPosts(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]growthgeniustest.Fault{"no answer": {Effect: growthgeniustest.Reset}, "500": {Status: 500}, "HTML": {Effect: growthgeniustest.HTMLPage}} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(fault)
			var log testkit.Logs
			var out any
			testkit.Unknown(t, srv.NewClient(log.Option()).Do(t.Context(), "POST", "/contacts", nil, testkit.Steve, &out))
			lines := log.Lines(t)
			if len(lines) != 2 || lines[0].Level != "DEBUG" || lines[1].Reason == "" || lines[1] != (testkit.Line{Level: "WARN", Msg: "outcome unknown", Method: "POST", Route: "/contacts", Reason: lines[1].Reason}) {
				t.Errorf("%s: %+v", name, lines)
			}
		})
	}
}

// TestLogOfCreatesSentAgain: that is a retry, so there is a warning.
func TestLogOfCreatesSentAgain(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 503, Times: 2})
		var log testkit.Logs
		if _, err := srv.NewClient(log.Option(), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: time.Second})).Contacts.Create(t.Context(), testkit.Steve); err != nil {
			t.Fatal(err)
		}
		var attempts []int
		again := 0
		for _, l := range log.Lines(t) {
			switch {
			case l.Level == "DEBUG" && l.Method == "POST":
				attempts = append(attempts, l.Attempt)
			case l.Level == "WARN" && l.Method == "POST" && l.Msg == "a complete list does not have the record, creating it again":
				again++
			case l.Level == "WARN" && l.Msg != "no usable response to a create, looking for its record":
				t.Errorf("%+v", l)
			}
		}
		if again != 2 || !slices.Equal(attempts, []int{1, 2, 3}) {
			t.Errorf("sent again %d times, attempts %v", again, attempts)
		}
	})
}

// TestLogKeepsSecrets: whatever goes wrong, no log record has ids, queries, bodies or the
// key.
func TestLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	var log testkit.Logs
	const key = "key-7f3a9"
	var host string
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		host = srv.URL()
		srv.AddUsers(growthgenius.User{ID: "user-x987"})
		for _, fault := range append(growthgeniustest.FaultMix(.9, 0), growthgeniustest.Fault{Status: 404, Body: `{"error":"no secret@example.com as contact-x424"}`}) {
			if fault.Effect != growthgeniustest.Hang {
				srv.Inject(fault)
			}
		}
		c := srv.NewClient(log.Option(), growthgenius.WithUserID("user-x987"), growthgenius.WithMarkerField("custom9"))
		in := growthgenius.ContactInput{Email: growthgenius.Set("secret@example.com"), Name: growthgenius.Set("Secretary")}
		ctx := t.Context()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, _ = c.Contacts.Create(ctx, in)
				_, _ = c.Contacts.Get(ctx, "contact-x424")
				_, _ = c.Contacts.Update(ctx, "contact-x424", in)
				_ = c.Contacts.Delete(ctx, "contact-x424")
				_, _ = c.Contacts.Search(ctx, growthgenius.SearchOptions{Keywords: "secret@example.com"})
				_, _ = c.Enrichment.Company(ctx, "secret.example.com")
				_, _ = c.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "secret@example.com"})
				_ = c.Do(ctx, "POST", "/contacts", url.Values{"q": {"secret@example.com"}}, map[string]any{"contact": in}, nil)
			})
		}
		wg.Wait()
	}, growthgeniustest.WithAPIKey(key))
	text := log.String()
	for _, private := range []string{key, "secret", "Secretary", "contact-x424", "user-x987", "user_id", "gg-", host} {
		if strings.Contains(text, private) {
			i := strings.Index(text, private)
			t.Errorf("%q is in the log: %s", private, text[max(0, i-200):min(len(text), i+200)])
		}
	}
	for _, expected := range []string{"trying again", "giving up", "looking for its record", "read the list", "outcome unknown", `"route":"/contacts/{id}"`, `"error":`} {
		if !strings.Contains(text, expected) {
			t.Errorf("%q is not in the log", expected)
		}
	}
}

// TestCaptureResponse: it stores what a response has besides its record.
func TestCaptureResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if n%3 != 0 {
				return testkit.Reply(503, "", "Retry-After", "2", "X-Request-Id", "no"), nil
			}
			return testkit.Reply(200+n, `{"contact":{"id":1}}`, "X-Request-Id", "yes", "X-Odd", "1"), nil
		}})
		var info growthgenius.ResponseInfo
		if _, err := c.Contacts.Get(t.Context(), "1", growthgenius.CaptureResponse(&info)); err != nil {
			t.Fatal(err)
		}
		if info.StatusCode != 203 || info.Attempts != 3 || info.RequestID != "yes" || info.Duration != 7*time.Second || info.Header.Get("X-Odd") != "1" {
			t.Errorf("%+v", info)
		}
	})
}

// TestCaptureResponseOfACreate: it stores the last response to the create itself, and the
// whole time until it.
func TestCaptureResponseOfACreate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 500, Delay: time.Second, Times: 1}, growthgeniustest.Fault{Method: "POST", Delay: time.Second})
		c := srv.Client(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: 20 * time.Second}))
		var info growthgenius.ResponseInfo
		if _, err := c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.CaptureResponse(&info)); err != nil {
			t.Fatal(err)
		}
		if info.StatusCode != 200 || info.Attempts != 2 || info.Duration < 22*time.Second {
			t.Errorf("%+v", info)
		}
	})
}

// routed is a limiter and a log handler that record the routes of the contexts they get.
type routed struct {
	slog.Handler
	waited, logged map[string]int
}

func (h *routed) Enabled(context.Context, slog.Level) bool { return true }

func (h *routed) Handle(ctx context.Context, r slog.Record) error {
	if route, ok := growthgenius.RouteFromContext(ctx); ok {
		h.logged[r.Message+" "+route]++
	}
	return nil
}

func (h *routed) Wait(ctx context.Context) error {
	route, _ := growthgenius.RouteFromContext(ctx)
	h.waited[route]++
	return nil
}

// TestRouteFromContext: the program's transport, limiter and logger see the route of every
// call.
func TestRouteFromContext(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"get": "/contacts/{id}", "list": "/messages", "search": "/contacts/search", "enrichment": "/companies/find", "update": "/contacts/{id}", "delete": "/messages/{id}",
		"raw GET": "/x", "raw PATCH": "/x", "create contact": "/contacts", "create message": "/messages", "raw POST": "/x",
	}
	for _, k := range kinds {
		synctest.Test(t, func(t *testing.T) {
			s := &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
				if route, ok := growthgenius.RouteFromContext(r.Context()); !ok || route != want[k.name] {
					t.Errorf("%s: %q", k.name, route)
				}
				if n == 1 {
					return testkit.Reply(429, ""), nil
				}
				rec := &recorder{header: http.Header{}}
				genuine(rec, r)
				return testkit.Reply(200, rec.String()), nil
			}}
			h := &routed{waited: map[string]int{}, logged: map[string]int{}}
			c := testkit.Scripted(t, s, growthgenius.WithLimiter(h), testkit.WithLogger(slog.New(h)))
			if err := k.do(t.Context(), c); err != nil || s.Sent.Load() != 2 {
				t.Errorf("%s: %v, %d requests", k.name, err, s.Sent.Load())
			}
			route := want[k.name]
			if diff := cmp.Diff(map[string]int{route: 2}, h.waited); diff != "" {
				t.Errorf("%s: waits %s", k.name, diff)
			}
			logged := map[string]int{"growthgenius: attempt " + route: 2, "growthgenius: trying again " + route: 1}
			if diff := cmp.Diff(logged, h.logged); diff != "" {
				t.Errorf("%s: log lines %s", k.name, diff)
			}
		})
	}
	if route, ok := growthgenius.RouteFromContext(t.Context()); ok || route != "" {
		t.Errorf("a route without a call: %q", route)
	}
}
