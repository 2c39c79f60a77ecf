package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/growthgenius/growthgenius-go/internal/whole"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// ListOptions bounds a list by the time of the last update. The zero value lists
// everything.
//
// Times are sent in UTC with milliseconds. Whether the API includes the bounds is not
// documented, so periods that are read one after the other should overlap.
type ListOptions struct {
	// From is the time of the earliest update to list, rounded down. The zero time means
	// the Unix epoch.
	From time.Time
	// To is the time of the latest update to list, rounded up. The zero time means no
	// bound: the end of 2037 is sent or, from 2036 on, two years from now. The clock of
	// this machine may be behind that of the API.
	To time.Time
}

// farTime is later than all updates that an API can have, whatever this machine's clock
// says. The last year that fits into 32-bit seconds is far enough for now: servers that
// count so may take a later time for a past one. A clock that is behind by two years could
// not make a connection, since the certificates of the API would not be valid yet.
func farTime(now time.Time) time.Time {
	far := time.Date(2037, 12, 31, 0, 0, 0, 0, time.UTC)
	if later := now.AddDate(2, 0, 0); later.After(far) {
		return later
	}
	return far
}

// listTime is RFC 3339 in UTC with milliseconds. The reference says only <datetime>.
const listTime = "2006-01-02T15:04:05.000Z"

// listQuery is ListOptions as sent.
type listQuery struct {
	From string `url:"from"`
	To   string `url:"to"`
}

// bounded sets the bounds in the query of a list. Other endpoints it returns unchanged.
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

// query returns the bounds as sent. It always has both, and rounds them outwards.
func (l ListOptions) query(now time.Time) (listQuery, error) {
	from, to := l.From, l.To
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if to.IsZero() {
		to = farTime(now)
	}
	if from.After(to) {
		return listQuery{}, fmt.Errorf("%w: From (%s) is after To (%s)",
			ErrInvalidInput, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	to = to.Add(time.Millisecond - time.Nanosecond)
	return listQuery{From: from.UTC().Format(listTime), To: to.UTC().Format(listTime)}, nil
}

// callMany makes a call and decodes the list in its response. If the response says that it
// is not the whole list, the records that it has are returned beside ErrPartialResults.
func callMany[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption) (list []T, err error) {
	given := e
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	e, err = e.bounded(time.Now())
	if err != nil {
		return nil, err
	}
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return nil, err
	}
	defer res.Release()
	found, err := decodeMany[T, P](ctx, c, e, res, true)
	if err != nil {
		return found, err
	}
	s := suspicion{count: len(found)}
	if s.roused() {
		s.count = 0
		for i := range found {
			s.add(P(&found[i]))
		}
	}
	return found, unlessCut[T, P](ctx, c, given, opts, &s, res.Header)
}

// suspicion is what is remembered of a list until it is known whether its length is a usual
// limit.
type suspicion struct {
	count int
	seed  maphash.Seed
	known map[uint64]struct{} // the hashes of ids
	times []time.Time         // of some of the records
	every int                 // how many records there are for each of them
	last  time.Time           // the latest
}

const (
	minSuspect = 20 // the length of the shortest lists that are suspected
	maxSuspect = 10_000
	maxTimes   = 512 // of a list that are remembered
)

// roused reports whether the length is suspicious. Other lists cost nothing more.
func (s *suspicion) roused() bool {
	return s.count >= minSuspect && s.count <= maxSuspect && whole.Round(s.count)
}

func (s *suspicion) add(v resource) {
	s.count++
	if s.count > maxSuspect {
		s.known, s.times = nil, nil
		return
	}
	if s.known == nil {
		s.seed, s.known, s.every = maphash.MakeSeed(), map[uint64]struct{}{}, 1
	}
	row := listRow(v)
	s.known[maphash.String(s.seed, row.ID)] = struct{}{}
	if row.At.After(s.last) {
		s.last = row.At
	}
	if row.At.IsZero() || s.count%s.every != 0 {
		return
	}
	s.times = append(s.times, row.At)
	if len(s.times) == maxTimes { // keep each second one
		for i := range maxTimes / 2 {
			s.times[i] = s.times[2*i]
		}
		s.times, s.every = s.times[:maxTimes/2], 2*s.every
	}
}

// has reports whether the list had a record.
func (s *suspicion) has(id string) bool {
	_, ok := s.known[maphash.String(s.seed, id)]
	return ok
}

// unlessCut returns ErrPartialResults if a list between two times was cut short without
// saying so. Only a list whose length is a round number, and which is as long as any other,
// is read again for that.
func unlessCut[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption, s *suspicion, head http.Header) error {
	l, ok := e.query.(ListOptions)
	if !ok || c.core.readBack.Longest().Saw(e.route, s.count) > s.count || !s.roused() {
		return nil
	}
	list := whole.List{From: l.From, To: l.To, Count: s.count, Known: s.has, Times: s.times}
	if list.From.IsZero() {
		list.From = time.Unix(0, 0)
	}
	// What was updated since may be new.
	last, err := http.ParseTime(head.Get("Date"))
	last = last.Add(-defaultLag)
	if err != nil || s.last.After(last) {
		last = s.last
	}
	if list.To.IsZero() || list.To.After(last) {
		list.To = last
	}
	if !list.From.Before(list.To) {
		return nil
	}
	opts = append(slices.Clone(opts), CaptureResponse(nil))
	verdict, err := whole.Check(list, func(from, to time.Time, most int) ([]whole.Row, error) {
		rows, _, err := rowsOf[T, P](ctx, c, e, ListOptions{From: from, To: to}, opts, most)
		return rows, err
	})
	switch {
	case err != nil:
		return err
	case verdict == whole.Cut || verdict == whole.Doubtful:
		return e.refuse(&cutError{count: s.count, doubt: verdict == whole.Doubtful})
	default:
		return nil
	}
}

// defaultLag is how long the API may take to show an update in its lists: a guess.
const defaultLag = time.Minute

// callStream returns an iterator over the list in the response of a call. Each range over
// it makes the call.
func callStream[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption) iter.Seq2[*T, error] {
	opts = slices.Clone(opts) // the caller may change opts before iterating
	return func(yield func(*T, error) bool) {
		given := e
		e, err := e.bounded(time.Now())
		if err != nil {
			yield(nil, err)
			return
		}
		var (
			v      *T
			beside wire.Strays
			more   = true
			s      suspicion
		)
		next := func() any { v = new(T); return v }
		use := func(res *engine.Response, _ int64) bool {
			if err = c.core.inspect(ctx, e, res, v, beside...); err != nil {
				return false
			}
			beside = nil
			s.add(P(v))
			more = yield(v, nil)
			return more
		}
		res, failure := c.each(ctx, e, opts, next, use, beside.Add)
		switch {
		case failure != nil:
			err = failure
		case err == nil && more: // report what was behind the list
			if err = c.core.inspect(ctx, e, res, (*T)(nil), beside...); err == nil {
				err = unlessCut[T, P](ctx, c, given, opts, &s, res.Header)
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// cutError means that a list lacks records. middle is a time near the middle of those that
// it has, if they have times.
type cutError struct {
	count  int
	doubt  bool
	middle time.Time
}

func (e *cutError) Error() string {
	if e.doubt {
		return fmt.Sprintf("%v: the list may have been cut short: it has %d records, and no list has more", ErrPartialResults, e.count)
	}
	return fmt.Sprintf("%v: the list was cut short after %d records: another list shows one that it lacks", ErrPartialResults, e.count)
}

// Unwrap returns ErrPartialResults.
func (e *cutError) Unwrap() error { return ErrPartialResults }

// dated is a record that says when it was updated, or about when.
type dated interface{ changed() time.Time }

// listRow returns what matters of a record to whether its list is whole.
func listRow(v resource) whole.Row {
	row := whole.Row{ID: string(v.identity())}
	if d, ok := v.(dated); ok {
		row.At = d.changed()
	}
	return row
}

// rowsOf reads a list, but no more than most rows of it unless that is 0. It returns the
// head of the response too.
func rowsOf[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, l ListOptions, opts []RequestOption, most int) (rows []whole.Row, head http.Header, err error) {
	e.query = l
	e, err = e.bounded(time.Now())
	if err != nil {
		return nil, nil, err
	}
	var v *T
	use := func(*engine.Response, int64) bool {
		rows = append(rows, listRow(P(v)))
		return most == 0 || len(rows) < most
	}
	res, err := c.each(ctx, e, opts, func() any { v = new(T); return v }, use, func(string, wire.Kind) {})
	if res != nil {
		head = res.Header
	}
	return rows, head, err
}

// errBrokenOff means that a streamed response ended early, after its first element.
var errBrokenOff = errors.New("the response broke off")

// streamed is a list that is being read.
type streamed struct {
	body  *engine.Body
	items *wire.Reader
	next  func() any // returns what to decode the next record into
	last  any        // what the last record was decoded into
	ok    bool       // there was a record
	bad   error      // why there was none, or why it is not valid
}

// advance decodes the next record.
func (s *streamed) advance() {
	s.last = nil
	s.ok, s.bad = s.items.Next(func() any { s.last = s.next(); return s.last })
	if s.ok && s.bad == nil {
		s.bad = s.body.End(s.items.Offset())
	}
	if r, ok := s.last.(resource); ok && s.ok && s.bad == nil && r.identity() == "" {
		s.bad = errNoID
	}
}

// each makes a call and decodes the list in its response, one element at a time. It
// decodes each element into what next returns, and then calls use with how much of the body
// was decoded, until use returns false.
func (c caller) each(ctx context.Context, e endpoint, opts []RequestOption, next func() any, use func(res *engine.Response, read int64) bool, stray wire.Stray) (res *engine.Response, err error) {
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	s := streamed{next: next}
	e.open = func(b *engine.Body) error {
		s.body, s.items = b, wire.NewStream(b, e.envelope, stray, b.Begin)
		s.items.ExpectList(b.Response().Extent())
		s.advance()
		if s.bad != nil && b.Err() != nil {
			return c.core.unread(&s, 1)
		}
		return nil
	}
	res, err = c.send(ctx, e, opts)
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
			return res, e.undecodable(c.core, res, fmt.Errorf("record %d: %w", n, cmp.Or(res.Unreadable, s.bad)))
		case !s.ok:
			if e.doubt != nil && s.items.Doubtful() {
				e.doubt()
			}
			return res, nil
		case !use(res, s.items.Offset()):
			return res, nil
		}
		s.advance()
	}
}

// unread returns the error of a body that could not be read to its end. The error
// occurred in record number n, or outside the records.
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
