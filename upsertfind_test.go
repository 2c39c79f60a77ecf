package growthgenius_test

import (
	"errors"
	"html"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/idna"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// ofEmail changes e-mail addresses only.
func ofEmail(rewrite func(string) string) growthgeniustest.ServerOption {
	return growthgeniustest.WithRewriting(func(field, text string) string {
		if field != "email" {
			return text
		}
		return rewrite(text)
	})
}

func withoutTag(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

func withDomain(convert func(string) (string, error)) func(string) string {
	return func(address string) string {
		local, domain, _ := strings.Cut(address, "@")
		domain, _ = convert(domain)
		return local + "@" + domain
	}
}

// TestUpsertRewrittenAddress: an address that the API rewrites makes one contact, no matter
// how many clients upsert it how often. If it is no longer the same address, that is an error
// which has the id, and what to do.
func TestUpsertRewrittenAddress(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rewrite func(string) string
		email   string
		near    bool
	}{
		"punycode":             {withDomain(idna.ToASCII), "ada@bücher.example", false},
		"Unicode":              {withDomain(idna.ToUnicode), "ada@xn--bcher-kva.example", false},
		"escaped":              {html.EscapeString, "o'brien@example.com", false},
		"lower case":           {strings.ToLower, "Ada@Example.COM", false},
		"without its tag":      {withoutTag, "ada+news@example.com", true},
		"without the quote":    {strings.NewReplacer("'", "").Replace, "o'brien@example.com", true},
		"with a curly quote":   {strings.NewReplacer("'", "’").Replace, "o'brien@example.com", true},
		"lost characters":      {strings.NewReplacer("ü", "?").Replace, "ada@bücher.example", true},
		"nothing to rewrite":   {strings.Clone, "ada@example.com", false},
		"lost before the @":    {strings.NewReplacer("ö", "?").Replace, "jörg@example.com", true},
		"plain letters":        {strings.NewReplacer("ö", "o").Replace, "jörg@example.com", true},
		"spelled letters":      {strings.NewReplacer("ö", "oe").Replace, "jörg@example.com", true},
		"another charset":      {strings.NewReplacer("ö", "Ã¶").Replace, "jörg@example.com", true},
		"dots":                 {strings.NewReplacer("a.d.a", "ada").Replace, "a.d.a@gmail.com", true},
		"Google's name":        {strings.NewReplacer("googlemail", "gmail").Replace, "ada@googlemail.com", true},
		"cut short":            {func(s string) string { return s[:min(len(s), 50)] }, strings.Repeat("ada.byron", 6) + "@example.com", true},
		"a tag and a punycode": {func(s string) string { return withoutTag(withDomain(idna.ToASCII)(s)) }, "ada+x@bücher.example", true},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			in := growthgenius.ContactInput{Email: growthgenius.Set(test.email), Title: growthgenius.Set("CTO")}
			for night := range 3 {
				c := srv.NewClient()
				for again := range 2 {
					r, err := c.Contacts.Upsert(t.Context(), in)
					several, _ := errors.AsType[*growthgenius.MultipleMatchesError](err)
					switch stored := srv.Contacts(); {
					case len(stored) != 1:
						t.Fatalf("%s: %d contacts in night %d", name, len(stored), night)
					case night > 0 && test.near:
						if several == nil || !several.Near || !slices.Equal(several.IDs, []growthgenius.ID{stored[0].ID}) || !strings.Contains(err.Error(), "Update") {
							t.Errorf("%s: %+v, %v", name, r, err)
						}
					case err != nil || (r.Action == growthgenius.Created) != (night+again == 0) || r.Action == growthgenius.Updated || r.Contact.ID != stored[0].ID:
						t.Errorf("%s, night %d: %+v, %v", name, night, r, err)
					}
				}
			}
		}, ofEmail(test.rewrite))
	}
}

// TestUpsertBesideSimilarAddresses: an address that no server makes of the given one is that
// of someone else.
func TestUpsertBesideSimilarAddresses(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	for _, email := range []string{"support+acme@example.com", "support+beta@example.com", "john.doe@example.com", "johndoe@example.com", "ada@example.com", "ada+x@example.com"} {
		srv.AddContacts(growthgenius.Contact{Email: "before-" + email})
		r, err := srv.Client().Contacts.Upsert(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set(email)})
		if email == "ada+x@example.com" { // ada@example.com may be what is left of it
			if !errors.Is(err, growthgenius.ErrMultipleMatches) {
				t.Errorf("%s: %+v, %v", email, r, err)
			}
		} else if err != nil || r.Action != growthgenius.Created {
			t.Errorf("%s: %+v, %v", email, r, err)
		}
	}
}

// TestUpsertIDs: an upsert returns the id that lists have, whatever ids searches have, and so
// does the error that lists contacts.
func TestUpsertIDs(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]growthgeniustest.ServerOption{
		"UUIDs in searches":                nil,
		"UUIDs that Get answers otherwise": {growthgeniustest.WithCanonicalIDs()},
		"UUIDs that Get does not know":     {growthgeniustest.WithUnresolvableSearchIDs()},
		"integers":                         {growthgeniustest.WithIntegerSearchIDs()},
		"UUIDs everywhere":                 {growthgeniustest.WithTextIDs()},
		"exclusive bounds":                 {growthgeniustest.WithExclusiveBounds()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := growthgeniustest.NewServer(t, opts...)
			srv.AddContacts(growthgenius.Contact{Email: "before@example.com"}) // updated at the same time
			id := srv.AddContacts(growthgenius.Contact{Email: "ada@example.com"})[0].ID
			in := growthgenius.ContactInput{Email: growthgenius.Set("ada@example.com")}
			for _, title := range []string{"", "CTO", "CTO"} {
				if title != "" {
					in.Title = growthgenius.Set(title)
				}
				r, err := srv.Client().Contacts.Upsert(t.Context(), in)
				if err != nil || r.Contact.ID != id || r.Action == growthgenius.Created {
					t.Fatalf("%+v, %v, want the id %s", r, err, id)
				}
			}
			time.Sleep(2 * time.Millisecond)
			second := srv.AddContacts(growthgenius.Contact{Email: "Ada@example.com"})[0].ID
			_, err := srv.Client().Contacts.Upsert(t.Context(), in)
			several, ok := errors.AsType[*growthgenius.MultipleMatchesError](err)
			if !ok || several.Near || !slices.Equal(several.IDs, []growthgenius.ID{id, second}) {
				t.Errorf("%v, want %s and %s", err, id, second)
			}
		})
	}
}

// TestGetByTheIDOfASearch: a contact with a number answers a get by the UUID of a search.
func TestGetByTheIDOfASearch(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithCanonicalIDs())
	stored := srv.AddContacts(growthgenius.Contact{Email: "ada@example.com"}, growthgenius.Contact{Email: "bob@example.com"})
	c := srv.Client()
	page, err := c.Contacts.Search(t.Context(), growthgenius.SearchOptions{Keywords: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Contacts.Get(t.Context(), page.Contacts[0].ID)
	if err != nil || got.ID != stored[0].ID {
		t.Errorf("%+v, %v", got, err)
	}
	srv.MergeContacts(stored[0].ID, stored[1].ID)
	if got, err := c.Contacts.Get(t.Context(), stored[0].ID); !errors.Is(err, growthgenius.ErrDecode) {
		t.Errorf("a number for another number: %+v, %v", got, err)
	}
}

// TestUpsertAfterAMerge: a contact that this client created and that was merged into another
// one is that one if the address is the same, and is searched for otherwise.
func TestUpsertAfterAMerge(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]growthgenius.Action{"Ada@example.com": growthgenius.Updated, "other@example.com": growthgenius.Created} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient()
			made, err := c.Contacts.Upsert(t.Context(), ada("CTO"))
			if err != nil {
				t.Fatal(err)
			}
			left := srv.AddContacts(growthgenius.Contact{Email: email})[0]
			srv.MergeContacts(made.Contact.ID, left.ID)
			for _, want := range []growthgenius.Action{want, growthgenius.Unchanged} {
				r, err := c.Contacts.Upsert(t.Context(), ada("CTO"))
				if err != nil || r.Action != want || (r.Contact.ID == left.ID) != (email == "Ada@example.com") {
					t.Errorf("%s: %+v, %v, want %s", email, r, err, want)
				}
			}
		})
	}
}

// TestUpsertOfAContactThatWasChanged: what this client created for an address is its match,
// even with another address. What it only found is not.
func TestUpsertOfAContactThatWasChanged(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient()
		made, err := c.Contacts.Upsert(t.Context(), ada("CTO"))
		if err != nil {
			t.Fatal(err)
		}
		other := growthgenius.ContactInput{Email: growthgenius.Set("new@example.com")}
		if _, err := c.Contacts.Update(t.Context(), made.Contact.ID, other); err != nil {
			t.Fatal(err)
		}
		if r, err := c.Contacts.Upsert(t.Context(), ada("CTO")); err != nil || r.Action != growthgenius.Updated || r.Contact.ID != made.Contact.ID {
			t.Errorf("%+v, %v", r, err)
		}
		if err := c.Contacts.Delete(t.Context(), made.Contact.ID); err != nil {
			t.Fatal(err)
		}
		if r, err := c.Contacts.Upsert(t.Context(), ada("CTO")); err != nil || r.Action != growthgenius.Created {
			t.Errorf("after it was deleted: %+v, %v", r, err)
		}
	})
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		found := srv.AddContacts(growthgenius.Contact{Email: "ada@example.com"})[0]
		c := srv.NewClient()
		if _, err := c.Contacts.Upsert(t.Context(), ada("CTO")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Contacts.Update(t.Context(), found.ID, growthgenius.ContactInput{Email: growthgenius.Set("new@example.com")}); err != nil {
			t.Fatal(err)
		}
		if r, err := c.Contacts.Upsert(t.Context(), ada("CTO")); err != nil || r.Action != growthgenius.Created {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestUpsertGatewayNotFound: a 404 that is not the API's own does not mean that a contact is
// gone.
func TestUpsertGatewayNotFound(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient()
		if _, err := c.Contacts.Upsert(t.Context(), ada("CTO")); err != nil {
			t.Fatal(err)
		}
		for _, client := range []*growthgenius.Client{c, srv.NewClient()} { // by memory and by search
			srv.Inject(growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContact, Status: 404, Body: "no route", Times: 1})
			if r, err := client.Contacts.Upsert(t.Context(), ada("CTO")); !errors.Is(err, growthgenius.ErrNotFound) {
				t.Errorf("%+v, %v", r, err)
			}
		}
		if n := len(srv.Contacts()); n != 1 {
			t.Errorf("%d contacts", n)
		}
	})
}

// TestUpsertWithoutDates: without Date headers a lost create cannot be resolved. Its contact
// settles it, or after a minute that the list of all contacts does not have it.
func TestUpsertWithoutDates(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{true, false} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient()
			srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Route: growthgeniustest.RouteContacts, Status: 502, Commit: committed, Times: 1})
			r, err := c.Contacts.Upsert(t.Context(), ada("CTO"))
			if !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
				t.Fatalf("%+v, %v", r, err)
			}
			if !committed {
				if r, err := c.Contacts.Upsert(t.Context(), ada("CTO")); !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
					t.Errorf("at once: %+v, %v", r, err)
				}
				time.Sleep(time.Minute)
			}
			r, err = c.Contacts.Upsert(t.Context(), ada("CTO"))
			if err != nil || (r.Action == growthgenius.Created) == committed || len(srv.Contacts()) != 1 {
				t.Errorf("committed %t: %+v, %v", committed, r, err)
			}
		}, growthgeniustest.WithNoDate(), growthgeniustest.WithSearchLag(time.Hour))
	}
}
