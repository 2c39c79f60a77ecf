package fleet

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// Options are the settings of a limiter. All processes must use the same ones.
type Options struct {
	PerSecond float64 // the budget of all processes together; 0 if it is to be learned
	Burst     int     // how many requests may be sent at once after a quiet time; 0 is 1
	Alone     float64 // the share of the rate that one process may use while the store is away; 0 for none
}

const (
	// used is the share of the budget that is given out, so that requests that take different
	// times to leave stay within it.
	used = 0.98
	// patience is how long a call of the store may take.
	patience = time.Second
	// longestPause is the longest Retry-After that holds back all processes.
	longestPause = time.Minute

	// A turn is confirmed this long before it is due, depending on how long a call takes.
	leastLead = 5 * time.Millisecond
	mostLead  = Ahead / 2 * time.Microsecond

	// slowest and fastest are the least and the largest budget.
	slowest = 0.001
	fastest = 10_000

	// unknown is a Request.Full that empties the bucket.
	unknown = 1 << 52

	// A store that is away is called again after this time, if requests wait.
	again = 100 * time.Millisecond
)

// Limiter is one process' part of a shared limiter. It is safe for concurrent use.
type Limiter struct {
	store      Store
	alone      float64
	gap, burst int64
	invalid    error
	wake       chan struct{} // tells the dispatcher to look again at what there is to do

	mu      sync.Mutex // guards all fields below
	waiting []*waiter  // in the order in which they came
	running bool       // there is a dispatcher
	away    bool       // the store did not respond to its last call
	report  time.Time  // the end of a pause that the store does not know of
	paused  time.Time  // the end of the pause that it does know of

	// The rest belongs to the dispatcher.
	ticket Ticket
	due    time.Time // when the ticket is due
	full   int64
	trip   time.Duration // how long a call takes
	sent   time.Time     // the time of the last turn

	reported time.Time // the end of the pause that is being reported

	learning *learning // nil if the budget is known
}

// Shared is a limiter that passes on pauses.
type Shared interface {
	Wait(ctx context.Context) error
	Pause(d time.Duration)
	State() (perSecond float64, pausedUntil time.Time)
}

// waiter is a request that waits.
type waiter struct {
	ctx  context.Context //nolint:containedctx // it is that of the call of Wait, and is dropped with it
	turn chan turn       // receives one turn
}

// turn is the time at which a request may be sent, or the error of its wait.
type turn struct {
	at  time.Time
	err error
}

// New returns a limiter that shares its budget with all that use the same state of a store.
func New(s Store, o Options) Shared {
	l := &Limiter{store: s, alone: o.Alone, burst: max(1, int64(o.Burst)), wake: make(chan struct{}, 1)}
	switch {
	case o.PerSecond == 0 && o.Burst != 0:
		l.invalid = fmt.Errorf("the shared limiter: a burst of %d without a number of requests a second", o.Burst)
	case o.PerSecond != 0 && !(o.PerSecond >= slowest && o.PerSecond <= fastest):
		l.invalid = fmt.Errorf("the shared limiter: %v requests a second are not between %v and %v", o.PerSecond, slowest, fastest)
	case o.Burst < 0:
		l.invalid = fmt.Errorf("the shared limiter: a burst of %d", o.Burst)
	case !(o.Alone >= 0 && o.Alone <= 1):
		l.invalid = fmt.Errorf("the shared limiter: a share of %v is not between 0 and 1", o.Alone)
	case o.PerSecond == 0:
		l.learning = newLearning()
		return learner{l}
	default:
		l.gap = int64(math.Ceil(1e6 / (used * o.PerSecond)))
	}
	return l
}

// Wait blocks until a request may be sent, or until the context ends. It returns an error if
// the store does not respond.
func (l *Limiter) Wait(ctx context.Context) error {
	if l.invalid != nil {
		return l.invalid
	}
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // the caller's own error
	}
	w := l.enter(ctx)
	select {
	case t := <-w.turn:
		if t.err != nil {
			return t.err
		}
		return pace.Sleep(ctx, time.Until(t.at))
	case <-ctx.Done():
		l.leave(w)
		return ctx.Err() //nolint:wrapcheck // the caller's own error
	}
}

func (l *Limiter) enter(ctx context.Context) *waiter {
	w := &waiter{ctx: ctx, turn: make(chan turn, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.learning.free(w) && !l.refuse(w) {
		l.waiting = append(l.waiting, w)
		l.start() //nolint:contextcheck // the dispatcher serves other calls as well
	}
	return w
}

// refuse ends the wait of a request if a pause lasts past the deadline of its context. The
// caller holds the mutex.
func (l *Limiter) refuse(w *waiter) bool {
	deadline, ok := w.ctx.Deadline()
	if !ok || !deadline.Before(l.paused) {
		return false
	}
	w.turn <- turn{err: fmt.Errorf("the wait of %s would pass the context's deadline (%w)",
		time.Until(l.paused).Round(time.Millisecond), context.DeadlineExceeded)}
	return true
}

// leave removes a request whose context has ended.
func (l *Limiter) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, func(other *waiter) bool { return other == w })
	if len(l.waiting) == 0 {
		l.nudge()
	}
}

// State returns the end of a pause that a process was asked for. It does not return a rate: that of
// all processes together says little about this one.
func (l *Limiter) State() (perSecond float64, pausedUntil time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.report.After(l.paused) {
		return 0, l.report
	}
	return 0, l.paused
}

// Pause pauses all processes for up to a minute. A longer pause is ignored.
func (l *Limiter) Pause(d time.Duration) {
	if d <= 0 || d > longestPause || l.invalid != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.report) {
		l.report = until
		l.start()
		l.nudge()
	}
}

// start starts the dispatcher, unless it runs. The caller holds the mutex.
func (l *Limiter) start() {
	if !l.running {
		l.running, l.away = true, false
		go l.dispatch()
	}
}

// nudge makes the dispatcher look again at what there is to do.
func (l *Limiter) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
