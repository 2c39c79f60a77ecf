package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestOneClientForAll: 64 goroutines share a client, each with another user and other
// options, while every fifth request fails and some calls are canceled. The server receives
// what each of them asked for, byte for byte on every attempt, and each gets its response.
func TestOneClientForAll(t *testing.T) {
	t.Parallel()
	const goroutines, rounds = 64, 4
	srv := growthgeniustest.NewServer(t)
	var users []growthgenius.User
	for i := range goroutines {
		users = append(users, growthgenius.User{ID: growthgenius.IntID(int64(5000 + i))})
	}
	srv.AddUsers(users...)
	srv.Inject(growthgeniustest.Fault{Status: 429, Probability: .1}, growthgeniustest.Fault{Method: "GET", Status: 503, Probability: .1},
		growthgeniustest.Fault{Method: "PATCH", Effect: growthgeniustest.Reset, Commit: true, Probability: .1})
	c := testkit.Live(t, srv, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 12, MinBackoff: time.Microsecond, MaxBackoff: time.Millisecond}))
	shared := growthgenius.WithHeader("X-Shared", "yes")
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			id := users[i].ID
			var info growthgenius.ResponseInfo
			options := func(call string) []growthgenius.RequestOption {
				return []growthgenius.RequestOption{shared, growthgenius.WithHeader("X-Caller", string(id)), growthgenius.WithHeader("X-Call", fmt.Sprintf("%s-%d", call, i)), growthgenius.CaptureResponse(&info)}
			}
			own, as := c, growthgenius.AsUser(id)
			if i%2 == 0 {
				own, as = c.ForUser(id), nil
			}
			for round := range rounds {
				email := fmt.Sprintf("user%d.%d@example.com", i, round)
				contact, err := own.Contacts.Create(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set(email)}, append(options("create"+email), as)...)
				if err != nil || contact.Email != email || contact.UserID != id || info.StatusCode != 200 || info.Attempts < 1 {
					t.Errorf("%s: %+v %v %+v", email, contact, err, info)
					return
				}
				title := "title of " + email
				contact, err = own.Contacts.Update(t.Context(), contact.ID, growthgenius.ContactInput{Title: growthgenius.Set(title)}, append(options("update"+email), as)...)
				if err != nil || contact.Title != title || contact.Email != email {
					t.Errorf("%s: %+v %v", email, contact, err)
					return
				}
				got, err := own.Contacts.Get(t.Context(), contact.ID, append(options("get"+email), as)...)
				if err != nil || got.ID != contact.ID || got.Title != title {
					t.Errorf("%s: %+v %v", email, got, err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				stop := time.AfterFunc(time.Duration(i*round)*time.Microsecond, cancel)
				_, err = own.Contacts.Get(ctx, contact.ID, append(options("cancel"+email), as)...)
				if stop.Stop() {
					cancel()
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", email, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(srv.Contacts()); n != goroutines*rounds {
		t.Errorf("%d contacts", n)
	}
	attempts := map[string][]growthgeniustest.Request{}
	again := 0
	for _, r := range srv.Requests() {
		query, err := url.ParseQuery(r.Query)
		if caller := r.Header.Values("X-Caller"); err != nil || !slices.Equal(caller, query["user_id"]) || len(caller) != 1 || !slices.Equal(r.Header.Values("X-Shared"), []string{"yes"}) {
			t.Fatalf("mixed up: %+v %v", r, err)
		}
		call := r.Header.Get("X-Call")
		if sent := attempts[call]; r.Method == http.MethodGet && len(sent) > 0 && sent[0].Method == http.MethodPatch {
			continue // the read before an update is sent again
		}
		attempts[call] = append(attempts[call], r)
		first := attempts[call][0]
		if len(attempts[call]) > 1 {
			again++
		}
		if r.Body != nil && first.Body != nil && !bytes.Equal(r.Body, first.Body) || r.Method != first.Method || r.Path != first.Path || r.Query != first.Query || fmt.Sprint(r.Header) != fmt.Sprint(first.Header) {
			t.Fatalf("attempts of one call differ: %+v\n%+v", first, r)
		}
	}
	if again < 50 {
		t.Errorf("only %d retries: the test tests nothing", again)
	}
}

// TestCreatesThatAreCanceled: 64 goroutines create while requests fail and contexts end at
// any moment. A create that returns a record made it, one that fails plainly made none, and
// the token of an unknown one resolves to what happened.
func TestCreatesThatAreCanceled(t *testing.T) {
	t.Parallel()
	const goroutines, rounds = 64, 3
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		for _, f := range growthgeniustest.FaultMix(.3, 0) {
			if f.Effect != growthgeniustest.Hang { // the context's end is enough
				srv.Inject(f)
			}
		}
		c := srv.NewClient(growthgenius.WithRateLimit(8000, 32), // some contexts end before anything is sent
			growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 12, MinBackoff: time.Microsecond, MaxBackoff: time.Millisecond}))
		type outcome struct {
			contact *growthgenius.Contact
			err     error
		}
		var outcomes [goroutines][rounds]outcome
		email := func(i, round int) string { return fmt.Sprintf("user%d.%d@example.com", i, round) }
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				for round := range rounds {
					ctx, cancel := context.WithCancel(t.Context())
					if round > 0 {
						time.AfterFunc(time.Duration(1+i*round)*150*time.Microsecond, cancel)
					}
					o := &outcomes[i][round]
					o.contact, o.err = c.ForUser(growthgenius.IntID(int64(1+i%2))).Contacts.Create(ctx, growthgenius.ContactInput{Email: growthgenius.Set(email(i, round))},
						growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { return nil }))
					if round > 0 && o.err != nil && ctx.Err() != nil && !errors.Is(o.err, context.Canceled) {
						t.Errorf("%s: %v hides the end of the context", email(i, round), o.err)
					}
					cancel()
				}
			})
		}
		wg.Wait()
		srv.ClearFaults()
		var unknowns, plain atomic.Int64
		for i := range goroutines {
			for round := range rounds {
				if e, ok := errors.AsType[*growthgenius.OutcomeUnknownError](outcomes[i][round].err); ok {
					unknowns.Add(1)
					wg.Go(func() {
						o := &outcomes[i][round]
						if o.contact, o.err = c.Contacts.Resolve(t.Context(), e.Token); o.err != nil && !errors.Is(o.err, growthgenius.ErrNotFound) {
							t.Errorf("%s: %v", email(i, round), o.err)
						}
					})
				} else if outcomes[i][round].err != nil {
					plain.Add(1)
				}
			}
		}
		wg.Wait()
		rows := map[string][]growthgenius.ID{}
		for _, contact := range srv.Contacts() {
			rows[contact.Email] = append(rows[contact.Email], contact.ID)
		}
		for i := range goroutines {
			for round := range rounds {
				o, made := outcomes[i][round], rows[email(i, round)]
				if len(made) > 1 || (o.err == nil) != (len(made) == 1) || o.err == nil && o.contact.ID != made[0] {
					t.Errorf("%s: %+v %v, and there are %v", email(i, round), o.contact, o.err, made)
				}
			}
		}
		t.Logf("%d unknown, %d failed plainly", unknowns.Load(), plain.Load())
		if unknowns.Load() == 0 || plain.Load() == 0 {
			t.Errorf("%d unknown, %d failed plainly: the test tests nothing", unknowns.Load(), plain.Load())
		}
	})
}

// TestCallersInputIsNotKept: changes that the caller makes later do not affect a call, and a
// call does not modify its arguments.
func TestCallersInputIsNotKept(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 429, Times: 2})
	in := growthgenius.ContactInput{Email: growthgenius.Set("a@example.com"), Extra: map[string]any{"colour": "red"}}
	c := testkit.Live(t, srv)
	contact, err := c.Contacts.Create(t.Context(), in, growthgenius.BeforeCreate(func(growthgenius.CreateToken) error {
		in.Extra["colour"] = "blue" // has no effect any more
		return nil
	}))
	if err != nil || string(contact.Extra["colour"]) != `"red"` {
		t.Errorf("%+v %v", contact, err)
	}
	query := url.Values{"q": {"x"}}
	header := []growthgenius.RequestOption{growthgenius.WithHeader("X-A", "b")}
	if err := c.Do(t.Context(), "GET", "/contacts", query, nil, nil, header...); err == nil || len(query) != 1 {
		t.Errorf("%v: %v", query, err)
	}
}
