package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/redistest"
)

// settings are those of a run.
type settings struct {
	Name      string        `json:"name"`
	Jobs      int           `json:"jobs"`
	Processes int           `json:"processes"`
	Rate      float64       `json:"rate"`               // that the server enforces
	Burst     int           `json:"burst"`              // the same
	Learned   bool          `json:"learned"`            // the processes are not told
	Faults    float64       `json:"faults"`             // the share of the requests that are not Throttled
	Throttled float64       `json:"throttled"`          // the share of requests that get a 429 with a Retry-After of a second
	Kill      time.Duration `json:"kill"`               // how often a process is killed; 0 for never
	MaxKills  int           `json:"max_kills,omitzero"` // 0 for any number
	Restart   bool          `json:"restart"`            // of Postgres, in the middle
	Redis     bool          `json:"redis"`              // for the rate and the cache
}

// Of ten jobs, three are rows of a file, two are mails, and five are changes: the contacts that
// were there, and those of the rows.
func (s settings) contacts() int { return s.Jobs / 5 }
func (s settings) rows() int     { return s.Jobs * 3 / 10 }

// attemptTimeout is short, so that requests that get no response do not keep a worker.
const attemptTimeout = 2 * time.Second

// concurrency is how many jobs a process works at a time.
const concurrency = 32

// load is a run.
type load struct {
	settings
	srv     *growthgeniustest.Server
	db      *sql.DB
	dir     string
	program string
	args    []string
	all     []process
	kills   int
	crashed bool // Postgres was, and came back
	failed  int  // how often a process ended by itself
}

// process is a process of the fleet.
type process struct {
	*os.Process
	started time.Time
	ended   chan error
}

// startTime is how long a process may take to start. If it has to end before that, it says so with
// its exit status, since it may not have inserted all jobs.
const startTime = 5 * time.Second

// run runs a fleet until all jobs are done, and says what became of them.
func run(ctx context.Context, program string, s settings) (result, error) {
	dir, err := os.MkdirTemp("", "fleetrun")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l := &load{settings: s, dir: dir, program: program}
	if l.srv, err = l.serve(); err != nil {
		return result{}, err
	}
	defer l.srv.Close()
	if err := pgtest.Start("-c", "max_connections=500"); err != nil {
		return result{}, err
	}
	schema := fmt.Sprintf("run%d", time.Now().UnixNano())
	if l.db, err = sql.Open("pgx", pgtest.DSN(schema)); err != nil {
		return result{}, err
	}
	defer l.db.Close()
	if _, err := l.db.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return result{}, err
	}
	defer func() { _, _ = l.db.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+schema+" CASCADE") }()
	l.args = []string{
		"-dsn", pgtest.DSN(schema), "-timeout", attemptTimeout.String(), "-settle", "1s", "-every", "1s", "-lag", "500ms",
		"-since", "2000-01-01T00:00:00Z", "-concurrency", fmt.Sprint(concurrency),
	}
	if !s.Learned {
		// The processes keep most of the burst back: what waits for a processor arrives late, and then at once.
		l.args = append(l.args, "-rate", fmt.Sprint(s.Rate), "-burst", "2")
	}
	if s.Redis {
		server, err := redistest.Start()
		if err != nil {
			return result{}, err
		}
		defer server.Close()
		l.args = append(l.args, "-redis", server.Socket())
	}
	begun := time.Now()
	if err := l.work(ctx); err != nil {
		return result{}, err
	}
	return l.result(ctx, time.Since(begun))
}

// serve starts the server, with contacts to enrich and people to find.
func (l *load) serve() (*growthgeniustest.Server, error) {
	srv, err := growthgeniustest.Start()
	if err != nil {
		return nil, err
	}
	var people []growthgenius.Person
	var contacts []growthgenius.Contact
	for i := range l.contacts() + l.rows() {
		email := fmt.Sprintf("person%d@example.com", i)
		people = append(people, growthgenius.Person{FullName: fmt.Sprint("Person ", i), WorkEmail: email, JobTitle: "Engineer", JobCompanyName: "Example Ltd"})
		if i < l.contacts() {
			contacts = append(contacts, growthgenius.Contact{LastName: fmt.Sprint(i), Email: email})
		}
	}
	srv.AddPeople(people...)
	srv.AddContacts(contacts...)
	srv.SetRateLimit(l.Rate, l.Burst, time.Second)
	if l.Throttled > 0 {
		srv.Inject(growthgeniustest.Fault{Status: http.StatusTooManyRequests, RetryAfter: time.Second, Probability: l.Throttled})
	}
	srv.Inject(growthgeniustest.FaultMix(l.Faults, 0)...)
	return srv, nil
}

// files writes the rows and the mails.
func (l *load) files() ([]string, error) {
	var csv, mbox strings.Builder
	csv.WriteString("Last Name,Email\n")
	for i := range l.rows() {
		fmt.Fprintf(&csv, "%d,person%d@example.com\n", l.contacts()+i, l.contacts()+i)
	}
	for i := range l.contacts() {
		fmt.Fprintf(&mbox, "From team@example.com Mon Jan  5 10:00:00 2026\nFrom: team@example.com\nTo: person%d@example.com\n"+
			"Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <mail%d@example.com>\nSubject: Hello %d\n\nHello, number %d.\n\n", i, i, i, i)
	}
	rows, mails := filepath.Join(l.dir, "leads.csv"), filepath.Join(l.dir, "Sent.mbox")
	return []string{"-import", rows, "-mails", mails}, errors.Join(
		os.WriteFile(rows, []byte(csv.String()), 0o600), os.WriteFile(mails, []byte(mbox.String()), 0o600))
}

// start starts a process in place of the one with the number, which has ended.
func (l *load) start(ctx context.Context, i int, more ...string) error {
	log, err := os.OpenFile(filepath.Join(l.dir, fmt.Sprint("log", i)), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, l.program, slices.Concat(l.args, []string{"-name", fmt.Sprint("process", i)}, more)...) //nolint:gosec // the example
	cmd.Env = append(os.Environ(), "GROWTHGENIUS_API_KEY="+l.srv.APIKey(), "GROWTHGENIUS_USER_ID=1", "GROWTHGENIUS_BASE_URL="+l.srv.URL())
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return err
	}
	l.all[i] = process{cmd.Process, time.Now(), make(chan error, 1)}
	go func(ended chan<- error) { ended <- cmd.Wait() }(l.all[i].ended)
	return nil
}

// work starts the processes, kills them, restarts Postgres, and ends the processes once all is
// done.
func (l *load) work(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // which kills what is left
	names, err := l.files()
	if err != nil {
		return err
	}
	l.all = make([]process, l.Processes)
	for i := range l.all {
		if err := l.start(ctx, i, names...); err != nil { // the files are inserted once
			return err
		}
	}
	next := time.Now().Add(l.Kill)
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		done, err := l.done(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && done == l.Jobs:
			return l.end()
		case time.Since(begun) > time.Minute+time.Duration(l.Jobs)*time.Second:
			return errors.Join(fmt.Errorf("%d of %d jobs are done\n%s", done, l.Jobs, l.logs()), err)
		case l.Kill > 0 && time.Now().After(next) && (l.MaxKills == 0 || l.kills < l.MaxKills):
			victim := l.victim(ctx)
			_ = l.all[victim].Kill()
			<-l.all[victim].ended //nolint:errcheck // it was killed
			l.kills++
			next = time.Now().Add(l.Kill)
			if err := l.start(ctx, victim, names...); err != nil {
				return err
			}
		case l.Restart && !l.crashed && done > l.Jobs/2:
			if err := pgtest.Restart(syscall.SIGQUIT); err != nil {
				return err
			}
			l.crashed = true
		}
		for i, p := range l.all {
			select {
			case err := <-p.ended:
				// One that starts while Postgres does fails, and is started again.
				l.failed++
				if l.failed > 10 {
					return fmt.Errorf("process %d has ended: %w\n%s", i, err, l.logs())
				}
				if err := l.start(ctx, i, names...); err != nil {
					return err
				}
			default:
			}
		}
	}
}

// victim returns which process to kill next: each in turn. A run with few kills spares the one
// that is the leader of River, since it takes 15 seconds until there is another one.
func (l *load) victim(ctx context.Context) int {
	var leader string
	if l.MaxKills > 0 {
		_ = l.db.QueryRowContext(ctx, `SELECT leader_id FROM river_leader`).Scan(&leader) // else there is none
	}
	if i := l.kills % l.Processes; leader != fmt.Sprint("process", i, "-1") {
		return i
	}
	return (l.kills + 1) % l.Processes
}

// done returns how many jobs are done.
func (l *load) done(ctx context.Context) (n int, err error) {
	err = l.db.QueryRowContext(ctx, `SELECT count(*) FROM river_job WHERE queue = 'growthgenius' AND state = 'completed'`).Scan(&n)
	return n, err
}

// end ends the processes gracefully.
func (l *load) end() error {
	var errs []error
	for i, p := range l.all {
		isUp := time.Since(p.started) > startTime
		_ = p.Signal(syscall.SIGTERM)
		if err := <-p.ended; err != nil && isUp {
			errs = append(errs, fmt.Errorf("process %d: %w\n%s", i, err, l.logs()))
		}
	}
	return errors.Join(errs...)
}

// logs returns the ends of what the processes logged.
func (l *load) logs() string {
	var all strings.Builder
	for i := range l.all {
		text, _ := os.ReadFile(filepath.Join(l.dir, fmt.Sprint("log", i)))
		fmt.Fprintf(&all, "process %d: %s\n", i, text[max(0, len(text)-2000):])
	}
	return all.String()
}
