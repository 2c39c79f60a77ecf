package pace

import (
	"math"
	"time"
)

// search is the pace, and what is known of the rate that the server accepts.
type search struct {
	base      float64       // the pace, before it grows with age
	lo, hi    float64       // the rate is known to be at least lo, and less than hi; 0 if unknown
	ramp      float64       // the pace is doubled up to this; 0 if it is not
	since     time.Time     // when the pace was changed
	proof     int           // accepted since, of requests that were sent since
	proofTime time.Duration // how long a pace must hold before it is raised
	binding   bool          // the pace has held requests back since
	settled   bool          // the pace is kept until it is calm no longer
	calm      time.Duration // how long a settled pace is kept before it grows
	age       time.Duration // how long a settled pace has held requests back
	learnedAt time.Time     // responses to requests sent before it teach nothing new
	span      time.Duration // the length of the window that the server counts in; 0 if unknown

	opened   time.Time // when the server began to accept again
	accepts  float64   // how many it has accepted since
	previous time.Time // when the last accepted request was sent
	closest  time.Duration
}

const (
	firstPace    = 20   // a second, doubled with each round of responses
	quickGrowth  = 1.4  // a second
	settledShare = 0.98 // of the rate found
	slowestPace  = 0.2
	shortCalm    = 5 * time.Second
	longCalm     = 16 * time.Second
	tight        = 1.06 // hi over lo when there is nothing left to search for
	tightSlow    = 1.25 // the same for less than slow a second, where each request counts
	slow         = 100
	enough       = 8 // responses that are more than chance
	many         = 24
	measureTime  = 150 * time.Millisecond
	windowProof  = 700 * time.Millisecond
)

// accepted learns from a request that the server accepted.
func (l *Learner) accepted(now, sent time.Time) {
	l.score = max(0, l.score-1)
	l.accepts++
	if !l.previous.IsZero() && !sent.Before(l.previous) {
		l.closest = min(l.closest, sent.Sub(l.previous))
		l.near = min(l.near, sent.Sub(l.previous))
	}
	l.previous = sent
	if sent.Before(l.learnedAt) {
		return
	}
	if l.refusing && !sent.Before(l.from) {
		l.acceptedMeanwhile(now, sent)
	}
	l.run = 0
	switch {
	case !l.paced:
		if busy := now.Sub(l.opened); busy > 4*time.Second { // what is long ago counts less
			l.accepts /= 2
			l.opened = l.opened.Add(busy / 2)
		}
	case !l.refusing && l.binding && !sent.Before(l.since):
		l.climb(now)
	}
}

// climb raises the pace after a request that was sent at this pace has been accepted: it
// doubles it, or tries a higher one once this one has been proven.
func (l *Learner) climb(now time.Time) {
	l.proof++
	switch {
	case l.ramp > 0:
		l.base *= 2
		if l.base >= l.ramp {
			l.base, l.ramp = l.ramp, 0
		}
		l.since, l.binding, l.proof = now, false, 0
	case !l.settled && l.proof >= enough && now.Sub(l.since) >= l.proofTime:
		l.lo = l.base
		l.begin(now)
		if !l.settled {
			l.base = math.Sqrt(l.lo * l.hi)
			if l.hasBurst() { // which hides for a while that a pace is too high
				l.base = min(l.base, 1.1*l.lo)
			}
		}
	}
}

// begin continues at the highest rate that is known to be accepted: a little below it if
// there is nothing left to search for.
func (l *Learner) begin(now time.Time) {
	l.proof, l.since, l.episodes = 0, now, 0
	enough := tight
	if l.lo < slow {
		enough = tightSlow
	}
	if l.hi <= l.lo*enough {
		l.settle()
		return
	}
	l.settled = false
	l.base = l.lo
}

func (l *Learner) settle() {
	l.settled, l.age, l.steps = true, 0, 0
	l.base = max(settledShare*l.lo, slowestPace)
}

// hasBurst reports whether the server has accepted requests that were closer to each other
// than its rate allows.
func (l *Learner) hasBurst() bool { return l.closest.Seconds()*l.lo <= .45 }

// learned ends a refusal with a lesson: requests that were sent before do not count any
// more.
func (l *Learner) learned(now time.Time) {
	l.calm = min(max(2*l.calm, shortCalm), longCalm)
	l.learnedAt = now
	l.throttling = throttling{steps: l.steps, episodes: l.episodes, peak: l.peak, vary: l.vary}
	l.ramp, l.binding, l.until = 0, false, time.Time{}
	l.changed = true
}

// measured learns the rate of a server that accepts some requests and refuses others: n in
// this time. It reports whether that is enough to learn from.
func (l *Learner) measured(now time.Time, n int, in time.Duration) bool {
	if l.span == 0 && n <= many && in < measureTime {
		return false
	}
	rate := float64(n) / in.Seconds()
	pace := min(l.base, 1/l.gap().Seconds())
	if l.closest.Seconds()*rate > .45 { // without a burst, what it accepts is a lower bound
		rate = max(rate, min(pace, 1/l.near.Seconds()))
	}
	tooFast := pace > 1.02*l.lo // than the rate known so far
	switch {
	case l.span > 0 && tooFast: // a part of a window says little of the rate
		l.lo = max(l.lo, min(.85*pace, 1.15*l.lo))
	case l.span > 0:
		l.lo *= .9
	case !tooFast && rate < .7*l.lo && in < time.Second:
		return false
	case !tooFast || rate > l.lo:
		l.lo = rate
	}
	l.hi, l.proofTime = l.lo, 0
	l.learned(now)
	l.begin(now)
	return true
}

// resumed learns from a server that accepts again after a pause: how long it took, and how
// many it had accepted until then. A bucket may have been full for most of the pause, so
// the pace is doubled until the next refusal unless an upper bound is known.
func (l *Learner) resumed(now, sent time.Time) {
	open, accepts := l.reopen(sent)
	opened := l.opening(sent, open)
	busy, most := l.busy, math.Inf(1)
	if busy > 250*time.Millisecond {
		most = accepts / busy.Seconds()
	}
	pace := min(max(l.base, accepts/open.Seconds()), most)
	l.learned(now)
	l.lo, l.hi, l.since = 0, most, now
	if math.IsInf(most, 1) {
		l.base, l.ramp = pace, most
		return
	}
	l.proofTime = max(busy, windowProof)
	l.lo = .9 * accepts / opened.Seconds()
	l.begin(now)
	if pace < l.base {
		l.base, l.ramp = pace, l.base
	}
}

// reopened learns from a server that accepts again after it has refused everything.
func (l *Learner) reopened(now, sent time.Time) {
	open, accepts := l.reopen(sent)
	opened := l.opening(sent, open)
	silence := max(sent.Sub(l.from), time.Millisecond)
	window := open > time.Second && l.got == 0 && silence > open/4
	rate := max(accepts/opened.Seconds(), float64(l.got)/silence.Seconds())
	pace := l.base
	l.learned(now)
	switch {
	case l.lo > 0 && pace > 1.02*l.lo: // it was too fast, as was to be expected
		l.hi = pace
		l.begin(now)
		return
	case open < l.span:
		l.lo *= .9
		l.settle()
		return
	}
	l.lo, l.hi, l.proofTime = rate, rate, 0
	if window {
		l.span = open
	} else if !l.hasBurst() {
		l.hi = max(l.lo, pace)
	}
	l.calm = max(shortCalm, 2*open)
	l.begin(now)
	if careful := max(math.Sqrt(l.base/silence.Seconds()), slowestPace); careful < l.base {
		l.base, l.ramp = careful, l.base
	}
}

// reopen begins a new count of accepted requests. It returns how long the last one took,
// and the count.
func (l *Learner) reopen(sent time.Time) (time.Duration, float64) {
	open, accepts := max(sent.Sub(l.opened), 10*time.Millisecond), l.accepts
	l.opened, l.accepts = sent, 0
	return open, accepts
}

// opening returns when the server opened again: between the last request that it refused
// and the one that it accepted.
func (l *Learner) opening(sent time.Time, open time.Duration) time.Duration {
	return max(open-sent.Sub(l.lastRefused)/2, 10*time.Millisecond)
}
