package bulk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/match"
)

const (
	// refreshAfter and refreshRows are when the changes of contacts are read again: after both
	// that time and that many requests, so that it costs few of all.
	refreshAfter = 30 * time.Second
	refreshRows  = 500
	// lateTries is how often an unknown outcome is asked for again, by lateSlots at a time.
	lateTries = 2
	lateSlots = 64
)

// chain returns what the rows of an address have come to. It is kept if there are several.
func (im *importer) chain(i int) *chained {
	r := &im.table.rows[i]
	if im.table.alone(r) {
		return &chained{of: -1}
	}
	c := im.chains[r.first]
	if c == nil {
		c = &chained{of: -1}
		im.chains[r.first] = c
	}
	return c
}

// rehearse calls see with what would be done for each row that is not settled.
func (im *importer) rehearse(see func(i int, c *chained, s *step)) {
	im.chains = map[int]*chained{}
	for i := range im.table.rows {
		r, c := &im.table.rows[i], im.chain(i)
		if r.state == settled {
			c.follow(i, r.result)
			continue
		}
		s := im.next(c, i)
		see(i, c, &s)
		c.done(i, s.id, s.outcome, s.set)
	}
	im.chains = map[int]*chained{}
}

// requests returns how many rows need one.
func (im *importer) requests() int {
	n := 0
	im.rehearse(func(_ int, _ *chained, s *step) {
		if s.outcome == Created || s.outcome == Updated {
			n++
		}
	})
	return n
}

// planAll settles all rows with what would be done for them, and returns that as a plan.
func (im *importer) planAll() plan {
	p := plan{}
	im.rehearse(func(i int, c *chained, s *step) {
		if r := &im.table.rows[i]; r.leads() {
			p[r.digest()] = s.sum()
		}
		im.settle(i, im.resultOf(c, s))
	})
	return p
}

// leads reports whether no row before it has its address.
func (r *row) leads() bool { return r.previous < 0 }

// resultOf returns the result of a step that was carried out, or would be.
func (im *importer) resultOf(c *chained, s *step) *Result {
	result := &Result{Outcome: s.outcome, ID: s.id, Changes: s.changes(), Field: s.field, Err: s.err}
	if s.outcome == Duplicate {
		result.Of, result.ID = im.table.rows[c.of].line, c.id
	}
	if result.ID == planned {
		result.ID = ""
	}
	return result
}

// carryOut imports the rows.
func (im *importer) carryOut(ctx context.Context) error {
	var rows sync.WaitGroup
	most := 2 * im.Concurrency // while some rows are stored, others are sent
	if im.Concurrency == 1 {
		most = 1 // one row after the other
	}
	under := make(chan struct{}, most)
	im.slots = make(chan struct{}, im.Concurrency)
	im.late = make(chan struct{}, lateSlots)
	refreshed := time.Now()
	for i := range im.table.rows {
		if !im.take(i) {
			continue
		}
		if time.Since(refreshed) >= refreshAfter && im.sent.Load() >= refreshRows && im.refreshing.CompareAndSwap(false, true) {
			refreshed = time.Now()
			im.sent.Store(0)
			rows.Go(func() { im.refresh(ctx) })
		}
		under <- struct{}{}
		rows.Go(func() {
			im.advance(ctx, i)
			<-under
		})
	}
	rows.Wait()
	if p := im.meter.progress(); p.Done < p.Total {
		im.meter.during("finding out what became of creates whose response was lost")
	}
	im.lates.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return im.flushUnchanged(ctx)
}

// slot is one of the requests that may be under way. A row has it only from when all is stored
// that must be before its request is sent, until the response is there: so the ledger keeps no
// request waiting. A nil one does nothing.
type slot struct {
	of   chan struct{}
	held bool
}

// take waits until the request may be sent. It returns an error if ctx has ended.
func (s *slot) take(ctx context.Context) error {
	if s == nil || s.held {
		return nil
	}
	s.of <- struct{}{}
	s.held = true
	return context.Cause(ctx)
}

// free lets another request be sent.
func (s *slot) free() {
	if s != nil && s.held {
		s.held = false
		<-s.of
	}
}

// take reports whether the import of a row can begin now. If another one with its address is
// under way, it begins after that.
func (im *importer) take(i int) bool {
	im.mu.Lock()
	defer im.mu.Unlock()
	r, c := &im.table.rows[i], im.chain(i)
	switch {
	case r.state == settled:
		if !c.busy {
			c.follow(i, r.result)
		}
		return false
	case c.busy:
		r.state = deferred
		return false
	}
	r.state, c.busy = taken, true
	return true
}

// after returns the row that was waiting for one with the same address, or -1.
func (im *importer) after(i int) int {
	im.mu.Lock()
	defer im.mu.Unlock()
	c := im.chain(i)
	for i = im.table.rows[i].next; i >= 0; i = im.table.rows[i].next {
		switch r := &im.table.rows[i]; r.state {
		case deferred:
			r.state = taken
			return i
		case settled:
			c.follow(i, r.result)
		case waiting, taken:
			c.busy = false
			return -1
		}
	}
	return -1
}

// advance imports a row, and those that were waiting for it.
func (im *importer) advance(ctx context.Context, i int) {
	for {
		im.mu.Lock()
		c := im.chain(i)
		im.mu.Unlock()
		s := im.next(c, i)
		result, contact := im.perform(ctx, c, i, &s, &slot{of: im.slots})
		if result.Outcome == Unknown && ctx.Err() == nil {
			im.lates.Go(func() {
				im.ask(ctx, c, i, &s)
				if next := im.after(i); next >= 0 {
					im.advance(ctx, next)
				}
			})
			return
		}
		im.finish(c, i, result, contact)
		if i = im.after(i); i < 0 {
			return
		}
	}
}

// ask tries a row again whose outcome is unknown. Creates that are resolved at the same time
// share their reads of the list.
func (im *importer) ask(ctx context.Context, c *chained, i int, s *step) {
	im.late <- struct{}{}
	defer func() { <-im.late }()
	for try := 1; ; try++ {
		result, contact := im.perform(ctx, c, i, s, nil)
		if result.Outcome != Unknown || ctx.Err() != nil || try == lateTries {
			im.finish(c, i, result, contact)
			return
		}
	}
}

// finish settles a row, and notes what became of it for those with the same address.
func (im *importer) finish(c *chained, i int, result *Result, contact match.Row) {
	c.done(i, result.ID, result.Outcome, contact)
	im.settle(i, result)
	if r := &im.table.rows[i]; im.table.alone(r) { // nothing needs this any more
		r.content, r.found, r.begun = nil, matched{}, nil
	}
}

// perform carries out a step, and returns the values of the contact afterwards.
func (im *importer) perform(ctx context.Context, c *chained, i int, s *step, in *slot) (*Result, match.Row) {
	defer in.free()
	r := &im.table.rows[i]
	if ctx.Err() != nil {
		return &Result{Outcome: Pending, Err: context.Cause(ctx)}, nil
	}
	if im.plan != nil && r.leads() && !r.open {
		sum, ok := im.plan[r.digest()]
		c.replanned = !ok || sum != s.sum()
	}
	if c.replanned && s.outcome != Duplicate {
		return &Result{Outcome: Skipped, ID: s.id, Err: errors.New(
			"what is to be done has changed since the dry run: run it again to see what that is")}, nil
	}
	contact, err := im.send(ctx, r, s, in)
	switch {
	case err != nil:
		return im.failure(ctx, s, err), nil
	case contact == nil:
		return im.resultOf(c, s), nil
	}
	im.succeeded()
	s.id = contact.ID
	result := im.resultOf(c, s)
	result.requests = 1
	return result, valuesOf(contact)
}

// failure returns the result of a row that was not imported, and ends the import if no other
// row would fare better.
func (im *importer) failure(ctx context.Context, s *step, err error) *Result {
	result := &Result{Outcome: Failed, ID: s.id, Field: fieldOf(err), Err: err, requests: 1}
	unknown, isUnknown := errors.AsType[*growthgenius.OutcomeUnknownError](err)
	switch {
	case isUnknown:
		result.Outcome, result.Token = Unknown, &unknown.Token
	case ctx.Err() != nil:
		result.Outcome = Pending
		return result
	case errors.Is(err, growthgenius.ErrUnauthorized):
		result.Outcome = Pending
		im.stop(err)
		return result
	case errors.Is(err, growthgenius.ErrNotFound) && s.outcome == Updated:
		result.Err = fmt.Errorf("the contact was deleted while the import ran; run it again to create it: %w", err)
	case isRejected(err):
		result.Outcome = Rejected
		im.succeeded()
		return result
	}
	im.mu.Lock()
	im.failing++
	failing := im.failing
	im.mu.Unlock()
	if failing >= mostFailing {
		im.stop(fmt.Errorf("%d rows have failed one after the other, the last one with: %w", failing, err))
	}
	return result
}

func (im *importer) succeeded() {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.failing = 0
}

// refresh reads the contacts that have changed since they were read last. If it fails, the
// next one begins where it has ended.
func (im *importer) refresh(ctx context.Context) {
	defer im.refreshing.Store(false)
	_ = im.feed.changes(ctx, func(contacts []*growthgenius.Contact) error {
		for _, c := range contacts {
			im.see(c)
		}
		return nil
	})
}

// follow notes what an earlier run has done for a row of the address.
func (c *chained) follow(i int, result *Result) {
	if result != nil { // else no other row has its address
		c.done(i, result.ID, result.Outcome, nil)
	}
}
