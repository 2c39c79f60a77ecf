package readback_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/readback"
)

// TestLongest: the longest list of a route counts until none was as long for an hour.
func TestLongest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l readback.Longest
		for i, step := range []struct {
			route        string
			wait         time.Duration
			count, known int
		}{
			{"/contacts", 0, 5, 0}, {"/contacts", 0, 3, 5}, {"/messages", 0, 7, 0}, {"/contacts", 59 * time.Minute, 5, 5},
			{"/contacts", time.Hour, 4, 5}, {"/contacts", time.Second, 4, 0}, {"/contacts", 0, 0, 4}, {"/messages", 0, 0, 0},
		} {
			time.Sleep(step.wait)
			if got := l.Saw(step.route, step.count); got != step.known {
				t.Errorf("step %d: %d, want %d", i, got, step.known)
			}
		}
	})
}
