package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// These tests limit the caution: in ordinary circumstances, a create that did not happen is
// reported as absent, and one that happened is found.

// TestAbsenceDespiteOthers: absence is reported although other clients create records at the
// same time or later, if those records are clearly different.
func TestAbsenceDespiteOthers(t *testing.T) {
	t.Parallel()
	apple := growthgenius.Set("sjobs@apple.com")
	message := func(in growthgenius.MessageInput) growthgenius.MessageInput {
		in.ContactID = testkit.Louis.ContactID
		return in
	}
	for name, tt := range map[string]struct {
		in    any
		other map[string]any
	}{
		"the same company":    {growthgenius.ContactInput{Email: apple, CompanyName: growthgenius.Set("Apple")}, map[string]any{"full_name": "Jony Ive", "company_name": "Apple"}},
		"the same first name": {growthgenius.ContactInput{Email: apple, FirstName: growthgenius.Set("Steve")}, map[string]any{"first_name": "Steve", "last_name": "Wozniak"}},
		"nothing but null":    {growthgenius.ContactInput{Email: apple, Title: growthgenius.Null[string]()}, map[string]any{"full_name": "Jony Ive"}},
		"another type":        {message(growthgenius.MessageInput{MessageType: growthgenius.Set("email")}), map[string]any{"message_type": "linkedin_connect"}},
		"another time":        {message(growthgenius.MessageInput{SentAt: growthgenius.Set(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))}), map[string]any{"sent_at": "1999-01-02T00:00:00Z"}},
		"another emoji":       {message(growthgenius.MessageInput{RenderedCopy: growthgenius.Set("👍")}), map[string]any{"rendered_copy": "🎉"}},
		"a longer text":       {message(growthgenius.MessageInput{RenderedCopy: growthgenius.Set("Hi")}), map[string]any{"rendered_copy": "Something else to think about"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := &skewedAPI{fate: allLost}
				c := api.client(t)
				warm(t, c)
				resource, o := createOne(t, c, tt.in)
				token := testkit.Unknown(t, o.Err).Token
				time.Sleep(time.Second)
				if resource == "message" {
					tt.other["contact_id"] = 155715
				}
				api.add(resource, tt.other)
				time.Sleep(time.Hour)
				isAbsent(t, "Resolve", testkit.Resolve(t, c, resource, token))
				isAbsent(t, "Resolve elsewhere", testkit.Resolve(t, api.client(t), resource, testkit.ThroughJSON(t, token)))
			})
		})
	}
}

// TestSimilarThatWasRewritten: a create with more fields, one of which the server changed,
// happened. A create with fewer fields, which did not happen, does not get its row.
func TestSimilarThatWasRewritten(t *testing.T) {
	t.Parallel()
	first, last := growthgenius.Set("Steve"), growthgenius.Set("Jobs")
	for name, tt := range map[string]struct {
		fewer, more growthgenius.ContactInput
		store       map[string]any
	}{
		"a title": {
			growthgenius.ContactInput{Email: testkit.Steve.Email, FirstName: first},
			growthgenius.ContactInput{Email: testkit.Steve.Email, FirstName: first, Title: growthgenius.Set("R&D")},
			map[string]any{"title": "R&amp;D"},
		},
		"the address": {
			growthgenius.ContactInput{FirstName: first, LastName: last},
			growthgenius.ContactInput{Email: growthgenius.Set("n/a"), FirstName: first, LastName: last},
			map[string]any{"email": nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := &skewedAPI{
					fate: func(n int, _ map[string]any) (bool, bool) { return n == 2, false },
					store: func(row map[string]any) {
						for field, value := range tt.store {
							row[field] = value
						}
					},
				}
				c := api.blind(t)
				warm(t, c)
				_, fewer := createOne(t, c, tt.fewer)
				_, more := createOne(t, c, tt.more)
				if o := testkit.Resolve(t, c, "contact", testkit.Unknown(t, fewer.Err).Token); o.Err == nil {
					t.Errorf("it was given row %s of the other", o.ID)
				}
				neverAbsent(t, "the other", testkit.Resolve(t, c, "contact", testkit.Unknown(t, more.Err).Token), false)
			})
		})
	}
}

// TestRowOfYesterday: it is unaffected by a similar create of today with an unknown outcome.
func TestRowOfYesterday(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &skewedAPI{fate: func(n int, _ map[string]any) (bool, bool) { return n == 1, false }}
		c := api.blind(t)
		warm(t, c)
		_, yesterday := createOne(t, c, testkit.Steve)
		time.Sleep(24 * time.Hour)
		_, today := createOne(t, c, growthgenius.ContactInput{Email: testkit.Steve.Email, FirstName: testkit.Steve.FirstName})
		testkit.Unknown(t, today.Err)
		neverAbsent(t, "yesterday's", testkit.Resolve(t, c, "contact", testkit.Unknown(t, yesterday.Err).Token), true)
	})
}

// TestSharedLists: one list serves all creates that wait, whatever headers identify their
// calls. A separate account costs few more requests.
func TestSharedLists(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]func(i int) []growthgenius.RequestOption{
		"none": func(int) []growthgenius.RequestOption { return nil },
		"same": func(int) []growthgenius.RequestOption {
			return []growthgenius.RequestOption{growthgenius.WithHeader("X-Tenant", "a")}
		},
		"of each call": func(i int) []growthgenius.RequestOption {
			return []growthgenius.RequestOption{growthgenius.WithHeader("X-Request-Id", fmt.Sprint(i))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := &skewedAPI{fate: allLost}
				var lists atomic.Int64
				c := api.client(t, growthgenius.WithHTTPClient(&http.Client{Transport: testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodGet {
						lists.Add(1)
					}
					return api.RoundTrip(r)
				})}))
				begun := time.Now()
				var all sync.WaitGroup
				for i := range 200 {
					time.Sleep(37 * time.Millisecond)
					all.Go(func() {
						_, o := createOne(t, c, growthgenius.ContactInput{Email: growthgenius.Set(fmt.Sprintf("a%d@example.com", i))}, header(i)...)
						testkit.Unknown(t, o.Err)
					})
				}
				all.Wait()
				if rate := float64(lists.Load()) / time.Since(begun).Seconds(); rate > 3 {
					t.Errorf("%.1f lists a second", rate)
				}
			})
		})
	}
}

// TestTenants: a list need not have what was created with other headers.
func TestTenants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := &skewedAPI{fate: answered}, &skewedAPI{fate: allLost}
		c := a.client(t, growthgenius.WithHTTPClient(&http.Client{Transport: testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Tenant") == "b" {
				return b.RoundTrip(r)
			}
			return a.RoundTrip(r)
		})}))
		warm(t, c)
		_, o := createOne(t, c, testkit.Steve, growthgenius.WithHeader("X-Tenant", "b"))
		token := testkit.Unknown(t, o.Err).Token
		for i := range 3 {
			if _, o := createOne(t, c, growthgenius.ContactInput{Email: growthgenius.Set(fmt.Sprintf("a%d@example.com", i))}, growthgenius.WithHeader("X-Tenant", "a")); o.Err != nil {
				t.Fatal(o.Err)
			}
		}
		isAbsent(t, "tenant b", testkit.Outcome{Err: testkit.Err(c.Contacts.Resolve(t.Context(), token, growthgenius.WithHeader("X-Tenant", "b")))})
	})
}

// ownContacts is an API in which each user has separate contacts, and search finds none.
type ownContacts struct {
	mu     sync.Mutex
	byUser map[string]map[string]any // by id
	made   int
	status int    // of a request for a contact of another user
	lose   bool   // the response to the next create
	refuse string // the user whose creates are refused
	like1  string // the user who has the contacts of user 1
}

func (a *ownContacts) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(testkit.Latency)
	a.mu.Lock()
	defer a.mu.Unlock()
	user, id := r.URL.Query().Get("user_id"), path.Base(r.URL.Path)
	if user == a.like1 {
		user = "1"
	}
	if a.byUser[user] == nil {
		a.byUser[user] = map[string]any{}
	}
	mine := a.byUser[user]
	answer := func(status int, v any) (*http.Response, error) {
		text, err := json.Marshal(v)
		return testkit.Reply(status, string(text), "Date", time.Now().UTC().Format(http.TimeFormat)), err
	}
	switch {
	case id == "search":
		return answer(200, map[string]any{"contacts": []any{}})
	case id == "contacts" && r.Method == http.MethodPost:
		if user == a.refuse {
			return answer(422, nil)
		}
		var sent struct{ Contact map[string]any }
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(text, &sent)
		}
		a.made++
		sent.Contact["id"], sent.Contact["created_at"], sent.Contact["updated_at"] = a.made, time.Now().UTC(), time.Now().UTC()
		mine[fmt.Sprint(a.made)] = sent.Contact
		if a.lose || err != nil {
			a.lose = false
			return answer(503, nil)
		}
		return answer(200, map[string]any{"contact": sent.Contact})
	case id == "contacts":
		list := []any{}
		for _, c := range mine {
			list = append(list, c)
		}
		return answer(200, map[string]any{"contacts": list})
	case mine[id] != nil:
		return answer(200, map[string]any{"contact": mine[id]})
	}
	return answer(a.status, map[string]any{"error": "Contact not found"})
}

func (a *ownContacts) client(t *testing.T) *growthgenius.Client {
	t.Helper()
	a.byUser = map[string]map[string]any{}
	c := testkit.NewClient(t, testkit.Secret,
		growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: a}), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}),
	)
	return c
}

// TestUpsertBesideAnotherUsers: an upsert does not use the contact of another user's upsert
// if this user cannot read it, whatever status the API responds with.
func TestUpsertBesideAnotherUsers(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 403} {
		for _, lose := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d, lost %v", status, lose), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := (&ownContacts{status: status, lose: lose}).client(t)
					if _, err := c.Contacts.Upsert(t.Context(), testkit.Steve); (err != nil) != lose {
						t.Error(err)
					}
					if r, err := c.Contacts.Upsert(t.Context(), testkit.Steve, growthgenius.AsUser("2")); err != nil || r.Action != growthgenius.Created {
						t.Errorf("%+v %v", r, err)
					}
				})
			})
		}
	}
}

// TestUpsertRefusedToAnother: a refused create does not make the client forget earlier ones.
func TestUpsertRefusedToAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &ownContacts{status: 404, refuse: "2", like1: "3"}
		c := api.client(t)
		for i, want := range []bool{true, false, true} {
			if _, err := c.Contacts.Upsert(t.Context(), testkit.Steve, growthgenius.AsUser(growthgenius.IntID(int64(i+1)))); (err == nil) != want {
				t.Errorf("user %d: %v", i+1, err)
			}
		}
		if api.made != 1 {
			t.Errorf("%d contacts", api.made)
		}
	})
}

// TestUpsertOfADeletedContact: its create was unknown, then resolved, then it was deleted.
func TestUpsertOfADeletedContact(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
		srv.Inject(lostContact)
		made, err := c.Contacts.Resolve(t.Context(), testkit.Unknown(t, testkit.Err(c.Contacts.Upsert(t.Context(), testkit.Steve))).Token)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Contacts.Delete(t.Context(), made.ID); err != nil {
			t.Fatal(err)
		}
		if r, err := c.Contacts.Upsert(t.Context(), testkit.Steve); err != nil || r.Action != growthgenius.Created {
			t.Errorf("%+v %v", r, err)
		}
	})
}

var lostContact = growthgeniustest.Fault{Method: http.MethodPost, Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Reset, Commit: true, Times: 1}
