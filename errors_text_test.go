package growthgenius_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// errorText is one line of testdata/golden/errors.txt.
type errorText struct {
	name string
	err  error
}

// TestErrorTexts compares the texts of the errors that a new user meets with a golden file:
// what was wrong, which record, how many attempts, what to do.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, group := range []struct {
		name string
		run  func(t *testing.T) []errorText
	}{
		{"options", optionErrors}, {"arguments", argumentErrors}, {"statuses", statusErrors},
		{"bodies", bodyErrors}, {"waits", waitErrors}, {"transports", transportErrors},
		{"creates", createErrors}, {"lists", listErrors},
	} {
		fmt.Fprintf(&got, "# %s\n", group.name)
		synctest.Test(t, func(t *testing.T) {
			for _, e := range group.run(t) {
				text := "no error"
				if e.err != nil {
					text = e.err.Error()
				}
				fmt.Fprintf(&got, "%s: %s\n", e.name, text)
				checkErrorText(t, e.name, text)
			}
		})
		got.WriteString("\n")
	}
	golden(t, "errors", got.String())
}

var emailAddress = regexp.MustCompile(`[\w.]+@example`)

// checkErrorText holds a text to what is true of all of them.
func checkErrorText(t *testing.T, name, text string) {
	t.Helper()
	if strings.Count(text, "growthgenius: ") > 1 || strings.Contains(text, "user_id=") || strings.Contains(text, testkit.Key) || emailAddress.MatchString(text) {
		t.Errorf("%s: %s", name, text)
	}
	if strings.Contains(text, "outcome unknown") && !strings.Contains(text, "s.Resolve with the Token") && !strings.Contains(text, "check that before") {
		t.Errorf("%s does not say what to do: %s", name, text)
	}
}

// always responds to each request in the same way.
func always(status int, body string, headers ...string) *testkit.Script {
	return &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(status, body, headers...), nil }}
}

// failing fails each request.
func failing(err error) *testkit.Script {
	return &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return nil, err }}
}

// get returns the error of a Get whose requests are answered by a script.
func get(t *testing.T, s *testkit.Script, opts ...growthgenius.Option) error {
	t.Helper()
	return testkit.Err(testkit.Scripted(t, s, opts...).Contacts.Get(t.Context(), "1102755"))
}

// retrying has waits that are not random: there are none.
var retrying = growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: 1, MaxBackoff: 1})

func optionErrors(*testing.T) []errorText {
	with := func(key string, opts ...growthgenius.Option) error {
		return testkit.Err(growthgenius.NewClient(key, opts...))
	}
	return []errorText{
		{"empty key", with("")},
		{"key with a newline", with("key\n")},
		{"plain http", with("key", growthgenius.WithBaseURL("http://api.example.com"))},
		{"rate limit", with("key", growthgenius.WithRateLimit(0, 0))},
		{"marker field", with("key", growthgenius.WithMarkerField("marker"))},
		{"attempt timeout", with("key", growthgenius.WithAttemptTimeout(0))},
	}
}

func argumentErrors(t *testing.T) []errorText {
	ctx, c := t.Context(), testkit.Unused(t)
	nobody, err := growthgenius.NewClient("key")
	if err != nil {
		t.Fatal(err)
	}
	var out int
	return []errorText{
		{"no acting user", testkit.Err(nobody.Contacts.Get(ctx, "1"))},
		{"empty id", testkit.Err(c.Contacts.Get(ctx, ""))},
		{"nothing set", testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{}))},
		{"field in Extra", testkit.Err(c.Contacts.Update(ctx, "7", growthgenius.ContactInput{Extra: map[string]any{"email": "x"}}))},
		{"header", testkit.Err(c.Contacts.Get(ctx, "7", growthgenius.WithHeader("Idempotency-Key", "x")))},
		{"header name", testkit.Err(c.Contacts.Get(ctx, "7", growthgenius.WithHeader("a b", "x")))},
		{"domain", testkit.Err(c.Enrichment.Company(ctx, "not a domain"))},
		{"person", testkit.Err(c.Enrichment.Person(ctx, growthgenius.PersonQuery{FirstName: "Elon"}))},
		{"e-mail", testkit.Err(c.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "elon"}))},
		{"period", testkit.Err(c.Contacts.List(ctx, growthgenius.ListOptions{From: time.Unix(9, 0).UTC(), To: time.Unix(1, 0).UTC()}))},
		{"upsert without an address", testkit.Err(c.Contacts.Upsert(ctx, growthgenius.ContactInput{FirstName: growthgenius.Set("Ada")}))},
		{"method", c.Do(ctx, "GE T", "/x", nil, nil, nil)},
		{"path", c.Do(ctx, "GET", "x", nil, nil, nil)},
		{"out", c.Do(ctx, "GET", "/x", nil, nil, out)},
		{"empty token", testkit.Err(c.Contacts.Resolve(ctx, growthgenius.CreateToken{}))},
	}
}

func statusErrors(t *testing.T) []errorText {
	company := func(s *testkit.Script) error {
		return testkit.Err(testkit.Scripted(t, s).Enrichment.Company(t.Context(), "tesla.com"))
	}
	return []errorText{
		{"401", get(t, always(401, `{"error":"invalid API key"}`, "X-Request-Id", "req-1"))},
		{"404", get(t, always(404, `{"error":"contact not found"}`))},
		{"422", testkit.Err(testkit.Scripted(t, always(422, `{"errors":{"email":["is invalid"],"first_name":["can't be blank"]}}`)).
			Contacts.Update(t.Context(), "7", growthgenius.ContactInput{Email: growthgenius.Set("x")}))},
		{"403, said once", get(t, always(403, "Forbidden"))},
		{"302, said once", get(t, always(302, `<a href="/login">Found</a>.`, "Location", "https://login.example.com/x?y"))},
		{"429 after retries", get(t, always(429, `{"error":"Too Many Requests"}`, "Retry-After", "2"), retrying)},
		{"503 after retries", get(t, always(503, "Service Unavailable", "Retry-After", "1"), retrying)},
		{"429 for an hour", get(t, always(429, "", "Retry-After", "3600"), retrying)},
		{"202", company(always(202, ""))},
		{"404 of a lookup", company(always(404, `{"error":"nobody found"}`))},
	}
}

func bodyErrors(t *testing.T) []errorText {
	cut := testkit.Bodies(func(int, *http.Request) io.Reader {
		return io.MultiReader(strings.NewReader(`{"contact":{"id":1102755,`), errorReader{io.ErrUnexpectedEOF})
	})
	return []errorText{
		{"HTML", get(t, always(200, "<!DOCTYPE html><title>Log in</title>"))},
		{"empty", get(t, always(200, ""))},
		{"an error at 200", get(t, always(200, `{"error":"maintenance"}`))},
		{"another record", get(t, always(200, `{"contact":{"id":5,"email":"x"}}`))},
		{"cut short", get(t, cut, retrying)},
		{"too large", get(t, always(200, `{"contact":{"id":1102755,"name":"a long one"}}`), growthgenius.WithMaxResponseBytes(10))},
		{"unknown field, strict", get(t, always(200, `{"contact":{"id":1102755,"shoe_size":5}}`), growthgenius.WithStrictDecoding())},
	}
}

// errorReader fails.
type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// never is an API that does not respond.
func never() *testkit.Script {
	return &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}}
}

func waitErrors(t *testing.T) []errorText {
	until := func(s *testkit.Script, d time.Duration, opts ...growthgenius.Option) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return testkit.Err(testkit.Scripted(t, s, opts...).Contacts.Get(ctx, "1102755"))
	}
	slow := rate.NewLimiter(rate.Every(time.Hour), 1)
	slow.Allow()
	paused := testkit.Scripted(t, always(429, "", "Retry-After", "30"), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
	_, _ = paused.Contacts.Get(t.Context(), "1")
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return []errorText{
		{"attempt timeout", get(t, never(), retrying, growthgenius.WithAttemptTimeout(time.Second))},
		{"timeout of the HTTP client", testkit.Err(testkit.OneShot(t, growthgenius.WithHTTPClient(&http.Client{Transport: never(), Timeout: time.Second})).
			Contacts.Get(t.Context(), "1102755"))},
		{"deadline, no response", until(never(), 5*time.Second)},
		{"deadline, the limiter", until(always(200, ""), time.Minute, growthgenius.WithLimiter(slow))},
		{"deadline, a pause", testkit.Err(paused.Contacts.Get(short, "1102755"))},
		{"deadline, a retry", until(always(503, "", "Retry-After", "30"), 5*time.Second, retrying)},
	}
}

func transportErrors(t *testing.T) []errorText {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, Err: errors.New("connect: connection refused")}
	return []errorText{
		{"refused", get(t, failing(refused), retrying)},
		{"not TLS", get(t, failing(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), retrying)},
		{"no response and no error", get(t, failing(nil), retrying)},
	}
}

func createErrors(t *testing.T) []errorText {
	ctx := t.Context()
	steve := growthgenius.ContactInput{FirstName: growthgenius.Set("Steve"), LastName: growthgenius.Set("Jobs")}
	down := testkit.Scripted(t, always(500, `{"error":"oops"}`), retrying, growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
	empty := testkit.Scripted(t, &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return nil, io.ErrUnexpectedEOF
		}
		return testkit.Reply(200, `{"contacts":[],"messages":[]}`, "Date", time.Now().UTC().Format(http.TimeFormat)), nil
	}})
	lost := testkit.Err(empty.Contacts.Create(ctx, steve))
	var token growthgenius.CreateToken
	if unknown, ok := errors.AsType[*growthgenius.OutcomeUnknownError](lost); ok {
		token = unknown.Token
	}
	return []errorText{
		{"a contact, 500", testkit.Err(down.Contacts.Create(ctx, steve))},
		{"a message, 500", testkit.Err(down.Messages.Create(ctx, testkit.Louis))},
		{"a lost response", lost},
		{"absent", testkit.Err(empty.Contacts.Resolve(ctx, token))},
		{"a token of a contact, for messages", testkit.Err(empty.Messages.Resolve(ctx, token))},
		{"a list that cannot be read", testkit.Err(down.Contacts.Resolve(ctx, token))},
		{"Client.Do", down.Do(ctx, "POST", "/discovery", nil, steve, nil)},
		{"BeforeCreate", testkit.Err(down.Contacts.Create(ctx, steve, growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { return errors.New("disk full") })))},
	}
}

func listErrors(t *testing.T) []errorText {
	ctx := t.Context()
	page := always(200, `{"contacts":[{"contact":{"id":1}},{"contact":{"id":2}}],"partial_results_only":true,"partial_results_limit":2,"pagination":{"page":1,"per_page":2,"total_entries":3,"total_pages":2}}`)
	var search, changes error
	for _, err := range testkit.Scripted(t, page).Contacts.SearchAll(ctx, growthgenius.SearchOptions{}) {
		search = err
	}
	large := always(200, `{"contacts":[{"id":1},{"id":2}]}`, "Date", time.Now().UTC().Format(http.TimeFormat))
	for _, err := range testkit.Scripted(t, large, growthgenius.WithMaxResponseBytes(8)).Contacts.Changes(growthgenius.ChangeOptions{
		Since: time.Now().UTC().Add(-time.Hour), Until: time.Now().UTC().Add(-time.Hour + time.Second),
	}).Windows(ctx) {
		changes = err
	}
	matches := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return testkit.Reply(200, `{"contacts":[{"contact":{"id":8}},{"contact":{"id":7}}],"pagination":{"page":1,"per_page":25,"total_entries":2,"total_pages":1}}`), nil
		}
		id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		return testkit.Reply(200, `{"contact":{"id":`+id+`,"email":"ada@example.com","created_at":"2020-01-0`+id+`T00:00:00Z"}}`), nil
	}}
	return []errorText{
		{"partial search", search},
		{"partial list", testkit.Err(testkit.Scripted(t, always(200, `{"contacts":[{"id":1}],"pagination":{"total_entries":3}}`)).Contacts.List(ctx, growthgenius.ListOptions{}))},
		{"smallest window", changes},
		{"several matches", testkit.Err(testkit.Scripted(t, matches).Contacts.Upsert(ctx, growthgenius.ContactInput{Email: growthgenius.Set("ada@example.com")}))},
	}
}
