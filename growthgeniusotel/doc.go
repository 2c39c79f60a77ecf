// Package growthgeniusotel makes spans and metrics of OpenTelemetry from what a client of the
// Growth Genius API does. Spans and metrics have no personal data: neither ids, queries, bodies,
// texts of errors, nor the API key.
//
//	client, err := growthgenius.NewClient(key, growthgenius.WithObserver(growthgeniusotel.NewObserver(growthgeniusotel.Config{})))
//
// # Spans
//
// Each call is an internal span, such as "growthgenius POST /contacts", and a child of the span in
// the caller's context. In it, each request is a client span, "POST /contacts", with the stable
// attributes of HTTP: http.request.method, http.response.status_code, http.request.resend_count,
// error.type, server.address, server.port, url.template, and url.full with the template as the
// path and without the query. The lists that are read to find a create are calls within its span.
// Waits, pauses, read-backs, lookups and creates under a key are events of the span of the call.
//
// The route of calls of Client.Do is "other", since their paths may have ids, and so they have no
// url.template. Methods that are not of HTTP are "_OTHER".
//
// Nothing is sent to the API for traces: it belongs to another company. If it is to know a trace,
// give a call its header with growthgenius.WithHeader("Traceparent", …).
//
// # Metrics
//
// The names and units are those of the semantic conventions. Names that begin with growthgenius
// are this module's own:
//
//	http.client.request.duration     histogram, s   each request, until its body was read
//	    http.request.method, url.template, server.address, server.port, http.response.status_code, error.type
//	growthgenius.call.duration       histogram, s   each call, with all its requests and waits
//	    http.request.method, url.template, error.type
//	growthgenius.wait.duration       histogram, s   each wait: before a retry, or of a millisecond or more
//	    http.request.method, url.template, growthgenius.result: limiter, pause, backoff, settle
//	growthgenius.retries             {request}      requests that are sent again
//	    http.request.method, url.template, error.type: of the request that failed
//	growthgenius.pause.time          s              how long the API asked all calls, or all of a route, to wait
//	    http.request.method, url.template, growthgenius.result: the status, 429 or 503
//	growthgenius.read_backs          {create}       creates without a usable response
//	    http.request.method, url.template, growthgenius.result: found, absent, repeated, unknown
//	growthgenius.read_back.lists     {list}         lists that were read to find them
//	    url.template, error.type
//	growthgenius.lookups             {lookup}       lookups; those that are sent may have to be paid for
//	    url.template, growthgenius.result: sent, cached, shared
//	growthgenius.once                {create}       creates under a key
//	    url.template, growthgenius.result: created, stored, resolved, reused, deleted, unknown
//	growthgenius.rows                {row}          rows of a job of package bulk: see ObserveJob
//	    growthgenius.job, growthgenius.result: the outcome
package growthgeniusotel
