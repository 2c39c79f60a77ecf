package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// pagerRow holds what a loop over the pages of a search takes.
type pagerRow struct {
	Work     time.Duration `json:"work"` // on each page
	Prefetch int           `json:"prefetch"`
	Seconds  spread        `json:"seconds"`
	OfTime   spread        `json:"of_time"` // of the loop without prefetch
	Floor    float64       `json:"floor"`   // least possible seconds
}

// works holds how long the loop works on each page, given the server's latency.
var works = []func(latency time.Duration) time.Duration{
	func(latency time.Duration) time.Duration { return latency },
	func(latency time.Duration) time.Duration { return latency / 4 },
	func(time.Duration) time.Duration { return 0 },
}

// prefetches holds how many pages are requested ahead, starting with none.
var prefetches = []int{-1, 1, 4}

func measurePager(ctx context.Context, s settings) ([]pagerRow, error) {
	root, stop, err := startServer(ctx, serveEnv+"=1")
	if err != nil {
		return nil, err
	}
	defer stop()
	client, err := growthgenius.NewClient(apiKey, growthgenius.WithUserID("1"),
		growthgenius.WithBaseURL(fmt.Sprintf("%s/search/%d/%s", root, s.Pages, s.Latency)))
	if err != nil {
		return nil, err
	}
	var rows []pagerRow
	for _, work := range works {
		for _, prefetch := range prefetches {
			rows = append(rows, pagerRow{Work: work(s.Latency), Prefetch: prefetch, Floor: s.floor(work(s.Latency), max(0, prefetch)).Seconds()})
		}
	}
	taken, err := interleave(ctx, s.Pagers, len(rows), func(i int) (sample, error) {
		return metered(1, func() error { return pageThrough(ctx, client, s.Pages, rows[i].Work, rows[i].Prefetch) })
	})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		base := slices.IndexFunc(rows, func(r pagerRow) bool { return r.Work == rows[i].Work && r.Prefetch < 0 })
		rows[i].Seconds, rows[i].OfTime = taken[i].spread(seconds), taken[i].over(taken[base], seconds)
	}
	return rows, nil
}

// floor returns how long the loop takes if only the server and the work take time. Page i
// is requested when page i-prefetch is handed to the loop.
func (s settings) floor(work time.Duration, prefetch int) time.Duration {
	handed := make([]time.Duration, s.Pages)
	handed[0] = s.Latency
	for i := 1; i < s.Pages; i++ {
		handed[i] = handed[i-1] + work
		if prefetch == 0 {
			handed[i] += s.Latency
		} else {
			handed[i] = max(handed[i], handed[max(0, i-prefetch)]+s.Latency)
		}
	}
	return handed[s.Pages-1] + work
}

func pageThrough(ctx context.Context, client *growthgenius.Client, pages int, work time.Duration, prefetch int) error {
	n := 0
	for page, err := range client.Contacts.SearchPages(ctx, growthgenius.SearchOptions{PerPage: pageSize, Prefetch: prefetch}) {
		if err != nil {
			return err
		}
		n += len(page.Contacts)
		if work > 0 && !sleep(ctx, work) {
			return ctx.Err()
		}
	}
	if n != pages*pageSize {
		return fmt.Errorf("got %d contacts, want %d", n, pages*pageSize)
	}
	return nil
}
