package growthgeniusotel

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
)

// meter returns the meter of this module.
func meter(provider metric.MeterProvider) metric.Meter {
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	return provider.Meter(scope, metric.WithInstrumentationVersion(growthgenius.Version), metric.WithSchemaURL(semconv.SchemaURL))
}

// meters are the instruments of an observer.
type meters struct {
	requests, calls, waits                   metric.Float64Histogram
	retries, readBacks, lists, lookups, once metric.Int64Counter
	pauses                                   metric.Float64Counter
}

// boundaries are those of the durations of calls and waits, in seconds: of the convention for
// requests, and minutes.
var boundaries = metric.WithExplicitBucketBoundaries(
	0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120)

func newMeters(m metric.Meter) meters {
	requests, err := httpconv.NewClientRequestDuration(m)
	handle(err)
	histogram := func(name, description string) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), boundaries)
		handle(err)
		return h
	}
	counter := func(name, unit, description string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		handle(err)
		return c
	}
	pauses, err := m.Float64Counter("growthgenius.pause.time", metric.WithUnit("s"),
		metric.WithDescription("How long the API asked all calls, or all of a route, to wait."))
	handle(err)
	return meters{
		requests:  requests.Inst(),
		calls:     histogram("growthgenius.call.duration", "Duration of calls, with all their requests and waits."),
		waits:     histogram("growthgenius.wait.duration", "Duration of the waits of calls."),
		retries:   counter("growthgenius.retries", "{request}", "Requests that are sent again."),
		readBacks: counter("growthgenius.read_backs", "{create}", "Creates without a usable response, by what became of them."),
		lists:     counter("growthgenius.read_back.lists", "{list}", "Lists that were read to find creates."),
		lookups:   counter("growthgenius.lookups", "{lookup}", "Lookups, by where their result is from."),
		once:      counter("growthgenius.once", "{create}", "Creates under a key, by what became of them."),
		pauses:    pauses,
	}
}

func handle(err error) {
	if err != nil {
		otel.Handle(fmt.Errorf("growthgeniusotel: %w", err))
	}
}

// ObserveJob counts the rows of a job of package bulk by outcome, as growthgenius.rows. progress is
// the method Progress of the job's run, and job names it: several jobs must have different names.
// Call stop after the metrics of the job have been collected for the last time.
func ObserveJob(c Config, job string, progress func() bulk.Progress) (stop func() error, err error) {
	m := meter(c.MeterProvider)
	rows, err := m.Int64ObservableCounter("growthgenius.rows", metric.WithUnit("{row}"), metric.WithDescription("Rows of jobs, by outcome."))
	if err != nil {
		return nil, fmt.Errorf("growthgeniusotel: %w", err)
	}
	registered, err := m.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		for outcome, n := range progress().Counts {
			to.ObserveInt64(rows, int64(n), metric.WithAttributes(jobKey.String(job), resultKey.String(string(outcome))))
		}
		return nil
	}, rows)
	if err != nil {
		return nil, fmt.Errorf("growthgeniusotel: %w", err)
	}
	return registered.Unregister, nil
}
