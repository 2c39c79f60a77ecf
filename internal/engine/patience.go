package engine

import (
	"context"
	"time"
)

// patience is the timeout of one attempt: when the time is over, it cancels the attempt's
// context.
type patience struct {
	cancel context.CancelFunc
	ended  <-chan struct{}
	timer  *time.Timer
	most   time.Duration
}

// begin starts the timeout of an attempt. It returns the attempt's context.
func (p *patience) begin(parent context.Context, most time.Duration) context.Context {
	ctx, cancel := context.WithCancel(parent)
	*p = patience{cancel, ctx.Done(), time.AfterFunc(most, cancel), most}
	return ctx
}

// over reports whether the attempt's context has ended.
func (p *patience) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// end stops the timer and cancels the context.
func (p *patience) end() {
	p.timer.Stop()
	p.cancel()
}
