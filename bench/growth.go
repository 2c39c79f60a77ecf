package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// growthRow holds what a call takes of a number of records.
type growthRow struct {
	Call    string  `json:"call"`
	Records int     `json:"records"`
	CPU     float64 `json:"cpu"`  // seconds of a processor, for each record
	Peak    float64 `json:"peak"` // bytes of live heap above the start
}

// growing is a call whose cost may depend on the number of records.
type growing struct {
	name   string
	things string // what the numbers are of
	// begin makes everything that is not measured. run makes the call once, and reports each
	// record.
	begin func(ctx context.Context, records int) (run func(ctx context.Context, each func()) error, end func(), err error)
	runs  int // at most
	least int
	most  func(s settings) int
}

const (
	// searchLimit is how many results the API returns of a search.
	searchLimit = 10_000
	// listLimit is about how many contacts fit into a list that is held in memory: its response may
	// have 64 MiB.
	listLimit = 100_000
	// upsertsEach is how many upserts are made with each number of contacts on the server.
	upsertsEach = 200
)

var growings = []growing{
	{"Contacts.Stream", "contacts", generated(func(ctx context.Context, client *growthgenius.Client, each func()) error {
		for _, err := range client.Contacts.Stream(ctx, growthgenius.ListOptions{}) {
			if err != nil {
				return err
			}
			each()
		}
		return nil
	}), growthRuns, 1000, func(s settings) int { return s.Most }},
	{"Contacts.List", "contacts", generated(func(ctx context.Context, client *growthgenius.Client, each func()) error {
		all, err := client.Contacts.List(ctx, growthgenius.ListOptions{})
		for range all {
			each()
		}
		return err
	}), growthRuns, 1000, func(s settings) int { return min(s.Most, listLimit) }},
	{"Contacts.Changes", "contacts", generated(func(ctx context.Context, client *growthgenius.Client, each func()) error {
		for window, err := range client.Contacts.Changes(growthgenius.ChangeOptions{}).Windows(ctx) {
			if err != nil {
				return err
			}
			for range window.Items {
				each()
			}
		}
		return nil
	}), growthRuns, 1000, func(s settings) int { return s.Most }},
	{"Contacts.SearchAll", "results", generated(func(ctx context.Context, client *growthgenius.Client, each func()) error {
		for _, err := range client.Contacts.SearchAll(ctx, growthgenius.SearchOptions{PerPage: 100}) {
			if err != nil {
				return err
			}
			each()
		}
		return nil
	}), growthRuns, 1000, func(s settings) int { return min(s.Most, searchLimit) }},
	{"Contacts.Upsert, one", "contacts on the server", beginUpserts, upsertRuns, 1000, func(s settings) int { return s.Most }},
	{"Contacts.Create, with an address", "responses lost at once", losing(true), lostRuns, 10, func(s settings) int { return s.Lost }},
	{"Contacts.Create, without one", "responses lost at once", losing(false), lostRuns, 10, func(s settings) int { return s.Lost }},
}

type begin = func(ctx context.Context, records int) (func(ctx context.Context, each func()) error, func(), error)

// generated is for calls that read contacts from a server that makes them as they are read.
func generated(call func(ctx context.Context, client *growthgenius.Client, each func()) error) begin {
	return func(_ context.Context, records int) (func(context.Context, func()) error, func(), error) {
		client, err := growthgenius.NewClient(apiKey, growthgenius.WithUserID("1"), growthgenius.WithBaseURL("https://generated.example"),
			growthgenius.WithHTTPClient(&http.Client{Transport: &generator{records: records}}))
		return func(ctx context.Context, each func()) error {
			n := 0
			err := call(ctx, client, func() { n++; each() })
			if err == nil && n < min(records, upsertsEach) {
				err = fmt.Errorf("%d contacts came of %d", n, records)
			}
			return err
		}, func() {}, err
	}
}

// beginUpserts is for upserts of contacts that the client does not know yet: each searches for one, and
// updates it.
func beginUpserts(ctx context.Context, records int) (func(context.Context, func()) error, func(), error) {
	next := 0
	return generated(func(ctx context.Context, client *growthgenius.Client, each func()) error {
		for range min(records, upsertsEach) {
			next = next%records + 1
			res, err := client.Contacts.Upsert(ctx, growthgenius.ContactInput{
				Email: growthgenius.Set(fmt.Sprintf("person%d@example.com", next)), Title: growthgenius.Set("Chief Technology Officer"),
			})
			if err != nil {
				return err
			}
			if res.Action != growthgenius.Updated {
				return fmt.Errorf("contact %d was not updated", next)
			}
			each()
		}
		return nil
	})(ctx, records)
}

func address(i int) string { return fmt.Sprintf("person%d@company%d.example", i, i%1000) }

// losing is for creates that are made at once, and whose responses are all lost.
func losing(addresses bool) begin {
	return func(_ context.Context, records int) (func(context.Context, func()) error, func(), error) {
		run := func(ctx context.Context, each func()) error {
			client, err := growthgenius.NewClient(apiKey, growthgenius.WithUserID("1"), growthgenius.WithBaseURL("https://lossy.example"),
				growthgenius.WithHTTPClient(&http.Client{Transport: &lossy{}}))
			if err != nil {
				return err
			}
			var all sync.WaitGroup
			errs := make([]error, records)
			for i := range records {
				all.Go(func() {
					in := growthgenius.ContactInput{
						FirstName: growthgenius.Set("Ada"), LastName: growthgenius.Set(fmt.Sprint("Byron ", i)), CompanyName: growthgenius.Set("Example"),
					}
					if addresses {
						in.Email = growthgenius.Set(address(i))
					}
					_, errs[i] = client.Contacts.Create(ctx, in)
				})
			}
			all.Wait()
			for range records {
				each()
			}
			return errors.Join(errs...)
		}
		return run, func() {}, nil
	}
}

func measureGrowth(ctx context.Context, s settings) ([]growthRow, error) {
	var rows []growthRow
	for _, g := range growings {
		for _, n := range stepsTo(g.least, g.most(s)) {
			row, err := measureGrowing(ctx, g, n)
			if err != nil {
				return nil, fmt.Errorf("%s of %d %s: %w", g.name, n, g.things, err)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// stepsTo returns numbers of which each is ten times the one before.
func stepsTo(least, most int) (steps []int) {
	for n := min(least, most); n <= most; n *= 10 {
		steps = append(steps, n)
	}
	return steps
}

// growthWork is how many records are measured at least, as far as repeating a call may help.
// growthRuns and lostRuns are how often it is repeated at most.
const (
	growthWork = 10_000
	growthRuns = 20
	upsertRuns = 4
	lostRuns   = 2 // each of them waits for lists
)

func measureGrowing(ctx context.Context, g growing, n int) (growthRow, error) {
	row := growthRow{Call: g.name, Records: n}
	run, end, err := g.begin(ctx, n)
	if err != nil {
		return row, err
	}
	defer end()
	if n <= growthWork/10 { // the first call opens connections, and fills pools
		if err := run(ctx, func() {}); err != nil {
			return row, err
		}
	}
	runs, records := min(g.runs, max(1, growthWork/n)), 0
	runtime.GC()
	worked := cpuTime()
	for range runs {
		if err := run(ctx, func() { records++ }); err != nil {
			return row, err
		}
	}
	row.CPU = (cpuTime() - worked).Seconds() / float64(max(1, records))
	records = 0
	row.Peak, err = peakHeap(func(sample func()) error {
		return run(ctx, func() {
			records++
			if records%max(1, n/4) == 0 {
				sample()
			}
		})
	})
	return row, err
}

func growthTables(rep report) []table {
	var all []table
	for _, g := range growings {
		t := table{title: g.name + ": " + g.things, head: []string{"CPU time each", "relative to the fewest", "peak live heap"}}
		first := 0.0
		for _, r := range rep.Growth {
			if r.Call != g.name {
				continue
			}
			if first == 0 {
				first = r.CPU
			}
			t.rows = append(t.rows, []string{
				thousands(r.Records), micros(spread{Median: r.CPU}), fmt.Sprintf("%.2f", r.CPU/first), mebibytes(r.Peak),
			})
		}
		if len(t.rows) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// thousands formats a number with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func growthChart(rep report) chart {
	c := chart{
		title: "How cost grows: CPU time a record, over that of the fewest",
		note:  "each number is ten times the one before: bars of one length (dashed) mean that the cost of all is linear",
		kinds: []kind{{"fewest", blue}, {"10 times", orange}, {"100 times", red}, {"1,000 times", green}},
		mark:  1,
	}
	for _, r := range rep.Growth {
		if n := len(c.groups); n == 0 || c.groups[n-1].label != r.Call {
			c.groups = append(c.groups, group{label: r.Call})
		}
		last := &c.groups[len(c.groups)-1]
		value := r.CPU
		if len(last.bars) > 0 {
			value /= growthBase(rep, r.Call)
		} else {
			value = 1
		}
		last.bars = append(last.bars, bar{value, thousands(r.Records) + ": " + micros(spread{Median: r.CPU})})
	}
	return c
}

func growthBase(rep report, call string) float64 {
	for _, r := range rep.Growth {
		if r.Call == call {
			return r.CPU
		}
	}
	return 1
}

// growthSpan is the time in which the generated contacts were updated.
const growthSpan = 30 * 24 * time.Hour
