package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
)

// writers are the formats. Their output is buffered until flush.
var writers = map[string]func(io.Writer) writer{"csv": newCSV, "jsonl": newLines}

type writer struct {
	write func(*bulk.Enriched) error
	flush func() error
}

// record is a line of JSON.
type record struct {
	Input   any                   `json:"input"`
	Outcome bulk.Outcome          `json:"outcome"`
	Company *growthgenius.Company `json:"company,omitzero"`
	Person  *growthgenius.Person  `json:"person,omitzero"`
	Error   string                `json:"error,omitzero"`
}

func newLines(w io.Writer) writer {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	return writer{func(r *bulk.Enriched) error {
		return encoder.Encode(record{r.Lookup.Data, r.Outcome, r.Company, r.Person, errorText(r)})
	}, buffered.Flush}
}

// columns are the columns of the CSV: add or remove any. One of company and person is not nil if
// the lookup was found.
var columns = []struct {
	name    string
	company func(*growthgenius.Company) string
	person  func(*growthgenius.Person) string
}{
	{"name", func(c *growthgenius.Company) string { return "" }, func(p *growthgenius.Person) string { return p.FullName }},
	{"title", func(c *growthgenius.Company) string { return "" }, func(p *growthgenius.Person) string { return p.JobTitle }},
	{"company", func(c *growthgenius.Company) string { return c.Name }, func(p *growthgenius.Person) string { return p.JobCompanyName }},
	{"website", func(c *growthgenius.Company) string { return c.Website }, func(p *growthgenius.Person) string { return p.JobCompanyWebsite }},
	{"industry", func(c *growthgenius.Company) string { return c.Industry }, func(p *growthgenius.Person) string { return p.JobCompanyIndustry }},
	{"size", func(c *growthgenius.Company) string { return c.SizeRange }, func(p *growthgenius.Person) string { return p.JobCompanySize }},
	{"linkedin", func(c *growthgenius.Company) string { return c.LinkedInURL }, func(p *growthgenius.Person) string { return p.LinkedInURL }},
}

func newCSV(w io.Writer) writer {
	rows := csv.NewWriter(w)
	header := []string{"input", "outcome"}
	for _, column := range columns {
		header = append(header, column.name)
	}
	_ = rows.Write(append(header, "error")) // flush returns the error
	return writer{
		func(r *bulk.Enriched) error {
			cells := []string{inert(fmt.Sprint(r.Lookup.Data)), string(r.Outcome)}
			for _, column := range columns {
				switch {
				case r.Company != nil:
					cells = append(cells, inert(column.company(r.Company)))
				case r.Person != nil:
					cells = append(cells, inert(column.person(r.Person)))
				default:
					cells = append(cells, "")
				}
			}
			return rows.Write(append(cells, inert(errorText(r))))
		},
		func() error { rows.Flush(); return rows.Error() },
	}
}

func errorText(r *bulk.Enriched) string {
	if r.Err == nil {
		return ""
	}
	return r.Err.Error()
}

// inert keeps a spreadsheet from running a formula that is in a name, by adding an apostrophe
// before it, also behind what a spreadsheet may split at.
func inert(cell string) string {
	var b strings.Builder
	begins := true
	for _, r := range cell {
		if begins && strings.ContainsRune("=+-@\t\r\n＝＋－＠", r) {
			b.WriteByte('\'')
		}
		b.WriteRune(r)
		skipped := r == '"' || unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf)
		begins = strings.ContainsRune(",;|\t\r\n", r) || begins && skipped
	}
	return b.String()
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
