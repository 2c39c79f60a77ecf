package contactcsv

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/growthgenius/growthgenius-go"
)

// ReaderOptions are the options of a [Reader]. The zero value finds everything out.
type ReaderOptions struct {
	// Encoding is the encoding of the file, such as "UTF-8", "UTF-16LE", "windows-1252" or
	// "macintosh". If it is "", a byte-order mark and the first 256 KiB decide. What comes
	// later and does not fit is a [FileError]: no text becomes garbage in silence.
	Encoding string

	// Delimiter is what is between cells. If it is 0, it is one of comma, semicolon, tab and
	// vertical bar.
	Delimiter rune

	// HeaderLine is the line that the header row begins in, from 1. If it is 0, the header is
	// the row in the first 20 lines with the most names that are known.
	HeaderLine int

	// Header has the names of the columns if the file has no header row.
	Header []string

	// Mapping says what becomes of columns whose names are not known, or known for something
	// else.
	Mapping Mapping

	// EmptyClears makes an empty cell clear its field: it is null. Otherwise the field is
	// unset, so that an update keeps the value that the contact has. Cells that are missing
	// at the end of a short row clear nothing, nor do phone numbers that have labels.
	EmptyClears bool

	// KeepDamaged reads texts that look damaged as they are: those with a replacement
	// character, UTF-8 that was read as Windows-1252, such as "JÃ¼rgen", error values of
	// spreadsheets, such as "#REF!", and phone numbers such as "4.9E+11". Otherwise they are
	// problems of their row.
	KeepDamaged bool

	// MaxRowBytes limits the size of a row, as UTF-8. 0 means 1 MiB.
	MaxRowBytes int
}

const defaultMaxRow = 1 << 20

// Reader reads contacts from a CSV file. It is for one goroutine.
type Reader struct {
	dialect Dialect
	coding  coding
	scanner scanner
	options ReaderOptions
	columns []Column
	plan    plan

	headText string // the header row as it is in the file, without the special columns
	special  []int  // where the special columns of a rejects file are; nil in other files
	ended    error
}

// NewReader returns a reader of the file. It reads the beginning of the file to find out its
// encoding, its delimiter and its header. If it cannot, or if the file is not CSV, the error is
// a [FileError] that says what to do.
func NewReader(from io.Reader, o ReaderOptions) (*Reader, error) {
	if o.MaxRowBytes <= 0 {
		o.MaxRowBytes = defaultMaxRow
	}
	if o.Delimiter != 0 && !isDelimiter(o.Delimiter) {
		return nil, &FileError{Reason: fmt.Sprintf("ReaderOptions.Delimiter: %q cannot delimit cells: use a comma, a semicolon or a tab", o.Delimiter)}
	}
	if len(o.Header) > 0 && o.HeaderLine != 0 {
		return nil, &FileError{Reason: "ReaderOptions.Header and ReaderOptions.HeaderLine exclude each other"}
	}
	sample, err := io.ReadAll(io.LimitReader(from, sampleSize))
	if err != nil {
		return nil, &FileError{Reason: "reading the file failed: " + err.Error(), cause: err}
	}
	if err := refuse(sample); err != nil {
		return nil, err
	}
	r := &Reader{options: o}
	if r.coding, err = findCoding(sample, o.Encoding, len(sample) < sampleSize); err != nil {
		return nil, err
	}
	rest := io.MultiReader(bytes.NewReader(sample[len(r.coding.mark):]), from)
	if err := r.begin(bufio.NewReaderSize(r.coding.reader(rest), min(len(sample)*utf8.UTFMax, sampleSize))); err != nil {
		return nil, err
	}
	return r, nil
}

// begin finds the header.
func (r *Reader) begin(text *bufio.Reader) error {
	head, err := text.Peek(text.Size())
	if undecodable, ok := errors.AsType[*undecodableError](err); ok && len(head) == 0 {
		return &FileError{Line: 1, Reason: undecodable.Error()}
	}
	if err := refuseText(head); err != nil {
		return err
	}
	if err := r.options.Mapping.check(); err != nil {
		return err
	}
	mapped := map[string]bool{}
	for name := range r.options.Mapping {
		mapped[mappingKey(name)] = true
	}
	known := func(name string) bool {
		k := key(name)
		_, ok := ranks[k]
		_, isPhone := numberedPhone(k, "value")
		return ok || isPhone || mapped[mappingKey(name)]
	}
	l, err := finder{text: head, known: known, o: &r.options}.find()
	if err != nil {
		return err
	}
	if isReject(l.header.cells) {
		r.special = specialColumns(l.header.cells)
	} else if len(r.options.Header) > 0 {
		l.line = 0
	}
	if err := skipLines(text, l.end, l.line-1); err != nil {
		return err
	}
	r.scanner = scanner{from: text, delimiter: l.delimiter, end: l.end, max: r.options.MaxRowBytes, line: max(l.line, 1)}
	return r.setHeader(l)
}

// setHeader reads the header, and maps the columns.
func (r *Reader) setHeader(l layout) error {
	r.dialect = Dialect{
		Encoding: r.coding.name, BOM: r.coding.mark != "", Delimiter: rune(l.delimiter), LineEnd: l.header.end, HeaderLine: l.line,
		EncodingSure: r.coding.sure, DelimiterSure: l.delimiterSure, HeaderSure: l.headerSure,
	}
	if r.dialect.LineEnd == "" {
		r.dialect.LineEnd = string(l.end)
	}
	own := r.options.Header
	if l.line != 0 {
		header, err := r.record()
		if err != nil {
			return err
		}
		own, r.headText, _ = r.own(header)
	}
	for _, name := range own {
		if strings.ContainsRune(name, 0) {
			return &FileError{Line: l.line, Reason: "the header has a zero byte: the file is damaged, or in another encoding"}
		}
	}
	var err error
	if r.columns, err = mapColumns(own, r.options.Mapping); err != nil {
		return err
	}
	r.plan = newPlan(r.columns, r.options)
	return nil
}

// Dialect returns how the file is written.
func (r *Reader) Dialect() Dialect { return r.dialect }

// Columns returns the columns of the file, with what they are mapped to. The columns that a
// rejects file has besides those of its input are not among them.
func (r *Reader) Columns() []Column { return slices.Clone(r.columns) }

// Unmapped returns the columns that are mapped to nothing, so that nothing of them is in a
// row's Input. Columns that the mapping ignores are not among them.
func (r *Reader) Unmapped() []Column {
	var unmapped []Column
	for _, c := range r.columns {
		if c.Target == "" {
			unmapped = append(unmapped, c)
		}
	}
	return unmapped
}

// Row is a row of a file.
type Row struct {
	Line  int // The line that the row begins in.
	Input growthgenius.ContactInput

	// Origin is the line of the file that the row came from first: that in the column _line
	// of a rejects file, else Line.
	Origin int

	// Cells has the cells of the row as they are in the file, those of unmapped columns too.
	// A short row has fewer than there are columns, and a long one more.
	Cells []string

	text   string // the row as it is in the file
	reader *Reader
}

// Unused returns the columns of which the row has a value that is not in Input: unmapped and
// ignored columns, and those that came second to another column of the same field.
func (row *Row) Unused() []Column {
	used := make([]bool, len(row.Cells))
	row.reader.plan.convert(&growthgenius.ContactInput{}, row.Cells, used)
	var unused []Column
	for i, c := range row.reader.columns[:min(len(row.Cells), len(row.reader.columns))] {
		if !used[i] && strings.TrimSpace(row.Cells[i]) != "" {
			unused = append(unused, c)
		}
	}
	return unused
}

// Rows returns the rows, read as they are asked for. Rows that are empty are left out.
//
// An error that is a [*RowError] is about one row, which is returned with it, and reading
// goes on. Any other is a [*FileError]: the row is nil, and it is the last. A loop that ended
// early goes on with the next row in another call.
func (r *Reader) Rows() iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		for r.ended == nil {
			record, err := r.record()
			if err != nil {
				r.ended = err
				if !errors.Is(err, io.EOF) {
					yield(nil, err)
				}
				return
			}
			row, err := r.row(record)
			if row != nil && !yield(row, err) {
				return
			}
		}
	}
}

// record returns the next record, which is valid UTF-8.
func (r *Reader) record() (record, error) {
	record, err := r.scanner.next()
	if err == nil && r.coding.encoding == nil {
		err = checkUTF8(record, r.scanner.end)
	}
	return record, err
}

// row makes a row of a record. It returns nil if the record is empty.
func (r *Reader) row(record record) (*Row, error) {
	row := &Row{Line: record.line, reader: r}
	var origin int
	row.Cells, row.text, origin = r.own(record)
	row.Origin = cmp.Or(origin, record.line)
	if filled(row.Cells) == 0 {
		return nil, nil //nolint:nilnil // an empty row is neither
	}
	problems := r.plan.convert(&row.Input, row.Cells, nil)
	if record.fault > 0 && !slices.Contains(r.special, record.fault-1) {
		problems = append([]Problem{{Column: r.columnName(record.fault - 1), Reason: "it has text after its closing quote: " +
			"a quote within a quoted cell must be doubled"}}, problems...)
	}
	for i := len(r.columns); i < len(row.Cells); i++ {
		if strings.TrimSpace(row.Cells[i]) != "" {
			problems = append([]Problem{{Reason: fmt.Sprintf("the row has %d cells and the header %d: "+
				"is a cell with a delimiter not quoted?", len(row.Cells), len(r.columns))}}, problems...)
			break
		}
	}
	if problems != nil {
		return row, &RowError{Line: row.Line, Problems: problems}
	}
	return row, nil
}

// columnName returns the name of the column with an index, counted with the special columns.
func (r *Reader) columnName(i int) string {
	before := 0
	for _, at := range r.special {
		if at < i {
			before++
		}
	}
	i -= before
	if i < len(r.columns) {
		return r.columns[i].String()
	}
	return "#" + strconv.Itoa(i+1)
}
