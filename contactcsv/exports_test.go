package contactcsv_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go/contactcsv"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// TestExports: the exports of other programs are read without an option.
func TestExports(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/exports/*.csv")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".csv"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := contactcsv.NewReader(bytes.NewReader(data), contactcsv.ReaderOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got := describe(t, r)
			golden := strings.TrimSuffix(file, ".csv") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// describe returns all that a reader says of its file.
func describe(t *testing.T, r *contactcsv.Reader) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, r.Dialect())
	for _, c := range r.Columns() {
		if c.Target != "" {
			fmt.Fprintf(&b, "%s -> %s\n", c, c.Target)
		}
	}
	fmt.Fprintf(&b, "unmapped: %s\n", names(r.Unmapped()))
	for row, err := range r.Rows() {
		if err != nil {
			t.Error(err)
			continue
		}
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		fmt.Fprintf(&b, "\nline %d: ", row.Line)
		if err := encoder.Encode(row.Input); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&b, "unused: %s\n", names(row.Unused()))
	}
	return b.String()
}

func names(columns []contactcsv.Column) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.String()
	}
	return strings.Join(all, ", ")
}
