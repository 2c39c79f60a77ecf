// Command faultrun measures what becomes of creates when answers get lost: it drives
// contacts and messages through a server in memory that fails as networks and servers do,
// and holds what each client said against what the server did. It fails where the SDK
// breaks a promise.
//
//	go run ./test/faultrun                          # 10,000 creates, seeds 1 to 5, every mode
//	go run ./test/faultrun -creates 500 -seeds 1    # a quick look
//	go run ./test/faultrun -modes killed,killedlate # an import whose process is killed
//	go run ./test/faultrun -from docs/reliability.json -svg docs/reliability.svg
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// report is what a run writes as JSON.
type report struct {
	Settings settings `json:"settings"`
	Results  []result `json:"results"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if in := os.Getenv(importVariable); in != "" {
		err = importAll(ctx, in)
	} else {
		err = command(ctx, os.Args[1:], os.Stdout)
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "faultrun:", err)
		os.Exit(1) //nolint:forbidigo // this is a program
	}
}

func command(ctx context.Context, args []string, out io.Writer, opts ...growthgeniustest.ServerOption) error {
	s := settings{}
	flags := flag.NewFlagSet("faultrun", flag.ContinueOnError)
	flags.IntVar(&s.Creates, "creates", 10_000, "creates in each run")
	flags.IntVar(&s.Seeds, "seeds", 5, "runs of each mode, with seeds from 1")
	flags.IntVar(&s.Parallel, "parallel", 32, "creates at a time")
	flags.Float64Var(&s.Rate, "rate", 0.3, "share of requests, reads too, that get a fault")
	flags.DurationVar(&s.Late, "late", 5*time.Second, "how late commits are in the mode late; twice that in later, three fifths in killedlate")
	flags.DurationVar(&s.Timeout, "timeout", time.Second, "of an attempt, so that hangs end")
	flags.DurationVar(&s.RetryAfter, "retry-after", 0, "that a 429 asks for; the SDK's whole client pauses for it, so more than 0 measures pauses")
	flags.DurationVar(&s.Settle, "settle", 0, "settle window of the read-back; 0 is the SDK's default")
	flags.BoolVar(&s.Interleave, "interleave", false, "contacts and messages in turn, not first the ones and then the others")
	chosen := flags.String("modes", "", "comma-separated; empty is all")
	jobs := flags.Int("jobs", 40, "runs at a time")
	to := flags.String("json", "", "write the results to this file")
	from := flags.String("from", "", "read the results from this file instead of running")
	svg := flags.String("svg", "", "draw the chart into this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rep := report{Settings: s}
	if *from != "" {
		text, err := os.ReadFile(*from)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &rep); err != nil {
			return fmt.Errorf("%s: %w", *from, err)
		}
	} else {
		picked, err := pickModes(*chosen)
		if err != nil {
			return err
		}
		if rep.Results, err = runAll(ctx, picked, s, *jobs, opts...); err != nil {
			return err
		}
	}
	if *to != "" {
		text, err := json.MarshalIndent(rep, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(*to, append(text, '\n'), 0o600); err != nil {
			return err
		}
	}
	if *svg != "" {
		if err := os.WriteFile(*svg, []byte(chart(rep)), 0o600); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(out, tables(rep)); err != nil {
		return err
	}
	if found := broken(rep); len(found) > 0 {
		return fmt.Errorf("a promise is broken:\n%s", strings.Join(found, "\n"))
	}
	return nil
}

func pickModes(names string) ([]mode, error) {
	if names == "" {
		return modes, nil
	}
	var picked []mode
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(modes, func(m mode) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no mode %q", name)
		}
		picked = append(picked, modes[i])
	}
	return picked, nil
}

// runAll runs every mode with every seed, the slowest first.
func runAll(ctx context.Context, picked []mode, s settings, jobs int, opts ...growthgeniustest.ServerOption) ([]result, error) {
	type job struct {
		mode mode
		seed uint64
	}
	var queue []job
	for _, m := range picked {
		for seed := range s.Seeds {
			queue = append(queue, job{m, uint64(seed) + 1})
		}
	}
	slices.SortStableFunc(queue, func(a, b job) int {
		return cmp.Compare(b.mode.late, a.mode.late)
	})
	var (
		mu      sync.Mutex
		results []result
		failed  error
		slots   = make(chan struct{}, max(1, jobs))
		runs    sync.WaitGroup
	)
	for _, j := range queue {
		slots <- struct{}{}
		runs.Go(func() {
			defer func() { <-slots }()
			r, err := run(ctx, j.mode, s, j.seed, opts...)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = cmp.Or(failed, fmt.Errorf("%s, seed %d: %w", j.mode.name, j.seed, err))
				return
			}
			results = append(results, r)
		})
	}
	runs.Wait()
	order := func(r result) int { return slices.IndexFunc(modes, func(m mode) bool { return m.name == r.Mode }) }
	slices.SortFunc(results, func(a, b result) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.Seed, b.Seed))
	})
	return results, failed
}
