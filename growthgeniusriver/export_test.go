package growthgeniusriver

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

// SpareAfter is how long after a job that resumes a queue a second one does.
const SpareAfter = spareAfter

// PauseFor returns how long the queue is paused after an error of a worker.
func PauseFor(err error) time.Duration { return pauseFor(err) }

// Resume does what the job that resumes a queue at a time does, at once.
func Resume[TTx any](ctx context.Context, client *river.Client[TTx], queue string, until time.Time) error {
	return inTx(ctx, client, func(tx TTx) error { return resume(ctx, client, tx, resumeArgs{queue, until}) })
}
