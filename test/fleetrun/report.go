package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// result is what became of the jobs of a run.
type result struct {
	settings

	Seconds   float64 `json:"seconds"`
	Kills     int     `json:"kills"`
	Restarted bool    `json:"restarted"` // Postgres crashed, and came back
	Requests  int     `json:"requests"`
	Over      int     `json:"over"`     // requests that the server's limit refused
	Faulty    int     `json:"faulty"`   // requests that got a fault
	Most      int     `json:"most"`     // requests in any second
	Used      float64 `json:"used"`     // the share of the rate, between a tenth and nine tenths of the requests
	Attempts  float64 `json:"attempts"` // of a job, on average

	Done  int `json:"done"`  // jobs
	Lost  int `json:"lost"`  // creates, messages and blanks that are missing
	Twice int `json:"twice"` // creates and messages

	// The lookups that the server carried out are those of different addresses, which are paid, and
	// those of an address again, which are free within 30 days.
	Lookups  int `json:"lookups"`
	Again    int `json:"again"`
	Unusable int `json:"unusable"` // lookups that were carried out, with a response that was lost or garbled

	// Bytes are what a row of each table takes at the end, its indexes and dead rows included.
	Bytes map[string]float64 `json:"bytes"`
}

// tables are those whose sizes are measured.
var tables = []string{"river_job", "growthgenius_ledger", "growthgenius_cache", "fleet_contacts"}

// result compares what the server did with what there was to do.
func (l *load) result(ctx context.Context, took time.Duration) (result, error) {
	r := result{settings: l.settings, Seconds: took.Seconds(), Kills: l.kills, Restarted: l.crashed}
	err := l.db.QueryRowContext(ctx, `SELECT count(*), avg(attempt) FROM river_job WHERE queue = 'growthgenius' AND state = 'completed'`).
		Scan(&r.Done, &r.Attempts)
	if err != nil {
		return r, err
	}
	created := map[string]int{}
	for _, e := range l.srv.Ledger() {
		created[e.Resource+e.Content]++
	}
	for _, n := range created {
		r.Twice += n - 1
	}
	r.Lost = l.rows() + l.contacts() - len(created)
	for _, c := range l.srv.Contacts() {
		if c.Title == "" || c.CompanyName == "" {
			r.Lost++
		}
	}
	requests := l.srv.Requests()
	r.Requests, r.Most, r.Used = len(requests), most(requests), used(requests, l.Rate)
	for _, q := range requests {
		switch {
		case q.Fault != nil:
			r.Faulty++
		case q.Status == http.StatusTooManyRequests:
			r.Over++
		}
	}
	r.Lookups, r.Again, r.Unusable = lookups(requests)
	r.Bytes = map[string]float64{}
	for _, table := range tables {
		var rows, bytes float64
		err := l.db.QueryRowContext(ctx, `SELECT count(*), pg_total_relation_size('`+table+`') FROM `+table).Scan(&rows, &bytes)
		if err != nil {
			return r, err
		}
		r.Bytes[table] = bytes / max(1, rows)
	}
	return r, nil
}

// lookups counts the lookups that the server carried out, as the fields of result say.
func lookups(requests []growthgeniustest.Request) (first, again, unusable int) {
	paid := map[string]bool{}
	for _, q := range requests {
		refused := q.Status == http.StatusTooManyRequests
		if q.Fault != nil {
			refused = !q.Fault.Commit
		}
		if q.Route != growthgeniustest.RoutePerson || refused {
			continue
		}
		if paid[q.Query] {
			again++
		}
		paid[q.Query] = true
		if q.Fault != nil {
			unusable++
		}
	}
	return len(paid), again, unusable
}

// most returns the most requests that arrived in any second.
func most(requests []growthgeniustest.Request) int {
	n, first := 0, 0
	for i, q := range requests {
		for q.Time.Sub(requests[first].Time) >= time.Second {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

// used returns the share of the rate that was used while there was enough to do.
func used(requests []growthgeniustest.Request, rate float64) float64 {
	busy := requests[len(requests)/10 : len(requests)*9/10]
	if len(busy) < 2 {
		return 0
	}
	return float64(len(busy)-1) / busy[len(busy)-1].Time.Sub(busy[0].Time).Seconds() / rate
}

// broken says what a run shows that must not be.
func (r result) broken() (all []string) {
	say := func(broken bool, format string, args ...any) {
		if broken {
			all = append(all, r.Name+": "+fmt.Sprintf(format, args...))
		}
	}
	say(r.Done != r.Jobs, "%d jobs are done, of %d", r.Done, r.Jobs)
	say(r.Twice > 0, "%d effects happened twice", r.Twice)
	say(r.Lost != 0, "%d effects are missing", r.Lost)
	say(r.Lookups != r.contacts()+r.rows(), "%d lookups were paid, of %d", r.Lookups, r.contacts()+r.rows())
	say(!r.Learned && r.Most > int(r.Rate)+r.Burst, "%d requests in a second", r.Most)
	say(r.Restart && !r.Restarted, "Postgres was not restarted")
	// A lookup is sent again if its response is unusable, or was not stored.
	notStored := concurrency * r.Kills
	if r.Restarted {
		notStored += concurrency * r.Processes
	}
	say(r.Again > r.Unusable+notStored, "%d lookups were sent again, after %d responses that were unusable and %d kills", r.Again, r.Unusable, r.Kills)
	return all
}

// missed says what a long run on a quiet machine should show besides.
func (r result) missed() (all []string) {
	if r.Kill == 0 && r.Attempts > 1.05 {
		all = append(all, fmt.Sprintf("%s: %.3f attempts a job", r.Name, r.Attempts))
	}
	if !r.Learned && r.Used < .95 {
		all = append(all, fmt.Sprintf("%s: %.1f%% of the rate was used", r.Name, 100*r.Used))
	}
	return all
}

// row is a line of a table: its title, and a cell for each result.
type row struct {
	title string
	cell  func(result) string
}

var rows = []row{
	{"processes", func(r result) string { return fmt.Sprint(r.Processes) }},
	{"jobs", func(r result) string { return fmt.Sprint(r.Jobs) }},
	{"rate and burst of the server", func(r result) string {
		told := "told"
		if r.Learned {
			told = "learned"
		}
		return fmt.Sprintf("%.0f a second, %d; %s", r.Rate, r.Burst, told)
	}},
	{"faults, and 429s beside them", func(r result) string { return fmt.Sprintf("%.0f%%, %.0f%%", 100*r.Faults, 100*r.Throttled) }},
	{"killed", func(r result) string { return fmt.Sprintf("%d times", r.Kills) }},
	{"Postgres restarted", func(r result) string { return map[bool]string{true: "once", false: "no"}[r.Restarted] }},
	{"time", func(r result) string { return fmt.Sprintf("%.0f s", r.Seconds) }},
	{"requests", func(r result) string { return fmt.Sprint(r.Requests) }},
	{"of which faulty, and over the server's limit", func(r result) string { return fmt.Sprintf("%d, %d", r.Faulty, r.Over) }},
	{"jobs done", func(r result) string { return fmt.Sprint(r.Done) }},
	{"effects that happened twice, that are missing", func(r result) string { return fmt.Sprintf("%d, %d", r.Twice, r.Lost) }},
	{"lookups paid, sent again", func(r result) string { return fmt.Sprintf("%d, %d", r.Lookups, r.Again) }},
	{"attempts a job", func(r result) string { return fmt.Sprintf("%.3f", r.Attempts) }},
	{"most requests in any second", func(r result) string { return fmt.Sprint(r.Most) }},
	{"of the rate used", func(r result) string { return fmt.Sprintf("%.1f%%", 100*r.Used) }},
}

// tables are the Markdown tables of a report.
func (rep *report) tables() string {
	var b strings.Builder
	line := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	head := []string{""}
	for _, r := range rep.Runs {
		head = append(head, r.Name)
	}
	line(head...)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, row := range rows {
		cells := []string{row.title}
		for _, r := range rep.Runs {
			cells = append(cells, row.cell(r))
		}
		line(cells...)
	}
	if len(rep.Sweep) == 0 {
		return b.String()
	}
	b.WriteString("\n")
	line("bytes a row, with indexes and dead rows", "job", "ledger: a key", "cache: a person", "contact")
	b.WriteString(strings.Repeat("|---", 5) + "|\n")
	for _, r := range rep.Runs {
		if r.Redis {
			continue // the cache is not in the database
		}
		cells := []string{r.Name}
		for _, table := range tables {
			cells = append(cells, fmt.Sprintf("%.0f", r.Bytes[table]))
		}
		line(cells...)
	}
	b.WriteString("\n")
	line("processes", "requests a second, Postgres", "Redis", "transactions of Postgres a request", "creates under keys a second", "transactions a create", "failed")
	b.WriteString(strings.Repeat("|---", 7) + "|\n")
	for _, s := range rep.Sweep {
		line(fmt.Sprint(s.Processes), fmt.Sprintf("%.0f", s.Requests), fmt.Sprintf("%.0f", s.RedisRequests), fmt.Sprintf("%.2f", s.PerRequest),
			fmt.Sprintf("%.0f", s.Creates), fmt.Sprintf("%.2f", s.PerCreate), fmt.Sprint(s.Failed))
	}
	return b.String()
}

// broken says what the runs show that must not be.
func (rep *report) broken() (all []string) {
	for _, r := range rep.Runs {
		all = append(all, r.broken()...)
	}
	return slices.Clip(all)
}
