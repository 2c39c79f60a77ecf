package growthgenius

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Which record is the outcome of which create.

const (
	maxParked = 10_000
	maxClaims = 1 << 16         // twice: the older half is forgotten when the newer one is full
	canaryAge = 5 * time.Minute // how long a list must have what was created
)

// pending is a create of this client whose outcome is not settled.
type pending struct {
	token   token
	content rawRow
	key     string // the same for creates of equal content
	mark    string // what tells its record from most others: see markOf
	called  string // see calledOf
	headers string // of the call, as JSON; they may say whose records a list has
	began   time.Time
	ended   time.Time
	waiting bool // for a list, or parked as unknown; else its request is under way
	foreign bool // of another process: its clock is not ours
	calling bool // the call that creates it has not returned
}

// creates knows which records are the outcome of which creates.
type creates struct {
	mu      sync.Mutex
	groups  map[string]map[*pending]struct{}
	parked  []*pending // unknown, oldest first
	claims  [2]claims  // the newer half and the older one
	readers map[readerKey]*listReader
}

type claimKey struct {
	resource string
	id       ID
}

// claims are records that are known to be the outcome of a create, and which one.
type claims struct {
	of map[claimKey]claim
	by map[string]claimKey // the create's nonce
}

func newClaims() claims { return claims{map[claimKey]claim{}, map[string]claimKey{}} }

// claim is a record that is known to be the outcome of a create.
type claim struct {
	nonce     string // of the create
	user      ID
	began, at time.Time // of the create, and of its answer; zero where a list told
	headers   string
	deleted   bool // its id may be given to another record
}

func newCreates() *creates {
	return &creates{
		groups:  map[string]map[*pending]struct{}{},
		claims:  [2]claims{newClaims(), newClaims()},
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
	p.mark, p.called = markOf(t.Resource, p.content), calledOf(p.content)
	p.key = t.Resource + "\x00" + string(t.UserID) + "\x00" + strings.Join(fields, "\x00")
	return p, nil
}

// begin registers a create before it is sent.
func (cr *creates) begin(a CreateToken, header http.Header) (*pending, error) {
	p, err := newPending(a.t)
	if err != nil {
		return nil, err
	}
	p.began, p.calling, p.headers = time.Now(), true, headersText(header)
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
	p.calling = false
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

// endedAt is when the last request of the create ended, by the clock of who sent it. Of one
// whose process did not live to see that, all that is known is that it was before now.
func (cr *creates) endedAt(p *pending) time.Time {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	if p.ended.IsZero() {
		return time.Now()
	}
	return p.ended
}

// answered settles a create by its answer. It reports false where the record is known to
// be the outcome of another create, or looks like another one. If it only looks like one,
// a list without the create proves nothing.
func (cr *creates) answered(p *pending, id ID, other bool) bool {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	if cr.claimed(p, id) {
		return false
	}
	if other {
		p.token.Named = true
		return false
	}
	cr.claim(p, id, claim{began: p.began, at: time.Now()})
	return true
}

// claimOf is what is known of a record.
func (cr *creates) claimOf(resource string, id ID) (claim, bool) {
	for _, half := range cr.claims {
		if c, ok := half.of[claimKey{resource, id}]; ok {
			return c, true
		}
	}
	return claim{}, false
}

// claimed reports whether a record is the outcome of another create than p.
func (cr *creates) claimed(p *pending, id ID) bool {
	if c, ok := cr.claimOf(p.token.Resource, id); ok {
		return c.nonce != p.token.Nonce && !c.deleted
	}
	return slices.Contains(p.token.Taken, id)
}

func (cr *creates) claim(p *pending, id ID, c claim) {
	if len(cr.claims[0].of) >= maxClaims {
		cr.claims[0], cr.claims[1] = newClaims(), cr.claims[0]
	}
	c.nonce, c.user, c.headers = p.token.Nonce, p.token.UserID, p.headers
	key := claimKey{p.token.Resource, id}
	cr.claims[0].of[key], cr.claims[0].by[c.nonce] = c, key
	cr.remove(p)
}

// outcome is the record that a create is known to have made.
func (cr *creates) outcome(t token) (ID, bool) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for _, half := range cr.claims {
		if key, ok := half.by[t.Nonce]; ok && key.resource == t.Resource && half.of[key].nonce == t.Nonce {
			return key.id, true
		}
	}
	return "", false
}

// deleted tells that a record need not be in lists any more.
func (cr *creates) deleted(resource string, id ID) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for _, half := range cr.claims {
		if c, ok := half.of[claimKey{resource, id}]; ok {
			c.at, c.deleted = time.Time{}, true
			half.of[claimKey{resource, id}] = c
		}
	}
}

// park keeps a create whose outcome is unknown, so that a later Resolve can tell its
// record from those of equal creates, and returns its token. seen are ids of equal records
// that a list showed, clock is what is known of the server's by now.
func (cr *creates) park(p *pending, seen []ID, clock bounds) CreateToken {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	a := cr.keep(p, seen)
	if a.t.Ahead == nil && !p.foreign && clock.known {
		a.t.Ahead = &[2]time.Duration{clock.low, clock.high}
	}
	return a
}

// abandon keeps a create whose call panicked: it may have happened.
func (cr *creates) abandon(p *pending) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	if p.calling {
		p.ended = time.Now()
		cr.keep(p, nil)
	}
}

func (cr *creates) keep(p *pending, seen []ID) CreateToken {
	for _, id := range seen {
		if cr.claimed(p, id) && !slices.Contains(p.token.Taken, id) {
			p.token.Taken = append(p.token.Taken, id)
		}
	}
	p.waiting, p.calling = true, false
	p.token.Ended = p.ended.Round(0)
	if cr.parked = append(cr.parked, p); len(cr.parked) > maxParked {
		cr.remove(cr.parked[0])
		cr.parked = cr.parked[1:]
	}
	return CreateToken{p.token}
}

// adopt returns the pending create of a token: the one that was parked, or a new one. It
// is nil while the call that creates it is under way: that will tell, and may send again.
func (cr *creates) adopt(t token, header http.Header) (*pending, error) {
	p, err := newPending(t)
	if err != nil {
		return nil, err
	}
	p.headers = headersText(header)
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for known := range cr.groups[p.key] {
		if known.token.Nonce == t.Nonce {
			if known.calling {
				return nil, nil //nolint:nilnil // see above
			}
			cr.parked = slices.DeleteFunc(cr.parked, func(q *pending) bool { return q == known })
			known.headers = cmp.Or(p.headers, known.headers)
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
	// The id of a deleted record may be that of another one by now.
	again := func(id ID) bool {
		c, _ := cr.claimOf(p.token.Resource, id)
		return c.deleted
	}
	if slices.ContainsFunc(s.near, again) || slices.ContainsFunc(s.exact, func(r rawRow) bool { return again(r.id()) }) {
		return inconclusive, nil
	}
	rows := slices.DeleteFunc(slices.Clone(s.exact), func(r rawRow) bool { return cr.claimed(p, r.id()) })
	near := slices.DeleteFunc(slices.Clone(s.near), func(id ID) bool { return cr.claimed(p, id) })
	if len(rows) == 0 {
		if s.complete && len(near) == 0 && p.waiting && !p.token.Named {
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
	if cr.alsoOf(p, rows[0], s.began) {
		return inconclusive, nil
	}
	// More rows than creates: somebody else's are among them. And a row that may have been
	// there before the create is not handed out while the clock can still be read better.
	if len(rows) > owners || (!s.narrow && !final) {
		return inconclusive, nil
	}
	cr.claim(p, rows[0].id(), claim{})
	return found, rows[0]
}

// alsoOf reports whether a row may as well be the outcome of another create, whose content is
// not the same as p's but does not contradict it: of more fields or fewer, or by another user.
func (cr *creates) alsoOf(p *pending, row rawRow, read time.Time) bool {
	mark := markOf(p.token.Resource, row)
	for key, group := range cr.groups {
		if key == p.key {
			continue
		}
		for other := range group {
			if p.token.Resource == "contact" && !p.ended.IsZero() && other.began.After(p.ended.Add(latestCommit+skewMargin)) {
				continue // the row says that it was made before
			}
			if other.token.Resource == p.token.Resource && (other.mark == "" || mark == "" || other.mark == mark) && other.began.Before(read) &&
				agree(p.content, other.content) && compare(p.token.Resource, other.content, row) != unlike {
				return true
			}
		}
	}
	return false
}

// agree reports whether what both have is the same.
func agree(a, b rawRow) bool {
	for field, x := range a {
		if y, ok := b[field]; ok && !sameValue(x, y) {
			return false
		}
	}
	return true
}

// allIn reports whether the list has every record that it must have: those that this
// client is known to have created within the window. One that is missing says that the
// list lags or is cut short, and then nothing follows from absence.
func (cr *creates) allIn(key readerKey, waiters []*pending, read time.Time, ids map[ID]bool) bool {
	earliest := waiters[0].began
	for _, p := range waiters {
		if p.began.Before(earliest) {
			earliest = p.began
		}
	}
	cr.mu.Lock()
	defer cr.mu.Unlock()
	for _, half := range cr.claims {
		for k, c := range half.of {
			if k.resource != key.resource || c.user != key.user || c.headers != key.headers || c.at.IsZero() || time.Since(c.at) > canaryAge {
				continue
			}
			if !ids[k.id] && !c.began.Before(earliest) && c.at.Before(read) {
				return false
			}
		}
	}
	return true
}
