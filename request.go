package growthgenius

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/go-querystring/query"
	"github.com/hashicorp/go-retryablehttp"
)

// This file is the one path every call takes: build (newRequest), send (send.go), decode.

// endpoint is what a method of a service says about its call.
type endpoint struct {
	method    string
	route     string      // the path's template: "/contacts/{id}"
	id        *ID         // fills {id}; the answer must have it too
	query     any         // nil, url.Values or a struct with url tags
	body      any         // nil or a value for JSON
	envelope  envelope    // around the body of the request and the records of the answer
	class     replayClass // what may be sent again; by default as the method says
	anonymous bool        // no user_id
	lookup    bool        // 202 means "ask again later"
	raw       bool        // from the caller: the route is a path, the body is for encoding/json

	splits bool // where it is too much to ask for, less is asked for instead

	open func(*streamBody) error // reads a streamed answer as far as its first element
}

// refuse is the error of a call that is not sent.
func (e endpoint) refuse(err error) error { return &callError{e.method, e.route, err} }

// resource is a record with an id, of which the API answers with the one asked for.
type resource interface {
	record
	identity() ID
}

// resourceOf lets type inference find the pointer type of a resource.
type resourceOf[T any] interface {
	*T
	resource
}

// one makes a call that is answered with one record.
func one[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, opts []RequestOption) (*T, error) {
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return nil, err
	}
	defer res.release()
	return decodeOne[T, P](ctx, c, e, res)
}

// many makes a call that is answered with a list.
func many[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, opts []RequestOption) ([]T, error) {
	e, err := e.bounded(time.Now())
	if err != nil {
		return nil, err
	}
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return nil, err
	}
	defer res.release()
	return decodeMany[T, P](ctx, c, e, res)
}

// remove makes a call whose answer says nothing but that it was done.
func remove(ctx context.Context, c *Client, e endpoint, opts []RequestOption) error {
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return err
	}
	if res.isPage() {
		return e.undecodable(c.core, res, errPage)
	}
	c.core.creates.deleted(e.envelope.singular, *e.id)
	return nil
}

// page makes a call that is answered with a page of search results.
func page(ctx context.Context, c *Client, e endpoint, opts []RequestOption) (*ContactPage, error) {
	p := new(ContactPage)
	err := c.whole(ctx, e, p, opts, func() error {
		// One contact may stand alone under the singular name.
		var alone Contact
		if raw := p.Extra["contact"]; p.Contacts == nil && kindOf(raw) == kindObject && alone.UnmarshalJSON(raw) == nil {
			p.Contacts = []Contact{alone}
			forget(&p.Extra, "contact")
		}
		if p.Contacts == nil {
			return errors.New(`the answer has no list of "contacts"`)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// do makes a call whose answer is the caller's own business.
func do(ctx context.Context, c *Client, e endpoint, out any, opts []RequestOption) error {
	if err := checkPath(e.route); err != nil {
		return e.refuse(err)
	}
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return err
	}
	switch {
	case res.isPage():
		err = errPage
	case out == nil:
		return nil
	default:
		err = unmarshalForeign(res.body, out)
	}
	if err == nil {
		return nil
	}
	err = e.undecodable(c.core, res, err)
	if e.class.of(e.method) == replayUnsent {
		return c.unknownForGood(ctx, e, err, nil)
	}
	return err
}

// whole decodes the whole answer into v, which must then pass the check.
func (c *Client) whole(ctx context.Context, e endpoint, v record, opts []RequestOption, check func() error) error {
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return err
	}
	defer res.release()
	return c.decodeWhole(ctx, e, res, v, check)
}

func (c *Client) decodeWhole(ctx context.Context, e endpoint, res *response, v record, check func() error) error {
	if k := kindOf(res.body); k != kindObject {
		return e.undecodable(c.core, res, fmt.Errorf("the answer is %s, not an object", k))
	}
	switch err := unmarshalRecord(res.body, v); {
	case errors.Is(err, ErrResponseTooLarge):
		return e.refuse(err)
	case err != nil:
		return e.undecodable(c.core, res, err)
	}
	if err := check(); err != nil {
		return e.undecodable(c.core, res, err)
	}
	return c.core.inspect(ctx, e, res, v)
}

func decodeOne[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, res *response) (*T, error) {
	found, err := decodeMany[T, P](ctx, c, e, res)
	if err != nil {
		return nil, err
	}
	var want ID
	if e.id != nil {
		want = *e.id
	}
	if want == "" && len(found) == 1 && P(&found[0]).identity() != "" {
		return &found[0], nil
	}
	for i := range found {
		if want != "" && P(&found[i]).identity() == want {
			return &found[i], nil
		}
	}
	switch {
	case len(found) == 0:
		err = fmt.Errorf("the list under %s is empty", e.envelope)
	case len(found) > 1:
		err = fmt.Errorf("the answer has %d records, none of them the one asked for", len(found))
	case P(&found[0]).identity() == "":
		err = errors.New("the record has no id")
	default:
		err = errors.New("the answer is another record than the one asked for")
	}
	return nil, e.undecodable(c.core, res, err)
}

// Records in memory may take this many times what their answer may.
const (
	recordGrowth   = 8
	minRecordBytes = 1 << 20
)

func decodeMany[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, res *response) ([]T, error) {
	found := []T{}
	next := func() record {
		found = append(found, *new(T))
		return P(&found[len(found)-1])
	}
	var beside strays
	items := newElements(res.body, e.envelope, beside.add)
	defer items.done()
	most, taken := max(minRecordBytes, recordGrowth*min(c.core.maxBytes, math.MaxInt64/recordGrowth)), int64(0)
	for {
		ok, err := items.next(next)
		switch {
		case errors.Is(err, ErrPartialResults):
			return nil, e.refuse(err)
		case err != nil:
			return nil, e.undecodable(c.core, res, err)
		}
		if !ok {
			break
		}
		taken += int64(reflect.TypeFor[T]().Size()) //nolint:gosec // no type is that large
		taken += items.records.taken
		if taken > most { // of 64 MB of "{}," nothing but the list is large
			return nil, e.refuse(fmt.Errorf("%w: its first %d records take over %d bytes; see WithMaxResponseBytes and Stream", ErrResponseTooLarge, len(found), most))
		}
	}
	if err := c.core.inspect(ctx, e, res, &found, beside...); err != nil {
		return nil, err
	}
	return found, nil
}

// inspect logs each way in which an answer differs from the reference, once, or with
// strict decoding makes it an error. v is a pointer to the decoded record or records.
func (c *core) inspect(ctx context.Context, e endpoint, res *response, v any, strays ...oddity) error {
	if c.logger == nil && !c.strict {
		return nil
	}
	found := strays
	eachOddity(reflect.ValueOf(v), func(o oddity) { found = append(found, o) })
	if c.strict && len(found) > 0 {
		texts := make([]string, len(found))
		for i, o := range found {
			texts[i] = o.String()
		}
		slices.Sort(texts)
		err := e.undecodable(c, res, fmt.Errorf("strict decoding: %s", strings.Join(slices.Compact(texts), "; ")))
		err.strict = true
		return err
	}
	for _, o := range found {
		if c.oddities.first(o) {
			c.warn(ctx, e, o)
		}
	}
	return nil
}

var errPage = errors.New("the body is HTML or XML, not JSON")

// undecodable is the error of an answer that cannot be used.
func (e endpoint) undecodable(c *core, res *response, reason error) *DecodeError {
	r := c.redact
	text := r.text(reason.Error())
	if len(res.body) == 0 {
		text = "the body is empty"
	} else if k := kindOf(res.body); k == kindInvalid {
		text = "the body is not JSON"
		if res.isPage() {
			text = errPage.Error()
		}
	}
	body := r.bytes(res.body)
	return &DecodeError{
		StatusCode: res.status, Method: e.method, Route: e.route, Reason: text,
		RequestID: r.text(requestID(res.header)), Body: slices.Clone(body[:min(len(body), maxErrorBody)]),
	}
}

// exchanged is how a call went.
type exchanged struct {
	res       *response // a success
	err       error
	attempts  int
	ambiguous bool // it may have been carried out although err says nothing of it
}

// send builds the request, sends it and returns a successful answer.
func (c *Client) send(ctx context.Context, e endpoint, opts []RequestOption) (*response, error) {
	o := applyOptions(opts)
	ex := c.exchange(ctx, e, &o, 0)
	if ex.ambiguous && e.class.of(e.method) == replayUnsent {
		return nil, c.unknownForGood(ctx, e, ex.err, ctx.Err())
	}
	return ex.res, ex.err
}

// exchange builds the request and sends it, after so many attempts before.
func (c *Client) exchange(ctx context.Context, e endpoint, o *callOptions, before int) exchanged {
	s := &sender{
		Context: ctx, core: c.core,
		method: e.method, route: e.route, class: e.class.of(e.method), noRetry: o.noRetry, before: before, splits: e.splits, open: e.open,
		free:    e.method == http.MethodGet && !e.lookup, // a lookup costs money
		options: o,
	}
	req, err := c.newRequest(s, e, o) //nolint:contextcheck // s is ctx with the call in it
	if err != nil {
		return exchanged{err: e.refuse(err)}
	}
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
		ex.err = withContextError(ex.err, ctx.Err())
	}
	return ex
}

// newRequest builds the request of a call, or says what is wrong with it.
func (c *Client) newRequest(ctx context.Context, e endpoint, o *callOptions) (*retryablehttp.Request, error) {
	if o.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidInput, o.err)
	}
	path := e.route
	if e.id != nil {
		segment, err := escapeID(*e.id)
		if err != nil {
			return nil, err
		}
		path = strings.Replace(path, "{id}", segment, 1)
	}
	rawQuery, err := c.encodeQuery(e, o)
	if err != nil {
		return nil, err
	}
	body, err := e.encodeBody()
	if err != nil {
		return nil, err
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("%w: the path cannot be parsed", ErrInvalidInput)
	}
	u := *c.core.base
	if e.raw || u.RawPath != "" || plain != path {
		u.RawPath = u.EscapedPath() + path
	}
	u.Path += plain
	u.RawQuery = rawQuery
	req := (&http.Request{
		Method: e.method, URL: &u, Header: http.Header{}, // what is there net/http's client would copy: see newHeader
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	retryable := &retryablehttp.Request{Request: req}
	if body != nil {
		err = retryable.SetBody(body)
	}
	return retryable, err
}

// newHeader is the header of one attempt.
func (c *core) newHeader(o *callOptions, hasBody bool) http.Header {
	header := make(http.Header, len(o.header)+4)
	for name, values := range o.header {
		header[name] = slices.Clone(values)
	}
	own := [...]string{"application/json", c.apiKey(), c.userAgent, "application/json"}
	header["Accept"], header["Authorization"] = own[0:1:1], own[1:2:2]
	if header.Get("User-Agent") == "" {
		header["User-Agent"] = own[2:3:3]
	}
	if hasBody {
		header["Content-Type"] = own[3:4:4]
	}
	return header
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

// actingUser returns the acting user of a call with these options.
func (c *Client) actingUser(opts []RequestOption) (ID, error) {
	o := applyOptions(opts)
	return c.actAs(&o)
}

func (c *Client) actAs(o *callOptions) (ID, error) {
	id := c.userID
	if o.asUser != nil {
		id = *o.asUser
	}
	if id == "" {
		return "", fmt.Errorf("%w: no acting user: the API wants a user_id with this call; "+
			"give WithUserID to NewClient, or use Client.ForUser or AsUser (Users.List tells the ids)", ErrInvalidInput)
	}
	return id, nil
}

// escapeID makes an id one segment of a path, or says why it cannot be.
func escapeID(id ID) (string, error) {
	switch id {
	case "":
		return "", fmt.Errorf("%w: the id is empty", ErrInvalidInput)
	case ".", "..":
		return "", fmt.Errorf("%w: the id %q would change the path", ErrInvalidInput, string(id))
	}
	return url.PathEscape(string(id)), nil
}

// checkPath refuses paths that could leave the API: the key would go with them.
func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("%w: the path must start with a slash and be relative to the base URL", ErrInvalidInput)
	case strings.HasPrefix(path, "//"):
		return fmt.Errorf("%w: a path that starts with // names another host", ErrInvalidInput)
	case strings.ContainsAny(path, "?#"):
		return fmt.Errorf("%w: the path may have no query or fragment: use the query argument", ErrInvalidInput)
	}
	for segment := range strings.SplitSeq(path, "/") {
		text, err := url.PathUnescape(segment)
		if err != nil {
			return fmt.Errorf("%w: the path is not escaped rightly: use url.PathEscape on each segment", ErrInvalidInput)
		}
		if text == "." || text == ".." {
			return fmt.Errorf("%w: the path may have no segment %q", ErrInvalidInput, text)
		}
		if strings.ContainsFunc(segment, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
			return fmt.Errorf("%w: the path has a blank, a backslash or a control character: use url.PathEscape on each segment", ErrInvalidInput)
		}
	}
	return nil
}

// encodeQuery is the query of a call, with the acting user.
func (c *Client) encodeQuery(e endpoint, o *callOptions) (string, error) {
	values, err := queryValues(e.query)
	if err != nil || e.anonymous {
		return values.Encode(), err
	}
	id, err := c.actAs(o)
	if err != nil {
		return "", err
	}
	if values.Has("user_id") {
		return "", fmt.Errorf("%w: the query has a user_id: use AsUser", ErrInvalidInput)
	}
	if len(values) == 0 {
		return "user_id=" + url.QueryEscape(string(id)), nil
	}
	values.Set("user_id", string(id))
	return values.Encode(), nil
}

func queryValues(q any) (url.Values, error) {
	switch q := q.(type) {
	case nil:
		return url.Values(nil), nil
	case url.Values:
		values := make(url.Values, len(q)+1)
		for key, list := range q {
			values[key] = slices.Clone(list)
		}
		return values, nil
	default:
		values, err := query.Values(q)
		if err != nil {
			return nil, fmt.Errorf("%w: the query: %w", ErrInvalidInput, err)
		}
		return values, nil
	}
}

// encodeBody encodes the body, in the envelope of a single record where there is one.
func (e endpoint) encodeBody() ([]byte, error) {
	if e.body == nil {
		return nil, nil
	}
	if e.envelope.singular != "" {
		body, err := encodeInput(e.body)
		if err != nil {
			return nil, err
		}
		return slices.Concat([]byte(`{"`+e.envelope.singular+`":`), body, []byte("}")), nil
	}
	encode := marshalJSON
	if e.raw {
		encode = marshalForeign
	}
	body, err := encode(e.body)
	return body, bodyError(err)
}

// encodeInput encodes what a record is created or updated with.
func encodeInput(in any) (json.RawMessage, error) {
	body, err := marshalJSON(in)
	if err == nil && string(body) == "{}" {
		return nil, fmt.Errorf("%w: no field is set: use Set or Null on at least one", ErrInvalidInput)
	}
	return body, bodyError(err)
}

func bodyError(err error) error {
	if err == nil {
		return nil
	}
	if cause := inputError(err); cause != nil {
		return cause
	}
	return fmt.Errorf("%w: the body cannot be encoded: %w", ErrInvalidInput, err)
}

// listQuery is ListOptions as sent.
type listQuery struct {
	From string `url:"from"`
	To   string `url:"to"`
}

// listTime is RFC 3339 in UTC with milliseconds: the reference says <datetime> only.
const listTime = "2006-01-02T15:04:05.000Z"

// bounded gives the query of a list its bounds.
func (e endpoint) bounded(now time.Time) (endpoint, error) {
	list, ok := e.query.(ListOptions)
	if !ok {
		return e, nil
	}
	q, err := list.query(now)
	if err != nil {
		return e, e.refuse(err)
	}
	e.query = q
	return e, nil
}

// query bounds the list on both sides and rounds outwards.
func (l ListOptions) query(now time.Time) (listQuery, error) {
	from, to := l.From, l.To
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if to.IsZero() {
		to = now.Add(24 * time.Hour)
	}
	if from.After(to) {
		return listQuery{}, fmt.Errorf("%w: From (%s) is after To (%s)", ErrInvalidInput, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	to = to.Add(time.Millisecond - time.Nanosecond)
	return listQuery{From: from.UTC().Format(listTime), To: to.UTC().Format(listTime)}, nil
}
