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

// ResponseAware is implemented by a [Limiter] that needs to know of the API's responses.
type ResponseAware interface {
	// Responded is called for each response to an attempt, on the goroutine of the call, so
	// it must not block. sent is when the request was sent. retryAfter is how long the API
	// asks to wait, or 0 if it does not say.
	//
	// A 403 that asks to wait, in response to a read, an update or a delete, is reported as
	// a 429.
	Responded(sent time.Time, statusCode int, retryAfter time.Duration)
}

// Pace is how fast a client may send requests. See [Client.Pace].
type Pace struct {
	// PerSecond is the rate of the limiter: the one that the default limiter has learned from
	// the API, or that of a [*rate.Limiter]. It is 0 if none is known, as for other limiters.
	PerSecond float64
	// PausedUntil is the end of a pause that the API asked for. It is zero, or in the past, if
	// there is none.
	PausedUntil time.Time
	// Paused is how long such pauses have held back requests, from the first request until now.
	Paused time.Duration
}

var _ Limiter = (*rate.Limiter)(nil)
