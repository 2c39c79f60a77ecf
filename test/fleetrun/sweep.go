package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/redistest"
	"github.com/growthgenius/growthgenius-go/redisstore"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// step is what a number of processes do together in a second, without an API that they wait for.
type step struct {
	Processes     int     `json:"processes"`
	Requests      float64 `json:"requests"`       // that the limiter lets through, in Postgres
	RedisRequests float64 `json:"redis_requests"` // the same in Redis
	PerRequest    float64 `json:"per_request"`    // transactions of Postgres for each
	Creates       float64 `json:"creates"`        // under keys of the ledger, in Postgres
	PerCreate     float64 `json:"per_create"`     // transactions of Postgres for each
	Failed        int     `json:"failed"`         // turns and creates for which a store did not respond in time
}

const (
	workerEnv = "FLEETRUN_WORKER" // what a process of a step does
	dsnEnv    = "FLEETRUN_DSN"    // of Postgres, or the socket of Redis
	numberEnv = "FLEETRUN_NUMBER"

	goroutines = 16     // of each process
	perSecond  = 10_000 // the most that a limiter can be set to
	tokenBytes = 500    // of the JSON of a token
)

// sweep measures numbers of processes.
func sweep(ctx context.Context, numbers []int, each time.Duration) ([]step, error) {
	if err := pgtest.Start("-c", "max_connections=500"); err != nil {
		return nil, err
	}
	const schema = "sweep"
	db, err := sql.Open("pgx", pgtest.DSN(schema))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return nil, err
	}
	defer func() { _, _ = db.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+schema+" CASCADE") }()
	if err := sqlstore.New(db, sqlstore.Postgres).Migrate(ctx); err != nil {
		return nil, err
	}
	server, err := redistest.Start()
	if err != nil {
		return nil, err
	}
	defer server.Close()
	var steps []step
	for _, n := range numbers {
		inPostgres, perRequest, err := measure(ctx, db, n, each, "limiter", pgtest.DSN(schema))
		if err != nil {
			return nil, err
		}
		inRedis, _, err := measure(ctx, db, n, each, "redis", server.Socket())
		if err != nil {
			return nil, err
		}
		creates, perCreate, err := measure(ctx, db, n, each, "ledger", pgtest.DSN(schema))
		if err != nil {
			return nil, err
		}
		steps = append(steps, step{
			n, inPostgres.perSecond(), inRedis.perSecond(), perRequest, creates.perSecond(), perCreate,
			inPostgres.Failed + inRedis.Failed + creates.Failed,
		})
	}
	return steps, nil
}

// measure runs processes for a time. It returns how often they did something, and how many
// transactions of Postgres each took.
func measure(ctx context.Context, db *sql.DB, processes int, each time.Duration, what, dsn string) (total worked, transactions float64, err error) {
	program, err := os.Executable()
	if err != nil {
		return total, 0, err
	}
	type process struct {
		*exec.Cmd
		stdin  io.Closer
		stdout io.Reader
	}
	all := make([]process, processes)
	before, err := committed(ctx, db)
	if err != nil {
		return total, 0, err
	}
	for i := range all {
		cmd := exec.CommandContext(ctx, program) //nolint:gosec // itself
		cmd.Env = append(os.Environ(), workerEnv+"="+what, dsnEnv+"="+dsn, fmt.Sprint(numberEnv, "=", processes, "-", i))
		cmd.Stderr = os.Stderr
		stdin, in := cmd.StdinPipe()
		stdout, out := cmd.StdoutPipe()
		if err := errors.Join(in, out, cmd.Start()); err != nil {
			return total, 0, err
		}
		all[i] = process{cmd, stdin, stdout}
	}
	time.Sleep(each)
	for _, p := range all {
		_ = p.stdin.Close()
	}
	for _, p := range all {
		var r worked
		if err := errors.Join(json.NewDecoder(p.stdout).Decode(&r), p.Wait()); err != nil {
			return total, 0, err
		}
		total.Times += r.Times
		total.Seconds += r.Seconds / float64(processes)
		total.Failed += r.Failed
	}
	time.Sleep(1500 * time.Millisecond) // Postgres reports its statistics once a second
	after, err := committed(ctx, db)
	if err != nil {
		return total, 0, err
	}
	return total, float64(after-before) / max(1, total.Times), nil
}

// committed returns how many transactions Postgres has committed.
func committed(ctx context.Context, db *sql.DB) (n int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`).Scan(&n)
	return n, err
}

// worked is what processes of a step did.
type worked struct {
	Times, Seconds float64
	Failed         int
}

func (w worked) perSecond() float64 { return w.Times / w.Seconds }

// workStep is what a process of a step does until its standard input ends.
func workStep(what string) error {
	do, err := workOf(what)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var times, failed atomic.Int64
	var all sync.WaitGroup
	var last atomic.Value
	begun := time.Now()
	for i := range goroutines {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				err := do(ctx, fmt.Sprint(os.Getenv(numberEnv), "-", i, "-", n))
				switch {
				case err == nil:
					times.Add(1)
				case ctx.Err() == nil:
					failed.Add(1)
					last.Store(err.Error())
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	all.Wait()
	if times.Load() == 0 {
		return fmt.Errorf("%s: nothing was done: %v", what, last.Load())
	}
	took := time.Since(begun)
	return json.NewEncoder(os.Stdout).Encode(worked{float64(times.Load()), took.Seconds(), int(failed.Load())})
}

// workOf returns what to do again and again.
func workOf(what string) (func(ctx context.Context, key string) error, error) {
	if what == "redis" {
		client := redis.NewClient(&redis.Options{Addr: os.Getenv(dsnEnv)})
		limiter := redisstore.New(client, redisstore.Options{Timeout: 5 * time.Second}).Limiter(redisstore.LimiterOptions{PerSecond: perSecond, Burst: 1})
		return func(ctx context.Context, _ string) error { return limiter.Wait(ctx) }, nil
	}
	db, err := sql.Open("pgx", os.Getenv(dsnEnv))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	store := sqlstore.New(db, sqlstore.Postgres)
	if what == "limiter" {
		limiter := store.Limiter(sqlstore.LimiterOptions{PerSecond: perSecond, Burst: 1})
		return func(ctx context.Context, _ string) error { return limiter.Wait(ctx) }, nil
	}
	ledger := store.Ledger(sqlstore.LedgerOptions{})
	token := json.RawMessage(`"` + strings.Repeat("t", tokenBytes) + `"`)
	return func(ctx context.Context, key string) error {
		lease, err := ledger.Acquire(ctx, key)
		if err != nil {
			return err
		}
		return errors.Join(
			lease.Record(ctx, growthgenius.Entry{Note: token}), // before the create is sent
			lease.Record(ctx, growthgenius.Entry{ID: growthgenius.ID(key), Scope: "contact"}),
			lease.Release(ctx),
		)
	}, nil
}
