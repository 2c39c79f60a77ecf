package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
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
	latestCommit  = 10 * time.Minute       // a record made this long after the attempt is not its outcome
	longAgo       = 24 * time.Hour         // nobody mistakes a record this old for a new one
	narrowEnough  = 300 * time.Millisecond // of the bounds on the server's clock
	extraRounds   = 3                      // where the last one was inconclusive and absence matters
	maxParked     = 10_000
	maxClaims     = 1 << 16
	canaryAge     = 5 * time.Minute
)

// pending is a create of this client whose outcome is not settled.
type pending struct {
	token   token
	content rawRow
	key     string // the same for creates of equal content
	began   time.Time
	ended   time.Time
	waiting bool // for a list, or parked as unknown; else its request is under way
	foreign bool // of another process: its clock is not ours
}

// creates knows which records are the outcome of which creates.
type creates struct {
	mu      sync.Mutex
	groups  map[string]map[*pending]struct{}
	parked  []*pending // unknown, oldest first
	claims  [2]map[claimKey]claim
	readers map[readerKey]*listReader
}

type claimKey struct {
	resource string
	id       ID
}

// claim is a record that is known to be the outcome of a create.
type claim struct {
	nonce     string // of the create
	user      ID
	began, at time.Time // of the create, and of its answer; zero where a list told
}

func newCreates() *creates {
	return &creates{
		groups:  map[string]map[*pending]struct{}{},
		claims:  [2]map[claimKey]claim{{}, {}},
		readers: map[readerKey]*listReader{},
	}
}

func newPending(t token) (*pending, error) {
	p := &pending{token: t, began: t.Started, ended: t.Ended}
	if err := unmarshalJSON(t.Content, &p.content); err != nil {
		return nil, err
	}
	fields := make([]string, 0, len(p.content))
	for field, raw := range p.content {
		fields = append(fields, field+"="+cmp.Or(fold(scalarText(raw)), string(raw)))
	}
	slices.Sort(fields)
	p.key = t.Resource + "\x00" + string(t.UserID) + "\x00" + strings.Join(fields, "\x00")
	return p, nil
}

// begin registers a create before it is sent.
func (cr *creates) begin(a Attempt) (*pending, error) {
	p, err := newPending(a.t)
	if err != nil {
		return nil, err
	}
	p.began = time.Now()
	cr.mu.Lock()
	defer cr.mu.Unlock()
	cr.add(p)
	return p, nil
}

func (cr *creates) add(p *pending) {
	if cr.groups[p.key] == nil {
		cr.groups[p.key] = map[*pending]struct{}{}
	}
	cr.groups[p.key][p] = struct{}{}
}

func (cr *creates) remove(p *pending) {
	delete(cr.groups[p.key], p)
	if len(cr.groups[p.key]) == 0 {
		delete(cr.groups, p.key)
	}
}

// drop forgets a create that did not happen.
func (cr *creates) drop(p *pending) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	cr.remove(p)
}

// fly and land say whether a request of the create is under way.
func (cr *creates) fly(p *pending) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	p.waiting = false
}

func (cr *creates) land(p *pending) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	p.waiting, p.ended = true, time.Now()
}

// endedAt is when the last request of the create ended. Of one whose process did not live
// to see that, all that is known is that it was before now.
func (cr *creates) endedAt(p *pending) time.Time {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	if p.ended.IsZero() {
		return time.Now()
	}
	return p.ended
}

// answered settles a create by its answer. It reports false where the record is known to
// be the outcome of another create.
func (cr *creates) answered(p *pending, id ID) bool {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	if cr.claimed(p, id) {
		return false
	}
	cr.claim(p, id, claim{began: p.began, at: time.Now()})
	return true
}

// claimOf is what is known of a record.
func (cr *creates) claimOf(resource string, id ID) (claim, bool) {
	for _, claims := range cr.claims {
		if c, ok := claims[claimKey{resource, id}]; ok {
			return c, true
		}
	}
	return claim{}, false
}

// claimed reports whether a record is the outcome of another create than p.
func (cr *creates) claimed(p *pending, id ID) bool {
	if c, ok := cr.claimOf(p.token.Resource, id); ok {
		return c.nonce != p.token.Nonce
	}
	return slices.Contains(p.token.Taken, id)
}

func (cr *creates) claim(p *pending, id ID, c claim) {
	if len(cr.claims[0]) >= maxClaims {
		cr.claims[0], cr.claims[1] = map[claimKey]claim{}, cr.claims[0]
	}
	c.nonce, c.user = p.token.Nonce, p.token.UserID
	cr.claims[0][claimKey{p.token.Resource, id}] = c
	cr.remove(p)
}

// outcome is the record that a create is known to have made.
func (cr *creates) outcome(t token) (ID, bool) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for _, claims := range cr.claims {
		for key, c := range claims {
			if c.nonce == t.Nonce && key.resource == t.Resource {
				return key.id, true
			}
		}
	}
	return "", false
}

// deleted tells that a record need not be in lists any more.
func (cr *creates) deleted(resource string, id ID) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for _, claims := range cr.claims {
		if c, ok := claims[claimKey{resource, id}]; ok {
			c.at = time.Time{}
			claims[claimKey{resource, id}] = c
		}
	}
}

// park keeps a create whose outcome is unknown, so that a later Resolve can tell its
// record from those of equal creates, and returns its token. taken are ids of equal
// records that a list showed and that belong to other creates.
func (cr *creates) park(p *pending, seen []ID) Attempt {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for _, id := range seen {
		if cr.claimed(p, id) && !slices.Contains(p.token.Taken, id) {
			p.token.Taken = append(p.token.Taken, id)
		}
	}
	p.waiting = true
	p.token.Ended = p.ended.Round(0)
	if cr.parked = append(cr.parked, p); len(cr.parked) > maxParked {
		cr.remove(cr.parked[0])
		cr.parked = cr.parked[1:]
	}
	return Attempt{p.token}
}

// adopt returns the pending create of a token: the one that was parked, or a new one.
func (cr *creates) adopt(t token) (*pending, error) {
	p, err := newPending(t)
	if err != nil {
		return nil, err
	}
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for known := range cr.groups[p.key] {
		if known.token.Nonce == t.Nonce {
			cr.parked = slices.DeleteFunc(cr.parked, func(q *pending) bool { return q == known })
			return known, nil
		}
	}
	p.waiting, p.foreign = true, true
	cr.add(p)
	return p, nil
}

// finding is what one list says about one create.
type finding int

const (
	inconclusive finding = iota
	absent               // from a complete list
	found
)

// decide says what a list means for a create, given all others of equal content.
func (cr *creates) decide(p *pending, s *sighting, final bool) (finding, rawRow) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for _, row := range s.exact {
		if c, ok := cr.claimOf(p.token.Resource, row.id()); ok && c.nonce == p.token.Nonce {
			return found, row // somebody else asked for the same create
		}
	}
	if s.err != nil || !s.trusted {
		if p.token.Marker == "" || len(s.exact) == 0 {
			return inconclusive, nil
		}
	}
	rows := slices.DeleteFunc(slices.Clone(s.exact), func(r rawRow) bool { return cr.claimed(p, r.id()) })
	near := slices.DeleteFunc(slices.Clone(s.near), func(id ID) bool { return cr.claimed(p, id) })
	if len(rows) == 0 {
		if s.complete && len(near) == 0 && p.waiting {
			return absent, nil
		}
		return inconclusive, nil
	}
	if p.token.Marker != "" {
		if len(rows) > 1 {
			return inconclusive, nil
		}
		cr.claim(p, rows[0].id(), claim{})
		return found, rows[0]
	}
	owners := 0
	for other := range cr.groups[p.key] {
		switch {
		case other.waiting:
			owners++
		case other.began.Before(s.began):
			return inconclusive, nil // its answer may yet name one of the rows
		}
	}
	// More rows than creates: somebody else's are among them. And a row that may have been
	// there before the create is not handed out while the clock can still be read better.
	if len(rows) > owners || (!s.narrow && !final) {
		return inconclusive, nil
	}
	cr.claim(p, rows[0].id(), claim{})
	return found, rows[0]
}

// look looks for a create until it is found or until its window ends.
func (c *Client) look(ctx context.Context, p *pending, absence bool) (finding, rawRow, []ID, error) {
	begun := time.Now()
	settled := c.core.creates.endedAt(p).Add(c.core.readBack.window())
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
			if err := pause(ctx, wait); err != nil {
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
		extra++
		if extra > extraRounds || !absence {
			return inconclusive, nil, seen, last
		}
	}
}

// pollAt is when list number n is read: soon at first, then less often.
func pollAt(n int) time.Duration {
	if n < 2 {
		return time.Duration(n) * roundInterval
	}
	return roundInterval + time.Duration(n-1)*busyInterval
}

// pause waits, whatever the deadline: the context ends it at once.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
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
}

// listReader reads one list for all who wait for it.
type listReader struct {
	mu   sync.Mutex
	next *round
	last time.Time
	gap  time.Duration // to the next read, at least
}

// round is one read. It ends early when nobody waits for it any more.
type round struct {
	waiters []*pending
	alive   int
	prove   bool // somebody needs to know that the list is complete
	cancel  context.CancelFunc
	done    chan struct{}
	seen    map[*pending]*sighting
}

// sight waits for a list that is read from now on.
func (c *core) sight(ctx context.Context, p *pending, prove bool) (*sighting, error) {
	key := readerKey{p.token.Resource, p.token.UserID}
	c.creates.mu.Lock()
	reader := c.creates.readers[key]
	if reader == nil {
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
	l.mu.Lock()
	wait := time.Until(l.last.Add(l.gap))
	l.mu.Unlock()
	if wait > 0 && pause(ctx, wait) != nil {
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

// listRows reads the list between two times of the server's clock.
func (c *core) listRows(ctx context.Context, key readerKey, from, to time.Time) (map[ID]rawRow, error) {
	e := resources[key.resource]
	e.query = listQuery{From: from.UTC().Format(listTime), To: to.UTC().Format(listTime)}
	res, err := newClient(c, key.user).send(ctx, e, nil)
	if err != nil {
		return nil, err
	}
	rows := map[ID]rawRow{}
	var row *rawRow
	err = newElements(res.body, e.envelope, func(string, kind) {}).each(
		func() record { row = new(rawRow); return row },
		func() bool { rows[row.id()] = *row; return true })
	if err != nil {
		return nil, e.undecodable(c, res, err)
	}
	return rows, nil
}

// clockOf is what is known of the server's clock against that of the machine that sent p.
func (c *core) clockOf(p *pending) bounds {
	if p.foreign && p.token.Ahead != nil {
		return bounds{true, p.token.Ahead[0], p.token.Ahead[1]}
	}
	return c.clock.bounds()
}

// serverStart is the earliest that the server's clock can have shown when p began.
func (c *core) serverStart(p *pending) time.Time {
	return p.began.Round(0).Add(c.clockOf(p).low)
}

// readRound reads the list once for all waiters.
func (c *core) readRound(ctx context.Context, key readerKey, waiters []*pending, prove bool) map[*pending]*sighting {
	start := func() time.Time {
		earliest := c.serverStart(waiters[0])
		for _, p := range waiters[1:] {
			if s := c.serverStart(p); s.Before(earliest) {
				earliest = s
			}
		}
		return earliest.Add(-listMargin)
	}
	var (
		rows  map[ID]rawRow
		err   error
		began time.Time
		from  = start()
	)
	// The first answer may be what tells the server's clock; then the window was a guess.
	for range 3 {
		began = time.Now()
		// An edited record has a later updated_at, so the window has no end.
		rows, err = c.listRows(ctx, key, from, from.AddDate(1, 0, 0))
		if errors.Is(err, ErrDecode) { // a proxy's page: all who wait would wait for another round
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
	complete := err == nil && b.known && c.creates.allIn(key, waiters, began, rows)
	if complete && prove {
		complete = c.provenComplete(ctx, key, from, began.Round(0).Add(b.low), rows)
	}
	if c.logger != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: reading back creates without an answer",
			slog.String("method", http.MethodGet), slog.String("route", resources[key.resource].route), slog.Int("creates", len(waiters)), slog.Int("rows", len(rows)))
	}
	seen := make(map[*pending]*sighting, len(waiters))
	index := indexRows(key.resource, rows)
	for _, p := range waiters {
		s := &sighting{began: began, err: err, trusted: b.known, narrow: c.clockOf(p).width() <= narrowEnough, complete: complete}
		for _, row := range index.candidates(p) {
			c.examine(p, row, s)
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
		case end.Before(start.Add(-skewMargin)):
			return // it stood there before
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

// rowIndex finds the rows that may be the outcome of a create.
type rowIndex struct {
	field string
	rows  map[string][]rawRow
	all   []rawRow
}

func indexRows(resource string, rows map[ID]rawRow) rowIndex {
	x := rowIndex{field: "email", rows: map[string][]rawRow{}}
	if resource == "message" {
		x.field = "contact_id"
	}
	for _, row := range rows {
		key := squash(row.text(x.field))
		x.rows[key] = append(x.rows[key], row)
		x.all = append(x.all, row)
	}
	return x
}

func (x rowIndex) candidates(p *pending) []rawRow {
	if key := squash(p.content.text(x.field)); key != "" && p.token.Marker == "" {
		return x.rows[key]
	}
	return x.all
}

// allIn reports whether the list has every record that it must have: those that this
// client is known to have created within the window. One that is missing says that the
// list lags or is cut short, and then nothing follows from absence.
func (cr *creates) allIn(key readerKey, waiters []*pending, read time.Time, rows map[ID]rawRow) bool {
	earliest := waiters[0].began
	for _, p := range waiters {
		if p.began.Before(earliest) {
			earliest = p.began
		}
	}
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for _, claims := range cr.claims {
		for k, c := range claims {
			if k.resource != key.resource || c.user != key.user || c.at.IsZero() || time.Since(c.at) > canaryAge {
				continue
			}
			if _, ok := rows[k.id]; !ok && c.began.After(earliest) && c.at.Before(read) {
				return false
			}
		}
	}
	return true
}

// provenComplete reads the list again in narrower windows. A list that was cut short in
// silence gives itself away by records that it should have had.
func (c *core) provenComplete(ctx context.Context, key readerKey, from, read time.Time, rows map[ID]rawRow) bool {
	if len(rows) == 0 {
		return true
	}
	first, last := read, from
	for _, row := range rows {
		updated := row.time("updated_at")
		if updated.IsZero() {
			continue
		}
		if updated.Before(first) {
			first = updated
		}
		if updated.After(last) {
			last = updated
		}
	}
	until := read.Add(-listMargin) // what was made since need not be in the first list
	windows := [][2]time.Time{{from, first.Add(-time.Millisecond)}, {last.Add(time.Millisecond), until}}
	if key.resource == "message" {
		middle := from.Add(until.Sub(from) / 2)
		windows = [][2]time.Time{{from, middle}, {middle, until}}
	}
	for _, w := range windows {
		if !w[0].Before(w[1]) {
			continue
		}
		again, err := c.listRows(ctx, key, w[0], w[1])
		if err != nil {
			return false
		}
		for id := range again {
			if _, ok := rows[id]; !ok {
				return false
			}
		}
	}
	return true
}
