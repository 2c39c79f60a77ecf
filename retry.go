package growthgenius

import (
	"fmt"
	"time"
)

// RetryPolicy sets how often a call is retried, and how long it waits before each retry.
// A zero field means its default.
//
// Waits after a request that did not leave this machine, because there was no connection, are
// longer, so that the call is tried for 2 seconds at least: a server that restarts refuses
// connections for a moment. MaxAttempts and MaxBackoff hold nevertheless.
type RetryPolicy struct {
	// MaxAttempts is how many requests a call may send. 1 means no retries. Default 4.
	MaxAttempts int
	// MinBackoff is the upper bound of the first wait. Waits are random, and the bound
	// doubles with each retry. Default 250ms.
	MinBackoff time.Duration
	// MaxBackoff is the upper bound of all waits. Default 8s, or MinBackoff if that is
	// more.
	MaxBackoff time.Duration
	// MaxRetryAfter is the longest wait that the API may ask for with Retry-After. A call
	// that is asked to wait longer fails instead, and one that is asked to wait less than
	// its own random wait keeps to that. Default 1 minute.
	MaxRetryAfter time.Duration
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.MaxAttempts == 0 {
		p.MaxAttempts = 4
	}
	if p.MinBackoff == 0 {
		p.MinBackoff = 250 * time.Millisecond
	}
	if p.MaxBackoff == 0 {
		p.MaxBackoff = max(8*time.Second, p.MinBackoff)
	}
	if p.MaxRetryAfter == 0 {
		p.MaxRetryAfter = time.Minute
	}
	return p
}

func (p RetryPolicy) check() error {
	if p.MaxAttempts < 0 || p.MinBackoff < 0 || p.MaxBackoff < 0 || p.MaxRetryAfter < 0 {
		return fmt.Errorf("WithRetry(%+v): no field may be negative", p)
	}
	if p.MaxBackoff != 0 && p.MaxBackoff < p.MinBackoff {
		return fmt.Errorf("WithRetry: MaxBackoff (%s) is less than MinBackoff (%s)", p.MaxBackoff, p.MinBackoff)
	}
	return nil
}
