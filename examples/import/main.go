// Import creates and updates contacts from a CSV file, each row once.
//
//	go run .                              # a sample file, and a server in memory
//	go run . -dry-run customers.csv       # what it would do, per row and field
//	go run . -apply DIGEST customers.csv  # what that dry run has shown, and nothing else
//	go run . customers.csv                # all rows
//	go run . -mapping columns.json -mode fill-blanks customers.csv
//	go run . -undo customers.csv          # what it would take to undo the import
//	go run . -undo -yes customers.csv     # undoes it, except for what was changed since
//
// It may be interrupted or killed at any time, and run again: customers.csv.ledger has what
// became of each row. A file that has been mended since needs -changed.
//
// Rows that are rejected are written to customers-rejected.csv, with the reasons. Mend them
// there, and import that file like any other.
//
// Standard error has a progress bar if it is a terminal, and a line every 10 seconds otherwise.
// The exit status is
//
//	0  all rows are as they should be
//	1  the import or a row failed, or it was interrupted: run it again
//	2  a flag is wrong
//	3  rows were rejected
//	4  the outcome of rows is unknown: run it again later
//
// If GROWTHGENIUS_API_KEY and GROWTHGENIUS_USER_ID are set, it uses the real API. Otherwise it
// uses a server in memory, over real HTTP, and does not accept a file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/term"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/ledger"
)

func main() {
	var o options
	mapping := flag.String("mapping", "", "a JSON `file` that says which columns go to which fields")
	flag.BoolVar(&o.DryRun, "dry-run", false, "change nothing, and print what would be changed, with a digest")
	flag.StringVar(&o.Plan, "apply", "", "do what the dry run with this `digest` has printed, and skip what has changed since")
	flag.BoolVar(&o.AllowChanges, "changed", false, "rows of the file were added, removed or mended since the last run")
	flag.BoolVar(&o.undo, "undo", false, "print what it would take to undo the import, and change nothing")
	flag.BoolVar(&o.yes, "yes", false, "with -undo: undo the import")
	flag.TextVar(&modes, "mode", mode(bulk.Upsert), "what to do with contacts that exist: upsert, create-only or fill-blanks")
	flag.Parse()
	o.Mode = bulk.Mode(modes)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the program at once
	var s *summary
	var err error
	switch key := os.Getenv("GROWTHGENIUS_API_KEY"); {
	case key == "" && flag.NArg() > 0:
		err = errors.New("GROWTHGENIUS_API_KEY is not set: the rows would go to a server in memory")
	case key == "":
		s, err = demo(ctx)
	case flag.NArg() != 1:
		flag.Usage()
		os.Exit(2)
	default:
		s, err = importFile(ctx, growthgenius.NewClientFromEnv, csvFile{flag.Arg(0), *mapping}, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "import:", err)
		os.Exit(1)
	}
	os.Exit(s.status())
}

// options are what the flags say.
type options struct {
	bulk.ImportOptions
	undo, yes bool
}

// begin begins an import, or undoes one. It reports whether nothing will be changed.
func (o options) begin(ctx context.Context, client *growthgenius.Client, rows iter.Seq2[bulk.Row, error]) (run *bulk.Run, dry bool) {
	if o.undo {
		return bulk.Undo(ctx, client, rows, bulk.UndoOptions{Apply: o.yes, AllowChanges: o.AllowChanges}), !o.yes
	}
	return bulk.Import(ctx, client, rows, o.ImportOptions), o.DryRun
}

// importFile imports a file, or undoes that, and prints what is remarkable, and a summary.
func importFile(ctx context.Context, newClient func(...growthgenius.Option) (*growthgenius.Client, error), file csvFile, o options) (*summary, error) {
	l, err := ledger.OpenFile(file.path+".ledger", ledger.FileOptions{For: "import of " + filepath.Base(file.path)})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	client, err := newClient(growthgenius.WithLedger(l))
	if err != nil {
		return nil, err
	}
	rows, closeFile, err := file.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeFile() }()
	file.describe(rows)

	run, dry := o.begin(ctx, client, bulk.FromCSV(rows))
	p := startProgress(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), run.Progress)
	s := &summary{counts: map[bulk.Outcome]int{}, rejected: map[int]error{}}
	var failure error
	for result, err := range run.Results() { //nolint:contextcheck // it has the context of Import
		if failure = err; err == nil {
			s.add(p, result, dry)
		}
	}
	p.end()
	s.print(dry)
	switch {
	case failure != nil && ctx.Err() != nil:
		return nil, errors.New("interrupted: to go on, run the same command again (the ledger has what is done)")
	case errors.Is(failure, bulk.ErrOtherInput):
		return nil, fmt.Errorf("%w (the flag -changed)", failure)
	case failure != nil:
		return nil, failure
	case o.undo:
		s.counts[bulk.Rejected] = 0 // nothing was done for those rows
		return s, nil
	case dry:
		fmt.Printf("\nTo do this and nothing else: go run . -apply %s %s\n", run.Plan(), file.path)
		return s, nil
	}
	return s, file.writeRejects(s.rejected)
}
