package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/bulk"
)

// TestProgress: without a terminal there is a line every 10 seconds, and on one there is a bar.
// Both say how long the rest takes, or what it waits for.
func TestProgress(t *testing.T) {
	t.Parallel()
	for terminal, want := range map[bool][]string{
		false: {"at least 100; reading the contacts\n", "50 of 100 (50%); 40s left\n"}, true: {"reading the contacts", "(50/100", "40s left", "\rabove\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			var out strings.Builder
			p := startProgress(&out, terminal, func() bulk.Progress {
				if time.Since(begun) < 15*time.Second {
					return bulk.Progress{Total: 100, Waiting: "reading the contacts"}
				}
				return bulk.Progress{Total: 100, Final: true, Done: 50, Left: 40 * time.Second}
			})
			time.Sleep(29 * time.Second)
			p.print(&out, "above")
			p.end()
			for _, want := range want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("on a terminal: %t: %d bytes do not contain %q", terminal, out.Len(), want)
				}
			}
			if n := strings.Count(out.String(), "\n"); terminal && n != 1 || !terminal && n != 3 {
				t.Errorf("on a terminal: %t: %d lines", terminal, n)
			}
		})
	}
}
