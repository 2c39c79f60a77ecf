// Otel prints the spans and metrics of OpenTelemetry that a client makes: a span for each call,
// in it one for each request, and how long all of them took. They contain no private data: not
// the query with its user_id and e-mail addresses, no ids, and no text of an error that may
// quote them.
//
// It uses a server in memory, over real HTTP. If GROWTHGENIUS_API_KEY is set, it uses the
// real API, and only reads.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniusotel"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

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
	// A real program would use WithBatcher, a PeriodicReader, and the exporters of OTLP here.
	reader := sdkmetric.NewManualReader()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer{out}))
	defer func() { err = errors.Join(err, traces.Shutdown(context.WithoutCancel(ctx))) }()
	observed := growthgenius.WithObserver(growthgeniusotel.NewObserver(growthgeniusotel.Config{
		TracerProvider: traces, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	}))

	var client *growthgenius.Client
	if os.Getenv("GROWTHGENIUS_API_KEY") != "" {
		if client, err = growthgenius.NewClientFromEnv(observed); err != nil {
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
		client = server.Client(observed)
		fmt.Fprint(out, "GROWTHGENIUS_API_KEY is not set: this is a server in memory.\n\n")
	}

	// The context carries the parent of the spans of the calls.
	spanned, span := traces.Tracer("otel").Start(ctx, "read contacts")
	err = readContacts(spanned, client)
	span.End()
	return errors.Join(err, printCounts(ctx, out, reader))
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

// printer is an exporter that prints a line for each span when it ends.
type printer struct{ out io.Writer }

func (p printer) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, span := range spans {
		var status attribute.Value
		for _, a := range span.Attributes() {
			if a.Key == semconv.HTTPResponseStatusCodeKey {
				status = a.Value
			}
		}
		line := fmt.Sprintf("%-8s %-32s %s %s", span.SpanKind(), span.Name(), span.Status().Code, status)
		if _, err := fmt.Fprintln(p.out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

func (printer) Shutdown(context.Context) error { return nil }

// printCounts prints how often each duration was observed, and each counter.
func printCounts(ctx context.Context, out io.Writer, reader sdkmetric.Reader) error {
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		return err
	}
	counts := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					counts[m.Name] += float64(p.Count)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					counts[m.Name] += float64(p.Value)
				}
			}
		}
	}
	fmt.Fprintln(out)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "%-30s %g\n", name, counts[name])
	}
	return nil
}
