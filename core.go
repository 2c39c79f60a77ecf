package growthgenius

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/hashicorp/go-retryablehttp"
)

// core is what a client shares with those made from it by ForUser.
type core struct {
	base           *url.URL
	apiKey         func() string // a function, so that nothing can print it
	redact         redact.Redactor
	transport      http.RoundTripper
	cookies        http.CookieJar
	gate           *pace.Gate
	engine         *retryablehttp.Client
	retry          RetryPolicy
	budget         *pace.Budget
	readBack       ReadBackPolicy
	markerField    string
	creates        *creates
	clock          serverClock
	upserts        upserts
	attemptTimeout time.Duration
	maxBytes       int64
	logger         *slog.Logger
	userAgent      string
	strict         bool
	personPath     string
	oddities       seenSet
	lookups        *lookups // nil without an enrichment cache
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
	res       *response // a success
	err       error
	attempts  int
	ambiguous bool // it may have been carried out although err says nothing of it
}

// send builds the request, sends it and returns a successful answer.
func (c caller) send(ctx context.Context, e endpoint, opts []RequestOption) (*response, error) {
	o := applyOptions(opts)
	ex := c.exchange(ctx, e, &o, 0)
	if ex.ambiguous && e.class.of(e.method) == replayUnsent {
		return nil, c.unknownForGood(ctx, e, ex.err, ctx.Err())
	}
	return ex.res, ex.err
}

// exchange builds the request and sends it, after so many attempts before.
func (c caller) exchange(ctx context.Context, e endpoint, o *callOptions, before int) exchanged {
	s := &sender{
		Context: ctx, core: c.core,
		method: e.method, route: e.route, class: e.class.of(e.method), noRetry: o.noRetry, before: before, splits: e.splits, open: e.open,
		free:    e.method == http.MethodGet && !e.lookup, // a lookup costs money
		options: o,
	}
	out, err := e.build(c.core.base, c.userID, o)
	if err != nil {
		return exchanged{err: e.refuse(err)}
	}
	req := out.request(s, e.method) //nolint:contextcheck // s is ctx with the call in it
	s.request = req.Request
	res, err := s.send(req) //nolint:contextcheck // the request carries it
	ex := exchanged{attempts: before + s.attempts, ambiguous: s.ambiguous}
	if err != nil {
		ex.err = err
		return ex
	}
	if o.capture != nil {
		*o.capture = s.info(res, o.began)
	}
	switch {
	case res.status < 300 && !(e.lookup && res.status == http.StatusAccepted),
		// An earlier attempt of this very call has deleted it.
		e.method == http.MethodDelete && s.ambiguous && res.status == http.StatusNotFound:
		ex.res, ex.ambiguous = res, false
		return ex
	}
	ex.err = newAPIError(e.method, e.route, res, time.Now(), c.core.redact)
	if s.verdict.why != "" {
		ex.err = fmt.Errorf("%w; %s", ex.err, s.verdict.why)
	}
	if s.class.replayable(s.last) { // then a context that has ended is why it was not tried again
		ex.err = errs.WithContext(ex.err, ctx.Err())
	}
	return ex
}

type routeKey struct{}

// RouteFromContext returns the template of the route that the request with this context
// belongs to, such as "/contacts/{id}". A RoundTripper given to [WithHTTPClient] can name
// its spans and metrics by it. A [Limiter] that waits for the request is given the route
// too, and so is a logger told of it.
func RouteFromContext(ctx context.Context) (route string, ok bool) {
	route, ok = ctx.Value(routeKey{}).(string)
	return route, ok
}
