package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/growthgenius/growthgenius-go/bulk"
)

// progress shows how far an import has come: as a bar on a terminal, and otherwise in a line
// every 10 seconds.
type progress struct {
	now   func() bulk.Progress
	out   io.Writer
	stop  chan struct{}
	ended chan struct{}

	mu  sync.Mutex               // guards the bar, and what is written
	bar *progressbar.ProgressBar // nil if out is not a terminal
}

const (
	lineEvery = 10 * time.Second
	drawEvery = 100 * time.Millisecond
)

// startProgress shows the progress until its end method is called.
func startProgress(out io.Writer, terminal bool, now func() bulk.Progress) *progress {
	p := &progress{now: now, out: out, stop: make(chan struct{}), ended: make(chan struct{})}
	every := lineEvery
	if terminal {
		every = drawEvery
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionClearOnFinish())
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
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		fmt.Fprintln(p.out, now)
		return
	}
	text := now.Waiting
	if text == "" && now.Left > 0 {
		text = now.Left.Round(time.Second).String() + " left"
	}
	p.bar.Describe(text)
	if now.Final {
		p.bar.ChangeMax(max(now.Total, now.Done+1)) // a bar that is full has ended
	}
	_ = p.bar.Set(now.Done)
}

// print prints lines above the bar.
func (p *progress) print(w io.Writer, lines ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
}

// end removes the bar.
func (p *progress) end() {
	close(p.stop)
	<-p.ended
	if p.bar != nil {
		p.show()
		_ = p.bar.Clear()
	}
}
