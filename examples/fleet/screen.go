package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniusotel"
)

// row is what the table shows of a worker.
type row struct {
	river.MiddlewareDefaults
	*telemetry

	name      string
	throttled atomic.Int64 // responses with status 429

	mu    sync.Mutex       // guards all below
	now   map[int64]string // the jobs that run
	done  map[string]int   // jobs by kind
	again int              // attempts that did not do their job
}

func newRow(name string, t *telemetry) *row {
	return &row{telemetry: t, name: name, now: map[int64]string{}, done: map[string]int{}}
}

// Work implements [rivertype.WorkerMiddleware].
func (r *row) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	kind := attribute.String("kind", job.Kind)
	r.running.Add(ctx, 1, metric.WithAttributes(kind))
	defer r.running.Add(ctx, -1, metric.WithAttributes(kind))
	r.mu.Lock()
	r.now[job.ID] = titleOf(job.Kind, job.ID)
	r.mu.Unlock()
	err := work(ctx)
	r.jobs.Add(ctx, 1, metric.WithAttributes(kind, attribute.String("result", resultOf(job, err))))
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.now, job.ID)
	if err == nil {
		r.done[job.Kind]++
	} else {
		r.again++
	}
	return err
}

// resultOf returns what River makes of an attempt at a job.
func resultOf(job *rivertype.JobRow, err error) string {
	_, snoozed := errors.AsType[*rivertype.JobSnoozeError](err)
	_, canceled := errors.AsType[*rivertype.JobCancelError](err)
	switch {
	case err == nil:
		return "done"
	case snoozed:
		return "snoozed"
	case canceled:
		return "given_up"
	case errors.Is(err, context.Canceled): // the process ends, which is not an attempt
		return "retried"
	case job.Attempt >= job.MaxAttempts:
		return "given_up"
	default:
		return "retried"
	}
}

// observer makes the metrics of a client of the API, and counts for the table.
func (r *row) observer() growthgenius.Observer {
	o := growthgeniusotel.NewObserver(growthgeniusotel.Config{MeterProvider: r.provider})
	attempt := o.Attempt
	o.Attempt = func(ctx context.Context, a growthgenius.AttemptStart) (context.Context, func(growthgenius.AttemptEnd)) {
		ctx, end := attempt(ctx, a)
		return ctx, func(e growthgenius.AttemptEnd) {
			if e.Status == http.StatusTooManyRequests {
				r.throttled.Add(1)
			}
			end(e)
		}
	}
	return o
}

// String returns the line of the table.
func (r *row) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var now []string
	for _, title := range r.now {
		now = append(now, title)
	}
	slices.Sort(now)
	return fmt.Sprintf("%-10s %-52.52s %4d enriched %4d imported %4d logged %4d again", r.name, strings.Join(now, ", "),
		r.done["enrich_contact"], r.done["import_row"], r.done["log_message"], r.again)
}

// screen shows a table that changes on a terminal, and otherwise a line from time to time.
type screen struct {
	out      io.Writer
	terminal bool
	rows     []*row
	total    func() string // the last line, about all of them

	mu    sync.Mutex // guards out, and drawn
	drawn int        // how many lines the table on the terminal has
	stop  chan struct{}
	ended chan struct{}
}

const (
	lineEvery = 5 * time.Second
	drawEvery = 200 * time.Millisecond
)

// start shows the state until end is called.
func (s *screen) start() {
	s.stop, s.ended = make(chan struct{}), make(chan struct{})
	every := lineEvery
	if s.terminal {
		every = drawEvery
	}
	go func() {
		defer close(s.ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.show()
			case <-s.stop:
				return
			}
		}
	}()
}

func (s *screen) end() {
	close(s.stop)
	<-s.ended
	if s.terminal {
		s.show()
	}
}

func (s *screen) show() {
	total := s.total()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal {
		fmt.Fprintln(s.out, total)
		return
	}
	s.erase()
	fmt.Fprint(s.out, "\x1b[?7l") // a line that is too long is cut, not wrapped
	for _, r := range s.rows {
		fmt.Fprintln(s.out, r)
	}
	fmt.Fprint(s.out, total, "\n\x1b[?7h")
	s.drawn = len(s.rows) + 1
}

// erase removes the table from the terminal. It needs mu.
func (s *screen) erase() {
	if s.drawn > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.drawn) // to its first line, and clear from there
		s.drawn = 0
	}
}

// Write writes log lines above the table.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	return s.out.Write(p)
}

// sum adds up what the workers have done.
func sum(rows []*row) (done map[string]int, again int, throttled int64) {
	done = map[string]int{}
	for _, r := range rows {
		r.mu.Lock()
		for kind, n := range r.done {
			done[kind] += n
		}
		again += r.again
		r.mu.Unlock()
		throttled += r.throttled.Load()
	}
	return done, again, throttled
}
