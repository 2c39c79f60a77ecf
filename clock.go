package growthgenius

import (
	"net/http"
	"sync"
	"time"
)

// serverClock learns how far the server's clock is ahead of this machine's. A Date header
// has whole seconds, so each answer only bounds the difference; the bounds of many answers
// together are narrow.
type serverClock struct {
	mu    sync.Mutex
	ahead bounds
}

// bounds say how far the server's clock is ahead: at least low, at most high.
type bounds struct {
	known     bool
	low, high time.Duration
}

func (b bounds) width() time.Duration { return b.high - b.low }

// observe takes the Date of an answer to a request sent and answered at these times.
func (c *serverClock) observe(sent, received time.Time, date string) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	low, high := at.Sub(received), at.Add(time.Second).Sub(sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	both := bounds{true, max(low, c.ahead.low), min(high, c.ahead.high)}
	if !c.ahead.known || both.low > both.high { // a clock was set: what was learned is void
		both = bounds{true, low, high}
	}
	c.ahead = both
}

func (c *serverClock) bounds() bounds {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}
