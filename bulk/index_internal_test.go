package bulk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestIndexFinds: an address is found however it is written, with all contacts that have it, and
// also if their ids are not numbers.
func TestIndexFinds(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddContacts(
			growthgenius.Contact{ID: "1", Email: "Ada@Example.COM"},
			growthgenius.Contact{ID: "2", Email: "twin@example.com"},
			growthgenius.Contact{ID: "3", Email: " twin@example.com"},
			growthgenius.Contact{ID: "d54c54ad-40be-4305-8a34-0ab44710b90d", Email: "elon@tesla.com"},
			growthgenius.Contact{ID: "5"},
			growthgenius.Contact{ID: "6", Email: "jürgen@bücher.example"},
		)
		x := openIndex(t, srv.NewClient(), 0)
		for address, want := range map[string][]growthgenius.ID{
			"ada@example.com": {"1"}, "TWIN@example.com": {"2", "3"}, "elon@tesla.com": {"d54c54ad-40be-4305-8a34-0ab44710b90d"},
			"Jürgen@xn--bcher-kva.example": {"6"}, "": nil, "adam@example.com": nil,
		} {
			if got := found(t, x, address); !slices.Equal(got, want) {
				t.Errorf("%q: found %v, want %v", address, got, want)
			}
		}
		if n := len(srv.Requests()); n != 1 {
			t.Errorf("%d requests, want the one for the list", n)
		}
	})
}

// TestIndexIsFresh: what was created and changed meanwhile is found, at the price of one request
// for the changes in a while.
func TestIndexIsFresh(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]growthgeniustest.ServerOption{
		"by the clock of the server":   nil,
		"by a clock that is ahead":     {growthgeniustest.WithClockSkew(time.Hour)},
		"by a clock that is behind":    {growthgeniustest.WithClockSkew(-time.Hour)},
		"by the clock of this machine": {growthgeniustest.WithNoDate()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				c := srv.NewClient()
				moved := srv.AddContacts(growthgenius.Contact{Email: "old@example.com"}, growthgenius.Contact{Email: "same@example.com"})[0].ID
				x := openIndex(t, c, 0)
				for i := range 5 {
					address := fmt.Sprintf("new%d@example.com", i)
					created := srv.AddContacts(growthgenius.Contact{Email: address})[0].ID
					if got := found(t, x, address); got != nil {
						t.Errorf("found %v without asking", got)
					}
					elsewhere := fmt.Sprintf("moved%d@example.com", i)
					in := growthgenius.ContactInput{Email: growthgenius.Set(elsewhere)}
					if _, err := c.Contacts.Update(t.Context(), moved, in); err != nil {
						t.Fatal(err)
					}
					time.Sleep(unknownAge + 2*time.Second)
					before := len(srv.Requests())
					for range 3 {
						if got := found(t, x, address); !slices.Equal(got, []growthgenius.ID{created}) {
							t.Errorf("%s: found %v, want %v", address, got, created)
						}
						if got := found(t, x, elsewhere); !slices.Equal(got, []growthgenius.ID{moved}) {
							t.Errorf("a contact that changed its address: found %v", got)
						}
						if got := found(t, x, "old@example.com"); got != nil {
							t.Errorf("the former address: found %v", got)
						}
					}
					if n := len(srv.Requests()) - before; n > 4 {
						t.Errorf("%d requests, want one, and three at most to prove that it is whole and what time it is", n)
					}
				}
				before := len(srv.Requests())
				time.Sleep(indexAge - time.Second)
				found(t, x, "same@example.com")
				if n := len(srv.Requests()) - before; n != 0 {
					t.Errorf("%d requests for an address that is known", n)
				}
				time.Sleep(2 * time.Second)
				found(t, x, "same@example.com")
				if n := len(srv.Requests()) - before; n == 0 {
					t.Error("an old index is trusted")
				}
			}, opts...)
		})
	}
}

// TestIndexWaits: a list that shows a contact late, or says a wrong time, hides it for that long
// only.
func TestIndexWaits(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		later := http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}
		srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteContacts, Times: 1, Header: later})
		x := openIndex(t, srv.NewClient(), 0)
		time.Sleep(time.Minute)
		created := srv.AddContacts(growthgenius.Contact{Email: "late@example.com"})[0].ID
		for range 2 {
			time.Sleep(unknownAge + time.Second)
			if got := found(t, x, "late@example.com"); got != nil {
				t.Errorf("found %v, which no list shows", got)
			}
		}
		time.Sleep(unknownAge + time.Second)
		if got := found(t, x, "late@example.com"); !slices.Equal(got, []growthgenius.ID{created}) {
			t.Errorf("found %v", got)
		}
	}, growthgeniustest.WithListLag(30*time.Second))
}

// TestIndexAsksForChanges: a refresh reads what is new, once for all who wait for it.
func TestIndexAsksForChanges(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddContacts(growthgenius.Contact{ID: "1", Email: "a@example.com"})
		time.Sleep(time.Hour)
		x := openIndex(t, srv.NewClient(), 0)
		for range 2 {
			time.Sleep(time.Hour)
			srv.ResetRequests()
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() { found(t, x, "unknown@example.com") })
			}
			group.Wait()
			if n := len(srv.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		}
		query, err := url.ParseQuery(srv.Requests()[0].Query)
		if err != nil {
			t.Fatal(err)
		}
		from, err := time.Parse(time.RFC3339, query.Get("from"))
		if ago := time.Since(from); err != nil || ago > time.Hour+feedOverlap+5*time.Second {
			t.Errorf("the second refresh asks for the changes of the last %v, %v", ago, err)
		}
	})
}

// TestIndexErrors: what cannot be read is an error, and so are more contacts than the bound.
func TestIndexErrors(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient()
		srv.AddContacts(growthgenius.Contact{Email: "a@example.com"}, growthgenius.Contact{Email: "b@example.com"}, growthgenius.Contact{})
		if _, err := readIndex(t.Context(), c, 1); !errors.Is(err, errTooManyContacts) {
			t.Errorf("two contacts and a bound of one: %v", err)
		}
		x := openIndex(t, c, 2)
		srv.AddContacts(growthgenius.Contact{Email: "d@example.com"})
		time.Sleep(unknownAge + 2*time.Second)
		if _, err := x.find(t.Context(), "unknown@example.com"); !errors.Is(err, errTooManyContacts) {
			t.Errorf("a third contact is read: %v", err)
		}
		srv.Inject(growthgeniustest.Fault{Status: 403})
		if _, err := x.find(t.Context(), "unknown@example.com"); !errors.Is(err, growthgenius.ErrForbidden) {
			t.Errorf("the changes cannot be read: %v", err)
		}
		if _, err := readIndex(t.Context(), c, 0); !errors.Is(err, growthgenius.ErrForbidden) {
			t.Errorf("the list cannot be read: %v", err)
		}
		srv.ClearFaults()
		srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Truncate, Times: 1})
		if again := openIndex(t, c, 3); len(again.entries) != 3 {
			t.Errorf("a list that breaks off at first: %d entries", len(again.entries))
		}
		srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Truncate})
		if _, err := readIndex(t.Context(), c, 3); err == nil {
			t.Error("a list that always breaks off is no error")
		}
		x.turn <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := x.find(ctx, "unknown@example.com"); !errors.Is(err, context.Canceled) {
			t.Errorf("the context ends while another goroutine reads the changes: %v", err)
		}
	})
}

// TestIndexModel: whatever is added and replaced, the index has what a map would have.
func TestIndexModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := newIndex(0)
		model := map[growthgenius.ID]string{}
		contact := rapid.Custom(func(t *rapid.T) *growthgenius.Contact {
			id := growthgenius.ID(rapid.SampledFrom([]string{"1", "2", "3", "x", "y"}).Draw(t, "id"))
			return &growthgenius.Contact{ID: id, Email: rapid.SampledFrom([]string{"", "a@b.cd", "A@B.cd", "b@b.cd", "c@b.cd"}).Draw(t, "email")}
		})
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			c, d := contact.Draw(t, "contact"), contact.Draw(t, "contact")
			if c.ID == d.ID {
				d = c // a response may have a contact twice
			}
			if err := x.replace([]*growthgenius.Contact{c, d}); err != nil {
				t.Fatal(err)
			}
			model[c.ID], model[d.ID] = c.Email, d.Email
		}
		for _, address := range []string{"a@b.cd", "b@b.cd", "c@b.cd"} {
			var want []growthgenius.ID
			for _, id := range slices.Sorted(maps.Keys(model)) {
				if folded := model[id]; folded == address || folded == "A@B.cd" && address == "a@b.cd" {
					want = append(want, id)
				}
			}
			got := x.lookUp(address)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: found %v, want %v", address, got, want)
			}
		}
	})
}

// TestIndexMemory measures what the index holds on to.
func TestIndexMemory(t *testing.T) { //nolint:paralleltest // others would allocate meanwhile
	const contacts, most = 100_000, 17
	x := newIndex(0)
	before := heap()
	for i := range int64(contacts) {
		if err := x.put(&growthgenius.Contact{ID: growthgenius.IntID(i), Email: fmt.Sprintf("ada%d@example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	x.sort()
	if perContact := float64(heap()-before) / contacts; perContact > most {
		t.Errorf("%.1f bytes for each contact, want %d at most", perContact, most)
	}
	const changes, grown = 2000, 24
	var changed []*growthgenius.Contact
	for i := range int64(changes) { // half of them are new
		changed = append(changed, &growthgenius.Contact{ID: growthgenius.IntID(contacts - changes/2 + i), Email: fmt.Sprintf("new%d@example.com", i)})
	}
	if err := x.replace(changed); err != nil {
		t.Fatal(err)
	}
	if perContact := float64(heap()-before) / contacts; perContact > grown {
		t.Errorf("%.1f bytes for each contact after some have changed, want %d at most", perContact, grown)
	}
	runtime.KeepAlive(x)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func openIndex(t *testing.T, c *growthgenius.Client, most int) *index {
	t.Helper()
	x, err := readIndex(t.Context(), c, most)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func found(t *testing.T, x *index, address string) []growthgenius.ID {
	t.Helper()
	ids, err := x.find(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
