package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/growthgenius/growthgenius-go/internal/wire"
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
	defer res.Release()
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
			beside wire.Strays
			more   = true
		)
		next := func() any { v = new(T); return v }
		use := func(res *engine.Response) bool {
			if err = c.core.inspect(ctx, e, res, v, beside...); err != nil {
				return false
			}
			beside = nil
			more = yield(v, nil)
			return more
		}
		res, failure := c.each(ctx, e, opts, next, use, beside.Add)
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

// errBrokenOff is a streamed response that ended early, after its first element.
var errBrokenOff = errors.New("the answer broke off")

// streamed is a list that is being read.
type streamed struct {
	body  *engine.Body
	items *wire.Reader
	next  func() any // returns what the next record is decoded into
	last  any        // what the last one was decoded into
	ok    bool       // there was one
	bad   error
}

// advance decodes the next record.
func (s *streamed) advance() {
	s.last = nil
	s.ok, s.bad = s.items.Next(func() any { s.last = s.next(); return s.last })
	if s.ok && s.bad == nil {
		s.bad = s.body.End(s.items.Offset())
	}
}

// each makes a call that is answered with a list. It decodes one element after the other
// into what next returns, and calls use after each, until use returns false.
func (c caller) each(ctx context.Context, e endpoint, opts []RequestOption, next func() any, use func(*engine.Response) bool, stray wire.Stray) (*engine.Response, error) {
	s := streamed{next: next}
	e.open = func(b *engine.Body) error {
		s.body, s.items = b, wire.NewStream(b, e.envelope, stray, b.Begin)
		s.advance()
		if s.bad != nil && b.Err() != nil {
			return c.core.unread(&s, 1)
		}
		return nil
	}
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return nil, err
	}
	defer s.body.Close()
	for n := 1; ; n++ {
		switch {
		case s.bad != nil && s.body.Err() != nil:
			return res, e.refuse(c.core.unread(&s, n))
		case errors.Is(s.bad, ErrPartialResults):
			return res, e.refuse(s.bad)
		case s.bad != nil:
			return res, e.undecodable(c.core, res, fmt.Errorf("record %d: %w", n, s.bad))
		case !s.ok || !use(res):
			return res, nil
		}
		s.advance()
	}
}

// unread is the error of a body that could not be read to its end: within record number n,
// or beside the records.
func (c *core) unread(s *streamed, n int) error {
	err := s.body.Err()
	if !errors.Is(err, ErrResponseTooLarge) {
		return fmt.Errorf("%w at record %d: %w", errBrokenOff, n, err)
	}
	name := "the envelope"
	if r, ok := s.last.(resource); ok {
		name = fmt.Sprintf("record %d", n)
		if id := cmp.Or(r.identity(), ID(s.items.UnreadID())); id != "" {
			name += fmt.Sprintf(" (id %s)", redact.Printable(c.redact.Text(string(id))))
		}
	}
	return fmt.Errorf("%w: %s is over %d bytes; see WithMaxResponseBytes", ErrResponseTooLarge, name, c.maxBytes)
}
