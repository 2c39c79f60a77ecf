package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// row is what the table shows of a worker.
type row struct {
	river.MiddlewareDefaults

	name string

	mu       sync.Mutex       // guards all below
	now      map[int64]string // the jobs that run
	done     map[string]int   // jobs by kind
	again    int              // how often a job will be run again
	statuses map[int]int      // of responses; 0 is for none
}

func newRow(name string) *row {
	return &row{name: name, now: map[int64]string{}, done: map[string]int{}, statuses: map[int]int{}}
}

// Work implements [rivertype.WorkerMiddleware].
func (r *row) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	r.mu.Lock()
	r.now[job.ID] = titleOf(job.Kind, job.ID)
	r.mu.Unlock()
	err := work(ctx)
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

// counting counts the responses to requests.
func (r *row) counting(base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(q *http.Request) (*http.Response, error) {
		res, err := base.RoundTrip(q)
		status := 0
		if err == nil {
			status = res.StatusCode
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.statuses[status]++
		return res, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

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
func sum(rows []*row) (done map[string]int, statuses map[int]int, again int) {
	done, statuses = map[string]int{}, map[int]int{}
	for _, r := range rows {
		r.mu.Lock()
		for kind, n := range r.done {
			done[kind] += n
		}
		for status, n := range r.statuses {
			statuses[status] += n
		}
		again += r.again
		r.mu.Unlock()
	}
	return done, statuses, again
}
