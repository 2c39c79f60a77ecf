package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// importRow holds what an import took.
type importRow struct {
	Rows     int           `json:"rows"`
	Changed  int           `json:"changed"` // rows that needed a request
	Latency  time.Duration `json:"latency"`
	Seconds  float64       `json:"seconds"`   // from the first write to the last result
	InFlight float64       `json:"in_flight"` // the share of all places for writes that had one under way
	InMemory float64       `json:"in_memory"` // seconds with a ledger in memory
	Requests float64       `json:"requests"`  // writes, for each row that needed one
	Lists    int           `json:"lists"`     // all other requests
	Tables   float64       `json:"tables"`    // bytes of the heap when all is read and nothing is written yet
	Above    float64       `json:"above"`     // the most bytes above that
}

// Of the contacts that the rows of an import are about, so many in ten exist and differ, and
// so many exist and are the same.
const (
	differing = 2
	equal     = 1
	writers   = 16
)

// importable returns the rows of an import.
func importable(rows int) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		for i := range rows {
			if !yield(bulk.Row{Line: i + 1, Input: growthgenius.ContactInput{
				FirstName: growthgenius.Set(fmt.Sprint("First", i)), LastName: growthgenius.Set(fmt.Sprint("Last", i)),
				Email: growthgenius.Set(fmt.Sprintf("person%d@company%d.example", i, i%1000)),
				Title: growthgenius.Set("Chief Executive Officer"), CompanyName: growthgenius.Set(fmt.Sprint("Company ", i%1000)),
				WorkPhone: growthgenius.Set(fmt.Sprintf("+1 206 555 %04d", i%10000)),
			}}, nil) {
				return
			}
		}
	}
}

// startCRM starts a server in memory that has some of the contacts already.
func startCRM(rows int, latency time.Duration) (*growthgeniustest.Server, error) {
	srv, err := growthgeniustest.Start(growthgeniustest.WithoutRecording())
	if err != nil {
		return nil, err
	}
	for row := range importable(rows) { //nolint:errcheck // it has no errors
		title, _ := row.Input.Title.Get()
		switch row.Line % 10 {
		case 0, 1:
			title = "Assistant"
		case 2:
		default:
			continue
		}
		c := growthgenius.Contact{Title: title}
		c.FirstName, _ = row.Input.FirstName.Get()
		c.LastName, _ = row.Input.LastName.Get()
		c.Email, _ = row.Input.Email.Get()
		c.CompanyName, _ = row.Input.CompanyName.Get()
		c.WorkPhone, _ = row.Input.WorkPhone.Get()
		srv.AddContacts(c)
	}
	srv.Inject(growthgeniustest.Fault{Delay: latency})
	return srv, nil
}

// watch measures the requests of an import, and the heap at the first write.
type watch struct {
	next   http.RoundTripper
	writes atomic.Int64
	reads  atomic.Int64
	flying atomic.Int64 // nanoseconds that writes were under way
	first  sync.Once
	begun  time.Time
	heap   float64
}

func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		w.reads.Add(1)
		return w.next.RoundTrip(r)
	}
	w.first.Do(func() {
		w.heap = heapInUse()
		w.begun = time.Now()
	})
	w.writes.Add(1)
	sent := time.Now()
	res, err := w.next.RoundTrip(r)
	w.flying.Add(int64(time.Since(sent)))
	return res, err
}

func heapInUse() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func measureImport(ctx context.Context, s settings) (rows []importRow, err error) {
	dir, err := os.MkdirTemp("", "import")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file, err := ledger.OpenFile(filepath.Join(dir, "ledger"), ledger.FileOptions{For: "a measurement"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	row, err := importWith(ctx, s, file)
	if err != nil {
		return nil, err
	}
	other, err := importWith(ctx, s, ledger.NewMemory())
	row.InMemory = other.Seconds
	return []importRow{row}, err
}

// importWith imports rows into a server of its own process.
func importWith(ctx context.Context, s settings, l growthgenius.Ledger) (importRow, error) {
	url, stop, err := startServer(ctx, fmt.Sprintf("%s=%d %s", crmEnv, s.Rows, s.RowLatency))
	if err != nil {
		return importRow{}, err
	}
	defer stop()
	row, err := importInto(ctx, url, s.Rows, l)
	row.Latency = s.RowLatency
	return row, err
}

// importInto imports rows into a server.
func importInto(ctx context.Context, url string, rows int, l growthgenius.Ledger) (row importRow, err error) {
	w := &watch{next: growthgenius.DefaultTransport()}
	client, err := growthgenius.NewClient(crmKey, growthgenius.WithBaseURL(url), growthgenius.WithUserID("1"),
		growthgenius.WithHTTPClient(&http.Client{Transport: w}), growthgenius.WithLedger(l))
	if err != nil {
		return row, err
	}
	done, most := 0, 0.0
	run := bulk.Import(ctx, client, importable(rows), bulk.ImportOptions{Concurrency: writers})
	for result, err := range run.Results() { //nolint:contextcheck // it has the context of Import
		if err != nil {
			return row, err
		}
		switch result.Outcome {
		case bulk.Created, bulk.Updated:
			row.Changed++
		case bulk.Unchanged:
		default:
			return row, fmt.Errorf("a row was not imported: %s", result)
		}
		done++
		if done%max(1, rows/20) == 0 {
			most = max(most, heapInUse())
		}
	}
	took := time.Since(w.begun)
	row.Rows, row.Seconds = done, took.Seconds()
	row.InFlight = float64(w.flying.Load()) / float64(took) / writers
	row.Requests, row.Lists = float64(w.writes.Load())/float64(row.Changed), int(w.reads.Load())
	row.Tables, row.Above = w.heap, max(0, most-w.heap)
	if want := rows * (10 - equal) / 10; math.Abs(float64(row.Changed-want)) > 1 {
		return row, fmt.Errorf("%d rows needed a request, want %d", row.Changed, want)
	}
	return row, nil
}

func importTables(rep report) []table {
	if len(rep.Import) == 0 {
		return nil
	}
	r := rep.Import[0]
	return []table{{
		title: fmt.Sprintf("an import of %d rows, %d requests at a time, %s each", r.Rows, writers, r.Latency),
		head:  []string{"measured"},
		rows: [][]string{
			{"rows that needed a request", fmt.Sprint(r.Changed)},
			{"requests for each of them", fmt.Sprintf("%.3f", r.Requests)},
			{"reads of lists", fmt.Sprint(r.Lists)},
			{"time", wall(r.Seconds)},
			{"places with a request under way", percent(r.InFlight)},
			{"time with a ledger in memory", wall(r.InMemory)},
			{"what the ledger in a file adds to that", percent(max(0, r.Seconds/r.InMemory-1))},
			{"heap when all was read", mebibytes(r.Tables)},
			{"heap above that, at most", mebibytes(r.Above)},
		},
	}}
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

func importChart(rep report) chart {
	c := chart{
		title: "What the places for requests have under way",
		note:  fmt.Sprintf("shares of the time of %d places for requests", writers),
		kinds: []kind{{"share", blue}},
	}
	for _, r := range rep.Import {
		for _, part := range []struct {
			label string
			share float64
		}{{"a request", r.InFlight}, {"none", max(0, 1-r.InFlight)}} {
			c.groups = append(c.groups, group{part.label, []bar{{part.share, percent(part.share)}}})
		}
	}
	return c
}
