package main

import (
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growthgenius/growthgenius-go/mailbox"
)

const (
	lineEvery = 10 * time.Second
	drawEvery = 200 * time.Millisecond
	eraseLine = "\r\x1b[K"
)

// progress shows how many mails are done: on a terminal in a line that it rewrites, and otherwise
// in a line every 10 seconds. It shows when the program is likely to end once the total is known.
type progress struct {
	count, total atomic.Int64

	out      io.Writer
	terminal bool
	begun    time.Time
	stop     chan struct{}
	group    sync.WaitGroup
	mu       sync.Mutex // is held while a line is written
}

// startProgress shows the progress until its end method is called.
func startProgress(out io.Writer, terminal bool) *progress {
	p := &progress{out: out, terminal: terminal, begun: time.Now(), stop: make(chan struct{})}
	every := lineEvery
	if terminal {
		every = drawEvery
	}
	p.group.Go(func() {
		for ticker := time.NewTicker(every); ; {
			select {
			case <-ticker.C:
				p.show()
			case <-p.stop:
				ticker.Stop()
				return
			}
		}
	})
	return p
}

func (p *progress) show() {
	n, total := p.count.Load(), p.total.Load()
	text := fmt.Sprintf("%d mails", n)
	if 0 < n && n <= total {
		left := time.Duration(float64(time.Since(p.begun)) * float64(total-n) / float64(n))
		text = fmt.Sprintf("%d of %d mails, about %v left", n, total, left.Round(time.Second))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		fmt.Fprint(p.out, eraseLine+text)
	} else {
		fmt.Fprintln(p.out, text)
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
	p.group.Wait()
	if p.terminal {
		fmt.Fprint(p.out, eraseLine)
	}
}

// counted returns the mails, and counts each when the next one is asked for. It reads them a second
// time, in the background, to count the total.
func (p *progress) counted(mails iter.Seq2[*mailbox.Mail, error]) iter.Seq2[*mailbox.Mail, error] {
	p.group.Go(func() {
		n := int64(0)
		for _, err := range mails {
			if err == nil {
				n++
			}
			select {
			case <-p.stop:
				return
			default:
			}
		}
		p.total.Store(n)
	})
	return func(yield func(*mailbox.Mail, error) bool) {
		for m, err := range mails {
			if !yield(m, err) {
				return
			}
			if err == nil {
				p.count.Add(1)
			}
		}
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
