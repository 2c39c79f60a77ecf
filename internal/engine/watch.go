package engine

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// Watcher is told how a call goes. Its methods run on the goroutine of the call.
type Watcher interface {
	// Attempt is called when request number n of the call is about to be sent. It returns the
	// context of the request, and a function to call when the attempt has ended, or nil.
	Attempt(ctx context.Context, n int) (context.Context, func(AttemptEnd))
	// Waited is called after a wait of the call, with one of the reasons below.
	Waited(ctx context.Context, reason string, d time.Duration)
	// Paused is called when a response prolongs the time in which requests are held back. status
	// is 429 for each response that counts as one.
	Paused(ctx context.Context, status int, d time.Duration)
}

// The reasons of waits.
const (
	WaitLimiter = "limiter" // for the limiter
	WaitPause   = "pause"   // as long as the API has asked for
	WaitBackoff = "backoff" // before a retry
)

// LeastWait is how long waits last that are reported. Those before a retry always are.
const LeastWait = time.Millisecond

// AttemptEnd is how an attempt ended. It has the fields of growthgenius.AttemptEnd.
type AttemptEnd struct {
	Status    int
	ErrorType string
	Duration  time.Duration
	Retry     bool
	Wait      time.Duration
}

// begins reports that an attempt begins, and returns its context.
func (c *call) begins(ctx context.Context) context.Context {
	c.streams, c.status = false, 0
	if c.Watch == nil {
		return ctx
	}
	ctx, c.finish = c.Watch.Attempt(ctx, c.Sent+c.attempts)
	return ctx
}

// ended reports that the last attempt has ended, unless its body is still being read. err is
// that of the rest of a body.
func (c *call) ended(err error) {
	finish := c.finish
	if finish == nil {
		return
	}
	c.finish = nil
	end := AttemptEnd{Status: int(c.status), ErrorType: c.errorType(err), Duration: time.Since(c.begun), Retry: c.verdict.again}
	if end.Retry {
		end.Wait = c.verdict.wait
	}
	finish(end)
}

// errorType returns what went wrong with the last attempt in a word, or "". err is that of
// the rest of a body.
func (c *call) errorType(err error) string {
	if err == nil {
		err = c.last.err
	}
	switch {
	case err == nil && c.last.hollow:
		return "without_json"
	case err == nil && c.last.res.Succeeded():
		return ""
	case err == nil:
		return strconv.Itoa(c.last.res.Status)
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline_exceeded"
	case isAnyTimeout(err):
		return "timeout"
	case errors.Is(err, errs.ErrResponseTooLarge):
		return "response_too_large"
	case c.last.unsent || isDial(err):
		return "no_connection"
	default:
		return "no_response"
	}
}

// gate waits until a request may leave.
func (c *call) gate(ctx context.Context) error {
	if c.Watch == nil {
		return c.cfg.Gate.Wait(ctx, c.Route) //nolint:wrapcheck // the caller wraps it
	}
	paused, limited, err := c.cfg.Gate.Measure(ctx, c.Route)
	if paused >= LeastWait {
		c.Watch.Waited(ctx, WaitPause, paused)
	}
	if limited >= LeastWait {
		c.Watch.Waited(ctx, WaitLimiter, limited)
	}
	return err //nolint:wrapcheck // the same
}

// backOff waits before a retry.
func (c *call) backOff(ctx context.Context) error {
	begun := time.Now()
	err := pace.Sleep(ctx, c.verdict.wait)
	if c.Watch != nil {
		reason := WaitBackoff
		if c.verdict.asked {
			reason = WaitPause
		}
		c.Watch.Waited(ctx, reason, time.Since(begun))
	}
	return err //nolint:wrapcheck // the caller wraps it
}

// answered tells the gate of a response to a request that was sent then.
func (c *call) answered(sent time.Time, status int, asked time.Duration) {
	paused := c.cfg.Gate.Answered(c.Route, sent, status, asked)
	if c.Watch != nil && paused >= LeastWait {
		c.Watch.Paused(&c.ctx, status, paused)
	}
}
