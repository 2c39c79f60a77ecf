package growthgenius

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// A create without a usable answer is looked for in the updated-between list around its
// attempt. That list is the API's own record (search is an index, and may lag), and all
// creates that wait for it share one.

// ReadBackPolicy says how a create without a usable answer is looked for. A zero field
// means its default.
type ReadBackPolicy struct {
	// Disabled makes such a create an [*OutcomeUnknownError] at once.
	Disabled bool
	// Settle is how long the API is given to show a record it has created. Default 5s.
	// To prove that a list with other records was not cut short takes 2s at least.
	Settle time.Duration
	// ReplayAfter, where it is not 0, sends the create again once a complete list has not
	// shown the record for that long, or for Settle where that is longer. It trades
	// unknown outcomes for a risk: an API that takes longer than that creates twice.
	ReplayAfter time.Duration
}

func (p ReadBackPolicy) withDefaults() ReadBackPolicy {
	p.Settle = cmp.Or(p.Settle, 5*time.Second)
	return p
}

// window is how long after an attempt absence starts to mean something.
func (p ReadBackPolicy) window() time.Duration { return max(p.Settle, p.ReplayAfter) }

const (
	roundInterval = 750 * time.Millisecond  // between two reads of one list; also turns the phase of the server's second
	busyInterval  = 1500 * time.Millisecond // the same while many wait: more of them share each read
	manyWaiters   = 4
	listMargin    = 2 * time.Second        // Date has whole seconds, and lists may round
	skewMargin    = 10 * time.Second       // a record this much too old might still be the one, by another host's clock
	unknownSkew   = 5 * time.Minute        // the same where nothing is known of the clock of who sent
	latestCommit  = 10 * time.Minute       // a record made this long after the attempt is not its outcome
	longAgo       = 24 * time.Hour         // nobody mistakes a record this old for a new one
	narrowEnough  = 300 * time.Millisecond // of the bounds on the server's clock
	extraRounds   = 3                      // where the last one was inconclusive and absence matters
	maxProofReads = 80                     // of the list, to prove that it is complete
)

// look looks for a create until it is found or until its window ends.
func (c caller) look(ctx context.Context, p *pending, absence bool) (finding, rawRow, []ID, error) {
	begun := time.Now()
	ended := c.core.endedBy(p, begun)
	settled := ended.Add(c.core.readBack.window())
	if settled.Before(begun) {
		settled = begun
	}
	var seen []ID
	var last error
	for n, extra := 0, 0; ; n++ {
		at := begun.Add(pollAt(n))
		final := at.Add(roundInterval).After(settled)
		if final {
			if at = settled; extra > 0 {
				at = time.Now().Add(roundInterval)
			}
		}
		if wait := time.Until(at); wait > 0 {
			if err := pace.Sleep(ctx, wait); err != nil {
				return inconclusive, nil, seen, err
			}
		}
		s, err := c.core.sight(ctx, p, final && absence)
		if err != nil {
			return inconclusive, nil, seen, err
		}
		for _, row := range s.exact {
			seen = append(seen, row.id())
		}
		result, row := c.core.creates.decide(p, s, final)
		if result == found {
			return found, row, seen, nil
		}
		switch {
		case s.err != nil:
			last = s.err
		case len(s.exact)+len(s.near) > 0:
			last = errors.New("the list has records that may be the one, or may be of others")
		case !s.complete:
			last = errors.New("the list may have been cut short, or lag")
		default:
			last = errors.New("the list does not have it yet")
		}
		if refused, ok := errors.AsType[*APIError](s.err); ok && refused.StatusCode < 500 && refused.StatusCode != http.StatusTooManyRequests && refused.StatusCode != http.StatusRequestTimeout {
			return inconclusive, nil, seen, last
		}
		if s.err == nil && !s.trusted && p.token.Marker == "" {
			return inconclusive, nil, seen, errors.New("the list has no Date header, so nothing in it can be placed in time")
		}
		if !final {
			continue
		}
		if result == absent {
			return absent, nil, seen, nil
		}
		if whole := ended.Add(listMargin + c.core.clock.bounds().width()); extra == 0 || !s.began.Before(whole) {
			extra++ // before that what is newest need not be in a list
		}
		if extra > extraRounds || !absence {
			return inconclusive, nil, seen, last
		}
	}
}

// endedBy is the latest that the last request of a create can have ended, by our clock.
func (c *core) endedBy(p *pending, now time.Time) time.Time {
	ended := c.creates.endedAt(p)
	if p.foreign && !p.ended.IsZero() { // by the clock of another machine, or of this one before it was set
		b := c.clock.bounds()
		if p.token.Ahead == nil || !b.known {
			return now
		}
		ended = ended.Add(p.token.Ahead[1] - b.low)
	}
	if ended.After(now) {
		return now
	}
	return ended
}

// pollAt is when list number n is read: soon at first, then less often.
func pollAt(n int) time.Duration {
	if n < 2 {
		return time.Duration(n) * roundInterval
	}
	return roundInterval + time.Duration(n-1)*busyInterval
}

// sighting is what a list showed of one create.
type sighting struct {
	exact    []rawRow
	near     []ID
	began    time.Time // when the read began
	trusted  bool      // the server's clock is known
	narrow   bool      // well enough to tell what was there before
	complete bool      // nothing says that the list was cut short
	err      error
}

type readerKey struct {
	resource string
	user     ID
	headers  string
}

// listReader reads one list for all who wait for it.
type listReader struct {
	mu   sync.Mutex
	next *round
	last time.Time
	gap  time.Duration // to the next read, at least
}

// idle reports whether nobody waits for a reader, or has lately.
func (l *listReader) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next == nil && time.Since(l.last) > time.Minute
}

// round is one read. It ends early when nobody waits for it any more.
type round struct {
	waiters []*pending
	alive   int
	prove   bool // somebody needs to know that the list is complete
	cancel  context.CancelFunc
	done    chan struct{}
	seen    map[*pending]*sighting

	panicked any
}

// sight waits for a list that is read from now on.
func (c *core) sight(ctx context.Context, p *pending, prove bool) (*sighting, error) {
	c.creates.mu.Lock()
	key := readerKey{p.token.Resource, p.token.UserID, p.headers}
	reader := c.creates.readers[key]
	if reader == nil {
		if key.headers != "" { // which may be those of one call
			maps.DeleteFunc(c.creates.readers, func(k readerKey, l *listReader) bool { return k.headers != "" && l.idle() })
		}
		reader = &listReader{}
		c.creates.readers[key] = reader
	}
	c.creates.mu.Unlock()

	reader.mu.Lock()
	r := reader.next
	if r == nil {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r = &round{cancel: cancel, done: make(chan struct{})}
		reader.next = r
		go reader.run(shared, c, key, r)
	}
	r.waiters = append(r.waiters, p)
	r.alive++
	r.prove = r.prove || prove
	reader.mu.Unlock()

	select {
	case <-r.done:
		if r.panicked != nil { // as a read of its own would have done
			panic(r.panicked)
		}
		if r.seen[p] == nil {
			return nil, errs.ErrGoroutineEnded
		}
		return r.seen[p], nil
	case <-ctx.Done():
		reader.mu.Lock()
		defer reader.mu.Unlock()
		r.alive--
		if r.alive == 0 {
			r.cancel()
			if reader.next == r {
				reader.next = nil
			}
		}
		return nil, ctx.Err()
	}
}

func (l *listReader) run(ctx context.Context, c *core, key readerKey, r *round) {
	defer r.cancel()
	defer close(r.done)
	defer func() { r.panicked = recover() }()
	l.mu.Lock()
	wait := time.Until(l.last.Add(l.gap))
	l.mu.Unlock()
	if wait > 0 && pace.Sleep(ctx, wait) != nil {
		return
	}
	l.mu.Lock()
	if l.next == r {
		l.next = nil
	}
	waiters, prove := r.waiters, r.prove
	l.last, l.gap = time.Now(), roundInterval
	if len(waiters) >= manyWaiters {
		l.gap = busyInterval
	}
	l.mu.Unlock()
	r.seen = c.readRound(ctx, key, waiters, prove)
}

// resources says where the list of a resource is.
var resources = map[string]endpoint{
	"contact": {method: http.MethodGet, route: "/contacts", envelope: contactEnvelope},
	"message": {method: http.MethodGet, route: "/messages", envelope: messageEnvelope},
}

// listed is what a list showed, less the records that nobody waits for.
type listed struct {
	rows        []rawRow // each of which may be the outcome of some create
	ids         map[ID]bool
	first, last time.Time // of the updates, where rows tell
}

// listRows reads the list between two times of the server's clock. It keeps the rows that
// want says may matter.
func (c *core) listRows(ctx context.Context, key readerKey, from, to time.Time, want func(rawRow) bool) (listed, error) {
	e := resources[key.resource]
	e.query = listQuery{From: from.UTC().Format(listTime), To: to.UTC().Format(listTime)}
	l := listed{ids: map[ID]bool{}}
	var row *rawRow
	_, err := caller{c, key.user}.each(ctx, e, []RequestOption{withHeaders(key.headers)},
		func() record { row = new(rawRow); return row },
		func(*response) bool {
			l.add(*row, want)
			return true
		}, func(string, kind) {})
	return l, err
}

// listAgain reads it again where the answer cannot be used: else all who wait would wait for
// another round.
func (c *core) listAgain(ctx context.Context, key readerKey, from, to time.Time, want func(rawRow) bool) (l listed, err error) {
	for range 3 {
		if l, err = c.listRows(ctx, key, from, to, want); !isUnusable(err) {
			break
		}
	}
	return l, err
}

func isUnusable(err error) bool { return errors.Is(err, ErrDecode) || errors.Is(err, errBrokenOff) }

func (l *listed) add(row rawRow, want func(rawRow) bool) {
	id := row.id()
	if want(row) && !l.ids[id] {
		l.rows = append(l.rows, row)
	}
	l.ids[id] = true
	updated := row.time("updated_at")
	if updated.IsZero() {
		return
	}
	if l.first.IsZero() || updated.Before(l.first) {
		l.first = updated
	}
	if updated.After(l.last) {
		l.last = updated
	}
}

// clockOf is what is known of the server's clock against that of the machine that sent p,
// as it was then: it may have been set since.
func (c *core) clockOf(p *pending) bounds {
	now := c.clock.bounds()
	if then := p.token.Ahead; then != nil && (p.foreign || !now.known || then[0] > now.high || then[1] < now.low) {
		return bounds{true, then[0], then[1]}
	}
	return now
}

// clockless reports whether nothing is known of the clock of the machine that sent p.
func (p *pending) clockless() bool { return p.foreign && p.token.Ahead == nil }

// skew is how much too old a record may be and still be the outcome of p, by the clock of
// another of the server's hosts or, where nothing is known of it, of the machine that sent.
func (p *pending) skew() time.Duration {
	if p.clockless() {
		return unknownSkew
	}
	return skewMargin
}

// serverStart is the earliest that the server's clock can have shown when p began.
func (c *core) serverStart(p *pending) time.Time {
	return p.began.Round(0).Add(c.clockOf(p).low)
}

// serverEnd is the latest that the server's clock can have shown when the last request of
// p ended, where that is known, or else began.
func (c *core) serverEnd(p *pending) time.Time {
	at := p.began
	if p.ended.After(at) {
		at = p.ended
	}
	return at.Round(0).Add(c.clockOf(p).high)
}

// readRound reads the list once for all waiters.
func (c *core) readRound(ctx context.Context, key readerKey, waiters []*pending, prove bool) map[*pending]*sighting {
	start := func() (earliest time.Time) {
		for _, p := range waiters {
			s := c.serverStart(p)
			if p.token.Resource == "contact" { // they say when they were made, if by a clock that need not be that of Date
				s = s.Add(-p.skew())
			}
			if earliest.IsZero() || s.Before(earliest) {
				earliest = s
			}
		}
		return earliest.Add(-listMargin)
	}
	var (
		l      listed
		err    error
		began  time.Time
		from   = start()
		wanted = wantedBy(key.resource, waiters)
	)
	// The first answer may be what tells the server's clock; then the window was a guess.
	for range 3 {
		began = time.Now()
		// An edited record has a later updated_at, so the window has no end.
		l, err = c.listRows(ctx, key, from, began.AddDate(1, 0, 0), wanted.row)
		if isUnusable(err) { // as in listAgain, but when the read began matters
			continue
		}
		if err != nil {
			break
		}
		better := start()
		if !better.Before(from) {
			break
		}
		from = better
	}
	b := c.clock.bounds()
	complete := err == nil && b.known && c.creates.allIn(key, waiters, began, l.ids)
	until := began.Round(0).Add(b.low - listMargin) // what was made since need not be in the list
	if complete && prove {
		complete = c.provenComplete(ctx, key, from, until, l)
	}
	if c.logger != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: reading back creates without an answer",
			slog.String("method", http.MethodGet), slog.String("route", resources[key.resource].route), slog.Int("creates", len(waiters)), slog.Int("rows", len(l.ids)))
	}
	var older listed
	if complete && prove && key.resource == "message" {
		// Messages do not say when they were made; those of just before may be of a clock
		// that is behind that of the Date header.
		skew := time.Duration(0)
		for _, p := range waiters {
			skew = max(skew, p.skew())
		}
		older, err = c.listAgain(ctx, key, from.Add(-skew), from, wanted.row)
		complete = err == nil
	}
	seen := make(map[*pending]*sighting, len(waiters))
	byMark, byName := wanted.sort(l.rows)
	for _, p := range waiters {
		s := &sighting{began: began, err: err, trusted: b.known, narrow: c.clockOf(p).width() <= narrowEnough}
		s.complete = complete && (!prove || len(l.ids) == 0 || !until.Before(c.serverEnd(p))) &&
			!(p.clockless() && p.began.After(began)) // by a clock that is fast, and nobody knows how much
		candidates := l.rows
		if p.mark != "" && p.token.Marker == "" {
			candidates = slices.Concat(byMark[p.mark], byName[p.called])
		}
		for _, row := range candidates {
			c.examine(p, row, s)
		}
		for _, row := range older.rows {
			if !l.ids[row.id()] && compare(p.token.Resource, p.content, row) != unlike {
				s.near = append(s.near, row.id())
			}
		}
		seen[p] = s
	}
	return seen
}

// examine adds a row to a sighting where it may be the outcome of the create.
func (c *core) examine(p *pending, row rawRow, s *sighting) {
	if p.token.Marker != "" {
		if row.text(p.token.MarkerField) == p.token.Marker {
			s.exact = append(s.exact, row)
		} else if made := row.time("created_at"); row.text(p.token.MarkerField) == "" && compare(p.token.Resource, p.content, row) != unlike &&
			(made.IsZero() || !made.Before(c.serverStart(p).Add(-p.skew()))) {
			s.near = append(s.near, row.id()) // the API may not keep the field
		}
		return
	}
	like := compare(p.token.Resource, p.content, row)
	if like == unlike {
		return
	}
	// Messages do not say when they were made: for them the window of the list has to do.
	if p.token.Resource == "contact" {
		start, made := c.serverStart(p), row.time("created_at")
		precision := time.Millisecond
		if made.Nanosecond() == 0 {
			precision = time.Second
		}
		end := made.Add(precision)
		ended := start.Add(p.ended.Sub(p.began))
		if p.ended.IsZero() {
			ended = start.Add(c.attemptTimeout)
		}
		switch {
		case made.IsZero():
			like = near
		case end.Before(start.Add(-p.skew())):
			return // it stood there before
		case like == near && made.After(ended.Add(latestCommit)):
			return
		case end.Before(start), made.After(ended.Add(latestCommit)):
			like = near
		}
	}
	if like == exact {
		s.exact = append(s.exact, row)
	} else {
		s.near = append(s.near, row.id())
	}
}

// provenComplete reads the list again in narrower windows. A list that was cut short in
// silence gives itself away by records that it should have had.
func (c *core) provenComplete(ctx context.Context, key readerKey, from, until time.Time, l listed) bool {
	if len(l.ids) == 0 {
		return true
	}
	again := func(from, to time.Time) (rows int, ok bool) {
		if !from.Before(to) {
			return 0, true
		}
		narrow, err := c.listAgain(ctx, key, from, to, func(rawRow) bool { return false })
		for id := range narrow.ids {
			if !l.ids[id] {
				return 0, false
			}
		}
		return len(narrow.ids), err == nil
	}
	if key.resource == "message" {
		return provenByHalves(again, from, until, len(l.ids))
	}
	first, last := until, from
	if !l.first.IsZero() && l.first.Before(until) {
		first = l.first
	}
	if l.last.After(from) {
		last = l.last
	}
	_, before := again(from, first.Add(-time.Millisecond))
	if !before {
		return false
	}
	_, after := again(last.Add(time.Millisecond), until)
	return after
}

// provenByHalves proves a list of rows without times, of which all that is known is that
// so many fit into an answer: a part of the window with fewer has not been cut short, and
// one with as many is halved again.
func provenByHalves(again func(from, to time.Time) (int, bool), from, until time.Time, fit int) bool {
	const overlap = time.Millisecond // bounds have whole ones, and may be exclusive
	reads := 0
	for todo := [][2]time.Time{{from, until}}; len(todo) > 0; {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if w[1].Sub(w[0]) <= 4*overlap {
			continue
		}
		middle := w[0].Add(w[1].Sub(w[0]) / 2)
		for _, half := range [][2]time.Time{{w[0], middle.Add(overlap)}, {middle.Add(-overlap), w[1]}} {
			reads++
			if reads > maxProofReads {
				return false
			}
			rows, ok := again(half[0], half[1])
			if !ok {
				return false
			}
			if rows >= fit {
				todo = append(todo, half)
			}
		}
	}
	return true
}

// createOne makes a call that brings a record into being, and finds out what became of it.
func createOne[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption) (*T, error) {
	o := applyOptions(opts)
	a, err := c.newToken(&e, &o)
	if err != nil {
		return nil, e.refuse(err)
	}
	if _, err := e.build(c.core.base, c.userID, &o); err != nil {
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
		case unanswered && result == absent && c.core.readBack.ReplayAfter > 0 && !o.noRetry && sent < c.core.retry.MaxAttempts && ctx.Err() == nil && c.core.budget.Take(&spent):
			c.core.warnCreate(ctx, e, "creating again what a complete list does not have")
			c.core.creates.fly(p)
		default:
			return nil, c.unknown(ctx, p, seen, err)
		}
	}
}

// handOver gives the token of a create to the caller, if he wants it. An error of fn, or a
// panic, and nothing is sent.
func (c caller) handOver(a CreateToken, p *pending, fn func(CreateToken) error) error {
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
func acceptCreated[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, p *pending, ex exchanged) (*T, error) {
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

// fromRow is the record of a row that a list showed.
func fromRow[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, row rawRow) (*T, error) {
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

// unknown is the error of a create that nothing could be found out about.
func (c caller) unknown(ctx context.Context, p *pending, seen []ID, last error) error {
	e := resources[p.token.Resource]
	e.method = http.MethodPost
	c.core.warnCreate(ctx, e, outcomeUnknown)
	return &OutcomeUnknownError{Token: c.core.creates.park(p, seen, c.core.clock.bounds()), Last: last, ctxErr: ctx.Err()}
}

// resolveOne finds out what became of an earlier create.
func resolveOne[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, a CreateToken, opts []RequestOption) (*T, error) {
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
		v, err := callOne[T, P](ctx, c.as(a.t.UserID), endpoint{method: http.MethodGet, route: e.route + "/{id}", id: &id, envelope: e.envelope}, []RequestOption{withHeaders(headersText(o.header))})
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

// headersText is a header as text, or "" for none. Headers that only name a call are not for
// the list that many creates share.
func headersText(h http.Header) string {
	shared := maps.Clone(h)
	for _, name := range []string{"X-Request-Id", "X-Correlation-Id", "Request-Id", "Traceparent", "Tracestate", "Baggage", "B3"} {
		delete(shared, name)
	}
	if len(shared) == 0 {
		return ""
	}
	text, _ := marshalForeign(shared) // texts can be encoded
	return string(text)
}

// withHeaders gives a call the headers that headersText wrote.
func withHeaders(text string) RequestOption {
	return func(o *callOptions) {
		if text != "" {
			_ = unmarshalForeign([]byte(text), &o.header) // it was a header
		}
	}
}
