package growthgenius_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// named is ada without an e-mail address.
func named(title string) growthgenius.ContactInput {
	in := ada(title)
	in.Email = growthgenius.Optional[string]{}
	return in
}

// TestUpsertInTwoProcesses: processes that share a ledger make one contact of one address,
// however it is spelled, and of one name, long before search shows the contact.
func TestUpsertInTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, inputs := range map[string][]growthgenius.ContactInput{
		"one spelling":  {ada("x"), ada("x")},
		"two spellings": {{Email: growthgenius.Set("Jos\u00e9@B\u00fccher.example")}, {Email: growthgenius.Set(" jose\u0301@xn--bcher-kva.example. ")}},
		"by name":       {ada("x"), named("x")},
		"by name first": {named("x"), ada("x")},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			l := ledger.NewMemory()
			var group sync.WaitGroup
			for i := range 20 {
				c := srv.NewClient(growthgenius.WithLedger(l)) // a process for each
				group.Go(func() {
					if _, err := c.Contacts.Upsert(t.Context(), inputs[i%2], growthgenius.MatchNameAndCompany()); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			group.Wait()
			if n := len(srv.Contacts()); n != 1 {
				t.Errorf("%s: %d contacts", name, n)
			}
		}, growthgeniustest.WithSearchLag(time.Hour))
	}
}

// TestUpsertByTwoUsersInTwoProcesses: the users share a contact if they see it. If they do
// not, each has one, and finds it again.
func TestUpsertByTwoUsersInTwoProcesses(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			transport := &apartTransport{next: srv, apart: apart}
			l := ledger.NewMemory()
			for i := range 8 {
				c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
				if _, err := c.ForUser(growthgenius.IntID(int64(i%2+1))).Contacts.Upsert(t.Context(), ada("x")); err != nil {
					t.Error(err)
				}
			}
			want := 1
			if apart {
				want = 2
			}
			if n := len(srv.Contacts()); n != want {
				t.Errorf("apart %v: %d contacts, want %d", apart, n, want)
			}
		}, growthgeniustest.WithSearchLag(time.Hour))
	}
}

// TestUpsertByUsersWhoSeeEachOther: a user's own contact comes first, then the newest one of
// any user, also if their own is gone.
func TestUpsertByUsersWhoSeeEachOther(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddUsers(growthgenius.User{ID: "77"})
		transport := &apartTransport{next: srv, apart: true}
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()), growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
		upsert := func(user growthgenius.ID) growthgenius.ID {
			t.Helper()
			r, err := c.ForUser(user).Contacts.Upsert(t.Context(), ada("x"))
			if err != nil {
				t.Fatal(err)
			}
			return r.Contact.ID
		}
		first, second := upsert("1"), upsert("2")
		transport.apart = false
		if got := upsert("77"); got != second || first == second {
			t.Errorf("another user has %s, want %s", got, second)
		}
		if got := upsert("1"); got != first {
			t.Errorf("the first user has %s, want %s", got, first)
		}
		second = upsert("2")
		if err := c.Contacts.Delete(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if got := upsert("1"); got != second {
			t.Errorf("after a delete: got %s, want %s", got, second)
		}
	}, growthgeniustest.WithSearchLag(time.Hour))
}

// TestUpsertTakesOver: what a process began that has ended is resolved first.
func TestUpsertTakesOver(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{true, false} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			l := ledger.NewMemory()
			dying := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithHTTPClient(&http.Client{Transport: testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost && path.Base(r.URL.Path) == "contacts" {
					if committed {
						if res, err := srv.RoundTrip(r); err == nil {
							_ = res.Body.Close()
						}
					}
					panic("killed")
				}
				return srv.RoundTrip(r)
			})}))
			func() {
				defer func() { _ = recover() }()
				_, _ = dying.Contacts.Upsert(t.Context(), ada("x"), growthgenius.MatchNameAndCompany())
				t.Error("no panic")
			}()
			want := growthgenius.Created
			if committed {
				want = growthgenius.Unchanged
			}
			r, err := srv.NewClient(growthgenius.WithLedger(l)).Contacts.Upsert(t.Context(), named("x"), growthgenius.MatchNameAndCompany())
			if err != nil || r.Action != want || len(srv.Contacts()) != 1 {
				t.Errorf("committed %t: %+v, %v, %d contacts", committed, r, err, len(srv.Contacts()))
			}
		}, growthgeniustest.WithSearchLag(time.Hour))
	}
}

// TestUpsertOfADeletedContactInTwoProcesses: a key is not bound to a contact that is gone.
func TestUpsertOfADeletedContactInTwoProcesses(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		l := ledger.NewMemory()
		for range 2 {
			c := srv.NewClient(growthgenius.WithLedger(l))
			r, err := c.Contacts.Upsert(t.Context(), ada("x"))
			if err != nil || r.Action != growthgenius.Created {
				t.Fatalf("%+v, %v", r, err)
			}
			if err := c.Contacts.Delete(t.Context(), r.Contact.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestUpsertUnresolved: a create that cannot be resolved, since an equal contact was made
// beside it, does not block its key for as long as the ledger lasts.
func TestUpsertUnresolved(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		l := ledger.NewMemory()
		srv.Inject(growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Reset, Commit: true, Times: 1})
		testkit.Unknown(t, testkit.Err(srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true})).
			Contacts.Upsert(t.Context(), ada("x"))))
		if _, err := srv.NewClient().Contacts.Create(t.Context(), ada("x")); err != nil {
			t.Fatal(err)
		}
		c := srv.NewClient(growthgenius.WithLedger(l))
		if _, err := c.Contacts.Upsert(t.Context(), ada("x")); !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
			t.Errorf("before search shows the contacts: %v", err)
		}
		time.Sleep(time.Minute)
		_, err := c.Contacts.Upsert(t.Context(), ada("x"))
		testkit.OnlyIs(t, err, growthgenius.ErrMultipleMatches)
		if r, err := c.Contacts.Upsert(t.Context(), ada("y"), growthgenius.MatchOldest()); err != nil || r.Action != growthgenius.Updated {
			t.Errorf("%+v, %v", r, err)
		}
		if n := len(srv.Contacts()); n != 2 {
			t.Errorf("%d contacts", n)
		}
	}, growthgeniustest.WithSearchLag(time.Minute))
}

// TestUpsertNeedsItsLeases: nothing is written with less of a lease than an attempt may take,
// or if the ledger cannot store what is known before.
func TestUpsertNeedsItsLeases(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		until, refused := time.Now().Add(9*time.Second), error(nil)
		l := spoilt{ledger.NewMemory(), func() time.Time { return until }, func(growthgenius.Entry) error { return refused }}
		c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(10*time.Second))
		other := srv.AddContacts(growthgenius.Contact{Email: "other@example.com"})[0]
		change := growthgenius.ContactInput{Email: growthgenius.Set(other.Email), Title: growthgenius.Set("CTO")}
		for _, in := range []growthgenius.ContactInput{ada("x"), change} {
			_, err := c.Contacts.Upsert(t.Context(), in)
			testkit.OnlyIs(t, err, growthgenius.ErrLeaseLost)
		}
		until, refused = time.Time{}, fmt.Errorf("sql: %w", growthgenius.ErrLeaseLost)
		_, err := c.Contacts.Upsert(t.Context(), ada("x"))
		testkit.OnlyIs(t, err, growthgenius.ErrLeaseLost)
		change.Email = growthgenius.Set("third@example.com")
		srv.AddContacts(growthgenius.Contact{Email: "third@example.com"})
		_, err = c.Contacts.Upsert(t.Context(), change)
		testkit.OnlyIs(t, err, growthgenius.ErrLeaseLost)
		if n := writes(srv.Server); n != 0 {
			t.Errorf("%d requests were sent that write", n)
		}
		until, refused = time.Now().Add(11*time.Second), nil
		for _, in := range []growthgenius.ContactInput{ada("x"), change} {
			if _, err := c.Contacts.Upsert(t.Context(), in); err != nil {
				t.Errorf("with enough of the lease left: %v", err)
			}
		}
	})
}

// TestUpsertStoresWhatIsNew: an upsert that learns nothing stores nothing, and what it learns
// is stored although its context has ended meanwhile.
func TestUpsertStoresWhatIsNew(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		stored := 0
		l := spoilt{ledger.NewMemory(), func() time.Time { return time.Time{} }, func(growthgenius.Entry) error { stored++; return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithHTTPClient(&http.Client{Transport: testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
			if path.Base(r.URL.Path) == "contacts" {
				defer cancel()
			}
			return srv.RoundTrip(r)
		})}))
		for _, ctx := range []context.Context{ctx, t.Context(), t.Context()} {
			if _, err := c.Contacts.Upsert(ctx, ada("x")); err != nil {
				t.Fatal(err)
			}
		}
		if stored != 2 || ctx.Err() == nil || len(srv.Contacts()) != 1 {
			t.Errorf("%d entries were stored, want the token and the id", stored)
		}
	}, growthgeniustest.WithSearchLag(time.Hour))
}

// TestUpsertThatCannotStoreTheID: the contact was created, and another process resolves it.
func TestUpsertThatCannotStoreTheID(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		inner := ledger.NewMemory()
		l := spoilt{inner, func() time.Time { return time.Time{} }, func(e growthgenius.Entry) error {
			if e.ID != "" {
				return errors.New("disk full")
			}
			return nil
		}}
		for i, l := range []growthgenius.Ledger{l, inner} {
			r, err := srv.NewClient(growthgenius.WithLedger(l)).Contacts.Upsert(t.Context(), ada("x"))
			if err != nil || (r.Action == growthgenius.Created) != (i == 0) || len(srv.Contacts()) != 1 {
				t.Errorf("%+v, %v, %d contacts", r, err, len(srv.Contacts()))
			}
		}
	}, growthgeniustest.WithSearchLag(time.Hour))
}

// keysOf is a ledger that notes the keys that are acquired.
type keysOf struct {
	growthgenius.Ledger
	keys *[]string
}

func (k keysOf) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	*k.keys = append(*k.keys, key)
	return k.Ledger.Acquire(ctx, key)
}

// TestUpsertEntries: what the ledger has of an upsert. No key has an e-mail address or a
// name, nor has anything else once the outcome is known.
func TestUpsertEntries(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		var keys []string
		l := keysOf{ledger.NewMemory(), &keys}
		entry := func(key string) (growthgenius.Entry, string) {
			t.Helper()
			lease, err := l.Ledger.Acquire(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(lease.Entry())
			if err := errors.Join(err, lease.Release(t.Context())); err != nil {
				t.Fatal(err)
			}
			return lease.Entry(), strings.ToLower(string(text))
		}
		c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
		srv.Inject(growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Reset, Commit: true, Times: 1})
		unknown := testkit.Unknown(t, testkit.Err(c.Contacts.Upsert(t.Context(), ada("x"), growthgenius.MatchNameAndCompany())))
		if len(keys) != 2 || keys[0] == keys[1] || strings.Contains(strings.Join(keys, ""), "ada") || !strings.HasPrefix(keys[0], "upsert/") {
			t.Fatalf("the keys are %q", keys)
		}
		token, err := json.Marshal(unknown.Token)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys[:2] {
			e, text := entry(key)
			if e.Token == nil || e.ID != "" || e.Scope != "" || strings.Count(text, `"nonce"`) != 1 || !strings.Contains(text, strings.ToLower(string(token))) {
				t.Errorf("%s: with the outcome open: %s, want the token of the error", key, text)
			}
		}
		if _, err := c.Contacts.Upsert(t.Context(), named("x"), growthgenius.MatchNameAndCompany()); err != nil {
			t.Fatal(err)
		}
		e, text := entry(keys[2])
		if keys[2] != keys[1] || e.ID != srv.Contacts()[0].ID || e.Token != nil || strings.Contains(text, "ada") {
			t.Errorf("%s: with the outcome known: %s", keys[2], text)
		}
		srv.Inject(growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Status: 422, Times: 1})
		in := growthgenius.ContactInput{Email: growthgenius.Set("b@example.com")}
		if _, err := c.Contacts.Upsert(t.Context(), in); !errors.Is(err, growthgenius.ErrValidation) {
			t.Fatal(err)
		}
		if e, text := entry(keys[3]); !e.IsZero() {
			t.Errorf("after a create that was refused: %s", text)
		}
	})
}

// TestUpsertWithABrokenLedger: the error says what failed, and nothing is sent.
func TestUpsertWithABrokenLedger(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	file, err := ledger.OpenFile(t.TempDir()+"/ledger", ledger.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	upsert := func() error {
		return testkit.Err(srv.Client(growthgenius.WithLedger(keysOf{file, &keys})).Contacts.Upsert(t.Context(), ada("x")))
	}
	if err := upsert(); err != nil {
		t.Fatal(err)
	}
	srv.ResetRequests()
	lease, err := file.Acquire(t.Context(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lease.Record(t.Context(), growthgenius.Entry{Note: []byte(`"mine"`)}), lease.Release(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"reading the key upsert/", "ledger: closed"} {
		want = "growthgenius: Contacts.Upsert: acquiring the key from the ledger: " + want
		if err := upsert(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		_ = file.Close() // it says that it is closed already, the second time
	}
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
