package pace

import (
	"cmp"
	"math"
	"time"
)

// Learner finds the rate that a server accepts.
//
// It is told by what the server does, not by what its limit is called:
//
//   - A 429 begins a refusal. Requests that were sent after the refused one show what it
//     means. If seven of them are accepted for each 429, it is not about the rate, and
//     nothing changes. [Learner.refused] and [Learner.acceptedMeanwhile] judge this.
//   - If the server accepts some and refuses others, what it accepts in a time is its rate.
//   - If it accepts nothing for a while, its limit counts the requests of a window. What it
//     accepted until it opened again, divided by that time, is the rate.
//   - A pace is doubled until the first refusal, then set to the rate found, and left there
//     for a while before it grows again, since a raised limit does not show by itself.
//   - A pace that is lowered although nothing is gained by it is raised again.
//
// A Retry-After always holds back the call itself. It holds back all calls if nothing is
// known yet, or if it is more than a second, the shortest wait that the header can express,
// and ends early if a request that was sent later is accepted.
//
// It does not release requests, and it is not safe for concurrent use.
type Learner struct {
	paced   bool
	changed bool      // the pace is another one, or the pause has ended
	waiting int       // requests that wait for their turn
	last    time.Time // when the last request was released
	until   time.Time // the end of a pause that the server asked for
	search
	throttling
}

// NewLearner returns a learner that holds nothing back until the first 429.
func NewLearner() Learner { return Learner{search: search{closest: time.Hour}} }

// Released notes that a request was released then, and whether it had to wait for its turn.
func (l *Learner) Released(at time.Time, waited bool) {
	if !l.paced {
		l.last = at
		return
	}
	gap := l.gap()
	l.idle(at.Sub(l.last.Add(gap)), gap)
	l.last = at
	l.held(waited, gap)
}

// idle notes how long after its turn a request was released.
func (l *Learner) idle(d, gap time.Duration) {
	if l.refusing && d > max(idleTime, 4*gap) {
		l.restart() // the count since is not one of a busy server
	}
}

// held notes that a request was held back by the pace, if it waited.
func (l *Learner) held(waited bool, gap time.Duration) {
	if waited {
		l.age += gap
		l.binding = true
	}
}

// Answered learns from a response: when its request was sent, whether it is a 429, and how
// long the server asks to wait.
func (l *Learner) Answered(now, sent time.Time, throttled bool, pause time.Duration) {
	if l.opened.IsZero() {
		l.opened = sent
	}
	if throttled {
		l.refused(now, sent, pause)
	} else {
		l.accepted(now, sent)
	}
}

// Forgive ends a refusal that turned out to be about something else than the rate.
func (l *Learner) Forgive() {
	if l.refusing {
		l.score = 0
		l.endRefusal()
	}
}

// gap returns the time between the last release and the next. While the server refuses, it
// is no less than half the time in which the server accepts a request, but varied, because
// a server without a burst accepts whole multiples of a constant gap.
func (l *Learner) gap() time.Duration {
	gap := time.Duration(float64(time.Second) / l.rate())
	if !l.refusing {
		return gap
	}
	since := l.last.Sub(l.known)
	blind := !l.asked && (l.first || l.span > 0 && l.refusals >= 2 && l.got == 0)
	switch {
	case blind && l.waiting < few: // or the same calls would be refused again and again
		return max(gap, time.Second, min(10*since, longestProbe))
	case l.refusals < 2, l.first && !blind && !l.silent:
		return gap
	}
	_, l.vary = math.Modf(l.vary + math.Phi)
	gap = max(gap, min(since/time.Duration(2*(l.got+1)), longestProbe))
	return time.Duration((.75 + .5*l.vary) * float64(gap))
}

// rate returns the pace at the present age.
func (l *Learner) rate() float64 {
	switch {
	case l.base == 0:
		return math.Inf(1)
	case l.refusing || !l.settled || l.age <= l.calm:
		return l.base
	}
	return l.base * math.Pow(quickGrowth, (l.age-l.calm).Seconds()/max(1, l.span.Seconds()))
}

// Pace returns the time until the next request may be released after the last one, and the
// end of a pause that the server asked for. paced is false if nothing is held back. waiting
// is how many requests wait.
func (l *Learner) Pace(waiting int) (gap time.Duration, until time.Time, paced bool) {
	if !l.paced {
		return 0, l.until, false
	}
	l.waiting = waiting
	return l.gap(), l.until, true
}

// Known is what a learner has found out, for another one to go on with.
type Known struct {
	Pace        float64       // a second; 0 if nothing is held back
	Least, Most float64       // the rate is known to be at least Least, and less than Most; 0 if unknown
	Span        time.Duration // the length of the window that the server counts in; 0 if unknown
	Closest     time.Duration // the least time between two accepted requests
}

// Known returns what the learner has found out.
func (l *Learner) Known() Known {
	k := Known{Least: l.lo, Most: min(l.hi, math.MaxFloat64), Span: l.span, Closest: l.closest}
	if l.paced {
		k.Pace = min(l.rate(), math.MaxFloat64)
	}
	return k
}

// Resume returns a learner that goes on now with what another one has found out.
func Resume(k Known, now time.Time) Learner {
	l := NewLearner()
	if k.Pace <= 0 {
		return l
	}
	l.paced, l.lo, l.hi, l.span, l.closest = true, k.Least, k.Most, k.Span, cmp.Or(k.Closest, time.Hour)
	l.learnedAt, l.since, l.opened = now, now, now
	l.calm, l.base, l.ramp = shortCalm, k.Pace, math.Inf(1)
	if l.lo > 0 {
		l.ramp = 0
		l.settle()
	}
	return l
}
