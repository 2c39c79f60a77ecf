package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/bulk"
)

// TestProgress: there is a line every 10 seconds, or one that changes on a terminal.
func TestProgress(t *testing.T) {
	t.Parallel()
	for terminal, want := range map[bool]string{
		false: "10 of 60 (16%); 50s left\n20 of 60 (33%); 40s left\n",
		true:  eraseLine + "0 of 60 (0%); 1m0s left" + eraseLine + "0 of 60 (0%); 1m0s left",
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			var out strings.Builder
			p := startProgress(&out, terminal, func() bulk.Progress {
				done := int(time.Since(begun) / time.Second)
				return bulk.Progress{Done: done, Total: 60, Final: true, Left: time.Duration(60-done) * time.Second}
			})
			time.Sleep(25*time.Second + 1)
			p.end()
			if got := out.String(); !strings.HasPrefix(got, want) || strings.HasSuffix(got, "25 of 60 (41%); 35s left"+eraseLine) != terminal {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
