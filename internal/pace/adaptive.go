package pace

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Adaptive is the default [Limiter]. Requests are not held back until the first 429, since
// no limit is documented. After it they are paced by a [Learner]. A Gate reports the
// responses to it.
type Adaptive struct {
	turn chan struct{} // held by the request whose turn is next, so that it follows a change of pace
	wake chan struct{} // tells that request to look at the pace again

	mu sync.Mutex // guards the learner
	Learner
}

// slack is how late a request may be without slowing down those after it.
const slack = 2 * time.Millisecond

// few is how many waiting requests are few: each may be refused three times at most.
const few = 8

// NewAdaptive returns a limiter that holds nothing back until the first 429.
func NewAdaptive() *Adaptive {
	return &Adaptive{turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), Learner: NewLearner()}
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
	l.idle(now.Sub(due), gap)
	l.last = due
	if early := now.Add(-slack); early.After(due) {
		l.last = early
	}
	l.held(waited, gap)
	return 0, false
}

// Answered learns from a response: when its request was sent, whether it is a 429, and how
// long the server asks to wait.
func (l *Adaptive) Answered(sent time.Time, throttled bool, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Learner.Answered(time.Now(), sent, throttled, pause)
	l.nudge()
}

// Forgive ends a refusal that turned out to be about something else than the rate.
func (l *Adaptive) Forgive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Learner.Forgive()
	l.nudge()
}

// State returns the rate that was found, or 0 if none was yet, and the end of a pause that the
// server asked for.
func (l *Adaptive) State() (perSecond float64, pausedUntil time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lo > 0 && l.ramp == 0 {
		perSecond = l.base
	}
	return perSecond, l.until
}

// nudge makes the request whose turn is next look at the pace again if it has changed.
func (l *Adaptive) nudge() {
	if !l.changed {
		return
	}
	l.changed = false
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
