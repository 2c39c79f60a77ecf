package growthgeniusriver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// ResumeQueue is the name of the queue of the jobs that resume paused queues. [Configure] adds
// it to each client that works jobs. Do not pause it, and let at least one client work it.
const ResumeQueue = "growthgenius_resume"

// spareAfter is how long after a job that resumes a queue a second one does. It matters if the
// process of the first is killed while it has the job: River rescues that much later.
const spareAfter = 15 * time.Second

// metadataKey is the key of a pause in the metadata of a queue, beside those of others.
const metadataKey = "growthgenius_pause"

// pause is what the metadata of a queue says of its pause.
type pause struct {
	Until time.Time `json:"until"`
	At    time.Time `json:"at"` // the time of the queue's pause: that of a person has another one
}

// Pause pauses a queue until a time, in a transaction of its own. See [PauseTx].
func Pause[TTx any](ctx context.Context, client *river.Client[TTx], queue string, until time.Time) error {
	return inTx(ctx, client, func(tx TTx) error { return PauseTx(ctx, client, tx, queue, until) })
}

// PauseTx pauses a queue until a time, rounded up to a second, and inserts the job that resumes
// it then. It does both in the transaction tx, so that the one does not happen without the
// other. The queue stays paused until a client works the [ResumeQueue], which a client without
// Queues does not.
//
// If the queue is already paused by this package, the later end counts. If it is paused by a
// person or by another program, PauseTx does nothing and the queue stays paused until they
// resume it. A queue that a person resumes early stays so. A person who wants a queue that is
// paused by this package to stay paused has to resume it first, and then to pause it: River
// does not store the second pause of a paused queue.
//
// If the queue is not in the database, since no client has worked it yet, the error matches
// [river.ErrNotFound].
func PauseTx[TTx any](ctx context.Context, client *river.Client[TTx], tx TTx, queue string, until time.Time) error {
	if queue == ResumeQueue {
		return fmt.Errorf("growthgeniusriver: the queue %s cannot be paused: nothing would resume it", queue)
	}
	if rounded := until.Truncate(time.Second); rounded.Before(until) {
		until = rounded.Add(time.Second)
	}
	until = until.UTC()
	if !until.After(time.Now()) {
		return nil
	}
	row, err := lock(ctx, client, tx, queue)
	if err != nil {
		return fmt.Errorf("growthgeniusriver: pausing the queue %s: %w", queue, err)
	}
	switch known, ok := pauseOf(row); {
	case row.PausedAt == nil:
		if err := client.QueuePauseTx(ctx, tx, queue, nil); err != nil {
			return fmt.Errorf("growthgeniusriver: pausing the queue %s: %w", queue, err)
		}
		if row, err = client.QueueGetTx(ctx, tx, queue); err != nil {
			return fmt.Errorf("growthgeniusriver: pausing the queue %s: %w", queue, err)
		}
	case !ok, !until.After(known.Until): // not ours, or long enough
		return nil
	}
	if err := store(ctx, client, tx, row, &pause{until, *row.PausedAt}); err != nil {
		return fmt.Errorf("growthgeniusriver: pausing the queue %s: %w", queue, err)
	}
	var jobs []river.InsertManyParams
	for _, at := range []time.Time{until, until.Add(spareAfter)} {
		jobs = append(jobs, river.InsertManyParams{
			Args: resumeArgs{Queue: queue, Until: until}, InsertOpts: &river.InsertOpts{ScheduledAt: at},
		})
	}
	if _, err := client.InsertManyFastTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("growthgeniusriver: inserting the job that resumes the queue %s (Configure adds its worker): %w", queue, err)
	}
	return nil
}

// resumeArgs are the arguments of a job that resumes a queue.
type resumeArgs struct {
	Queue string    `json:"queue"`
	Until time.Time `json:"until"` // a pause that lasts longer has a job of its own
}

// Kind returns the kind of the jobs in the database.
func (resumeArgs) Kind() string { return "growthgenius_resume" }

// InsertOpts returns options with so many attempts that the job outlives any outage.
func (resumeArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: ResumeQueue, MaxAttempts: 10_000, Priority: 1}
}

// resumer works the jobs that resume queues.
type resumer[TTx any] struct {
	river.WorkerDefaults[resumeArgs]
}

// NextRetry returns the time of the next attempt: within 30 seconds, so that a database that
// could not be reached is tried soon after it is back.
func (*resumer[TTx]) NextRetry(job *river.Job[resumeArgs]) time.Time {
	return time.Now().Add(time.Duration(min(job.Attempt, 30)) * time.Second)
}

// Timeout returns how long the transaction of a job may take.
func (*resumer[TTx]) Timeout(*river.Job[resumeArgs]) time.Duration { return 30 * time.Second }

// Work resumes the queue, unless its pause lasts longer by now, or is not ours.
func (*resumer[TTx]) Work(ctx context.Context, job *river.Job[resumeArgs]) error {
	if wait := time.Until(job.Args.Until); wait > 0 { // a person had it run at once
		return river.JobSnooze(wait)
	}
	client, err := river.ClientFromContextSafely[TTx](ctx)
	if err != nil {
		return fmt.Errorf("growthgeniusriver: Configure got a driver with another type of transaction than river.NewClient, or clients with such drivers share Workers: %w", err)
	}
	return inTx(ctx, client, func(tx TTx) error {
		if err := resume(ctx, client, tx, job.Args); err != nil {
			return fmt.Errorf("growthgeniusriver: resuming the queue %s: %w", job.Args.Queue, err)
		}
		return nil
	})
}

// resume ends a pause.
func resume[TTx any](ctx context.Context, client *river.Client[TTx], tx TTx, args resumeArgs) error {
	row, err := lock(ctx, client, tx, args.Queue)
	if errors.Is(err, river.ErrNotFound) {
		return nil // River has removed it, and its pause
	}
	if err != nil {
		return err
	}
	known, ok := pauseOf(row)
	if !ok || known.Until.After(args.Until) {
		return nil
	}
	if err := store(ctx, client, tx, row, nil); err != nil {
		return err
	}
	return client.QueueResumeTx(ctx, tx, args.Queue, nil)
}

// lock returns a queue, and holds its row until the end of the transaction.
func lock[TTx any](ctx context.Context, client *river.Client[TTx], tx TTx, queue string) (*rivertype.Queue, error) {
	return client.QueueUpdateTx(ctx, tx, queue, &river.QueueUpdateParams{})
}

// pauseOf returns the pause of a queue. ok is false if it is not paused by this package.
func pauseOf(row *rivertype.Queue) (p pause, ok bool) {
	var metadata map[string]json.RawMessage
	if json.Unmarshal(row.Metadata, &metadata) != nil || json.Unmarshal(metadata[metadataKey], &p) != nil {
		return pause{}, false
	}
	return p, row.PausedAt != nil && row.PausedAt.Equal(p.At)
}

// store sets the pause in the metadata of a queue, or removes it.
func store[TTx any](ctx context.Context, client *river.Client[TTx], tx TTx, row *rivertype.Queue, p *pause) error {
	metadata := map[string]json.RawMessage{}
	if err := json.Unmarshal(row.Metadata, &metadata); err != nil {
		return fmt.Errorf("reading the metadata of the queue: %w", err)
	}
	delete(metadata, metadataKey)
	if p != nil {
		value, err := json.Marshal(p)
		if err != nil {
			return err
		}
		metadata[metadataKey] = value
	}
	text, err := json.Marshal(metadata)
	if err != nil {
		return err
	}
	_, err = client.QueueUpdateTx(ctx, tx, row.Name, &river.QueueUpdateParams{Metadata: text})
	return err
}

// inTx calls fn in a transaction. River offers no other way to begin one with any driver.
func inTx[TTx any](ctx context.Context, client *river.Client[TTx], fn func(TTx) error) error {
	driver := client.Driver()
	tx, err := driver.GetExecutor().Begin(ctx)
	if err != nil {
		return fmt.Errorf("growthgeniusriver: beginning a transaction: %w", err)
	}
	if err := fn(driver.UnwrapTx(tx)); err != nil {
		_ = tx.Rollback(context.WithoutCancel(ctx))
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("growthgeniusriver: committing the transaction: %w", err)
	}
	return nil
}
