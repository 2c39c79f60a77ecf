package readback

import (
	"slices"
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

// answered settles a create by its response. It reports false if the record is known to be
// the outcome of another create, or looks like another one. If it only looks like one, it may
// be this one all the same, and the absence of an equal record proves nothing.
func (t *Tracker) answered(p *pending, answer Answer) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	other := match.Contradicts(p.token.Resource, p.content, answer.Row) || t.predates(p, answer.Row)
	if t.claims.taken(p, answer.ID) {
		return false
	}
	if other {
		p.token.Named = true
		return false
	}
	t.claim(p, answer.ID, p.began, time.Now())
	return true
}

// predates reports whether a record existed before the create began. A much older one is not
// a mistaken twin: it is the fixed response of a test, or the server's clock means nothing.
// It needs mu.
func (t *Tracker) predates(p *pending, row match.Row) bool {
	made := row.Time("created_at")
	if made.IsZero() || !t.clock.bounds().known {
		return false
	}
	age := p.serverStart(&t.clock).Sub(made)
	return age > skewMargin+time.Second && age < longAgo
}

// examine adds a row to a sighting if it may be the outcome of the create.
func (t *Tracker) examine(x *target, row match.Row, s *sighting) {
	like := match.Compare(x.token.Resource, x.content, row)
	if x.token.Marker != "" {
		like = t.likeMarked(x, row, like)
	} else if x.isContact() && like != match.Unlike {
		like = t.likeThen(x, row, like)
	}
	if row.ID() == "" { // not a record, but perhaps what a part of the list says of one
		s.complete = s.complete && like == match.Unlike
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
func (t *Tracker) likeMarked(x *target, row match.Row, like match.Likeness) match.Likeness {
	marker, made := row.Text(x.token.MarkerField), row.Time("created_at")
	switch {
	case marker == x.token.Marker:
		return match.Exact
	case marker != "" && !match.Rewritten(x.token.Marker, marker), like == match.Unlike:
		return match.Unlike
	case !made.IsZero() && made.Before(x.serverStart(&t.clock).Add(-x.skew())):
		return match.Unlike
	default:
		return match.Near
	}
}

// likeThen corrects the likeness of a contact by when it was made. For messages, which do
// not say it, the window of the list has to do.
func (t *Tracker) likeThen(x *target, row match.Row, like match.Likeness) match.Likeness {
	start, made := x.serverStart(&t.clock), row.Time("created_at")
	precision := time.Millisecond
	if made.Nanosecond() == 0 {
		precision = time.Second
	}
	end := made.Add(precision)
	took := x.ended.Sub(x.began)
	if x.ended.IsZero() {
		took = t.timeout
	}
	tooLate := made.After(start.Add(took + latestCommit))
	switch {
	case made.IsZero():
		return match.Near
	case end.Before(start.Add(-x.skew())): // it existed before
		return match.Unlike
	case like == match.Near && tooLate:
		return match.Unlike
	case end.Before(start), tooLate:
		return match.Near
	default:
		return like
	}
}

// decide returns what a read of the list means for a create, given all others of equal
// content. final means that no better read of the clock is to be expected.
func (t *Tracker) decide(p *pending, s *sighting, final bool) (finding, match.Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, row := range s.exact {
		known, ok := t.claims.of(p.token.Resource, row.ID())
		if ok && known.nonce == p.token.Nonce {
			return found, row // another call resolved the same create
		}
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
	case len(rows) == 0 && s.complete && len(near) == 0 && p.waiting && !p.token.Named:
		return absent, nil
	case len(rows) == 0, marked && len(rows) > 1:
		return inconclusive, nil
	case !marked && !t.mayGive(p, s, rows, final):
		return inconclusive, nil
	}
	t.claim(p, rows[0].ID(), time.Time{}, time.Time{})
	return found, rows[0]
}

// showsReused reports whether a sighting has a record whose id was that of a deleted one. It
// may be another record by now. It needs mu, as do mayGive and alsoOf.
func (t *Tracker) showsReused(p *pending, s *sighting) bool {
	reused := func(id wire.ID) bool { return t.claims.reused(p.token.Resource, id) }
	return slices.ContainsFunc(s.near, reused) ||
		slices.ContainsFunc(s.exact, func(row match.Row) bool { return reused(row.ID()) })
}

// mayGive reports whether the first of some equal rows may be given to a create.
func (t *Tracker) mayGive(p *pending, s *sighting, rows []match.Row, final bool) bool {
	owners := 0
	for other := range t.groups[p.key] {
		switch {
		case other.waiting:
			owners++
		case other.began.Before(s.began):
			return false // its response may still name one of the rows
		}
	}
	if t.alsoOf(p, rows[0], s.began) {
		return false
	}
	// If there are more rows than creates, another process made some of them. And a row that
	// may have existed before the create is not given while the clock can become narrower.
	return len(rows) <= owners && (s.narrow || final)
}

// alsoOf reports whether a row may as well be the outcome of another create, whose content
// differs from p's and does not contradict it: it has more fields or fewer, or another user.
func (t *Tracker) alsoOf(p *pending, row match.Row, read time.Time) bool {
	mark := match.Mark(p.token.Resource, row)
	for key, group := range t.groups {
		if key == p.key {
			continue
		}
		for other := range group {
			if p.isContact() && !p.ended.IsZero() && other.began.After(p.ended.Add(latestCommit+skewMargin)) {
				continue // the row says that it was made before
			}
			if other.token.Resource == p.token.Resource &&
				(other.mark == "" || mark == "" || other.mark == mark) && other.began.Before(read) &&
				match.Agree(p.content, other.content) &&
				match.Compare(p.token.Resource, other.content, row) != match.Unlike {
				return true
			}
		}
	}
	return false
}
