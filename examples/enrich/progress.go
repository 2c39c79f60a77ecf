package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/growthgenius/growthgenius-go/bulk"
)

const (
	lineEvery = 10 * time.Second
	drawEvery = 200 * time.Millisecond
)

// showProgress shows how far the run is, by a bar on a terminal and by a line every 10 seconds
// elsewhere, until the function that it returns is called.
func showProgress(out io.Writer, terminal bool, now func() bulk.Progress) (end func()) {
	every, show := lineEvery, func(p bulk.Progress) { fmt.Fprintln(out, p) }
	erase := func() {}
	if terminal {
		bar := progressbar.NewOptions(max(1, now().Total), progressbar.OptionSetWriter(out), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
		every, erase = drawEvery, func() { _ = bar.Clear() }
		show = func(p bulk.Progress) {
			text := p.Waiting
			if text == "" && p.Left > 0 {
				text = fmt.Sprint(p.Left.Round(time.Second), " left")
			}
			bar.ChangeMax(max(p.Total, p.Done+1)) // a bar that is full has ended
			bar.Describe(text)
			_ = bar.Set(p.Done)
		}
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				show(now())
			case <-stop:
				erase()
				return
			}
		}
	}()
	return func() { close(stop); <-ended }
}
