package growthgenius

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"
)

// Limiter decides when the next request may be sent. Wait blocks until then or until the
// context ends. [*rate.Limiter] is a Limiter.
type Limiter interface {
	Wait(ctx context.Context) error
}

// ThrottleAware is implemented by a [Limiter] that wants to be told of every 429.
// retryAfter is what the API asked for, or 0 where it did not say.
type ThrottleAware interface {
	Throttled(retryAfter time.Duration)
}

var _ Limiter = (*rate.Limiter)(nil)

// waitForTurn waits for the limiter, if there is one.
func (c *core) waitForTurn(ctx context.Context) error {
	if c.limiter == nil {
		return ctx.Err()
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return waitError(ctx, err)
	}
	return nil
}

// waitError makes sure that a wait that the context ended says so. A limiter may refuse
// at once to wait past a deadline, in words of its own: that is the caller's deadline
// all the same.
func waitError(ctx context.Context, err error) error {
	ctxErr := ctx.Err()
	if _, deadline := ctx.Deadline(); ctxErr == nil && deadline && !errors.Is(err, context.Canceled) {
		ctxErr = context.DeadlineExceeded
	}
	return withContextError(err, ctxErr)
}
