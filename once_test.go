package growthgenius_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// createUnder creates a contact under a key.
func createUnder(t *testing.T, c *growthgenius.Client, key string, in growthgenius.ContactInput, opts ...growthgenius.RequestOption) (growthgenius.ID, error) {
	t.Helper()
	created, err := c.Contacts.Create(t.Context(), in, append(opts, growthgenius.Once(key))...)
	if err != nil {
		return "", err
	}
	return created.ID, nil
}

// TestOnceCreatesOnce: all creates under a key return the record of the first, also in other
// processes and at the same time.
func TestOnceCreatesOnce(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		l := ledger.NewMemory()
		var ids sync.Map
		var group sync.WaitGroup
		for range 3 {
			c := srv.NewClient(growthgenius.WithLedger(l))
			for i := range 4 {
				group.Go(func() {
					id, err := createUnder(t, c, fmt.Sprint("key ", i%2), growthgenius.ContactInput{FirstName: growthgenius.Set("Ana")})
					if err != nil {
						t.Error(err)
					}
					ids.Store(id, true)
				})
			}
		}
		group.Wait()
		if n := len(srv.Contacts()); n != 2 {
			t.Errorf("%d contacts of two keys", n)
		}
		for _, contact := range srv.Contacts() {
			if _, ok := ids.Load(contact.ID); !ok {
				t.Errorf("contact %s was not returned", contact.ID)
			}
		}
	})
}

// TestOnceOfMessages: a message may have the key of a contact.
func TestOnceOfMessages(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		id, err := createUnder(t, c, "key", testkit.Steve)
		if err != nil {
			t.Fatal(err)
		}
		in := growthgenius.MessageInput{ContactID: growthgenius.Set(id), RenderedCopy: growthgenius.Set("Hello")}
		var first growthgenius.ID
		for range 2 {
			m, err := c.Messages.Create(t.Context(), in, growthgenius.Once("key"))
			if err != nil {
				t.Fatal(err)
			}
			if first == "" {
				first = m.ID
			}
			if m.ID != first || len(srv.Messages()) != 1 {
				t.Errorf("got message %s, want %s of %d", m.ID, first, len(srv.Messages()))
			}
		}
	})
}

// TestOnceResolvesFirst: what an earlier process began is resolved before anything is sent.
// If it was created, that is the record. If not, it is created.
func TestOnceResolvesFirst(t *testing.T) {
	t.Parallel()
	for _, carriedOut := range []bool{true, false} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			l := ledger.NewMemory()
			ctx, kill := context.WithCancel(t.Context())
			fault := growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Times: 1}
			if carriedOut {
				fault.Commit = true
			}
			srv.Inject(fault)
			dying := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
			_, err := dying.Contacts.Create(ctx, testkit.Steve, growthgenius.Once("key"), growthgenius.NoRetry())
			kill()
			testkit.Unknown(t, err)

			c := srv.NewClient(growthgenius.WithLedger(l))
			var ids []growthgenius.ID
			for range 2 {
				id, err := createUnder(t, c, "key", testkit.Steve)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
			posts := 2
			if carriedOut {
				posts = 1
			}
			if got := testkit.Count(srv.Server, "POST", "/contacts"); got != posts || len(srv.Contacts()) != 1 || ids[0] != ids[1] {
				t.Errorf("carried out: %v: %d POSTs, want %d, %d contacts, ids %s", carriedOut, got, posts, len(srv.Contacts()), ids)
			}
		})
	}
}

// TestOnceOfTwins: of two equal records under two keys, of which a process began both and
// ended, the second one was never sent. Both are there in the end.
func TestOnceOfTwins(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		l := ledger.NewMemory()
		twin := growthgenius.ContactInput{FirstName: growthgenius.Set("Ana"), LastName: growthgenius.Set("Lima")}
		srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1})
		srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Times: 1})
		noReadBack := growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true})
		for _, key := range []string{"a", "b"} {
			dying := srv.NewClient(growthgenius.WithLedger(l), noReadBack)
			_, err := createUnder(t, dying, key, twin, growthgenius.NoRetry())
			testkit.Unknown(t, err)
		}
		ids := map[growthgenius.ID]bool{}
		for _, key := range []string{"b", "a", "a", "b"} {
			c := srv.NewClient(growthgenius.WithLedger(l)) // a process for each
			id, err := createUnder(t, c, key, twin)
			if err != nil {
				t.Fatal(err)
			}
			ids[id] = true
		}
		if len(ids) != 2 || len(srv.Contacts()) != 2 {
			t.Errorf("%d records were returned and %d exist, want 2", len(ids), len(srv.Contacts()))
		}
	})
}

// TestOnceOfTwinsThatExist: of two equal records whose responses were lost, the one that no
// other key has is that of a key. Each call is made by another process.
func TestOnceOfTwinsThatExist(t *testing.T) {
	t.Parallel()
	twin := growthgenius.ContactInput{FirstName: growthgenius.Set("Ana"), LastName: growthgenius.Set("Lima")}
	for _, known := range []string{"a", "b"} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			l := ledger.NewMemory()
			srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 2})
			for _, key := range []string{"a", "b"} {
				dying := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
				_, err := createUnder(t, dying, key, twin, growthgenius.NoRetry())
				testkit.Unknown(t, err)
			}
			for _, key := range []string{"a", "b"} { // neither key has a record yet
				_, err := createUnder(t, srv.NewClient(growthgenius.WithLedger(l)), key, twin)
				testkit.Unknown(t, err)
			}
			lease, err := l.Acquire(t.Context(), "contact/"+known)
			if err != nil {
				t.Fatal(err)
			}
			stored := srv.Contacts()
			e := lease.Entry()
			e.ID = stored[0].ID
			if err := lease.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"a", "b"} {
				want := stored[1].ID
				if key == known {
					want = stored[0].ID
				}
				id, err := createUnder(t, srv.NewClient(growthgenius.WithLedger(l)), key, twin)
				if err != nil || id != want || len(srv.Contacts()) != 2 {
					t.Errorf("%s has a record: %s has %q, %v, want %q", known, key, id, err, want)
				}
			}
		})
	}
}

// TestOnceRefuses: the errors of Once say what was wrong, and nothing is sent.
func TestOnceRefuses(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		l := ledger.NewMemory()
		c := srv.NewClient(growthgenius.WithLedger(l))
		id, err := createUnder(t, c, "key", testkit.Steve)
		if err != nil {
			t.Fatal(err)
		}
		serial := func(n int64) growthgenius.ContactInput {
			return growthgenius.ContactInput{FullName: growthgenius.Set("Ana"), Extra: map[string]any{"serial": n}}
		}
		if _, err := createUnder(t, c, "serial", serial(9007199254740992)); err != nil {
			t.Fatal(err)
		}
		other := testkit.Steve
		other.Title = growthgenius.Set("CTO")
		sent := testkit.Count(srv.Server, "POST", "/contacts")
		for name, c := range map[string]struct {
			client *growthgenius.Client
			key    string
			in     growthgenius.ContactInput
			want   error
			text   string
		}{
			"no ledger":      {srv.NewClient(), "key", other, growthgenius.ErrInvalidInput, "WithLedger"},
			"no key":         {c, "", other, growthgenius.ErrInvalidInput, "the key of Once is empty"},
			"another record": {c, "key", other, growthgenius.ErrKeyReused, "another record"},
			"another number": {c, "serial", serial(9007199254740993), growthgenius.ErrKeyReused, "another record"},
			"another user":   {c.ForUser("77"), "key", testkit.Steve, growthgenius.ErrKeyReused, "another record"},
		} {
			_, err := createUnder(t, c.client, c.key, c.in)
			if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.text) {
				t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.text)
			}
		}
		if err := c.Contacts.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		srv.Inject(growthgeniustest.Fault{Method: "GET", Status: 404, Body: "default backend - 404", Times: 1})
		if _, err = createUnder(t, c, "key", testkit.Steve); !errors.Is(err, growthgenius.ErrNotFound) || errors.Is(err, growthgenius.ErrKeyDeleted) {
			t.Errorf("after a 404 of a gateway: %v", err)
		}
		_, err = createUnder(t, c, "key", testkit.Steve)
		testkit.OnlyIs(t, err, growthgenius.ErrKeyDeleted)
		if !strings.Contains(err.Error(), string(id)) {
			t.Errorf("%v: the id is missing", err)
		}
		if got := testkit.Count(srv.Server, "POST", "/contacts"); got != sent {
			t.Errorf("%d requests were sent", got-sent)
		}
	})
}

// TestOnceOfRefused: a create that the API has refused frees its key.
func TestOnceOfRefused(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 422, Times: 1})
		if _, err := createUnder(t, c, "key", testkit.Steve); !errors.Is(err, growthgenius.ErrValidation) {
			t.Fatalf("got %v, want ErrValidation", err)
		}
		mended := testkit.Steve
		mended.Title = growthgenius.Set("Founder")
		began := time.Now()
		if _, err := createUnder(t, c, "key", mended); err != nil || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// spoilt is a ledger in memory whose leases end, or cannot record.
type spoilt struct {
	growthgenius.Ledger
	until  func() time.Time
	record func(growthgenius.Entry) error
}

type spoiltLease struct {
	growthgenius.Lease
	spoilt
}

func (s spoilt) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	lease, err := s.Ledger.Acquire(ctx, key)
	return spoiltLease{lease, s}, err
}

func (l spoiltLease) Until() time.Time { return l.until() }

func (l spoiltLease) Record(ctx context.Context, e growthgenius.Entry) error {
	if err := l.record(e); err != nil {
		return err
	}
	return l.Lease.Record(ctx, e)
}

// TestOnceNeedsItsLease: no request leaves with less of the lease than an attempt may take,
// also none that is sent again, and none whose token is not stored.
func TestOnceNeedsItsLease(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		var until time.Time
		var refused error
		l := spoilt{ledger.NewMemory(), func() time.Time { return until }, func(growthgenius.Entry) error { return refused }}
		c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(10*time.Second))
		until = time.Now().Add(9 * time.Second)
		_, err := createUnder(t, c, "key", testkit.Steve)
		testkit.OnlyIs(t, err, growthgenius.ErrLeaseLost)
		until, refused = time.Time{}, errors.New("disk full")
		if _, err = createUnder(t, c, "key", testkit.Steve); !errors.Is(err, refused) || errors.Is(err, growthgenius.ErrOutcomeUnknown) || strings.Contains(err.Error(), "BeforeCreate") {
			t.Errorf("got %v, want %v", err, refused)
		}
		if n := testkit.Count(srv.Server, "POST", "/contacts"); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
		refused, until = nil, time.Now().Add(15*time.Second)
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 429, RetryAfter: 8 * time.Second, Times: 1})
		_, err = createUnder(t, c, "key", testkit.Steve)
		testkit.OnlyIs(t, err, growthgenius.ErrLeaseLost)
		if n := testkit.Count(srv.Server, "POST", "/contacts"); n != 1 {
			t.Errorf("%d requests were sent, want 1", n)
		}
		time.Sleep(10 * time.Second) // what the limiter has learned from the 429 is over
		until = time.Now().Add(11 * time.Second)
		if _, err = createUnder(t, c, "key", testkit.Steve); err != nil {
			t.Errorf("with enough of the lease left: %v", err)
		}
	})
}

// TestOnceStoresSlowly: nothing is sent if the lease runs short while the token is stored, and
// the next call need not resolve anything.
func TestOnceStoresSlowly(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		slow := 4 * time.Second
		until := time.Now().Add(12 * time.Second)
		l := spoilt{ledger.NewMemory(), func() time.Time { return until }, func(growthgenius.Entry) error { time.Sleep(slow); return nil }}
		c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(10*time.Second))
		_, err := createUnder(t, c, "key", testkit.Steve)
		testkit.OnlyIs(t, err, growthgenius.ErrLeaseLost)
		if n := testkit.Count(srv.Server, "POST", "/contacts"); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
		slow, until = 0, time.Time{}
		began := time.Now()
		if _, err = createUnder(t, c, "key", testkit.Steve); err != nil || time.Since(began) > time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

// unstoring returns a ledger that cannot store ids.
func unstoring(inner growthgenius.Ledger) growthgenius.Ledger {
	return spoilt{inner, func() time.Time { return time.Time{} }, func(e growthgenius.Entry) error {
		if e.ID != "" {
			return errors.New("disk full")
		}
		return nil
	}}
}

// TestOnceCannotStore: if the ledger cannot store the id, the outcome is unknown, the token
// resolves to the record, and so does the key later.
func TestOnceCannotStore(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		inner := ledger.NewMemory()
		_, err := createUnder(t, srv.NewClient(growthgenius.WithLedger(unstoring(inner))), "key", testkit.Steve)
		unknown := testkit.Unknown(t, err)
		c := srv.NewClient(growthgenius.WithLedger(inner))
		if !strings.Contains(err.Error(), "disk full") || !strings.Contains(err.Error(), string(srv.Contacts()[0].ID)) {
			t.Errorf("%v: the reason or the id is missing", err)
		}
		if v, err := c.Contacts.Resolve(t.Context(), unknown.Token); err != nil || v.ID != srv.Contacts()[0].ID {
			t.Errorf("Resolve: %v", err)
		}
		if id, err := createUnder(t, c, "key", testkit.Steve); err != nil || id != srv.Contacts()[0].ID || len(srv.Contacts()) != 1 {
			t.Errorf("got %s, %v, and %d contacts", id, err, len(srv.Contacts()))
		}
	})
}

// TestOnceKeepsTheNote: what the caller stored beside the key stays.
func TestOnceKeepsTheNote(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		l := ledger.NewMemory()
		lease, err := l.Acquire(t.Context(), "contact/key")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(lease.Record(t.Context(), growthgenius.Entry{Note: []byte(`"mine"`)}), lease.Release(t.Context())); err != nil {
			t.Fatal(err)
		}
		if _, err := createUnder(t, srv.NewClient(growthgenius.WithLedger(l)), "key", testkit.Steve); err != nil {
			t.Fatal(err)
		}
		lease, err = l.Acquire(t.Context(), "contact/key")
		if err != nil {
			t.Fatal(err)
		}
		if e := lease.Entry(); string(e.Note) != `"mine"` || e.ID != srv.Contacts()[0].ID || e.Token == nil {
			t.Errorf("the entry is %+v", e)
		}
	})
}

// TestOnceNote: the note of the record is stored with its id, and only when it is created.
func TestOnceNote(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		l := ledger.NewMemory()
		c := srv.NewClient(growthgenius.WithLedger(l))
		calls := 0
		note := growthgenius.OnceNote(func(contact *growthgenius.Contact) json.RawMessage {
			calls++
			return json.RawMessage(fmt.Sprintf(`{"email":%q}`, contact.Email))
		})
		entry := func(key string, store ...growthgenius.Entry) growthgenius.Entry {
			lease, err := l.Acquire(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range store {
				if err := lease.Record(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			return lease.Entry()
		}
		for range 2 {
			contact, err := c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.Once("key"), note)
			if err != nil {
				t.Fatal(err)
			}
			if e := entry("contact/key"); e.ID != contact.ID || string(e.Note) != `{"email":"sjobs@apple.com"}` {
				t.Errorf("the ledger has %+v", e)
			}
		}
		if calls != 1 {
			t.Errorf("the note was asked for %d times", calls)
		}

		// What the caller has stored before stays if the create has no note of its own, also if
		// nothing is created.
		mine := growthgenius.Entry{Note: json.RawMessage(`"mine"`)}
		entry("contact/other", mine)
		srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Status: http.StatusUnprocessableEntity, Times: 1})
		if _, err := c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.Once("other")); !errors.Is(err, growthgenius.ErrValidation) {
			t.Error(err)
		}
		if e := entry("contact/other"); string(e.Note) != `"mine"` || e.Token != nil {
			t.Errorf("after a refusal the ledger has %+v", e)
		}
		if _, err := c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.Once("other")); err != nil {
			t.Error(err)
		}
		if e := entry("contact/other"); string(e.Note) != `"mine"` || e.ID == "" {
			t.Errorf("after a create the ledger has %+v", e)
		}

		ofMessages := growthgenius.OnceNote(func(*growthgenius.Message) json.RawMessage { return nil })
		for want, opts := range map[string][]growthgenius.RequestOption{
			"OnceNote is for a create with Once": {note},
			"*growthgenius.Contact":              {growthgenius.Once("third"), ofMessages},
		} {
			if _, err := c.Contacts.Create(t.Context(), testkit.Steve, opts...); !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %q", err, want)
			}
		}
	})
}

// TestRepeatable: of a create whose outcome is not known, only a call that resolves it first
// may be made again.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	l := ledger.NewMemory()
	in := growthgenius.ContactInput{Email: growthgenius.Set("ana@example.com")}
	create := func(opts ...growthgenius.RequestOption) func(context.Context, *growthgenius.Client) error {
		return func(ctx context.Context, c *growthgenius.Client) error {
			return testkit.Err(c.Contacts.Create(ctx, in, opts...))
		}
	}
	upsert := func(ctx context.Context, c *growthgenius.Client) error {
		return testkit.Err(c.Contacts.Upsert(ctx, in))
	}
	for name, test := range map[string]struct {
		call func(context.Context, *growthgenius.Client) error
		opts []growthgenius.Option
		want bool
	}{
		"create":               {create(), nil, false},
		"create with a ledger": {create(), []growthgenius.Option{growthgenius.WithLedger(l)}, false},
		"create under a key":   {create(growthgenius.Once("key")), []growthgenius.Option{growthgenius.WithLedger(l)}, true},
		"upsert":               {upsert, nil, false},
		"upsert with a ledger": {upsert, []growthgenius.Option{growthgenius.WithLedger(ledger.NewMemory())}, true},
		"second upsert": {func(ctx context.Context, c *growthgenius.Client) error {
			_ = upsert(ctx, c)
			return upsert(ctx, c)
		}, nil, false},
		"raw call": {func(ctx context.Context, c *growthgenius.Client) error {
			return c.Do(ctx, "POST", "/contacts", nil, in, nil)
		}, nil, false},
		"resolve": {func(ctx context.Context, c *growthgenius.Client) error {
			return testkit.Err(c.Contacts.Resolve(ctx, testkit.Unknown(t, create()(ctx, c)).Token))
		}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				srv.Inject(growthgeniustest.Fault{Method: "POST", Route: "/contacts", Effect: growthgeniustest.Reset}, growthgeniustest.Fault{Method: "GET", Route: "/contacts", Status: 502})
				unknown := testkit.Unknown(t, test.call(t.Context(), srv.NewClient(test.opts...)))
				if unknown.Repeatable() != test.want {
					t.Errorf("Repeatable() = %t of %v", unknown.Repeatable(), unknown)
				}
			})
		})
	}
}

// TestRetryAfterOfAnUnknownOutcome: the error has the longest wait that the API asked for, of
// the create or of the lists, and ignores the header with any other status.
func TestRetryAfterOfAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	fault := func(method string, status int, wait time.Duration) growthgeniustest.Fault {
		return growthgeniustest.Fault{Method: method, Route: "/contacts", Status: status, RetryAfter: wait}
	}
	for name, test := range map[string]struct {
		create, lists growthgeniustest.Fault
		want          time.Duration
	}{
		"create":         {fault("POST", 503, 10*time.Minute), fault("GET", 502, 0), 10 * time.Minute},
		"lists":          {fault("POST", 502, 0), fault("GET", 429, 20*time.Minute), 20 * time.Minute},
		"lists, 403":     {fault("POST", 502, 0), fault("GET", 403, 20*time.Minute), 20 * time.Minute},
		"lists longer":   {fault("POST", 503, 10*time.Minute), fault("GET", 503, 20*time.Minute), 20 * time.Minute},
		"create longer":  {fault("POST", 503, 20*time.Minute), fault("GET", 503, 10*time.Minute), 20 * time.Minute},
		"other statuses": {fault("POST", 500, 10*time.Minute), fault("GET", 500, 10*time.Minute), 0},
		"none":           {growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset}, fault("GET", 502, 0), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				srv.Inject(test.create, test.lists)
				_, err := srv.NewClient().Contacts.Create(t.Context(), testkit.Steve)
				if unknown := testkit.Unknown(t, err); unknown.RetryAfter() != test.want {
					t.Errorf("RetryAfter() = %s of %v, want %s", unknown.RetryAfter(), unknown, test.want)
				}
			})
		})
	}
}

// TestOnceStoresBeforeBeforeCreate: BeforeCreate is called when the ledger has the token. If it
// refuses, the key stays free; if it takes longer than the lease lasts, nothing is sent.
func TestOnceStoresBeforeBeforeCreate(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		var until time.Time
		var stored growthgenius.Entry
		l := spoilt{ledger.NewMemory(), func() time.Time { return until }, func(e growthgenius.Entry) error {
			stored = e
			return nil
		}}
		c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(10*time.Second))
		create := func(before func(growthgenius.CreateToken) error) error {
			_, err := c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.Once("key"), growthgenius.BeforeCreate(before))
			return err
		}
		refused := errors.New("refused")
		err := create(func(token growthgenius.CreateToken) error {
			if stored.Token == nil || testkit.JSON(t, stored.Token) != testkit.JSON(t, token) {
				t.Errorf("the ledger has %v when BeforeCreate is called with %v", stored.Token, token)
			}
			return refused
		})
		testkit.OnlyIs(t, err, refused)
		if !stored.IsZero() {
			t.Errorf("the ledger has %+v of a create that was refused", stored)
		}
		until = time.Now().Add(15 * time.Second)
		err = create(func(growthgenius.CreateToken) error {
			time.Sleep(6 * time.Second)
			return nil
		})
		testkit.OnlyIs(t, err, growthgenius.ErrLeaseLost)
		if n := testkit.Count(srv.Server, "POST", "/contacts"); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}
