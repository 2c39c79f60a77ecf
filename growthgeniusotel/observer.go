package growthgeniusotel

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/growthgenius/growthgenius-go"
)

// Config is where spans and metrics go. The zero value is for the global providers.
type Config struct {
	TracerProvider trace.TracerProvider // nil means the global one
	MeterProvider  metric.MeterProvider // nil means the global one
}

const (
	scope     = "github.com/growthgenius/growthgenius-go/growthgeniusotel"
	resultKey = attribute.Key("growthgenius.result")
	jobKey    = attribute.Key("growthgenius.job")

	// otherRoute is what an observer is told in place of a path of Client.Do.
	otherRoute = "other"
)

// NewObserver returns an observer for [growthgenius.WithObserver]. Several clients may have the
// same one. If an instrument cannot be made, [otel.Handle] is told, and its metric is missing.
func NewObserver(c Config) growthgenius.Observer {
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	o := &observer{
		tracer: c.TracerProvider.Tracer(scope, trace.WithInstrumentationVersion(growthgenius.Version), trace.WithSchemaURL(semconv.SchemaURL)),
		meters: newMeters(meter(c.MeterProvider)),
	}
	return growthgenius.Observer{Call: o.call, Attempt: o.attempt, Event: o.event}
}

type observer struct {
	tracer trace.Tracer
	meters
}

// call begins the span of a call.
func (o *observer) call(ctx context.Context, c growthgenius.CallStart) (context.Context, func(growthgenius.CallEnd)) {
	attributes := about(c.Method, c.Route)
	ctx, span := o.tracer.Start(ctx, "growthgenius "+spanName(c.Method, c.Route), trace.WithAttributes(attributes...))
	return ctx, func(e growthgenius.CallEnd) {
		attributes := failed(attributes, e.ErrorType)
		o.calls.Record(ctx, e.Duration.Seconds(), metric.WithAttributes(attributes...))
		if c.ReadBack {
			o.lists.Add(ctx, 1, metric.WithAttributes(attributes[1:]...))
		}
		span.SetAttributes(attribute.Int("growthgenius.attempts", e.Attempts))
		end(span, e.ErrorType)
	}
}

// attempt begins the span of a request.
func (o *observer) attempt(ctx context.Context, a growthgenius.AttemptStart) (context.Context, func(growthgenius.AttemptEnd)) {
	attributes := about(a.Method, a.Route)
	retried := attributes
	attributes = append(attributes, server(a.URL)...)
	ctx, span := o.tracer.Start(ctx, spanName(a.Method, a.Route),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...), trace.WithAttributes(semconv.URLFull(a.URL)))
	if a.Number > 1 {
		span.SetAttributes(semconv.HTTPRequestResendCount(a.Number - 1))
	}
	return ctx, func(e growthgenius.AttemptEnd) {
		attributes := failed(attributes, e.ErrorType)
		if e.Status != 0 {
			attributes = append(attributes, semconv.HTTPResponseStatusCode(e.Status))
			span.SetAttributes(semconv.HTTPResponseStatusCode(e.Status))
		}
		o.requests.Record(ctx, e.Duration.Seconds(), metric.WithAttributes(attributes...))
		if e.Retry {
			o.retries.Add(ctx, 1, metric.WithAttributes(failed(retried, e.ErrorType)...))
		}
		end(span, e.ErrorType)
	}
}

// event adds an event to the span of the call, and to a metric.
func (o *observer) event(ctx context.Context, e growthgenius.Event) {
	attributes := append(about(e.Method, e.Route), resultKey.String(e.Result))
	with := metric.WithAttributes(attributes...)
	switch e.Kind {
	case growthgenius.EventWait:
		o.waits.Record(ctx, e.Duration.Seconds(), with)
	case growthgenius.EventPause:
		o.pauses.Add(ctx, e.Duration.Seconds(), with)
	case growthgenius.EventReadBack:
		o.readBacks.Add(ctx, 1, with)
	case growthgenius.EventLookup:
		o.lookups.Add(ctx, 1, metric.WithAttributes(attributes[1:]...))
	case growthgenius.EventOnce:
		o.once.Add(ctx, 1, metric.WithAttributes(attributes[1:]...))
	}
	trace.SpanFromContext(ctx).AddEvent("growthgenius."+string(e.Kind), trace.WithAttributes(
		resultKey.String(e.Result), attribute.Float64("growthgenius.duration", e.Duration.Seconds())))
}

// end ends a span.
func end(span trace.Span, errorType string) {
	if errorType != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// failed adds the type of an error to attributes, without changing them.
func failed(attributes []attribute.KeyValue, errorType string) []attribute.KeyValue {
	if errorType == "" {
		return slices.Clip(attributes)
	}
	return append(slices.Clip(attributes), semconv.ErrorTypeKey.String(errorType))
}

// methods are the methods that spans and metrics name.
var methods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodHead, http.MethodOptions,
}

// about returns the method and the route of a call. The first one is the method.
func about(method, route string) []attribute.KeyValue {
	if !slices.Contains(methods, method) {
		method = "_OTHER"
	}
	attributes := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(method)}
	if route != otherRoute {
		attributes = append(attributes, semconv.URLTemplate(route))
	}
	return attributes
}

// spanName returns the name of a span by the conventions: "GET /contacts/{id}", or the method
// alone if there is no template. A method that is not known is "HTTP".
func spanName(method, route string) string {
	if !slices.Contains(methods, method) {
		method = "HTTP"
	}
	if route == otherRoute {
		return method
	}
	return method + " " + route
}

// server returns the address and the port of a URL.
func server(text string) []attribute.KeyValue {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	return []attribute.KeyValue{semconv.ServerAddress(u.Hostname()), semconv.ServerPort(port)}
}
