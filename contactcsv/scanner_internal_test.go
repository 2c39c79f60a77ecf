package contactcsv

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzScanner compares the records of a text with those that encoding/csv reads, if it is valid
// for both.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		"a,b\nc,d\n", "\"a,\"\"b\"\"\nc\",d\n\n\ne", ",\n,,\n", "a\"b,c\n", "\"\"\n\"\",\"\"", "\n\n a , b \n", "é,\xff\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\r") { // encoding/csv changes them
			return
		}
		standard := csv.NewReader(strings.NewReader(text))
		standard.FieldsPerRecord = -1
		s := scanner{from: iotest.HalfReader(strings.NewReader(text)), delimiter: ',', end: '\n', max: 1 << 20, line: 1}
		for {
			want, err := standard.Read()
			if err != nil && !errors.Is(err, io.EOF) {
				return
			}
			got, err2 := s.next()
			if (err == nil) != (err2 == nil) {
				t.Fatalf("%q: %v, want %v", text, err2, err)
			}
			if err != nil {
				return
			}
			line, _ := standard.FieldPos(0)
			if !slices.Equal(got.cells, want) || got.line != line {
				t.Fatalf("%q: %q in line %d, want %q in line %d", text, got.cells, got.line, want, line)
			}
		}
	})
}
