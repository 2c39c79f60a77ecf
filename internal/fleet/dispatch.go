package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// dispatch calls the store for all that wait, until there is nothing left to do.
func (l *Limiter) dispatch() {
	for {
		q, wait, ok := l.next()
		if !ok {
			return
		}
		if wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-l.wake:
			}
			timer.Stop()
			continue
		}
		l.call(q)
	}
}

// next returns the next call of the store, and how long it has to wait. It reports whether
// there is one. If not, the dispatcher has ended.
func (l *Limiter) next() (q Request, wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	pause := max(0, l.report.Sub(now))
	l.reported = l.report
	if len(l.waiting) == 0 && (pause == 0 && !l.learning.pending(now) || l.away) {
		l.running = false
		return Request{}, 0, false
	}
	if l.ticket.N > 0 && pause == 0 || l.away {
		wait = l.due.Sub(now) - l.lead()
	}
	if !l.away {
		wait = l.learning.soon(now, wait, len(l.waiting) > 0)
	}
	q = Request{
		Ticket: l.ticket, Want: int64(len(l.waiting)), Batch: 1 + 2*l.trip.Microseconds()/max(1, l.gap),
		Gap: l.gap, Burst: l.burst, Pause: pause.Microseconds(), Full: l.full,
	}
	if wait <= 0 {
		l.learning.ask(&q, now)
	}
	return q, wait, true
}

// lead is how long before a ticket is due the store is called.
func (l *Limiter) lead() time.Duration {
	if l.away {
		return 0
	}
	return min(max(2*l.trip, leastLead), mostLead)
}

// call calls the store, and passes on what it grants.
func (l *Limiter) call(q Request) {
	limit := patience
	if l.away { // requests are released between two calls
		limit = min(limit, max(again, 4*l.trip))
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	begun := time.Now()
	r, err := l.store.Turn(ctx, q)
	took := time.Since(begun)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.goOn(begun, err)
		return
	}
	local := func(micros int64) time.Time { // the store read its clock in the middle, as far as is known
		return begun.Add(took/2 + time.Duration(micros-r.Now)*time.Microsecond)
	}
	l.away, l.gap = false, r.Gap
	l.learning.told(r, begun.Add(took/2), len(l.waiting))
	l.trip += (took - l.trip) / 4
	l.ticket, l.due, l.full = r.Ticket, local(r.Ticket.At), r.Full
	l.paused = local(r.Paused)
	if l.report.Equal(l.reported) {
		l.report = time.Time{}
	}
	for i := range min(int(r.Grant.N), len(l.waiting)) {
		l.sent = local(r.Grant.At + int64(i)*l.gap)
		l.release(turn{at: l.sent})
	}
	l.waiting = slices.DeleteFunc(l.waiting, l.refuse)
}

// release ends the wait of the first request that waits. The caller holds the mutex.
func (l *Limiter) release(t turn) {
	l.waiting[0].turn <- t
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
}

// goOn goes on without the store after a call that began then. The caller holds the mutex.
func (l *Limiter) goOn(begun time.Time, err error) {
	l.away, l.ticket, l.due = true, Ticket{}, begun
	if l.alone == 0 {
		for len(l.waiting) > 0 {
			l.release(turn{err: fmt.Errorf("the store of the shared limiter: %w", err)})
		}
		return
	}
	l.full = unknown
	gap := time.Duration(float64(cmp.Or(l.gap, firstGap))/l.alone) * time.Microsecond
	now := time.Now()
	for len(l.waiting) > 0 && l.sent.Add(gap).Before(now.Add(again)) {
		l.sent = now.Add(max(0, l.sent.Add(gap).Sub(now)))
		l.release(turn{at: l.sent})
	}
	l.due = begun.Add(again)
}
