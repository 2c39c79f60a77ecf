package readback

import (
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

const (
	// latestCommit is how long after a request its record may be made.
	latestCommit = 10 * time.Minute
	// longAgo is an age at which a record is not mistaken for a new one.
	longAgo = 24 * time.Hour
)

// answered settles a create by its response, received then. It reports false if the record is known to be
// the outcome of another create, or looks like another one. If it only looks like one, it may
// be this one all the same, and the absence of an equal record proves nothing.
func (t *Tracker) answered(p *pending, answer Answer, received time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.claims.taken(p, answer.ID) {
		return false
	}
	if match.Contradicts(p.token.Resource, p.content, answer.Row) {
		p.token.Named = true
		return false
	}
	t.learnStamps(p, answer.Row, received)
	if p.dated || p.scoped { // no list need have it
		t.claim(p, answer.ID, claim{})
	} else {
		t.claim(p, answer.ID, claim{began: p.began, at: received})
	}
	return true
}

// doubtful reports whether a response names a record that may be the one that was created,
// but seems to have existed before. Its time may be by a clock that no response has shown
// yet. A record that is much older is the fixed response of a test.
func (t *Tracker) doubtful(p *pending, answer Answer) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	made := answer.Row.Time("created_at")
	if made.IsZero() || p.dated || !t.stamps(&p.target).known || t.claims.taken(p, answer.ID) ||
		match.Contradicts(p.token.Resource, p.content, answer.Row) {
		return false
	}
	age := t.start(&p.target).Sub(made.Add(t.likely(made)))
	return age > skewMargin+time.Second && age < longAgo
}

// examine adds a row to a sighting if it may be the outcome of the create.
func (t *Tracker) examine(x *target, row match.Row, r *reading, s *sighting) {
	t.compared.Add(1)
	like := match.Compare(x.token.Resource, x.content, row)
	if x.token.Marker != "" {
		like = t.likeMarked(x, row, r, like)
	} else if x.isContact() && like != match.Unlike {
		like = t.likeThen(x, row, r, like)
	}
	if row.ID() == "" { // not a record, but perhaps what a part of the list says of one
		s.complete, s.proven = s.complete && like == match.Unlike, s.proven && like == match.Unlike
		return
	}
	switch like {
	case match.Exact:
		s.exact = append(s.exact, row)
	case match.Near:
		s.near = append(s.near, row.ID())
	case match.Unlike:
	}
}

// likeMarked is the likeness of a row to a create with a marker: only the marker tells,
// except that the API may not keep the field, or rewrite it.
func (t *Tracker) likeMarked(x *target, row match.Row, r *reading, like match.Likeness) match.Likeness {
	marker := row.Text(x.token.MarkerField)
	switch {
	case marker == x.token.Marker:
		return match.Exact
	case like == match.Unlike,
		!strings.HasPrefix(match.Fold(x.token.Marker), match.Fold(marker)) && !match.Rewritten(x.token.Marker, marker):
		return match.Unlike
	case t.likeThen(x, row, r, match.Near) == match.Unlike:
		return match.Unlike
	default:
		return match.Near
	}
}

// likeThen corrects the likeness of a contact by when it was made. For messages, which do
// not say it, the window of the list has to do.
func (t *Tracker) likeThen(x *target, row match.Row, r *reading, like match.Likeness) match.Likeness {
	made := row.Time("created_at")
	if x.dated { // by the caller's word; it was updated when it was made
		made = row.Time("updated_at")
	}
	if made.IsZero() {
		return match.Near
	}
	clock, precision := t.stamps(x), t.likely(made)
	start, margin := t.start(x), time.Duration(0)
	if !clock.learned {
		margin = unlearnedMargin
	}
	ended := x.ended
	if ended.IsZero() {
		ended = x.began.Add(t.timeout)
	}
	tooLate := made.Add(-precision / 2).After(ended.Round(0).Add(clock.high + latestCommit))
	switch {
	case t.existedBefore(x, made.Add(t.precision(made)), r):
		return match.Unlike
	case made.Add(precision).Before(start.Add(-margin)):
		return match.Near
	case tooLate && like == match.Near && clock.learned && !x.ended.IsZero():
		return match.Unlike
	case tooLate:
		return match.Near
	default:
		return like
	}
}

// existedBefore reports whether a record that was made by a time existed before a create,
// whatever its clock may be.
func (t *Tracker) existedBefore(x *target, made time.Time, r *reading) bool {
	clock, off := t.stamps(x), time.Duration(0)
	if !clock.known {
		return false
	}
	if !clock.learned {
		off = -unlearnedSkew
		if shown := r.lag(t.clock.bounds()); shown.known {
			off = max(off, shown.low)
		}
	}
	return made.Before(t.start(x).Add(off - x.skew()))
}

// decide returns what a read of the list means for a create, given all others of equal
// content. final means that no better read of the clock is to be expected.
func (t *Tracker) decide(p *pending, s *sighting, final bool) (finding, match.Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, row := range s.exact {
		known, ok := t.claims.of(p.token.Resource, row.ID())
		if ok && known.nonce == nonceOf(p.token.Nonce) && !t.claims.taken(p, row.ID()) {
			return found, row // another call resolved the same create
		}
	}
	if _, ok := t.claims.outcome(p.token); ok {
		return inconclusive, nil // the same, and this list does not show it
	}
	marked := p.token.Marker != ""
	if (s.err != nil || !s.trusted) && (!marked || len(s.exact) == 0) {
		return inconclusive, nil
	}
	if t.showsReused(p, s) {
		return inconclusive, nil
	}
	rows := slices.DeleteFunc(slices.Clone(s.exact), func(row match.Row) bool {
		return t.claims.taken(p, row.ID())
	})
	near := slices.DeleteFunc(slices.Clone(s.near), func(id wire.ID) bool {
		return t.claims.taken(p, id)
	})
	switch {
	case len(rows) == 0 && len(near) == 0 && t.provesAbsence(p, s) && !t.showsGuessed(p, s):
		return absent, nil
	case len(rows) == 0, marked && len(rows) > 1:
		return inconclusive, nil
	case !marked && !t.mayGive(p, s, rows):
		return inconclusive, nil
	case !marked && !s.narrow && !(final && s.wide <= wideEnough):
		return blurred, nil
	}
	for other := range t.groups[p.key] {
		if other != p && !other.began.IsZero() && p.since().Before(other.since()) {
			other.token.Since = p.since().Round(0) // it may be the record of that one
		}
	}
	t.claim(p, rows[0].ID(), claim{guessed: !marked && p.isContact() && !t.stamps(&p.target).learned})
	return found, rows[0]
}

// provesAbsence reports whether a create is absent if a list shows no record that may be
// its own. It needs mu.
func (t *Tracker) provesAbsence(p *pending, s *sighting) bool {
	return s.proven && p.waiting && !p.token.Named && !p.dated && !p.scoped
}

// showsGuessed reports whether a sighting has a record that was given to another create, and
// may be that of p. It needs mu.
func (t *Tracker) showsGuessed(p *pending, s *sighting) bool {
	guessed := func(id wire.ID) bool { return t.claims.guessed(p, id) }
	return slices.ContainsFunc(s.near, guessed) ||
		slices.ContainsFunc(s.exact, func(row match.Row) bool { return guessed(row.ID()) })
}

// showsReused reports whether a sighting has a record whose id was that of a deleted one. It
// may be another record by now. It needs mu, as do mayGive and alsoOf.
func (t *Tracker) showsReused(p *pending, s *sighting) bool {
	reused := func(id wire.ID) bool { return t.claims.reused(p.token.Resource, id) }
	return slices.ContainsFunc(s.near, reused) ||
		slices.ContainsFunc(s.exact, func(row match.Row) bool { return reused(row.ID()) })
}

// mayGive reports whether the first of some equal rows may be given to a create.
func (t *Tracker) mayGive(p *pending, s *sighting, rows []match.Row) bool {
	owners := 0
	for other := range t.groups[p.key] {
		switch {
		case other.waiting:
			owners++
		case other.canBeIn(s.ended):
			return false // its response may still name one of the rows
		}
	}
	// If there are more rows than creates, another process made some of them.
	return len(rows) <= owners && !t.alsoOf(p, rows[0], s.ended)
}

// alsoOf reports whether a row may as well be the outcome of another create, whose content
// differs from p's and does not contradict it: it has more fields or fewer, or another user.
func (t *Tracker) alsoOf(p *pending, row match.Row, read time.Time) bool {
	for _, other := range t.like(p.token.Resource, row) {
		t.compared.Add(1)
		if other.key == p.key {
			continue
		}
		if p.isContact() && !p.ended.IsZero() && other.began.After(p.ended.Add(latestCommit+skewMargin)) {
			continue // the row says that it was made before
		}
		if other.canBeIn(read) && match.Agree(p.content, other.content) &&
			match.Compare(p.token.Resource, other.content, row) != match.Unlike {
			return true
		}
	}
	return false
}

// like returns the creates that a row may be like. It needs mu.
func (t *Tracker) like(resource string, row match.Row) []*pending {
	for p := range t.fresh {
		if t.indexed[p.token.Resource] == nil {
			t.indexed[p.token.Resource] = match.NewIndex[*pending](p.token.Resource)
		}
		t.indexed[p.token.Resource].Add(p, p.content)
	}
	clear(t.fresh)
	if t.indexed[resource] == nil {
		return nil
	}
	return t.indexed[resource].Find(row)
}
