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
	"sync"
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
	t.Setenv("GROWTHGENIUS_API_KEY", "")
	var got strings.Builder
	for _, group := range []struct {
		name string
		run  func(t *testing.T) []errorText
	}{
		{"options", optionErrors}, {"arguments", argumentErrors}, {"statuses", statusErrors},
		{"bodies", bodyErrors}, {"waits", waitErrors}, {"sharing", sharingErrors}, {"transports", transportErrors},
		{"creates", createErrors}, {"resolving", resolveErrors}, {"keys", keyErrors}, {"updates", updateErrors}, {"lists", listErrors},
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
	for line := range strings.Lines(readPage(t, "docs/errors.md")) {
		if strings.HasPrefix(line, "growthgenius: ") && !strings.Contains(got.String(), ": "+line) {
			t.Errorf("no error is as docs/errors.md has it: %s", line)
		}
	}
}

// private is what no text may have: an e-mail address, except for those of the hints, and a
// query.
var private = regexp.MustCompile(`\w(@|%40)(example|apple)|[?&]\w+=`)

// checkErrorText holds a text to what is true of all of them.
func checkErrorText(t *testing.T, name, text string) {
	t.Helper()
	testkit.NoSecret(t, name, text)
	if found := private.FindString(text); found != "" {
		t.Errorf("%s has %q: %s", name, found, text)
	}
	if !strings.HasPrefix(text, "growthgenius: ") || strings.Count(text, "growthgenius: ") > 1 {
		t.Errorf("%s does not have the prefix once: %s", name, text)
	}
	for status := range 600 {
		if words := http.StatusText(status); words != "" && strings.Count(text, words) > 1 {
			t.Errorf("%s says %q twice: %s", name, words, text)
		}
	}
	if strings.Contains(text, "outcome unknown") && !strings.Contains(text, "s.Resolve with the Token") && !strings.Contains(text, "again with the same key") && !strings.Contains(text, "check that before") {
		t.Errorf("%s does not say what to do: %s", name, text)
	}
}

// always responds to each request in the same way.
func always(status int, body string, headers ...string) *testkit.Script {
	return &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(status, body, headers...), nil }}
}

// failing fails each request, after a while.
func failing(err error) *testkit.Script {
	return &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
		time.Sleep(250 * time.Millisecond)
		return nil, err
	}}
}

// lossy loses the responses to creates, and responds to all other requests in the same way.
func lossy(status int, body string, headers ...string) *testkit.Script {
	return &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return nil, io.ErrUnexpectedEOF
		}
		return testkit.Reply(status, body, headers...), nil
	}}
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
		{"key with a blank", with("my key")},
		{"environment", testkit.Err(growthgenius.NewClientFromEnv())},
		{"base URL", with("key", growthgenius.WithBaseURL("api.example.com"))},
		{"plain http", with("key", growthgenius.WithBaseURL("http://api.example.com"))},
		{"rate limit", with("key", growthgenius.WithRateLimit(0, 0))},
		{"marker field", with("key", growthgenius.WithMarkerField("marker"))},
		{"user", with("key", growthgenius.WithUserID(" 7"))},
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
	var token growthgenius.CreateToken
	_, number := growthgenius.ID("abc").Int64()
	marked := testkit.Scripted(t, always(200, ""), growthgenius.WithMarkerField("custom9"))
	return []errorText{
		{"no acting user", testkit.Err(nobody.Contacts.Get(ctx, "1"))},
		{"empty id", testkit.Err(c.Contacts.Get(ctx, ""))},
		{"nothing set", testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{}))},
		{"field in Extra", testkit.Err(c.Contacts.Update(ctx, "7", growthgenius.ContactInput{Extra: map[string]any{"email": "x"}}))},
		{"Once of an upsert", testkit.Err(c.Contacts.Upsert(ctx, growthgenius.ContactInput{Email: growthgenius.Set("ada@b.c")}, growthgenius.Once("7")))},
		{"marker field, set", testkit.Err(marked.Contacts.Create(ctx, growthgenius.ContactInput{Custom9: growthgenius.Set("x")}))},
		{"header", testkit.Err(c.Contacts.Get(ctx, "7", growthgenius.WithHeader("Idempotency-Key", "x")))},
		{"header name", testkit.Err(c.Contacts.Get(ctx, "7", growthgenius.WithHeader("a b", "x")))},
		{"domain", testkit.Err(c.Enrichment.Company(ctx, "not a domain"))},
		{"address as a domain", testkit.Err(c.Enrichment.Company(ctx, "ada@example.com"))},
		{"person", testkit.Err(c.Enrichment.Person(ctx, growthgenius.PersonQuery{FirstName: "Elon"}))},
		{"e-mail", testkit.Err(c.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "elon"}))},
		{"period", testkit.Err(c.Contacts.List(ctx, growthgenius.ListOptions{From: time.Unix(9, 0).UTC(), To: time.Unix(1, 0).UTC()}))},
		{"upsert without an address", testkit.Err(c.Contacts.Upsert(ctx, growthgenius.ContactInput{FirstName: growthgenius.Set("Ada")}))},
		{"upsert of a placeholder", testkit.Err(c.Contacts.Upsert(ctx, growthgenius.ContactInput{Email: growthgenius.Set("n/a")}))},
		{"upsert by name", testkit.Err(c.Contacts.Upsert(ctx, growthgenius.ContactInput{FirstName: growthgenius.Set("Ada")}, growthgenius.MatchNameAndCompany()))},
		{"method", c.Do(ctx, "GE T", "/x", nil, nil, nil)},
		{"path", c.Do(ctx, "GET", "x", nil, nil, nil)},
		{"out", c.Do(ctx, "GET", "/x", nil, nil, out)},
		{"number", number},
		{"empty token", testkit.Err(c.Contacts.Resolve(ctx, token))},
		{"token that is none", token.UnmarshalJSON([]byte(`{"v":1}`))},
	}
}

func statusErrors(t *testing.T) []errorText {
	company := func(s *testkit.Script) error {
		return testkit.Err(testkit.Scripted(t, s).Enrichment.Company(t.Context(), "tesla.com"))
	}
	var spent error
	down := testkit.Scripted(t, always(503, "", "Retry-After", "1"))
	for spent == nil || !strings.Contains(spent.Error(), "not tried again") {
		spent = testkit.Err(down.Contacts.Get(t.Context(), "1102755"))
	}
	return []errorText{
		{"401", get(t, always(401, `{"error":"invalid API key"}`, "X-Request-Id", "req-1"))},
		{"401 with the key", get(t, always(401, `{"error":"invalid key `+testkit.Secret+`"}`))},
		{"404", get(t, always(404, `{"error":"contact not found"}`))},
		{"404 of a gateway", get(t, always(404, "no route", "Content-Type", "text/plain"))},
		{"422", testkit.Err(testkit.Scripted(t, always(422, `{"errors":{"email":["is invalid"],"first_name":["can't be blank"]}}`)).
			Contacts.Update(t.Context(), "7", growthgenius.ContactInput{Email: growthgenius.Set("x")}))},
		{"407", get(t, always(407, ""))},
		{"403, said once", get(t, always(403, "Forbidden"))},
		{"403 with a code", get(t, always(403, `{"code":"E7","message":"not your contact"}`))},
		{"499", get(t, always(499, ""))},
		{"302, said once", get(t, always(302, `<a href="/login">Found</a>.`, "Location", "https://login.example.com/x?y"))},
		{"429 after retries", get(t, always(429, `{"error":"Too Many Requests"}`, "Retry-After", "2"), retrying)},
		{"503 after retries", get(t, always(503, "Service Unavailable", "Retry-After", "1"), retrying)},
		{"503 of too many calls", spent},
		{"429 for an hour", get(t, always(429, "", "Retry-After", "3600"), retrying)},
		{"202", company(always(202, ""))},
		{"404 of a lookup", company(always(404, `{"error":"nobody found"}`))},
		{"404 of a person", testkit.Err(testkit.Scripted(t, always(404, `{"error":"nobody found"}`)).Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "ada@example.com"}))},
	}
}

func bodyErrors(t *testing.T) []errorText {
	cut := testkit.Bodies(func(int, *http.Request) io.Reader {
		time.Sleep(250 * time.Millisecond)
		return io.MultiReader(strings.NewReader(`{"contact":{"id":1102755,`), errorReader{io.ErrUnexpectedEOF})
	})
	busy := &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
		if n < 3 {
			return testkit.Reply(503, "", "Retry-After", "1"), nil
		}
		return testkit.Reply(200, "OK", "X-Request-Id", "req-3"), nil
	}}
	var invalid, stream, large error
	list := testkit.Bodies(func(int, *http.Request) io.Reader {
		return io.MultiReader(strings.NewReader(`{"contacts":[{"id":1},{"id":2,"name":"a long one"`), errorReader{io.ErrUnexpectedEOF})
	})
	for _, err := range testkit.Scripted(t, testkit.Text(`{"contacts":[{"id":1},{"id":2,"email":"ada@example.com"`)).Contacts.Stream(t.Context(), testkit.Everything) {
		invalid = err
	}
	for _, err := range testkit.Scripted(t, list).Contacts.Stream(t.Context(), testkit.Everything) {
		stream = err
	}
	for _, err := range testkit.Scripted(t, list, growthgenius.WithMaxResponseBytes(10)).Contacts.Stream(t.Context(), testkit.Everything) {
		large = err
	}
	return []errorText{
		{"HTML", get(t, always(200, "<!DOCTYPE html><title>Log in</title>"), retrying)},
		{"empty", get(t, always(200, ""), retrying)},
		{"not JSON, after retries", get(t, busy)},
		{"an error at 200", get(t, always(200, `{"error":"maintenance"}`))},
		{"another record", get(t, always(200, `{"contact":{"id":5,"email":"x"}}`))},
		{"cut short", get(t, cut, retrying)},
		{"too large", get(t, always(200, `{"contact":{"id":1102755,"name":"a long one"}}`), growthgenius.WithMaxResponseBytes(10))},
		{"cut short, a stream", stream},
		{"not JSON, a stream", invalid},
		{"too large, a record of a stream", large},
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

// in makes a call whose context ends after a time.
func in(ctx context.Context, d time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return call(ctx)
}

func waitErrors(t *testing.T) []errorText {
	within := func(c *growthgenius.Client, d time.Duration) error {
		return in(t.Context(), d, func(ctx context.Context) error { return testkit.Err(c.Contacts.Get(ctx, "1102755")) })
	}
	until := func(s *testkit.Script, d time.Duration, opts ...growthgenius.Option) error {
		return within(testkit.Scripted(t, s, opts...), d)
	}
	slow := rate.NewLimiter(rate.Every(time.Hour), 1)
	slow.Allow()
	throttled := &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
		if n == 1 {
			return testkit.Reply(429, "", "Retry-After", "30"), nil
		}
		return testkit.Reply(200, `{"contact":{"id":1102755}}`), nil
	}}
	c := testkit.Scripted(t, throttled, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
	_ = within(c, time.Minute)
	pause := within(c, time.Second)
	_ = within(c, time.Minute)
	canceled := func(c *growthgenius.Client) error {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		return testkit.Err(c.Contacts.Get(ctx, "1102755"))
	}
	return []errorText{
		{"deadline, a pause", pause},
		{"deadline, the default limiter", within(c, time.Millisecond)},
		{"deadline, a limiter", until(always(200, ""), time.Minute, growthgenius.WithLimiter(slow))},
		{"deadline, a limiter that does not notice", until(always(200, ""), 0, growthgenius.WithLimiter(limiter{}))},
		{"a limiter that fails", until(always(200, ""), time.Minute, growthgenius.WithLimiter(limiter{errors.New("redis: connection refused")}))},
		{"deadline, no response", until(never(), 5*time.Second)},
		{"deadline, a retry", until(always(503, "", "Retry-After", "30"), 5*time.Second, retrying)},
		{"canceled, a retry", canceled(testkit.Scripted(t, always(503, "", "Retry-After", "30")))},
		{"canceled, with a response", canceled(testkit.Scripted(t, &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return testkit.Reply(503, ""), nil
		}}))},
		{"attempt timeout", get(t, never(), retrying, growthgenius.WithAttemptTimeout(time.Second))},
		{"timeout of the HTTP client", testkit.Err(testkit.OneShot(t, growthgenius.WithHTTPClient(&http.Client{Transport: never(), Timeout: time.Second})).
			Contacts.Get(t.Context(), "1102755"))},
	}
}

// limiter does not wait.
type limiter struct{ err error }

func (l limiter) Wait(context.Context) error { return l.err }

// sharingErrors are those of calls that wait for another call.
func sharingErrors(t *testing.T) []errorText {
	c := testkit.Scripted(t, never(), growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(1)))
	while := func(call func(ctx context.Context) error) error { // the same call hangs
		hung, end := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = call(hung) })
		defer wg.Wait()
		defer end()
		synctest.Wait()
		return in(t.Context(), time.Second, call)
	}
	return []errorText{
		{"deadline, another upsert", while(func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Upsert(ctx, growthgenius.ContactInput{Email: growthgenius.Set("ada@example.com")}))
		})},
		{"deadline, a lookup", while(func(ctx context.Context) error {
			return testkit.Err(c.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "ada@example.com"}))
		})},
	}
}

var errRefused = &net.OpError{
	Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, Err: errors.New("connect: connection refused"),
}

func transportErrors(t *testing.T) []errorText {
	quoting := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("proxy: 407 for %s", r.URL)
	}}
	return []errorText{
		{"refused", get(t, failing(errRefused), retrying)},
		{"a proxy that asks for credentials", get(t, failing(errors.New("Proxy Authentication Required")), retrying)},
		{"not TLS", get(t, failing(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake", RecordHeader: [5]byte([]byte("HTTP/"))}), retrying)},
		{"no response and no error", get(t, failing(nil), retrying)},
		{"an error with the query", testkit.Err(testkit.Scripted(t, quoting, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1})).
			Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "ada@example.com"}))},
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
		{"partial list, by its flag", testkit.Err(testkit.Scripted(t, always(200, `{"contacts":[{"id":1}],"partial_results_only":true}`)).Contacts.List(ctx, growthgenius.ListOptions{}))},
		{"smallest window", changes},
		{"several matches", testkit.Err(testkit.Scripted(t, matches).Contacts.Upsert(ctx, growthgenius.ContactInput{Email: growthgenius.Set("ada@example.com")}))},
	}
}
