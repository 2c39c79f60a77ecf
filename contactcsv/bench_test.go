package contactcsv_test

import (
	"encoding/csv"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/contactcsv"
)

// endless returns a file of n rows, made as it is read.
type endless struct {
	n    int
	rest string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		if e.n == 0 {
			return 0, io.EOF
		}
		size := min(e.n, 100)
		e.rest = strings.Repeat(benchRow, size)
		e.n -= size
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

const (
	benchHeader = "First Name,Last Name,Title,Company Name,Email,Mobile Phone,City,Country,Website,Person Linkedin Url,Notes\n"
	benchRow    = `Anna,Müller,"Head of Sales, EMEA",Example GmbH,anna.mueller@example.com,+49 170 5550101,Köln,Germany,https://example.com,` +
		"http://www.linkedin.com/in/anna-mueller-example,\"met at the fair\nin May\"\n"
)

func benchFile(rows int) io.Reader {
	return io.MultiReader(strings.NewReader(benchHeader), &endless{n: rows})
}

func readStandard(tb testing.TB, from io.Reader) (n int) {
	tb.Helper()
	r := csv.NewReader(from)
	for {
		if _, err := r.Read(); err != nil {
			if !errors.Is(err, io.EOF) {
				tb.Fatal(err)
			}
			return n - 1
		}
		n++
	}
}

func readContacts(tb testing.TB, from io.Reader) (n int) {
	tb.Helper()
	r, err := contactcsv.NewReader(from, contactcsv.ReaderOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, err := range r.Rows() {
		if err != nil {
			tb.Fatal(err)
		}
		n++
	}
	return n
}

// BenchmarkRows reads rows into contacts, and reports how the rate compares with that of
// encoding/csv, which makes texts of them.
func BenchmarkRows(b *testing.B) {
	const rows = 20_000
	var ours, standard time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		readContacts(b, benchFile(rows))
		ours += time.Since(start)
		b.StopTimer()
		start = time.Now()
		readStandard(b, benchFile(rows))
		standard += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(rows)*float64(b.N)/ours.Seconds(), "rows/s")
	b.ReportMetric(ours.Seconds()/standard.Seconds(), "x-encoding/csv")
}

// TestMemory: ten times the rows take no more memory.
func TestMemory(t *testing.T) {
	peak := func(rows int) uint64 {
		r, err := contactcsv.NewReader(benchFile(rows), contactcsv.ReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var stats runtime.MemStats
		var most uint64
		n := 0
		for row, err := range r.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if n%(rows/4) == 0 {
				runtime.GC()
				runtime.ReadMemStats(&stats)
				most = max(most, stats.HeapAlloc)
			}
			runtime.KeepAlive(row)
		}
		if n != rows {
			t.Fatal(n, "rows")
		}
		return most
	}
	few, many := peak(2_000), peak(20_000)
	t.Logf("%d and %d KiB", few>>10, many>>10)
	if many > few+few/4+256<<10 {
		t.Errorf("%d bytes for 2,000 rows, and %d for 20,000", few, many)
	}
}
