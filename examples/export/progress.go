package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far the program is: as a bar on a terminal, and otherwise in a line
// every 10 seconds. It shows when the program is likely to end if the total is known.
type progress struct {
	count atomic.Int64

	out   io.Writer
	total func(context.Context) int64 // is called once, and returns 0 if the total is not known
	stop  context.CancelFunc
	ended chan struct{}
	bar   *progressbar.ProgressBar // nil if out is not a terminal
}

const (
	lineEvery = 10 * time.Second
	drawEvery = 100 * time.Millisecond
)

// startProgress shows the progress until its end method is called, or the context ends.
func startProgress(ctx context.Context, out io.Writer, terminal bool, total func(context.Context) int64) *progress {
	ctx, stop := context.WithCancel(ctx)
	p := &progress{out: out, total: total, stop: stop, ended: make(chan struct{})}
	every := lineEvery
	if terminal {
		every = drawEvery
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("contacts read"),
			progressbar.OptionShowCount(), progressbar.OptionShowTotalBytes(true), progressbar.OptionSetSpinnerChangeInterval(0),
			progressbar.OptionSetRenderBlankState(true), progressbar.OptionClearOnFinish())
	}
	go p.run(ctx, every)
	return p
}

// run shows the progress from time to time. The total is asked for when there is something to
// show for the first time, so that short runs do without it.
func (p *progress) run(ctx context.Context, every time.Duration) {
	defer close(p.ended)
	begun, total := time.Now(), int64(-1)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if total < 0 {
			total = p.total(ctx)
		}
		p.show(total, time.Since(begun))
	}
}

func (p *progress) show(total int64, took time.Duration) {
	n := p.count.Load()
	switch {
	case p.bar == nil && 0 < n && n < total:
		left := time.Duration(float64(took) * float64(total-n) / float64(n))
		fmt.Fprintf(p.out, "%d of about %d contacts read, about %s left\n", n, total, left.Round(time.Second))
	case p.bar == nil:
		fmt.Fprintf(p.out, "%d contacts read\n", n)
	case total > 0:
		p.bar.ChangeMax64(max(total, n+1)) // a bar that is full has ended
		_ = p.bar.Set64(n)
	default:
		_ = p.bar.Set64(n)
	}
}

// end removes the bar.
func (p *progress) end() {
	p.stop()
	<-p.ended
	if p.bar != nil {
		_ = p.bar.Set64(p.count.Load())
		_ = p.bar.Clear()
	}
}
