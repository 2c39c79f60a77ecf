// Command fleetrun measures a fleet: real processes of examples/fleet on a real Postgres, and a
// Redis if wanted, against a server that fails and has a limit. It kills processes, crashes
// Postgres, and compares what the server did with what there was to do. It fails if a promise is
// broken.
//
//	go run .                                              # all runs, about 25 minutes
//	go run . -jobs 300 -runs killed                       # a quick look
//	go run . -json ../../docs/fleet.json -svg ../../docs/fleet.svg -page ../../docs/fleet.md
//	go run . -from ../../docs/fleet.json -svg ../../docs/fleet.svg -page ../../docs/fleet.md
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
)

// report is what the JSON file has.
type report struct {
	Go    string   `json:"go"`
	CPUs  int      `json:"cpus"`
	Runs  []result `json:"runs"`
	Sweep []step   `json:"sweep"`
}

// runs are those of a measurement.
func runs(jobs int, rate float64, kill time.Duration) []settings {
	base := settings{Jobs: jobs, Processes: 3, Rate: rate, Burst: 10, Faults: .3, Throttled: .1}
	steady, killed, inRedis, learned := base, base, base, base
	steady.Name = "steady"
	killed.Name, killed.Kill, killed.Restart = "killed", kill, true
	inRedis.Name, inRedis.Redis, inRedis.Kill, inRedis.Restart = "with Redis", true, kill, true
	learned.Name, learned.Learned, learned.Kill, learned.Restart = "learned", true, kill, true
	inRedis.Jobs /= 4
	learned.Jobs /= 10
	learned.Throttled /= 2 // with those of the faults, one 429 in seven requests would look like a limit
	return []settings{steady, killed, learned, inRedis}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if what := os.Getenv(workerEnv); what != "" {
		err = workStep(what)
	} else {
		err = errors.Join(command(ctx, os.Args[1:], os.Stdout), pgtest.Stop())
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "fleetrun:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("fleetrun", flag.ContinueOnError)
	jobs := flags.Int("jobs", 10_000, "jobs of a run")
	rate := flags.Float64("rate", 100, "requests a second that the server accepts")
	kill := flags.Duration("kill", 5*time.Second, "how often a process is killed")
	chosen := flags.String("runs", "", "names of runs, separated by commas; empty is all, and - is none")
	each := flags.Duration("sweep", 5*time.Second, "how long each step of the sweep takes; 0 for no sweep")
	from := flags.String("from", "", "read the results from this file, instead of measuring")
	to := flags.String("json", "", "write the results to this file")
	svg := flags.String("svg", "", "draw the chart to this file")
	page := flags.String("page", "", "replace the tables of this page")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rep := report{Go: runtime.Version(), CPUs: runtime.NumCPU()}
	if *from != "" {
		if err := rep.read(*from); err != nil {
			return err
		}
	} else if err := rep.measure(ctx, runs(*jobs, *rate, *kill), *chosen, *each); err != nil {
		return errors.Join(fmt.Errorf("%w\nbefore that:\n%s", err, rep.tables()), rep.write(*to, "", ""))
	}
	if err := rep.write(*to, *svg, *page); err != nil {
		return err
	}
	if _, err := io.WriteString(out, rep.tables()); err != nil {
		return err
	}
	for _, r := range rep.Runs {
		for _, text := range r.missed() {
			fmt.Fprintln(os.Stderr, "expected on an idle machine: at most 1.05 attempts a job, at least 95% of the rate:", text)
		}
	}
	if found := rep.broken(); len(found) > 0 {
		return fmt.Errorf("a promise is broken:\n%s", strings.Join(found, "\n"))
	}
	return nil
}

// measure fills in the report.
func (rep *report) measure(ctx context.Context, all []settings, chosen string, each time.Duration) error {
	names := strings.Split(chosen, ",")
	for _, name := range names {
		isRun := func(s settings) bool { return s.Name == name }
		if chosen != "" && chosen != "-" && !slices.ContainsFunc(all, isRun) {
			return fmt.Errorf("-runs: there is no run %q", name)
		}
	}
	program, remove, err := build(ctx)
	if err != nil {
		return err
	}
	defer remove()
	for _, s := range all {
		if chosen != "" && !slices.Contains(names, s.Name) {
			continue
		}
		r, err := run(ctx, program, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %.0f s, %d requests, %d in a second at most, %.1f%% of the rate\n", s.Name, r.Seconds, r.Requests, r.Most, 100*r.Used)
		rep.Runs = append(rep.Runs, r)
	}
	if each > 0 {
		rep.Sweep, err = sweep(ctx, []int{1, 2, 4, 8, 16}, each)
	}
	return err
}

// build builds the example.
func build(ctx context.Context) (program string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "fleetrun")
	if err != nil {
		return "", nil, err
	}
	program = filepath.Join(dir, "fleet")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, ".") //nolint:gosec // the example
	cmd.Dir = filepath.Join("..", "..", "examples", "fleet")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("building %s: %w\n%s", cmd.Dir, err, out), os.RemoveAll(dir))
	}
	return program, func() { _ = os.RemoveAll(dir) }, nil
}

func (rep *report) read(file string) error {
	text, err := os.ReadFile(file) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, rep); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// write writes the results, the chart and the page, to the files that have names.
func (rep *report) write(file, svg, page string) error {
	if file != "" {
		text, err := json.MarshalIndent(rep, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			return err
		}
	}
	if svg != "" {
		if err := os.WriteFile(svg, []byte(rep.chart()), 0o600); err != nil {
			return err
		}
	}
	if page == "" {
		return nil
	}
	text, err := os.ReadFile(page) //nolint:gosec // the same
	if err != nil {
		return err
	}
	changed, err := rep.into(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(changed), 0o600) //nolint:gosec // the same
}
