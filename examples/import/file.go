package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/growthgenius/growthgenius-go/contactcsv"
)

// csvFile is the file to import, and the file that maps its columns, if there is one.
type csvFile struct{ path, mapping string }

// open opens the file. It may be read several times.
func (f csvFile) open() (rows *contactcsv.Reader, closeFile func() error, err error) {
	var o contactcsv.ReaderOptions
	if f.mapping != "" {
		data, err := os.ReadFile(f.mapping)
		if err != nil {
			return nil, nil, err
		}
		if o.Mapping, err = contactcsv.ParseMapping(data); err != nil {
			return nil, nil, err
		}
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	if rows, err = contactcsv.NewReader(file, o); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", f.path, err), file.Close())
	}
	return rows, file.Close, nil
}

// describe says how the file is read.
func (f csvFile) describe(rows *contactcsv.Reader) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", filepath.Base(f.path), rows.Dialect())
	for _, column := range rows.Unmapped() {
		fmt.Fprintf(os.Stderr, "the column %q is ignored: -mapping can map it to a field\n", column.Name)
	}
}

// writeRejects writes the rows that were rejected, by their lines, to a file beside the input.
// It never overwrites a file, which may have been mended: it takes another name.
func (f csvFile) writeRejects(rejected map[int]error) error {
	if len(rejected) == 0 {
		return nil
	}
	rows, closeFile, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = closeFile() }()
	var out bytes.Buffer
	rejects := contactcsv.NewRejects(&out, rows)
	for row, err := range rows.Rows() {
		if row == nil {
			return err
		}
		if reason := rejected[row.Line]; reason != nil {
			if err := rejects.Write(row, reason); err != nil {
				return err
			}
		}
	}
	extension := filepath.Ext(f.path)
	base := strings.TrimSuffix(f.path, extension) + "-rejected"
	for n, name := 2, base+extension; ; n, name = n+1, fmt.Sprintf("%s-%d%s", base, n, extension) {
		switch former, err := os.ReadFile(name); { //nolint:gosec // beside the input
		case err == nil && !bytes.Equal(former, out.Bytes()):
			continue
		case errors.Is(err, fs.ErrNotExist):
			if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		fmt.Fprintf(os.Stderr, "%s has the rejected rows: mend and import them\n", name)
		return nil
	}
}
