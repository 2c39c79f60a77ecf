package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniusriver"
	"github.com/growthgenius/growthgenius-go/redisstore"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// newClient makes a client of the API, as growthgenius.NewClientFromEnv does.
type newClient func(...growthgenius.Option) (*growthgenius.Client, error)

// member is a worker of the fleet. It has everything that it would have in a process of its own,
// and shares with the others what is in the database, and in Redis.
type member[T any] struct {
	client *growthgenius.Client
	river  *river.Client[T]
	feeder *feeder[T]
}

// newMember makes a worker. It starts nothing.
func newMember[T any](db *database[T], cache redis.UniversalClient, o options, api newClient, row *row, log *slog.Logger) (*member[T], error) {
	limiter, lookups := shared(db, cache, o)
	client, err := api(
		growthgenius.WithLimiter(limiter), growthgenius.WithEnrichmentCache(lookups),
		growthgenius.WithLedger(sqlstore.New(db.sql, db.dialect).Ledger(sqlstore.LedgerOptions{Lease: 3 * o.timeout})),
		growthgenius.WithAttemptTimeout(o.timeout),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: o.settle, ReplayAfter: 2 * o.settle}),
		growthgenius.WithObserver(row.observer()),
		// A job that River retries begins again from its first call, so a call is retried more often first.
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 6, MaxRetryAfter: growthgeniusriver.MaxRetryAfter}),
		growthgenius.WithLogger(log),
	)
	if err != nil {
		return nil, err
	}
	m := &member[T]{client: client}
	config := &river.Config{
		ID:              row.name,
		Queues:          map[string]river.QueueConfig{queue: {MaxWorkers: o.concurrency}},
		Workers:         newWorkers(client, db.sql),
		Middleware:      []rivertype.Middleware{row},
		RetryPolicy:     &soonAtFirst{},
		SoftStopTimeout: o.timeout, // then the jobs that run are interrupted, and another worker runs them again
		Logger:          log,
	}
	if err := growthgeniusriver.Configure(db.driver, config, growthgeniusriver.Options{}); err != nil {
		return nil, err
	}
	if m.river, err = river.NewClient(db.driver, config); err != nil {
		return nil, err
	}
	m.feeder = &feeder[T]{db: db, client: client, jobs: m.river, every: o.feedEvery, lag: o.feedLag}
	return m, nil
}

// soonAtFirst is when River retries a job that failed: the first times within seconds, since that
// is how long a database takes to restart, and then as River does by default. A job whose process
// was killed has failed, too.
type soonAtFirst struct{ river.DefaultClientRetryPolicy }

// NextRetry implements [river.ClientRetryPolicy].
func (p *soonAtFirst) NextRetry(job *rivertype.JobRow) time.Time {
	if n := len(job.Errors); n < 5 {
		return time.Now().Add(time.Duration(n+1) * 2 * time.Second)
	}
	return p.DefaultClientRetryPolicy.NextRetry(job)
}

// shared returns the limiter and the cache that all processes share.
func shared[T any](db *database[T], cache redis.UniversalClient, o options) (growthgenius.Limiter, growthgenius.EnrichmentCache) {
	if cache != nil {
		s := redisstore.New(cache, redisstore.Options{Prefix: o.prefix})
		return s.Limiter(redisstore.LimiterOptions{PerSecond: o.rate, Burst: o.burst}), s.Cache()
	}
	s := sqlstore.New(db.sql, db.dialect)
	return s.Limiter(sqlstore.LimiterOptions{PerSecond: o.rate, Burst: o.burst}), s.Cache()
}

// start starts to work jobs, until the context ends.
func (m *member[T]) start(ctx context.Context, driver riverdriver.Driver[T]) error {
	if err := m.reclaim(ctx, driver); err != nil {
		return err
	}
	return m.river.Start(ctx)
}

// reclaim makes the jobs available that a killed process of the same name was running. Without
// it they are run again only after River's RescueStuckJobsAfter, since River cannot tell a
// killed process from one that is slow.
func (m *member[T]) reclaim(ctx context.Context, driver riverdriver.Driver[T]) error {
	running, err := m.river.JobList(ctx, river.NewJobListParams().Queues(queue).States(rivertype.JobStateRunning).First(10_000))
	if err != nil {
		return err
	}
	now := time.Now()
	jobs := &riverdriver.JobRescueManyParams{StuckHorizon: now.Add(time.Minute)} // of the database's clock
	for _, job := range running.Jobs {
		if n := len(job.AttemptedBy); n == 0 || job.AttemptedBy[n-1] != m.river.ID() {
			continue
		}
		reason, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: job.Attempt, Error: "the process was killed"})
		if err != nil {
			return err
		}
		jobs.ID, jobs.Error, jobs.FinalizedAt = append(jobs.ID, job.ID), append(jobs.Error, reason), append(jobs.FinalizedAt, nil)
		jobs.ScheduledAt, jobs.State = append(jobs.ScheduledAt, now), append(jobs.State, string(rivertype.JobStateAvailable))
	}
	if len(jobs.ID) == 0 {
		return nil
	}
	_, err = driver.GetExecutor().JobRescueMany(ctx, jobs)
	return err
}
