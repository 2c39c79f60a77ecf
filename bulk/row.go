package bulk

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/contactcsv"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Row is a row of the input of an import.
type Row struct {
	Line  int // Where the row is in its source. Results have it.
	Input growthgenius.ContactInput

	// Err is why the row cannot be imported, if it cannot: its result is [Rejected] then.
	Err error
}

// FromCSV returns the rows of a CSV file. Rows that cannot be contacts have their error, a
// *contactcsv.RowError.
func FromCSV(r *contactcsv.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for row, err := range r.Rows() {
			if row == nil {
				yield(Row{}, err)
				return
			}
			if !yield(Row{Line: row.Line, Input: row.Input, Err: err}, nil) {
				return
			}
		}
	}
}

// state is how far the import of a row has come.
type state uint8

const (
	waiting  state = iota // nothing was done for it yet
	deferred              // one with its address is under way
	taken                 // it is under way
	settled               // its result is there
)

// row is a row in memory.
type row struct {
	content []byte   // the input as JSON, nil if the row was rejected when it was read
	email   string   // that of the input
	sum     [16]byte // a digest of content
	nth     uint32   // how many rows before it have the same content
	line    int
	state   state
	result  *Result

	// first is the number of the first row that has the same e-mail address, and previous and
	// next are those of the ones around it; -1 if there is none. The first one knows the last.
	first, previous, next, last int

	found matched
	open  bool     // an earlier run began to create its contact
	begun *rowNote // of an update that an earlier run began
}

// table has all rows of an import, and finds them by their e-mail addresses.
type table struct {
	rows    []row
	buckets map[uint64][]int // numbers of rows, by the keys of their addresses
	sum     [sha256.Size]byte
	arena   []byte
}

// read reads the rows into a table.
func read(rows iter.Seq2[Row, error], limit int, seen func(rows int)) (*table, error) {
	t := &table{buckets: map[uint64][]int{}}
	equal := map[[16]byte]uint32{}
	for r, err := range rows {
		if err != nil {
			return nil, fmt.Errorf("reading the rows: %w", err)
		}
		if len(t.rows) == limit {
			return nil, fmt.Errorf("%w: there are more than %d rows: split the input, or set MaxRows", growthgenius.ErrInvalidInput, limit)
		}
		next := row{line: r.Line, first: -1, previous: -1, next: -1}
		if err := next.fill(&r, t); err != nil {
			next.settle(&Result{Outcome: Rejected, Field: fieldOf(err), Err: err})
		} else {
			next.nth = equal[next.sum]
			equal[next.sum]++
			t.count(&next)
		}
		t.rows = append(t.rows, next)
		if next.email != "" {
			t.chain(len(t.rows) - 1)
		}
		seen(len(t.rows))
	}
	return t, nil
}

// fill sets what the input says, or returns why it cannot be imported.
func (r *row) fill(from *Row, t *table) error {
	if from.Err != nil {
		return from.Err
	}
	raw, err := json.Marshal(from.Input)
	if err != nil {
		return &fieldError{"", fmt.Errorf("%w: %w", growthgenius.ErrInvalidInput, err)}
	}
	if string(raw) == "{}" {
		return &fieldError{"", fmt.Errorf("%w: the row has no values", growthgenius.ErrInvalidInput)}
	}
	email, _ := from.Input.Email.Get()
	if email = strings.TrimSpace(email); email != "" {
		if err := match.CheckAddress(email); err != nil {
			return &fieldError{"email", fmt.Errorf("%w: the e-mail address is not valid: %w", growthgenius.ErrInvalidInput, err)}
		}
	}
	sum := sha256.Sum256(raw)
	r.sum, r.email, r.content = [16]byte(sum[:16]), email, t.keep(raw)
	return nil
}

// keep copies data to the memory of the table, in which it takes no more than its length.
func (t *table) keep(data []byte) []byte {
	const chunk = 1 << 20
	if len(t.arena)+len(data) > cap(t.arena) {
		t.arena = make([]byte, 0, max(chunk, len(data)))
	}
	from := len(t.arena)
	t.arena = append(t.arena, data...)
	return t.arena[from:len(t.arena):len(t.arena)]
}

// count adds a row to the digest of all rows, which does not depend on their order.
func (t *table) count(r *row) {
	h := sha256.Sum256(r.identity())
	carry := 0
	for i := len(h) - 1; i >= 0; i-- {
		carry += int(t.sum[i]) + int(h[i])
		t.sum[i] = byte(carry & 0xff)
		carry >>= 8
	}
}

// identity identifies a row among all of its input, whatever its line is.
func (r *row) identity() []byte { return binary.BigEndian.AppendUint32(slices.Clone(r.sum[:]), r.nth) }

// key is what the ledger has the row under, within the import.
func (r *row) key() string { return fmt.Sprintf("%s/%d", hex.EncodeToString(r.sum[:]), r.nth) }

// chain puts a row after the former one with its e-mail address, and into its buckets.
func (t *table) chain(i int) {
	r := &t.rows[i]
	r.first, r.last = i, i
	for _, j := range t.near(r.email) {
		if first := &t.rows[j]; match.Addresses(r.email, first.email) == match.Exact {
			r.first, r.previous = j, first.last
			t.rows[first.last].next, first.last = i, i
			return // it is found by the first one
		}
	}
	for _, key := range match.SentAddressKeys(r.email) {
		t.buckets[key] = append(t.buckets[key], i)
	}
}

// alone reports whether no other row has the e-mail address of a row.
func (t *table) alone(r *row) bool { return r.first < 0 || t.rows[r.first].next < 0 }

// near returns the numbers of the rows whose address may be like the given one: of those with
// the same address, the first.
func (t *table) near(address string) []int {
	var all []int
	for _, key := range match.StoredAddressKeys(address) {
		for _, i := range t.buckets[key] {
			if !slices.Contains(all, i) {
				all = append(all, i)
			}
		}
	}
	return all
}

// values returns what the input of the row sets.
func (r *row) values() match.Row {
	var values match.Row
	_ = wire.Unmarshal(r.content, &values) // encoded by fill
	return values
}

// settle sets the result of the row.
func (r *row) settle(result *Result) {
	result.Line = r.line
	r.result, r.state = result, settled
}

// fieldError is what is wrong with a field of a row.
type fieldError struct {
	field string
	error
}

func (e *fieldError) Unwrap() error { return e.error }

// fieldOf returns the JSON name of the field that an error is about, or "".
func fieldOf(err error) string {
	if e, ok := errors.AsType[*fieldError](err); ok {
		return e.field
	}
	if e, ok := errors.AsType[*contactcsv.RowError](err); ok {
		for _, p := range e.Problems {
			if p.Field != "" {
				return p.Field
			}
		}
	}
	if e, ok := errors.AsType[*growthgenius.APIError](err); ok && len(e.Fields) > 0 {
		names := make([]string, 0, len(e.Fields))
		for name := range e.Fields {
			names = append(names, name)
		}
		return slices.Min(names)
	}
	return ""
}
