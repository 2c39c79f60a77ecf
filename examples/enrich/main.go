// Enrich looks up companies by their domains and people by their e-mail addresses, one a line,
// and writes what is known of them as CSV or JSON Lines, as it arrives.
//
//	go run . leads.txt >found.csv
//	go run . -budget 500 -o found.csv leads.txt
//	go run . -yes -format jsonl <leads.txt >found.jsonl
//
// It tells what the run costs, and asks before it pays. What is paid is kept in the file of
// -cache for 30 days, so that no lookup is paid twice: to go on after Ctrl-C, a crash or a spent
// budget, run the same command again. The file holds personal data.
//
// The file of -o is replaced only when the run is complete. The CSV is UTF-8 with commas, and
// formulas in it are disarmed.
//
// The exit status is
//
//	0  if everything was looked up, also what the API does not know
//	1  if a lookup has failed, or the run has ended early
//	2  if the flags are wrong
//	3  if some could not be looked up: they are not valid, queued by the API, or over the budget
//
// Without GROWTHGENIUS_API_KEY it looks up its own list with a server in memory, twice.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/ledger"
)

type options struct {
	in, out, format, cache string
	yes                    bool
	settings               bulk.EnrichOptions
}

func main() {
	var o options
	flag.StringVar(&o.format, "format", "csv", "csv, or jsonl for all that is known")
	flag.StringVar(&o.out, "o", "", "the `file` to write (default standard output)")
	flag.StringVar(&o.cache, "cache", "enrich.cache", "the `file` that keeps what is paid")
	flag.BoolVar(&o.yes, "yes", false, "pay without asking")
	flag.IntVar(&o.settings.Concurrency, "concurrency", 8, "how many lookups to make at a time")
	budget := flag.Int("budget", -1, "pay for this `number` of lookups at most (default any)")
	flag.Parse()
	if flag.NArg() > 1 || o.format != "csv" && o.format != "jsonl" {
		flag.Usage()
		os.Exit(2)
	}
	if o.in = flag.Arg(0); *budget >= 0 {
		o.settings.Budget = budget
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the program at once
	status, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "enrich:", err)
	}
	os.Exit(status)
}

func run(ctx context.Context, o options) (status int, err error) {
	if os.Getenv("GROWTHGENIUS_API_KEY") == "" {
		return demo(ctx, o)
	}
	texts, err := readLines(o.in)
	if err != nil {
		return 1, err
	}
	cache, err := ledger.OpenCache(o.cache)
	if err != nil {
		return 1, err
	}
	defer cache.Close()
	if n := cache.Dropped(); n > 0 {
		fmt.Fprintf(os.Stderr, "%d lines of %s were damaged: their lookups are paid again. Look at the disk.\n", n, o.cache)
	}
	client, err := growthgenius.NewClientFromEnv(growthgenius.WithEnrichmentCache(cache))
	if err != nil {
		return 1, err
	}
	if o.out == "" {
		return enrich(ctx, client, texts, o, os.Stdout)
	}
	err = replaceFile(o.out, func(w io.Writer) (err error) {
		status, err = enrich(ctx, client, texts, o, w)
		return err
	})
	return status, err
}

// enrich looks up texts and writes the results. If the error is not nil, they are not complete.
func enrich(ctx context.Context, client *growthgenius.Client, texts []string, o options, w io.Writer) (status int, err error) {
	cost, err := bulk.EnrichCost(ctx, client, lookups(texts), o.settings)
	if err != nil {
		return 1, err
	}
	fmt.Fprintln(os.Stderr, cost)
	if cost.Allowed > 0 && !o.yes {
		if err := confirm(o.in, cost.Allowed); err != nil {
			return 1, err
		}
	}
	o.settings.Cost = &cost // so that the progress tells how much is left
	job := bulk.Enrich(ctx, client, lookups(texts), o.settings)
	// Show a bar on a terminal, but not if the results are printed there.
	end := showProgress(os.Stderr, isTerminal(os.Stderr) && (o.out != "" || !isTerminal(os.Stdout)), job.Progress)
	out, paid := writers[o.format](w), 0
	for found, failed := range job.Results() {
		if failed != nil {
			err = failed
		} else if err = out.write(found); err != nil {
			break
		} else if found.Paid {
			paid++
		}
	}
	end()
	counts := job.Progress().Counts
	for _, outcome := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(os.Stderr, "%8d %s\n", counts[outcome], outcome)
	}
	fmt.Fprintf(os.Stderr, "%8d paid\n", paid)
	if err = errors.Join(err, out.flush()); err != nil {
		return 1, fmt.Errorf("%w\nTo go on, run the same command again: %s has what is paid", err, o.cache)
	}
	switch {
	case counts[bulk.Failed] > 0:
		return 1, nil
	case counts[bulk.Rejected]+counts[bulk.Pending]+counts[bulk.Skipped] > 0:
		return 3, nil
	}
	return 0, nil
}

func lookups(texts []string) iter.Seq2[bulk.Lookup, error] {
	return func(yield func(bulk.Lookup, error) bool) {
		for _, text := range texts {
			lookup := bulk.LookupOf(text)
			lookup.Data = text
			if !yield(lookup, nil) {
				return
			}
		}
	}
}

// readLines returns the lines of a file, or of standard input, that are not empty.
func readLines(name string) (texts []string, err error) {
	file := os.Stdin
	if name != "" {
		if file, err = os.Open(name); err != nil { //nolint:gosec // the caller names the file
			return nil, err
		}
		defer file.Close()
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\uFEFF")); text != "" {
			texts = append(texts, text)
		}
	}
	return texts, lines.Err()
}

// confirm asks whether to pay.
func confirm(in string, n int) error {
	if in == "" || !isTerminal(os.Stdin) {
		return fmt.Errorf("this run would pay for %d lookups: pass -yes if it may", n)
	}
	fmt.Fprintf(os.Stderr, "Pay for %d lookups? [y/N] ", n)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n') // an error is a no
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errors.New("nothing was looked up")
	}
	return nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
