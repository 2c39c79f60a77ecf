package growthgenius

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"time"
)

// create makes a call that brings a record into being, and finds out what became of it.
func create[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, opts []RequestOption) (*T, error) {
	o := applyOptions(opts)
	a, err := c.newToken(&e, &o)
	if err != nil {
		return nil, e.refuse(err)
	}
	if _, err := c.newRequest(ctx, e, &o); err != nil {
		return nil, e.refuse(err)
	}
	p, err := c.core.creates.begin(a, o.header)
	if err != nil {
		return nil, e.refuse(err)
	}
	if err := c.handOver(a, p, o.beforeCreate); err != nil {
		return nil, e.refuse(err)
	}
	defer c.core.creates.abandon(p)
	for sent, spent, ambiguous := 0, 0, false; ; {
		ex := c.exchange(ctx, e, &o, sent)
		sent = ex.attempts
		v, err := acceptCreated[T, P](ctx, c, e, p, ex)
		if err == nil {
			return v, nil
		}
		unanswered := ex.ambiguous || ex.err == nil // a success that cannot be read, too
		if ambiguous = ambiguous || unanswered; !ambiguous {
			c.core.creates.drop(p)
			return nil, err
		}
		c.core.creates.land(p)
		result, row, seen := inconclusive, rawRow(nil), []ID(nil)
		if decode, ok := errors.AsType[*DecodeError](err); ctx.Err() == nil && !c.core.readBack.Disabled && !(ok && decode.strict) {
			result, row, seen, _ = c.look(ctx, p, c.core.readBack.ReplayAfter > 0)
		}
		switch {
		case result == found:
			return fromRow[T, P](ctx, c, e, row)
		case unanswered && result == absent && c.core.readBack.ReplayAfter > 0 && !o.noRetry && sent < c.core.retry.MaxAttempts && ctx.Err() == nil && c.core.budget.take(&spent):
			c.core.warnCreate(ctx, e, "creating again what a complete list does not have")
			c.core.creates.fly(p)
		default:
			return nil, c.unknown(ctx, p, seen, err)
		}
	}
}

// handOver gives the token of a create to the caller, if he wants it. An error of fn, or a
// panic, and nothing is sent.
func (c *Client) handOver(a CreateToken, p *pending, fn func(CreateToken) error) error {
	if fn == nil {
		return nil
	}
	taken := false
	defer func() {
		if !taken {
			c.core.creates.drop(p)
		}
	}()
	if err := fn(a); err != nil {
		return fmt.Errorf("BeforeCreate refused: %w", err)
	}
	taken = true
	return nil
}

// acceptCreated is the record in the answer to a create, if that tells what was created.
func acceptCreated[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, p *pending, ex exchanged) (*T, error) {
	if ex.err != nil {
		return nil, ex.err
	}
	v, err := decodeOne[T, P](ctx, c, e, ex.res)
	if err != nil {
		return nil, err
	}
	var row rawRow // as sent: the null of another record is not an absent field
	items := newElements(ex.res.body, e.envelope, func(string, kind) {})
	defer items.done()
	_, _ = items.next(func() record { return &row })
	other := contradicts(p.token.Resource, p.content, row) || c.core.predates(row, p)
	if !c.core.creates.answered(p, P(v).identity(), other) {
		return nil, e.undecodable(c.core, ex.res, errors.New("the answer is another record than the one created"))
	}
	return v, nil
}

// predates reports whether a record stood there before the create began. One that is
// much older is no twin mistaken for it: a canned answer of somebody's test, or a server
// whose clock means nothing.
func (c *core) predates(row rawRow, p *pending) bool {
	made := row.time("created_at")
	if made.IsZero() || !c.clock.bounds().known {
		return false
	}
	age := c.serverStart(p).Sub(made)
	return age > skewMargin+time.Second && age < longAgo
}

// rowOf is a record's value of some fields, as JSON.
func rowOf(r record, fields ...string) rawRow {
	v := reflect.ValueOf(r.fields()).Elem()
	s, row := schemaOf(v.Type()), rawRow{}
	for _, name := range fields {
		if i, ok := s.index[name]; ok {
			if raw, err := marshalJSON(v.Field(i).Interface()); err == nil {
				row[name] = raw
			}
		}
	}
	return row
}

// fromRow is the record of a row that a list showed.
func fromRow[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, row rawRow) (*T, error) {
	raw, err := marshalJSON(map[string]json.RawMessage(row))
	v := new(T)
	if err == nil {
		err = unmarshalRecord(raw, P(v))
	}
	if err != nil { // it was decoded to be compared, so this cannot be
		return nil, e.refuse(err)
	}
	_ = c.core.inspect(ctx, e, &response{}, v) // logs what is odd; the create has happened, so that fails nothing
	return v, nil
}

// warnCreate logs what befell a create.
func (c *core) warnCreate(ctx context.Context, e endpoint, what string) {
	if c.logger != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: "+what, slog.String("method", e.method), slog.String("route", e.route))
	}
}

const outcomeUnknown = "outcome unknown"

// unknown is the error of a create that nothing could be found out about.
func (c *Client) unknown(ctx context.Context, p *pending, seen []ID, last error) error {
	e := resources[p.token.Resource]
	e.method = http.MethodPost
	c.core.warnCreate(ctx, e, outcomeUnknown)
	return &OutcomeUnknownError{Token: c.core.creates.park(p, seen, c.core.clock.bounds()), Last: last, ctxErr: ctx.Err()}
}

// unknownForGood is the error of a raw call that has no list to be looked for in.
func (c *Client) unknownForGood(ctx context.Context, e endpoint, last, ctxErr error) error {
	c.core.warnCreate(ctx, e, outcomeUnknown)
	return &OutcomeUnknownError{Last: last, ctxErr: ctxErr}
}

// resolve finds out what became of an earlier create.
func resolve[T any, P resourceOf[T]](ctx context.Context, c *Client, e endpoint, a CreateToken, opts []RequestOption) (*T, error) {
	o := applyOptions(opts)
	if o.err != nil {
		return nil, e.refuse(fmt.Errorf("%w: %w", ErrInvalidInput, o.err))
	}
	switch a.t.Resource {
	case e.envelope.singular:
	case "":
		return nil, e.refuse(fmt.Errorf("%w: the CreateToken is empty: it comes from BeforeCreate or an OutcomeUnknownError", ErrInvalidInput))
	default:
		return nil, e.refuse(fmt.Errorf("%w: the CreateToken is of a %s, not of a %s", ErrInvalidInput, a.t.Resource, e.envelope.singular))
	}
	if id, ok := c.core.creates.outcome(a.t); ok { // it was answered, or asked for before
		v, err := one[T, P](ctx, c.ForUser(a.t.UserID), endpoint{method: http.MethodGet, route: e.route + "/{id}", id: &id, envelope: e.envelope}, []RequestOption{withHeaders(headersText(o.header))})
		if err != nil { // a 404 too: nobody may take that for leave to create it again
			return nil, &OutcomeUnknownError{Token: a, Last: fmt.Errorf("it was created under a known id, which cannot be read now: %w", err), ctxErr: ctx.Err()}
		}
		return v, nil
	}
	p, err := c.core.creates.adopt(a.t, o.header)
	if err != nil {
		return nil, e.refuse(fmt.Errorf("%w: the CreateToken cannot be read: %w", ErrInvalidInput, err))
	}
	if p == nil {
		e.method = http.MethodPost
		c.core.warnCreate(ctx, e, outcomeUnknown)
		return nil, &OutcomeUnknownError{Token: a, Last: errors.New("the call that creates it is still under way")}
	}
	result, row, seen, err := c.look(ctx, p, true)
	switch result {
	case found:
		return fromRow[T, P](ctx, c, e, row)
	case absent:
		c.core.creates.drop(p)
		return nil, e.refuse(fmt.Errorf("%w: a complete list does not have it, so the create did not happen", ErrNotFound))
	default:
		return nil, c.unknown(ctx, p, seen, err)
	}
}
