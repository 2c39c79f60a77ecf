package growthgeniustest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	users := w.call(200, "GET", "/users", "")
	sameKeys(t, "users", users, sample(t, "users.json"))
	equal(t, "first user", at(t, users, "users", 0), at(t, sample(t, "users.json"), "users", 0))
	equal(t, "second user", at(t, users, "users", 1, "id"), 2.0)
	sameKeys(t, "second user", at(t, users, "users", 1), at(t, users, "users", 0))

	later := newWire(t, growthgeniustest.WithSingleUser())
	first := later.call(200, "GET", "/users/?user_id=1", "")
	equal(t, "single user", first, any(sample(t, "user_single.json")))
	second := later.call(200, "GET", "/users/?user_id=2", "")
	equal(t, "acting user", at(t, second, "user", "id"), 2.0)
	equal(t, "no acting user", at(t, later.call(200, "GET", "/users", ""), "user", "id"), 1.0)
	later.call(404, "GET", "/users/?user_id=3", "")
}

func TestContactLifeCycle(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	created := w.call(200, "POST", "/contacts", steve)
	sameKeys(t, "create", at(t, created, "contact"), at(t, sample(t, "contact.json"), "contact"))
	equal(t, "full_name", at(t, created, "contact", "full_name"), "Steve Jobs")
	equal(t, "name", at(t, created, "contact", "name"), "Steve Jobs")
	equal(t, "user_id", at(t, created, "contact", "user_id"), 1.0)
	equal(t, "city", at(t, created, "contact", "city"), nil)
	stampText, _ := at(t, created, "contact", "created_at").(string)
	if _, err := time.Parse("2006-01-02T15:04:05.000-05:00", stampText); err != nil {
		t.Errorf("created_at is not in the documented format: %v", err)
	}
	id := at(t, created, "contact", "id")
	path := fmt.Sprintf("/contacts/%.0f", id)

	updated := w.call(200, "PATCH", path,
		`{"contact":{"title":null,"city":"Cupertino","first_name":"Stephen","odd":[1]}}`)
	equal(t, "null clears", at(t, updated, "contact", "title"), nil)
	equal(t, "a value sets", at(t, updated, "contact", "city"), "Cupertino")
	equal(t, "absent stays", at(t, updated, "contact", "email"), "sjobs@apple.com")
	equal(t, "a name made from others follows", at(t, updated, "contact", "full_name"), "Stephen Jobs")
	equal(t, "unknown fields are kept", at(t, updated, "contact", "odd", 0), 1.0)
	equal(t, "get", w.call(200, "GET", path, ""), updated)
	equal(t, "stored", w.srv.Contacts()[0].City, "Cupertino")

	twin := w.call(200, "POST", "/contacts", steve)
	equal(t, "no deduplication, ids ascend", at(t, twin, "contact", "id"), any(id.(float64)+1))

	equal(t, "delete", w.call(200, "DELETE", path, ""), map[string]any{})
	w.call(404, "GET", path, "")
	w.call(404, "DELETE", path, "")
	w.call(404, "PATCH", path, steve)
	equal(t, "contacts left", len(w.srv.Contacts()), 1)
}

func TestMessageLifeCycle(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	created := w.call(200, "POST", "/messages", hello)
	sameKeys(t, "create", at(t, created, "message"), at(t, sample(t, "message.json"), "message"))
	equal(t, "team_id", at(t, created, "message", "team_id"), 2.0)
	path := fmt.Sprintf("/messages/%.0f", at(t, created, "message", "id"))
	updated := w.call(200, "PATCH", path, `{"message":{"rendered_copy":"Hi"}}`)
	equal(t, "update", at(t, updated, "message", "rendered_copy"), "Hi")
	equal(t, "get", w.call(200, "GET", path, ""), updated)
	list := w.call(200, "GET", "/messages"+everything, "")
	equal(t, "list", list, map[string]any{"messages": []any{updated["message"]}})
	equal(t, "delete", w.call(200, "DELETE", path, ""), sample(t, "messages_delete.json"))
	equal(t, "messages left", len(w.srv.Messages()), 0)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	for _, c := range []struct {
		status             int
		method, path, body string
	}{
		{400, "GET", "/contacts/1?user_id=", ""},
		{403, "GET", "/contacts/1?user_id=99", ""},
		{404, "GET", "/contacts/1", ""},
		{404, "GET", "/contacts/1/notes", ""},
		{404, "GET", "/prospects", ""},
		{405, "PUT", "/contacts/1", steve},
		{422, "POST", "/contacts", `{`},
		{422, "POST", "/contacts", `[]`},
		{422, "POST", "/contacts", `{"first_name":"Steve"}`},
		{422, "POST", "/contacts", `{"contact":{}}`},
		{422, "POST", "/contacts/search", `"Elon"`},
		{422, "POST", "/contacts/search", `{"page":0}`},
		{422, "POST", "/contacts/search", `{"sort_by_field":"shoe_size"}`},
		{422, "GET", "/contacts", ""},
		{422, "GET", "/contacts?from=2000-01-01T00:00:00Z", ""},
		{422, "GET", "/messages?from=yesterday&to=2000-01-01T00:00:00Z", ""},
		{422, "GET", "/companies/find", ""},
		{404, "GET", "/companies/find?domain=example.com", ""},
		{422, "GET", "/people/find?first_name=Elon", ""},
		{404, "GET", "/people/find?email=a@example.com", ""},
	} {
		if w.call(c.status, c.method, c.path, c.body) == nil {
			t.Errorf("%s %s: no error body", c.method, c.path)
		}
	}
	for _, key := range []string{"", "wrong", "Bearer " + w.srv.APIKey()} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", w.srv.URL()+"/users", nil)
		if key != "" {
			req.Header.Set("Authorization", key)
		}
		res, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		equal(t, "key "+key, res.StatusCode, 401)
	}
	url := w.srv.URL() + "/contacts?user_id=1"
	req, _ := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(steve))
	req.Header.Set("Authorization", w.srv.APIKey())
	res, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	equal(t, "no content type", res.StatusCode, 415)
	equal(t, "nothing was created", len(w.srv.Ledger()), 0)
}

func TestUpdatedBetween(t *testing.T) {
	t.Parallel()
	now := time.Date(2021, 1, 19, 22, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	w := newWire(t, growthgeniustest.WithClock(clock))
	w.srv.AddContacts(
		growthgenius.Contact{Email: "a@example.com", UpdatedAt: now.Add(-2 * time.Hour)},
		growthgenius.Contact{Email: "b@example.com", UpdatedAt: now.Add(-time.Hour)},
		growthgenius.Contact{Email: "c@example.com"},
	)
	list := func(from, to string) (emails []string) {
		got := w.call(200, "GET", "/contacts?from="+from+"&to="+to, "")
		for _, item := range at(t, got, "contacts").([]any) {
			emails = append(emails, at(t, item, "email").(string))
		}
		return emails
	}
	equal(t, "both bounds are included",
		list("2021-01-19T20:00:00.000Z", "2021-01-19T21:00:00.000Z"),
		[]string{"a@example.com", "b@example.com"})
	equal(t, "another zone",
		list("2021-01-19T16:00:00.001-05:00", "2021-01-19T17:00:00-05:00"),
		[]string{"c@example.com"})
	equal(t, "none", list("2021-01-20T00:00:00Z", "2021-01-21T00:00:00Z"), []string(nil))
	all := w.call(200, "GET", "/contacts"+everything, "")
	sameKeys(t, "list", at(t, all, "contacts", 0), at(t, sample(t, "contacts.json"), "contacts", 0))

	open := newWire(t, growthgeniustest.WithClock(clock), growthgeniustest.WithExclusiveBounds())
	open.srv.AddContacts(growthgenius.Contact{Email: "a@example.com"})
	path := "/contacts?from=2021-01-19T22:00:00Z&to=2021-01-19T23:00:00Z"
	equal(t, "bounds are excluded", open.call(200, "GET", path, ""), map[string]any{"contacts": []any{}})
}

func TestLookups(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	company := w.call(200, "GET", "/companies/find?domain=tesla.com", "")
	sameKeys(t, "company", at(t, company, "contact"), at(t, sample(t, "company_find.json"), "contact"))
	equal(t, "company_name", at(t, company, "contact", "company_name"), "Tesla")

	var kept growthgenius.Contact
	text, _ := json.Marshal(at(t, sample(t, "company_find.json"), "contact"))
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	w.srv.AddCompany("ANZ.com", growthgenius.Company{Contact: &kept})
	anz := w.call(200, "GET", "/companies/find?domain=anz.com", "")
	equal(t, "the given contact is returned", at(t, anz, "contact", "prospect_id"), 236811124.0)

	bare := newWire(t, growthgeniustest.WithBareCompany())
	tesla := bare.call(200, "GET", "/companies/find?domain=tesla.com", "")
	sameKeys(t, "bare company", any(tesla), any(sample(t, "company.json")))

	bareContact := newWire(t, growthgeniustest.WithBareContact())
	tesla = bareContact.call(200, "GET", "/companies/find?domain=tesla.com", "")
	sameKeys(t, "bare contact", any(tesla), sample(t, "company_find.json")["contact"])

	person := w.call(200, "GET", "/people/find?email=Elon@tesla.com", "")
	sameKeys(t, "person", any(person), any(sample(t, "person.json")))
	byName := "/people/find?first_name=Elon&last_name=Musk&"
	equal(t, "by account", w.call(200, "GET", byName+"account_name=Tesla", ""), person)
	byWebsite := byName + "website_url=http://www.tesla.com/about"
	equal(t, "by website", w.call(200, "GET", byWebsite, ""), person)
	w.call(404, "GET", byName+"account_name=Apple", "")

	moved := newWire(t, growthgeniustest.WithPersonPath("enrichment/people"))
	moved.call(200, "GET", "/enrichment/people?email=elon@tesla.com", "")
	moved.call(404, "GET", "/people/find?email=elon@tesla.com", "")
	equal(t, "route", moved.srv.Requests()[0].Route, growthgeniustest.RoutePerson)
}

func TestHeadersAndRecording(t *testing.T) {
	t.Parallel()
	now := time.Date(2021, 1, 19, 22, 0, 0, 0, time.UTC)
	w := newWire(t, growthgeniustest.WithClock(func() time.Time { return now }),
		growthgeniustest.WithClockSkew(-10*time.Minute))
	res, err := w.send("POST", "/contacts", steve)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	equal(t, "Date", res.Header.Get("Date"), "Tue, 19 Jan 2021 21:50:00 GMT")
	equal(t, "X-Request-Id", res.Header.Get("X-Request-Id"), "req-000001")
	equal(t, "created_at", w.srv.Contacts()[0].CreatedAt.UTC(), now.Add(-10*time.Minute))
	w.call(404, "GET", "/contacts/a%2Fb", "")

	requests := w.srv.Requests()
	equal(t, "requests", len(requests), 2)
	first := requests[0]
	equal(t, "first",
		[]any{first.Seq, first.Method, first.Path, first.Route, first.Query, first.Status, first.Fault},
		[]any{
			1, "POST", "/integrations/v1/contacts", "/contacts", "user_id=1", 200,
			(*growthgeniustest.Fault)(nil),
		})
	equal(t, "body", string(first.Body), steve)
	equal(t, "header", first.Header.Get("Authorization"), w.srv.APIKey())
	equal(t, "escaped path", requests[1].Path, "/integrations/v1/contacts/a%2Fb")
	equal(t, "its route", requests[1].Route, growthgeniustest.RouteContact)
	equal(t, "connections", w.srv.Connections(), 1)

	ledger := w.srv.Ledger()
	equal(t, "ledger", len(ledger), 1)
	entry := ledger[0]
	equal(t, "entry", []any{entry.Seq, entry.Resource, entry.ID, entry.ActingAs, entry.Late},
		[]any{1, "contact", w.srv.Contacts()[0].ID, growthgenius.ID("1"), false})
	equal(t, "content", `{"contact":`+entry.Content+`}`, steve)

	w.srv.ResetRequests()
	equal(t, "requests discarded", len(w.srv.Requests()), 0)

	dateless := newWire(t, growthgeniustest.WithNoDate(), growthgeniustest.WithoutRecording())
	res, err = dateless.send("GET", "/users", "")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	equal(t, "no Date", res.Header.Values("Date"), []string(nil))
	equal(t, "nothing recorded", len(dateless.srv.Requests()), 0)
}
