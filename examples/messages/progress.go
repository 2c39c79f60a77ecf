package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/bulk"
)

const (
	lineEvery = 10 * time.Second
	drawEvery = 200 * time.Millisecond
	eraseLine = "\r\x1b[K"
)

// progress shows how far the run is: on a terminal in a line that it rewrites, and otherwise in a
// line every 10 seconds.
type progress struct {
	out      io.Writer
	terminal bool
	stop     chan struct{}
	ended    chan struct{}
	mu       sync.Mutex // is held while a line is written
}

// startProgress shows the progress until its end method is called.
func startProgress(out io.Writer, terminal bool, now func() bulk.Progress) *progress {
	p := &progress{out: out, terminal: terminal, stop: make(chan struct{}), ended: make(chan struct{})}
	every := lineEvery
	if terminal {
		every = drawEvery
	}
	go func() {
		defer close(p.ended)
		for ticker := time.NewTicker(every); ; {
			select {
			case <-ticker.C:
				p.show(now())
			case <-p.stop:
				ticker.Stop()
				return
			}
		}
	}()
	return p
}

func (p *progress) show(now bulk.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		fmt.Fprint(p.out, eraseLine, now)
	} else {
		fmt.Fprintln(p.out, now)
	}
}

// print prints a line to standard output in place of the progress.
func (p *progress) print(text any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		fmt.Fprint(p.out, eraseLine)
	}
	fmt.Println(text)
}

// end removes the line from a terminal.
func (p *progress) end() {
	close(p.stop)
	<-p.ended
	if p.terminal {
		fmt.Fprint(p.out, eraseLine)
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
