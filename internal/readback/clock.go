package readback

import (
	"sync"
	"time"
)

// Clock learns how far the server's clock is ahead of this machine's. A Date header has
// whole seconds, so each response only bounds the difference. The bounds of many responses
// together are narrow.
type Clock struct {
	mu    sync.Mutex // guards ahead
	ahead bounds
}

// bounds is how far the server's clock is ahead: at least low, at most high.
type bounds struct {
	known     bool
	low, high time.Duration
}

func (b bounds) width() time.Duration { return b.high - b.low }

// Observe learns from the Date header of a response: date is the time that it says, and
// the other two are when the request was sent and when the response was received.
func (c *Clock) Observe(sent, received, date time.Time) {
	low, high := date.Sub(received), date.Add(time.Second).Sub(sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	both := bounds{true, max(low, c.ahead.low), min(high, c.ahead.high)}
	if !c.ahead.known || both.low > both.high { // a clock was set: forget what was learned
		both = bounds{true, low, high}
	}
	c.ahead = both
}

func (c *Clock) bounds() bounds {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}
