package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// ListOptions bounds a list by the time of the last update. The zero value lists
// everything: from the epoch until tomorrow.
type ListOptions struct {
	// From is the earliest update to list; the zero time means the epoch. It is sent in
	// UTC with milliseconds, rounded down. Whether the API includes the bound itself is
	// not documented: overlap windows rather than rely on it.
	From time.Time
	// To is the latest update to list; the zero time means tomorrow by the clock of this
	// machine. It is sent in UTC with milliseconds, rounded up.
	To time.Time
}

// listTime is RFC 3339 in UTC with milliseconds: the reference says <datetime> only.
const listTime = "2006-01-02T15:04:05.000Z"

// listQuery is ListOptions as sent.
type listQuery struct {
	From string `url:"from"`
	To   string `url:"to"`
}

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

// callMany makes a call that is answered with a list.
func callMany[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption) ([]T, error) {
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

// callStream makes a call that is answered with a list, and hands its records over one by
// one. Each range over it is a call of its own.
func callStream[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption) iter.Seq2[*T, error] {
	opts = slices.Clone(opts) // the caller may append to his own before the loop begins
	return func(yield func(*T, error) bool) {
		e, err := e.bounded(time.Now())
		if err != nil {
			yield(nil, err)
			return
		}
		var (
			v      *T
			beside strays
			more   = true
		)
		next := func() record { v = new(T); return P(v) }
		use := func(res *response) bool {
			if err = c.core.inspect(ctx, e, res, v, beside...); err != nil {
				return false
			}
			beside = nil
			more = yield(v, nil)
			return more
		}
		res, failure := c.each(ctx, e, opts, next, use, beside.add)
		switch {
		case failure != nil:
			err = failure
		case err == nil && more: // what stood behind the list
			err = c.core.inspect(ctx, e, res, (*T)(nil), beside...)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// each makes a call that is answered with a list. It decodes one element after the other
// into what next returns, and calls use after each, until use returns false.
func (c caller) each(ctx context.Context, e endpoint, opts []RequestOption, next func() record, use func(*response) bool, stray func(string, kind)) (*response, error) {
	var (
		body  *streamBody
		items *elements
		last  record
		ok    bool
		bad   error
	)
	advance := func() {
		last = nil
		ok, bad = items.next(func() record { last = next(); return last })
		if ok && bad == nil && items.dec.InputOffset()-body.mark > body.limit { // all of it came with one read
			body.err = ErrResponseTooLarge
			bad = body.err
		}
	}
	e.open = func(b *streamBody) error {
		body, items = b, newStreamElements(b, e.envelope, stray)
		advance()
		if bad != nil && b.failed() {
			return body.failure(c.core.redact, 1, last, items.dec.UnreadBuffer())
		}
		return nil
	}
	if _, err := c.send(ctx, e, opts); err != nil {
		return nil, err
	}
	defer body.close()
	for n := 1; ; n++ {
		switch {
		case bad != nil && body.failed():
			return body.res, &callError{e.method, e.route, body.failure(c.core.redact, n, last, items.dec.UnreadBuffer())}
		case errors.Is(bad, ErrPartialResults):
			return body.res, e.refuse(bad)
		case bad != nil:
			return body.res, e.undecodable(c.core, body.res, fmt.Errorf("record %d: %w", n, bad))
		case !ok || !use(body.res):
			return body.res, nil
		}
		advance()
	}
}

// failure is the error of a body that could not be read to its end: at record number n,
// or beside it where at is nil. unread is what has been read of it.
func (b *streamBody) failure(hide redact.Redactor, n int, at record, unread []byte) error {
	if !errors.Is(b.err, ErrResponseTooLarge) {
		return fmt.Errorf("%w at record %d: %w", errBrokenOff, n, b.err)
	}
	name := "the envelope"
	if r, ok := at.(resource); ok {
		name = fmt.Sprintf("record %d", n)
		if id := cmp.Or(r.identity(), idOfPart(unread)); id != "" {
			name += fmt.Sprintf(" (id %s)", redact.Printable(hide.Text(string(id))))
		}
	}
	return fmt.Errorf("%w: %s is over %d bytes; see WithMaxResponseBytes", ErrResponseTooLarge, name, b.limit)
}
