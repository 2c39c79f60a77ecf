package pace

import "time"

// suspect is a route whose last responses were 429s. If meanwhile the requests of
// the other routes are accepted, it has a quota of its own.
type suspect struct {
	since  time.Time // when the first of those requests was sent
	others int       // accepted requests of other routes, of those sent since
	own    bool      // it has a quota of its own
	until  time.Time // the end of its pause
}

// witnesses is how many requests of other routes show that a route has a quota of its own.
const witnesses = 8

// judge reports whether a response is a 429 of a route that has a quota of its own, which
// is then paused alone, and whether the response shows that a route has one.
func (g *Gate) judge(route string, sent time.Time, throttled bool, pause time.Duration) (own, cleared bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !throttled {
		delete(g.suspects, route)
		return false, g.witness(sent)
	}
	s := g.suspects[route]
	if s == nil {
		s = &suspect{since: sent}
		if g.suspects == nil {
			g.suspects = map[string]*suspect{}
		}
		g.suspects[route] = s
	}
	if !s.own {
		for name, other := range g.suspects { // more than one route is refused: it may be the rate
			if name != route && !other.own {
				other.since, other.others = sent, 0
				s.since, s.others = sent, 0
			}
		}
		return false, false
	}
	if until := time.Now().Add(pause); until.After(s.until) {
		s.until = until
	}
	return true, false
}

// witness counts an accepted request for all suspects, and reports whether it settles that
// one of them has a quota of its own.
func (g *Gate) witness(sent time.Time) (settled bool) {
	for _, s := range g.suspects {
		if s.own || sent.Before(s.since) {
			continue
		}
		s.others++
		if s.others >= witnesses {
			s.own, settled = true, true
		}
	}
	return settled
}
