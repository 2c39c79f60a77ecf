package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// pagerRow is what a loop over a search takes that works so long on each page.
type pagerRow struct {
	Work     time.Duration `json:"work"`
	Prefetch int           `json:"prefetch"`
	Seconds  spread        `json:"seconds"`
	OfTime   spread        `json:"of_time"` // of the loop without prefetch
	Floor    float64       `json:"floor"`   // seconds: nobody can be faster
}

// works are in terms of the server's latency.
var works = []func(latency time.Duration) time.Duration{
	func(latency time.Duration) time.Duration { return latency },
	func(latency time.Duration) time.Duration { return latency / 4 },
	func(time.Duration) time.Duration { return 0 },
}

// prefetches are how many pages are asked for ahead, the loop without that first.
var prefetches = []int{-1, 1, 4}

func measurePager(ctx context.Context, s settings) ([]pagerRow, error) {
	root, stop, err := startServer(ctx)
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

// floor is how long the loop takes if nothing but the server and the work takes time: a page
// is asked for once the page so many before it is handed over.
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
		return fmt.Errorf("%d contacts came of %d", n, pages*pageSize)
	}
	return nil
}
