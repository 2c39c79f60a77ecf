// Otel makes an OpenTelemetry span of every request that a client sends, retries
// included, and keeps to itself what a span should not tell: the query with its user_id
// and e-mail addresses, ids, and whatever an error quotes.
//
// It talks to a server in memory, over real HTTP. With GROWTHGENIUS_API_KEY set it talks
// to the real API, and only reads.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// newHTTPClient returns the HTTP client to give to [growthgenius.WithHTTPClient].
func newHTTPClient(provider trace.TracerProvider) *http.Client {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = 64 // net/http keeps two, too few for a busy program
	return &http.Client{Transport: otelhttp.NewTransport(discreet{base},
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			route, _ := growthgenius.RouteFromContext(r.Context())
			return r.Method + " " + route
		}),
		// The API is somebody else's: trace ids and baggage stay here.
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
	)}
}

// discreet sends requests for otelhttp and corrects what that writes into their spans.
type discreet struct{ base http.RoundTripper }

func (d discreet) RoundTrip(r *http.Request) (*http.Response, error) {
	route, _ := growthgenius.RouteFromContext(r.Context())
	span := trace.SpanFromContext(r.Context())
	span.SetAttributes(
		semconv.HTTPRoute(route),
		semconv.URLTemplate(route),
		semconv.URLFull(withoutSecrets(r.URL, route)), // otelhttp's has the query
	)
	res, err := d.base.RoundTrip(r)
	if err != nil {
		// An ended span takes no more: otelhttp would add the text of the error, which
		// may quote the request. The SDK's own error and log have it without the key.
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, "no answer")
		span.End()
	}
	return res, err
}

// withoutSecrets is the URL of a request with the template of its route for a path.
func withoutSecrets(u *url.URL, route string) string {
	path := u.EscapedPath()
	prefix := path[:max(0, strings.LastIndex(path, strings.TrimSuffix(route, "{id}")))]
	return u.Scheme + "://" + u.Host + prefix + route
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "otel:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	// A program has WithBatcher and an exporter of OTLP here.
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer{out}))
	defer func() { err = errors.Join(err, provider.Shutdown(context.WithoutCancel(ctx))) }()
	traced := growthgenius.WithHTTPClient(newHTTPClient(provider))

	var client *growthgenius.Client
	if os.Getenv("GROWTHGENIUS_API_KEY") != "" {
		if client, err = growthgenius.NewClientFromEnv(traced); err != nil {
			return err
		}
	} else {
		server, err := growthgeniustest.Start()
		if err != nil {
			return err
		}
		defer server.Close()
		server.AddContacts(growthgenius.Contact{FullName: "Quinn Starter", Email: "quinn@example.com"})
		server.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteContact, Status: http.StatusServiceUnavailable, Times: 1})
		client = server.Client(traced)
		fmt.Fprint(out, "GROWTHGENIUS_API_KEY is not set: this is a server in memory.\n\n")
	}

	// The context carries the span that those of the requests belong to.
	ctx, span := provider.Tracer("otel").Start(ctx, "read contacts")
	defer span.End()
	return readContacts(ctx, client)
}

// readContacts reads again, one by one, what was updated within a day.
func readContacts(ctx context.Context, client *growthgenius.Client) error {
	users, err := client.Users.List(ctx)
	if err != nil {
		return err
	}
	if len(users) == 0 {
		return errors.New("no user of the team has enabled integrations")
	}
	if os.Getenv("GROWTHGENIUS_USER_ID") == "" {
		client = client.ForUser(users[0].ID)
	}
	contacts, err := client.Contacts.List(ctx, growthgenius.ListOptions{From: time.Now().Add(-24 * time.Hour)})
	if err != nil {
		return err
	}
	for _, contact := range contacts[:min(len(contacts), 3)] {
		if _, err := client.Contacts.Get(ctx, contact.ID); err != nil {
			return err
		}
	}
	return nil
}

// printer is an exporter that writes a line for each span.
type printer struct{ out io.Writer }

func (p printer) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, span := range spans {
		var status attribute.Value
		for _, a := range span.Attributes() {
			if a.Key == semconv.HTTPResponseStatusCodeKey {
				status = a.Value
			}
		}
		if _, err := fmt.Fprintf(p.out, "%-24s %s %s\n", span.Name(), status, span.Status().Code); err != nil {
			return err
		}
	}
	return nil
}

func (printer) Shutdown(context.Context) error { return nil }
