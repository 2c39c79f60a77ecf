package readback

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxSources is how many disagreeing clocks are kept apart.
	maxSources = 8
	// A source that was seen once is forgotten after strayAge if strayMissed samples have
	// disagreed since, and any other one after staleAge and staleMissed.
	strayMissed, strayAge = 32, time.Minute
	staleMissed, staleAge = 100, 10 * time.Minute
)

// Clock learns how far another clock is ahead of this machine's. Each sample only bounds
// the difference, and many samples together bound it closely. Samples that disagree come
// from different clocks: of several hosts, of a proxy, or of one that was set. They widen
// what is believed.
type Clock struct {
	mu      sync.Mutex // guards sources
	sources []source
}

// source is a clock that agrees with all its samples.
type source struct {
	bounds

	seen   int       // how many samples
	missed int       // how many samples of others since the last one
	last   time.Time // when the last one was taken
}

// bounds is how far a clock is ahead: at least low, at most high.
type bounds struct {
	known     bool
	low, high time.Duration
}

func (b bounds) width() time.Duration { return b.high - b.low }

// and returns what both bounds allow, and reports whether that is anything.
func (b bounds) and(other bounds) (bounds, bool) {
	both := bounds{true, max(b.low, other.low), min(b.high, other.high)}
	return both, both.low <= both.high
}

// or returns what one of the bounds allows, or both.
func (b bounds) or(other bounds) bounds {
	switch {
	case !b.known:
		return other
	case !other.known:
		return b
	}
	return bounds{true, min(b.low, other.low), max(b.high, other.high)}
}

// plus returns the bounds of the sum of two differences.
func (b bounds) plus(other bounds) bounds {
	return bounds{b.known && other.known, b.low + other.low, b.high + other.high}
}

// minus returns the bounds of the difference of two differences.
func (b bounds) minus(other bounds) bounds {
	return bounds{b.known && other.known, b.low - other.high, b.high - other.low}
}

// Observe learns from the Date header of a response: date is the time that it says, and
// the other two are when the request was sent and when the response was received.
func (c *Clock) Observe(sent, received, date time.Time) {
	c.learn(bounds{true, date.Sub(received), date.Add(time.Second).Sub(sent)}, received)
}

// learn adds a sample that was taken at a time.
func (c *Clock) learn(sample bounds, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	best, most := -1, time.Duration(-1)
	for i := range c.sources {
		c.sources[i].missed++
		if both, ok := c.sources[i].and(sample); ok && both.width() > most {
			best, most = i, both.width()
		}
	}
	switch {
	case best >= 0:
		s := &c.sources[best]
		s.bounds, _ = s.and(sample)
		s.seen, s.missed, s.last = s.seen+1, 0, at
	case len(c.sources) < maxSources:
		c.sources = append(c.sources, source{bounds: sample, seen: 1, last: at})
	default:
		s := &c.sources[maxSources-1]
		s.bounds = s.or(sample)
		s.seen, s.missed, s.last = s.seen+1, 0, at
	}
	c.sources = slices.DeleteFunc(c.sources, func(s source) bool {
		age := at.Sub(s.last)
		return s.seen == 1 && s.missed >= strayMissed && age >= strayAge ||
			s.missed >= staleMissed && age >= staleAge
	})
}

// bounds returns what all sources together allow.
func (c *Clock) bounds() (b bounds) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sources {
		b = b.or(s.bounds)
	}
	return b
}

// tick returns how long after now a request that takes so long should be sent for its
// Date header to halve the bounds: then the server's second changes in their middle.
func (c *Clock) tick(now time.Time, took time.Duration) time.Duration {
	b := c.bounds()
	middle := now.Round(0).Add(took/2 + b.low + b.width()/2)
	return middle.Truncate(time.Second).Add(time.Second).Sub(middle)
}
