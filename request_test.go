package growthgenius_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// TestWire compares the request of each call, to the byte, and the value that it decodes from
// the reference's sample.
func TestWire(t *testing.T) {
	t.Parallel()
	window := growthgenius.ListOptions{
		From: time.Date(2021, 1, 19, 12, 0, 0, 1999999, time.FixedZone("", -5*3600)),
		To:   time.Date(2021, 1, 20, 0, 0, 0, 1, time.UTC),
	}
	steve := growthgenius.ContactInput{FirstName: growthgenius.Set("Steve"), LastName: growthgenius.Set("Jobs"), Email: growthgenius.Set("sjobs@apple.com")}
	for _, tt := range []struct {
		name, method, path, answer string
		status                     int
		opts                       []growthgenius.Option
		call                       func(context.Context, *growthgenius.Client) (any, error)
		want                       any
	}{
		{"users_list", "GET", "/users", "users.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Users.List(ctx)
		}, []growthgenius.User{testkit.SampleUser(), testkit.SampleUser()}},
		{"users_list_single", "GET", "/users", "user_single.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Users.List(ctx)
		}, []growthgenius.User{testkit.SampleUser()}},
		{"users_current", "GET", "/users", "users.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Users.Current(ctx)
		}, new(testkit.SampleUser())},
		{"company_as_contact", "GET", "/companies/find", "company_find.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Enrichment.Company(ctx, "https://www.Tesla.com/about")
		}, &growthgenius.Company{
			Name: "Anz", Website: "anz.com", Industry: "Banking", LinkedInURL: "linkedin.com/company/anz",
			Location: &growthgenius.CompanyLocation{Locality: "Melbourne", Region: "Victoria", Country: "New Zealand"},
			Contact:  new(testkit.SampleLookupContact()),
		}},
		{"company", "GET", "/companies/find", "company.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Enrichment.Company(ctx, "tesla.com")
		}, new(testkit.SampleCompany())},
		{"person_by_email", "GET", "/people/find", "person.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: " Elon+x@Tesla.com "})
		}, new(testkit.SamplePerson())},
		{"person_by_name", "GET", "/v2/person%20lookup", "person.json", 200, []growthgenius.Option{growthgenius.WithPersonPath("/v2/person%20lookup")}, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Enrichment.Person(ctx, growthgenius.PersonQuery{FirstName: "Elon", LastName: "Musk", AccountName: "Tesla", WebsiteURL: "http://www.tesla.com"})
		}, new(testkit.SamplePerson())},
		{"contact_create", "POST", "/contacts", "contact.json", 201, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Contacts.Create(ctx, steve)
		}, new(testkit.SampleContact())},
		{"contact_get", "GET", "/contacts/1102755", "contact.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Contacts.Get(ctx, growthgenius.IntID(1102755))
		}, new(testkit.SampleContact())},
		{"contact_update", "PATCH", "/contacts/1102755", "contact.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Contacts.Update(ctx, "1102755", growthgenius.ContactInput{Title: growthgenius.Set("CEO"), Technologies: growthgenius.Set(""), Custom1: growthgenius.Null[string]()})
		}, new(testkit.SampleContact())},
		{"contact_delete", "DELETE", "/contacts/ab%3F%20%25", "", 204, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return nil, c.Contacts.Delete(ctx, "ab? %")
		}, nil},
		{"contact_list", "GET", "/contacts", "contacts.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Contacts.List(ctx, window)
		}, []growthgenius.Contact{testkit.SampleListContact()}},
		{"contact_list_all", "GET", "/contacts", "contacts.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Contacts.List(ctx, growthgenius.ListOptions{})
		}, []growthgenius.Contact{testkit.SampleListContact()}},
		{"contact_search", "POST", "/contacts/search", "contacts_search.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Contacts.Search(ctx, growthgenius.SearchOptions{Keywords: "Elon Musk, CEO, Tesla", SortByField: growthgenius.SortByLastActivity})
		}, new(testkit.SamplePage())},
		{"contact_search_page", "POST", "/contacts/search", "contacts_search.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Contacts.Search(ctx, growthgenius.SearchOptions{
				SortByField: growthgenius.SortByCreated, SortAscending: true, ContactStageIDs: []growthgenius.ID{"7", "abc"}, Page: 2, PerPage: 100,
				Extra: map[string]any{"prospected_by_current_team": []string{"yes"}},
			})
		}, new(testkit.SamplePage())},
		{"contact_search_nothing", "POST", "/contacts/search", "contacts_search.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Contacts.Search(ctx, growthgenius.SearchOptions{SortAscending: true})
		}, new(testkit.SamplePage())},
		{"message_create", "POST", "/messages", "message.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Messages.Create(ctx, growthgenius.MessageInput{
				ContactID: growthgenius.Set(growthgenius.ID("155715")), MessageType: growthgenius.Set("sales_force_message"),
				RenderedCopy:    growthgenius.Set("Hey Louis,↵↵You hate prospecting. I love it. Maybe it's a perfect match?"),
				RenderedSubject: growthgenius.Null[string](), SentAt: growthgenius.Set(testkit.SampleMessage().SentAt), TeamID: growthgenius.Set(growthgenius.IntID(1)), UserID: growthgenius.Set(growthgenius.IntID(78)),
			})
		}, new(testkit.SampleMessage())},
		{"message_get", "GET", "/messages/393642", "message.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Messages.Get(ctx, "393642")
		}, new(testkit.SampleMessage())},
		{"message_update", "PATCH", "/messages/393642", "message.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Messages.Update(ctx, "393642", growthgenius.MessageInput{RenderedCopy: growthgenius.Set("<b>& co</b>")})
		}, new(testkit.SampleMessage())},
		{"message_delete", "DELETE", "/messages/393642", "messages_delete.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return nil, c.Messages.Delete(ctx, "393642")
		}, nil},
		{"message_list", "GET", "/messages", "messages.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			return c.Messages.List(ctx, window)
		}, []growthgenius.Message{testkit.SampleMessage()}},
		{"do", "POST", "/prospector/a%2Fb/run", "contact.json", 200, []growthgenius.Option{growthgenius.WithUserAgent("acme-sync/1.2")}, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			var out struct{ Contact growthgenius.Contact }
			err := c.Do(ctx, "post", "/prospector/a%2Fb/run", struct {
				Depth int    `url:"depth"`
				Where string `url:"where"`
			}{2, "a&b"}, map[string]string{"q": "<x>"}, &out, growthgenius.AsUser("77"), growthgenius.WithHeader("x-trace", "abc"))
			return &out.Contact, err
		}, new(testkit.SampleContact())},
		{"do_get", "GET", "/discovery", "users.json", 200, nil, func(ctx context.Context, c *growthgenius.Client) (any, error) {
			var out map[string]json.RawMessage
			err := c.ForUser("9").Do(ctx, "GET", "/discovery", url.Values{"b": {"2", "1"}, "a": {""}}, nil, &out)
			return len(out), err
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // for its clock, which starts in 2000
				body := ""
				if tt.answer != "" {
					body = string(testkit.Sample(t, tt.answer))
				}
				api := testkit.NewAPI(t)
				api.On(tt.method, tt.path, tt.status, body)
				got, err := tt.call(t.Context(), api.Client(tt.opts...))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("decoded (-want +got):\n%s", diff)
				}
				if len(api.Requests) != 1 {
					t.Fatalf("%d requests, want 1", len(api.Requests))
				}
				golden(t, tt.name, api.Requests[0].String())
			})
		})
	}
}

// TestUsersCurrentAsksForTheOneUser: both shapes of the endpoint are tried.
func TestUsersCurrentAsksForTheOneUser(t *testing.T) {
	t.Parallel()
	api := testkit.NewAPI(t).On("GET", "/users", 200, string(testkit.Sample(t, "users.json"))).
		On("GET", "/users/", 200, `{"user":{"id":5,"email":"five@example.com"}}`)
	user, err := api.Client(growthgenius.WithUserID("5")).Users.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&growthgenius.User{ID: "5", Email: "five@example.com"}, user); diff != "" {
		t.Error(diff)
	}
	golden(t, "users_current_single", api.Requests[1].String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-%s +got):\n%s", file, diff)
	}
}

// TestBadInput: invalid input is refused before anything is sent, with an error that says
// what to do instead.
func TestBadInput(t *testing.T) {
	t.Parallel()
	c := testkit.Unused(t)
	later := time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC)
	in, msg := growthgenius.ContactInput{Name: growthgenius.Set("x")}, growthgenius.MessageInput{MessageType: growthgenius.Set("call")}
	tests := []struct {
		name, want string
		call       func(context.Context) error
	}{
		{"contacts from after to", "is after To", func(ctx context.Context) error {
			return testkit.Err(c.Contacts.List(ctx, growthgenius.ListOptions{From: later, To: later.Add(-time.Second)}))
		}},
		{"messages from after to", "is after To", func(ctx context.Context) error {
			return testkit.Err(c.Messages.List(ctx, growthgenius.ListOptions{From: later, To: later.Add(-time.Second)}))
		}},
		{"from in a far future", "is after To", func(ctx context.Context) error {
			return testkit.Err(c.Messages.List(ctx, growthgenius.ListOptions{From: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}))
		}},
		{"negative page", "neither may be negative", func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Search(ctx, growthgenius.SearchOptions{Page: -1}))
		}},
		{"negative per_page", "neither may be negative", func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Search(ctx, growthgenius.SearchOptions{PerPage: -1}))
		}},
		{"search with what cannot be encoded", "cannot be encoded", func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Search(ctx, growthgenius.SearchOptions{Extra: map[string]any{"f": func() {}}}))
		}},
		{"create with what cannot be encoded", "cannot be encoded", func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{Extra: map[string]any{"f": make(chan int)}}))
		}},
		{"create with broken raw JSON", "cannot be encoded", func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{Lists: growthgenius.Set(raw(`[1`))}))
		}},
		{"text that is no UTF-8", "the text \"Jos\\xe9\" is not UTF-8", func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{FirstName: growthgenius.Set("Jos\xe9")}))
		}},
		{"upsert with text that is no UTF-8", "is not UTF-8", func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Upsert(ctx, growthgenius.ContactInput{Email: growthgenius.Set("jos\xe9@example.com")}))
		}},
		{"user_id in a query", "use AsUser", func(ctx context.Context) error {
			return c.Do(ctx, "GET", "/x", url.Values{"user_id": {"1"}}, nil, nil)
		}},
		{"query that is none", "the query", func(ctx context.Context) error { return c.Do(ctx, "GET", "/x", 5, nil, nil) }},
		{"body that cannot be encoded", "cannot be encoded", func(ctx context.Context) error {
			return c.Do(ctx, "PUT", "/x", nil, func() {}, nil)
		}},
		{"out that is no pointer", "it must be a pointer", func(ctx context.Context) error {
			return c.Do(ctx, "POST", "/x", nil, nil, growthgenius.Contact{})
		}},
		{"out that is a nil pointer", "it must be a pointer", func(ctx context.Context) error {
			return c.Do(ctx, "POST", "/x", nil, nil, (*growthgenius.Contact)(nil))
		}},
		{"no acting user", "WithUserID", func(ctx context.Context) error { return testkit.Err(c.ForUser("").Contacts.Get(ctx, "1")) }},
		{"no acting user in an option", "AsUser", func(ctx context.Context) error { return testkit.Err(c.Contacts.Get(ctx, "1", growthgenius.AsUser(""))) }},
		{"no acting user, current", "WithUserID", func(ctx context.Context) error { return testkit.Err(c.ForUser("").Users.Current(ctx)) }},
		{"no acting user, raw", "Client.ForUser", func(ctx context.Context) error { return c.ForUser("").Do(ctx, "GET", "/x", nil, nil, nil) }},
		{"second option refused", "may not set Host", func(ctx context.Context) error {
			return c.Contacts.Delete(ctx, "1", growthgenius.WithHeader("X-A", "b"), growthgenius.WithHeader("host", "evil.example.com"), growthgenius.WithHeader("Accept", "x"))
		}},
	}
	for _, id := range []growthgenius.ID{"", ".", ".."} {
		for name, call := range map[string]func(context.Context) error{
			"Contacts.Get":    func(ctx context.Context) error { return testkit.Err(c.Contacts.Get(ctx, id)) },
			"Contacts.Update": func(ctx context.Context) error { return testkit.Err(c.Contacts.Update(ctx, id, in)) },
			"Contacts.Delete": func(ctx context.Context) error { return c.Contacts.Delete(ctx, id) },
			"Messages.Get":    func(ctx context.Context) error { return testkit.Err(c.Messages.Get(ctx, id)) },
			"Messages.Update": func(ctx context.Context) error { return testkit.Err(c.Messages.Update(ctx, id, msg)) },
			"Messages.Delete": func(ctx context.Context) error { return c.Messages.Delete(ctx, id) },
		} {
			tests = append(tests, struct {
				name, want string
				call       func(context.Context) error
			}{fmt.Sprintf("%s of %q", name, id), "the id", call})
		}
	}
	for _, call := range testkit.Calls {
		if call.Name == "Users.List" {
			continue
		}
		tests = append(tests, struct {
			name, want string
			call       func(context.Context) error
		}{"no user, " + call.Name, "give WithUserID to NewClient, or use Client.ForUser or AsUser", func(ctx context.Context) error {
			return testkit.Err(call.Do(ctx, c.ForUser("")))
		}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.call(t.Context())
			testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "growthgenius: ") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestRawPaths: no path leads outside the base URL, where the key must not be sent.
func TestRawPaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"", "users", "https://evil.example.com/", "http://127.0.0.1/x", "//evil.example.com", "///evil.example.com", "@evil.example.com/", ":80/x",
		"/..", "/.", "/../x", "/x/..", "/x/../y", "/x/./y", "/x/.", "/%2e%2e/x", "/x/%2E%2e", "/x/%2e", "/.%2e/x", "/%2e%2e%2fx", "/x%2f..%2fy", "/x/..%5cy",
		`/x\y`, `\\evil`, `/\evil.example.com`, "/%5c..%5cx", "/x?user_id=2", "/x#y", "/x y", "/x\ty", "/x\r\nX-Evil: 1", "/x\x00", "/x\x7f", "/%", "/%zz", "/x/%2",
		"/é", "/é%2f..%2fusers", `/"`, "/{id}", "/a|b", "/a^b", "/<x>", "/\xff",
	} {
		c := testkit.Unused(t)
		for _, method := range []string{"GET", "POST"} {
			err := c.Do(t.Context(), method, path, nil, nil, nil)
			testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
		}
		if _, err := growthgenius.NewClient("key", growthgenius.WithPersonPath(path)); !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), "WithPersonPath") {
			t.Errorf("WithPersonPath(%q): %v", path, err)
		}
	}
	for path, sent := range map[string]string{
		"/x": "/x", "/": "/", "/a%2Fb/%C3%A9": "/a%2Fb/%C3%A9", "/a.b/..c/...": "/a.b/..c/...", "/a:b@c;d=e,f+g!$&'()*~": "/a:b@c;d=e,f+g!$&'()*~", "/a%20b%3Fc%23": "/a%20b%3Fc%23", "/a/": "/a/",
	} {
		c, _ := testkit.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.RequestURI != sent+"?user_id=1" {
				t.Errorf("%q is sent as %q", path, r.RequestURI)
			}
		})
		if err := c.Do(t.Context(), "GET", path, nil, nil, nil); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestIDsThatChangeThePath: some proxies unescape a path before they pass it on, so that a
// slash in an id would lead to another resource.
func TestIDsThatChangeThePath(t *testing.T) {
	t.Parallel()
	for _, id := range []growthgenius.ID{".", "..", "../users", "a/b", "/", `a\b`, `\..\x`, "..%2fx", "%2F", "a%5cb", "%2e%2e", "%2E"} {
		err := testkit.Unused(t).Contacts.Delete(t.Context(), id)
		testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
		if err == nil || !strings.Contains(err.Error(), "would change the path") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestHostileIDs: an id is one segment of the path, whatever it is made of.
func TestHostileIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []growthgenius.ID{"?x=1", "#x", "a b", "é", "%41", "%zz", "\r\nX-Evil: 1", "...", "%", "{id}", "\xff"} {
		c, _ := testkit.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			segments := strings.Split(strings.TrimPrefix(strings.TrimSuffix(r.RequestURI, "?user_id=1"), "/"), "/")
			if len(segments) != 2 || segments[0] != "contacts" || r.Header.Get("X-Evil") != "" {
				t.Errorf("%q is sent as %q", id, r.RequestURI)
				return
			}
			if got, err := url.PathUnescape(segments[1]); err != nil || got != string(id) {
				t.Errorf("%q arrives as %q", id, got)
			}
		})
		if err := c.Contacts.Delete(t.Context(), id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestMethods: Client.Do refuses an invalid method.
func TestMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"", " ", "GE T", "GET\r\n", "GET /evil HTTP/1.1", "ÄNDERN", "G\x00T"} {
		err := testkit.Unused(t).Do(t.Context(), method, "/x", nil, nil, nil)
		testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
		if err == nil || !strings.HasPrefix(err.Error(), "growthgenius: Client.Do: invalid input: ") || !strings.Contains(err.Error(), "is not an HTTP method") {
			t.Errorf("%q: %v", method, err)
		}
	}
}

// TestHeadersOfOurs: WithHeader refuses the headers that the SDK sets, in any spelling.
func TestHeadersOfOurs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Authorization", "Host", "Idempotency-Key", "X-Idempotency-Key", "Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "Content-Length",
		"Transfer-Encoding", "Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Expect",
	} {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name), " " + name + "\t"} {
			err := testkit.Err(testkit.Unused(t).Contacts.Get(t.Context(), "1", growthgenius.WithHeader(spelling, "x")))
			testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
			if err == nil || !strings.Contains(err.Error(), "WithHeader may not set "+name+": ") {
				t.Errorf("%q: %v", spelling, err)
			}
		}
	}
}

// TestHeaderInjection: neither a name nor a value can add another header. A value that is not
// valid UTF-8 cannot be sent again with the lists in which a create is looked for.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	for _, h := range [][2]string{
		{"", "x"}, {" ", "x"}, {"X A", "x"}, {"X:A", "x"}, {"X-A\r\nY", "x"}, {"Ä", "x"}, {"X\x00", "x"}, {"(X)", "x"}, {"Authorization\u00a0", "x"},
		{"X-A", "x\r\nAuthorization: y"}, {"X-A", "x\ny"}, {"X-A", "x\ry"}, {"X-A", "x\x00"}, {"X-A", "\x7f"}, {"X-A", "Jos\xe9"},
	} {
		testkit.OnlyIs(t, testkit.Err(testkit.Unused(t).Contacts.Get(t.Context(), "1", growthgenius.WithHeader(h[0], h[1]))), growthgenius.ErrInvalidInput)
	}
	for _, agent := range []string{"x\r\ny: z", "x\x00", "Jos\xe9"} {
		if _, err := growthgenius.NewClient("key", growthgenius.WithUserAgent(agent)); !errors.Is(err, growthgenius.ErrInvalidInput) {
			t.Errorf("%q: %v", agent, err)
		}
	}
}
