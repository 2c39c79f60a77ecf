package growthgeniusriver_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	_ "modernc.org/sqlite"

	"github.com/growthgenius/growthgenius-go/growthgeniusriver"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
)

// queue is the one of the jobs of a test.
const queue = "api"

// database is a database with the tables of River. Each call of connect returns a driver of its
// own, as a process has it.
type database[TTx any] struct {
	connect func() riverdriver.Driver[TTx]
	dsn     string
}

// onEach runs a test on SQLite and on Postgres.
func onEach(t *testing.T, onSQLite func(*testing.T, database[*sql.Tx]), onPostgres func(*testing.T, database[pgx.Tx])) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		onSQLite(t, sqlite(t))
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		onPostgres(t, postgres(t))
	})
}

func sqlite(t *testing.T) database[*sql.Tx] {
	t.Helper()
	// No test is about power failures.
	dsn := "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "db")) + "?_pragma=journal_mode(wal)&_pragma=synchronous(off)&_pragma=busy_timeout(10000)&_txlock=immediate"
	d := database[*sql.Tx]{func() riverdriver.Driver[*sql.Tx] {
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return riversqlite.New(db)
	}, dsn}
	migrate(t, d)
	return d
}

func postgres(t *testing.T) database[pgx.Tx] {
	t.Helper()
	dsn := pgtest.NewSchema(t)
	d := database[pgx.Tx]{func() riverdriver.Driver[pgx.Tx] {
		pool, err := pgxpool.New(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		return riverpgxv5.New(pool)
	}, dsn}
	migrate(t, d)
	return d
}

// exec changes what River has in a Postgres database.
func (d database[TTx]) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("pgx", d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func migrate[TTx any](t *testing.T, d database[TTx]) {
	t.Helper()
	migrator, err := rivermigrate.New(d.connect(), &rivermigrate.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

// args are those of the jobs of a test.
type args struct {
	N int `json:"n"`
}

func (args) Kind() string { return "call" }

// client returns a client of River that is set up by Configure, and works the jobs of the queue
// with work.
func (d database[TTx]) client(t *testing.T, work func(context.Context, *river.Job[args]) error, set ...func(*river.Config)) *river.Client[TTx] {
	t.Helper()
	config := &river.Config{
		Queues: map[string]river.QueueConfig{queue: {MaxWorkers: 4}}, Workers: river.NewWorkers(),
		Logger: quiet, TestOnly: true, FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 250 * time.Millisecond,
	}
	river.AddWorker(config.Workers, river.WorkFunc(work))
	for _, s := range set {
		s(config)
	}
	configure(t, d, config)
	c, err := river.NewClient(d.connect(), config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// configure calls Configure for a client of a database whose queues are paused together.
func configure[TTx any](t *testing.T, d database[TTx], config *river.Config, queues ...string) {
	t.Helper()
	if err := growthgeniusriver.Configure(d.connect(), config, growthgeniusriver.Options{Queues: queues}); err != nil {
		t.Fatal(err)
	}
}

// start starts a client, and stops it at the end of the test.
func start[TTx any](t *testing.T, c *river.Client[TTx]) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.StopAndCancel(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// idle returns a client that has worked the queue, so that the queue is there, and is stopped.
func (d database[TTx]) idle(t *testing.T) *river.Client[TTx] {
	t.Helper()
	c := d.client(t, func(context.Context, *river.Job[args]) error { return nil })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.StopAndCancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// row returns the queue.
func row[TTx any](t *testing.T, c *river.Client[TTx]) *rivertype.Queue {
	t.Helper()
	q, err := c.QueueGet(t.Context(), queue)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// until returns the end of the pause in the metadata of the queue, or the zero time.
func until[TTx any](t *testing.T, c *river.Client[TTx]) time.Time {
	t.Helper()
	var metadata struct {
		Pause struct{ Until time.Time } `json:"growthgenius_pause"`
	}
	if err := json.Unmarshal(row(t, c).Metadata, &metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.Pause.Until
}

// jobs returns the jobs of a kind, in the order of their times.
func jobs[TTx any](t *testing.T, c *river.Client[TTx], kind string) []*rivertype.JobRow {
	t.Helper()
	list, err := c.JobList(t.Context(), river.NewJobListParams().Kinds(kind).First(10_000))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list.Jobs, func(a, b *rivertype.JobRow) int { return a.ScheduledAt.Compare(b.ScheduledAt) })
	return list.Jobs
}

// wait returns when a condition holds. River notices within 30 seconds what it was not notified of.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
