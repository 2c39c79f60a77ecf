package growthgenius

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
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

// noteAnswer tells the limiter, and the clock, of the head of an answer.
func (c *core) noteAnswer(sent time.Time, res *http.Response) {
	c.clock.observe(sent, time.Now(), res.Header.Get("Date"))
	throttled := res.StatusCode == http.StatusTooManyRequests
	asked, _ := retryAfter(res.Header, time.Now())
	pause := asked
	if pause > c.retry.MaxRetryAfter || !(throttled || res.StatusCode == http.StatusServiceUnavailable) {
		pause = 0 // nobody waits that long: each call is told so
	}
	c.pause.begin(pause)
	if l, ok := c.limiter.(*adaptiveLimiter); ok {
		l.answered(sent, throttled, pause)
	} else if l, ok := c.limiter.(ThrottleAware); ok && throttled {
		l.Throttled(asked)
	}
}

// waitForTurn waits out a pause the server asked for, and then for the limiter.
func (c *core) waitForTurn(ctx context.Context) error {
	for {
		if d := c.pause.left(); d > 0 {
			if err := sleep(ctx, d); err != nil {
				return waitError(ctx, err)
			}
			continue
		}
		if err := c.limiter.Wait(ctx); err != nil {
			return waitError(ctx, err)
		}
		if err := ctx.Err(); err != nil { // a limiter may not look; once a request begins, it is too late to say so
			return err
		}
		if c.pause.left() <= 0 { // else it has begun meanwhile, and this turn is void
			return nil
		}
	}
}

// serverPause is how long the server asked everybody to wait.
type serverPause struct {
	mu    sync.Mutex
	until time.Time
}

func (p *serverPause) begin(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); d > 0 && until.After(p.until) {
		p.until = until
	}
}

func (p *serverPause) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.until)
}

// waitError makes sure that a wait that the context ended says so. A [rate.Limiter], also
// one within another limiter, refuses at once to wait past a deadline, in words of its own:
// that is the caller's deadline all the same.
func waitError(ctx context.Context, err error) error {
	ctxErr := ctx.Err()
	if _, deadline := ctx.Deadline(); ctxErr == nil && deadline && strings.Contains(err.Error(), "would exceed context deadline") {
		ctxErr = context.DeadlineExceeded
	}
	return errs.WithContext(err, ctxErr)
}
