package growthgenius

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/lookup"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// core is what a client shares with the clients that its ForUser returns.
type core struct {
	base        *url.URL
	engine      *engine.Engine
	budget      *pace.Budget
	gate        *pace.Gate
	maxAttempts int // of one call
	readBack    *readback.Tracker
	upserts     upserts
	lookups     *lookups // nil without an enrichment cache
	redact      redact.Redactor
	logger      *slog.Logger // nil for none
	oddities    seenSet
	dates       dates
	maxBytes    int64
	strict      bool
	markerField string
	personPath  string
	ledger      Ledger    // nil for none
	observer    *Observer // nil for none

	attemptTimeout time.Duration
}

// lookups is what the lookups of all clients of one key share.
type lookups struct {
	shared *lookup.Shared[looked]
	prefix func(http.Header) string // of the keys of calls with these headers
	mac    func(string) string      // a function, so that nothing can print the API key in it
}

// looked is the result of a lookup. Several callers share it.
type looked struct {
	res  *engine.Response // a success
	err  error
	info ResponseInfo
}

// caller is a core and the acting user. Services and the code below them hold a caller
// instead of the Client.
type caller struct {
	core   *core
	userID ID
}

// as returns a caller that acts as another user.
func (c caller) as(id ID) caller { return caller{c.core, id} }

// exchanged is the result of sending a call.
type exchanged struct {
	res       *engine.Response // a success
	err       error
	attempts  int
	ambiguous bool // it may have been carried out although there is an error
}

// send builds the request, sends it and returns a successful response.
func (c caller) send(ctx context.Context, e endpoint, opts []RequestOption) (*engine.Response, error) {
	o := applyOptions(opts)
	ex := c.exchange(ctx, e, &o, 0)
	if ex.ambiguous && e.class.Of(e.method) == engine.Unsent {
		return nil, c.unknownForGood(ctx, e, ex.err, ctx.Err())
	}
	return ex.res, ex.err
}

// observe begins the observation of a call, which seen.done ends. It returns the context of
// the call.
func (c caller) observe(ctx context.Context, e *endpoint) context.Context {
	if c.core.observer == nil {
		return ctx
	}
	start, target := CallStart{Method: e.method, Route: e.route, ReadBack: e.finds}, c.core.base.String()
	if e.raw && !e.lookup {
		start.Route = otherRoute
	} else {
		target += e.route
	}
	ctx, e.seen = c.core.observer.begin(ctx, start, target)
	return ctx
}

// exchange builds the request and sends it. before is how many requests of the call were
// sent earlier.
func (c caller) exchange(ctx context.Context, e endpoint, o *callOptions, before int) (ex exchanged) {
	if e.seen == nil {
		ctx = c.observe(ctx, &e)
		defer e.seen.done(&ex.err)
	}
	out, err := e.build(c.core.base, c.userID, o)
	if err != nil {
		return exchanged{err: e.refuse(err)}
	}
	spec := engine.Call{
		Method: e.method, Route: e.route, URL: out.url, Header: o.header, Body: out.body,
		Class: e.class, Once: o.noRetry, Sent: before,
		Free:     e.method == http.MethodGet && !e.lookup, // a lookup costs money
		MaxBytes: e.maxBytes, Split: e.splits, Stream: e.open, Recheck: e.recheck,
		Content: !e.empty && (e.method == http.MethodGet || e.class == engine.Safe || e.recheck != nil),
		Queued:  e.lookup, Leave: e.leave,
	}
	if e.seen != nil {
		spec.Watch = e.seen
	}
	outcome := c.core.engine.Do(ctx, spec)
	call := e.about()
	call.id, call.attempts, call.took = c.core.redact.Text(call.id), outcome.Sent, time.Since(o.began)
	ex = exchanged{attempts: outcome.Sent, ambiguous: outcome.Ambiguous}
	res := outcome.Response
	if res == nil {
		ex.err = &callError{call, gaveUp(outcome.Err, outcome.GaveUp)}
		return ex
	}
	res.Sent, res.Took, res.GaveUp = call.attempts, call.took, outcome.GaveUp
	if o.capture != nil {
		*o.capture = ResponseInfo{
			StatusCode: res.Status,
			Header:     c.core.redact.Header(res.Header),
			RequestID:  c.core.redact.Text(res.RequestID()),
			Attempts:   outcome.Sent,
			Duration:   time.Since(o.began),
		}
	}
	switch {
	case res.Succeeded() && !(e.lookup && res.Status == http.StatusAccepted && !res.IsPage()),
		// An earlier attempt of this call has deleted it.
		e.method == http.MethodDelete && ex.ambiguous && res.Status == http.StatusNotFound && isOwnNotFound(res):
		if res.Unreadable != nil && e.open == nil { // of a stream, as much as can be read is read
			ex.err, ex.ambiguous = newDecodeError(call, res, res.Unreadable, c.core.redact), true
			return ex
		}
		ex.res, ex.ambiguous = res, false
		return ex
	}
	ex.err = gaveUp(newAPIError(call, res, time.Now(), c.core.redact), outcome.GaveUp)
	ex.err = errs.WithContext(ex.err, outcome.Ended)
	return ex
}

// gaveUp adds to the error of a call why it was not retried, if the error does not say so.
func gaveUp(err error, why string) error {
	if why == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, why)
}

// RouteFromContext returns the route template of the request with this context, such as
// "/contacts/{id}". A RoundTripper given to [WithHTTPClient] can use it to name its spans
// and metrics. The contexts that a [Limiter] and the logger receive have it too.
func RouteFromContext(ctx context.Context) (route string, ok bool) {
	return engine.Route(ctx)
}

// unknownForGood returns the error of a raw call. There is no list that could show its
// record.
func (c caller) unknownForGood(ctx context.Context, e endpoint, last, ctxErr error) error {
	c.logUnknown(ctx, e, loggable(last))
	e.seen.event(ctx, EventReadBack, "unknown", 0)
	return &OutcomeUnknownError{Last: last, call: e.about(), ctxErr: ctxErr}
}

// logUnknown logs that the outcome of a create is unknown.
func (c caller) logUnknown(ctx context.Context, e endpoint, reason string) {
	if c.core.logger != nil {
		c.core.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: outcome unknown",
			slog.String("method", e.method), slog.String("route", e.route), slog.String("reason", reason))
	}
}

const (
	maxSeen      = 1000
	maxFieldName = 100 // bytes; a response could name a field with megabytes
)

// seenSet stores which oddities were logged, up to a bound.
type seenSet struct {
	mu   sync.Mutex
	seen map[wire.Oddity]struct{}
}

// first reports whether o is new. In a full set nothing is new.
func (s *seenSet) first(o wire.Oddity) bool {
	o.Kind, o.Field = "", strings.Clone(redact.Clip(o.Field, maxFieldName))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.seen[o]; ok || len(s.seen) >= maxSeen {
		return false
	}
	if s.seen == nil {
		s.seen = map[wire.Oddity]struct{}{}
	}
	s.seen[o] = struct{}{}
	return true
}

// stamped is a record with the time of its last update.
type stamped interface{ updated() time.Time }

// noteStamp learns the clock of the records from one that the response to a create or an
// update has.
func (c *core) noteStamp(record any, res *engine.Response) {
	if v, ok := record.(stamped); ok {
		c.readBack.Stamped(v.updated(), res.Took)
	}
}

// dates is the server's own time in the last success that had it. It is not the least of all
// that the read-back has seen: a proxy's would stop the feed of changes for as long as that
// remembers it.
type dates struct {
	mu   sync.Mutex // guards the fields below
	date time.Time
	at   time.Time // when it arrived
}

func (d *dates) note(date, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.date, d.at = date, at
}

// ahead returns by how much the clock of that response was ahead of this machine's, at
// least, unless it was long ago.
func (d *dates) ahead() (ahead time.Duration, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.date.Sub(d.at), !d.at.IsZero() && time.Since(d.at) < 10*time.Minute
}
