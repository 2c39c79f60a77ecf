package growthgeniusriver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// MaxRetryAfter is the longest Retry-After that a call of a worker should wait out itself. Give
// it to the client of the SDK:
//
//	growthgenius.WithRetry(growthgenius.RetryPolicy{MaxRetryAfter: growthgeniusriver.MaxRetryAfter})
//
// With the default of the SDK, which is a minute, the workers of jobs that wait for a
// Retry-After can work no other job meanwhile. If the API asks to wait longer than
// MaxRetryAfter, the queue is paused: see [Configure].
const MaxRetryAfter = 5 * time.Second

// What Configure sets.
const (
	jobTimeout      = 5 * time.Minute
	rescueMargin    = time.Minute
	softStopTimeout = 20 * time.Second
	keepCanceled    = 7 * 24 * time.Hour
)

// Options configures [Configure]. The zero value pauses only the queue of the job.
type Options struct {
	// Queues are the queues whose jobs call the API, also those of other clients of River. They
	// are paused together. By default only the queue of the job that was asked to wait is.
	Queues []string
}

// Configure sets up the configuration of a client of River whose jobs call the API. driver is
// the driver of that client. Call it once per client, before river.NewClient.
//
//   - It adds a middleware that applies [Result] to the error of each job.
//   - If a response with status 429, 503 or 403 asks to wait for over [MaxRetryAfter], the
//     middleware pauses the queue until then, as [Pause] does. Jobs that are running are
//     snoozed once they get such a response, too. Clients of River learn of a pause within
//     milliseconds, or within 2 seconds if they poll, and may begin jobs until then. A wait of
//     over 24 hours is cut to that.
//   - It adds the [ResumeQueue], with one worker.
//   - It sets what is not set: JobTimeout to 5 minutes, and RescueStuckJobsAfter to a minute
//     longer than JobTimeout; SoftStopTimeout to 20 seconds, and CancelledJobRetentionPeriod to
//     7 days. The guide explains why.
//
// River's leader, which is one of the clients with Queues, rescues and deletes the jobs of all
// queues with its own settings, and discards a stuck job whose kind is not among its Workers.
// So all clients with Queues of a database schema must have all workers and be set up by
// Configure, or set LeaderElectionDisabled.
//
// A configuration without Queues, which works no jobs, gets no middleware and no queue. Clients
// whose drivers have the same type of transaction may share their Workers.
//
// The error is not nil if o.Queues has the ResumeQueue, which must not be paused. config is
// unchanged then.
func Configure[TTx any](driver riverdriver.Driver[TTx], config *river.Config, o Options) error {
	if slices.Contains(o.Queues, ResumeQueue) {
		return fmt.Errorf("growthgeniusriver: Options.Queues has %s: this queue cannot be paused, since it resumes the others", ResumeQueue)
	}
	config.JobTimeout = cmp.Or(config.JobTimeout, jobTimeout)
	if config.JobTimeout > 0 {
		config.RescueStuckJobsAfter = cmp.Or(config.RescueStuckJobsAfter, config.JobTimeout+rescueMargin)
	}
	config.SoftStopTimeout = cmp.Or(config.SoftStopTimeout, softStopTimeout)
	config.CancelledJobRetentionPeriod = cmp.Or(config.CancelledJobRetentionPeriod, keepCanceled)
	if config.Workers != nil {
		_ = river.AddWorkerSafely(config.Workers, &resumer[TTx]{}) // fails if another client with these Workers has added it
	}
	if len(config.Queues) == 0 {
		return nil
	}
	config.Queues = maps.Clone(config.Queues)
	config.Queues[ResumeQueue] = river.QueueConfig{MaxWorkers: 1}
	addMiddleware(config, &middleware[TTx]{
		queues: o.Queues, polls: config.PollOnly || !driver.SupportsListener(), logger: cmp.Or(config.Logger, slog.Default()),
	})
	return nil
}

// addMiddleware adds a middleware to the field that the program uses: River does not accept
// Middleware beside one of the older fields. A plugin would hide from the middleware of the
// program what River is told.
//
//nolint:staticcheck // the older fields are deprecated, and used
func addMiddleware(config *river.Config, m rivertype.WorkerMiddleware) {
	if len(config.WorkerMiddleware) > 0 || len(config.JobInsertMiddleware) > 0 {
		config.WorkerMiddleware = append(slices.Clone(config.WorkerMiddleware), m)
		return
	}
	config.Middleware = append(slices.Clone(config.Middleware), m)
}

// middleware applies Result to each job, and pauses queues.
type middleware[TTx any] struct {
	river.MiddlewareDefaults
	queues []string // in addition to the queue of the job
	polls  bool     // clients are not notified of a pause
	logger *slog.Logger
}

const (
	// noticed is how long the clients of River take to learn of a pause, and noticedByPolling if
	// they are not notified of it.
	noticed          = 250 * time.Millisecond
	noticedByPolling = 2250 * time.Millisecond
	pauseTimeout     = 10 * time.Second
)

// Work works a job. It returns after the clients of River have learned of a pause, so that the
// worker does not begin another job.
func (m *middleware[TTx]) Work(ctx context.Context, job *rivertype.JobRow, doInner func(context.Context) error) error {
	failed := doInner(ctx)
	err, wait := Result(job, failed), pauseFor(failed)
	if wait == 0 {
		return err
	}
	client, missing := river.ClientFromContextSafely[TTx](ctx)
	if missing != nil {
		m.logger.LogAttrs(ctx, slog.LevelError, "growthgeniusriver: queue not paused: Configure got a driver with another type of transaction than river.NewClient")
		return err
	}
	if pauseErr := m.pause(ctx, client, job.Queue, wait); pauseErr != nil {
		m.logger.LogAttrs(ctx, slog.LevelWarn, "growthgeniusriver: queue not paused",
			slog.String("queue", job.Queue), slog.Duration("wait", wait), slog.String("error", pauseErr.Error()))
		return err
	}
	m.logger.LogAttrs(ctx, slog.LevelInfo, "growthgeniusriver: queue paused", slog.String("queue", job.Queue), slog.Duration("wait", wait))
	known := noticed
	if m.polls {
		known = noticedByPolling
	}
	select {
	case <-ctx.Done():
	case <-time.After(known):
	}
	return err
}

// pause pauses the queues in one transaction, also if the job has timed out.
func (m *middleware[TTx]) pause(ctx context.Context, client *river.Client[TTx], queue string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pauseTimeout)
	defer cancel()
	until := time.Now().Add(wait)
	queues := append([]string{queue}, m.queues...)
	slices.Sort(queues) // all processes in the same order, so that none waits for another
	return inTx(ctx, client, func(tx TTx) error {
		for _, queue := range slices.Compact(queues) {
			if err := PauseTx(ctx, client, tx, queue, until); err != nil && !errors.Is(err, river.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// pauseFor returns how long to pause the queue after an error, or 0 if the API does not ask the
// whole account to wait, or if the wait is so short that a pause is not worth it.
func pauseFor(err error) time.Duration {
	if wait := askedOfAccount(err); wait > MaxRetryAfter {
		return wait
	}
	return 0
}
