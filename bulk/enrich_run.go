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
	calls   int             // how many requests it took
}

// enrichInput is a lookup of the input, or how the input ended.
type enrichInput struct {
	lookup   Lookup
	err      error
	panicked any
}

// enrichLoop is the loop of a run. All its fields belong to its goroutine.
type enrichLoop struct {
	*enricher
	run   *EnrichRun
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

func newEnrichLoop(e *enricher, run *EnrichRun, yield func(*Enriched, error) bool) *enrichLoop {
	l := &enrichLoop{
		enricher: e, run: run, yield: yield,
		stop: make(chan struct{}), results: make(chan *enrichJob, e.concurrency),
	}
	l.work, l.cancel = context.WithCancel(context.WithoutCancel(run.ctx))
	l.inputs = readLookups(run.of, l.stop)
	return l
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
func (l *enrichLoop) end() {
	l.finish(nil)
	for ; l.underway > 0; l.underway-- {
		<-l.results
	}
	l.grace.Stop()
	l.cancel()
	for range l.inputs { // until the goroutine that reads them has ended
	}
}

// finish lets no more lookups begin.
func (l *enrichLoop) finish(err error) {
	if l.stopped {
		return
	}
	l.stopped = true
	if err != nil {
		l.err = err
	}
	close(l.stop)
	l.grace = time.AfterFunc(enrichGrace, l.cancel)
}

// loop returns when all lookups are over, or the run was stopped.
func (l *enrichLoop) loop() error {
	inputs, ended := l.inputs, l.run.ctx.Done()
	for {
		if l.underway == 0 && (l.stopped || inputs == nil && len(l.pending) == 0) {
			for _, job := range l.pending {
				l.hand(job)
			}
			return l.err
		}
		in := inputs
		if l.stopped || l.underway == l.concurrency || len(l.pending) >= l.run.maxPending {
			in = nil
		}
		due := l.nextPending(inputs == nil)
		if due != nil && l.underway == 0 {
			l.run.meter.during("waiting for lookups that the API has queued")
		}
		select {
		case read, ok := <-in:
			if ok {
				l.read(read)
			} else {
				inputs = nil
			}
			if l.run.options.Cost == nil {
				l.run.meter.expect(l.index, !ok)
			}
		case job := <-l.results:
			l.underway--
			l.settle(job)
		case <-due:
			job := l.pending[0]
			l.pending = l.pending[1:]
			l.run.meter.during("")
			l.begin(job)
		case <-ended:
			ended = nil
			l.finish(fmt.Errorf("bulk.Enrich: %w", l.run.ctx.Err()))
		}
	}
}

// nextPending returns a channel from which can be received when a queued lookup is to be
// repeated.
func (l *enrichLoop) nextPending(atEnd bool) <-chan time.Time {
	if l.stopped || l.underway == l.concurrency || len(l.pending) == 0 || !atEnd && len(l.pending) < l.run.maxPending {
		return nil
	}
	return time.After(time.Until(l.pending[0].due))
}

// read takes over what was read of the input.
func (l *enrichLoop) read(in enrichInput) {
	switch {
	case in.panicked != nil:
		panic(in.panicked)
	case in.err != nil:
		l.err = fmt.Errorf("bulk.Enrich: the input: %w", in.err) // what was read before is looked up
	default:
		l.begin(&enrichJob{Enriched: Enriched{Lookup: in.lookup, Index: l.index}, stop: l.stop})
		l.index++
	}
}

func (l *enrichLoop) begin(job *enrichJob) {
	l.underway++
	go func() {
		l.look(l.work, job)
		l.results <- job
	}()
}

// settle hands the result of a lookup to the caller, or keeps the lookup to repeat it.
func (l *enrichLoop) settle(job *enrichJob) {
	if job.fatal != nil {
		l.finish(job.fatal)
	}
	if job.Outcome == Pending && l.again(job) {
		l.pending = append(l.pending, job)
		return
	}
	l.hand(job)
}

// again decides whether a queued lookup is repeated, and when.
func (l *enrichLoop) again(job *enrichJob) bool {
	now := time.Now()
	job.times++
	if job.times == 1 {
		job.asked = now
	}
	last := job.asked.Add(l.pendingWait)
	if l.pendingWait < 0 || !now.Before(last) {
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

func (l *enrichLoop) hand(job *enrichJob) {
	if l.left {
		return
	}
	l.run.meter.done(job.Outcome, job.calls)
	if !l.yield(&job.Enriched, nil) {
		l.left = true
		l.finish(nil)
	}
}
