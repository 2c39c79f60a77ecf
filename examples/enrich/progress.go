package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far the run has come: by a bar on a terminal, and by a line every 10
// seconds elsewhere.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil elsewhere
	total int
	done  int
	began time.Time
	last  time.Time
}

func newProgress(w io.Writer, terminal bool, total int) *progress {
	p := &progress{w: w, total: total, began: time.Now(), last: time.Now()}
	if terminal {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription("looked up"),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
	return p
}

// add counts a result.
func (p *progress) add() {
	p.done++
	switch now := time.Now(); {
	case p.bar != nil:
		_ = p.bar.Add(1)
	case now.Sub(p.last) >= 10*time.Second:
		p.last = now
		left := time.Duration(float64(now.Sub(p.began)) / float64(p.done) * float64(p.total-p.done))
		fmt.Fprintf(p.w, "%d of %d looked up, about %s left\n", p.done, p.total, left.Round(time.Second))
	}
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
