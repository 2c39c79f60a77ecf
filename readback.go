package growthgenius

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// createOne sends a create and determines its outcome.
func createOne[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, o *callOptions) (v *T, err error) {
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	token, err := c.newToken(&e, o)
	if err == nil {
		_, err = e.build(c.core.base, c.userID, o)
	}
	if err != nil {
		return nil, e.refuse(err)
	}
	var (
		created *T
		spent   int
		refused bool // by the caller's BeforeCreate
	)
	row, err := c.core.readBack.Create(ctx, readback.Creation{
		Token: token,
		List:  e.listed(o.header),
		HandOver: func(t readback.Token) error {
			err := o.handOver(CreateToken{t})
			refused = err != nil
			return err
		},
		Send: func(ctx context.Context, sent int, leave func() error) readback.Answer {
			var answer readback.Answer
			e.leave = leave
			if check := o.leaving; check != nil {
				e.leave = func() error {
					if err := check(); err != nil {
						return err
					}
					if err := leave(); err != nil {
						return err
					}
					return check() // leave may have taken a while
				}
			}
			created, answer = sendCreate[T, P](ctx, c, e, o, sent)
			return answer
		},
		MayRepeat: func(sent int) bool {
			return !o.noRetry && sent < c.core.maxAttempts && c.core.budget.Take(&spent)
		},
	})
	switch unknown, ok := errors.AsType[*readback.UnknownError](err); {
	case refused:
		return nil, e.refuse(err)
	case ok:
		return nil, e.unknown(ctx, unknown.Token, unknown.Last, c.core.named(unknown.Lists))
	case err != nil:
		return nil, err
	case row != nil:
		return fromRow[T, P](ctx, c, e, row)
	default:
		return created, nil
	}
}

// sendCreate sends a create, and decodes the record in its response.
func sendCreate[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, o *callOptions, sent int) (*T, readback.Answer) {
	ex := c.exchange(ctx, e, o, sent)
	answer := readback.Answer{Err: ex.err, Ambiguous: ex.ambiguous, Sent: ex.attempts}
	if ex.err != nil {
		return nil, answer
	}
	v, err := decodeOne[T, P](ctx, c, e, ex.res)
	row := rowIn(ex.res, e)
	if err == nil && !isNewID(P(v).identity(), row["id"]) {
		err = e.undecodable(c.core, ex.res, fmt.Errorf("the record has the id %s, which is not a valid one", shownID(string(P(v).identity()))))
	}
	if err != nil {
		decode, ok := errors.AsType[*DecodeError](err)
		answer.Err, answer.Ambiguous, answer.Settled = err, true, ok && decode.strict
		return nil, answer
	}
	answer.ID, answer.Row = wire.ID(P(v).identity()), row
	c.core.noteStamp(v, ex.res)
	answer.Other = func() error {
		return e.undecodable(c.core, ex.res, fmt.Errorf("the response describes another record, with the id %s, than the one created", shownID(string(answer.ID))))
	}
	return v, answer
}

// isNewID reports whether a record that was just created can have an id. Servers and proxies
// respond with 0, -1 or a number that is not an integer if they have none. raw is the id as
// the response has it.
func isNewID(id ID, raw json.RawMessage) bool {
	if n, ok := wire.ID(id).Number(); ok {
		return n > 0
	}
	return wire.KindOf(raw) == wire.KindText && !strings.HasPrefix(string(id), "-")
}

// resolveOne determines the outcome of an earlier create.
func resolveOne[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, token CreateToken, opts []RequestOption) (*T, error) {
	o := applyOptions(opts)
	refuse := endpoint{route: resolverOf(e.envelope.Singular)}.refuse
	if err := e.checkToken(token, &o); err != nil {
		return nil, refuse(err)
	}
	if id, ok := c.core.readBack.Outcome(token.t); ok { // its response named it, or an earlier Resolve found it
		v, err := callOne[T, P](ctx, c.as(ID(token.t.UserID)), endpoint{
			method: http.MethodGet, route: e.route + "/{id}", id: ID(id), envelope: e.envelope,
		}, []RequestOption{withHeaders(headersText(o.header))})
		if err != nil { // including a 404: it does not mean that the record may be created again
			return nil, e.unresolved(ctx, token.t, fmt.Errorf("it was created with a known id, which cannot be read now: %w", err))
		}
		return v, nil
	}
	row, err := c.core.readBack.Resolve(ctx, token.t, e.listed(o.header))
	switch unknown, ok := errors.AsType[*readback.UnknownError](err); {
	case ok:
		return nil, e.unresolved(ctx, unknown.Token, c.core.named(unknown.Last))
	case errors.Is(err, readback.ErrUnderWay):
		return nil, e.unresolved(ctx, token.t, err)
	case errors.Is(err, readback.ErrAbsent):
		return nil, refuse(fmt.Errorf("%w: %w", ErrNotFound, err))
	case err != nil:
		return nil, refuse(fmt.Errorf("%w: the CreateToken cannot be read: %w", ErrInvalidInput, err))
	default:
		return fromRow[T, P](ctx, c, e, row)
	}
}

// serviceOf returns the service of a resource: "Contacts".
func serviceOf(resource string) string { return strings.ToUpper(resource[:1]) + resource[1:] + "s" }

// resolverOf returns the method that resolves the creates of a resource: "Contacts.Resolve".
func resolverOf(resource string) string { return serviceOf(resource) + ".Resolve" }

// maxNamed is how many records an error names.
const maxNamed = 10

// named adds the ids to an error about records that may be the one of a create, so that a
// person can look at them.
func (c *core) named(err error) error {
	alike, ok := errors.AsType[*readback.AlikeError](err)
	if !ok {
		return err
	}
	var ids []string
	for _, id := range alike.IDs[:min(len(alike.IDs), maxNamed)] {
		ids = append(ids, shownID(c.redact.Text(string(id))))
	}
	if more := len(alike.IDs) - len(ids); more > 0 {
		ids = append(ids, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%w (ids %s): compare them with what was sent", err, strings.Join(ids, ", "))
}

// checkToken returns an error if a token cannot be resolved by this call.
func (e endpoint) checkToken(token CreateToken, o *callOptions) error {
	switch {
	case o.err != nil:
		return fmt.Errorf("%w: %w", ErrInvalidInput, o.err)
	case token.t.Resource == "":
		return fmt.Errorf("%w: the CreateToken is empty: it comes from BeforeCreate or an OutcomeUnknownError", ErrInvalidInput)
	case token.t.Resource != e.envelope.Singular:
		return fmt.Errorf("%w: the CreateToken is of a %s, not of a %s", ErrInvalidInput, token.t.Resource, e.envelope.Singular)
	default:
		return nil
	}
}

// unknown is the error of a create whose outcome is not known. e lists its records, or
// creates one. lists is why the lists did not settle it, unless last is that.
func (e endpoint) unknown(ctx context.Context, token readback.Token, last, lists error) *OutcomeUnknownError {
	return &OutcomeUnknownError{
		Token: CreateToken{token}, Last: last, lists: lists, next: resolverOf(token.Resource) + " with the Token of this error",
		call: about{method: http.MethodPost, route: e.route}, ctxErr: ctx.Err(),
	}
}

// Repeatable reports whether the same call may be made again: it finds out what became of
// the create before it sends anything. That is so for a create with [Once], for a Resolve,
// and for an Upsert of a client with a ledger ([WithLedger]). Any other create could be
// carried out twice.
func (e *OutcomeUnknownError) Repeatable() bool { return e.repeatable }

// RetryAfter returns how long the API asked the program to wait: the longest
// [APIError].RetryAfter, with status 429, 503 or 403, of the create and of the lists that were
// searched for its record. It is 0 if the API did not ask to wait.
func (e *OutcomeUnknownError) RetryAfter() time.Duration {
	var longest time.Duration
	for _, err := range []error{e.Last, e.lists} {
		api, ok := errors.AsType[*APIError](err)
		if !ok {
			continue
		}
		switch api.StatusCode {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusForbidden:
			longest = max(longest, api.RetryAfter)
		}
	}
	return longest
}

// unresolved is the error of a Resolve that did not settle a create.
func (e endpoint) unresolved(ctx context.Context, token readback.Token, last error) error {
	unknown := e.unknown(ctx, token, last, nil)
	unknown.repeatable = true
	return unknown
}

// fromRow decodes a record that a list showed.
func fromRow[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, row match.Row) (*T, error) {
	raw, err := wire.MarshalVerbatim(map[string]json.RawMessage(row))
	v := new(T)
	if err == nil {
		err = wire.UnmarshalRecord(raw, P(v))
	}
	if err != nil { // it was decoded to be compared, so this cannot fail
		return nil, e.refuse(err)
	}
	_ = c.core.inspect(ctx, e, &engine.Response{}, v) // logs what is unexpected, and fails nothing: the create has happened
	return v, nil
}

// markable is an input that has room for a marker.
type markable interface {
	// marked returns the input with a unique marker in the field, and the marker.
	marked(field string) (input any, marker string, err error)
}

// newToken makes the token of a create, and encodes its body, with the marker in it.
func (c caller) newToken(e *endpoint, o *callOptions) (readback.Token, error) {
	userID, err := actingUser(c.userID, o)
	if err != nil {
		return readback.Token{}, err
	}
	field, marker := "", ""
	if in, ok := e.body.(markable); ok && c.core.markerField != "" {
		field = c.core.markerField
		if e.body, marker, err = in.marked(field); err != nil {
			return readback.Token{}, err
		}
	}
	content, err := encodeInput(e.body)
	if err != nil {
		return readback.Token{}, err
	}
	e.body = content
	token := c.core.readBack.NewToken(e.envelope.Singular, wire.ID(userID), content)
	token.MarkerField, token.Marker = field, marker
	return token, nil
}

// listed is the list in which a create is looked for, read with these headers.
func (e endpoint) listed(h http.Header) readback.List {
	return readback.List{Resource: e.envelope.Singular, Route: e.route, Headers: headersText(h)}
}

// observeReadBack returns what tells the observer of the search for creates, or nil.
func (c *core) observeReadBack() func(context.Context, readback.List, string, time.Duration) {
	if c.observer == nil {
		return nil
	}
	return func(ctx context.Context, l readback.List, result string, d time.Duration) {
		kind := EventReadBack
		if result == readback.Settling {
			kind = EventWait
		}
		if kind == EventWait && d < engine.LeastWait {
			return
		}
		c.observer.event(ctx, Event{kind, http.MethodPost, l.Route, result, d})
	}
}

// lists reads lists for the read-back of creates.
type lists struct{ core *core }

// Read implements [readback.Lists].
func (l lists) Read(ctx context.Context, list readback.List, from, to time.Time, use func(match.Row)) error {
	e := endpoint{
		method: http.MethodGet, route: list.Route,
		envelope: wire.Envelope{Singular: list.Resource, Plural: list.Resource + "s"},
		query:    listQuery{From: from.UTC().Format(listTime), To: to.UTC().Format(listTime)},
		finds:    true,
		doubt:    func() { use(match.Row{}) }, // there may be a record of which nothing is shown
	}
	var row *match.Row
	nameless := 0       // rows without an id, which cannot be told from others
	var garbled wire.ID // of a row with text that cannot be compared
	res, err := caller{l.core, ID(list.User)}.each(ctx, e, []RequestOption{withHeaders(list.Headers)},
		func() any { row = new(match.Row); return row },
		func(*engine.Response, int64) bool {
			if row.ID() == "" {
				nameless++
			} else {
				use(*row)
			}
			if garbled == "" && row.Garbled() {
				garbled = row.ID()
			}
			return true
		},
		func(string, wire.Kind) {})
	if err == nil && nameless > 0 { // the list is not the API's own, or not as documented
		err = e.refuse(fmt.Errorf("%d records of the list have no id", nameless))
	}
	if err == nil && garbled != "" {
		err = e.refuse(fmt.Errorf("the text of record %s in the list is not valid UTF-8", shownID(l.core.redact.Text(string(garbled)))))
	}
	switch {
	case err == nil && (res.IsCached() || res.Status == http.StatusNonAuthoritativeInfo):
		return errors.New("the list is from a cache or a proxy, so it may be old")
	case err == nil:
		return nil
	}
	api, ok := errors.AsType[*APIError](err)
	return &readback.ReadError{
		Err:   err,
		Again: errors.Is(err, ErrDecode) || errors.Is(err, errBrokenOff),
		Final: ok && api.StatusCode < 500 && api.StatusCode != http.StatusTooManyRequests && api.StatusCode != http.StatusRequestTimeout,
	}
}

// headersText encodes a header, or returns "" if it is empty. It leaves out callHeaders.
func headersText(h http.Header) string {
	shared := maps.Clone(h)
	for _, name := range callHeaders {
		delete(shared, name)
	}
	if len(shared) == 0 {
		return ""
	}
	text, _ := wire.MarshalForeign(shared) // strings can be encoded
	return string(text)
}

// withHeaders gives a call the headers that headersText encoded.
func withHeaders(text string) RequestOption {
	return func(o *callOptions) {
		if text != "" {
			_ = wire.UnmarshalForeign([]byte(text), &o.header) // headersText encoded it
		}
	}
}
