package pace

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// Adaptive is the default [Limiter]. Requests are not held back until the first 429, since
// no limit is documented. After it they are paced, and the rate that the server accepts is
// searched for. A Gate reports the responses to it.
//
// The search is told by what the server does, not by what its limit is called:
//
//   - A 429 begins a refusal. Requests that were sent after the refused one show what it
//     means. If seven of them are accepted for each 429, it is not about the rate, and
//     nothing changes. [Adaptive.refused] and [Adaptive.acceptedMeanwhile] judge this.
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
type Adaptive struct {
	turn chan struct{} // held by the request whose turn is next, so that it follows a change of pace
	wake chan struct{} // tells that request to look at the pace again

	mu      sync.Mutex // guards all fields below
	paced   bool
	waiting int       // requests that wait for their turn
	last    time.Time // when the last request was released
	until   time.Time // the end of a pause that the server asked for
	search
	throttling
}

// slack is how late a request may be without slowing down those after it.
const slack = 2 * time.Millisecond

// few is how many waiting requests are few: each may be refused three times at most.
const few = 8

// NewAdaptive returns a limiter that holds nothing back until the first 429.
func NewAdaptive() *Adaptive {
	l := &Adaptive{turn: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	l.closest = time.Hour
	return l
}

// pausedError is the error of a wait that the server asked for.
type pausedError struct{ error }

// Wait blocks until the request's turn, or until the context ends.
func (l *Adaptive) Wait(ctx context.Context) error {
	paced, err := l.enter(ctx)
	if err != nil || !paced {
		return err
	}
	defer l.leave()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for waited := false; ; waited = true {
		d, paused := l.release(waited)
		if d <= 0 {
			return nil
		}
		if err := tooLong(ctx, d, paused); err != nil {
			return err
		}
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-ctx.Done():
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// enter reports whether requests are paced. If not, the request is released.
func (l *Adaptive) enter(ctx context.Context) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.paced {
		l.last = time.Now()
		return false, ctx.Err()
	}
	if err := tooLong(ctx, time.Until(l.until), true); err != nil {
		return true, err
	}
	l.waiting++
	return true, nil
}

func (l *Adaptive) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting--
}

// tooLong returns an error if a wait of d would pass the context's deadline.
func tooLong(ctx context.Context, d time.Duration, paused bool) error {
	deadline, ok := ctx.Deadline()
	switch {
	case !ok || time.Until(deadline) >= d:
		return nil
	case !paused:
		return errTooLong
	}
	return pausedError{fmt.Errorf("the wait of %s would pass the context's deadline (%w)",
		d.Round(time.Millisecond), context.DeadlineExceeded)}
}

// release releases the request whose turn it is. If that is too early, it returns how long
// the request has to wait, and whether the server has asked for that.
func (l *Adaptive) release(waited bool) (wait time.Duration, paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	gap := l.gap()
	due := l.last.Add(gap)
	if paused = l.until.After(due); paused {
		due = l.until
	}
	if !l.paced {
		due = now
	}
	if d := due.Sub(now); d > 0 {
		return d, paused
	}
	if idle := now.Sub(due); l.refusing && idle > max(idleTime, 4*gap) {
		l.restart() // the count since is not one of a busy server
	}
	l.last = due
	if early := now.Add(-slack); early.After(due) {
		l.last = early
	}
	if waited {
		l.age += gap
		l.binding = true
	}
	return 0, false
}

// gap returns the time between the last release and the next. While the server refuses, it
// is no less than half the time in which the server accepts a request, but varied, because
// a server without a burst accepts whole multiples of a constant gap.
func (l *Adaptive) gap() time.Duration {
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
func (l *Adaptive) rate() float64 {
	switch {
	case l.base == 0:
		return math.Inf(1)
	case l.refusing || !l.settled || l.age <= l.calm:
		return l.base
	}
	return l.base * math.Pow(quickGrowth, (l.age-l.calm).Seconds()/max(1, l.span.Seconds()))
}

// answered learns from a response: when its request was sent, whether it is a 429, and how
// long the server asks to wait.
func (l *Adaptive) answered(sent time.Time, throttled bool, pause time.Duration) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened.IsZero() {
		l.opened = sent
	}
	if throttled {
		l.refused(now, sent, pause)
	} else {
		l.accepted(now, sent)
	}
}

// forgive ends a refusal that turned out to be about something else than the rate.
func (l *Adaptive) forgive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusing {
		l.score = 0
		l.endRefusal()
	}
}

// nudge makes the request whose turn is next look at the pace again.
func (l *Adaptive) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
