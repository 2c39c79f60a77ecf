package readback

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

const (
	// roundInterval is the time between two reads of one list. It also changes the fraction
	// of the server's second at which its clock is seen.
	roundInterval = 750 * time.Millisecond
	// busyInterval is the same while many creates wait: then more of them share each read.
	busyInterval = 1500 * time.Millisecond
	manyWaiters  = 4
	// soonInterval is the same for reads that show the server's clock, and gather is how long
	// such a read is held back for the other creates that wait for the same moment.
	soonInterval = 200 * time.Millisecond
	gather       = 2 * time.Millisecond
)

// sighting is what one read of a list showed of one create.
type sighting struct {
	exact    []match.Row
	near     []wire.ID
	began    time.Time // when the read began
	ended    time.Time // until when a record may have been made that it showed
	took     time.Duration
	trusted  bool          // the clock of the records is known
	wide     time.Duration // the width of its bounds
	narrow   bool          // it is known well enough to recognize what existed before the create
	complete bool          // nothing indicates that the list was cut short
	proven   bool          // it was not
	err      error
}

// finding is what one read of a list means for one create.
type finding int

const (
	inconclusive finding = iota
	blurred              // it may be there: the clocks are not known well enough
	absent               // from a complete list
	found
)

// rounds shares the reads of lists among the creates that wait for them. A round is one
// read for all that asked for it before it began.
type rounds struct {
	read func(ctx context.Context, l List, waiters []*pending, prove bool) []*sighting

	// mu guards readers, the fields of each reader, and waiters, alive and wish of each round.
	mu      sync.Mutex
	readers map[List]*reader
}

// reader reads one list.
type reader struct {
	next *round // which has not begun; nil for none
	last time.Time
	gap  time.Duration // from last to the next read, at least
}

// wish is what a create needs of a read.
type wish struct {
	prove bool // to know whether the list is complete
	soon  bool // that it comes at once: the moment matters
}

// round is one read. It is canceled when no create waits for it any more.
type round struct {
	waiters []*pending
	alive   int // how many still wait
	wish    wish
	hurry   chan struct{} // closed when one of them needs it soon
	cancel  context.CancelFunc

	done     chan struct{} // closed when the fields below have been set
	seen     []*sighting   // by waiter
	panicked any
}

func newRounds(
	read func(ctx context.Context, l List, waiters []*pending, prove bool) []*sighting,
) *rounds {
	return &rounds{read: read, readers: map[List]*reader{}}
}

// wait returns what the next read of a list, which begins after this call, shows of p.
func (rs *rounds) wait(ctx context.Context, l List, p *pending, w wish) (*sighting, error) {
	list, r, n := rs.join(ctx, l, p, w)
	select {
	case <-r.done:
		if r.panicked != nil { // as if the caller had read the list itself
			panic(r.panicked)
		}
		if r.seen == nil {
			return nil, errs.ErrGoroutineEnded
		}
		return r.seen[n], nil
	case <-ctx.Done():
		rs.leave(list, r)
		return nil, ctx.Err() //nolint:wrapcheck // the caller's own error
	}
}

// join adds p to the next round of a list, and returns its number in the round.
func (rs *rounds) join(ctx context.Context, l List, p *pending, w wish) (*reader, *round, int) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	list := rs.readers[l]
	if list == nil {
		if l.Headers != "" { // they may be those of one call
			maps.DeleteFunc(rs.readers, func(k List, idle *reader) bool {
				return k.Headers != "" && idle.next == nil && time.Since(idle.last) > time.Minute
			})
		}
		list = &reader{}
		rs.readers[l] = list
	}
	if list.next == nil {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		list.next = &round{cancel: cancel, done: make(chan struct{}), hurry: make(chan struct{})}
		go rs.run(shared, l, list, list.next)
	}
	r := list.next
	r.waiters = append(r.waiters, p)
	r.alive++
	r.wish.prove = r.wish.prove || w.prove
	if w.soon && !r.wish.soon {
		r.wish.soon = true
		close(r.hurry)
	}
	return list, r, len(r.waiters) - 1
}

// leave ends a round if no other create waits for it.
func (rs *rounds) leave(list *reader, r *round) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.alive--
	if r.alive > 0 {
		return
	}
	r.cancel()
	if list.next == r {
		list.next = nil
	}
}

// run waits until the list may be read again, and reads it.
func (rs *rounds) run(ctx context.Context, l List, list *reader, r *round) {
	defer r.cancel()
	defer close(r.done)
	defer func() { r.panicked = recover() }()
	if rs.hold(ctx, list, r) != nil {
		return
	}
	waiters, prove := rs.begin(list, r)
	r.seen = rs.read(ctx, l, waiters, prove)
}

// hold waits until the list may be read again.
func (rs *rounds) hold(ctx context.Context, list *reader, r *round) error {
	rs.mu.Lock()
	last, gap := list.last, list.gap
	rs.mu.Unlock()
	timer := time.NewTimer(time.Until(last.Add(gap)))
	defer timer.Stop()
	select {
	case <-r.hurry:
		return pace.Sleep(ctx, max(gather, time.Until(last.Add(min(gap, soonInterval))))) //nolint:wrapcheck // its caller drops it
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the same
	}
}

// begin closes a round to further creates.
func (rs *rounds) begin(list *reader, r *round) (waiters []*pending, prove bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if list.next == r {
		list.next = nil
	}
	list.last, list.gap = time.Now(), roundInterval
	if len(r.waiters) >= manyWaiters {
		list.gap = busyInterval
	}
	return r.waiters, r.wish.prove
}
