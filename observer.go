package growthgenius

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// Observer is told what a client does, for traces and metrics: see [WithObserver]. A nil
// function is not called. Module growthgeniusotel makes spans and metrics of OpenTelemetry from
// it.
//
// No value has personal data: neither ids, queries, bodies and texts of errors, nor the API key.
// Each of the strings has few values, so that they can be the labels of a metric.
//
// The functions are called by any number of goroutines at once. They run within the call that
// they are told of, so a slow one makes the call slow, and the call panics if one panics. A
// context that they return must be derived from the one that they are given.
type Observer struct {
	// Call is called when a call begins: a request to one endpoint with its retries, the waits
	// for them, and the decoding of its response. The context that it returns is that of the
	// call. The function that it returns, unless it is nil, is called when the call has ended:
	// that of a stream when the program has read it, or has stopped.
	//
	// A method that makes several calls, as [ContactsService.Upsert] does, is observed as these
	// calls. The lists that are read to find a create are calls within the create.
	Call func(ctx context.Context, c CallStart) (context.Context, func(CallEnd))
	// Attempt is called for each request of a call, right before it is sent, after all waits.
	// The context that it returns is that of the request. The function that it returns, unless
	// it is nil, is called when the response has been read, or there is none.
	Attempt func(ctx context.Context, a AttemptStart) (context.Context, func(AttemptEnd))
	// Event is called for what happens once within a call, or beside one.
	Event func(ctx context.Context, e Event)
}

// CallStart is a call that begins. See [Observer].
type CallStart struct {
	Method string // Such as "GET".
	Route  string // The route's template, such as "/contacts/{id}", or "other" for a call of [Client.Do].
	// ReadBack is whether the call reads a list to find a create that had no usable response.
	ReadBack bool
}

// CallEnd is how a call ended. See [Observer].
type CallEnd struct {
	// ErrorType is the kind of the error, or "" if the call succeeded: a sentinel of this package
	// in lower case with underscores, such as "not_found" for [ErrNotFound]; "canceled" or
	// "deadline_exceeded" if the context has ended; "timeout" or "no_response" if the API did not
	// respond; "panic" if the call panicked, in a function of the program, say; "other" for
	// anything else.
	ErrorType string
	Attempts  int           // How many requests were sent for it.
	Duration  time.Duration // All waits are included.
}

// AttemptStart is a request that is about to be sent. See [Observer].
type AttemptStart struct {
	Method string
	Route  string // That of the call.
	URL    string // With the template of the route as the path, without a query: it has no id.
	Number int    // It counts the requests of the call from 1.
}

// AttemptEnd is how a request ended. See [Observer].
type AttemptEnd struct {
	// Status is that of the response, or 0 if there is none. A response may break off.
	Status int
	// ErrorType is "" if a usable response arrived. It is the status of an error response, such
	// as "503", or one of "timeout", "canceled", "deadline_exceeded", "no_connection",
	// "no_response", "response_too_large" and "without_json", which is a success that is not the
	// API's.
	ErrorType string
	Duration  time.Duration // Until the body was read.
	// Retry is whether the call is to send another request, after a wait of Wait.
	Retry bool
	Wait  time.Duration
}

// Event is something that happened once. See [Observer]. Other kinds and results may be added.
type Event struct {
	Kind   EventKind
	Method string // Those of the call.
	Route  string
	Result string // See [EventKind].
	// Duration is how long a wait was, by how much a response prolongs the pause, or how long
	// the search for a create took. Else it is 0.
	Duration time.Duration
}

// EventKind is what an [Event] is about.
type EventKind string

const (
	// EventWait is a wait that is over: any before a retry, others if they took a millisecond or
	// more. Its Result is what the call waited for: "limiter", "pause" (the API had asked for it),
	// "backoff" (before a retry), or "settle" (until a list may show a create).
	EventWait EventKind = "wait"
	// EventPause is a response that makes the client hold back requests. Its Result is the status,
	// or "429" for a 403 with Retry-After that counts as one.
	EventPause EventKind = "pause"
	// EventReadBack is the end of the search for a create that had no usable response. Its Result
	// is "found", "absent" (it did not happen), "repeated" (the same, and it is sent again), or
	// "unknown". A POST of [Client.Do] with an unknown outcome is one too.
	EventReadBack EventKind = "read_back"
	// EventLookup is a lookup. Its Result is "sent" (a request, which may have to be paid for),
	// "cached", or "shared" (with a caller who asked for the same at the time).
	EventLookup EventKind = "lookup"
	// EventOnce is what [Once] made of a create. Its Result is "created", "stored" (the ledger has
	// the record's id), or "resolved" (an earlier call has created it) if the create succeeded.
	// It is "reused" for [ErrKeyReused], "deleted" for [ErrKeyDeleted], and "unknown" if the record
	// was created, but the ledger could not store its id. Other errors are not reported.
	EventOnce EventKind = "once"
)

// otherRoute is the route of calls of Client.Do: their path may have an id.
const otherRoute = "other"

// observation is a call of which an Observer is told. A nil one is of a client without.
type observation struct {
	*Observer

	start CallStart
	url   string
	began time.Time
	end   func(CallEnd)
	sent  atomic.Int64 // requests
}

// begin begins the observation of a call, and returns the context of the call.
func (o *Observer) begin(ctx context.Context, start CallStart, url string) (context.Context, *observation) {
	call := &observation{Observer: o, start: start, url: url, began: time.Now()}
	if o.Call != nil {
		ctx, call.end = o.Call(ctx, start)
	}
	return ctx, call
}

// done ends the observation of a call that returns this error, or panics. It must be deferred.
func (o *observation) done(err *error) {
	if o == nil || o.end == nil {
		return
	}
	sent := int(o.sent.Load())
	end := CallEnd{ErrorType: errorType(*err, sent), Attempts: sent, Duration: time.Since(o.began)}
	panicked := recover() //nolint:revive // done is what is deferred
	if panicked != nil {
		end.ErrorType = "panic"
	}
	o.end(end)
	if panicked != nil {
		panic(panicked)
	}
}

// event reports an event of the call.
func (o *observation) event(ctx context.Context, kind EventKind, result string, d time.Duration) {
	if o != nil {
		o.Observer.event(ctx, Event{kind, o.start.Method, o.start.Route, result, d})
	}
}

func (o *Observer) event(ctx context.Context, e Event) {
	if o != nil && o.Event != nil {
		o.Event(ctx, e)
	}
}

// Attempt implements [engine.Watcher].
func (o *observation) Attempt(ctx context.Context, n int) (context.Context, func(engine.AttemptEnd)) {
	o.sent.Add(1)
	if o.Observer.Attempt == nil {
		return ctx, nil
	}
	ctx, end := o.Observer.Attempt(ctx, AttemptStart{o.start.Method, o.start.Route, o.url, n})
	if end == nil {
		return ctx, nil
	}
	return ctx, func(e engine.AttemptEnd) { end(AttemptEnd(e)) }
}

// Waited implements [engine.Watcher].
func (o *observation) Waited(ctx context.Context, reason string, d time.Duration) {
	o.event(ctx, EventWait, reason, d)
}

// Paused implements [engine.Watcher].
func (o *observation) Paused(ctx context.Context, status int, d time.Duration) {
	o.event(ctx, EventPause, strconv.Itoa(status), d)
}

// errorTypes are the kinds of errors. An error that is of several is of the first one.
var errorTypes = []struct {
	is   error
	name string
}{
	{ErrOutcomeUnknown, "outcome_unknown"}, {ErrInvalidInput, "invalid_input"}, {ErrNotCached, "not_cached"},
	{ErrLeaseLost, "lease_lost"}, {ErrChangedSince, "changed_since"},
	{ErrBadRequest, "bad_request"}, {ErrUnauthorized, "unauthorized"}, {ErrForbidden, "forbidden"}, {ErrNotFound, "not_found"},
	{ErrConflict, "conflict"}, {ErrValidation, "validation_failed"}, {ErrRateLimited, "rate_limited"}, {ErrServer, "server_error"},
	{ErrPending, "pending"}, {ErrRedirected, "redirected"}, {ErrDecode, "unexpected_response"},
	{ErrResponseTooLarge, "response_too_large"}, {ErrPartialResults, "partial_results"},
	{context.Canceled, "canceled"}, {context.DeadlineExceeded, "deadline_exceeded"},
}

// errorType returns the kind of the error of a call that sent so many requests, or "" for none.
func errorType(err error, sent int) string {
	if err == nil {
		return ""
	}
	for _, t := range errorTypes {
		if errors.Is(err, t.is) {
			return t.name
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "timeout"
	}
	if _, responded := errors.AsType[*APIError](err); responded || sent == 0 {
		return "other"
	}
	return "no_response"
}
