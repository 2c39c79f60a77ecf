package growthgenius_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// writes returns how many requests changed something.
func writes(srv *growthgeniustest.Server) int {
	n := 0
	for _, r := range srv.Requests() {
		if r.Method == http.MethodPatch || r.Method == http.MethodDelete || (r.Method == http.MethodPost && r.Route != growthgeniustest.RouteSearch) {
			n++
		}
	}
	return n
}

func ada(title string) growthgenius.ContactInput {
	return growthgenius.ContactInput{
		Email: growthgenius.Set("Ada@Example.com "), FullName: growthgenius.Set("Ada Byron"),
		CompanyName: growthgenius.Set("Analytical Engines"), Title: growthgenius.Set(title),
	}
}

func TestUpsert(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]growthgeniustest.ServerOption{
		"as documented": nil,
		"integer ids":   {growthgeniustest.WithIntegerSearchIDs()},
		"full records":  {growthgeniustest.WithFullSearchRecords()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := growthgeniustest.NewServer(t, opts...)
			// Search is fuzzy: it finds these other people with the same words.
			srv.AddContacts(
				growthgenius.Contact{Email: "not-ada@example.com", FullName: "Not Ada"},
				growthgenius.Contact{Email: "ada@example.com.au", FullName: "Ada B."})
			steps := []struct {
				title  string
				want   growthgenius.Action
				writes int
			}{
				{"Countess", growthgenius.Created, 1},
				{"Countess", growthgenius.Unchanged, 1},
				{"countess", growthgenius.Updated, 2},
				{"countess", growthgenius.Unchanged, 2},
			}
			// The second client remembers nothing, so it must search.
			for _, client := range []*growthgenius.Client{srv.Client(), srv.Client()} {
				for _, step := range steps {
					res, err := client.Contacts.Upsert(t.Context(), ada(step.title))
					if err != nil {
						t.Fatal(err)
					}
					if res.Action != step.want || res.Contact.Title != step.title || writes(srv) != step.writes {
						t.Fatalf("%s: %s with %d writes, want %s with %d", step.title, res.Action, writes(srv), step.want, step.writes)
					}
				}
				for i := range steps { // for the second client, the contact exists already
					steps[i].want, steps[i].title = growthgenius.Unchanged, "countess"
					steps[i].writes = 2
				}
			}
			if n := len(srv.Contacts()); n != 3 {
				t.Fatalf("%d contacts, want 3", n)
			}
		})
	}
}

func TestUpsertClearsAndKeeps(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.AddContacts(growthgenius.Contact{Email: "ada@example.com", Title: "Countess", City: "London"})
	in := growthgenius.ContactInput{Email: growthgenius.Set("ada@example.com"), Title: growthgenius.Null[string](), Website: growthgenius.Null[string]()}
	for _, want := range []growthgenius.Action{growthgenius.Updated, growthgenius.Unchanged} {
		res, err := srv.Client().Contacts.Upsert(t.Context(), in)
		if err != nil || res.Action != want || res.Contact.Title != "" || res.Contact.City != "London" {
			t.Fatalf("%+v, %v; want %s", res, err, want)
		}
	}
}

func TestUpsertSeveralMatches(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithIntegerSearchIDs())
	now := time.Now()
	ids := srv.AddContacts(
		growthgenius.Contact{Email: "ada@example.com", CreatedAt: now.Add(-time.Hour)},
		growthgenius.Contact{Email: "ADA@example.com", CreatedAt: now.Add(-2 * time.Hour)})
	_, err := srv.Client().Contacts.Upsert(t.Context(), ada("Countess"))
	multiple, ok := errors.AsType[*growthgenius.MultipleMatchesError](err)
	if !ok || !errors.Is(err, growthgenius.ErrMultipleMatches) || len(multiple.IDs) != 2 || multiple.IDs[0] != ids[1].ID || writes(srv) != 0 {
		t.Fatalf("%v (%d writes)", err, writes(srv))
	}
	want := fmt.Sprintf("2 contacts match: %s, %s (oldest first; MatchOldest updates the first)", ids[1].ID, ids[0].ID)
	if multiple.Error() != want {
		t.Errorf("got %q, want %q", multiple, want)
	}
	res, err := srv.Client().Contacts.Upsert(t.Context(), ada("Countess"), growthgenius.MatchOldest())
	if err != nil || res.Action != growthgenius.Updated || res.Contact.ID != ids[1].ID {
		t.Fatalf("%+v, %v", res, err)
	}
}

func TestUpsertByNameAndCompany(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.AddContacts(growthgenius.Contact{FullName: "ada  byron", CompanyName: "Analytical Engines", Email: "old@example.com"})
	res, err := srv.Client().Contacts.Upsert(t.Context(), ada("Countess"), growthgenius.MatchNameAndCompany())
	if err != nil || res.Action != growthgenius.Updated || len(srv.Contacts()) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	// Without the option, the same name alone does not match.
	in := ada("Countess")
	in.Email = growthgenius.Set("other@example.com")
	res, err = srv.Client().Contacts.Upsert(t.Context(), in)
	if err != nil || res.Action != growthgenius.Created || len(srv.Contacts()) != 2 {
		t.Fatalf("%+v, %v", res, err)
	}
}

func TestUpsertInDoubtCreatesNothing(t *testing.T) {
	t.Parallel()
	in := ada("Countess")
	noEmail := in
	noEmail.Email = growthgenius.Optional[string]{}
	for name, test := range map[string]struct {
		server []growthgeniustest.ServerOption
		in     growthgenius.ContactInput
		seed   int
		want   error
	}{
		"a match that Get refuses": {[]growthgeniustest.ServerOption{growthgeniustest.WithUnresolvableSearchIDs(), growthgeniustest.WithListLag(time.Hour)}, in, 1, growthgenius.ErrNotFound},
		"a search cut short":       {[]growthgeniustest.ServerOption{growthgeniustest.WithPartialResultsLimit(2)}, in, 3, growthgenius.ErrPartialResults},
		"nothing to match by":      {nil, noEmail, 0, growthgenius.ErrInvalidInput},
		"nothing at all":           {nil, growthgenius.ContactInput{}, 0, growthgenius.ErrInvalidInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := growthgeniustest.NewServer(t, test.server...)
			for range test.seed {
				srv.AddContacts(growthgenius.Contact{Email: "ada@example.com"})
			}
			if _, err := srv.Client().Contacts.Upsert(t.Context(), test.in); !errors.Is(err, test.want) || writes(srv) != 0 {
				t.Fatalf("%v with %d writes, want %v", err, writes(srv), test.want)
			}
		})
	}
}

// TestUpsertAfterUnknownOutcome: the next upsert resolves an unknown create, and never
// creates again.
func TestUpsertAfterUnknownOutcome(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithSearchLag(time.Hour))
	client := srv.Client(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true, Settle: time.Millisecond}))
	srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Route: growthgeniustest.RouteContacts, Status: 500, Commit: true, Times: 1})
	if _, err := client.Contacts.Upsert(t.Context(), ada("Countess")); !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
		t.Fatal(err)
	}
	res, err := client.Contacts.Upsert(t.Context(), ada("Countess"))
	if err != nil || res.Action != growthgenius.Unchanged || len(srv.Contacts()) != 1 {
		t.Fatalf("%+v, %v, %d contacts", res, err, len(srv.Contacts()))
	}
}

// TestUpsertByTwoUsers: upserts of one key make one contact, whoever the acting users are,
// long before search shows it. If one user cannot see the contact of the other, each has one.
func TestUpsertByTwoUsers(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork(), growthgeniustest.WithSearchLag(time.Hour))
			client := srv.Client(growthgenius.WithHTTPClient(&http.Client{Transport: &apartTransport{next: srv.Transport(), apart: apart}}))
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					if _, err := client.ForUser(growthgenius.IntID(int64(i%2+1))).Contacts.Upsert(t.Context(), ada("Countess")); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			want := 1
			if apart {
				want = 2
			}
			if n := len(srv.Contacts()); n != want {
				t.Errorf("apart %v: %d contacts, want %d", apart, n, want)
			}
		})
	}
}

// TestUpsertAfterAPanic: after a panic during the create, the next upsert does not create a
// second contact.
func TestUpsertAfterAPanic(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		var once sync.Once
		c := srv.NewClient(growthgenius.WithHTTPClient(&http.Client{Transport: testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
			res, err := srv.RoundTrip(r)
			if r.Method == http.MethodPost && path.Base(r.URL.Path) == "contacts" {
				once.Do(func() { _ = res.Body.Close(); panic("a bug") })
			}
			return res, err
		})}))
		func() {
			defer func() { _ = recover() }()
			_, _ = c.Contacts.Upsert(t.Context(), ada("Countess"))
			t.Error("no panic")
		}()
		res, err := c.Contacts.Upsert(t.Context(), ada("Countess"))
		if err != nil || res.Action != growthgenius.Unchanged || len(srv.Ledger()) != 1 {
			t.Errorf("%+v %v, %d created", res, err, len(srv.Ledger()))
		}
	}, growthgeniustest.WithSearchLag(time.Hour))
}

// TestUpsertAfterARefusal: a refused upsert is not remembered, and BeforeCreate of the caller
// is called, too.
func TestUpsertAfterARefusal(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient()
		tokens := 0
		count := growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { tokens++; return nil })
		srv.Inject(growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Status: 422, Times: 1})
		if _, err := c.Contacts.Upsert(t.Context(), ada("Countess"), count); !errors.Is(err, growthgenius.ErrValidation) {
			t.Error(err)
		}
		res, err := c.Contacts.Upsert(t.Context(), ada("Countess"), count)
		if err != nil || res.Action != growthgenius.Created || tokens != 2 {
			t.Errorf("%+v %v, %d tokens", res, err, tokens)
		}
		stop := errors.New("the journal is full")
		if _, err := c.Contacts.Upsert(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set("b@example.com")}, growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { return stop })); !errors.Is(err, stop) {
			t.Error(err)
		}
	})
}

// apartTransport hides from each user what others created, if apart is set.
type apartTransport struct {
	next   http.RoundTripper
	apart  bool
	owners sync.Map // id -> user
}

func (a *apartTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	user := req.URL.Query().Get("user_id")
	id := path.Base(req.URL.Path)
	if owner, ok := a.owners.Load(id); ok && owner != user && a.apart {
		req.URL.Path = path.Dir(req.URL.Path) + "/999"
	}
	res, err := a.next.RoundTrip(req)
	if err != nil || req.Method != http.MethodPost || id == "search" {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	var made struct{ Contact growthgenius.Contact }
	if err == nil {
		err = json.Unmarshal(body, &made)
	}
	a.owners.Store(string(made.Contact.ID), user)
	return res, err
}

func TestUpsertManyAtOnceUnderFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const goroutines, keys = 1000, 100
		srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork(), growthgeniustest.WithSearchLag(time.Minute))
		client := srv.Client(growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 10}))
		srv.Inject(growthgeniustest.FaultMix(0.3, time.Second)...)
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				in := growthgenius.ContactInput{Email: growthgenius.Set(fmt.Sprintf("ada%d@example.com", i%keys))}
				for range 20 {
					if _, err := client.Contacts.Upsert(t.Context(), in); err == nil {
						return
					}
				}
				t.Error("an upsert did not succeed in 20 tries")
			})
		}
		wg.Wait()
		if n := len(srv.Contacts()); n != keys {
			t.Fatalf("%d contacts, want %d", n, keys)
		}
	})
}

// TestUpsertNeedsAnAddress: two people with a placeholder for an address would become one.
func TestUpsertNeedsAnAddress(t *testing.T) {
	t.Parallel()
	c := testkit.Unused(t)
	for email, want := range map[string]string{
		"n/a": "leave Email out", "-": "leave Email out", "k.A.": "leave Email out", "unknown": "leave Email out", "tony@": "not a domain",
		"Tony <tony@example.com>": "give the address alone", "tony\u200b@example.com": "cannot be seen", "\ufefftony@example.com": "cannot be seen", "a@b.c, d@e.f": "one address",
	} {
		in := ada("x")
		in.Email = growthgenius.Set(email)
		for _, opts := range [][]growthgenius.RequestOption{nil, {growthgenius.MatchNameAndCompany()}} {
			_, err := c.Contacts.Upsert(t.Context(), in, opts...)
			testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", email, err, want)
			}
		}
	}
}

// TestUpsertByEMailAndByName: upserts that match by name share what those that match by both
// know, in either order and at once, even if the search shows nothing yet.
func TestUpsertByEMailAndByName(t *testing.T) {
	t.Parallel()
	both, byName, opt := ada("x"), ada("x"), growthgenius.MatchNameAndCompany()
	byName.Email = growthgenius.Optional[string]{}
	for name, inputs := range map[string][]growthgenius.ContactInput{"by e-mail first": {both, byName}, "by name first": {byName, both}} {
		for _, lost := range []bool{false, true} {
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				if lost {
					srv.Inject(growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Reset, Commit: true, Times: 1})
				}
				c := srv.NewClient()
				for i, in := range inputs {
					r, err := c.Contacts.Upsert(t.Context(), in, opt)
					if err != nil || (r.Action == growthgenius.Created) != (i == 0) {
						t.Fatalf("%s: %+v, %v", name, r, err)
					}
				}
				if all := srv.Contacts(); len(all) != 1 || all[0].Email != "Ada@Example.com " {
					t.Errorf("%s: %+v", name, all)
				}
			}, growthgeniustest.WithSearchLag(time.Hour))
		}
	}
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient()
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				in := [...]growthgenius.ContactInput{both, byName}[i%2]
				if _, err := c.Contacts.Upsert(t.Context(), in, opt); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(srv.Contacts()); n != 1 {
			t.Errorf("%d contacts", n)
		}
	}, growthgeniustest.WithSearchLag(time.Hour))
}

// TestUpsertByNameStaysInDoubt: a contact that was found by its e-mail address is not thereby
// the only one of its name.
func TestUpsertByNameStaysInDoubt(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	c := srv.Client()
	for _, email := range []string{"ada@example.com", "other@example.com"} {
		srv.AddContacts(growthgenius.Contact{Email: email, FullName: "Ada Byron", CompanyName: "Analytical Engines", Title: "x"})
	}
	in := ada("x")
	for range 2 { // the second knows the contact from the first
		if _, err := c.Contacts.Upsert(t.Context(), in, growthgenius.MatchNameAndCompany()); err != nil {
			t.Fatal(err)
		}
	}
	in.Email = growthgenius.Optional[string]{}
	if r, err := c.Contacts.Upsert(t.Context(), in, growthgenius.MatchNameAndCompany()); !errors.Is(err, growthgenius.ErrMultipleMatches) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestUpsertThatFailsForgetsItsKeys: after a create that was refused, the name is free.
func TestUpsertThatFailsForgetsItsKeys(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Status: 422, Times: 1})
	c, in := srv.Client(), ada("x")
	if _, err := c.Contacts.Upsert(t.Context(), in, growthgenius.MatchNameAndCompany()); !errors.Is(err, growthgenius.ErrValidation) {
		t.Fatal(err)
	}
	srv.ResetRequests()
	in.Email = growthgenius.Optional[string]{}
	if r, err := c.Contacts.Upsert(t.Context(), in, growthgenius.MatchNameAndCompany()); err != nil || r.Action != growthgenius.Created {
		t.Errorf("%+v, %v", r, err)
	}
	if n := len(srv.Requests()); n != 2 {
		t.Errorf("%d requests, want a search and a create", n)
	}
	if err := srv.Client().Contacts.Delete(t.Context(), srv.Contacts()[0].ID); err != nil {
		t.Fatal(err)
	}
	srv.ResetRequests()
	if r, err := c.Contacts.Upsert(t.Context(), ada("x"), growthgenius.MatchNameAndCompany()); err != nil || r.Action != growthgenius.Created {
		t.Errorf("%+v, %v", r, err)
	}
	if n := len(srv.Requests()); n != 4 {
		t.Errorf("%d requests, want one Get, two searches and a create", n)
	}
}

// TestUpsertOfARenamedContact: what became of an unknown create is the contact of its address
// even if a colleague has changed the address, and not of its name if that has changed.
func TestUpsertOfARenamedContact(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]growthgenius.Action{"ada@example.com": growthgenius.Updated, "other@example.com": growthgenius.Created} {
		srv := growthgeniustest.NewServer(t, growthgeniustest.WithSearchLag(time.Hour))
		c := srv.Client(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true, Settle: time.Millisecond}))
		srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Route: growthgeniustest.RouteContacts, Status: 500, Commit: true, Times: 1})
		made, err := c.Contacts.Resolve(t.Context(), testkit.Unknown(t, testkit.Err(c.Contacts.Upsert(t.Context(), ada("x"), growthgenius.MatchNameAndCompany()))).Token)
		if err != nil {
			t.Fatal(err)
		}
		renamed := growthgenius.ContactInput{FullName: growthgenius.Set("Ada Lovelace"), Email: growthgenius.Set("lovelace@example.com")}
		if _, err := srv.Client().Contacts.Update(t.Context(), made.ID, renamed); err != nil {
			t.Fatal(err)
		}
		in := ada("x")
		in.Email = growthgenius.Set(email)
		if r, err := c.Contacts.Upsert(t.Context(), in, growthgenius.MatchNameAndCompany()); err != nil || r.Action != want {
			t.Errorf("%s: %+v, %v, want %s", email, r, err, want)
		}
	}
}

// TestUpsertThatWaitsInVain: an upsert whose context ends while it waits for a name holds up
// nothing.
func TestUpsertThatWaitsInVain(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteSearch, Delay: 10 * time.Second, Times: 1})
		c, in := srv.NewClient(), ada("x")
		in.Email = growthgenius.Optional[string]{}
		var slow sync.WaitGroup
		slow.Go(func() { _, _ = c.Contacts.Upsert(t.Context(), in, growthgenius.MatchNameAndCompany()) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Contacts.Upsert(ctx, ada("x"), growthgenius.MatchNameAndCompany()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		begun := time.Now()
		if r, err := c.Contacts.Upsert(t.Context(), ada("x")); err != nil || r.Action != growthgenius.Created || time.Since(begun) > time.Second {
			t.Errorf("%+v, %v after %s", r, err, time.Since(begun))
		}
		slow.Wait()
	})
}
