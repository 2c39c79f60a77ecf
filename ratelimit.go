package growthgenius

import (
	"context"
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
