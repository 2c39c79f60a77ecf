package contactcsv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/contactcsv"
)

// FuzzReader reads any file. The lines of its rows ascend, each cell is in one row, and rejects
// that are read again are the same rows.
func FuzzReader(f *testing.F) {
	files, err := filepath.Glob("testdata/exports/*.csv")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{
		"", "email", "email\r\"a\"\r", "sep=;\nemail;city\n\"a\";\"b", "_line,_field,_error,email\n1,,,x\n", "\xff\xfee\x00,\x00\n\x00",
		"Notes\n\nfirst_name|city\nA|\"x\r\ny\"|z\n", "city\n\"a\"b\n", "city\tname\nJos\xe9\t\"\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, o, rejects := readAll(t, string(data), contactcsv.ReaderOptions{})
		if len(rows) == 0 || strings.Contains(strings.ReplaceAll(rejects, "\r\n", ""), "\r") {
			return // beside unbalanced quotes, which of the two ends a line depends on the rows
		}
		again, _, _ := readAll(t, rejects, o)
		if !slices.Equal(rows, again) {
			t.Fatalf("%q\n%q\nas %q\n%q", data, rows, rejects, again)
		}
	})
}

// readAll returns the rows of a file up to the first error that is not about a row, the options
// that its rejects need, and those.
func readAll(t *testing.T, text string, o contactcsv.ReaderOptions) ([]string, contactcsv.ReaderOptions, string) {
	t.Helper()
	r, err := contactcsv.NewReader(strings.NewReader(text), o)
	if err != nil {
		if _, ok := errors.AsType[*contactcsv.FileError](err); !ok {
			t.Fatalf("%q: %v", text, err)
		}
		return nil, o, ""
	}
	var rows []string
	var b strings.Builder
	rejects, line := contactcsv.NewRejects(&b, r), 0
	for row, err := range r.Rows() {
		if row == nil {
			break
		}
		if row.Line <= line {
			t.Fatalf("%q: line %d after %d", text, row.Line, line)
		}
		line = row.Line
		bad, ok := errors.AsType[*contactcsv.RowError](err)
		if !ok {
			bad = &contactcsv.RowError{}
		}
		if err := rejects.Write(row, err); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		rows = append(rows, fmt.Sprintf("%d: %q %+v %+v", row.Origin, row.Cells, row.Input, bad.Problems))
	}
	d := r.Dialect()
	return rows, contactcsv.ReaderOptions{Encoding: d.Encoding, Delimiter: d.Delimiter}, b.String()
}
