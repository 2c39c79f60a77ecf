package growthgenius

import (
	"context"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// TestWire holds each call to its request, to the byte, and to the value it makes of the
// reference's own answer.
func TestWire(t *testing.T) {
	t.Parallel()
	window := ListOptions{
		From: time.Date(2021, 1, 19, 12, 0, 0, 1999999, time.FixedZone("", -5*3600)),
		To:   time.Date(2021, 1, 20, 0, 0, 0, 1, time.UTC),
	}
	steve := ContactInput{FirstName: Set("Steve"), LastName: Set("Jobs"), Email: Set("sjobs@apple.com")}
	for _, tt := range []struct {
		name, method, path, answer string
		status                     int
		opts                       []Option
		call                       func(context.Context, *Client) (any, error)
		want                       any
	}{
		{"users_list", "GET", "/users", "users.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Users.List(ctx)
		}, []User{wantUser(), wantUser()}},
		{"users_list_single", "GET", "/users", "user_single.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Users.List(ctx)
		}, []User{wantUser()}},
		{"users_current", "GET", "/users", "users.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Users.Current(ctx)
		}, ptr(wantUser())},
		{"company_as_contact", "GET", "/companies/find", "company_find.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Enrichment.Company(ctx, "https://www.Tesla.com/about")
		}, &Company{
			Name: "Anz", Website: "anz.com", Industry: "Banking", LinkedInURL: "linkedin.com/company/anz",
			Location: &CompanyLocation{Locality: "Melbourne", Region: "Victoria", Country: "New Zealand"},
			Contact:  ptr(wantLookupContact()),
		}},
		{"company", "GET", "/companies/find", "company.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Enrichment.Company(ctx, "tesla.com")
		}, ptr(wantCompany())},
		{"person_by_email", "GET", "/people/find", "person.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Enrichment.Person(ctx, PersonQuery{Email: " Elon+x@Tesla.com "})
		}, ptr(wantPerson())},
		{"person_by_name", "GET", "/v2/person%20lookup", "person.json", 200, []Option{WithPersonPath("/v2/person%20lookup")}, func(ctx context.Context, c *Client) (any, error) {
			return c.Enrichment.Person(ctx, PersonQuery{FirstName: "Elon", LastName: "Musk", AccountName: "Tesla", WebsiteURL: "http://www.tesla.com"})
		}, ptr(wantPerson())},
		{"contact_create", "POST", "/contacts", "contact.json", 201, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Contacts.Create(ctx, steve)
		}, ptr(wantContact())},
		{"contact_get", "GET", "/contacts/1102755", "contact.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Contacts.Get(ctx, IntID(1102755))
		}, ptr(wantContact())},
		{"contact_update", "PATCH", "/contacts/1102755", "contact.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Contacts.Update(ctx, "1102755", ContactInput{Title: Set("CEO"), Technologies: Set(""), Custom1: Null[string]()})
		}, ptr(wantContact())},
		{"contact_delete", "DELETE", "/contacts/a%2Fb%3F%20%25", "", 204, nil, func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Contacts.Delete(ctx, "a/b? %")
		}, nil},
		{"contact_list", "GET", "/contacts", "contacts.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Contacts.List(ctx, window)
		}, []Contact{wantListContact()}},
		{"contact_list_all", "GET", "/contacts", "contacts.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Contacts.List(ctx, ListOptions{})
		}, []Contact{wantListContact()}},
		{"contact_search", "POST", "/contacts/search", "contacts_search.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Contacts.Search(ctx, SearchOptions{Keywords: "Elon Musk, CEO, Tesla", SortByField: SortByLastActivity})
		}, ptr(wantPage())},
		{"contact_search_page", "POST", "/contacts/search", "contacts_search.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Contacts.Search(ctx, SearchOptions{
				SortByField: SortByCreated, SortAscending: true, ContactStageIDs: []ID{"7", "abc"}, Page: 2, PerPage: 100,
				Extra: map[string]any{"prospected_by_current_team": []string{"yes"}},
			})
		}, ptr(wantPage())},
		{"contact_search_nothing", "POST", "/contacts/search", "contacts_search.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Contacts.Search(ctx, SearchOptions{SortAscending: true})
		}, ptr(wantPage())},
		{"message_create", "POST", "/messages", "message.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Messages.Create(ctx, MessageInput{
				ContactID: Set(ID("155715")), MessageType: Set("sales_force_message"),
				RenderedCopy:    Set("Hey Louis,↵↵You hate prospecting. I love it. Maybe it's a perfect match?"),
				RenderedSubject: Null[string](), SentAt: Set(wantMessage().SentAt), TeamID: Set(IntID(1)), UserID: Set(IntID(78)),
			})
		}, ptr(wantMessage())},
		{"message_get", "GET", "/messages/393642", "message.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Messages.Get(ctx, "393642")
		}, ptr(wantMessage())},
		{"message_update", "PATCH", "/messages/393642", "message.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Messages.Update(ctx, "393642", MessageInput{RenderedCopy: Set("<b>& co</b>")})
		}, ptr(wantMessage())},
		{"message_delete", "DELETE", "/messages/393642", "messages_delete.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Messages.Delete(ctx, "393642")
		}, nil},
		{"message_list", "GET", "/messages", "messages.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			return c.Messages.List(ctx, window)
		}, []Message{wantMessage()}},
		{"do", "POST", "/prospector/a%2Fb/run", "contact.json", 200, []Option{WithUserAgent("acme-sync/1.2")}, func(ctx context.Context, c *Client) (any, error) {
			var out struct{ Contact Contact }
			err := c.Do(ctx, "post", "/prospector/a%2Fb/run", struct {
				Depth int    `url:"depth"`
				Where string `url:"where"`
			}{2, "a&b"}, map[string]string{"q": "<x>"}, &out, AsUser("77"), WithHeader("x-trace", "abc"))
			return &out.Contact, err
		}, ptr(wantContact())},
		{"do_get", "GET", "/discovery", "users.json", 200, nil, func(ctx context.Context, c *Client) (any, error) {
			var out map[string]json.RawMessage
			err := c.ForUser("9").Do(ctx, "GET", "/discovery", url.Values{"b": {"2", "1"}, "a": {""}}, nil, &out)
			return len(out), err
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // for the clock: it starts in 2000
				body := ""
				if tt.answer != "" {
					body = string(sample(t, tt.answer))
				}
				api := newMockAPI(t)
				api.on(tt.method, tt.path, tt.status, body)
				got, err := tt.call(t.Context(), api.client(tt.opts...))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("decoded (-want +got):\n%s", diff)
				}
				if len(api.requests) != 1 {
					t.Fatalf("%d requests, want 1", len(api.requests))
				}
				golden(t, tt.name, api.requests[0].String())
			})
		})
	}
}

// TestUsersCurrentAsksForTheOneUser proves that both shapes of the endpoint are tried.
func TestUsersCurrentAsksForTheOneUser(t *testing.T) {
	t.Parallel()
	api := newMockAPI(t).on("GET", "/users", 200, string(sample(t, "users.json"))).
		on("GET", "/users/", 200, `{"user":{"id":5,"email":"five@example.com"}}`)
	user, err := api.client(WithUserID("5")).Users.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&User{ID: "5", Email: "five@example.com"}, user); diff != "" {
		t.Error(diff)
	}
	golden(t, "users_current_single", api.requests[1].String())
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
		t.Errorf("request (-%s +sent):\n%s", file, diff)
	}
}
