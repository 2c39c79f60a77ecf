package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far the program is: as a bar on a terminal, and otherwise in a line
// every 10 seconds. It shows when the program is likely to end if the total is known.
type progress struct {
	count atomic.Int64
	total atomic.Int64 // 0 if it is not known

	what  string
	out   io.Writer
	begun time.Time
	stop  chan struct{}
	ended chan struct{}

	mu  sync.Mutex               // guards the bar, and what is written
	bar *progressbar.ProgressBar // nil if out is not a terminal
}

const (
	lineEvery = 10 * time.Second
	drawEvery = 100 * time.Millisecond
)

// startProgress shows the progress of what until its end method is called.
func startProgress(out io.Writer, terminal bool, what string) *progress {
	p := &progress{what: what, out: out, begun: time.Now(), stop: make(chan struct{}), ended: make(chan struct{})}
	every := lineEvery
	if terminal {
		every = drawEvery
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionShowTotalBytes(true), progressbar.OptionSetSpinnerChangeInterval(0),
			progressbar.OptionSetRenderBlankState(true), progressbar.OptionClearOnFinish())
	}
	go func() {
		defer close(p.ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.show()
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, total := p.count.Load(), p.total.Load()
	switch {
	case p.bar == nil && 0 < n && n < total:
		left := time.Duration(float64(time.Since(p.begun)) * float64(total-n) / float64(n))
		fmt.Fprintf(p.out, "%d of about %d %s, about %s left\n", n, total, p.what, left.Round(time.Second))
	case p.bar == nil:
		fmt.Fprintf(p.out, "%d %s\n", n, p.what)
	case total > 0:
		p.bar.ChangeMax64(max(total, n+1)) // a bar that is full has ended
		_ = p.bar.Set64(n)
	default:
		_ = p.bar.Set64(n)
	}
}

// printf prints a line above the bar.
func (p *progress) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// end removes the bar.
func (p *progress) end() {
	close(p.stop)
	<-p.ended
	if p.bar != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.bar.Set64(p.count.Load())
		_ = p.bar.Clear()
	}
}
