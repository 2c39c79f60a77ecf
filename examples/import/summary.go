package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/growthgenius/growthgenius-go/bulk"
)

// modes is the value of -mode.
var modes mode

type mode bulk.Mode

var modeNames = map[string]bulk.Mode{"upsert": bulk.Upsert, "create-only": bulk.CreateOnly, "fill-blanks": bulk.FillBlanks}

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *mode) UnmarshalText(text []byte) error {
	known, ok := modeNames[string(text)]
	if !ok {
		return errors.New("use upsert, create-only or fill-blanks")
	}
	*m = mode(known)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (m mode) MarshalText() ([]byte, error) {
	for name, known := range modeNames {
		if known == bulk.Mode(m) {
			return []byte(name), nil
		}
	}
	return nil, fmt.Errorf("there is no mode %d", int(m))
}

// summary counts the results.
type summary struct {
	rows     int
	counts   map[bulk.Outcome]int
	rejected map[int]error // by their lines
}

// add counts a result. It prints one that calls for something to be done and, in a dry run,
// each change.
func (s *summary) add(p *progress, r *bulk.Result, dry bool) {
	s.rows++
	s.counts[r.Outcome]++
	switch r.Outcome {
	case bulk.Rejected:
		s.rejected[r.Line] = r.Err
		p.print(os.Stderr, r)
	case bulk.Failed, bulk.Unknown, bulk.Skipped, bulk.Kept:
		p.print(os.Stderr, r)
	case bulk.Created, bulk.Updated, bulk.Deleted, bulk.Restored:
		if dry {
			lines := []any{r}
			for _, change := range r.Changes {
				lines = append(lines, "    "+change.String())
			}
			p.print(os.Stdout, lines...)
		}
	case bulk.Unchanged, bulk.Duplicate, bulk.Pending:
	}
}

// print prints how many rows have each outcome.
func (s *summary) print(dry bool) {
	verb := ""
	if dry {
		verb = "would be "
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, outcome := range []bulk.Outcome{
		bulk.Created, bulk.Updated, bulk.Unchanged, bulk.Duplicate, bulk.Skipped, bulk.Rejected,
		bulk.Deleted, bulk.Restored, bulk.Kept, bulk.Failed, bulk.Unknown, bulk.Pending,
	} {
		if n := s.counts[outcome]; n > 0 {
			fmt.Fprintf(w, "%d\t %s%s\n", n, verb, outcome)
		}
	}
	fmt.Fprintf(w, "%d\t rows\n", s.rows)
	_ = w.Flush()
}

// status returns the exit status.
func (s *summary) status() int {
	switch {
	case s.counts[bulk.Failed]+s.counts[bulk.Pending] > 0:
		return 1
	case s.counts[bulk.Unknown] > 0:
		return 4
	case s.counts[bulk.Rejected] > 0:
		return 3
	}
	return 0
}
