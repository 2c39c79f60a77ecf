package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// validator is a transport that checks each request and response against the document.
type validator struct {
	router routers.Router
	key    string
	next   http.RoundTripper

	mu         sync.Mutex // guards the fields below
	violations []error
	operations map[string]int // how often each one succeeded
}

func newValidator(t *testing.T, srv *growthgeniustest.Server) *validator {
	t.Helper()
	doc := document(t)
	doc.Servers = openapi3.Servers{{URL: srv.URL()}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &validator{router: router, key: srv.APIKey(), next: transport, operations: map[string]int{}}
}

func (v *validator) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	checked := req.Clone(req.Context())
	checked.Body, checked.GetBody = io.NopCloser(bytes.NewReader(body)), nil // the client takes GetBody for a second send
	checked.ContentLength = int64(len(body))
	input, err := v.request(checked)
	v.report(req, err)

	sent := req.Clone(req.Context())
	sent.Body, sent.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	res, roundTripErr := v.next.RoundTrip(sent)
	if roundTripErr != nil {
		return nil, roundTripErr
	}
	responseBody, readErr := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(responseBody))
	if readErr != nil {
		return nil, readErr
	}
	if input != nil {
		v.report(req, v.response(req.Context(), input, res, responseBody))
		if res.StatusCode < 300 {
			v.mu.Lock()
			v.operations[input.Route.Operation.OperationID]++
			v.mu.Unlock()
		}
	}
	return res, nil
}

// request validates a request. It rejects query parameters that are not in the document.
func (v *validator) request(req *http.Request) (*openapi3filter.RequestValidationInput, error) {
	route, params, err := v.router.FindRoute(req)
	if err != nil {
		return nil, err
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req, Route: route, PathParams: params,
		Options: &openapi3filter.Options{
			MultiError:                        true,
			RejectWhenRequestBodyNotSpecified: true,
			IncludeResponseStatus:             true,
			AuthenticationFunc: func(_ context.Context, auth *openapi3filter.AuthenticationInput) error {
				if got := auth.RequestValidationInput.Request.Header.Values(auth.SecurityScheme.Name); len(got) != 1 || got[0] != v.key {
					return errors.New("the header is not the API key itself")
				}
				return nil
			},
		},
	}
	if err := openapi3filter.ValidateRequest(req.Context(), input); err != nil {
		return input, err
	}
	for name := range req.URL.Query() {
		if route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return input, fmt.Errorf("the query parameter %s is not in the document", name)
		}
	}
	return input, nil
}

func (v *validator) response(ctx context.Context, input *openapi3filter.RequestValidationInput, res *http.Response, body []byte) error {
	check := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: res.StatusCode, Header: res.Header, Options: input.Options,
	}
	check.SetBodyBytes(body)
	if len(body) == 0 && res.StatusCode == http.StatusNoContent {
		check.Options = &openapi3filter.Options{ExcludeResponseBody: true, IncludeResponseStatus: true}
	}
	return openapi3filter.ValidateResponse(ctx, check)
}

func (v *validator) report(req *http.Request, err error) {
	if err == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.violations = append(v.violations, fmt.Errorf("%s %s: %w", req.Method, req.URL.RequestURI(), err))
}

// TestConformance calls all methods of the SDK with all shapes of the server, and checks
// all requests and responses against the document.
func TestConformance(t *testing.T) {
	t.Parallel()
	type options = []growthgeniustest.ServerOption
	for name, opts := range map[string]options{
		"documented":          nil,
		"single user":         {growthgeniustest.WithSingleUser()},
		"bare company":        {growthgeniustest.WithBareCompany()},
		"wrapped list items":  {growthgeniustest.WithWrappedListItems()},
		"flat search items":   {growthgeniustest.WithFlatSearchItems()},
		"singular envelopes":  {growthgeniustest.WithSingularEnvelopes()},
		"plural envelopes":    {growthgeniustest.WithPluralEnvelopes()},
		"text ids":            {growthgeniustest.WithTextIDs()},
		"integer search ids":  {growthgeniustest.WithIntegerSearchIDs()},
		"full search records": {growthgeniustest.WithFullSearchRecords()},
		"no content":          {growthgeniustest.WithNoContentOnDelete()},
		"everything later": {
			growthgeniustest.WithSingleUser(), growthgeniustest.WithBareCompany(), growthgeniustest.WithWrappedListItems(),
			growthgeniustest.WithFlatSearchItems(), growthgeniustest.WithFullSearchRecords(), growthgeniustest.WithTextIDs(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := growthgeniustest.NewServer(t, opts...)
			v := newValidator(t, srv)
			client := srv.Client(growthgenius.WithHTTPClient(&http.Client{Transport: v}))
			driveUsers(t, client)
			driveContacts(t, client)
			driveMessages(t, client)
			driveLookups(t, client)
			for _, violation := range v.violations {
				t.Error(violation)
			}
			for path, item := range document(t).Paths.Map() {
				for method, op := range item.Operations() {
					if op.OperationID != "getCurrentUser" && v.operations[op.OperationID] == 0 {
						t.Errorf("%s %s was never called", method, path)
					}
				}
			}
			if name == "single user" && v.operations["getCurrentUser"] == 0 {
				t.Error("getCurrentUser was never called")
			}
		})
	}
}

func driveUsers(t *testing.T, client *growthgenius.Client) {
	t.Helper()
	users, err := client.Users.List(t.Context())
	must(t, err)
	if len(users) == 0 || users[0].Email != "dev@growthgenius.com" {
		t.Errorf("users: %+v", users)
	}
	second, err := client.ForUser("2").Users.Current(t.Context())
	must(t, err)
	if second.ID != "2" || second.FirstName != "Sam" {
		t.Errorf("the acting user: %+v", second)
	}
}

func driveContacts(t *testing.T, client *growthgenius.Client) {
	t.Helper()
	ctx := t.Context()
	created, err := client.Contacts.Create(ctx, growthgenius.ContactInput{
		FirstName: growthgenius.Set("Steve"), LastName: growthgenius.Set("Jobs"), Email: growthgenius.Set("sjobs@apple.com"),
		Title: growthgenius.Set("CEO"), EmailConfidence: growthgenius.Set(100), UserID: growthgenius.Set(growthgenius.ID("2")),
		ContactAccount: growthgenius.Set(growthgenius.ContactAccount{ID: "485499", Status: "cold"}),
		Custom9:        growthgenius.Set("mark"), City: growthgenius.Null[string](),
	})
	must(t, err)
	updated, err := client.Contacts.Update(ctx, created.ID, growthgenius.ContactInput{
		CompanyName: growthgenius.Set("Apple Inc."), Title: growthgenius.Null[string](),
	})
	must(t, err)
	if updated.Title != "" || updated.CompanyName != "Apple Inc." || updated.UserID != "2" || *updated.EmailConfidence != 100 {
		t.Errorf("updated: %+v", updated)
	}
	got, err := client.Contacts.Get(ctx, created.ID)
	must(t, err)
	if got.Email != "sjobs@apple.com" {
		t.Errorf("got: %+v", got)
	}
	list, err := client.Contacts.List(ctx, growthgenius.ListOptions{})
	must(t, err)
	if len(list) != 1 || list[0].ID != created.ID {
		t.Errorf("list: %+v", list)
	}
	page, err := client.Contacts.Search(ctx, growthgenius.SearchOptions{
		Keywords: "Steve, apple", SortByField: growthgenius.SortByLastActivity, ContactStageIDs: []growthgenius.ID{"1"}, Page: 1, PerPage: 50,
	})
	must(t, err)
	if len(page.Contacts) != 1 || page.Contacts[0].FirstName != "Steve" || page.Pagination.TotalEntries != 1 {
		t.Errorf("page: %+v", page)
	}
	found, err := client.Contacts.Get(ctx, page.Contacts[0].ID)
	must(t, err)
	if found.Email != "sjobs@apple.com" {
		t.Errorf("found: %+v", found)
	}
	must(t, client.Contacts.Delete(ctx, created.ID))
	if _, err := client.Contacts.Get(ctx, created.ID); !errors.Is(err, growthgenius.ErrNotFound) {
		t.Errorf("a deleted contact: %v", err)
	}
	if _, err := client.ForUser("99").Contacts.Get(ctx, created.ID); !errors.Is(err, growthgenius.ErrForbidden) {
		t.Errorf("an unknown user: %v", err)
	}
}

func driveMessages(t *testing.T, client *growthgenius.Client) {
	t.Helper()
	ctx := t.Context()
	sent := time.Date(2019, 8, 9, 7, 10, 41, 275e6, time.FixedZone("", -4*60*60))
	created, err := client.Messages.Create(ctx, growthgenius.MessageInput{
		ContactID: growthgenius.Set(growthgenius.ID("155715")), MessageType: growthgenius.Set("sales_force_message"),
		RenderedCopy: growthgenius.Set("Hey Louis,\n\nYou hate prospecting."), SentAt: growthgenius.Set(sent),
	})
	must(t, err)
	updated, err := client.Messages.Update(ctx, created.ID, growthgenius.MessageInput{RenderedSubject: growthgenius.Set("Hello")})
	must(t, err)
	if updated.RenderedSubject != "Hello" || !updated.SentAt.Equal(sent) {
		t.Errorf("updated: %+v", updated)
	}
	got, err := client.Messages.Get(ctx, created.ID)
	must(t, err)
	if got.ContactID != "155715" {
		t.Errorf("got: %+v", got)
	}
	list, err := client.Messages.List(ctx, growthgenius.ListOptions{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
	must(t, err)
	if len(list) != 1 || list[0].ID != created.ID {
		t.Errorf("list: %+v", list)
	}
	must(t, client.Messages.Delete(ctx, created.ID))
}

func driveLookups(t *testing.T, client *growthgenius.Client) {
	t.Helper()
	ctx := t.Context()
	company, err := client.Enrichment.Company(ctx, "tesla.com")
	must(t, err)
	if company.Name != "Tesla" || company.Website != "tesla.com" {
		t.Errorf("company: %+v", company)
	}
	person, err := client.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "elon@tesla.com"})
	must(t, err)
	byName, err := client.Enrichment.Person(ctx, growthgenius.PersonQuery{
		FirstName: "Elon", LastName: "Musk", AccountName: "Tesla", WebsiteURL: "http://www.tesla.com",
	})
	must(t, err)
	if person.ID == "" || person.ID != byName.ID {
		t.Errorf("people: %+v and %+v", person, byName)
	}
	if _, err := client.Enrichment.Company(ctx, "example.com"); !errors.Is(err, growthgenius.ErrNotFound) {
		t.Errorf("an unknown company: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheValidatorCatches checks that the validator finds errors. Otherwise
// TestConformance would prove nothing.
func TestTheValidatorCatches(t *testing.T) {
	t.Parallel()
	const key = "the-key"
	for name, c := range map[string]struct {
		method, path, body, key string
		fault                   growthgeniustest.Fault
	}{
		"no user_id":       {method: "GET", path: "/contacts/7"},
		"no key":           {method: "GET", path: "/users", key: "-"},
		"a scheme":         {method: "GET", path: "/users", key: "Bearer " + key},
		"unknown path":     {method: "GET", path: "/prospects?user_id=1"},
		"unknown method":   {method: "PUT", path: "/contacts/7?user_id=1", body: `{"contact":{"city":"Rome"}}`},
		"unknown query":    {method: "GET", path: "/contacts/7?user_id=1&api_key=x"},
		"no bounds":        {method: "GET", path: "/contacts?user_id=1"},
		"odd bound":        {method: "GET", path: "/contacts?user_id=1&from=today&to=2021-01-01T00:00:00Z"},
		"no envelope":      {method: "POST", path: "/contacts?user_id=1", body: `{"city":"Rome"}`},
		"misspelled field": {method: "POST", path: "/contacts?user_id=1", body: `{"contact":{"fist_name":"Elon"}}`},
		"odd type":         {method: "PATCH", path: "/contacts/7?user_id=1", body: `{"contact":{"city":5}}`},
		"key in the body":  {method: "POST", path: "/contacts/search?user_id=1", body: `{"api_key":"x"}`},
		"empty input":      {method: "PATCH", path: "/messages/7?user_id=1", body: `{"message":{}}`},
		"body on a get":    {method: "GET", path: "/contacts/7?user_id=1", body: `{"contact":{"city":"Rome"}}`},
		"an HTML page":     {method: "GET", path: "/contacts/7?user_id=1", fault: growthgeniustest.Fault{Effect: growthgeniustest.HTMLPage}},
		"odd response":     {method: "GET", path: "/contacts/7?user_id=1", fault: growthgeniustest.Fault{Status: 200, Body: `{"contact":{"id":7,"city":5}}`}},
		"empty response":   {method: "GET", path: "/contacts/7?user_id=1", fault: growthgeniustest.Fault{Status: 200, Body: `{}`}},
		"odd error":        {method: "GET", path: "/contacts/7?user_id=1", fault: growthgeniustest.Fault{Status: 500, Body: `{"oops":1}`}},
		"error as success": {method: "GET", path: "/companies/find?user_id=1&domain=tesla.com", fault: growthgeniustest.Fault{Status: 200, Body: `{"error":"no"}`}},
		"unknown status":   {method: "GET", path: "/contacts/7?user_id=1", fault: growthgeniustest.Fault{Status: 201, Body: `{"contact":{"id":7}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := growthgeniustest.NewServer(t, growthgeniustest.WithAPIKey(key))
			srv.AddContacts(growthgenius.Contact{ID: "7"})
			v := newValidator(t, srv)
			if c.fault.Status != 0 || c.fault.Effect != growthgeniustest.Respond {
				srv.Inject(c.fault)
			}
			req, err := http.NewRequestWithContext(t.Context(), c.method, srv.URL()+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			switch c.key {
			case "":
				req.Header.Set("Authorization", key)
			case "-":
			default:
				req.Header.Set("Authorization", c.key)
			}
			if c.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			res, err := v.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if len(v.violations) == 0 {
				t.Error("no violation was found")
			}
		})
	}
}
