// Otel records an OpenTelemetry span for each request that a client sends, including
// retries. The spans contain no private data: not the query with its user_id and e-mail
// addresses, no ids, and no text of an error that may quote them.
//
// It uses a server in memory, over real HTTP. If GROWTHGENIUS_API_KEY is set, it uses the
// real API, and only reads.
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

// newHTTPClient returns an HTTP client for [growthgenius.WithHTTPClient].
func newHTTPClient(provider trace.TracerProvider) *http.Client {
	return &http.Client{Transport: otelhttp.NewTransport(discreet{growthgenius.DefaultTransport()},
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			route, _ := growthgenius.RouteFromContext(r.Context())
			return r.Method + " " + route
		}),
		// The API belongs to another company: do not send it trace ids and baggage.
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
	)}
}

// discreet sends requests for otelhttp and corrects the attributes that otelhttp sets.
type discreet struct{ base http.RoundTripper }

func (d discreet) RoundTrip(r *http.Request) (*http.Response, error) {
	route, _ := growthgenius.RouteFromContext(r.Context())
	span := trace.SpanFromContext(r.Context())
	span.SetAttributes(
		semconv.HTTPRoute(route),
		semconv.URLTemplate(route),
		semconv.URLFull(withoutSecrets(r.URL, route)), // otelhttp includes the query
	)
	res, err := d.base.RoundTrip(r)
	if err != nil {
		// End the span here, because otelhttp would add the text of the error, which may
		// quote the request. The SDK's own errors and logs contain it without the key.
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, "no response")
		span.End()
	}
	return res, err
}

// withoutSecrets returns the URL of a request with the template of its route as the path,
// and without the query.
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
	// A real program would use WithBatcher and an OTLP exporter here.
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

	// The context carries the parent of the spans of the requests.
	ctx, span := provider.Tracer("otel").Start(ctx, "read contacts")
	defer span.End()
	return readContacts(ctx, client)
}

// readContacts lists the contacts that were updated within a day, and gets some of them.
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

// printer is an exporter that prints a line for each span.
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
