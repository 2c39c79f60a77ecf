package growthgeniustest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// searched returns the e-mail addresses of a page of results, and the page.
func searched(t *testing.T, w *wire, body string) ([]string, map[string]any) {
	t.Helper()
	page := w.call(200, "POST", "/contacts/search", body)
	emails := []string{}
	for _, item := range at(t, page, "contacts").([]any) {
		emails = append(emails, at(t, item, "contact", "email").(string))
	}
	return emails, page
}

func TestSearchAsDocumented(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	stored := w.srv.AddContacts(
		growthgenius.Contact{
			FirstName: "Elon", LastName: "Musk", Email: "elon@tesla.com",
			Title: "CEO", CompanyName: "Tesla",
		},
		growthgenius.Contact{
			FirstName: "Elon", LastName: "Other", Email: "other@example.com",
			Title: "CFO", CompanyName: "Tesla",
		},
	)
	emails, page := searched(t, w, `{"q_keywords":"Elon Musk, CEO, tesla"}`)
	equal(t, "found", emails, []string{"elon@tesla.com"})

	want := sample(t, "contacts_search.json")
	sameKeys(t, "envelope", any(page), any(want))
	sameKeys(t, "item", at(t, page, "contacts", 0, "contact"), at(t, want, "contacts", 0, "contact"))
	sameKeys(t, "breadcrumb", at(t, page, "breadcrumbs", 0), at(t, want, "breadcrumbs", 0))
	equal(t, "pagination", at(t, page, "pagination"), at(t, want, "pagination"))
	equal(t, "breadcrumb value", at(t, page, "breadcrumbs", 0, "value"), "Elon Musk, CEO, tesla")
	equal(t, "fist_name", at(t, page, "contacts", 0, "contact", "fist_name"), "Elon")
	equal(t, "limit", at(t, page, "partial_results_limit"), 10000.0)

	id := at(t, page, "contacts", 0, "contact", "id").(string)
	if len(id) != 36 {
		t.Errorf("the id is not a UUID: %q", id)
	}
	got := w.call(200, "GET", "/contacts/"+id, "")
	equal(t, "the search id identifies its contact", at(t, got, "contact", "email"), "elon@tesla.com")
	equal(t, "and is returned", at(t, got, "contact", "id"), id)
	w.call(200, "PATCH", "/contacts/"+id, `{"contact":{"title":"Boss"}}`)
	equal(t, "updated by its search id", w.srv.Contacts()[0].Title, "Boss")
	equal(t, "under its own id", w.srv.Contacts()[0].ID, stored[0].ID)
	w.call(200, "DELETE", "/contacts/"+id, "")
	equal(t, "deleted", len(w.srv.Contacts()), 1)

	empty := w.call(200, "POST", "/contacts/search", `{"q_keywords":"nobody"}`)
	equal(t, "nothing found", empty["contacts"], []any{})
	stage := w.call(200, "POST", "/contacts/search", `{"contact_stage_ids":[1]}`)
	equal(t, "no breadcrumb without keywords", stage["breadcrumbs"], []any{})
}

func TestSearchPagesAndSorts(t *testing.T) {
	t.Parallel()
	w := newWire(t, growthgeniustest.WithPartialResultsLimit(7))
	base := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		w.srv.AddContacts(growthgenius.Contact{
			Email:     fmt.Sprintf("p%d@example.com", i),
			CreatedAt: base.Add(time.Duration(i) * time.Hour),
			UpdatedAt: base.Add(time.Duration(20-i) * time.Hour),
		})
	}
	emails, page := searched(t, w, `{"page":2,"per_page":3}`)
	equal(t, "second page", emails, []string{"p3@example.com", "p4@example.com", "p5@example.com"})
	equal(t, "pagination", at(t, page, "pagination"),
		map[string]any{"page": 2.0, "per_page": 3.0, "total_entries": 10.0, "total_pages": 3.0})
	equal(t, "partial", at(t, page, "partial_results_only"), true)
	emails, _ = searched(t, w, `{"page":3,"per_page":3}`)
	equal(t, "up to the limit", emails, []string{"p6@example.com"})
	emails, _ = searched(t, w, `{"page":9,"per_page":3}`)
	equal(t, "past the end", emails, []string{})
	_, page = searched(t, w, `{"per_page":1000}`)
	equal(t, "largest page", at(t, page, "pagination", "per_page"), 200.0)

	whole := newWire(t)
	whole.srv.AddContacts(w.srv.Contacts()...)
	var ascending []string
	for i := range 10 {
		ascending = append(ascending, fmt.Sprintf("p%d@example.com", i))
	}
	descending := slices.Clone(ascending)
	slices.Reverse(descending)
	for body, want := range map[string][]string{
		`{"sort_by_field":"contact_created_at","sort_ascending":true}`:          ascending,
		`{"sort_by_field":"contact_created_at"}`:                                descending,
		`{"sort_by_field":"contact_updated_at","sort_ascending":true}`:          descending,
		`{"sort_by_field":"contact_last_activity_date","sort_ascending":false}`: ascending,
	} {
		emails, page := searched(t, whole, body)
		equal(t, body, emails, want)
		equal(t, "not partial", at(t, page, "partial_results_only"), false)
	}
}

func TestShapes(t *testing.T) {
	t.Parallel()
	type option = growthgeniustest.ServerOption
	seeded := func(opts ...option) *wire {
		w := newWire(t, opts...)
		w.srv.AddContacts(growthgenius.Contact{ID: "7", FirstName: "Elon", Email: "elon@tesla.com"})
		w.srv.AddMessages(growthgenius.Message{ID: "8", ContactID: "7"})
		return w
	}
	search := func(w *wire) map[string]any { return w.call(200, "POST", "/contacts/search", `{}`) }
	list := func(w *wire) map[string]any { return w.call(200, "GET", "/contacts"+everything, "") }

	w := seeded(growthgeniustest.WithWrappedListItems())
	equal(t, "wrapped contact", at(t, list(w), "contacts", 0, "contact", "id"), 7.0)
	messages := w.call(200, "GET", "/messages"+everything, "")
	equal(t, "wrapped message", at(t, messages, "messages", 0, "message", "id"), 8.0)
	w.srv.AddContacts(growthgenius.Contact{ID: "9"})
	equal(t, "second wrapped contact", at(t, list(w), "contacts", 1, "contact", "id"), 9.0)

	w = seeded(growthgeniustest.WithFlatSearchItems(), growthgeniustest.WithIntegerSearchIDs())
	equal(t, "flat integer search item", at(t, search(w), "contacts", 0, "id"), 7.0)

	w = seeded(growthgeniustest.WithFullSearchRecords())
	sameKeys(t, "full search item",
		at(t, search(w), "contacts", 0, "contact"), at(t, sample(t, "contact.json"), "contact"))

	w = seeded(growthgeniustest.WithSingularEnvelopes())
	equal(t, "singular list", at(t, list(w), "contact", "id"), 7.0)
	w.srv.AddContacts(growthgenius.Contact{})
	equal(t, "two are a list", len(at(t, list(w), "contacts").([]any)), 2)

	w = seeded(growthgeniustest.WithPluralEnvelopes())
	equal(t, "plural get", at(t, w.call(200, "GET", "/contacts/7", ""), "contacts", 0, "id"), 7.0)

	w = seeded(growthgeniustest.WithTextIDs())
	id := at(t, w.call(200, "POST", "/contacts", steve), "contact", "id").(string)
	equal(t, "text id", at(t, w.call(200, "GET", "/contacts/"+id, ""), "contact", "id"), id)
	equal(t, "the same in searches", at(t, search(w), "contacts", 1, "contact", "id"), id)

	w = seeded(growthgeniustest.WithUnresolvableSearchIDs())
	w.call(404, "GET", "/contacts/"+at(t, search(w), "contacts", 0, "contact", "id").(string), "")

	w = seeded(growthgeniustest.WithNoContentOnDelete())
	w.call(204, "DELETE", "/contacts/7", "")
	w.call(204, "DELETE", "/messages/8", "")

	w = newWire(t, growthgeniustest.WithEmailNormalization())
	created := w.call(200, "POST", "/contacts", `{"contact":{"email":" A@Example.COM"}}`)
	equal(t, "normalized", at(t, created, "contact", "email"), "a@example.com")

	w = seeded(growthgeniustest.WithListCap(1))
	w.srv.AddContacts(growthgenius.Contact{})
	equal(t, "capped without an error", at(t, list(w), "contacts"), []any{at(t, list(w), "contacts", 0)})

	w = newWire(t, growthgeniustest.WithoutSeeds(), growthgeniustest.WithAPIKey("other"))
	equal(t, "no users", at(t, w.call(200, "GET", "/users", ""), "users"), []any{})
	w.call(403, "GET", "/contacts/1", "")
	added := w.srv.AddUsers(growthgenius.User{Email: "a@example.com"})
	equal(t, "first user", added[0].ID, growthgenius.ID("1"))
	w.srv.AddUsers(growthgenius.User{ID: "3"}, growthgenius.User{ID: "9"})
	equal(t, "an id of its own", w.srv.AddUsers(growthgenius.User{})[0].ID, growthgenius.ID("10"))
	w.call(404, "GET", "/contacts/1", "")
}

func TestLag(t *testing.T) {
	t.Parallel()
	now := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWire(t, growthgeniustest.WithClock(func() time.Time { return now }),
		growthgeniustest.WithListLag(time.Minute), growthgeniustest.WithSearchLag(2*time.Minute))
	titles := func() (list, search []any) {
		for _, item := range at(t, w.call(200, "GET", "/contacts"+everything, ""), "contacts").([]any) {
			list = append(list, at(t, item, "title"))
		}
		for _, item := range at(t, w.call(200, "POST", "/contacts/search", `{}`), "contacts").([]any) {
			search = append(search, at(t, item, "contact", "email"))
		}
		return list, search
	}
	w.call(200, "POST", "/contacts", `{"contact":{"email":"1","title":"first"}}`)
	list, search := titles()
	equal(t, "new", []any{list, search}, []any{[]any(nil), []any(nil)})
	now = now.Add(time.Minute)
	id := w.srv.Contacts()[0].ID
	w.call(200, "PATCH", "/contacts/"+string(id), `{"contact":{"email":"2","title":"second"}}`)
	list, search = titles()
	equal(t, "the list shows the old version", []any{list, search}, []any{[]any{"first"}, []any(nil)})
	now = now.Add(time.Minute)
	list, search = titles()
	equal(t, "search follows", []any{list, search}, []any{[]any{"second"}, []any{"1"}})
}
