// Package pace decides when the next request may be sent, and whether a failed call may be
// tried again.
//
// It knows nothing of the API, and of HTTP only the two status codes that slow requests
// down. The caller reports each response, and how long the server asked for a pause.
package pace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter decides when the next request may be sent. Wait blocks until then, or until the
// context ends.
type Limiter interface {
	Wait(ctx context.Context) error
}

// ResponseAware is implemented by a [Limiter] that is to learn of every response: when its
// request was sent, its status, and the wait that the server asked for, or 0 for none.
type ResponseAware interface {
	Responded(sent time.Time, statusCode int, retryAfter time.Duration)
}

// learner is implemented by a [Limiter] that decides on its own what a 429 holds back, as
// [Adaptive] does. It is not told of the 429s of a route that has a quota of its own.
type learner interface {
	Answered(sent time.Time, throttled bool, pause time.Duration)
	Forgive()
}

// pauser is implemented by a [Limiter] that several processes share. It passes a pause on to the
// others.
type pauser interface{ Pause(d time.Duration) }

// teller is implemented by a [Limiter] that tells the rate that it has found, or 0, and the end
// of a pause, as [Adaptive] does.
type teller interface {
	State() (perSecond float64, pausedUntil time.Time)
}

// limited is implemented by a [Limiter] that has a constant rate, as a rate.Limiter does.
type limited interface{ Limit() rate.Limit }

// The status codes that mean something to a gate.
const (
	tooManyRequests = 429
	unavailable     = 503
)

// Gate is what every request waits for: the limiter, and a pause that the server asked for.
// It is safe for concurrent use.
type Gate struct {
	limiter Limiter
	longest time.Duration

	mu       sync.Mutex // guards all fields below
	until    time.Time  // the end of the pause
	refusals refusals
	pauses   pauses
	suspects map[string]*suspect
	leaving  time.Duration // how long it takes until a request leaves that waits for something
}

// Pace is how fast requests may be sent.
type Pace struct {
	PerSecond   float64       // 0 if no limit is known
	PausedUntil time.Time     // the end of a pause; zero or past if there is none
	Paused      time.Duration // how long all pauses have lasted until now
}

// pauses measures how long requests were held back.
type pauses struct {
	since, until time.Time // the present pause, or the last one
	before       time.Duration
}

// change sets the end of the pause.
func (p *pauses) change(now, until time.Time) {
	p.before, p.since, p.until = p.total(now), now, until
}

// total returns how long all pauses have lasted.
func (p *pauses) total(now time.Time) time.Duration {
	end := p.until
	if end.After(now) {
		end = now
	}
	return p.before + max(0, end.Sub(p.since))
}

// NewGate returns a gate with this limiter. It ignores pauses over longest: the call that is
// asked for one returns an error instead.
func NewGate(l Limiter, longest time.Duration) *Gate { return &Gate{limiter: l, longest: longest} }

// Wait blocks until a request of a route may be sent: until the pause is over and the
// limiter agrees. Its error matches that of the context if the context ended the wait, or
// would have.
func (g *Gate) Wait(ctx context.Context, route string) error {
	const asked = "waiting as long as the API asked to: %w"
	for {
		if d := g.left(route); d > 0 {
			if err := sleep(ctx, d); err != nil {
				return fmt.Errorf(asked, waitError(ctx, err))
			}
			continue
		}
		if err := g.limiter.Wait(ctx); err != nil {
			if paused, ok := errors.AsType[pausedError](err); ok {
				return fmt.Errorf(asked, paused.error)
			}
			return fmt.Errorf("waiting for the rate limiter: %w", waitError(ctx, err))
		}
		if err := ctx.Err(); err != nil { // the limiter may not have checked
			return fmt.Errorf("waiting for the rate limiter: %w", err)
		}
		if g.left(route) <= 0 { // else a pause has begun meanwhile: wait for another turn after it
			return nil
		}
	}
}

const (
	// lateness is how much longer than usual a request may take to leave.
	lateness = 25 * time.Millisecond
	// quick is less than a request takes to leave that waits for something. Others say nothing
	// of how long that usually takes.
	quick = time.Millisecond
)

// Late reports whether a request took so much longer than usual to leave after its turn that it
// must wait for another one. Else requests that were held up together would be sent together.
func (g *Gate) Late(took time.Duration) bool {
	if took < quick {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	most := 2*g.leaving + lateness
	g.leaving += (min(took, most) - g.leaving) / 64 // many that are late together must not count for more
	return took > most
}

// Measure is Wait, and returns how much of the wait was a pause that the server asked for, and
// how much was for the limiter.
func (g *Gate) Measure(ctx context.Context, route string) (paused, limited time.Duration, err error) {
	begun, before, own := time.Now(), g.Pace().Paused, g.left(route)
	err = g.Wait(ctx, route)
	took, after := time.Since(begun), g.Pace()
	paused = min(took, max(after.Paused-before, own, after.PausedUntil.Sub(begun)))
	return paused, took - paused, err
}

// Answered reports a response to a request of a route that was sent then: its status, and
// the wait that it asked for, 0 for none. It returns by how much the response prolongs the
// pause of the route, or of all.
func (g *Gate) Answered(route string, sent time.Time, status int, asked time.Duration) time.Duration {
	throttled, busy := status == tooManyRequests, status == unavailable
	pause := asked
	if pause > g.longest || !(throttled || busy) {
		pause = 0
	}
	var before time.Duration // left of the pause
	if pause > 0 {
		before = max(0, g.left(route))
	}
	own, cleared := g.judge(route, sent, throttled, pause)
	l, learns := g.limiter.(learner)
	if aware, ok := g.limiter.(ResponseAware); ok {
		aware.Responded(sent, status, asked)
	}
	switch {
	case own:
	case learns:
		l.Answered(sent, throttled, pause)
		if busy {
			g.begin(pause)
		}
	default:
		g.begin(g.refused(status, pause))
	}
	if cleared && learns {
		l.Forgive()
	}
	_, until := g.state()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	prolonged := until.Sub(later(now, g.pauses.until))
	if own {
		prolonged = pause - before
	}
	g.pauses.change(now, until)
	return max(0, prolonged)
}

// Pace returns how fast requests may be sent. It leaves out the pause of a route that has a
// quota of its own.
func (g *Gate) Pace() Pace {
	perSecond, until := g.state()
	g.mu.Lock()
	defer g.mu.Unlock()
	return Pace{PerSecond: perSecond, PausedUntil: until, Paused: g.pauses.total(time.Now())}
}

// state returns the rate of the limiter, or 0, and the end of a pause.
func (g *Gate) state() (perSecond float64, until time.Time) {
	switch l := g.limiter.(type) {
	case teller:
		perSecond, until = l.State()
	case limited:
		if limit := l.Limit(); limit < rate.Inf {
			perSecond = float64(limit)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until.After(until) {
		until = g.until
	}
	return perSecond, until
}

// refused returns how long all requests are to be held back after a response, with a limiter
// that does not learn.
func (g *Gate) refused(status int, asked time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refusals.pause(status, asked)
}

// begin starts a pause of this length, unless one lasts longer, in all processes that share the
// limiter.
func (g *Gate) begin(d time.Duration) {
	if d <= 0 {
		return
	}
	if shared, ok := g.limiter.(pauser); ok {
		shared.Pause(d)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = later(g.until, time.Now().Add(d))
}

// left returns how much is left of the pause, or of that of the route. It is not positive
// if there is none.
func (g *Gate) left(route string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	until := g.until
	if s := g.suspects[route]; s != nil && s.until.After(until) {
		until = s.until
	}
	return time.Until(until)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
