package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestProgressLines: without a terminal, there is a line every 10 seconds, with the time that is
// left if the total is known. The total is asked for once, and not by a shorter run.
func TestProgressLines(t *testing.T) {
	t.Parallel()
	for total, want := range map[int64]string{
		0: "200 contacts read\n400 contacts read\n", 1000: "200 of about 1000 contacts read, about 40s left\n400 of about 1000 contacts read, about 30s left\n",
		300: "200 of about 300 contacts read, about 5s left\n400 contacts read\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			asked := 0
			p := startProgress(t.Context(), &out, false, func(context.Context) int64 {
				asked++
				return total
			})
			for range 29 {
				time.Sleep(time.Second - 1)
				p.count.Add(20)
			}
			p.end()
			if got := out.String(); got != want || asked != 1 {
				t.Errorf("a total of %d, which was asked for %d times: got\n%swant\n%s", total, asked, got, want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := startProgress(t.Context(), nil, false, nil)
		time.Sleep(9 * time.Second)
		p.end()
	})
}

// TestProgressEnds: the end does not wait for a total that does not come.
func TestProgressEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := startProgress(t.Context(), &out, false, func(ctx context.Context) int64 {
			<-ctx.Done()
			return 0
		})
		time.Sleep(11 * time.Second)
		begun := time.Now()
		p.end()
		if time.Since(begun) > 0 {
			t.Errorf("it ended after %s", time.Since(begun))
		}
	})
}

// TestProgressBar: on a terminal there is a bar, also if there are more than the total.
func TestProgressBar(t *testing.T) {
	t.Parallel()
	for total, want := range map[int64]string{0: "contacts read (400", 1000: "(400/1000", 300: "(400/401"} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			p := startProgress(t.Context(), &out, true, func(context.Context) int64 { return total })
			for range 20 {
				time.Sleep(time.Second - 1)
				p.count.Add(20)
			}
			time.Sleep(time.Second)
			p.end()
			if got := out.String(); !strings.Contains(got, want) || !strings.HasSuffix(got, "\r") {
				t.Errorf("a total of %d: got %q, want %q", total, got[max(0, len(got)-300):], want)
			}
		})
	}
}
