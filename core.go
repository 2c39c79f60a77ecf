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

// core is what a client shares with those made from it by ForUser.
type core struct {
	base        *url.URL
	engine      *engine.Engine
	budget      *pace.Budget
	maxAttempts int // of one call
	readBack    *readback.Tracker
	upserts     upserts
	lookups     *lookups // nil without an enrichment cache
	redact      redact.Redactor
	logger      *slog.Logger // nil for none
	oddities    seenSet
	maxBytes    int64
	strict      bool
	markerField string
	personPath  string
}

// lookups are what clients of one key share of their lookups.
type lookups struct {
	shared *lookup.Shared[looked]
	prefix string              // of every key
	mac    func(string) string // a function, so that nothing can print the API key in it
}

// looked is how a lookup ended. Several callers share it.
type looked struct {
	res  *engine.Response // a success
	err  error
	info ResponseInfo
}

// caller is a core and the user who acts. Services and the code below them hold it, and
// never the Client.
type caller struct {
	core   *core
	userID ID
}

// as returns a caller that acts as another user.
func (c caller) as(id ID) caller { return caller{c.core, id} }

// exchanged is how a call went.
type exchanged struct {
	res       *engine.Response // a success
	err       error
	attempts  int
	ambiguous bool // it may have been carried out although err does not say so
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

// exchange builds the request and sends it, after so many attempts before.
func (c caller) exchange(ctx context.Context, e endpoint, o *callOptions, before int) exchanged {
	out, err := e.build(c.core.base, c.userID, o)
	if err != nil {
		return exchanged{err: e.refuse(err)}
	}
	outcome := c.core.engine.Do(ctx, engine.Call{
		Method: e.method, Route: e.route, URL: out.url, Header: o.header, Body: out.body,
		Class: e.class, Once: o.noRetry, Sent: before,
		Free:     e.method == http.MethodGet && !e.lookup, // a lookup costs money
		MaxBytes: e.maxBytes, Split: e.splits, Stream: e.open,
	})
	ex := exchanged{attempts: outcome.Sent, ambiguous: outcome.Ambiguous}
	res := outcome.Response
	if res == nil {
		ex.err = e.refuse(gaveUp(outcome.Err, outcome.GaveUp))
		return ex
	}
	if o.capture != nil {
		*o.capture = ResponseInfo{
			StatusCode: res.Status,
			Header:     res.Header,
			RequestID:  res.RequestID(),
			Attempts:   outcome.Sent,
			Duration:   time.Since(o.began),
		}
	}
	switch {
	case res.Status < 300 && !(e.lookup && res.Status == http.StatusAccepted),
		// An earlier attempt of this very call has deleted it.
		e.method == http.MethodDelete && ex.ambiguous && res.Status == http.StatusNotFound:
		ex.res, ex.ambiguous = res, false
		return ex
	}
	ex.err = gaveUp(newAPIError(e.method, e.route, res, time.Now(), c.core.redact), outcome.GaveUp)
	ex.err = errs.WithContext(ex.err, outcome.Ended)
	return ex
}

// gaveUp adds to the error of a call why it was not tried again, if that is not plain.
func gaveUp(err error, why string) error {
	if why == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, why)
}

// RouteFromContext returns the template of the route that the request with this context
// belongs to, such as "/contacts/{id}". A RoundTripper given to [WithHTTPClient] can name
// its spans and metrics by it. A [Limiter] that waits for the request is given the route
// too, and so is a logger told of it.
func RouteFromContext(ctx context.Context) (route string, ok bool) {
	return engine.Route(ctx)
}

// warnCreate logs a warning about a create.
func (c *core) warnCreate(ctx context.Context, e endpoint, what string) {
	if c.logger != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: "+what, slog.String("method", e.method), slog.String("route", e.route))
	}
}

const outcomeUnknown = "outcome unknown"

// unknownForGood returns the error of a raw call, whose record no list can show.
func (c caller) unknownForGood(ctx context.Context, e endpoint, last, ctxErr error) error {
	c.core.warnCreate(ctx, e, outcomeUnknown)
	return &OutcomeUnknownError{Last: last, ctxErr: ctxErr}
}

const (
	maxSeen      = 1000
	maxFieldName = 100 // bytes; a response could name a field with megabytes
)

// seenSet remembers up to a bound what it has seen.
type seenSet struct {
	mu   sync.Mutex
	seen map[wire.Oddity]struct{}
}

// first reports whether o is new. A full set knows everything.
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
