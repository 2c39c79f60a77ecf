// Command bench compares the SDK with hand-written code and with other SDKs. All of them
// are measured in one run, in turn, round after round. It prints ratios of the medians of
// the rounds, because only ratios can be compared between machines.
//
//	go run .                     # everything, six to ten minutes on two idle cores
//	go run . -only get,decode    # some sections
//	go run . -only import -json ../docs/performance.json    # replaces a section of earlier results
//	go run . -json ../docs/performance.json -svg ../docs
//	go run . -from ../docs/performance.json -svg ../docs    # draws earlier results
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// report holds the results of a run, as written to the JSON file.
type report struct {
	Machine     machine          `json:"machine"`
	Settings    settings         `json:"settings"`
	Get         []getRow         `json:"get,omitempty"`
	Decode      []decodeRow      `json:"decode,omitempty"`
	Stream      []streamRow      `json:"stream,omitempty"`
	Pager       []pagerRow       `json:"pager,omitempty"`
	Connections []connectionsRow `json:"connections,omitempty"`
	Ledger      []ledgerRow      `json:"ledger,omitempty"`
	Import      []importRow      `json:"import,omitempty"`
	Growth      []growthRow      `json:"growth,omitempty"`
}

type machine struct {
	Go       string            `json:"go"`
	Platform string            `json:"platform"`
	CPUs     int               `json:"cpus"`
	Versions map[string]string `json:"versions"` // of the other clients
}

type settings struct {
	Rounds   int           `json:"rounds"`
	Calls    int           `json:"calls"`
	Parallel int           `json:"goroutines"`
	Contacts int           `json:"contacts"`
	Streams  int           `json:"stream_rounds"`
	Pages    int           `json:"pages"`
	Latency  time.Duration `json:"latency"`
	Pagers   int           `json:"pager_rounds"`
	Requests int           `json:"requests"`
	Burst    int           `json:"burst"`
	Bursts   int           `json:"connection_rounds"`
	Entries  int           `json:"entries"`
	Ledgers  int           `json:"ledger_rounds"`

	Rows       int           `json:"import_rows"`
	RowLatency time.Duration `json:"import_latency"`

	Most int `json:"growth_records"`
	Lost int `json:"growth_lost"`
}

// section is a part of a run.
type section struct {
	name    string
	measure func(ctx context.Context, s settings, rep *report) error
	tables  func(rep report) []table
	chart   func(rep report) chart
}

var sections = []section{
	{"get", func(ctx context.Context, s settings, rep *report) (err error) {
		rep.Get, err = measureGet(ctx, s)
		return err
	}, getTables, getChart},
	{"decode", func(ctx context.Context, s settings, rep *report) (err error) {
		rep.Decode, err = measureDecode(ctx, s)
		return err
	}, decodeTables, decodeChart},
	{"stream", func(ctx context.Context, s settings, rep *report) (err error) {
		rep.Stream, err = measureStream(ctx, s)
		return err
	}, streamTables, streamChart},
	{"pager", func(ctx context.Context, s settings, rep *report) (err error) {
		rep.Pager, err = measurePager(ctx, s)
		return err
	}, pagerTables, pagerChart},
	{"connections", func(ctx context.Context, s settings, rep *report) (err error) {
		rep.Connections, err = measureConnections(ctx, s)
		return err
	}, connectionsTables, connectionsChart},
	{"ledger", func(ctx context.Context, s settings, rep *report) (err error) {
		rep.Ledger, err = measureLedger(ctx, s)
		return err
	}, ledgerTables, ledgerChart},
	{"import", func(ctx context.Context, s settings, rep *report) (err error) {
		rep.Import, err = measureImport(ctx, s)
		return err
	}, importTables, importChart},
	{"growth", func(ctx context.Context, s settings, rep *report) (err error) {
		rep.Growth, err = measureGrowth(ctx, s)
		return err
	}, growthTables, growthChart},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	run := func() error { return command(ctx, os.Args[1:], os.Stdout) }
	if os.Getenv(crmEnv) != "" {
		run = func() error { return serveCRM(os.Stdin, os.Stdout) }
	} else if os.Getenv(serveEnv) != "" {
		run = func() error { return serve(ctx, os.Stdin, os.Stdout) }
	}
	err := run()
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	rep := report{Machine: thisMachine()}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	addFlags(flags, &rep.Settings)
	only := flags.String("only", "", "measure only these comma-separated `sections`: get, decode, stream, pager, connections, ledger, import, growth")
	to := flags.String("json", "", "write the results to this `file`")
	from := flags.String("from", "", "read the results from this `file` instead of measuring")
	svg := flags.String("svg", "", "draw the charts in this `folder`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *svg != "" { // fail now, not after minutes of measuring
		if err := os.MkdirAll(*svg, 0o750); err != nil {
			return err
		}
	}
	var err error
	if *from != "" {
		rep, err = readReport(*from)
	} else {
		if *only != "" && *to != "" {
			rep, err = earlier(*to, rep, flags)
		}
		if err == nil {
			err = measure(ctx, *only, &rep)
		}
	}
	if err != nil {
		return err
	}
	if *to != "" {
		if err := rep.write(*to); err != nil {
			return err
		}
	}
	for _, sec := range sections {
		for _, t := range sec.tables(rep) {
			if _, err := fmt.Fprintf(out, "%s\n", t); err != nil {
				return err
			}
		}
		if c := sec.chart(rep); *svg != "" && len(c.groups) > 0 {
			if err := os.WriteFile(filepath.Join(*svg, c.file(sec.name)), []byte(c.String()), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func addFlags(flags *flag.FlagSet, s *settings) {
	flags.IntVar(&s.Rounds, "rounds", 40, "get, decode: number of rounds")
	flags.IntVar(&s.Calls, "calls", 250, "get: serial calls of a client per round; four times as many with goroutines")
	flags.IntVar(&s.Parallel, "goroutines", 16, "get: number of goroutines")
	flags.IntVar(&s.Contacts, "contacts", 100_000, "stream: contacts in the list")
	flags.IntVar(&s.Streams, "streams", 7, "stream: number of rounds")
	flags.IntVar(&s.Pages, "pages", 50, "pager: pages of the search")
	flags.DurationVar(&s.Latency, "latency", 40*time.Millisecond, "pager: latency of the server")
	flags.IntVar(&s.Pagers, "pagers", 3, "pager: number of rounds")
	flags.IntVar(&s.Requests, "requests", 5000, "connections: requests of a client per round")
	flags.IntVar(&s.Burst, "burst", 64, "connections: concurrent requests")
	flags.IntVar(&s.Bursts, "bursts", 3, "connections: number of rounds")
	flags.IntVar(&s.Entries, "entries", 150, "ledger: entries of a writer per round")
	flags.IntVar(&s.Ledgers, "ledgers", 7, "ledger: number of rounds")
	flags.IntVar(&s.Rows, "rows", 100_000, "import: rows")
	flags.DurationVar(&s.RowLatency, "row-latency", 20*time.Millisecond, "import: latency of the server")
	flags.IntVar(&s.Most, "most", 1_000_000, "growth: records of the longest list")
	flags.IntVar(&s.Lost, "lost", 10_000, "growth: responses that are lost at once")
}

// earlier returns the results in a file, to replace some sections of them. The sections have the
// settings of then, except those that were given as flags. If there is no such file, it
// returns rep, which has the flags.
func earlier(file string, rep report, given *flag.FlagSet) (report, error) {
	old, err := readReport(file)
	if errors.Is(err, fs.ErrNotExist) {
		return rep, nil
	}
	if err != nil {
		return rep, err
	}
	if was, is := old.Machine, rep.Machine; was.Go != is.Go || was.Platform != is.Platform || was.CPUs != is.CPUs {
		return rep, fmt.Errorf("%s has results of %s on %s with %d CPUs, and this is %s on %s with %d: measure all sections, or choose another file",
			file, was.Go, was.Platform, was.CPUs, is.Go, is.Platform, is.CPUs)
	}
	then := reflect.ValueOf(old.Settings)
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	addFlags(flags, &old.Settings) // the defaults are for settings that the file lacks
	for i := range then.NumField() {
		if !then.Field(i).IsZero() {
			reflect.ValueOf(&old.Settings).Elem().Field(i).Set(then.Field(i))
		}
	}
	given.Visit(func(f *flag.Flag) {
		if flags.Lookup(f.Name) != nil {
			err = errors.Join(err, flags.Set(f.Name, f.Value.String()))
		}
	})
	return old, err
}

func readReport(file string) (rep report, err error) {
	text, err := os.ReadFile(file) //nolint:gosec // the user chooses the file
	if err != nil {
		return rep, err
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		return rep, fmt.Errorf("%s: %w", file, err)
	}
	return rep, nil
}

func (rep report) write(file string) error {
	text, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

func measure(ctx context.Context, only string, rep *report) error {
	chosen := sections
	if only != "" {
		chosen = nil
		for name := range strings.SplitSeq(only, ",") {
			i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
			if i < 0 {
				return fmt.Errorf("unknown section %q", name)
			}
			chosen = append(chosen, sections[i])
		}
	}
	for _, sec := range chosen {
		begun := time.Now()
		if err := sec.measure(ctx, rep.Settings, rep); err != nil {
			return fmt.Errorf("%s: %w", sec.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", sec.name, time.Since(begun).Round(time.Second))
	}
	return nil
}

func thisMachine() machine {
	m := machine{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Versions: map[string]string{}}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return m
	}
	for _, c := range clients {
		if i := slices.IndexFunc(build.Deps, func(d *debug.Module) bool { return c.module == d.Path }); i >= 0 {
			m.Versions[c.name] = build.Deps[i].Version
		}
	}
	return m
}
