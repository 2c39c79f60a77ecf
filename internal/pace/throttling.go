package pace

import (
	"math"
	"time"
)

// throttling is what has happened since the server began to refuse requests.
type throttling struct {
	refusing    bool
	first       bool          // requests were not paced before
	asked       bool          // the server asked for a pause
	silent      bool          // everything was refused for a while
	alone       bool          // one 429 stopped everything
	from, known time.Time     // when the first refused request was sent, and answered
	lastRefused time.Time     // when the last one was sent
	busy        time.Duration // how long the server had accepted requests
	refusals    int
	run         int // of these, in a row
	got         int // accepted, of those sent since
	streak      int // of these, in a row
	score       int // goes up with 429s, and down with accepted requests
	alarm       bool
	overshot    float64       // the pace of the first refused request
	near        time.Duration // the least time between two accepted requests
	vary        float64       // of the gaps

	anchor time.Time // accepted requests are counted since
	count  int

	episodes int     // refusals at this pace
	steps    int     // by which the pace was lowered on trial
	peak     float64 // the pace before
}

const (
	refusedScore = 7 // so 429s count that are more than one in eight
	alarmScore   = 28
	failedScore  = 14
	longestProbe = 10 * time.Second
	idleTime     = 50 * time.Millisecond
	trials       = 4 // by 5% each
	trialsAlone  = 2 // by half each
)

// refused learns from a 429.
func (l *Learner) refused(now, sent time.Time, pause time.Duration) {
	if sent.Before(l.learnedAt) {
		return
	}
	l.score = min(l.score+refusedScore, 2*alarmScore)
	l.alarm = l.alarm || l.score >= alarmScore
	if !l.refusing {
		l.beginRefusal(now, sent)
	}
	l.run++
	l.refusals++
	l.streak, l.lastRefused, l.asked = 0, sent, l.asked || pause > 0
	lastReleased := !sent.Before(l.last)
	if !l.paced && (pause > 0 || l.alarm || l.run >= 3 || l.run >= 2 && lastReleased) {
		l.paced, l.first = true, true
		l.base = max(firstPace, l.accepts)
		l.ramp = math.Inf(1)
	}
	if l.first && !l.until.After(now) || pause > shortWait && l.got == 0 {
		l.until = now.Add(pause)
	}
	l.silent = l.silent || l.first && sent.After(l.known)
	switch {
	case l.ramp > 0 && !l.first && l.lo == 0 && l.refusals == 2 && l.closest.Seconds()*l.overshot > .6:
		// Without a burst, the first pace that is too high is refused at once.
		l.lo, l.hi, l.proofTime = l.overshot/2, l.overshot, 0
		l.learned(now)
		l.begin(now)
	case l.lo > 0 && !l.settled && l.base > 1.02*l.lo && (l.score >= failedScore || l.episodes >= 2):
		l.hi = l.base
		l.learned(now)
		l.begin(now)
	}
}

func (l *Learner) beginRefusal(now, sent time.Time) {
	if l.base > 0 {
		l.base = l.rate()
	}
	l.overshot = l.base
	if sent.Before(l.since) {
		l.overshot /= 2
	}
	l.refusing, l.silent, l.from, l.known = true, false, sent, now
	l.busy, l.near = sent.Sub(l.opened), time.Hour
	l.refusals, l.got, l.proof, l.asked = 0, 0, 0, false
	l.episodes++
	l.restart()
}

// restart begins a new count of what the server accepts while it refuses others.
func (l *Learner) restart() { l.anchor, l.count = time.Time{}, 0 }

// acceptedMeanwhile learns from a request that was sent after a refused one, and accepted.
func (l *Learner) acceptedMeanwhile(now, sent time.Time) {
	l.listen(now)
	switch {
	case l.first && !sent.Before(l.until) && !sent.Before(l.known) && !l.silent:
		l.resumed(now, sent)
	case l.silent && !sent.Before(l.until) && !sent.Before(l.known),
		l.alarm && l.streak >= enough && !l.first:
		l.reopened(now, sent)
	case l.score == 0:
		l.endRefusal()
	case l.first:
	default:
		l.until = time.Time{}
		l.got++
		l.streak++
		l.changed = true
		l.countAccepted(now, sent)
	}
}

// listen notes at the first accepted request how quiet it was before.
func (l *Learner) listen(now time.Time) {
	if l.got > 0 || l.first {
		return
	}
	quiet := now.Sub(l.known)
	usual := max(3*l.known.Sub(l.from), time.Duration(4/l.base*float64(time.Second)), 20*time.Millisecond)
	several := l.alarm || l.lastRefused.After(l.known)
	l.silent = several && quiet > usual
	l.alone = !several && quiet > max(usual, 500*time.Millisecond)
}

// countAccepted counts what the server accepts between two of its refusals.
func (l *Learner) countAccepted(now, sent time.Time) {
	if l.run > 0 {
		if l.anchor.IsZero() {
			l.anchor = sent
			return
		}
		if l.alarm && l.count >= enough && sent.After(l.anchor) && l.measured(now, l.count+1, sent.Sub(l.anchor)) {
			return
		}
	}
	if !l.anchor.IsZero() {
		l.count++
	}
}

// endRefusal ends a refusal that was not about the rate, as far as is known. If such 429s
// keep coming, it lowers the pace on trial, and raises it again if they still come.
func (l *Learner) endRefusal() {
	l.refusing, l.alarm = false, false
	l.until = time.Time{}
	l.changed = true
	switch {
	case l.alone:
		l.tryAlone()
	case l.settled && l.episodes >= 3 && l.base <= 1.02*l.lo:
		l.episodes = 0
		l.steps++
		if l.steps < trials {
			l.base *= .95
		} else if l.steps == trials {
			l.base = settledShare * l.lo
		}
	}
	if l.first {
		l.first, l.paced, l.ramp, l.base = false, false, 0, 0
	}
}

// tryAlone is endRefusal if one 429 stopped everything, as it does for a program that makes
// one call at a time. The pace is lowered further then, since there is less to lose.
func (l *Learner) tryAlone() {
	if l.steps == 0 {
		l.peak = min(l.base, (l.accepts-float64(l.got))/max(l.busy, time.Millisecond).Seconds())
	}
	l.opened, l.accepts = l.known, 0
	steps := l.steps + 1
	if steps <= trialsAlone {
		l.lo = l.peak * math.Pow(.5, float64(steps))
	} else {
		l.lo = max(l.lo, l.peak)
	}
	l.hi, l.ramp, l.calm, l.alone = l.lo, 0, shortCalm, false
	l.settle()
	l.steps = steps
}
