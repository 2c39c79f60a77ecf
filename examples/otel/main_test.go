package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

const key = "gg-SECRET"

// TestMain runs the tests with propagation of traces turned on globally.
func TestMain(m *testing.M) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	os.Exit(m.Run())
}

// traced runs calls within a span and returns the spans of their requests.
func traced(t *testing.T, base string, calls func(context.Context, *growthgenius.Client)) []tracetest.SpanStub {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	hc := newHTTPClient(provider)
	t.Cleanup(hc.CloseIdleConnections)
	client, err := growthgenius.NewClient(key, growthgenius.WithBaseURL(base), growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(hc),
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 2, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, root := provider.Tracer("test").Start(t.Context(), "root")
	calls(ctx, client)
	spans := exporter.GetSpans()
	for _, span := range spans {
		if span.Parent.SpanID() != root.SpanContext().SpanID() || span.SpanKind != trace.SpanKindClient {
			t.Errorf("%s: a %s span with the parent %v, want a client span of the caller's span", span.Name, span.SpanKind, span.Parent)
		}
		checkPrivate(t, base, span)
	}
	return spans
}

// checkPrivate fails if any part of a span contains private data. An attribute with an
// unescaped question mark would be a URL with its query.
func checkPrivate(t *testing.T, base string, span tracetest.SpanStub) {
	t.Helper()
	texts := []string{span.Name, span.Status.Description}
	attributes := span.Attributes
	for _, event := range span.Events {
		texts = append(texts, event.Name)
		attributes = append(attributes, event.Attributes...)
	}
	for _, link := range span.Links {
		attributes = append(attributes, link.Attributes...)
	}
	for _, a := range attributes {
		texts = append(texts, fmt.Sprintf("%s=%s", a.Key, a.Value.String()))
	}
	for _, text := range texts {
		for _, private := range []string{key, "SECRET", "quinn", "@", "%40", "user_id", "?", "1102755"} {
			if strings.Contains(text, private) {
				t.Errorf("%s: %q contains %q", span.Name, text, private)
			}
		}
	}
	route := attr(span, "http.route")
	if want := base + route; attr(span, "url.full") != want || route == "" {
		t.Errorf("%s: url.full is %q, want %q", span.Name, attr(span, "url.full"), want)
	}
}

// attr returns an attribute of a span, "" if it is not set.
func attr(span tracetest.SpanStub, key attribute.Key) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestSpans(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithAPIKey(key))
	srv.Inject(
		growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContact, Status: 503, Times: 1},
		growthgeniustest.Fault{Route: growthgeniustest.RoutePerson, Status: 404, Body: `{"error":"nobody is quinn@example.com"}`},
		growthgeniustest.Fault{Route: growthgeniustest.RouteSearch, Status: 400, Body: `{"error":"the key gg-SECRET may not search"}`},
	)
	spans := traced(t, srv.URL(), func(ctx context.Context, client *growthgenius.Client) {
		in := growthgenius.ContactInput{Email: growthgenius.Set("quinn@example.com")}
		contact, err := client.Contacts.Create(ctx, in)
		if err != nil || contact.ID != "1102755" {
			t.Fatal(contact, err)
		}
		_, _ = client.Contacts.Get(ctx, contact.ID)
		_, _ = client.Contacts.Get(ctx, "quinn@example.com?")
		_, _ = client.Contacts.Update(ctx, contact.ID, in)
		_, _ = client.Contacts.Search(ctx, growthgenius.SearchOptions{Keywords: "quinn@example.com"})
		_, _ = client.Contacts.List(ctx, growthgenius.ListOptions{})
		_, _ = client.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "quinn@example.com"})
		_ = client.Contacts.Delete(ctx, contact.ID)
		_ = client.Do(ctx, "GET", "/prospects", url.Values{"email": {"quinn@example.com"}}, nil, nil)
	})
	want := []struct{ method, route, status string }{
		{"POST", "/contacts", "200"},
		{"GET", "/contacts/{id}", "503"},
		{"GET", "/contacts/{id}", "200"},
		{"GET", "/contacts/{id}", "404"},
		{"PATCH", "/contacts/{id}", "200"},
		{"POST", "/contacts/search", "400"},
		{"GET", "/contacts", "200"},
		{"GET", "/people/find", "404"},
		{"DELETE", "/contacts/{id}", "200"},
		{"GET", "/prospects", "404"},
	}
	if len(spans) != len(want) || len(srv.Requests()) != len(want) {
		t.Fatalf("%d spans of %d requests, want %d", len(spans), len(srv.Requests()), len(want))
	}
	for i, w := range want {
		span := spans[i]
		if span.Name != w.method+" "+w.route || attr(span, "http.route") != w.route || attr(span, "url.template") != w.route ||
			attr(span, "http.request.method") != w.method || attr(span, "http.response.status_code") != w.status {
			t.Errorf("got %s %v, want %v", span.Name, span.Attributes, w)
		}
		if failed := span.Status.Code == codes.Error; failed != (w.status >= "400") {
			t.Errorf("%s, %s: the span's status is %s", span.Name, w.status, span.Status.Code)
		}
		if sent := srv.Requests()[i].Header; sent.Get("Traceparent") != "" || sent.Get("Authorization") != key {
			t.Errorf("%s: sent %v", span.Name, sent)
		}
	}
}

// TestSpansWithoutAResponse checks that each attempt without a response has a span with an
// error, but without the text of the error.
func TestSpansWithoutAResponse(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	respondWith := func(respond func(net.Conn, *http.Request)) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			respond(conn, r)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	quoting := respondWith(func(conn net.Conn, r *http.Request) {
		fmt.Fprintf(conn, "HTTP/1.1 %s %s\r\n\r\n", r.Header.Get("Authorization"), r.URL.RequestURI())
	})
	cut := respondWith(func(conn net.Conn, _ *http.Request) {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
	})
	for name, test := range map[string]struct{ base, status, description string }{
		"refused": {closed.URL, "", "no response"},
		"quoting": {quoting, "", "no response"},
		"cut":     {cut, "200", "unexpected EOF"},
	} {
		spans := traced(t, test.base, func(ctx context.Context, client *growthgenius.Client) {
			if _, err := client.Contacts.Get(ctx, "1102755"); err == nil {
				t.Errorf("%s: no error", name)
			}
			// The SDK detects through the stack that nothing was sent, and retries.
			if name == "refused" {
				_, _ = client.Contacts.Create(ctx, growthgenius.ContactInput{Name: growthgenius.Set("quinn")})
			}
		})
		want := []string{"GET /contacts/{id}", "GET /contacts/{id}"}
		if name == "refused" {
			want = append(want, "POST /contacts", "POST /contacts")
		}
		if len(spans) != len(want) {
			t.Fatalf("%s: %d spans, want %d", name, len(spans), len(want))
		}
		for i, span := range spans {
			if span.Name != want[i] || span.Status.Code != codes.Error || span.Status.Description != test.description ||
				attr(span, "error.type") == "" || attr(span, "http.response.status_code") != test.status {
				t.Errorf("%s: %s, %+v, %v", name, span.Name, span.Status, span.Attributes)
			}
		}
	}
}

func TestRunInMemory(t *testing.T) {
	t.Setenv("GROWTHGENIUS_API_KEY", "")
	t.Setenv("GROWTHGENIUS_USER_ID", "")
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `GROWTHGENIUS_API_KEY is not set: this is a server in memory.

GET /users               200 Unset
GET /contacts            200 Unset
GET /contacts/{id}       503 Error
GET /contacts/{id}       200 Unset
read contacts             Unset
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestRunFromEnvironment(t *testing.T) {
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithAPIKey(key))
	srv.AddContacts(make([]growthgenius.Contact, 5)...)
	t.Setenv("GROWTHGENIUS_API_KEY", key)
	t.Setenv("GROWTHGENIUS_BASE_URL", srv.URL())
	t.Setenv("GROWTHGENIUS_USER_ID", "2")
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if n := len(srv.Requests()); n != 5 || strings.Count(out.String(), "\n") != n+1 {
		t.Errorf("%d requests:\n%s", n, out.String())
	}
	for _, sent := range srv.Requests() {
		if sent.Method != "GET" || sent.Route != growthgeniustest.RouteUsers && sent.Query[len(sent.Query)-len("user_id=2"):] != "user_id=2" {
			t.Errorf("sent %s %s?%s", sent.Method, sent.Path, sent.Query)
		}
	}
	srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteContacts, Status: 403})
	if err := run(t.Context(), &out); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v", err)
	}
}
