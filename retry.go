package growthgenius

import (
	"fmt"
	"time"
)

// RetryPolicy says how often and how patiently a call is tried again. A zero field means
// its default.
type RetryPolicy struct {
	MaxAttempts   int           // How many requests a call may send; 1 means no retry. Default 4.
	MinBackoff    time.Duration // The upper bound of the first wait; it doubles each time. Default 250ms.
	MaxBackoff    time.Duration // The upper bound of every wait. Default 8s.
	MaxRetryAfter time.Duration // The longest Retry-After that is waited out. Default 1 minute.
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
