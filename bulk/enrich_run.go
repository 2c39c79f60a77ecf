package bulk

import (
	"context"
	"fmt"
	"iter"
	"time"
)

const (
	// enrichGrace is how long lookups that are under way may take when a run is to end.
	enrichGrace = 5 * time.Second
	// maxPending bounds how many queued lookups are kept for the end of the run. When there
	// are more, the first ones are repeated before more of the input is read.
	maxPending = 10_000

	firstPendingPause = 5 * time.Second // doubles with each repetition
	lastPendingPause  = 30 * time.Second
)

// enrichJob is a lookup of a run.
type enrichJob struct {
	Enriched
	stop    <-chan struct{} // closed when no more lookups may begin
	counted bool            // in the budget, by this run
	asked   time.Time       // for the first time, if it is pending
	times   int             // how often it was asked, if it is pending
	due     time.Time       // when it is asked again
	fatal   error           // ends the run
}

// enrichInput is a lookup of the input, or how the input ended.
type enrichInput struct {
	lookup   Lookup
	err      error
	panicked any
}

// enrichRun is a run. All its fields belong to the goroutine of the loop.
type enrichRun struct {
	*enricher
	ctx   context.Context //nolint:containedctx // of the run
	yield func(*Enriched, error) bool

	work   context.Context //nolint:containedctx // of the lookups: it ends after ctx
	cancel context.CancelFunc
	stop   chan struct{} // closed when no more is read
	inputs <-chan enrichInput
	index  int

	results  chan *enrichJob
	underway int
	pending  []*enrichJob // the first to be repeated first

	stopped bool
	err     error // how the run ends
	left    bool  // the caller has left its loop
	grace   *time.Timer
}

func newEnrichRun(ctx context.Context, e *enricher, of iter.Seq2[Lookup, error], yield func(*Enriched, error) bool) *enrichRun {
	r := &enrichRun{
		enricher: e, ctx: ctx, yield: yield,
		stop: make(chan struct{}), results: make(chan *enrichJob, e.concurrency),
	}
	r.work, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.inputs = readLookups(of, r.stop)
	return r
}

// readLookups reads the input in a goroutine until it ends or stop is closed.
func readLookups(of iter.Seq2[Lookup, error], stop <-chan struct{}) <-chan enrichInput {
	inputs := make(chan enrichInput)
	send := func(in enrichInput) bool {
		select {
		case inputs <- in:
			return in.err == nil
		case <-stop:
			return false
		}
	}
	go func() {
		defer close(inputs)
		defer func() {
			if p := recover(); p != nil {
				send(enrichInput{panicked: p})
			}
		}()
		for lookup, err := range of {
			if !send(enrichInput{lookup: lookup, err: err}) {
				return
			}
		}
	}()
	return inputs
}

// end stops the run, and waits until none of its goroutines is left.
func (r *enrichRun) end() {
	r.finish(nil)
	for ; r.underway > 0; r.underway-- {
		<-r.results
	}
	r.grace.Stop()
	r.cancel()
	for range r.inputs { // until the goroutine that reads them has ended
	}
}

// finish lets no more lookups begin.
func (r *enrichRun) finish(err error) {
	if r.stopped {
		return
	}
	r.stopped = true
	if err != nil {
		r.err = err
	}
	close(r.stop)
	r.grace = time.AfterFunc(enrichGrace, r.cancel)
}

// loop returns when all lookups are over, or the run was stopped.
func (r *enrichRun) loop() error {
	inputs, ended := r.inputs, r.ctx.Done()
	for {
		if r.underway == 0 && (r.stopped || inputs == nil && len(r.pending) == 0) {
			for _, job := range r.pending {
				r.hand(job)
			}
			return r.err
		}
		in := inputs
		if r.stopped || r.underway == r.concurrency || len(r.pending) >= maxPending {
			in = nil
		}
		due := r.nextPending(inputs == nil)
		select {
		case read, ok := <-in:
			if !ok {
				inputs = nil
				break
			}
			r.read(read)
		case job := <-r.results:
			r.underway--
			r.settle(job)
		case <-due:
			job := r.pending[0]
			r.pending = r.pending[1:]
			r.begin(job)
		case <-ended:
			ended = nil
			r.finish(fmt.Errorf("bulk: %w", r.ctx.Err()))
		}
	}
}

// nextPending returns a channel from which can be received when a queued lookup is to be
// repeated.
func (r *enrichRun) nextPending(atEnd bool) <-chan time.Time {
	if r.stopped || r.underway == r.concurrency || len(r.pending) == 0 || !atEnd && len(r.pending) < maxPending {
		return nil
	}
	return time.After(time.Until(r.pending[0].due))
}

// read takes over what was read of the input.
func (r *enrichRun) read(in enrichInput) {
	switch {
	case in.panicked != nil:
		panic(in.panicked)
	case in.err != nil:
		r.err = fmt.Errorf("bulk: the input: %w", in.err) // what was read before is looked up
	default:
		r.begin(&enrichJob{Enriched: Enriched{Lookup: in.lookup, Index: r.index}, stop: r.stop})
		r.index++
	}
}

func (r *enrichRun) begin(job *enrichJob) {
	r.underway++
	go func() {
		r.look(r.work, job)
		r.results <- job
	}()
}

// settle hands the result of a lookup to the caller, or keeps the lookup to repeat it.
func (r *enrichRun) settle(job *enrichJob) {
	if job.fatal != nil {
		r.finish(job.fatal)
	}
	if job.Status == EnrichPending && !r.stopped && r.again(job) {
		r.pending = append(r.pending, job)
		return
	}
	r.hand(job)
}

// again decides whether a queued lookup is repeated, and when.
func (r *enrichRun) again(job *enrichJob) bool {
	now := time.Now()
	job.times++
	if job.times == 1 {
		job.asked = now
	}
	last := job.asked.Add(r.pendingWait)
	if r.pendingWait < 0 || job.times > 1 && !now.Before(last) {
		return false
	}
	pause := min(firstPendingPause<<min(job.times-1, 10), lastPendingPause)
	if wanted := retryAfter(job.Err); wanted > pause {
		pause = wanted
	}
	if job.due = now.Add(pause); job.due.After(last) {
		job.due = last
	}
	return true
}

func (r *enrichRun) hand(job *enrichJob) {
	if r.left {
		return
	}
	if !r.yield(&job.Enriched, nil) {
		r.left = true
		r.finish(nil)
	}
}
