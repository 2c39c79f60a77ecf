package growthgenius

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Limiter decides when the next request may be sent. See [WithLimiter]. It must be safe
// for concurrent use. [*rate.Limiter] is a Limiter.
type Limiter interface {
	// Wait blocks until a request may be sent, or until the context ends. If it returns
	// an error, the call fails with it.
	Wait(ctx context.Context) error
}

// ThrottleAware is implemented by a [Limiter] that needs to know of responses with status
// 429.
type ThrottleAware interface {
	// Throttled is called for each of them. retryAfter is how long the API asks to wait,
	// or 0 if it does not say.
	Throttled(retryAfter time.Duration)
}

var _ Limiter = (*rate.Limiter)(nil)
