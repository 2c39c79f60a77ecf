package growthgenius_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestOneClientForAll: 64 goroutines share a client, each as a user of its own and with
// options of its own, while every fifth request fails and some calls are canceled. What
// arrives is what each of them asked for, byte for byte on every attempt, and each gets
// its own answer.
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
	c := live(t, srv, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 12, MinBackoff: time.Microsecond, MaxBackoff: time.Millisecond}))
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

// TestCallersInputIsNotKept: what is changed after the call is of no consequence to it,
// and a call changes nothing of what it is given.
func TestCallersInputIsNotKept(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 429, Times: 2})
	in := growthgenius.ContactInput{Email: growthgenius.Set("a@example.com"), Extra: map[string]any{"colour": "red"}}
	c := live(t, srv)
	contact, err := c.Contacts.Create(t.Context(), in, growthgenius.OnAttempt(func(growthgenius.Attempt) error {
		in.Extra["colour"] = "blue" // it is too late
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
