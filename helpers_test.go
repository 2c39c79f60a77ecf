package growthgenius

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jarcoal/httpmock"
)

// testKey has every character that some encoding escapes.
const testKey = `gg/SECRET+key&<5>"%41'\=end`

// mockAPI answers a client without a network. What it was sent stays in requests; an
// answer nobody asked for fails the test, and so does a request nobody prepared.
type mockAPI struct {
	t         testing.TB
	transport *httpmock.MockTransport

	mu       sync.Mutex
	requests []sentRequest
}

type sentRequest struct {
	Method string
	URL    string // as sent: escaped path and raw query, after the base URL
	Header http.Header
	Body   string
}

// String is the request as golden files hold it.
func (r sentRequest) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
	if r.Body != "" {
		b.WriteString("\n" + r.Body + "\n")
	}
	return b.String()
}

func newMockAPI(t testing.TB) *mockAPI {
	t.Helper()
	m := &mockAPI{t: t, transport: httpmock.NewMockTransport()}
	m.transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		return nil, errors.New("unexpected request")
	})
	t.Cleanup(func() {
		for route, calls := range m.transport.GetCallCountInfo() {
			if calls == 0 && route != "NO_RESPONDER" {
				t.Errorf("nobody called %s", route)
			}
		}
	})
	return m
}

// on prepares the answer to a method and a path, whatever the query.
func (m *mockAPI) on(method, path string, status int, body string) *mockAPI {
	return m.onFunc(method, path, func(*http.Request) (*http.Response, error) {
		return httpmock.NewStringResponse(status, body), nil
	})
}

func (m *mockAPI) onFunc(method, path string, answer httpmock.Responder) *mockAPI {
	m.transport.RegisterResponder(method, DefaultBaseURL+path, func(r *http.Request) (*http.Response, error) {
		sent := sentRequest{Method: r.Method, URL: r.URL.RequestURI(), Header: r.Header.Clone()}
		if r.Body != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				m.t.Error(err)
			}
			sent.Body = string(body)
		}
		m.mu.Lock()
		m.requests = append(m.requests, sent)
		m.mu.Unlock()
		return answer(r)
	})
	return m
}

// client acts as user 1, does not try again, and is authorised by testKey.
func (m *mockAPI) client(opts ...Option) *Client {
	m.t.Helper()
	return newTestClient(m.t, append([]Option{WithHTTPClient(&http.Client{Transport: m.transport})}, opts...)...)
}

func newTestClient(t testing.TB, opts ...Option) *Client {
	t.Helper()
	base := []Option{WithUserID("1"), WithRetry(RetryPolicy{MaxAttempts: 1}), WithReadBack(ReadBackPolicy{Disabled: true})}
	c, err := NewClient(testKey, slices.Concat(base, opts, []Option{Censored})...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// unused is a client of a transport that fails the test.
func unused(t *testing.T, opts ...Option) *Client {
	t.Helper()
	return newMockAPI(t).client(opts...)
}

// call is one method of the API, for tests that hold for all of them.
type call struct {
	name, method, path, route string
	creates                   bool
	do                        func(context.Context, *Client, ...RequestOption) (any, error)
}

// apiCalls are all calls whose answer is decoded.
var apiCalls = []call{
	{"Users.List", "GET", "/users", "/users", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Users.List(ctx, o...)
	}},
	{"Contacts.Create", "POST", "/contacts", "/contacts", true, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Contacts.Create(ctx, ContactInput{Email: Set("sjobs@apple.com")}, o...)
	}},
	{"Contacts.Get", "GET", "/contacts/1102755", "/contacts/{id}", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Contacts.Get(ctx, "1102755", o...)
	}},
	{"Contacts.Update", "PATCH", "/contacts/1102755", "/contacts/{id}", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Contacts.Update(ctx, "1102755", ContactInput{Title: Set("CEO")}, o...)
	}},
	{"Contacts.List", "GET", "/contacts", "/contacts", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Contacts.List(ctx, ListOptions{}, o...)
	}},
	{"Contacts.Search", "POST", "/contacts/search", "/contacts/search", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Contacts.Search(ctx, SearchOptions{Keywords: "Elon"}, o...)
	}},
	{"Messages.Create", "POST", "/messages", "/messages", true, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Messages.Create(ctx, MessageInput{ContactID: Set(ID("155715"))}, o...)
	}},
	{"Messages.Get", "GET", "/messages/393642", "/messages/{id}", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Messages.Get(ctx, "393642", o...)
	}},
	{"Messages.Update", "PATCH", "/messages/393642", "/messages/{id}", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Messages.Update(ctx, "393642", MessageInput{MessageType: Set("call")}, o...)
	}},
	{"Messages.List", "GET", "/messages", "/messages", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Messages.List(ctx, ListOptions{}, o...)
	}},
	{"Enrichment.Company", "GET", "/companies/find", "/companies/find", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Enrichment.Company(ctx, "tesla.com", o...)
	}},
	{"Enrichment.Person", "GET", "/people/find", "/people/find", false, func(ctx context.Context, c *Client, o ...RequestOption) (any, error) {
		return c.Enrichment.Person(ctx, PersonQuery{Email: "elon@tesla.com"}, o...)
	}},
}

// reads are the calls of apiCalls that create nothing.
func reads() []call {
	return slices.DeleteFunc(slices.Clone(apiCalls), func(c call) bool { return c.creates })
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inside is the record of an enveloped sample.
func inside(t testing.TB, name, envelope string) []byte {
	t.Helper()
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(sample(t, name), &doc); err != nil {
		t.Fatal(err)
	}
	return doc[envelope]
}

// logs is a logger that keeps its records as JSON lines.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// warnings are the messages logged as warnings, in order.
func (l *logs) warnings(t testing.TB) []string {
	t.Helper()
	var found []string
	for line := range strings.Lines(l.String()) {
		var rec struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Level == "WARN" {
			found = append(found, strings.TrimPrefix(rec.Msg, "growthgenius: "))
		}
	}
	return found
}

func ptr[T any](v T) *T { return &v }

// mustJSON encodes v or fails the test.
func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustDecode[T any](t testing.TB, data string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%T from %.200s: %v", v, data, err)
	}
	return v
}
