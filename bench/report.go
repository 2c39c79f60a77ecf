package main

import (
	"fmt"
	"strings"
)

// table is a Markdown table.
type table struct {
	title string
	head  []string
	rows  [][]string
}

func (t table) String() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(append([]string{t.title}, t.head...))
	b.WriteString("|---|" + strings.Repeat("---|", len(t.head)) + "\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// ratio formats a median with its quartiles.
func ratio(s spread) string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Low, s.High) }

func micros(s spread) string { return fmt.Sprintf("%.1f µs", s.Median*1e6) }

func wall(seconds float64) string {
	if seconds < 0.1 {
		return fmt.Sprintf("%.2f ms", seconds*1e3)
	}
	return fmt.Sprintf("%.2f s", seconds)
}

func kilobytes(bytes float64) string { return fmt.Sprintf("%.1f KB", bytes/1e3) }

func mebibytes(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/(1<<20)) }

func getTables(rep report) []table {
	if len(rep.Get) == 0 {
		return nil
	}
	many := fmt.Sprintf("%d goroutines", rep.Settings.Parallel)
	head := []string{"serial", many, "CPU, " + many, "allocations", "bytes"}
	same := table{title: "one GET of a contact, relative to hand-written", head: head}
	own := table{title: "each on a record of its own API, relative to hand-written", head: head}
	for _, r := range rep.Get {
		cells := []string{
			r.Client,
			ratio(r.OfSerial) + ", " + micros(r.Serial),
			ratio(r.OfParallel) + ", " + micros(r.Parallel),
			ratio(r.OfCPU),
			fmt.Sprintf("%.2f, %.0f", r.OfAllocs, r.Allocs),
			fmt.Sprintf("%.2f, %s", r.OfBytes, kilobytes(r.Bytes)),
		}
		if r.Payload == ours {
			same.rows = append(same.rows, cells)
		}
		if r.Client == ours || r.Payload != ours && r.Client != handWritten {
			cells[0] = strings.TrimSpace(r.Client + " " + rep.Machine.Versions[r.Client])
			own.rows = append(own.rows, cells)
		}
	}
	return []table{same, own}
}

func decodeTables(rep report) []table {
	var all []table
	for _, r := range rep.Decode {
		if n := len(all); n == 0 || all[n-1].title != r.Answer+", relative to "+encodingJSON {
			all = append(all, table{title: r.Answer + ", relative to " + encodingJSON, head: []string{"time", "allocations", "bytes"}})
		}
		last := &all[len(all)-1]
		last.rows = append(last.rows, []string{
			r.Decoder,
			ratio(r.OfTime) + ", " + micros(r.Contact) + " a contact",
			fmt.Sprintf("%.2f, %.1f", r.OfAllocs, r.Allocs),
			fmt.Sprintf("%.2f, %s", r.OfBytes, kilobytes(r.Bytes)),
		})
	}
	return all
}

func streamTables(rep report) []table {
	if len(rep.Stream) == 0 {
		return nil
	}
	t := table{
		title: fmt.Sprintf("a list of %d contacts", rep.Settings.Contacts),
		head:  []string{"time, relative to " + readAll, "first contact after", "peak live heap"},
	}
	for _, r := range rep.Stream {
		first := "–"
		if r.First.Median > 0 {
			first = wall(r.First.Median)
		}
		t.rows = append(t.rows, []string{r.Reader, ratio(r.OfTime) + ", " + wall(r.Seconds.Median), first, mebibytes(r.Peak)})
	}
	return []table{t}
}

// ahead formats a SearchOptions.Prefetch.
func ahead(prefetch int) string {
	if prefetch < 0 {
		return "none"
	}
	return fmt.Sprint(prefetch)
}

func pagerTables(rep report) []table {
	if len(rep.Pager) == 0 {
		return nil
	}
	t := table{
		title: fmt.Sprintf("%d pages from a server that takes %s", rep.Settings.Pages, rep.Settings.Latency),
		head:  []string{"prefetch", "time", "relative to no prefetch", "least possible"},
	}
	for _, r := range rep.Pager {
		t.rows = append(t.rows, []string{
			fmt.Sprintf("%s of work on each", r.Work), ahead(r.Prefetch), wall(r.Seconds.Median), ratio(r.OfTime), wall(r.Floor),
		})
	}
	return []table{t}
}

func connectionsTables(rep report) []table {
	if len(rep.Connections) == 0 {
		return nil
	}
	t := table{
		title: fmt.Sprintf("%d requests, %d at a time", rep.Settings.Requests, rep.Settings.Burst),
		head:  []string{"connections opened", "requests sent", "time, relative to hand-written"},
	}
	for _, r := range rep.Connections {
		t.rows = append(t.rows, []string{
			r.Client, fmt.Sprintf("%.0f", r.Opened.Median), fmt.Sprintf("%.0f", r.Requests), ratio(r.OfTime) + ", " + wall(r.Seconds.Median),
		})
	}
	return []table{t}
}

func ledgerTables(rep report) []table {
	var all []table
	for i := 0; i < len(rep.Ledger); i += len(keepers) {
		t := table{
			title: fmt.Sprintf("%d at a time", rep.Ledger[i].Writers),
			head:  []string{"entries a second", "relative to ledger.File"},
		}
		for _, r := range rep.Ledger[i : i+len(keepers)] {
			t.rows = append(t.rows, []string{r.Store, fmt.Sprintf("%.0f", r.PerSec.Median), ratio(r.OfRate)})
		}
		all = append(all, t)
	}
	return all
}
